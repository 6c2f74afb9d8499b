#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# pathfix.py -i INTERPRETER [-p] [-n] [-k] [-a FLAGS] PATH...: as Python's tool of
# that name, for hosts without it: the interpreter of every Python script below
# the PATHs becomes INTERPRETER. Times and modes are kept (-p), no backup (-n). A
# line per file, as there: some specs end in "| grep -v 'no change'".
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
files=() absent=()
for path; do
	# ./ before it: awk takes a name with = for an assignment.
	[[ $path == /* ]] || path=./$path
	if [[ -d $path ]]; then
		while IFS= read -r -d '' file; do files+=("$file"); done < <(find "$path" -name '*.py' -type f -print0)
	elif [[ -e $path ]]; then files+=("$path")
	else absent+=("${path#./}")
	fi
done
# One look at all the first lines: some specs hand over the whole tree.
declare -A python
((${#files[@]} == 0)) ||
	while IFS= read -r file; do python[$file]=1; done < <(LC_ALL=C awk 'FNR == 1 { if (/^#!.*python/) print FILENAME; nextfile }' "${files[@]}")
for file in ${files[@]+"${files[@]}"}; do
	if [[ ! ${python[$file]:-} ]]; then
		echo "${file#./}: no change"
		continue
	fi
	stamp=$(stat -c @%Y -- "$file")
	sed -i "1s|^#!.*|#!$interpreter|" -- "$file"
	touch -d "$stamp" -- "$file"
	echo "${file#./}: updating"
done
# Said last: %prep ends here, and people read its last lines.
((${#absent[@]} == 0)) || { printf 'pathfix.py: %s: not found\n' "${absent[@]}" >&2; exit 1; }
