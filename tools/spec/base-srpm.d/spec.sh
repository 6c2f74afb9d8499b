# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# spec.sh - the spec in an SRPM: set up in a private _topdir, expanded by rpm,
# and read for the patches it applies.

# find_box TOPDIR: the array box, which shuts a command in (base-srpm.d/contain): no
# network, processes of its own that end with it, nothing to write to but TOPDIR.
find_box() {
	local how
	[[ -z ${box_known:-} ]] || return 0
	box_known=1
	for how in "" --map-root-user; do
		box=(unshare ${how:+"$how"} --mount --net --pid --fork --kill-child=KILL --mount-proc "$here/base-srpm.d/contain")
		! "${box[@]}" "$1" true 2>/dev/null || return 0
	done
	box=()
	info "no namespaces to be had here: the base's %prep runs with the network and all that this user can write to"
}

# rpm_private TOPDIR PROGRAM ARG...: rpmbuild or rpmspec, shut in, with nothing of the
# host or of an outer rpmbuild: no macros but rpm's own and the profile's, own _topdir,
# database, HOME, bash as the build shell (dash dies on ${x:0:8}, its error hidden),
# x86_64 whatever the host is, git kept from finding a checkout above (git apply would
# skip patches, rc 0), shims first in PATH and for %{__make}, %{__patch}, %{__git}, no
# terminal. At the deadline the whole process group is killed (exit 137): a shell may
# trap any other signal.
rpm_private() {
	local topdir=$1 defines=() f own
	shift
	own=$(rpm --eval "%{_rpmconfigdir}")
	profile_macros defines
	while read -r f; do
		defines+=(--define "_without_$f 1")
	done < <(profile_values without)
	for f in "_topdir $topdir" "_dbpath $topdir/db" "_tmppath $topdir/tmp" '_buildshell /bin/bash' \
		"__make $topdir/bin/make" "__patch $topdir/bin/patch" "__git $topdir/bin/git"; do
		defines+=(--define "$f")
	done
	env -i PATH="$topdir/bin:$PATH" LC_ALL=C HOME="$topdir/home" TMPDIR="$topdir/tmp" GIT_CEILING_DIRECTORIES="$topdir" \
		timeout --signal=KILL "$deadline" ${box[@]+"${box[@]}" "$topdir"} "$1" \
		--macros "$own/macros:$own/platform/%{_target}/macros" --target x86_64 "${defines[@]}" "${@:2}" < /dev/null
}

# make_topdir TOPDIR: its directories, and in bin/ what stands in for programs
# that %prep calls. make always (it answers config targets: the config is redone
# later, and a foreign compiler must not fail %prep); others where they are absent.
# sh is bash, as on every distribution these specs come from: they pipe into it
# what dash does not know ("trap ... ERR").
make_topdir() {
	local shim name
	mkdir -p "$1"/{SOURCES,SPECS,BUILD,BUILDROOT,home,tmp,bin,db,calls}
	for shim in "$here"/base-srpm.d/bin/*; do
		name=${shim##*/}
		[[ ! $name =~ ^(make|patch)$ ]] && command -v "$name" >/dev/null || cp -- "$shim" "$1/bin/"
	done
	printf -v name %q "$1"
	sed -i "s|@topdir@|${name//[&|\\]/\\&}|" "$1"/bin/{make,patch}
	cp -- "$1/bin/patch" "$1/bin/git"
	cp -- "$here/base-srpm.d/effects.awk" "$1/"
	ln -s /bin/bash "$1/bin/sh"
	find_box "$1"
}

# rename_own TOPDIR: names that the spec defines and this host's rpm keeps for itself
# (it refuses the %define; %rpmversion of EL 7 and 8) get another, in the spec and in
# what it may include. rpm is asked, and names one of them at a time.
rename_own() {
	local name names f files=("$1/SPECS/$spec")
	! grep -q '^[ \t]*%include' "${files[0]}" || for f in "$1"/SOURCES/*; do
		[[ $f == *.patch || $f == *.tar* ]] || files+=("$f")
	done
	names=$(grep -oE '%(define|global)[ \t]+[A-Za-z_][A-Za-z0-9_]+' "${files[0]}" | awk '{ print $2 }' | sort -u || :)
	while name=$({ rpm --eval "%define ${names//$'\n'/ x$'\n'%define } x" 2>&1 > /dev/null || :; } | sed -nE 's/.*Macro %([A-Za-z0-9_]+) is a built-in.*/\1/p' | head -n 1) &&
		[[ -n $name ]] && grep -qxF -- "$name" <<< "$names"; do
		names=$(grep -vxF -- "$name" <<< "$names" || :)
		grep -lIF -- "$name" "${files[@]}" | tr '\n' '\0' |
			xargs -0 sed -i -E "s/(%(define|global|undefine)[ \t]+|%\{?[?!]*((un)?defined[ \t]+)?)$name\>/\1spec_$name/g"
		info "$spec defines %$name, which is rpm's own name on this host: read as %spec_$name"
	done
}

# place_spec TOPDIR: from SOURCES/ into SPECS/, made portable, and once more under
# the names that ApplyPatch looks for.
place_spec() {
	local name
	sed -E -f "$here/base-srpm.d/portable.sed" "$1/SOURCES/$spec" > "$1/SPECS/$spec"
	rename_own "$1"
	touch -r "$1/SOURCES/$spec" "$1/SPECS/$spec"
	rm -f -- "$1/SOURCES/$spec"
	for name in "$name_tag.spec" kernel.spec; do
		[[ -e $1/SPECS/$name ]] || cp -- "$1/SPECS/$spec" "$1/SPECS/$name"
	done
}

