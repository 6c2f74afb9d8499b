# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# header.sh - what the header of an SRPM says. Sets name_tag, version, release,
# nevra, buildtime, made_by, signer, vcs, vendor, spec, tarball, patch_tags, format, blind,
# and the file $tmp/members (lines "size<tab>name", in the order of the payload). Nothing is executed.

# rpm_q FORMAT FILE: query a package file against a private, empty database.
rpm_q() {
	timeout 60 rpm --dbpath "$tmp/db" -qp --nosignature --nodigest --qf "$1" "$2" 2>/dev/null
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

# query_header: all that is asked of the header, in one look; $tmp/header has lines
# "KEY<tab>value", one per element of a list. rpm puts each string in quotes, as for
# a shell, so a newline in one shows as a line that is no whole 'string'.
query_header() {
	local bad field format=''
	for field in NAME VERSION RELEASE VCS VENDOR RPMVERSION; do format+="$field\t%|$field?{%{$field:shescape}}:{''}|\n"; done
	for field in EXCLUSIVEARCH EXCLUDEARCH PATCH SOURCE; do format+="[$field\t%{$field:shescape}\n]"; done
	for field in NOSOURCE FILENLINKS FILEDIGESTS; do format+="[$field\t%{$field}\n]"; done
	format+="[MEMBER\t%{LONGFILESIZES}\t%{FILENAMES:shescape}\n]"
	format+="EPOCH\t%|EPOCH?{%{EPOCH}}:{0}|\nBUILDTIME\t%{BUILDTIME}\nKIND\t%|SOURCEPACKAGE?{src}:{%{ARCH:shescape}}|\n"
	format+="FILEDIGESTALGO\t%|FILEDIGESTALGO?{%{FILEDIGESTALGO}}:{1}|\nSIGSIZE\t%|SIGSIZE?{%{SIGSIZE}}:{0}|\n"
	rpm_q "$format" "$srpm" > "$tmp/quoted" ||
		die "$file_name: rpm cannot read its header" "the file is damaged or cut short: fetch it again"
	bad=$(grep -avP -m 3 "^[A-Z]+\t([0-9]+\t)?('([^'\x00-\x1f\x7f]|'\\\\'')*'|[0-9a-zA-Z]*)$" "$tmp/quoted" || :)
	[[ -z $bad ]] || die "$file_name: a control character in a name that its header holds; refused" "$bad"
	sed -E "s/^([A-Z]+\t([0-9]+\t)?)'(.*)'\$/\1\3/; s/'\\\\''/'/g" "$tmp/quoted" > "$tmp/header"
}

header_values() {
	sed -n "s/^$1\t//p" "$tmp/header"
}

# read_tags: name, version and the like; a package that is no source package,
# or not one for x86_64, ends here.
read_tags() {
	local epoch kind field arches openpgp=''
	query_header
	{ read -r name_tag; read -r version; read -r release; read -r vcs; read -r vendor; read -r epoch; read -r buildtime; read -r kind; read -r made_by; } < \
		<(for field in NAME VERSION RELEASE VCS VENDOR EPOCH BUILDTIME KIND RPMVERSION; do header_values "$field"; done)
	[[ $kind == src ]] ||
		die "$file_name: a binary package ($kind), not a source package" "expected kernel-*.src.rpm"
	for field in "$name_tag" "$version" "$release"; do
		[[ $field =~ ^[A-Za-z0-9._+~^-]+$ ]] || die "$file_name: '$field' is no RPM name, version or release"
	done
	[[ $epoch =~ ^[0-9]+$ ]] || die "$file_name: epoch '$epoch' is not a number"
	[[ $buildtime =~ ^[0-9]+$ ]] || die "$file_name: build time '$buildtime' is not a number"
	nevra=$name_tag-$epoch:$version-$release.src
	arches=$(header_values EXCLUSIVEARCH | paste -sd' ' -)
	[[ -z $arches || " $arches " == *" x86_64 "* ]] ||
		die "$file_name: not for x86_64" "its ExclusiveArch: $arches"
	! grep -qxF 'EXCLUDEARCH	x86_64' "$tmp/header" || die "$file_name: not for x86_64" "its ExcludeArch names x86_64"
	# The tags that hold a signature differ between rpm's versions.
	! grep -qx OPENPGP <(rpm --querytags) || openpgp='[%{OPENPGP:pgpsig} ]'
	claimed=$(rpm_q "%|RSAHEADER?{%{RSAHEADER:pgpsig}}:{%|DSAHEADER?{%{DSAHEADER:pgpsig}}:{%|SIGPGP?{%{SIGPGP:pgpsig}}:{%|SIGGPG?{%{SIGGPG:pgpsig}}|}|}|}|$openpgp" "$srpm" |
		grep -oiE '(key id|fingerprint)[: ]+[0-9a-f]+' | head -n 1 | grep -oE '[0-9a-f]+$' || :)
	signer=${claimed:+claims key $claimed, not checked}
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

# listed FIELD: the header's PATCH or SOURCE files in their order. rpm < 6 has the last
# one first.
listed() {
	if [[ $made_by =~ ^[0-9]+ ]] && ((BASH_REMATCH[0] >= 6)); then header_values "$1"; else header_values "$1" | tac; fi
}

# nosource: which files are left out of a .nosrc package, and where they are: their
# names by the header, their places by the spec as far as no macro is in them.
nosource() {
	local number name where lines=()
	! find_profile || refuse_shape
	escaped "$spec" > "$tmp/wanted"
	rpm2cpio "$srpm" > "$tmp/cpio" 2>/dev/null || :
	cpio -i --quiet --to-stdout -E "$tmp/wanted" < "$tmp/cpio" > "$tmp/nosrc.spec" 2>/dev/null || :
	while read -r number name; do
		where=$(sed -nE "s/^[Ss]ource0*${number}[ \t]*:[ \t]*([^%]*\/)?[^\/]*\$/\1/p" "$tmp/nosrc.spec" | head -n 1)
		lines+=("Source$number: $where$name")
	done < <(paste -d' ' <(header_values NOSOURCE | sort -n) <(listed SOURCE | grep -vxFf <(cpio -it --quiet < "$tmp/cpio" 2>/dev/null | sed 's|^\./||')))
	die "$file_name: a .nosrc package: ${lines[*]##*[ /]} is not in it" \
		"fetch it: ${lines[*]}" "put it beside $spec, remove NoSource from that, and make a whole SRPM: rpmbuild -bs $spec"
}

# refuse_links NAMES
refuse_links() {
	die "$file_name: hard links of one file in it; refused: $1" "make each a file of its own (cp), and rebuild it: rpmbuild -bs"
}

# check_length: the file is as long as its header says.
check_length() {
	local n size want
	read -r n size < <(od -An -tu4 --endian=big -j 104 -N 8 -- "$srpm") || :
	want=$(header_values SIGSIZE)
	((want)) || return 0
	want=$((96 + (16 + 16 * n + size + 7) / 8 * 8 + want))
	((want <= $(stat -Lc %s -- "$srpm"))) ||
		die "$file_name: cut short: $(stat -Lc %s -- "$srpm") of its $want bytes are here" "fetch it again"
}

read_header() {
	local bad field size
	[[ -f $srpm ]] || die "$file_name: not a file" "expected a kernel-*.src.rpm"
	[[ $(head -c 4 -- "$srpm" | od -An -tx1 | tr -d ' \n') == edabeedb ]] ||
		die "$file_name: not an RPM package" "its first bytes are not an RPM's; is the download whole?"
	read_tags
	bad=$(header_values MEMBER | wc -l)
	((bad <= 20000)) || die "$file_name: $bad members; no more than 20,000 are read" "a kernel's has a few hundred"
	size=$(header_values MEMBER | awk '{ n += $1 } END { printf "%d\n", n / 1048576 }')
	((size <= 8192)) || die "$file_name: $size MiB of files in it; no more than 8 GiB are read" "a kernel's has one or two"
	check_format
	check_length
	header_values MEMBER | sed 's|\t\./|\t|' > "$tmp/members"
	[[ $(header_values FILENLINKS | sort -u) =~ ^1?$ ]] || refuse_links "$(paste <(header_values FILENLINKS) <(member_names) | awk '$1 > 1' | cut -f2- | head -n 4 | paste -sd' ' -)"
	bad=$(grep -vP -m 3 '^[0-9]+\t[^/]+$' "$tmp/members" || :)
	[[ -z $bad ]] || die "$file_name: a member's name holds a path; refused" "$bad"
	spec=$(member_names | grep -E '\.spec$' || :)
	[[ -n $spec && $spec != *$'\n'* ]] || die "$file_name: expected one .spec in it, found: ${spec:-none}"
	[[ -z $(header_values NOSOURCE) ]] || nosource
	tarball=$(member_names | grep -E '^(linux|kernel)[^/]*\.tar(\.(gz|bz2|xz|zst))?$' | grep -vE 'patches|abi|kabi' || :)
	[[ -n $tarball ]] ||
		die "$file_name: no kernel tree in it" "expected a member linux-*.tar.* or kernel.tar.*; it holds: $(member_names | head -n 8 | paste -sd' ' -)"
	[[ $tarball != *$'\n'* ]] ||
		die "$file_name: two kernels in it; which one is built is not ours to guess" "$(paste -sd' ' - <<< "$tarball")"
	patch_tags=$(listed PATCH)
	for field in PATCH SOURCE; do
		bad=$(header_values "$field" | grep -vxFf <(member_names) | head -n 1 || :)
		[[ -z $bad ]] || die "$file_name: $field $bad is listed in it, but absent" \
			"the SRPM is not whole: fetch it again, or rebuild it (rpmbuild -bs)"
	done
}

# escaped NAME: as a pattern of cpio that is that name, with ./ or without.
escaped() {
	sed 's/[][*?\\]/\\&/g; p; s|^|./|' <<< "$1"
}

# small_members: every member but the kernel's tarball into $tmp/small, reading the
# payload no further than the last of them. After check_archive.
small_members() {
	local limit
	mkdir "$tmp/small"
	limit=$(awk -F '\t' -v tarball="$tarball" '
		{ at += 110 + int((length($2) + 1 + 2 + 110 + 3) / 4) * 4 - 110 + 4 + int(($1 + 3) / 4) * 4 }
		$2 != tarball { end = at }
		END { print end + 1024 }' "$tmp/members")
	escaped "$tarball" > "$tmp/unwanted"
	(rpm2cpio "$srpm" 2>/dev/null | head -c "$limit" |
		(cd -- "$tmp/small" && cpio -id --quiet --no-absolute-filenames --no-preserve-owner -f -E "$tmp/unwanted" 2>/dev/null)) || :
}
