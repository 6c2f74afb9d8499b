# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# texts.sh - the faults in this directory, and which text of a fault fits a tree.
# run sources it after lib.sh.
#
# NAME.patch has the fault's name, its checks (Check:) and the text for the oldest
# base. NAME@BASE.patch is another text, for KVM's code from BASE on. A text's
# Moved-to: lines name files to which the same lines moved. Since: BASE says that
# older KVMs lack what the fault breaks; Needs: CONFIG_X says that kernels without
# this option do. The tree's code decides which text is used,
# not its version, because distributions backport KVM code.
# shellcheck disable=SC2034  # find_text sets text_of and text_why

faults_dir=$(realpath -- "${BASH_SOURCE[0]%/*}")

# all_faults: print the names of all faults, one per line.
all_faults() {
	local f
	for f in "$faults_dir"/*.patch; do
		f=${f##*/}
		[[ $f == *@* ]] || echo "${f%.patch}"
	done
}

# expected FAULT: print the checks that it names, one per line.
expected() {
	sed -n '/^---$/q; s/^Check: *//p' "$faults_dir/$1.patch" | tr -s ' ' '\n'
}

subject() {
	sed -n '/^---$/q; s/^Subject: \[PATCH\] KVM: fault: //p' "$faults_dir/$1.patch"
}

# since FAULT: print the first base that has what it breaks, or nothing.
since() {
	sed -n '/^---$/q; s/^Since: *//p' "$faults_dir/$1.patch"
}

# needs FAULT: print the CONFIG_ option without which it is not compiled, or nothing.
needs() {
	sed -n '/^---$/q; s/^Needs: *//p' "$faults_dir/$1.patch"
}

# find_text FAULT TREE OUT: write the text of FAULT that fits TREE to the file OUT, and
# set text_of to the text's file name. If none fits, fail, and set text_why to what TREE
# lacks for the newest text.
find_text() {
	local text path from
	text_of='' text_why=''
	while read -r text; do
		from=$(touched "$text")
		while read -r path; do
			if [[ -z $path ]]; then
				cp -- "$text" "$3"
			else
				sed "s|$from|$path|g" "$text" > "$3"
			fi
			text_of=${text##*/}
			text_why=$(awk -v tree="$2" -v name="$text_of" -f "$faults_dir/places.awk" "$3") && return
		done < <(echo; sed -n '/^diff /q; s/^Moved-to: *//p' "$text")
	done < <(printf '%s\n' "$faults_dir/$1.patch"; find "$faults_dir" -name "$1@*.patch" | sort -V)
	rm -f -- "$3"
	text_of=''
	[[ -z $(since "$1") ]] || text_why+=" (KVM has what it breaks since $(since "$1"))"
	return 1
}
