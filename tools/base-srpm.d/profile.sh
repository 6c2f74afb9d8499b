# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/base-srpm
# profile.sh - under which macros an SRPM's own spec is prepared. Profiles are
# data, tools/profiles/NAME.profile, lines "key value":
#   match REGEX    of "NAME-VERSION-RELEASE"; the first profile (by file name)
#                  that matches is taken
#   macro NAME VALUE   a macro the distribution's rpm defines
#   config REGEX   the x86_64 config among the members or in the tree
#   kabi REGEX     the x86_64 kABI list
# Chosen from the SRPM, never from the build host.

choose_profile() {
	local f regex
	for f in "$here"/profiles/*.profile; do
		regex=$(sed -n 's/^match  *//p' "$f")
		if [[ -n $regex && "$name_tag-$version-$release" =~ $regex ]]; then
			profile=$(basename -- "$f" .profile)
			profile=${profile#[0-9][0-9]-}
			profile_file=$f
			profile_why="$name_tag-$version-$release matches $regex"
			return
		fi
	done
	die "$(basename -- "$srpm"): no profile for $name_tag-$version-$release" \
		"add one to tools/profiles/"
}

# profile_value KEY: the first value of KEY in the profile.
profile_value() {
	sed -n "s/^$1  *//p" "$profile_file" | head -n 1
}

# profile_macros: --define options into the array named $1.
profile_macros() {
	local -n _defines=$1
	local name value
	while read -r name value; do
		_defines+=(--define "$name $value")
	done < <(sed -n 's/^macro  *//p' "$profile_file")
}
