# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/base-srpm
# prep.sh - the distribution's own %prep, run in a private _topdir, and the proof
# that every patch it was to apply is in the finished tree.

# rpmbuild_private TOPDIR ARG...: the nested rpmbuild (or rpmspec), with nothing
# of the outer one: own _topdir, database, HOME, bash as the build shell, and
# git kept from finding a checkout above (it would skip patches, rc 0).
rpmbuild_private() {
	local topdir=$1 program=$2 defines=()
	shift 2
	profile_macros defines
	env -i PATH="$PATH" LC_ALL=C HOME="$topdir/home" TMPDIR="$topdir/tmp" GIT_CEILING_DIRECTORIES="$topdir" \
		timeout --kill-after=10 "$deadline" "$program" --target x86_64 --define "_topdir $topdir" --define "_dbpath $topdir/db" \
		--define '_buildshell /bin/bash' --define "_tmppath $topdir/tmp" ${defines[@]+"${defines[@]}"} "$@"
}

# unpack_members TOPDIR: the SRPM's members into SOURCES/, its spec into SPECS/.
unpack_members() {
	mkdir -p "$1"/{SOURCES,SPECS,BUILD,home,tmp}
	(cd -- "$1/SOURCES" && rpm2cpio "$srpm" | cpio -id --quiet --no-absolute-filenames)
	mv -- "$1/SOURCES/$spec" "$1/SPECS/"
}

# find_tree BUILD: the one kernel tree below BUILD.
find_tree() {
	local found
	found=$(find "$1" -mindepth 1 -maxdepth 4 -name Kconfig -type f -execdir test -f Kbuild -a -f MAINTAINERS \; -printf '%h\n')
	[[ -n $found ]] || die "$(basename -- "$srpm"): its %prep left no kernel tree" "expected a directory with Kconfig, Kbuild and MAINTAINERS"
	[[ $found != *$'\n'* ]] || die "$(basename -- "$srpm"): its %prep left several kernel trees:" "$found"
	printf '%s\n' "$found"
}

# applied_patches TOPDIR: the patch files %prep names, in the order it names
# them, from the spec as rpm expands it.
applied_patches() {
	local p
	rpmbuild_private "$1" rpmspec -P "$1/SPECS/$spec" > "$tmp/expanded" 2> "$tmp/expanded.err" ||
		die "$spec: rpm cannot expand it" "$(head -n 3 "$tmp/expanded.err")"
	awk '/^%prep/ { on = 1; next } /^%(build|install|files|package|description)/ { on = 0 } on' "$tmp/expanded" > "$tmp/prep"
	while read -r p; do
		[[ -n $p && -s $1/SOURCES/$p ]] || continue
		grep -nF -m 1 -- "$p" "$tmp/prep" | sed "s|:.*|\t$p|" || warn "$p: listed in $spec, but its %prep does not name it"
	done <<< "$patches" | sort -n | cut -f2
}

# prove_patches TOPDIR TREE: on a copy of the files they touch, every patch is
# taken back, last one first. What cannot be taken back never landed.
prove_patches() {
	local topdir=$1 tree=$2 p n=0
	mkdir "$tmp/proof"
	applied_patches "$topdir" > "$tmp/applied"
	while read -r p; do
		sed -n 's,^\(+++\|---\) [^/]*/\([^\t]*\).*,\2,p' "$topdir/SOURCES/$p"
	done < "$tmp/applied" | sort -u > "$tmp/touched"
	(cd -- "$tree" && while read -r p; do [[ ! -f $p ]] || printf '%s\0' "$p"; done < "$tmp/touched" |
		xargs -0 -r cp --parents -t "$tmp/proof" --)
	while read -r p; do
		patch -R -p1 -f -s -F0 --no-backup-if-mismatch -d "$tmp/proof" < "$topdir/SOURCES/$p" > "$tmp/reverse" 2>&1 ||
			die "$p: not in the finished tree, though $spec lists it" "$(grep -vE '^(--|\+\+|\|)' "$tmp/reverse" | head -n 3)" \
				"the distribution's %prep ended with exit 0 all the same"
		n=$((n + 1))
	done < <(tac "$tmp/applied")
	info "$n patches of the base proven on the finished tree"
}

