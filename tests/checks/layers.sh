#!/usr/bin/env bash
# layers: each folder includes only what lies below it, and each third-party header has one folder.
cd "$(dirname "$0")/../.." || exit
. tests/checks/lib

# folder: the folders whose headers it may include, besides its own.
below() {
	case $1 in
	base) echo ;;
	formats | coap) echo base ;;
	chain) echo base formats contracts ;;
	ipfs) echo base formats ;;
	catalog) echo base formats ;;
	net | store) echo base formats ;;
	daemon) echo base catalog ;;
	keeper) echo base formats chain ipfs net store catalog daemon contracts ;;
	server) echo base formats coap catalog daemon ;;
	publish) echo base formats chain ipfs net contracts ;;
	cli) echo base formats chain ipfs net catalog publish daemon contracts ;;
	device) echo base coap formats ;; # the program; device-library.sh looks at the library
	*) echo "unknown" ;;
	esac
}

# header: the folders that may include it.
owners() {
	case $1 in
	sqlite3.h) echo store ;;
	curl/*) echo net ;;
	microhttpd.h | gnutls/*) echo server ;;
	secp256k1*.h | openssl/*) echo formats ;;
	seccomp.h | linux/landlock.h | linux/seccomp.h) echo daemon ;;
	uv.h) echo net keeper server publish cli device ;;
	jansson.h) echo chain keeper server publish cli ;;
	check.h) echo ;;
	*) return 1 ;;
	esac
}

includes() { sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]([^">]+)[">].*/\1/p' "$1"; }

for folder in src/*/; do
	folder=$(basename "$folder")
	allowed=" $folder $(below "$folder") "
	for file in src/"$folder"/*.[ch]; do
		[ -e "$file" ] || continue
		while read -r header; do
			top=${header%%/*}
			if [ "$top" != "$header" ] && { [ -e "src/$header" ] || [ "$top" = contracts ]; }; then
				[[ $allowed == *" $top "* ]] || echo "$file includes $header"
			elif [ -e "src/$folder/$header" ] && [ "$folder" != device ]; then	# device/ is copied into other projects
				echo "$file includes $header without its folder"
			elif list=$(owners "$header"); then
				[[ " $list " == *" $folder "* ]] || echo "$file includes <$header>"
			fi
		done < <(includes "$file")
	done | judge "src/$folder includes only what lies below it"
done
for folder in src/*/; do
	[ "$(below "$(basename "$folder")")" != unknown ] || echo "$folder"
done | judge "every folder is in the table"
