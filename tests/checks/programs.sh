#!/usr/bin/env bash
# programs DIR: what each program links, and whether the flags that harden it have arrived in the binary.
cd "$(dirname "$0")/../.." || exit
. tests/checks/lib
build=${1:?build directory}

libraries() { objdump -p "$1" | sed -nE 's/^ *NEEDED +([^ ]+)\.so.*/\1/p' | grep -vE '^(ld-linux|linux-vdso)'; }
# All that gets loaded, also by what it links.
loaded() { ldd "$1" | sed -nE 's/^[[:space:]]*([^ ]+)\.so.*/\1/p'; }

must_not_load() {
	local program=$1 library
	shift
	for library in "$@"; do
		loaded "$build/$program" | grep -x "$library"
	done | judge "$program does not load $*"
}

libraries "$build/gatepostd" | grep -vx libc | judge "gatepostd links libc alone"
[ -e "$build/gatepost-server" ] && must_not_load gatepost-server libcurl libsqlite3 libsecp256k1
[ -e "$build/gatepost-keeper" ] && must_not_load gatepost-keeper libmicrohttpd
[ -e "$build/gatepost" ] && must_not_load gatepost libmicrohttpd libsqlite3
[ -e "$build/gatepost-device" ] && must_not_load gatepost-device libcurl libsqlite3 libmicrohttpd libjansson

has() { grep -qE -- "$1"; }

harden() {
	local name=$1 p=$build/$1 header dynamic symbols
	header=$(readelf -hlW "$p") dynamic=$(readelf -dW "$p") symbols=$(readelf -sW "$p")
	{
		has '^ *Type: +DYN' <<<"$header" || echo "not position independent"
		has 'GNU_RELRO' <<<"$header" || echo "no relro"
		has 'BIND_NOW|FLAGS_1.* NOW' <<<"$dynamic" || echo "symbols are not bound at start"
		has 'GNU_STACK.* RW ' <<<"$header" || echo "the stack is executable"
		has '__stack_chk_fail' <<<"$symbols" || echo "no stack protector"
		has '_chk(@|$| )' <<<"$symbols" || echo "not fortified"
		has ' (RPATH|RUNPATH) ' <<<"$dynamic" && echo "has a run path"
		has 'TEXTREL' <<<"$dynamic" && echo "has text relocations"
		case $(uname -m) in
		x86_64) readelf -nW "$p" | grep -q 'IBT, SHSTK' || objdump -d --no-show-raw-insn "$p" | grep -q endbr64 || echo "no control-flow protection" ;;
		aarch64) readelf -nW "$p" | grep -q 'BTI' || objdump -d --no-show-raw-insn "$p" | grep -q paciasp || echo "no branch protection" ;;
		esac
	} | judge "$name is hardened"
}

for program in gatepostd gatepost-keeper gatepost-server gatepost gatepost-device; do
	if [ -e "$build/$program" ]; then harden "$program"; else not_ok "$program was not built"; fi
done

# Small programs must not be protected by chance: the flags themselves, as configure found them.
flags=$(sed -n 's/^GP_CFLAGS = //p' "$build/Makefile")
for flag in -fstack-protector-strong -D_FORTIFY_SOURCE=3 -Wconversion -Wshadow -Wvla -fno-strict-overflow -fno-delete-null-pointer-checks; do
	if has "(^| )$flag( |\$)" <<<"$flags"; then ok "built with $flag"; else not_ok "built with $flag"; fi
done