# included SPEC: the files that it includes, by name.
included() {
	local word n
	sed -nE 's/^[ \t]*%include[ \t]+//p' "$1" | while read -r word; do
		n=$(grep -oE '(SOURCE|S:) *[0-9]+' <<< "$word" | grep -oE '[0-9]+$' || :)
		[[ -z $n ]] || word=$(sed -nE "s/^[Ss]ource0*${n}[ \t]*:[ \t]*//p" "$1" | head -n 1)
		printf '%s\n' "${word##*/}"
	done
}

# blame TOPDIR SPEC: "file:line" of the included file that the error is in: without
# that file there is none, and with no more of it than up to that line, there is.
# (rpm names the line, but not the file; or neither.)
blame() {
	local name f low high middle
	while read -r name; do
		f=$1/SOURCES/$name
		[[ -f $f ]] || continue
		mv -- "$f" "$f.whole"
		low=0 high=$(wc -l < "$f.whole")
		: > "$f"
		if ! fails_alike "$1" "$2"; then
			while ((high - low > 1)); do
				middle=$(((low + high) / 2))
				head -n "$middle" "$f.whole" > "$f"
				if fails_alike "$1" "$2"; then high=$middle; else low=$middle; fi
			done
			printf '%s\n' "$name:$high"
		fi
		mv -- "$f.whole" "$f"
	done < <(included "$2") | head -n 1
}
fails_alike() {
	grep -qxF -- "$(head -n 1 "$tmp/expanded.errors")" <(rpm_private "$1" rpmspec -P "$2" 2>&1 > /dev/null)
}

# expand_spec TOPDIR: the spec as rpm reads it under the profile, in
# $tmp/expanded. Runs the spec's %(...), so only after verify. rpm's own listing
# leaves out the line %build (4.18): a comment after it marks where %prep ends.
expand_spec() {
	local line text found rc=0 began=$SECONDS marked=$1/SPECS/.marked
	mkdir "$marked"
	sed -E '/^%(build|conf|generate_buildrequires)([ \t]|$)/a #section end' "$1/SPECS/$spec" > "$marked/$spec"
	rpm_private "$1" rpmspec -P "$marked/$spec" > "$tmp/expanded" 2> "$tmp/expanded.err" || rc=$?
	((rc != 137 || SECONDS - began < deadline)) || die "$spec: rpm did not read it to the end within $deadline s"
	if ((rc == 0)); then
		# rpm >= 4.20 says so, applies nothing, and ends well.
		text=$(grep -E '^error: .*No patch number' "$tmp/expanded.err" || :)
		[[ -z $text ]] || die "$spec: its %prep applies a patch that it has no Patch line for" "$text"
		return
	fi
	grep -vE '^warning:' "$tmp/expanded.err" > "$tmp/expanded.errors" || cp "$tmp/expanded.err" "$tmp/expanded.errors"
	line=$(grep -oE 'line [0-9]+' "$tmp/expanded.errors" | head -n 1 | cut -d' ' -f2 || :)
	text=
	if [[ -n $line ]]; then
		text=$(sed -n "${line}p" "$marked/$spec")
		line=$((line - $(head -n "$line" "$marked/$spec" | grep -cx '#section end' || :)))
	fi
	found=$(blame "$1" "$marked/$spec")
	[[ -z $found ]] || die "$found: included by $spec: rpm cannot read it under profile $profile" "$(head -n 3 "$tmp/expanded.errors")"
	die "$spec${line:+:$line}: rpm cannot read it under profile $profile" \
		"$(sed "s|$marked/||g; s|$1/S[A-Z]*/||g" "$tmp/expanded.errors" | cut -c1-300 | head -n 3)" ${text:+"the line: $text"}
}

# check_flavour TOPDIR: under the profile, the spec must call itself what the
# SRPM is called; else it is prepared as something else than what was built.
# openEuler's rpm puts the dist after any release by itself.
check_flavour() {
	local found dist
	found=$(rpm_private "$1" rpmspec -q --srpm --qf '%{NAME}-%{VERSION}-%{RELEASE}\n' "$1/SPECS/$spec" 2>/dev/null | head -n 1 || :)
	dist=$(profile_values macro | sed -n 's/^dist //p')
	[[ -z $found || $found == "$name_tag-$version-$release" || $found$dist == "$name_tag-$version-$release" ]] ||
		warn "$spec calls itself $found under profile $profile, the SRPM is $name_tag-$version-$release" \
			"a macro of its distribution is missing from ${profile_file##*/}"
}

# check_listed TOPDIR: ApplyPatch refuses a patch without a line "PatchN: name" and
# hides its own message; say it with the line.
check_listed() {
	local how file line
	read -r _ how file _ < <(grep -E '^\++ Apply(Optional)?Patch ' "$tmp/prep.log" | tail -n 1) || return 0
	grep -qF 'not listed as a source patch' "$tmp/expanded" || return 0
	# shellcheck disable=SC2001  # a class of characters
	grep -qE "^Patch[0-9]+: (.*%|$(sed 's/[][\.*^$+?(){}|]/\\&/g' <<< "$file")\$)" "$1/SPECS/$spec" && return
	line=$(grep -nE -- "Apply[A-Za-z]*Patch ${file//./\\.}" "$1/SPECS/$spec" | head -n 1 | cut -d: -f1 || :)
	die "$spec:${line:-?}: $how $file: no line \"PatchN: $file\" in it" "add one, with one space after the colon"
}
