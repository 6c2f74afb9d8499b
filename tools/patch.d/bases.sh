# shellcheck shell=bash
# shellcheck disable=SC2154  # top, patches, spec, files, bases are patch's
# bases.sh - the kernel trees that patches are tried on. Sourced by patch.

# bases_at_hand: one per line, what this machine has: Debian's linux-source
# tarballs. A distribution's SRPM is given by hand (--base FILE.src.rpm).
bases_at_hand() {
	local f
	for f in /usr/src/linux-source-*.tar.*; do
		[[ ! -f $f ]] || printf '%s\n' "$f"
	done | sort -V
}

# stage_base BASE STAGE PATCH...: the files that the patches touch, as BASE has
# them, into STAGE. BASE: a directory, a tarball or an SRPM.
stage_base() {
	local base=$1 stage=$2 tree
	shift 2
	mkdir -p "$stage"
	if [[ -d $base ]]; then
		stage_files "$base" "$stage" "$@"
		return
	fi
	[[ -f $base ]] || die "$base: no such base (a kernel tree, a tarball of one, or a kernel SRPM)"
	case $base in
	*.src.rpm)
		make_tmp tree
		"$top/tools/base-srpm" tree "$base" "$tree/tree" >&2
		stage_files "$tree/tree" "$stage" "$@"
		;;
	*.tar | *.tar.xz | *.tar.gz | *.tgz | *.tar.bz2 | *.tar.zst)
		cached_tarball "$base" tree "$@"
		stage_files "$tree" "$stage" "$@"
		;;
	*) die "$base: neither a directory, a .src.rpm nor a tarball" ;;
	esac
}

# cached_tarball FILE VAR PATCH...: a directory, in VAR, with the files that the
# patches touch. Unpacking takes seconds, so what was asked for is kept under
# build/ for as long as the tarball does not change.
cached_tarball() {
	local file=$1 cache tmp
	local -n _tree=$2
	shift 2
	cache=$top/build/cache/patch-bases/${file##*/}-$(stat -c '%s-%Y' -- "$file")
	make_tmp tmp
	touched_files "$@" > "$tmp/want"
	if [[ ! -f $cache/.asked ]] || [[ -n $(comm -23 "$tmp/want" "$cache/.asked") ]]; then
		[[ ! -f $cache/.asked ]] || sort -u -o "$tmp/want" "$tmp/want" "$cache/.asked"
		unpack "$file" "$tmp/tree" "$tmp/want"
		mv -- "$tmp/want" "$tmp/tree/.asked"
		mkdir -p "${cache%/*}"
		rm -rf -- "$cache"
		mv -- "$tmp/tree" "$cache"
	fi
	# shellcheck disable=SC2034  # set through the nameref
	_tree=$cache
}

# unpack TARBALL DIR LIST: the files that LIST names, one directory up.
unpack() {
	local first
	mkdir "$2"
	# A file that a patch makes is not there; what must be there is a whole
	# archive (tar read it to its end) with a kernel's Makefile.
	first=$(tar -tf "$1" 2>/dev/null | head -n 1 || :)
	first=${first#./}
	first=${first%%/*}
	[[ -n $first ]] || die "$1: no tar archive, or a damaged one"
	sed "s|^|$first/|" "$3" > "$2.members"
	tar -C "$2" --strip-components=1 --no-recursion -T "$2.members" -xf "$1" 2> "$2.err" ||
		! grep -vE ': Not found in archive$|^tar: Exiting with failure status' "$2.err" >&2 ||
		die "$1: could not be unpacked, as told above"
	[[ -f $2/Makefile ]] || die "$1: no $first/Makefile in it, so it holds no kernel tree"
}