# collect_base TOPDIR TREE OUT: the x86_64 config, the kABI list and info.json.
collect_base() {
	local regex member
	mkdir "$3"
	regex=$(profile_value config)
	member=$(cd -- "$1/SOURCES" && find . -maxdepth 1 -type f -printf '%f\n' | grep -E -m 1 -- "$regex" || :)
	[[ -z $member ]] || cp -- "$1/SOURCES/$member" "$3/config"
	regex=$(profile_value kabi)
	if [[ -n $regex ]]; then
		member=$(cd -- "$1/SOURCES" && find . -maxdepth 1 -type f -printf '%f\n' | grep -E -m 1 -- "$regex" || :)
		[[ -z $member ]] || cp -- "$1/SOURCES/$member" "$3/kabi"
	fi
	info_json > "$3/info.json"
}

# prepare_fresh OUT: OUT/tree and OUT/base, proven.
prepare_fresh() {
	local out=$1 topdir=$1/topdir tree rc=0
	unpack_members "$topdir"
	info "running the base's own %prep under profile $profile"
	rpmbuild_private "$topdir" rpmbuild -bp --nodeps "$topdir/SPECS/$spec" > "$tmp/prep.log" 2>&1 || rc=$?
	((rc != 124)) || die "$spec: its %prep did not end within $deadline s" "$(tail -n 3 "$tmp/prep.log")"
	((rc == 0)) || die "$spec: its %prep failed (exit $rc)" "$(grep -iE 'error|fail|reject' "$tmp/prep.log" | tail -n 5)" "$(tail -n 3 "$tmp/prep.log")"
	tree=$(find_tree "$topdir/BUILD")
	prove_patches "$topdir" "$tree"
	# The config is redone by us, in a build directory: what the distribution's
	# own left in the tree would stop that ("The source tree is not clean").
	rm -rf -- "$tree"/.config "$tree"/.config.old "$tree"/include/{config,generated} "$tree"/arch/x86/include/generated
	collect_base "$topdir" "$tree" "$out/base"
	mv -- "$tree" "$out/tree"
	rm -rf -- "$topdir"
}

# prepare_tree DIR: the finished tree as DIR, from the cache where it is there.
prepare_tree() {
	local dir=$1 key entry parent
	[[ ! -e $dir ]] || die "$dir: exists" "expected a directory that is not there yet"
	[[ $deadline =~ ^[1-9][0-9]*$ ]] || usage_error "--deadline $deadline: expected seconds"
	verify
	choose_profile
	parent=$(dirname -- "$(realpath -m -- "$dir")")
	mkdir -p -- "$parent"
	need_space "$parent" 3000 "the base tree"
	key=$(cat "$here/base-srpm" "$here"/base-srpm.d/*.sh "$profile_file" <(file_sha256 "$srpm") | sha256sum | cut -c1-16)
	if [[ -n $cache ]]; then
		mkdir -p -- "$cache"
		entry=$(realpath -- "$cache")/$key
	fi
	local work
	if [[ -n $cache && -d $entry/tree ]]; then
		info "the finished tree is in the cache"
		make_tmp work "$parent"
		cp -a --reflink=auto -- "$entry/tree" "$work/tree"
		cp -a -- "$entry/base" "$work/base"
	else
		make_tmp work "$parent"
		prepare_fresh "$work"
		if [[ -n $cache ]]; then
			local new
			make_tmp new "$cache"
			cp -a --reflink=auto -- "$work/tree" "$work/base" "$new/"
			# Somebody may have been first; the bytes are the same.
			mv -T -- "$new" "$entry" 2>/dev/null || :
		fi
	fi
	rm -rf -- "$dir.base"
	mv -- "$work/base" "$dir.base"
	mv -- "$work/tree" "$dir"
	info "the base tree is $dir"
}
