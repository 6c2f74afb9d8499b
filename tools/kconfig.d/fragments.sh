# shellcheck shell=bash
# fragments.sh - reading Kconfig fragments (sourced by tools/kconfig).
#
# A fragment holds one setting per line, everything else is comment or blank:
#     CONFIG_X=y|m|n|NUMBER|0xHEX|"string"
#     # CONFIG_X is not set            (the same as CONFIG_X=n)
# " # optional" after a setting excuses a symbol that the tree does not know.
#
# In here a setting is one line of six tab-separated fields:
#     SYMBOL VALUE FILE LINE OPTIONAL(0|1) RANK
# VALUE is n for "is not set". Of two settings of one symbol the one with the
# higher RANK counts; of the same rank they must agree.
readonly rank_fragment=1 rank_local=2 rank_set=3

# fragment_files NAME DIR: the fragments of CONFIG=NAME, in order, one per line.
fragment_files() {
	case $1 in
	lean) printf '%s\n' lean-x86_64 kvm-host kvm-guest ;;
	full) printf '%s\n' lean-x86_64 kvm-host kvm-guest storage-net ;;
	distro) printf '%s\n' kvm-host kvm-guest ;;
	guest) printf '%s\n' guest-x86_64 ;;
	*) usage_error "--config '$1': expected lean, full or distro" ;;
	esac | sed "s|.*|$2/&.config|"
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

# read_fragments NAME: the settings of CONFIG=NAME, of configs/local.config if
# it is there, and of --set, on stdout.
read_fragments() {
	local f i
	while read -r f; do
		read_fragment "$f" "$rank_fragment"
	done < <(fragment_files "$1" "$configs")
	if [[ $1 != guest && -e $configs/local.config ]]; then
		read_fragment "$configs/local.config" "$rank_local"
	fi
	for ((i = 0; i < ${#sets[@]}; i++)); do
		printf '%s\n' "${sets[i]}" > "$tmp/set"
		awk -v file="--set" -v rank="$rank_set" -f "$kconfig_d/fragment.awk" -- "$tmp/set" || exit 1
	done
}

# unite_settings FILE: of each symbol the setting that counts, sorted by symbol.
# Two settings of one rank that differ are an error that names both lines; one
# that is overridden from outside the fragments is told.
unite_settings() {
	local out
	out=$(sort -s -t $'\t' -k1,1 -k6,6n -- "$1" | awk -F '\t' -f "$kconfig_d/unite.awk") || exit 1
	printf '%s\n' "$out"
}
