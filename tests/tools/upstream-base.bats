#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/upstream-base: kernel.org tarballs and git trees as bases, and input that it rejects.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output
# shellcheck disable=SC2154  # top, tools are the helper's

load made-base-helper

made() {
	run "$tools/upstream-base" "$@"
	echo "$output"
}
refused() {
	local want=$1
	shift
	made "$@"
	[ "$status" -eq 1 ]
	[[ $output == *"$want"* ]] || { echo "wanted: $want"; return 1; }
	[ -z "$(find out -name '*.src.rpm')" ]
}
profile_of() {
	"$tools/spec/base-srpm" inspect "$1" --json | jq -r '.profile + " " + (.vcs // "none") + " " + (.configs | length | tostring)'
}

# signer NAME: a key of that name, public part in NAME.asc and NAME.bin.
signer() {
	command -v gpg > /dev/null && command -v gpgv > /dev/null || skip "no gpg and gpgv here: tools/build-deps --install"
	export GNUPGHOME=$PWD/gnupg
	mkdir -p "$GNUPGHOME"
	chmod 700 "$GNUPGHOME"
	gpg --batch --quiet --passphrase '' --quick-gen-key "$1 <$1@b.invalid>" ed25519 sign never 2> /dev/null
	gpg --batch --export "$1@" > "$1.bin"
	gpg --batch --export --armor "$1@" > "$1.asc"
}
teardown() {
	[[ ! -d ${GNUPGHOME:-} ]] || gpgconf --kill gpg-agent || :
}

