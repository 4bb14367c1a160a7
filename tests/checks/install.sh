#!/usr/bin/env bash
# install DIR: `make install` puts everything where it belongs, twice the same, and leaves an edited configuration alone.
cd "$(dirname "$0")/../.." || exit
. tests/checks/lib
build=${1:?build directory}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

value() { make -s -C "$build" --eval "print-value: ; @echo \$($1)" print-value; }
sbin=$(value sbindir) bin=$(value bindir) libexec=$(value libexecdir) etc=$(value sysconfdir) unit=$(value systemdunitdir) man=$(value mandir)

make -s -C "$build" install DESTDIR="$work" >"$work/log" 2>&1 || { not_ok "make install"; tail -20 "$work/log"; exit; }
for f in "$sbin/gatepostd" "$libexec/gatepost/gatepost-keeper" "$libexec/gatepost/gatepost-server" "$bin/gatepost" "$bin/gatepost-device" \
	"$etc/gatepost/gatepost.conf" "$etc/gatepost/conf.d" "$etc/avahi/services/gatepost.service" "$unit/gatepost.service" \
	"$man/man8/gatepostd.8" "$man/man1/gatepost.1" "$man/man1/gatepost-device.1" "$man/man5/gatepost.conf.5"; do
	if [ -e "$work$f" ]; then ok "installs $f"; else not_ok "installs $f"; fi
done
grep -q "^ExecStart=$sbin/gatepostd" "$work$unit/gatepost.service" && ok "the unit starts the installed program" ||
	not_ok "the unit starts the installed program"

echo '# edited' >>"$work$etc/gatepost/gatepost.conf"
make -s -C "$build" install DESTDIR="$work" >>"$work/log" 2>&1
tail -1 "$work$etc/gatepost/gatepost.conf" | grep -qx '# edited' && ok "a second install keeps an edited configuration" ||
	not_ok "a second install keeps an edited configuration"

"$work$sbin/gatepostd" -V | grep -qE '^gatepostd [0-9]' && ok "it runs" || not_ok "it runs"
[ "$(stat -c %a "$work$etc/gatepost/credentials")" = 700 ] && ok "secrets are root's alone" || not_ok "secrets are root's alone"
make -s -C "$build" uninstall DESTDIR="$work" >>"$work/log" 2>&1
find "$work" -type f ! -name log ! -name gatepost.conf | judge "uninstall leaves nothing but the edited configuration"
