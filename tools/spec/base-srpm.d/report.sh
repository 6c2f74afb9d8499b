# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# report.sh - inspect: what an SRPM is, for people and for programs.

# config_members: the x86_64 config first, then the others.
config_members() {
	local regex
	while read -r regex; do
		[[ $regex == tree:* ]] || member_names | grep -E -- "$regex" || :
	done < <(profile_values config)
	member_names | grep -E '(^config$|^config[-_]|\.config$)' | grep -vxE '(cpupower|Makefile)\.config' || :
}

# shellcheck disable=SC2120  # prep.sh gives it one
# info_json [true]: what is known, for tools. In tree's info.json (true) the patches are
# the proven ones in the order of %prep, "unapplied" those that are not in the tree.
info_json() {
	config_members | awk '!seen[$0]++' > "$tmp/json.configs"
	base_switches "$tmp/spec" > "$tmp/json.switches"
	if [[ -s $tmp/needed ]]; then cut -f1 "$tmp/needed"; fi > "$tmp/json.needs"
	printf '%s\n' ${unapplied[@]+"${unapplied[@]}"} > "$tmp/json.skipped"
	jq -n --ascii-output --sort-keys --arg nevra "$nevra" --arg name "$name_tag" --arg version "$version" --arg release "$release" \
		--arg file "$file_name" --arg sha256 "$(srpm_sha256)" --arg profile "$profile" --arg why "$profile_why" \
		--arg signer "$signer" --arg digests "$digests" --arg vcs "$vcs" --arg vendor "$vendor" --arg suffix "$suffix" --arg spec "$spec" --arg tarball "$tarball" --argjson buildtime "$buildtime" \
		--rawfile configs "$tmp/json.configs" --rawfile switches "$tmp/json.switches" --rawfile needs "$tmp/json.needs" \
		--rawfile order "$tmp/order" --rawfile skipped "$tmp/json.skipped" \
		--argjson exact "${1:-false}" '
		def lines: split("\n") | map(select(. != ""));
		($skipped | lines) as $skipped |
		($order | lines | map(split("\t") | {mechanism: .[0], strip: .[1], file: .[2]})) as $order |
		{
			file: $file, nevra: $nevra, name: $name, version: $version, release: $release, sha256: $sha256,
			profile: $profile, profile_why: $why, signer: (if $signer == "" then null else $signer end), digests: ($digests | split(", ")),
			vcs: (if $vcs == "" then null else $vcs end), vendor: (if $vendor == "" then null else $vendor end), suffix: $suffix,
			spec: $spec, tarball: $tarball, buildtime: $buildtime, configs: ($configs | lines), switches: ($switches | lines),
			needs: (if $needs == "" then null else ($needs | lines) end), order_exact: $exact,
			patches: [$order[] | if $exact then .strip = (.strip | tonumber? // null) else {file} end],
			unapplied: (if $exact then $skipped else null end)
		}'
}

# inspect: reads the header, the spec and the small members. The spec is run
# through rpm (its %(...) are shell) only when the SRPM is trusted.
inspect() {
	local mode=static
	read_header
	choose_profile
	# The file's own digest, beside the rest.
	srpm_sha256 > /dev/null &
	if ((${#key[@]})) || [[ -n $allow_unsigned || -n $sha256 ]]; then
		wait
		check_signature
		mode=expanded
	fi
	check_whole
	read_demands "$mode"
	patch_members | awk '!seen[$0]++ { print "-\t-\t" $0 }' > "$tmp/order"
	wait
	if [[ -n $json ]]; then
		info_json false
		return
	fi
	inspect_table | shown_lines
}

inspect_table() {
	local command missing signed=${signer:-no}
	[[ -z $blind ]] || signed="in rpm 6's package format, in which $blind sees none"
	printf '%-10s %s\n' file "$file_name" nevra "$nevra" vendor "${vendor:-none named}" profile "$profile" '' "$profile_why" \
		signed "$signed" digests "$digests" vcs "${vcs:-none}" sha256 "$(srpm_sha256)" spec "$spec" tarball "$tarball" \
		configs "$(config_members | awk '!seen[$0]++' | head -n 8 | paste -sd' ' -)"
	printf '%-10s %s\n' patches "$(wc -l < "$tmp/order"); in what order %prep applies them, tree says"
	cut -f3 "$tmp/order" | sed 's/^/           /'
	missing=$(cut -f1 "$tmp/needed" | while read -r command; do command -v "$command" >/dev/null || echo "$command"; done; sed 's/^/%/' "$tmp/macros")
	printf '%-10s %s\n' needs "$(cut -f1 "$tmp/needed" | paste -sd' ' -)" \
		missing "$(paste -sd' ' - <<< "${missing:-nothing}")" \
		stand-ins "$(paste -sd' ' - < "$tmp/shims")" \
		space "$(space_needed) MiB for its tree"
}
