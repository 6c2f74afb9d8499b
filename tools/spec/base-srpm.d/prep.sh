# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# prep.sh - the distribution's own %prep, run in a private _topdir, and its tree
# taken over.

# adapt_scripts SOURCES: the SRPM's scripts are made portable, as its spec is; those for
# /bin/sh get bash, which it is where they come from ("10#$x", "${x/a/b}"). Scripts of the profile's "skip" lines (they
# check configs against the compiler; ours is another, and the config is made by
# us) do nothing; one that the spec includes is empty.
adapt_scripts() {
	local regex f
	begin_with '^#!' "$1" | while IFS= read -r f; do
		sed -i -E -e '1s|^(#! ?)/bin/sh|\1/bin/bash|' -f "$here/base-srpm.d/portable.sed" -- "$f"
	done
	while read -r regex; do
		for f in "$1"/*; do
			[[ ${f##*/} =~ $regex ]] || continue
			sed -i -n -e '1s/^#!.*/#!\/bin\/sh\nexit 0/p' -- "$f"
			chmod +x "$f"
		done
	done < <(profile_values skip)
}

# run_prep TOPDIR: its log in $tmp/prep.log.
run_prep() {
	local rc=0 hint text began=$SECONDS
	info "running the base's own %prep under profile $profile"
	rpm_private "$1" rpmbuild -bp --nodeps "$1/SPECS/$spec" > "$tmp/prep.log" 2>&1 || rc=$?
	{ echo "$our_log of $nevra"; cat "$tmp/prep.log"; } > "$log"
	((rc != 137 || SECONDS - began < deadline)) || die "$spec: its %prep did not end within $deadline s" "it was at: $(grep '^+' "$tmp/prep.log" | tail -n 1)" \
		"a longer time: --deadline SEC" "all that it said: $log"
	# %setup's pipeline hides what xz says of a tarball that is cut: part of a
	# tree, exit 0.
	hint=$(grep -E -m 1 '(xz|gzip|bzip2|zstd|tar): .*([Uu]nexpected|[Cc]orrupt|CRC|truncated|premature)' "$tmp/prep.log" || :)
	[[ -z $hint ]] || die "$spec: the tarball inside the SRPM is damaged: $tarball" "$hint"
	((rc)) || return 0
	check_listed "$1"
	# What the last command said that said anything, without rpm's own words.
	sed '/^RPM build \(warnings\|errors\):/,$d' "$tmp/prep.log" |
		awk '/^warning: |Bad exit status|^Executing|^Building |^[ \t]*$/ { next }
			/^\+/ { command = 1; next }
			command { n = command = 0 }
			{ said[n++] = $0 }
			END { for (i = n > 4 ? n - 4 : 0; i < n; i++) print said[i] }' > "$tmp/said"
	hint=$(grep -v '^#' "$here/base-srpm.d/hints" | while IFS=$'\t' read -r regex text; do
		! grep -qE -- "$regex" "$tmp/said" || { printf '%s\n' "$text"; break; }
	done)
	((rc != 137)) || hint="it was killed (signal 9): is the memory enough?"
	text=$(failed_patch "$1/calls")
	die "$spec: its %prep failed (exit $rc)" ${text:+"$text"} "$(< "$tmp/said")" \
		"its last command: $(grep '^+' "$tmp/prep.log" | tail -n 1)" ${hint:+"$hint"} "all that it said: $log"
}

# check_left DIR...: %prep left what a tree holds, or nothing of it is looked at: a pipe
# or a file without an end would stop us, where no deadline is, and a setuid file would
# lie in the tree for all to run.
check_left() {
	local bad
	bad=$(find "$@" \( ! -type f ! -type d ! -type l -o -size +4194304 -o -type f -perm /6000 \) -printf '%M %s %P\n' -quit)
	[[ -z $bad ]] || die "$spec: its %prep left something else than files; refused" "$bad" \
		"expected: plain files of no more than 2 GiB, not setuid, folders and links"
}

# failed_patch CALLS: the patch that the last call, if it failed, was about.
failed_patch() {
	local call
	call=$(find "$1" -mindepth 1 -maxdepth 1 2> /dev/null | sort | tail -n 1)
	[[ -z $call || $(cut -f5 "$call/call") == 0 ]] || printf '%s: %s failed\n' "$(paste -sd' ' - < "$call/names")" "$(call_of "$call")"
}

