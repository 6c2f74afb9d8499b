# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/base-srpm
# header.sh - what the header of an SRPM says. Sets name_tag, version, release,
# nevra, buildtime, members (file names), signer, spec, tarball, configs,
# patches. Reads FILE only; nothing of it is executed.

# rpm_q FORMAT FILE: query a package file against a private, empty database.
rpm_q() {
	rpm --dbpath "$tmp/db" -qp --nosignature --nodigest --qf "$1" "$2" 2>/dev/null
}

file_sha256() {
	sha256sum < "$1" | cut -d' ' -f1
}

read_header() {
	local file=$1 base
	base=$(basename -- "$file")
	[[ -f $file ]] || die "$file: not a file" "expected a kernel-*.src.rpm"
	[[ $(head -c 4 -- "$file" | od -An -tx1 | tr -d ' \n') == edabeedb ]] ||
		die "$base: not an RPM package" "its first bytes are not an RPM's; is the download whole?"
	local fields
	fields=$(rpm_q '%{NAME}|%{VERSION}|%{RELEASE}|%|EPOCH?{%{EPOCH}}:{0}||%{BUILDTIME}|%|SOURCEPACKAGE?{src}:{%{ARCH}}|' "$file") ||
		die "$base: rpm cannot read its header" "the file is damaged or cut short: fetch it again"
	local epoch kind
	IFS='|' read -r name_tag version release epoch buildtime kind <<< "$fields"
	[[ $kind == src ]] ||
		die "$base: a binary package ($kind), not a source package" "expected kernel-*.src.rpm"
	local field
	for field in "$name_tag" "$version" "$release"; do
		[[ $field =~ ^[A-Za-z0-9._+~^-]+$ ]] || die "$base: '$field' is no RPM name, version or release"
	done
	[[ $buildtime =~ ^[0-9]+$ ]] || die "$base: build time '$buildtime' is not a number"
	nevra=$name_tag-$epoch:$version-$release.src
	signer=$(rpm_q '%|DSAHEADER?{%{DSAHEADER:pgpsig}}:{%|RSAHEADER?{%{RSAHEADER:pgpsig}}:{}|}|' "$file" | tr -d '\n')

	members=$(rpm_q '[%{FILENAMES}\n]' "$file" | sed 's|^\./||')
	spec=$(grep -E '\.spec$' <<< "$members" || :)
	[[ -n $spec && $spec != *$'\n'* ]] || die "$base: expected one .spec in it, found: ${spec:-none}"
	tarball=$(grep -E '^(linux|kernel)[^/]*\.tar(\.(gz|bz2|xz|zst))?$' <<< "$members" | head -n 1 || :)
	[[ -n $tarball ]] ||
		die "$base: no kernel tree in it" "expected a member linux-*.tar.* or kernel.tar.*; it holds: $(head -n 8 <<< "$members" | paste -sd' ' -)"
	configs=$(grep -E '(^config|\.config)' <<< "$members" || :)
	patches=$(rpm_q '[%{PATCH}\n]' "$file")
}

# info_json: what read_header and choose_profile found, for tools.
info_json() {
	jq -n --sort-keys --arg nevra "$nevra" --arg name "$name_tag" --arg version "$version" --arg release "$release" \
		--arg sha256 "$(file_sha256 "$srpm")" --arg profile "$profile" --arg why "$profile_why" \
		--arg signer "$signer" --arg spec "$spec" --arg tarball "$tarball" --argjson buildtime "$buildtime" \
		--arg configs "$configs" --arg patches "$patches" '{
			nevra: $nevra, name: $name, version: $version, release: $release, sha256: $sha256,
			profile: $profile, profile_why: $why, signer: (if $signer == "" then null else $signer end),
			spec: $spec, tarball: $tarball, buildtime: $buildtime,
			configs: ($configs | split("\n") | map(select(. != ""))),
			patches: ($patches | split("\n") | map(select(. != "")))
		}'
}
