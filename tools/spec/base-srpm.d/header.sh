# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# header.sh - what the header of an SRPM says. Sets name_tag, version, release,
# nevra, buildtime, made_by, signer, vcs, spec, tarball, patch_tags, format, blind,
# and the file $tmp/members (lines "size<tab>name", in the order of the payload). Nothing is executed.

# rpm_q FORMAT FILE: query a package file against a private, empty database.
rpm_q() {
	rpm --dbpath "$tmp/db" -qp --nosignature --nodigest --qf "$1" "$2" 2>/dev/null
}

# srpm_sha256: of the file, computed once.
srpm_sha256() {
	[[ -s $tmp/sha256 ]] || sha256sum < "$srpm" | cut -d' ' -f1 > "$tmp/sha256"
	cat "$tmp/sha256"
}

# member_names: one per line, in the order of the payload.
member_names() {
	cut -f2 "$tmp/members"
}

# query_header: all that is asked of the header, in one look; $tmp/header has
# lines "KEY<tab>value", one per element of a list.
query_header() {
	rpm_q 'tags\t%{NAME}|%{VERSION}|%{RELEASE}|%|EPOCH?{%{EPOCH}}:{0}||%{BUILDTIME}|%|SOURCEPACKAGE?{src}:{%{ARCH}}||%{RPMVERSION}\n\
[for\t%{EXCLUSIVEARCH}\n][not\t%{EXCLUDEARCH}\n][absent\t%{NOSOURCE}\n][patch\t%{PATCH}\n][source\t%{SOURCE}\n]\
[member\t%{LONGFILESIZES}\t%{FILENAMES}\n]\
vcs\t%|VCS?{%{VCS}}:{}|\n' \
		"$srpm" > "$tmp/header" ||
		die "$file_name: rpm cannot read its header" "the file is damaged or cut short: fetch it again"
}

header_values() {
	sed -n "s/^$1\t//p" "$tmp/header"
}