# --- Tarballs -----------------------------------------------------------------------
@test "a tarball of every compression becomes an SRPM, its tree the tarball's" {
	local ext
	for ext in tar tar.xz tar.gz tgz tar.bz2 tar.zst; do
		rm -rf out t t.base
		tar -caf "linux-8.1.$ext" linux-8.1
		made "linux-8.1.$ext" out --allow-unsigned
		[ "$status" -eq 0 ]
		[ "${lines[-1]}" = out/kernel-8.1.0-1.src.rpm ]
		[[ $output == *"CONFIG=distro is not for it"* ]]
		[ "$(profile_of out/kernel-8.1.0-1.src.rpm)" = "upstream none 0" ]
		"$tools/spec/base-srpm" tree out/kernel-8.1.0-1.src.rpm t --allow-unsigned
		diff -r linux-8.1 t
	done
	# Of the Makefile's time, whenever the file was fetched; the same bytes again.
	[ "$(rpm --dbpath "$PWD/db" -qp --qf '%{BUILDTIME}' out/*.src.rpm)" = "$(date -ud '2026-10-11 12:00' +%s)" ]
	mkdir other
	cp linux-8.1.tar.zst other/
	touch -d 2020-01-01 other/*
	chmod 600 other/*
	made other/linux-8.1.tar.zst out2 --allow-unsigned
	cmp out/*.src.rpm out2/*.src.rpm
	made other/linux-8.1.tar.zst out2 --allow-unsigned
	[[ $output != *made* ]]
}

@test "a release candidate, an EXTRAVERSION of one's own, one that no release can have" {
	tree linux-8.1-rc4 -rc4
	tar -cJf a.tar.xz linux-8.1-rc4
	made a.tar.xz out --allow-unsigned
	[ "${lines[-1]}" = out/kernel-8.1.0-0.rc4.src.rpm ]
	[ "$(profile_of "${lines[-1]}")" = "upstream none 0" ]
	tree linux-8.1-rc4 .my-own
	tar -cJf a.tar.xz linux-8.1-rc4
	made a.tar.xz out --allow-unsigned
	[ "${lines[-1]}" = out/kernel-8.1.0-0.myown.src.rpm ]
	rm out/*
	tree linux-8.1-rc4 '-x%(touch pwned)'
	tar -cJf a.tar.xz linux-8.1-rc4
	refused "its Makefile has EXTRAVERSION" a.tar.xz out --allow-unsigned
	[ -z "$(find . -name pwned)" ]
}

@test "signature: of the uncompressed tar, by one of the keys" {
	signer linus
	signer other
	tar -cf linux-8.1.tar linux-8.1
	gpg --batch --quiet -u linus@ --detach-sign --armor -o linux-8.1.tar.sign linux-8.1.tar
	xz -k linux-8.1.tar
	# Without --allow-unsigned, nothing is accepted unchecked.
	refused "signed (linux-8.1.tar.sign), but no key to check it with" linux-8.1.tar.xz out
	refused "is not in order" linux-8.1.tar.xz out --key other.asc
	refused "none.asc: key cannot be read" linux-8.1.tar.xz out --key none.asc
	echo "no key" > junk
	refused "is not in order" linux-8.1.tar.xz out --key junk
	made linux-8.1.tar.xz out --key other.bin --key linus.asc
	[ "$status" -eq 0 ]
	[[ $output == *"linux-8.1.tar.xz: signed by \"linus <linus@b.invalid>\""* ]]
	made linux-8.1.tar.xz out2 --key linus.bin
	[ "$status" -eq 0 ]
	# The findings are not reused when the signature, key or file differs.
	rm -r out/*.src.rpm
	mv linux-8.1.tar.sign s
	refused "no linux-8.1.tar.sign beside it, but a key was given" linux-8.1.tar.xz out --key linus.asc
	refused "not signed: no linux-8.1.tar.sign beside it" linux-8.1.tar.xz out
	mv s linux-8.1.tar.sign
	refused "is not in order" linux-8.1.tar.xz out --key other.asc
	echo 'int more;' >> linux-8.1/init/Kconfig
	tar -cJf linux-8.1.tar.xz linux-8.1
	refused "BAD signature" linux-8.1.tar.xz out --key linus.asc
	made linux-8.1.tar.xz out --allow-unsigned
	[ "$status" -eq 0 ]
}

@test "damaged tarballs, other files" {
	tar -cJf linux-8.1.tar.xz linux-8.1
	# In a file's padding, where tar(1) takes it; in a file.
	tar --sort=name -cf whole.tar linux-8.1
	head -c 3000 whole.tar > cut.tar
	head -c 1000 whole.tar > cut2.tar
	cp linux-8.1.tar.xz cut.tar.xz
	truncate -s -20 cut.tar.xz
	: > empty.tar
	tar -cf none.tar -T /dev/null
	head -c 3000 /dev/urandom > random.tar.gz
	echo hello > notes.txt
	local file want
	while IFS='|' read -r file want; do
		refused "$want" "$file" out --allow-unsigned || return 1
	done <<-'END'
		cut2.tar|not a tar archive, or damaged
		gone.tar.xz|gone.tar.xz: not found
		notes.txt|neither a .src.rpm nor a tarball
		cut.tar|not a tar archive, or damaged
		cut.tar.xz|Unexpected end of input
		empty.tar|not a tar archive
		none.tar|it is empty
		random.tar.gz|not in gzip format
	END
	refused "REF=v1: linux-8.1.tar.xz is not a directory" linux-8.1.tar.xz out --ref v1 --allow-unsigned
	[ -z "$(ls out)" ]
}

@test "hostile tarballs: members outside of the one directory, not a kernel tree, strange names" {
	local how want
	while IFS='|' read -r how want; do
		rm -rf h bad.tar
		tree h
		eval "$how" 2> /dev/null
		[ -e bad.tar ] || tar -cf bad.tar h
		refused "$want" bad.tar out --allow-unsigned || { echo "$how"; return 1; }
	done <<-'END'
		tar -cPf bad.tar --transform 's,^h/Kconfig,/tmp/Kconfig,' h|begins at the root: /tmp/Kconfig
		tar -cPf bad.tar --transform 's,^h/Kconfig,h/../../Kconfig,' h|leads upwards: h/../../Kconfig
		tar -cPf bad.tar --transform 's,^h/Kconfig,../Kconfig,;s,^\.\./\.\.,..,' h|leads upwards: ../Kconfig
		ln -s ../.. h/up|a link leads out of it: h/up to ../..
		ln -s /etc h/etc|a link leads out of it: h/etc to /etc
		ln -s kernel/../../../x h/init/l|a link leads out of it
		ln h/Makefile h/hard; tar -cPf bad.tar --transform 's,^h/Makefile,/etc/passwd,Sh' h|begins at the root
		mkfifo h/fifo|neither file, directory nor link
		mkdir o; touch o/f; tar -cf bad.tar h o|two directories at its top: h and o
		tar -cf bad.tar -C h .|two directories at its top
		rm -r h/arch|not a kernel tree: expected Makefile, Kconfig and arch/x86/kvm in h
		rm h/Kconfig|not a kernel tree
		rm h/Makefile; ln -s Kconfig h/Makefile|not a kernel tree
		echo > h/Makefile|no VERSION and PATCHLEVEL
		mv h "h h"; tar -cf bad.tar "h h"; rm -r "h h"|not a directory's name as kernel.org has them
		mv h '$(touch pwned)'; tar -cf bad.tar '$(touch pwned)'; rm -r '$(touch pwned)'|not a directory's name
		mv h ./-h; tar -cf bad.tar ./-h; rm -r ./-h|not a directory's name
	END
	[ -z "$(find . -name pwned)" ]
	# Links within the tree are the kernel's own.
	rm -rf h bad.tar
	tree h
	ln -s ../../h/arch/../Kconfig h/init/l && ln -s ../arch h/init/arch
	tar -cf bad.tar h
	refused "a link leads out of it" bad.tar out --allow-unsigned
	rm h/init/l
	tar -cf bad.tar h
	made bad.tar out --allow-unsigned
	[ "$status" -eq 0 ]
}

# --- Git trees ----------------------------------------------------------------------
git_tree() {
	git config --global user.name K
	git config --global user.email k@b.invalid
	git config --global init.defaultBranch master
	tree kvm -rc3
	git -C kvm init -q
	git -C kvm add -A
	GIT_COMMITTER_DATE='2026-10-11T12:00Z' git -C kvm commit -qm one
	git -C kvm tag -a -m x v8.1-rc3
	echo 'int more;' >> kvm/arch/x86/kvm/x86.c
	GIT_COMMITTER_DATE='2026-10-12T12:00Z' git -C kvm commit -qam two
	first=$(git -C kvm rev-parse 'v8.1-rc3^{commit}')
	second=$(git -C kvm rev-parse HEAD)
}

@test "git: a tag, a branch, a commit, HEAD; bare or not; the same bytes" {
	git_tree
	local srpm=out/kernel-8.1.0-0.rc3.20261011git${first:0:12}.src.rpm
	made kvm out --ref v8.1-rc3
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "$srpm" ]
	[ "$(profile_of "$srpm")" = "upstream git:$first#v8.1-rc3 0" ]
	"$tools/spec/base-srpm" tree "$srpm" t --allow-unsigned
	mkdir whole
	git -C kvm archive v8.1-rc3 | tar -C whole -xf -
	diff -r whole t
	[ "$(jq -r .vcs t.base/info.json)" = "git:$first#v8.1-rc3" ]
	[ "$(rpm --dbpath "$PWD/db" -qp --qf '%{BUILDTIME}' "$srpm")" = "$(date -ud '2026-10-11 12:00' +%s)" ]
	# Made once.
	made kvm out --ref "$first"
	[ "${lines[-1]}" = "$srpm" ]
	[[ $output != *packing* ]]
	# Elsewhere, bare, under settings that would change the bytes.
	git clone -q --bare kvm kvm.git
	git config --global core.autocrlf true
	git config --global tar.umask 0077
	made kvm.git out2 --ref v8.1-rc3
	cmp "$srpm" "out2/${srpm##*/}"
	made kvm out
	[[ $output == *"no REF=: HEAD is taken"* ]]
	[ "${lines[-1]}" = "out/kernel-8.1.0-0.rc3.20261012git${second:0:12}.src.rpm" ]
	[[ $(profile_of "${lines[-1]}") == "upstream git:$second#v8.1-rc3-1-g${second:0:12} 0" ]]
}

