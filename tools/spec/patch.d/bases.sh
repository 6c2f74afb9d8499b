# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154  # top, patches, spec, files, bases are patch's
# bases.sh - the kernel trees that patches are tried on. Sourced by patch.

# bases_at_hand: print the bases that this machine has, one per line: Debian's
# linux-source tarballs. Only --base names an SRPM.
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
	*.src.rpm | *.tar | *.tar.xz | *.tar.gz | *.tgz | *.tar.bz2 | *.tar.zst)
		cached_base "$base" tree "$@"
		stage_files "$tree" "$stage" "$@"
		;;
	*) die "$base: neither a directory, a .src.rpm nor a tarball" ;;
	esac
}

# cached_base FILE VAR PATCH...: put into VAR a directory with the files that the
# patches touch. Unpacking takes seconds, an SRPM's %prep more, so build/ keeps the
# files until FILE changes.
cached_base() {
	local file=$1 cache tmp
	local -n _tree=$2
	shift 2
	cache=$top/build/cache/patch-bases/${file##*/}-$(stat -c '%s-%Y' -- "$file")
	make_tmp tmp
	touched_files "$@" > "$tmp/want"
	if [[ ! -f $cache/.asked ]] || [[ -n $(comm -23 "$tmp/want" "$cache/.asked") ]]; then
		[[ ! -f $cache/.asked ]] || sort -u -o "$tmp/want" "$tmp/want" "$cache/.asked"
		if [[ $file == *.src.rpm ]]; then
			unpack_srpm "$file" "$tmp/tree" "$tmp/want"
		else
			unpack "$file" "$tmp/tree" "$tmp/want"
		fi
		mv -- "$tmp/want" "$tmp/tree/.asked"
		mkdir -p "${cache%/*}"
		rm -rf -- "$cache"
		mv -- "$tmp/tree" "$cache"
	fi
	# shellcheck disable=SC2034  # set through the nameref
	_tree=$cache
}

# unpack_srpm SRPM DIR LIST: the files that LIST names, from the tree that its own
# %prep makes.
unpack_srpm() {
	local whole path
	make_tmp whole
	"$top/tools/spec/base-srpm" tree "$1" "$whole/tree" ${trust[@]+"${trust[@]}"} >&2 ||
		die "$1: no tree could be made from it (see above)" \
			"--key FILE and --allow-unsigned are passed to base-srpm"
	mkdir "$2"
	while read -r path; do
		[[ ! -e $whole/tree/$path ]] || (cd -- "$whole/tree" && cp -p --parents -- "$path" "$2/")
	done < "$3"
	rm -rf -- "$whole/tree"
}

# unpack TARBALL DIR LIST: the files that LIST names, one directory up.
unpack() {
	local first
	mkdir "$2"
	# Files that a patch creates are missing, which is fine. The archive must be whole
	# (tar read it to its end) and have a kernel's Makefile.
	first=$(tar -tf "$1" 2>/dev/null | head -n 1 || :)
	first=${first#./}
	first=${first%%/*}
	[[ -n $first ]] || die "$1: not a tar archive, or damaged"
	sed "s|^|$first/|" "$3" > "$2.members"
	tar -C "$2" --strip-components=1 --no-recursion -T "$2.members" -xf "$1" 2> "$2.err" ||
		! grep -vE ': Not found in archive$|^tar: Exiting with failure status' "$2.err" >&2 ||
		die "$1: could not be unpacked (see above)"
	[[ -f $2/Makefile ]] || die "$1: no $first/Makefile in it, so it holds no kernel tree"
}