# read_tags: name, version and the like; a package that is no source package,
# or not one for x86_64, ends here.
read_tags() {
	local epoch kind field arches
	query_header
	IFS='|' read -r name_tag version release epoch buildtime kind made_by <<< "$(header_values tags)"
	[[ $kind == src ]] ||
		die "$file_name: a binary package ($kind), not a source package" "expected kernel-*.src.rpm"
	for field in "$name_tag" "$version" "$release"; do
		[[ $field =~ ^[A-Za-z0-9._+~^-]+$ ]] || die "$file_name: '$field' is no RPM name, version or release"
	done
	[[ $epoch =~ ^[0-9]+$ ]] || die "$file_name: epoch '$epoch' is not a number"
	[[ $buildtime =~ ^[0-9]+$ ]] || die "$file_name: build time '$buildtime' is not a number"
	nevra=$name_tag-$epoch:$version-$release.src
	arches=$(header_values for | paste -sd' ' -)
	[[ -z $arches || " $arches " == *" x86_64 "* ]] ||
		die "$file_name: not for x86_64" "its ExclusiveArch: $arches"
	! grep -qxF 'not	x86_64' "$tmp/header" || die "$file_name: not for x86_64" "its ExcludeArch names x86_64"
	vcs=$(header_values vcs)
	# The tags that hold a signature differ between rpm's versions: its own words.
	signer=$(rpm --dbpath "$tmp/db" -qpi --nosignature --nodigest "$srpm" 2>/dev/null | awk '
		!on && /^Signature *:/ { on = 1; sub(/^[^:]*: */, "") }
		on && n++ && /^[^ ]/ { on = 2 }
		on == 1 && NF { sub(/^ +/, ""); printf "%s%s", sep, $0; sep = "; " }')
	[[ $signer != "(none)" ]] || signer=
}

# check_format: rpm 6 has a package format of its own (the lead says 4 there, 3 in
# that of rpm 4). Old rpms show its header and fail at its payload; those that
# unpack it (4.20) do not see its signature: $blind is set to what can't.
check_format() {
	local this
	this="this host's $(rpm --version | sed 's/ version//')"
	[[ $(head -c 5 -- "$srpm" | od -An -tu1 | awk '{ print $5 }') == 4 ]] || return 0
	format=6
	[[ $(rpm2cpio "$srpm" 2>/dev/null | head -c 6 | wc -c) -gt 0 ]] ||
		die "$file_name: made in rpm 6's package format; $this cannot read it" \
			"use a host with rpm >= 6, or unpack it there and make it an SRPM of the older format:" \
			"rpm -i it, and rpmbuild -bs --define '_rpmformat 4'"
	grep -qx OPENPGP <(rpm --querytags) || blind=$this
}

read_header() {
	local bad field
	[[ -f $srpm ]] || die "$srpm: not a file" "expected a kernel-*.src.rpm"
	[[ $(head -c 4 -- "$srpm" | od -An -tx1 | tr -d ' \n') == edabeedb ]] ||
		die "$file_name: not an RPM package" "its first bytes are not an RPM's; is the download whole?"
	read_tags
	check_format
	header_values member | sed 's|\t\./|\t|' > "$tmp/members"
	bad=$(grep -vP -m 3 '^[0-9]+\t[^/\p{Cc}]+$' "$tmp/members" || :)
	[[ -z $bad ]] || die "$file_name: a member's name holds a path; refused" "$bad"
	bad=$(header_values absent | paste -sd' ' -)
	[[ -z $bad ]] || die "$file_name: a .nosrc package: its Source $bad is not in it" \
		"fetch that file from where its spec says, put it beside the spec, and make a whole SRPM (rpmbuild -bs)"
	spec=$(member_names | grep -E '\.spec$' || :)
	[[ -n $spec && $spec != *$'\n'* ]] || die "$file_name: expected one .spec in it, found: ${spec:-none}"
	tarball=$(member_names | grep -E '^(linux|kernel)[^/]*\.tar(\.(gz|bz2|xz|zst))?$' | grep -vE 'patches|abi|kabi' || :)
	[[ -n $tarball ]] ||
		die "$file_name: no kernel tree in it" "expected a member linux-*.tar.* or kernel.tar.*; it holds: $(member_names | head -n 8 | paste -sd' ' -)"
	[[ $tarball != *$'\n'* ]] ||
		die "$file_name: two kernels in it; which one is built is not ours to guess" "$(paste -sd' ' - <<< "$tarball")"
	# rpm < 6 lists them last one first.
	if [[ $made_by =~ ^[0-9]+ ]] && ((BASH_REMATCH[0] >= 6)); then
		patch_tags=$(header_values patch)
	else
		patch_tags=$(header_values patch | tac)
	fi
	for field in patch source; do
		bad=$(header_values "$field" | grep -vxFf <(member_names) | head -n 1 || :)
		[[ -z $bad ]] || die "$file_name: ${field^} $bad is listed in it, but absent" \
			"the SRPM is not whole: fetch it again, or rebuild it (rpmbuild -bs)"
	done
}

# small_members DIR: every member but the kernel's tarball into DIR, reading the
# payload no further than the last of them. Only plain files stay.
small_members() {
	local dir=$1 limit name
	mkdir -p "$dir"
	limit=$(awk -F '\t' -v tarball="$tarball" '
		{ at += 110 + int((length($2) + 1 + 2 + 110 + 3) / 4) * 4 - 110 + 4 + int(($1 + 3) / 4) * 4 }
		$2 != tarball { end = at }
		END { print end + 1024 }' "$tmp/members")
	member_names | grep -vxF -- "$tarball" | sed 's/[][*?\\]/\\&/g; p; s|^|./|' > "$tmp/wanted"
	(rpm2cpio "$srpm" 2>/dev/null | head -c "$limit" |
		(cd -- "$dir" && cpio -id --quiet --no-absolute-filenames -E "$tmp/wanted" 2>/dev/null)) || :
	find "$dir" -mindepth 1 ! -type f -delete
	while read -r name; do
		[[ -f $dir/$name ]] || die "$file_name: $name cannot be read from it" "the file is damaged or cut short: fetch it again"
	done < <(member_names | grep -vxF -- "$tarball")
}