# find_tree BUILD: the one kernel tree below it. rpm >= 4.20 has a directory per
# package there, and the specs name theirs as they like; copies of the whole tree
# that a spec makes beside it (openEuler's -source, Fedora's vanilla-) are not it,
# and where both stay, it is the one with the release in its name (UEK).
find_tree() {
	local found several
	found=$(find "$1" -mindepth 1 -maxdepth 5 -name Kconfig -type f -execdir test -f Makefile -a -d kernel -a -d arch \; -printf '%h\n')
	[[ -n $found ]] || die "$file_name: its %prep left no kernel tree" "expected a directory with Kconfig, Makefile, arch and kernel"
	if [[ $found == *$'\n'* ]]; then
		several=$(grep -viE -- '(-source|/vanilla-[^/]*)$' <<< "$found")
		[[ $several != *$'\n'* ]] || several=$(grep -F -- "$release" <<< "${several//"$1/"/}" | sed "s|^|$1/|")
		[[ -n $several && $several != *$'\n'* ]] || die "$file_name: its %prep left several kernel trees:" "${found//"$1/"/}"
		found=$several
	fi
	printf '%s\n' "$found"
}

# pick KEY TREE SOURCES: the file that the first fitting KEY line of the profile
# names: "REGEX" a member, "tree:REGEX" a path in the tree.
pick() {
	local regex found
	while read -r regex; do
		if [[ $regex == tree:* ]]; then
			found=$(cd -- "$2" && find . -maxdepth 4 -type f -printf '%P\n' | LC_ALL=C sort | grep -E -m 1 -- "${regex#tree:}" || :)
			[[ -z $found ]] || { printf '%s\n' "$2/$found"; return; }
		else
			found=$(find "$3" -maxdepth 1 -type f -printf '%f\n' | LC_ALL=C sort | grep -E -m 1 -- "$regex" || :)
			[[ -z $found ]] || { printf '%s\n' "$3/$found"; return; }
		fi
	done < <(profile_values "$1")
}

# collect_base SOURCES TREE OUT: the x86_64 config, the kABI list and info.json.
collect_base() {
	local file
	mkdir "$3"
	file=$(pick config "$2" "$1")
	if [[ -n $file ]]; then cp -- "$file" "$3/config"; else no_config; fi
	file=$(pick kabi "$2" "$1")
	[[ -z $file ]] || cp -- "$file" "$3/kabi"
	info_json true > "$3/info.json"
}

# prepare_fresh OUT: OUT/tree and OUT/base, proven.
prepare_fresh() {
	local out=$1 topdir=$1/topdir tree
	make_topdir "$topdir"
	unpack_rpm "$srpm" "$topdir/SOURCES" --no-absolute-filenames
	cp -- "$topdir/SOURCES/$spec" "$tmp/spec"
	place_spec "$topdir"
	expand_spec "$topdir"
	check_flavour "$topdir"
	adapt_scripts "$topdir/SOURCES"
	run_prep "$topdir"
	check_left "$topdir/BUILD" "$topdir/calls"
	[[ ! -L $topdir/calls && -z $(find "$topdir/calls" -type l) ]] || die "$spec: its %prep wrote into the record of its patches; refused"
	tree=$(find_tree "$topdir/BUILD")
	unapplied=()
	# The sources as they were before %prep.
	prove_patches "$tmp/small" "$tree" "$topdir/calls"
	info "$proven patches of the base proven on the finished tree${unapplied[*]:+, ${#unapplied[@]} not in it}"
	collect_base "$tmp/small" "$tree" "$out/base"
	# The config is made in a build directory: what the distribution's left in
	# the tree would stop that ("The source tree is not clean"). find goes through no
	# link out of the tree.
	(cd -- "$tree" && find . -maxdepth 4 \( -path ./.config -o -path ./.config.old -o -path ./include/config -o -path ./include/generated \
		-o -path ./arch/x86/include/generated -o -path ./.git \) -prune -exec rm -rf -- {} +)
	mv -- "$tree" "$out/tree"
	rm -rf -- "$topdir"
}

