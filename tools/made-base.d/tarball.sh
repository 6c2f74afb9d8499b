# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of upstream-base
# tarball.sh - a kernel.org tarball: whether it may be used, and what it is.
# Nothing of it is unpacked but its Makefile.

# Far more than a kernel has: a limit for hostile archives.
tar_bytes_max=$((16 << 30))

# plain FILE: the tar archive, uncompressed, on standard output.
plain() {
	case $1 in
	*.tar) cat -- "$1" ;;
	*.xz) xz -dc -- "$1" ;;
	*.gz | *.tgz) gzip -dc -- "$1" ;;
	*.bz2) bzip2 -dc -- "$1" ;;
	*.zst) zstd -qdc -- "$1" ;;
	esac 2>> "$tmp/plain.err" | head -c "$tar_bytes_max"
}

# damaged FILE WHAT: die with what the decompressor, or else tar, said.
damaged() {
	die "$1: $2" "$(cat "$tmp/plain.err" "$tmp/tar.err" 2> /dev/null | head -n 3)" "the file is damaged or cut short: fetch it again"
}

# sign_name FILE: kernel.org signs the tar, whatever it is compressed with.
sign_name() {
	sed -E 's/\.tgz$/.tar/; s/\.tar\.[a-z0-9]+$/.tar/; s/$/.sign/' <<< "$1"
}

# check_signature FILE SIGN: by the keys, or accept it unsigned if that is allowed.
check_signature() {
	local f=$2 sign
	sign=$(sign_name "$1")
	[[ -f $f ]] || f=
	if ((${#keys[@]})); then
		[[ -n $f ]] || die "$1: not signed: no ${sign##*/} beside it, but a key was given to check it with" \
			"fetch it from where the tarball is, or take it without a signature: leave the key out, ALLOW_UNSIGNED=1"
		plain "$1" | signed_by "$f" || {
			[[ ! -s $tmp/plain.err ]] || damaged "$1" "cannot be decompressed"
	# tar(1) takes one that was cut between two members, or behind a file's last
	# byte. The compressed ones have a checksum.
	[[ $1 != *.tar || ! -s $1 || $(tail -c 1024 -- "$1" | tr -d '\0' | wc -c) == 0 ]] ||
		damaged "$1" "not a tar archive, or damaged: it does not end in two blocks of zeros"
			die "$1: the signature ${f##*/} is not in order" "$(tail -n 4 "$tmp/gpgv")" "keys given: ${keys[*]}"
		}
		info "${1##*/}: $(sed -n 's/^gpgv: Good signature from/signed by/p' "$tmp/gpgv" | head -n 1)"
	elif [[ -z $allow_unsigned ]]; then
		[[ -z $f ]] || die "$1: signed (${f##*/}), but no key to check it with" \
			"give the signer's public key (make KEYS=FILE), or take it as it is (make ALLOW_UNSIGNED=1)"
		die "$1: not signed: no ${sign##*/} beside it" "fetch it from where the tarball is, or take it as it is: make ALLOW_UNSIGNED=1"
	fi
}

# check_members FILE: every member is in the one top directory; sets top, and
# made[epoch], the time of the Makefile.
check_members() {
	local bad time
	rm -f "$tmp/plain.err"
	plain "$1" | tar -tv --numeric-owner --full-time --utc --quoting-style=escape -f - > "$tmp/members" 2> "$tmp/tar.err" ||
		damaged "$1" "not a tar archive, or damaged"
	[[ ! -s $tmp/plain.err ]] || damaged "$1" "cannot be decompressed"
	# tar(1) takes one that was cut between two members, or behind a file's last
	# byte. The compressed ones have a checksum.
	[[ $1 != *.tar || ! -s $1 || $(tail -c 1024 -- "$1" | tr -d '\0' | wc -c) == 0 ]] ||
		damaged "$1" "not a tar archive, or damaged: it does not end in two blocks of zeros"
	bad=$(awk -f "$made_base_d/members.awk" "$tmp/members")
	[[ $bad == "top "* ]] || die "$1: refused" "${bad:-it is empty}" "expected a kernel's tree in one directory, as kernel.org's tarballs have it"
	read -r _ top time <<< "$bad"
	made[epoch]=$(date -ud "$time" +%s)
	((made[epoch] > 0)) || die "$1: its Makefile's time is $time"
}

# from_tarball FILE: the findings are kept beside the SRPM: the next call only
# compares digests.
from_tarball() {
	local file=$1 key known suffix top sign
	suffix=${file##*.tar}
	case $file in
	*.tgz) suffix=.gz ;;
	*.tar | *.tar.xz | *.tar.gz | *.tar.bz2 | *.tar.zst) ;;
	*) die "$file: neither a .src.rpm nor a tarball" "expected kernel-*.src.rpm, or linux-V.tar with .xz, .gz, .bz2, .zst or nothing behind it" ;;
	esac
	sign=$(sign_name "$file")
	made[id]=$(sha256sum < "$file" | cut -d' ' -f1)
	key=$({
		cat -- "${made_base_d}"/tarball.sh "$made_base_d/members.awk" "$0" ${keys[@]+"${keys[@]}"}
		cat -- "$sign" 2> /dev/null || :
		echo "${made[id]} $file $allow_unsigned"
	} | sha256sum | cut -c1-16)
	known=$outdir/tarball-$key
	if [[ ! -s $known ]]; then
		check_signature "$file" "$sign"
		check_members "$file"
		plain "$file" | tar -xO -f - "$top/Makefile" > "$tmp/Makefile" 2> "$tmp/tar.err" || damaged "$file" "$top/Makefile cannot be read"
		tree_names "$tmp/Makefile" "$file"
		printf '%s\n' "$top" "${made[version]}" "${made[release]}" "${made[epoch]}" > "$tmp/known"
		mv -- "$tmp/known" "$known"
	fi
	{ read -r "made[topdir]"; read -r "made[version]"; read -r "made[release]"; read -r "made[epoch]"; } < "$known"
	made[tarball]=$file
	made[tarball_name]=linux-${made[version]}.tar$suffix
	made[vcs]=''
	info "${file##*/}: kernel ${made[version]}-${made[release]}; it brings no config, so CONFIG=distro is not for it"
}
