#!/usr/bin/env bash
# manual: the manual pages are well formed, one for each program.
cd "$(dirname "$0")/../.." || exit
. tests/checks/lib
for page in man/*.[0-9]; do
	# "not found" is about what is installed here.
	mandoc -Tlint -Wstyle "$page" 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db' | judge "mandoc -Tlint $page"
	for section in NAME DESCRIPTION 'SEE ALSO'; do
		grep -q "^\.Sh $section" "$page" || echo "no $section"
	done | judge "$page has its sections"
done
for page in gatepostd.8 gatepost.1 gatepost-device.1 gatepost.conf.5; do
	if [ -e "man/$page" ]; then ok "there is a $page"; else not_ok "there is a $page"; fi
done
