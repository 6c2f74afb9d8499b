# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# trust.sh - whether an SRPM may be unpacked and its spec and %prep run.

# check_signature: the pin (--sha256), and the signature when there are keys, by
# rpmkeys in a private database: $signer is its answer.
check_signature() {
	local out file found
	if [[ -n $sha256 ]]; then
		found=$(srpm_sha256)
		[[ $found == "$sha256" ]] ||
			die "$file_name: not the file that was pinned" "sha256 expected $sha256" "sha256 found    $found" "import it again: make sources"
	fi
	if [[ -n $blind ]] && ((${#key[@]})) || [[ -n $blind && -z $allow_unsigned && -z $sha256 ]]; then
		die "$file_name: made in rpm 6's package format; $blind sees no signature in it" \
			"check it on a host with rpm >= 6 and give --sha256 here," \
			"or take it as it is (--allow-unsigned, make ALLOW_UNSIGNED=1)"
	fi
	mkdir -p "$tmp/db"
	for file in ${key[@]+"${key[@]}"}; do
		[[ -r $file ]] || die "$file: key cannot be read"
		grep -qaF -e '-----BEGIN PGP PUBLIC KEY' -- "$file" || ! grep -qaP '[\x80-\xff]' -- "$file" ||
			die "$file: a binary key; rpm reads armored ones" "armor it: gpg --no-default-keyring --keyring $(realpath -- "$file") --armor --export > KEY.asc"
		rpmkeys --dbpath "$tmp/db" --import "$file" 2>/dev/null || die "$file: not a public key that rpm can read"
	done
	if ((${#key[@]})); then
		[[ -n $claimed ]] || die "$file_name: not signed, and a key was given to check it with" \
			"take it without a signature: leave the key out, --allow-unsigned"
		out=$(rpmkeys --dbpath "$tmp/db" --define '_pkgverify_level all' --checksig --verbose "$srpm" 2>&1) ||
			die "$file_name: signature or digest is not in order" "$(grep -viE ': OK$' <<< "$out" | tail -n +2 | tail -n 4)" \
				"keys given: ${key[*]}"
		# The line of the file's name is not rpm's answer.
		signer=$(sed -nE '1d; s/^ *(.*[Ss]ignature.*): OK$/\1/p' <<< "$out" | paste -sd';' -)
		[[ -n $signer ]] || die "$file_name: rpmkeys checked no signature of it" "$out"
		return
	fi
	[[ -n $allow_unsigned || -n $sha256 ]] || {
		[[ -z $claimed ]] || die "$file_name: signed, but no key to check it with ($signer)" \
			"give the distribution's public key (--key FILE, make KEYS=FILE)," \
			"or take it as it is (--allow-unsigned, make ALLOW_UNSIGNED=1)"
		die "$file_name: not signed" "take it as it is: --allow-unsigned, make ALLOW_UNSIGNED=1"
	}
}

# check_digests: those of header and payload; $digests says which there are.
check_digests() {
	local out
	out=$(rpmkeys --dbpath "$tmp/db" --define '_pkgverify_level digest' --checksig --nosignature --verbose "$srpm" 2>&1) ||
		die "$file_name: digests are not in order" "$(grep -viE ': OK$' <<< "$out" | tail -n +2 | tail -n 4)" "the file is damaged: fetch it again"
	digests=$(sed -nE '1d; s/^ *(.*) digest: OK$/\1/p' <<< "$out" | paste -sd, - | sed 's/,/, /g')
}

# check_members: each file's digest in the header is the payload's.
check_members() {
	local sum bad=''
	small_members
	case $(header_values FILEDIGESTALGO) in
	1) sum=md5sum ;; 2) sum=sha1sum ;; 8) sum=sha256sum ;; 9) sum=sha384sum ;; 10) sum=sha512sum ;;
	*) warn "$file_name: its files' digests are of a kind that is not known here; not checked"; return ;;
	esac
	{
		(cd -- "$tmp/small" && find . -type f -printf '%P\0' | xargs -0r "$sum" -z -- | tr '\0' '\n' | sed -E 's/^([0-9a-f]+)  /\1\t/')
		escaped "$tarball" > "$tmp/wanted"
		printf '%s\t%s\n' "$(rpm2cpio "$srpm" 2>/dev/null | cpio -i --quiet --to-stdout -E "$tmp/wanted" 2>/dev/null | "$sum" | cut -d' ' -f1)" "$tarball"
	} | sort > "$tmp/sums"
	bad=$(paste <(header_values FILEDIGESTS) <(member_names) | sort | diff - "$tmp/sums" | sed -nE 's/^< [0-9a-f]*\t//p' | head -n 3 || :)
	[[ -z $bad ]] || die "$file_name: a file's digest in its header is not that of the payload's file; refused" "$bad"
	digests+=", files ${sum%sum}"
}

# check_archive: an SRPM is a flat set of plain files, the ones its header names
# and of that size; anything else is refused before it is unpacked.
check_archive() {
	local bad limit
	# A payload that goes on for ever is cut here and fails as cut short.
	limit=$(awk -F '\t' '{ n += $1 + 2 * length($2) + 256 } END { print n + 65536 }' "$tmp/members")
	# What follows the archive's end is read too: cpio's hanging up is no error.
	rpm2cpio "$srpm" 2>/dev/null | head -c "$limit" |
		{ cpio -tvn --quiet > "$tmp/listed" 2> "$tmp/cpio.err" && cat > /dev/null; } || {
		bad=$(grep -v '^-' "$tmp/listed" | head -n 3 || :)
		# The digests hold, so it is not damaged. (rpm2cpio of rpm >= 4.20 reads with
		# the header in hand, stops there, and says nothing.)
		[[ -n $bad ]] || die "$file_name: its payload is not what its header lists; refused" "$(grep -m 2 . "$tmp/cpio.err" || echo "rpm2cpio cannot read it to the end")"
	}
	bad=$(awk '/^-/ && $2 > 1 && n++ < 4 { print $NF }' "$tmp/listed" | paste -sd' ' -)
	[[ -z $bad ]] || refuse_links "$bad"
	bad=$(grep -v '^-' "$tmp/listed" | head -n 3 || :)
	[[ -z $bad ]] || die "$file_name: holds something else than plain files; refused" "$bad"
	sed -E 's/^[^ ]+ +[0-9]+ +[0-9]+ +[0-9]+ +([0-9]+) +[A-Z][a-z]+ +[0-9]+ +[0-9:]+ (\.\/)?/\1\t/' "$tmp/listed" > "$tmp/payload"
	bad=$(grep -nP '\t.*/|\t\.\.?$' "$tmp/payload" | head -n 3 || :)
	[[ -z $bad ]] || die "$file_name: a member's name holds a path; refused" "$bad"
	bad=$(cut -f2 "$tmp/payload" | sort | uniq -d | head -n 3 || :)
	[[ -z $bad ]] || die "$file_name: a member is there twice; refused" "$bad"
	bad=$(diff <(sort "$tmp/members") <(sort "$tmp/payload") | grep '^[<>]' | head -n 3 || :)
	[[ -z $bad ]] || die "$file_name: its payload is not what its header lists; refused" "$bad"
}

# check_whole: all that needs no key.
check_whole() {
	check_digests
	check_archive
	check_members
}

verify() {
	read_header
	check_signature
	check_whole
}