@test "git: uncommitted changes are left out, with a warning" {
	git_tree
	echo 'int dirty;' >> kvm/arch/x86/kvm/x86.c
	made kvm out --ref master
	[ "$status" -eq 0 ]
	[[ $output == *"kvm has uncommitted changes (1 files); they are not in the base"* ]]
	"$tools/spec/base-srpm" tree "${lines[-1]}" t --allow-unsigned
	[ "$(cat t/arch/x86/kvm/x86.c)" = $'int kvm;\nint more;' ]
	# With another commit, nobody expects them.
	made kvm out --ref v8.1-rc3
	[[ $output != *uncommitted* ]]
}

@test "git: no such commit, not a git tree, no kernel, shallow" {
	git_tree
	refused "REF=v9: no such commit in $PWD/kvm" kvm out --ref v9
	[[ $output == *"git -C $PWD/kvm tag"* ]]
	refused "REF=--all: expected a tag, a branch or a commit" kvm out --ref --all
	refused "$PWD/linux-8.1: not a git tree" linux-8.1 out --ref v9
	[[ $output == *"tar -cJf linux-V.tar.xz"* ]]
	# Below the top of one, and a tree that lies in another's.
	refused "$PWD/kvm/init: not a git tree" kvm/init out
	tree kvm/other
	refused "$PWD/kvm/other: not a git tree" kvm/other out
	git -C kvm rm -rq arch
	git -C kvm commit -qm three
	refused "no kernel's tree at HEAD: no arch/x86/kvm in it" kvm out
	git -C kvm reset -q --hard HEAD^
	git clone -q --depth 1 "file://$PWD/kvm" shallow
	refused "the tree is shallow: git -C $PWD/shallow fetch" shallow out --ref v8.1-rc3
	made shallow out
	[ "$status" -eq 0 ]
	[ "$(profile_of "${lines[-1]}")" = "upstream git:$second#${second:0:12} 0" ]
	git init -q empty
	rm out/*
	refused "REF=HEAD: no such commit" empty out
}

@test "git: a tag's name is no macro of rpm's" {
	git_tree
	# shellcheck disable=SC2016  # it is not to be expanded, by nobody
	git -C kvm tag -a -m x 'v%(touch${IFS}pwned)'
	made kvm out
	[ "$status" -eq 0 ]
	[ "$(profile_of "${lines[-1]}")" = "upstream git:$second#${second:0:12} 0" ]
	[ -z "$(find . -name pwned)" ]
}

@test "git: with a key, REF is a tag signed by it" {
	signer linus
	signer other
	git_tree
	git -C kvm -c user.signingkey=linus@b.invalid tag -s -m x v8.1-rc3-signed
	made kvm out --ref v8.1-rc3-signed --key other.asc --key linus.asc
	[ "$status" -eq 0 ]
	[[ $output == *"v8.1-rc3-signed: signed by \"linus "* ]]
	rm out/*
	refused "the tag's signature is not in order" kvm out --ref v8.1-rc3-signed --key other.asc
	refused "REF=v8.1-rc3: not a signed tag" kvm out --ref v8.1-rc3 --key linus.asc
	refused "REF=HEAD: not a signed tag" kvm out --key linus.asc
	# The signature of one tag under another's name.
	git -C kvm cat-file tag v8.1-rc3-signed | sed "s/^object .*/object $first/" > forged
	git -C kvm tag forged "$(git -C kvm hash-object -t tag -w --stdin < forged)"
	refused "the tag's signature is not in order" kvm out --ref forged --key linus.asc
}

