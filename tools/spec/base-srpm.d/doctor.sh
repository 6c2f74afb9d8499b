# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# doctor.sh - what %prep will need that this host lacks, before the long unpack.

# install_hint EL DEBIAN: under the host's own package names.
install_hint() {
	if command -v apt-get >/dev/null; then
		printf 'apt-get install %s' "$2"
	else
		printf 'dnf install %s' "$1"
	fi
}

# prep_section TEXT: the commands of %prep, comments and what is skipped off.
prep_section() {
	awk '/^%prep/ { on = 1; next }
		/^(%(build|conf|install|check|clean|files|package|description|changelog|generate_buildrequires|(pre|post)(un)?(trans)?|verifyscript|sepolicy|(trans)?(file)?trigger[a-z]*)|#section end)([ \t]|$)/ { on = 0 }
		on && !/^[ \t]*#/' "$1"
}

# begin_with REGEX DIR: the files in DIR whose first line REGEX matches.
begin_with() {
	# shellcheck disable=SC2016  # awk's own
	find "$2" -maxdepth 1 -type f -print0 | xargs -0r awk -v regex="$1" 'FNR == 1 && $0 ~ regex { print FILENAME } { nextfile }'
}

# prep_scripts SOURCES: the members that %prep runs and the profile does not skip.
prep_scripts() {
	local f regex skip
	begin_with '^#!' "$1" | while read -r f; do
		skip=
		while read -r regex; do [[ ! ${f##*/} =~ $regex ]] || skip=1; done < <(profile_values skip)
		[[ -z $skip ]] && grep -qF -- "${f##*/}" "$tmp/prep" && cat -- "$f" || :
	done
}

# needed TEXT SOURCES: "command<tab>EL package<tab>Debian package" per program
# that %prep calls, by the table base-srpm.d/needs, and for unpacking.
needed() {
	prep_section "$1" > "$tmp/prep"
	prep_scripts "$2" > "$tmp/scripts"
	printf '%s\n' "$tarball" | sed -E 's/.*\.gz$/gzip/; s/.*\.xz$/xz/; s/.*\.bz2$/bzip2/; s/.*\.zst$/zstd/' > "$tmp/unpack"
	echo "tar rpmbuild" >> "$tmp/unpack"
	awk -F '|' '
		FNR == NR { if (!/^#/) needs[++n] = $0; next }
		# What stands in quotes is text, unless the shell looks into it, or it is kept
		# as a command (patch_command=).
		/^[ \t]*[a-zA-Z_]*(command|cmd|CMD)=["\047]/ { sub(/^[^=]*=./, "") }
		{ gsub(/\047[^\047]*\047/, "q"); gsub(/"[^"$`]*"/, "q"); text = text $0 "\n" }
		END {
			for (i = 1; i <= n; i++) {
				split(needs[i], w, "|")
				if (text ~ "(^|[\n;|&(`{!]|[ \t\n](then|do|else|if|elif|while|until|exec|env|time|command|xargs( +-[^ ]*)*)[ \t])[ \t]*(/usr)?(/bin/)?" w[1] "([ \t\n;|&)`]|$)") printf "%s\t%s\t%s\n", w[2], w[3], w[4]
			}
		}' "$here/base-srpm.d/needs" "$tmp/prep" "$tmp/scripts" "$tmp/unpack" | sort -u
	! grep -qE '^[ \t]*%(patch|autosetup|autopatch)|Apply[A-Za-z]*Patch' "$tmp/prep" || printf 'patch\tpatch\tpatch\n'
}

# unknown_macros SOURCES: what rpm left unexpanded in %prep, under a name that a macro
# can have, and that the spec or what it includes has after a single %.
# ("%%{patches}" in quotes is how the EL specs ask whether there are any.)
unknown_macros() {
	local name
	prep_section "$tmp/expanded" | grep -vE '^[ \t]*%(setup|patch)' | grep -oE '(^|[^%])%\{?[A-Za-z_][A-Za-z0-9_]{2,}' |
		sed -E 's/^[^%]*//; s/^%\{?//' | grep -vxE 'patches|sources' | sort -u | while read -r name; do
		! grep -qrIE --exclude='*.patch' -- "(^|[^%])(%%)*%[{?!]*$name\>" "$tmp/spec" "$1" || printf '%s\n' "$name"
	done || :
}

# shims_used SOURCES: programs that are not here and have a stand-in.
shims_used() {
	local shim name
	for shim in "$here"/base-srpm.d/bin/*; do
		name=${shim##*/}
		[[ $name =~ ^(make|patch)$ ]] || command -v "$name" >/dev/null || ! grep -qhF -- "$name" "$tmp/prep" "$tmp/scripts" || printf '%s\n' "$name"
	done
}

# read_demands MODE: MODE expanded runs the spec through rpm, static reads its
# text (nothing of it is executed). Lists what is needed in $tmp/needed.
read_demands() {
	local topdir=$tmp/doctor
	cp -- "$tmp/small/$spec" "$tmp/spec"
	if [[ $1 == expanded ]]; then
		make_topdir "$topdir"
		cp -al -- "$tmp/small/." "$topdir/SOURCES/"
		place_spec "$topdir"
		expand_spec "$topdir"
		sed -i "s|$topdir/bin/||g" "$tmp/expanded"
		unknown_macros "$topdir/SOURCES" > "$tmp/macros"
	else
		cp -- "$tmp/spec" "$tmp/expanded"
		: > "$tmp/macros"
	fi
	needed "$tmp/expanded" "$tmp/small" | sort -u > "$tmp/needed"
	shims_used > "$tmp/shims"
}

# doctor_missing MODE: dies naming everything at once, or returns.
doctor_missing() {
	local command el deb missing=() packages_el=() packages_deb=() macro
	read_demands "$1"
	while IFS=$'\t' read -r command el deb; do
		command -v "$command" >/dev/null && continue
		missing+=("$command: needed by %prep, not here")
		packages_el+=("$el")
		packages_deb+=("$deb")
	done < "$tmp/needed"
	while read -r macro; do
		missing+=("%$macro: a macro that rpm does not know here, and profile $profile has no stand-in for it: add it to ${profile_file##*/}")
	done < "$tmp/macros"
	rm -rf -- "$tmp/doctor"
	local install=()
	((${#packages_el[@]} == 0)) || install=("install: $(install_hint "${packages_el[*]}" "${packages_deb[*]}")")
	((${#missing[@]} == 0)) ||
		die "$file_name: its %prep cannot run here" "${missing[@]}" \
			${install[@]+"${install[@]}"}
}

doctor() {
	verify
	choose_profile
	doctor_missing expanded
	printf '%-10s %s\n' profile "$profile" needs "$(cut -f1 "$tmp/needed" | paste -sd' ' -)" \
		stand-ins "$(paste -sd' ' - < "$tmp/shims")" space "$(space_needed) MiB" | shown_lines
	info "$file_name: all that its %prep needs is here"
}
