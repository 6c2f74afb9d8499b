# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154  # tools/spec/kconfig sets configs, kconfig_d, objdir, tmp, tree and the option lists
# fragments.sh - reading Kconfig fragments (sourced by tools/spec/kconfig).
#
# A fragment holds one setting per line, everything else is comment or blank:
#     CONFIG_X=y|m|n|NUMBER|0xHEX|"string"
#     # CONFIG_X is not set            (the same as CONFIG_X=n)
# " # optional" after a setting excuses a symbol that the tree does not know.
# " # unless CONFIG_Y" after a setting drops it where the tree knows CONFIG_Y,
# " # where CONFIG_Y" drops it where the tree does not. What CONFIG_Y is set to
# does not matter.
#
# In here a setting is one line of tab-separated fields:
#     SYMBOL VALUE FILE LINE OPTIONAL(0|1) RANK TREES
# VALUE is n for "is not set", m|y for "m # or y"; TREES is Y, !Y (unless) or empty. Of two settings of one symbol the one with the
# higher RANK counts; of the same rank they must agree.
readonly rank_default=0 rank_fragment=1 rank_local=2 rank_set=3

# fragment_files NAME: the fragments of CONFIG=NAME, in order, one per line.
fragment_files() {
	local names=() name
	case $1 in
	'') ;;
	lean) names=(lean-x86_64 kvm-host kvm-guest) ;;
	full) names=(lean-x86_64 kvm-host kvm-guest storage-net) ;;
	distro) names=(kvm-host kvm-guest) ;;
	guest) names=(guest-x86_64) ;;
	*) usage_error "--config '$1': expected lean, full or distro" ;;
	esac
	for name in ${names[@]+"${names[@]}"}; do
		printf '%s\n' "$configs/$name.config"
	done
}

# check_fragment_file FILE: it must be a readable text file.
check_fragment_file() {
	[[ -e $1 ]] || die "$1: not found" "the fragments are looked for in --configs DIR; configs/README.md lists them"
	[[ ! -d $1 ]] || die "$1: is a directory, expected a fragment file" "give the files in it one by one"
	[[ -f $1 && -r $1 ]] || die "$1: not a readable file"
	(($(stat -c %s -- "$1") <= 4194304)) || die "$1: larger than 4 MiB, this is no fragment"
	! LC_ALL=C grep -qaP '\x00' -- "$1" || die "$1: holds NUL bytes, expected a text file"
}

# read_fragment FILE RANK: its settings on stdout; dies naming file:line.
read_fragment() {
	check_fragment_file "$1"
	awk -v file="$1" -v rank="$2" -f "$kconfig_d/fragment.awk" -- "$1" || exit 1
}

# read_fragments NAME: on stdout the settings of CONFIG=NAME (empty: none), of
# every --fragment, of configs/local.config if it is there, and of every --set.
read_fragments() {
	local f files s
	files=$(fragment_files "$1")
	while read -r f; do
		[[ -z $f ]] || read_fragment "$f" "$rank_fragment"
	done <<< "$files"
	for f in ${fragments[@]+"${fragments[@]}"}; do
		read_fragment "$f" "$rank_fragment"
	done
	if [[ -n $1 && $1 != guest && -e $configs/local.config ]]; then
		read_fragment "$configs/local.config" "$rank_local"
	fi
	for s in ${sets[@]+"${sets[@]}"}; do
		printf '%s\n' "$s" | awk -v file=--set -v rank="$rank_set" -f "$kconfig_d/fragment.awk" || exit 1
	done
}

# collect_settings NAME: write to $tmp/all what read_fragments finds and, with lower
# rank, the defaults of CONFIG=distro: no debug information, unless a fragment turns
# an option of it on.
collect_settings() {
	read_fragments "$1" > "$tmp/all"
	[[ $1 == distro ]] || return 0
	awk -F '\t' '$1 ~ /^CONFIG_DEBUG_INFO/ && $2 != "n" { found = 1 } END { exit !found }' "$tmp/all" ||
		read_fragment "$configs/nodebuginfo.config" "$rank_default" >> "$tmp/all"
}

# settings_of_tree FILE: its settings without those that are for other trees.
settings_of_tree() {
	local names=()
	mapfile -t names < <(awk -F '\t' 'sub(/^!?/, "", $7) && $7 != "" && !seen[$7]++ { print $7 }' "$1")
	: > "$tmp/known"
	((${#names[@]} == 0)) || explain known "${names[@]}" > "$tmp/known"
	awk -F '\t' 'FILENAME == ARGV[1] { known[$1]; next }
		$7 == "" || ($7 ~ /^!/ ? !(substr($7, 2) in known) : $7 in known)' "$tmp/known" "$1"
}

# unite_settings FILE: print, for each symbol, the setting that counts, sorted by symbol.
# Two settings of one rank that differ are an error that names both lines; a setting
# that is overridden from outside the fragments is reported.
unite_settings() {
	sort -s -t $'\t' -k1,1 -k6,6n -- "$1" | awk -F '\t' -f "$kconfig_d/unite.awk" || exit 1
}