# --- make sources -------------------------------------------------------------------
@test "make SRPM=tarball, SRPM=DIR REF=: pinned as any base; REF alone is refused" {
	git_tree
	mkdir co
	(cd "$top" && git ls-files -co --exclude-standard -z | grep -zv '^tests/' | tar --null -T - -cf -) | tar -C co -xf -
	printf '#!/bin/sh\necho "$@" >> %s/deps\n' "$PWD" > co/tools/build-deps
	tar -cJf linux-8.1.tar.xz linux-8.1
	make -C co sources SRPM="$PWD/linux-8.1.tar.xz" ALLOW_UNSIGNED=1
	grep -qx '%global base_nevra kernel-0:8.1.0-1.src' co/SOURCES/base.inc
	grep -qx '%global base_config 0' co/SOURCES/base.inc
	# It needs no package of Debian's.
	grep -q -e '--base none' deps
	# As a shell that leaves the tilde to us gives it.
	# shellcheck disable=SC2088
	make -C co sources SRPM='~/kvm' REF=v8.1-rc3
	grep -qx "%global base_release 0.rc3.20261011git${first:0:12}" co/SOURCES/base.inc
	run make -C co sources SRPM="$PWD/linux-8.1.tar.xz"
	[ "$status" -ne 0 ]
	[[ $output == *"not signed: no linux-8.1.tar.sign beside it"* ]]
	run make -C co sources REF=v8.1-rc3
	[ "$status" -ne 0 ]
	[[ $output == *"REF=v8.1-rc3: which git tree?"* ]]
	run make -C co sources SRPM="$PWD/out/kernel.src.rpm" REF=v8.1-rc3
	[ "$status" -ne 0 ]
	[[ $output == *"kernel.src.rpm is not a directory"* ]]
}
