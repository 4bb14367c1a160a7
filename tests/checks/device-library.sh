#!/usr/bin/env bash
# device-library: libgatepost-device is what it promises to microcontrollers: strict C11, under 10 KB of code with its
# texts, at most 1.5 KB of RAM besides crypto and manifest buffer, nothing of libc but five functions of string.h.
#
# RAM is struct gpd and the deepest chain of calls inside the library (what callbacks use is the port's). The chain
# is measured where the compiler tells its call graph (gcc); nothing recurses.
cd "$(dirname "$0")/../.." || exit
. tests/checks/lib
root=$PWD
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cc=${CC:-cc}

grep -hoE '^#include .*' src/device/gpd_*.[ch] src/device/gatepost-device.h | sort -u |
	grep -vE '"(gatepost-device|gpd_[a-z]+)\.h"|<(string|stdbool|stddef|stdint)\.h>' | judge "it includes its own headers and string.h only"

try() { # FLAG: takes the compiler it?
	echo 'int x;' | $cc -Werror "$1" -x c -c -o "$dir/probe.o" - 2>/dev/null && printf '%s ' "$1"	# no -o /dev/null: what is written beside it would land here
}
flags="-std=c11 -pedantic -Wall -Wextra -Wvla -Werror -ffreestanding -fno-asynchronous-unwind-tables
	-fno-stack-protector -fno-pie $(try -fcf-protection=none) $(try -fcallgraph-info=su)"
case $($cc --version) in *clang*) flags="$flags -Oz" ;; *) flags="$flags -Os" ;; esac

cd "$dir" || exit
# shellcheck disable=SC2086 # words are wanted
for f in "$root"/src/device/gpd_*.c; do $cc $flags -c "$f" 2>&1; done | judge "it is strict C11"
printf '#include "gatepost-device.h"\nchar gpd_size[sizeof(struct gpd)];\n' >ram.c
$cc -std=c11 -I"$root/src/device" -c ram.c

code=$(size gpd_*.o | awk 'NR > 1 { n += $1 + $2 } END { print n }')
struct=$((0x$(nm -S ram.o | awk '$4 == "gpd_size" { print $2 }')))
stack=$(cat ./*.ci 2>/dev/null | awk -F'"' '
	/^node:/ && match($4, /[0-9]+ bytes/) { own[$2] = substr($4, RSTART, RLENGTH) + 0 }
	/^edge:/ { from[++edges] = $2; to[edges] = $4 }
	END {
		for (f in own) deep[f] = own[f]
		do {
			again = 0
			for (i = 1; i <= edges; i++)
				if (to[i] in own && deep[from[i]] < own[from[i]] + deep[to[i]]) {
					deep[from[i]] = own[from[i]] + deep[to[i]]
					if (++rounds > 10000) { print 999999; exit }	# recursion
					again = 1
				}
		} while (again)
		for (f in deep) if (deep[f] > most) most = deep[f]
		print most + 0
	}')

at_most() { # WHAT IS LIMIT
	if [ "$2" -le "$3" ]; then ok "$1: $2 bytes of $3"; else not_ok "$1: $2 bytes, more than $3"; fi
}
at_most "code" "$code" 10240
at_most "RAM (struct gpd $struct, deepest chain of calls $stack)" "$((struct + stack))" 1536
nm -u gpd_*.o | awk '$1 == "U" { print $2 }' | sort -u | grep -vE '^(gpd_.*|memcpy|memcmp|memset|strlen|strcmp)$' |
	judge "it needs memcpy, memcmp, memset, strlen and strcmp only"
