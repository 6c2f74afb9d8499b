# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/base-srpm
# trust.sh - whether an SRPM may be unpacked and its %prep run.

# check_digests: header and payload digests, and the signature when there are
# keys, by rpmkeys in a private database.
check_signature() {
	local base out key
	base=$(basename -- "$srpm")
	if [[ -n $sha256 ]]; then
		local found
		found=$(file_sha256 "$srpm")
		[[ $found == "$sha256" ]] ||
			die "$base: not the file that was pinned" "sha256 expected $sha256" "sha256 found    $found" "import it again: make sources"
	fi
	mkdir -p "$tmp/db"
	for key in ${keys[@]+"${keys[@]}"}; do
		[[ -r $key ]] || die "$key: key cannot be read"
		rpmkeys --dbpath "$tmp/db" --import "$key" 2>/dev/null || die "$key: not a public key that rpm can read"
	done
	if ((${#keys[@]})); then
		out=$(rpmkeys --dbpath "$tmp/db" --define '_pkgverify_level all' --checksig --verbose "$srpm" 2>&1) ||
			die "$base: signature or digest is not in order" "$(grep -viE ': OK$' <<< "$out" | tail -n 4)" \
				"keys given: ${keys[*]}"
		return
	fi
	out=$(rpmkeys --dbpath "$tmp/db" --define '_pkgverify_level digest' --checksig --nosignature --verbose "$srpm" 2>&1) ||
		die "$base: digests are not in order" "$(grep -viE ': OK$' <<< "$out" | tail -n 4)" "the file is damaged or cut short: fetch it again"
	[[ -n $allow_unsigned || -n $sha256 ]] ||
		die "$base: ${signer:+signed, but no key to check it with}${signer:-not signed}" \
			"give the distribution's public key (--key FILE, make KEYS=FILE)," \
			"or take it as it is (--allow-unsigned, make ALLOW_UNSIGNED=1)"
}

# check_archive: an SRPM is a flat set of plain files; anything else is refused
# before it is unpacked.
check_archive() {
	local base bad
	base=$(basename -- "$srpm")
	rpm2cpio "$srpm" 2>/dev/null | cpio -tv --quiet > "$tmp/members" 2> "$tmp/cpio.err" ||
		die "$base: its payload cannot be read" "$(head -n 2 "$tmp/cpio.err")" "the file is damaged or cut short: fetch it again"
	bad=$(grep -v '^-' "$tmp/members" | head -n 3 || :)
	[[ -z $bad ]] || die "$base: holds something else than plain files; refused" "$bad"
	rpm2cpio "$srpm" | cpio -t --quiet 2>/dev/null | sed 's|^\./||' > "$tmp/names"
	bad=$(grep -nE '/|^\.\.?$|[[:cntrl:]]' "$tmp/names" | head -n 3 || :)
	[[ -z $bad ]] || die "$base: a member's name holds a path; refused" "$bad"
	bad=$(sort "$tmp/names" | uniq -d | head -n 3)
	[[ -z $bad ]] || die "$base: a member is there twice; refused" "$bad"
}

verify() {
	read_header "$srpm"
	check_signature
	check_archive
}
