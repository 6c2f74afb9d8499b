# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# profile.sh - under which macros an SRPM's own spec is prepared. Profiles are
# data, tools/spec/profiles/NN-NAME.profile, lines "key value" (tools/spec/profiles/README.md).
# Chosen from the SRPM, never from the build host.

# find_profile: the first profile, by file name, all of whose conditions hold.
# match_groups gets what the parentheses of its match line caught, $suffix what
# follows the match: the mark of a vendor, or of a rebuild.
find_profile() {
	local regex member nvr=$name_tag-$version-$release
	for profile_file in "$here"/profiles/*.profile; do
		regex=$(profile_line match)
		[[ -n $regex ]] || die "$profile_file: no match line" "see tools/spec/profiles/README.md"
		[[ $nvr =~ $regex([^0-9-][^-]*)?$ ]] || continue
		match_groups=("${BASH_REMATCH[@]}") suffix=${BASH_REMATCH[-1]}
		[[ $regex != *'$' ]] || suffix=
		member=$(profile_line member)
		[[ -z $member ]] || grep -qE -- "$member" <(member_names) || continue
		profile=${profile_file##*/[0-9][0-9]-}
		profile=${profile%.profile}
		profile_why="$nvr matches $regex${member:+ and it holds $member}${suffix:+; $suffix is of a vendor or a rebuild}"
		return
	done
	return 1
}
profile_line() {
	sed -n "s/^$1  *//p" "$profile_file"
}

choose_profile() {
	local f
	find_profile ||
		die "$file_name: no profile for $name_tag-$version-$release" \
			"known: $(for f in "$here"/profiles/*.profile; do f=${f##*/}; basename "${f#*-}" .profile; done | paste -sd' ' -)" \
			"a new distribution is one file in tools/spec/profiles (see its README.md)"
	refuse_shape
}

# refuse_shape: a distribution whose SRPM makes no tree, and what to take instead.
refuse_shape() {
	local why
	why=$(profile_values refuse)
	[[ -z $why ]] || die "$file_name: ${why%%$'\n'*}" "${why#*$'\n'}"
}

# profile_values KEY: the values of KEY, one per line, the profile's before those that
# all have; $1..$4 replaced by what the match line caught.
profile_values() {
	local value i
	while IFS= read -r value; do
		for i in 1 2 3 4; do
			value=${value//"\$$i"/${match_groups[i]:-}}
		done
		printf '%s\n' "$value"
	done < <(sed -n "s/^$1  *//p" "$profile_file" "$here/profiles/common")
}

# profile_macros ARRAY: --define options into ARRAY.
profile_macros() {
	local -n _defines=$1
	local name value
	while read -r name value; do
		_defines+=(--define "$name ${value:-%{nil\}}")
	done < <(profile_values macro)
}

# has_config: may the base have an x86_64 config of its own? One in the tree shows
# only when the tree is made.
has_config() {
	local regex
	while read -r regex; do
		[[ $regex != tree:* ]] || return 0
		! member_names | grep -E -- "$regex" > /dev/null || return 0
	done < <(profile_values config)
	return 1
}

# no_config: none of the x86_64 configs that the profile knows is there.
no_config() {
	[[ $(profile_line lacks) == config ]] ||
		warn "$file_name: no x86_64 config that profile $profile knows: CONFIG=distro will not work" \
			"the configs in it: $(member_names | grep -i config | head -n 8 | paste -sd' ' - || :)" "a config line in ${profile_file##*/} names it"
}

# --- Switches ---------------------------------------------------------------------

# base_switches: every --with/--without name the base knows: those of its profile
# and those its spec asks for.
base_switches() {
	{
		profile_values switches | tr ' ' '\n'
		[[ ! -f ${1:-} ]] || {
			grep -oE '^[ \t]*%bcond(_with|_without)?[ \t]+[a-z0-9_]+' "$1" | awk '{ print $2 }'
			grep -oE '%\{?[?!]*_with(out)?_[a-z0-9_]+' "$1" | sed -E 's/.*_with(out)?_//'
		} || :
	} | { grep -E '^[a-z0-9_]+$' || :; } | sort -u
}

# check_switches KNOWN-FILE NAME...: every NAME is a line of KNOWN-FILE, else the
# nearest one is named: the fewest letters that one has and the other has not.
check_switches() {
	local known=$1 name nearest
	shift
	for name; do
		grep -qxF -- "$name" "$known" && continue
		nearest=$(awk -v want="$name" '
			{
				left = want; far = substr($1, 1, 1) != substr(want, 1, 1)
				for (i = 1; i <= length($1); i++)
					if (at = index(left, substr($1, i, 1))) left = substr(left, 1, at - 1) substr(left, at + 1); else far++
				far += length(left)
				if (best == "" || far < least) { best = $1; least = far }
			}
			END { print best }' "$known")
		die "--with/--without $name: neither kernel-kvm.spec nor the base knows it" \
			${nearest:+"did you mean $nearest?"} "(rpmbuild itself takes any name and does nothing)"
	done
}
