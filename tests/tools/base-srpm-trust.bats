#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# base-srpm says nothing that it has not checked, and nothing in a package's words.
# shellcheck disable=SC2030,SC2031,SC2119,SC2154  # bats' run sets status and output

bats_require_minimum_version 1.5.0

load fixtures/base-srpm/setup

setup() {
	base_srpm_setup
	sources_of debian
	configs extra-file-20.config
	debian_spec
	sed -i "s/^Source1:/Source2: extra-file-20.config\n&/" S/kernel.spec
	build_srpm
	good=$PWD/good.src.rpm
	cp "$srpm" "$good"
}

# renamed NAME: the good SRPM as $srpm, one of its files under NAME (of as many
# bytes) in header and payload.
renamed() {
	rm -rf h
	mkdir h
	rpm2cpio "$good" > h/cpio
	from=extra-file-20.config to=$1 perl -0777 -pi -e 's/\Q$ENV{from}\E/$ENV{to}/' h/cpio
	from=extra-file-20.config to=$1 perl "$fixtures/reseal.pl" "$good" h/cpio bad.src.rpm
	srpm=$PWD/bad.src.rpm
	rpmkeys --dbpath "$PWD/db" --checksig --nosignature "$srpm"
}

# signed: the good SRPM signed by right.asc; wrong.asc is another key.
signed() {
	command -v gpg >/dev/null || skip "no gpg here"
	export GNUPGHOME=$PWD/gnupg
	mkdir -m 700 gnupg
	new_key right
	new_key wrong
	gpg -q --export right@example.invalid > right.bin
	rpmsign --define "__gpg $(command -v gpg)" --define '_gpg_name right@example.invalid' --define "_gpg_path $GNUPGHOME" --addsign "$good" > /dev/null
	key=$(gpg -q --with-colons --list-keys right@example.invalid | awk -F: '/^pub/ { print tolower($5) }')
	gpgconf --kill all
}

@test "a name with a newline in the header is refused, and forges nothing" {
	local name
	for name in $'a\nsigner\tRed Hat\nxx' $'a\nclaimed by Red Ha' $'a\tb2345678901234.conf' $'\e]0;title\a78901.conf' "a'"$'\n'"vcs	'git:0123'"; do
		[ "${#name}" -eq 20 ] || name=$(printf '%-20.20s' "$name")
		renamed "$name"
		for verb in inspect verify tree; do
			# shellcheck disable=SC2046  # no word at all
			run "$base_srpm" "$verb" "$srpm" $([[ $verb != tree ]] || echo out) --allow-unsigned
			echo "$output"
			[ "$status" -eq 1 ]
			[[ $output == *"a control character in a name"* ]]
			[[ $output != *$'\e'* && $output != *$'\a'* ]]
			[ "$(grep -c '^[^ ]' <<< "$output")" -eq 1 ]
		done
	done
}

@test "names with a quote and blanks are names" {
	renamed "it's kernel-8.config"
	"$base_srpm" verify "$srpm" --allow-unsigned
	"$base_srpm" inspect "$srpm" --json > info.json
	jq -r '.configs[]' info.json | grep -qx "it's kernel-8.config"
}

@test "C1, bidi and other bytes of a name are shown, not sent to the terminal" {
	renamed $'k\xc2\x9b31m\xe2\x80\xaegfno.config'
	run "$base_srpm" inspect "$srpm" --allow-unsigned
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'k\302\23331m\342\200\256gfno.config'* ]]
	run ! grep -qP '[\x80-\xff]' <<< "$output"
	run "$base_srpm" inspect "$srpm" --json
	run ! grep -qP '[\x80-\xff]' <<< "$output"
}

@test "%prep's own bytes, the file's own name: shown" {
	plain_srpm 'printf "\\033]0;x\\007error: \\nbase-srpm: signed by me\\n"; false'
	run "$base_srpm" tree "$srpm" out --allow-unsigned
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output != *$'\e]0'* ]]
	run ! grep -q '^base-srpm: signed by' <<< "$output"
	cp "$good" $'x\nbase-srpm: k: signed by Red Hat'
	run "$base_srpm" verify $'x\nbase-srpm: k: signed by Red Hat' --allow-unsigned
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(wc -l <<< "$output")" -eq 1 ]
	# Nor as an option or a pattern.
	cp -- "$good" '--eval=%{lua:x}[ab]*?.src.rpm'
	"$base_srpm" verify './--eval=%{lua:x}[ab]*?.src.rpm' --allow-unsigned
}