# space_needed: MiB that the sources and the unpacked tree take, with room for
# the copy some specs make; a kernel's tarball grows tenfold (.xz) at most.
space_needed() {
	awk -F '\t' -v tarball="$tarball" '
		{ n += $1 }
		$2 == tarball { n += $1 * ($2 ~ /tar$/ ? 1.2 : $2 ~ /gz$/ ? 6 : 11) }
		END { printf "%d\n", n / 1048576 + 16 }' "$tmp/members"
}

# cache_key: of all that the tree depends on.
cache_key() {
	{
		packed_files "$here/base-srpm" "$here/base-srpm.d" "$profile_file" "$here/profiles/common" | xargs -0 cat
		rpmbuild --version
		srpm_sha256
	} | sha256sum | cut -c1-16
}

# fingerprint DIR: of every file's metadata, to detect later edits.
fingerprint() {
	find "$1/tree" "$1/base" ! -type d -printf '%P\t%y\t%m\t%s\t%T@\t%l\n' | LC_ALL=C sort | sha256sum
}

# link_tree FROM TO: FROM's tree and base in TO, too: the same files (a copy of
# 80,000 can take longer than to unpack them), or a copy where links can't be.
link_tree() {
	cp -al -- "$1/tree" "$1/base" "$2/" 2>/dev/null || {
		rm -rf -- "${2:?}/tree" "$2/base"
		cp -a --reflink=auto -- "$1/tree" "$1/base" "$2/"
	}
}

# cached ENTRY: is the tree there, and as it was? Who writes into a file of a
# build's tree, and not a new file over it, writes into the cache.
cached() {
	[[ -d $1/tree ]] || return 1
	[[ $(fingerprint "$1") != "$(cat -- "$1/listing" 2>/dev/null)" ]] || return 0
	warn "$1: files of the cached tree were written to" "it is made again"
	rm -rf -- "$1"
	return 1
}

# our_base DIR: tree made it: what it holds, and an info.json as only tree writes it.
our_base() {
	[[ -d $1 && ! -L $1 && -z $(find "$1" -mindepth 1 ! -name config ! -name kabi ! -name info.json) ]] &&
		jq -e '.nevra and .sha256 and .profile_why' "$1/info.json" > /dev/null 2>&1
}

# prepare_tree DIR: the finished tree as DIR, from the cache where it is there.
prepare_tree() {
	local dir=$1 entry='' parent work new
	[[ ! -e $dir && ! -L $dir ]] || die "$dir: exists" "expected a directory that is not there yet"
	[[ ! -e $dir.base && ! -L $dir.base ]] || our_base "$dir.base" ||
		die "$dir.base: exists, and tree did not make it" "the base's config and info.json become that directory: move it elsewhere"
	log=$dir.prep.log
	[[ ! -e $log && ! -L $log ]] || [[ -f $log && ! -L $log && $(head -n 1 -- "$log") == "$our_log"* ]] ||
		die "$log: exists, and tree did not write it" "the log of a %prep that fails is kept there: move it elsewhere"
	verify
	choose_profile
	parent=$(dirname -- "$(realpath -m -- "$dir")")
	if [[ -n $cache ]]; then
		mkdir -p -- "$cache"
		entry=$(realpath -- "$cache")/$(cache_key)
	fi
	need_space "$parent" "$(space_needed)" "the base tree"
	mkdir -p -- "$parent"
	make_tmp work "$parent"
	if [[ -n $entry ]] && cached "$entry"; then
		info "the finished tree is in the cache"
		link_tree "$entry" "$work"
	else
		doctor_missing static
		prepare_fresh "$work"
		if [[ -n $entry ]]; then
			need_space "$cache" "$(du -sm -- "$work/tree" | cut -f1)" "the cached tree"
			make_tmp new "$cache"
			link_tree "$work" "$new"
			fingerprint "$new" > "$new/listing"
			# Somebody may have been first; the bytes are the same.
			mv -T -- "$new" "$entry" 2>/dev/null || :
		fi
	fi
	rm -rf -- "$dir.base"
	mv -T -- "$work/base" "$dir.base"
	mv -T -- "$work/tree" "$dir"
	rm -f -- "$log"
	info "the base tree is $dir"
}
