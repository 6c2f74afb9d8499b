#!/bin/bash
# pathfix.py -i INTERPRETER [-p] [-n] [-k] [-a FLAGS] PATH...: as Python's tool of
# that name, for hosts without it: the interpreter of every Python script below
# the PATHs becomes INTERPRETER. Times and modes are kept (-p), no backup (-n).
interpreter=
while getopts 'i:pnka:' option; do
	case $option in
	i) interpreter=${OPTARG#'#!'} ;;
	p | n | k | a) ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[[ $interpreter == /* ]] || { echo "pathfix.py: -i: expected a path, got '$interpreter'" >&2; exit 2; }
status=0
for path; do
	[[ -e $path ]] || { echo "pathfix.py: $path: not found" >&2; status=1; continue; }
	while IFS= read -r -d '' file; do
		head -n 1 -- "$file" | grep -aq '^#!.*python' || continue
		stamp=$(stat -c @%Y -- "$file")
		sed -i "1s|^#!.*|#!$interpreter|" -- "$file"
		touch -d "$stamp" -- "$file"
	done < <(if [[ -d $path ]]; then find "$path" -name '*.py' -type f -print0; else printf '%s\0' "$path"; fi)
done
exit "$status"