@test "the signer is rpmkeys' answer; without a key only a claim" {
	signed
	run "$base_srpm" verify "$good" --key right.asc
	echo "$output"
	[[ $output == *": signed by "*"ignature"*"${key: -8}; digests ("*") and archive in order" ]]
	"$base_srpm" inspect "$good" --key right.asc --json > info.json
	[[ $(jq -r .signer info.json) == *ignature*"${key: -8}" ]]
	for trust in --allow-unsigned ""; do
		# shellcheck disable=SC2086  # no word
		run "$base_srpm" inspect "$good" $trust
		[[ $output == *"claims key $key, not checked"* ]]
		[[ $output != *"signed by"* ]]
	done
	run "$base_srpm" verify "$good" --allow-unsigned
	[[ $output == *": claims key $key, not checked; digests ("* ]]
	# A header resealed under the old signature.
	mkdir h
	rpm2cpio "$good" > h/cpio
	perl -pi -e 's/1.patch/2.patch/' h/cpio
	from=1.patch to=2.patch perl "$fixtures/reseal.pl" "$good" h/cpio stale.src.rpm
	run "$base_srpm" verify stale.src.rpm --allow-unsigned
	echo "$output"
	[[ $output != *"signed by"* ]]
	fails_with "signature or digest is not in order" "$base_srpm" verify stale.src.rpm --key right.asc
}

@test "a binary key: armor it" {
	signed
	run "$base_srpm" verify "$good" --key right.bin
	[ "$status" -eq 1 ]
	[[ $output == *"right.bin: a binary key"*"armor it: gpg"* ]]
}

@test "inspect checks the digests, and says which" {
	run "$base_srpm" inspect "$good"
	echo "$output"
	[[ $output =~ digests\ +.*[Hh]eader\ SHA256.*[Pp]ayload\ SHA256.*files\ sha256 ]]
	"$base_srpm" inspect "$good" --json | jq -e '.digests | length > 2'
	at=$(($(stat -c %s "$good") - 100)) perl -0777 -pe 'substr($_, $ENV{at}, 1) ^= "\377"' "$good" > flip.src.rpm
	fails_with "digests are not in order" "$base_srpm" inspect flip.src.rpm
}

@test "a file's digest in the header that is not the payload's is refused, small file or tarball" {
	local file digest
	for file in 1.patch linux-6.1.1.tar.xz; do
		digest=$(rpm --dbpath "$PWD/db" -qp --qf '[%{FILEDIGESTS} %{FILENAMES}\n]' "$good" | awk -v f="$file" '$2 == f { print $1 }')
		rpm2cpio "$good" > cpio
		from=$digest to=$(sha256sum <<< other | cut -d' ' -f1) perl "$fixtures/reseal.pl" "$good" cpio bad.src.rpm
		fails_with "a file's digest in its header is not that of the payload's file" "$base_srpm" verify bad.src.rpm --allow-unsigned
		[[ $output == *"$file"* ]]
		fails_with "a file's digest in its header is not that of the payload's file" "$base_srpm" inspect bad.src.rpm
	done
}

@test "hard links, a file that is cut: the right words" {
	rm -rf R B
	ln S/1.patch S/2.patch
	sed -i 's/^Patch1:.*/&\nPatch2: 2.patch/' S/kernel.spec
	build_srpm
	fails_with "hard links of one file in it; refused: 1.patch 2.patch" "$base_srpm" verify "$srpm" --allow-unsigned
	local size
	size=$(stat -c %s "$good")
	head -c -1 "$good" > cut.src.rpm
	fails_with "cut short: $((size - 1)) of its $size bytes are here" "$base_srpm" verify cut.src.rpm --allow-unsigned
	fails_with "cut short" "$base_srpm" inspect cut.src.rpm
}
