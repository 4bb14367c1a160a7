#!/usr/bin/env bash
# install DIR: `make install` puts everything where it belongs, twice the same, and leaves an edited configuration alone.
cd "$(dirname "$0")/../.." || exit
. tests/checks/lib
build=${1:?build directory}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make -s -C "$build" install DESTDIR="$work" >"$work/log" 2>&1 || { not_ok "make install"; tail -20 "$work/log"; exit; }
for f in usr/sbin/gatepostd usr/libexec/gatepost/gatepost-keeper usr/libexec/gatepost/gatepost-server usr/bin/gatepost usr/bin/gatepost-device \
	etc/gatepost/gatepost.conf etc/gatepost/conf.d etc/avahi/services/gatepost.service lib/systemd/system/gatepost.service \
	usr/share/man/man8/gatepostd.8 usr/share/man/man5/gatepost.conf.5; do
	if [ -e "$work/$f" ]; then ok "installs $f"; else not_ok "installs $f"; fi
done
grep -q "^ExecStart=/usr/sbin/gatepostd" "$work/lib/systemd/system/gatepost.service" && ok "the unit starts the installed program" ||
	not_ok "the unit starts the installed program"

echo '# edited' >>"$work/etc/gatepost/gatepost.conf"
make -s -C "$build" install DESTDIR="$work" >>"$work/log" 2>&1
tail -1 "$work/etc/gatepost/gatepost.conf" | grep -qx '# edited' && ok "a second install keeps an edited configuration" ||
	not_ok "a second install keeps an edited configuration"

# The installed supervisor finds its children and refuses the example for its placeholders.
"$work/usr/sbin/gatepostd" -V | grep -qE '^gatepostd [0-9]' && ok "it runs" || not_ok "it runs"
make -s -C "$build" uninstall DESTDIR="$work" >>"$work/log" 2>&1
find "$work" -type f ! -name log ! -name gatepost.conf | judge "uninstall leaves nothing but the edited configuration"
