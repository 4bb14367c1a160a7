#!/usr/bin/env bash
# unit DIR: the service's unit file is valid, and leaves the service little.
cd "$(dirname "$0")/../.." || exit
. tests/checks/lib
unit=${1:?build directory}/systemd/gatepost.service
if ! command -v systemd-analyze >/dev/null; then
	skip "systemd-analyze is not here"
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# verify wants the program to be there.
sed "s|^ExecStart=[^ ]*|ExecStart=$(command -v true)|" "$unit" >"$work/gatepost.service"
systemd-analyze verify --man=no "$work/gatepost.service" 2>&1 | grep -F gatepost.service | judge "systemd-analyze verify"

# Tenths of points, since the threshold takes whole ones only.
exposure=$(systemd-analyze security --offline=yes --no-pager "$unit" 2>/dev/null | sed -nE 's/.*Overall exposure level for [^:]*: ([0-9]+)\.([0-9]).*/\1\2/p')
if [ -n "$exposure" ] && [ "$exposure" -le 12 ]; then
	ok "exposure ${exposure%?}.${exposure: -1} is at most 1.2"
else
	not_ok "exposure ${exposure:-unknown} (tenths) is more than 1.2"
	systemd-analyze security --offline=yes --no-pager "$unit" 2>&1 | grep '✗'
fi

for line in Type=notify NotifyAccess=main WatchdogSec= DynamicUser=yes StateDirectory=gatepost RuntimeDirectory=gatepost LoadCredential= \
	ProtectSystem=strict NoNewPrivileges=yes 'After=.*time-set.target' Restart=on-failure; do
	if grep -qE "^#?$line" "$unit"; then ok "$line"; else not_ok "$line"; fi
done
grep -E '^[^#]*network-online' "$unit" | judge "does not wait for the network"
