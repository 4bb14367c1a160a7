#!/usr/bin/env bash
# source: calls that have a better one, and what must not stand in files that others will read.
cd "$(dirname "$0")/../.." || exit
. tests/checks/lib

# Unbounded, unchecked, or a shell. A line with a reason may: /* discouraged: why */
calls='sprintf|vsprintf|strcpy|strcat|strncpy|strncat|gets|atoi|atol|atof|strtok|system|popen|tmpnam|mktemp|tempnam|alloca|gmtime|localtime|ctime|asctime|rand|srand|random|gethostbyname|inet_addr|inet_ntoa|signal_r|longjmp|setjmp|vfork|usleep'
mapfile -t files < <(find src tests -name '*.[ch]' | sort)

# Comments are not calls.
calls_in() { grep -nE "(^|[^a-zA-Z0-9_.>\"])($1) ?\(" "${@:2}" | grep -vE ':[0-9]+:[[:space:]]*(/?\*|//)' | grep -vE 'discouraged: [a-z]'; }
mapfile -t ours < <(find src -name '*.[ch]' | sort)
calls_in "$calls" "${ours[@]}" | judge "no discouraged calls"
calls_in 'gets|sprintf|vsprintf|tmpnam|mktemp|alloca' "${files[@]}" | judge "nor the worst of them in tests"
grep -nE "discouraged:( ?\*/|$)" "${files[@]}" | judge "each exception says why"

# assert must stay in: NDEBUG builds are for libraries' asserts and our tests of that.
grep -nE '\bassert\([^)]*(=[^=]|\+\+|--)[^=]' "${files[@]}" | grep -vE '[=!<>]=' | judge "asserts have no effects"
grep -lE '^#ifdef|^#ifndef|^#if' src/*/*.c | xargs -r grep -nE '^#if.*NDEBUG' | judge "nothing depends on NDEBUG"

grep -nE '[[:space:]]+$' "${files[@]}" | judge "no blanks at ends of lines"
grep -nP '^ {4,}[^ *]' "${ours[@]}" | grep -v '^src/device/'  | judge "tabs, not blanks, indent"
for f in src/*/*.[ch]; do
	head -c 3 "$f" | grep -q '^/\*' || echo "$f: does not begin by saying what it is for"
done | judge "each file says what it is for"
for f in src/*/*.h; do
	[[ $f != src/device/* ]] || continue # names of its own: it is copied into other projects
	guard=$(echo "${f#src/}" | tr 'a-z/.-' 'A-Z___')
	grep -q "^#ifndef $guard\$" "$f" && grep -q "^#define $guard\$" "$f" || echo "$f: no guard $guard"
done | judge "each header has its guard"

# The limits have reasons.
grep -nE '^#define [A-Z0-9_]+ +[^ ]' src/base/limits.h | grep -vE '/\*|(KIB|MIB|GIB) ' | judge "each limit has its reason"

git ls-files 2>/dev/null | grep -vE '^(package-lock\.json|LICENSE)$' | xargs -r grep -nIE '(/work/|/tmp/wt|registry\.npmjs|deb\.debian\.org|/home/[a-z])' -- 2>/dev/null |
	grep -v '^tests/checks/source.sh:' | judge "no paths of a machine, no hosts of a registry"

find scripts .ci tests/checks -type f ! -name '*.mjs' ! -name '*.md' -print0 | xargs -0 grep -lE '^#!.*sh' | xargs -r shellcheck -x -S warning | judge "shellcheck"
