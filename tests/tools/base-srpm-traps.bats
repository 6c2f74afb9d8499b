#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# base-srpm and what silently goes wrong with distribution SRPMs elsewhere: each
# test fails when the handling it is about is taken out.
# shellcheck disable=SC2030,SC2031,SC2119,SC2154  # bats' run sets status and output

bats_require_minimum_version 1.5.0

load fixtures/base-srpm/setup

tree() {
	"$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1 || { cat log; return 1; }
}

@test "git apply in a checkout: the work directory is inside one, the patch lands" {
	srpm_of el9
	git init -q .
	tree
	cmp out/kernel/fork.c work/kernel/fork.c
}

@test "git in a checkout passes over a binary patch: that is no proof of it" {
	sources_of debian
	printf '\0\1\2\3' > work/kernel/logo.gif
	(cd work && git diff --no-index --binary /dev/null kernel/logo.gif > ../S/1.patch) || :
	grep -q '^GIT binary patch' S/1.patch
	debian_spec 'git apply %{PATCH1}'
	build_srpm
	git init -q .
	tree
	cmp out/kernel/logo.gif work/kernel/logo.gif
	grep -q '1 patches of the base proven' log
	rm -r out out.base
	debian_spec 'git apply %{PATCH1}; rm kernel/logo.gif'
	build_srpm
	fails_with "1.patch: not in the finished tree" "$base_srpm" tree "$srpm" out --allow-unsigned
}

@test "ApplyOptionalPatch leaves out patches of 9 lines or fewer: said, with the reason" {
	sources_of el7
	printf -- '--- a/kernel/fork.c\n+++ b/kernel/fork.c\n@@ -40 +40 @@\n-int fork_40;\n+int fork_x;\n' > S/linux-kernel-test.patch
	build_srpm
	fails_with "linux-kernel-test.patch: not in the finished tree" "$base_srpm" tree "$srpm" out --allow-unsigned
	[[ $output == *"9 lines or fewer"* ]]
}

@test "ApplyPatch looks for NAME.spec and one space: another name, two spaces" {
	sources_of el7
	sed -i 's/^Patch1000: /Patch1000:  /' S/kernel.spec
	mv S/kernel.spec S/other.spec
	build_srpm
	tree
	cmp out/kernel/fork.c work/kernel/fork.c
}

# placed NAME SPEC: what place_spec makes of S/SPEC in the SRPM of NAME, in T/SPECS.
placed() {
	mkdir -p T/SOURCES T/SPECS
	cp "S/$2" T/SOURCES/
	(
		# shellcheck disable=SC2034  # place_spec's
		spec=$2 name_tag=$1 here=$top/tools/spec
		info() { echo "$@"; }
		# shellcheck source=tools/spec/base-srpm.d/spec.sh
		. "$top/tools/spec/base-srpm.d/spec.sh"
		place_spec T
	)
}

@test "the spec is there under its own name, the package's and kernel.spec, Patch lines as ApplyPatch wants them" {
	mkdir S
	printf 'Patch1:  two.patch\nPatch2:\ttab.patch\nPatch3: blank.patch \t\nPatch4:none.patch\nPatch5 : before.patch\npatch6: small.patch\n' > S/other.spec
	placed kernel-plus other.spec
	local name
	for name in other kernel-plus kernel; do
		cmp "T/SPECS/$name.spec" <(
			printf 'Patch%s.patch\n' '1: two' '2: tab' '3: blank' '4: none' '5: before' '6: small'
		)
	done
}

@test "a patch that ApplyPatch applies and no Patch line names: the line of the spec" {
	sources_of el7
	sed -i -e 's/^Patch1000:/Source1000:/' S/kernel.spec
	build_srpm
	fails_with "no line \"PatchN: debrand-single-cpu.patch\"" "$base_srpm" tree "$srpm" out --allow-unsigned
	[[ $output =~ kernel.spec:[0-9]+: ]]
}

@test "a patch that is listed is found among ever so many" {
	sources_of el7
	# More than a pipe holds; none of them has to be there.
	sed -i "/^Patch1000:/r /dev/stdin" S/kernel.spec < <(
		echo '%if 0'
		seq 10001 11500 | sed 's/.*/Patch2&: a-patch-with-a-name-as-long-as-those-of-git-format-patch-&.patch/'
		echo '%endif'
	)
	build_srpm
	tree
}

@test "an rpm2cpio that goes on writing after cpio has seen the end" {
	local real
	srpm_of el9
	real=$(command -v rpm2cpio)
	mkdir bin
	# More than a pipe holds, where the payload is unpacked.
	# shellcheck disable=SC2016  # for the shell that runs it
	printf '#!/bin/sh\n%s "$@" || exit\ncase $PWD in */SOURCES) head -c 100000 /dev/zero ;; esac\n' "$real" > bin/rpm2cpio
	chmod +x bin/rpm2cpio
	PATH=$PWD/bin:$PATH tree
}

@test "sh is bash: in %prep, in what is piped into sh" {
	# shellcheck disable=SC2016  # for %prep's shells
	plain_srpm '%patch1 -p1
x=abcdef; test "${x:0:3}" = abc
echo "set -e; trap false ERR; x=abcdef; test \"\${x:0:3}\" = abc" | sh'
	tree
}

@test "x86_64 whatever the machine calls itself" {
	setarch i686 true 2>/dev/null || skip "no 32-bit personality here"
	plain_srpm 'test %{_target_cpu} = x86_64
%ifnarch x86_64
exit 1
%endif
%patch1 -p1'
	setarch i686 "$base_srpm" tree "$srpm" out --allow-unsigned
}

@test "%patchN, which rpm >= 4.20 has not, is given as %patch -P N" {
	plain_srpm
	placed kernel kernel.spec
	grep -qx '%patch -P 1 -p1' T/SPECS/kernel.spec
	run ! grep -q '%patch[0-9]' T/SPECS/kernel.spec
	# Nor the one that means Patch0.
	sources_of debian
	debian_spec '%patch -p1'
	sed -i 's/^Patch1:/Patch0:/' S/kernel.spec
	build_srpm
	rm -rf T
	placed kernel kernel.spec
	grep -qx '%patch -P 0 -p1' T/SPECS/kernel.spec
	"$base_srpm" tree "$srpm" out --allow-unsigned
}

@test "%patch -P N, -PN, N and %patchN are recorded" {
	local form
	for form in '%patch -P 1 -p1' '%patch -P1 -p1' '%patch 1 -p1' '%patch1 -p1'; do
		# "%patch 1" is patch 1 since rpm 4.18; before, it was patch 0 and a file "1".
		[[ $form != '%patch 1 -p1' || $(printf '%s\n' 4.18 "$(rpm --version | sed 's/.* //')" | sort -V | head -n 1) == 4.18 ]] || continue
		plain_srpm "$form"
		rm -rf out out.base
		tree
		[ "$(jq -c .patches out.base/info.json)" = '[{"file":"1.patch","mechanism":"patch","strip":1}]' ] || { echo "$form"; cat out.base/info.json; return 1; }
	done
}

@test "a build directory per package, as rpm >= 4.20 has it" {
	sources_of debian
	debian_spec
	sed -i '1s|^|%global _builddir %{_topdir}/BUILD/kernel-6.1.1-build\n|' S/kernel.spec
	sed -i 's|^%prep|%prep\nmkdir -p %{_builddir}; cd %{_builddir}|' S/kernel.spec
	build_srpm
	tree
	cmp out/kernel/fork.c work/kernel/fork.c
}

# repacked FAMILY COMMAND...: its SRPM, after COMMAND in the tree of its tarball.
repacked() {
	local tarball
	sources_of "$1"
	shift
	tarball=$(basename S/linux-*.tar.xz)
	rm "S/$tarball"
	(cd pristine && "$@")
	pack "$tarball" "${tarball%.tar.xz}"
	build_srpm
}

@test "configs in the tarball: el7 wants the link, later ones no directory; said" {
	repacked el7 rm configs
	fails_with 'no "configs" link' "$base_srpm" tree "$srpm" out --allow-unsigned
	repacked el9 mkdir configs
	fails_with 'a real directory "configs"' "$base_srpm" tree "$srpm" out --allow-unsigned
	# A link is as good as none there.
	repacked el9 ln -s ../configs configs
	tree
}

@test "config checks, which another compiler fails, are off in every generation that has them" {
	local family
	for family in el8 el9 el10 fedora; do
		sources_of "$family"
		sed -i 's/^%prep/&\n%{!?_without_configchecks:exit 1}/' S/kernel.spec
		build_srpm
		tree || { echo "$family"; return 1; }
		rm -r out out.base
	done
}

@test "%prep rewrites what patches touch: shebangs, COPYING, .gitignore, *.orig" {
	sources_of debian
	sed -i -e 's/^# show/# shown/' -e '1s/$/3/' work/scripts/show_delta
	sed -i 1d work/.gitignore
	sed -i '1s/$/ now/' work/COPYING
	{ diff -ruN --label a/x --label b/x pristine/scripts/show_delta work/scripts/show_delta | sed 's|/x$|/scripts/show_delta|'
	  diff -u pristine/.gitignore work/.gitignore | sed -e '1,2s|pristine|a|; 1,2s|work|b|'
	  diff -u pristine/COPYING work/COPYING | sed -e '1,2s|pristine|a|; 1,2s|work|b|'
	} > S/1.patch || :
	debian_spec '%patch1 -p1
touch kernel/fork.c.orig
pathfix.py -i "/usr/bin/python3 -s" -p -n scripts/show_delta
mv COPYING COPYING-6.1.1
find . -name .gitignore -delete
find . -name "*.orig" -delete'
	build_srpm
	tree
	grep -q '1 patches of the base proven' log
}

@test "%prep removes files that a patch made: the rest of it is proven, git's form or not" {
	sources_of debian
	local f
	for f in .scmversion .gitattributes .mailmap kernel/new.c; do
		echo made > "work/$f"
		diff -u --label /dev/null --label "b/$f" /dev/null "work/$f"
	done > plain.patch || :
	for f in .scmversion .gitattributes .mailmap kernel/new.c; do
		(cd work && git diff --no-index /dev/null "$f")
	done > git.patch || :
	for f in plain git; do
		cp "$f.patch" S/1.patch
		debian_spec '%patch1 -p1
rm .scmversion .gitattributes .mailmap
touch .scmversion'
		build_srpm
		tree || { echo "$f"; return 1; }
		grep -q '1 patches of the base proven' log
		rm -r out out.base
		sed -i 's/^touch .scmversion/rm kernel\/new.c/' S/kernel.spec
		build_srpm
		fails_with "1.patch: not in the finished tree" "$base_srpm" tree "$srpm" out --allow-unsigned
	done
}

@test "patches a loop reads from its list are found in the tree; the ones left out are named" {
	sources_of debian
	patch_of 2.patch kernel/fork.c 9
	# shellcheck disable=SC2016  # for %prep's shell
	debian_spec 'cd . && while read -r p; do patch -s -p1 < %{_sourcedir}/$p; done < %{_sourcedir}/order'
	sed -i 's/^Patch1:.*/Patch1: 1.patch\nPatch2: 2.patch\nSource2: order/' S/kernel.spec
	echo 1.patch > S/order
	build_srpm
	tree
	grep -q '2.patch: in the SRPM, but' log
	[ "$(jq -c .unapplied out.base/info.json)" = '["2.patch"]' ]
	[ "$(jq -c '[.patches[].file]' out.base/info.json)" = '["1.patch"]' ]
}

@test "taken back by -R, applied in a subdirectory: both are as %prep says" {
	sources_of debian
	patch_of 2.patch init/main.c 9
	debian_spec '%patch1 -p1
%patch1 -p1 -R
cd init
patch -p2 < %{PATCH2}
cd ..'
	sed -i 's/^Patch1:.*/Patch1: 1.patch\nPatch2: 2.patch/' S/kernel.spec
	build_srpm
	tree
	run ! grep -q '1.patch' out/kernel/fork.c
	cmp out/init/main.c work/init/main.c
}

@test "payload names that begin with ./" {
	plain_srpm
	mkdir h
	(cd h && rpm2cpio "$srpm" | cpio -id --quiet && perl "$fixtures/newc.pl" ./ -- * > ../h.cpio)
	perl "$fixtures/reseal.pl" "$srpm" h.cpio dot.src.rpm
	rpm2cpio dot.src.rpm | cpio -t --quiet | grep -qxF ./1.patch
	srpm=dot.src.rpm
	"$base_srpm" inspect "$srpm"
	tree
	# And in the header.
	mkdir bin
	printf '#!/bin/bash\n%s "$@" | sed "s|^\\(MEMBER\\t[0-9]*\\t.\\)|\\1./|"\n' "$(command -v rpm)" > bin/rpm
	chmod +x bin/rpm
	PATH="$PWD/bin:$PATH" "$base_srpm" inspect "$srpm" --json > info.json
	jq -r '.configs[]' info.json | grep -qx kernel-x86_64.config
	PATH="$PWD/bin:$PATH" "$base_srpm" verify "$srpm" --allow-unsigned
}

@test "nothing of the SRPM runs before it is trusted" {
	sources_of debian
	debian_spec '%patch1 -p1
test "%{ran}" = y'
	sed -i "1s|^|%global ran %(touch $PWD/ran; echo y)\n|" S/kernel.spec
	build_srpm
	rm -f ran
	"$base_srpm" inspect "$srpm" --json > /dev/null
	[ ! -e ran ]
	run "$base_srpm" tree "$srpm" out
	[ "$status" -eq 1 ]
	[ ! -e ran ]
	# What it runs after that is shut in.
	tree
}

@test "a spec under the wrong macros calls itself something else: said" {
	sources_of debian
	debian_spec
	sed -i 's/^Release:.*/Release: 2%{?extra}/' S/kernel.spec
	build_srpm --define 'extra 1'
	tree
	grep -q 'calls itself kernel-6.1.1-2 under profile debian, the SRPM is kernel-6.1.1-21' log
}

@test "signed: the right key passes, another and a flipped byte do not" {
	command -v gpg >/dev/null || skip "no gpg here"
	plain_srpm
	export GNUPGHOME=$PWD/gnupg
	mkdir -m 700 gnupg
	local who
	for who in right wrong; do
		gpg -q --batch --pinentry-mode loopback --passphrase '' --quick-gen-key "$who@example.invalid" rsa2048 sign never
		gpg -q --armor --export "$who@example.invalid" > "$who.asc"
	done
	rpmsign --define "__gpg $(command -v gpg)" --define '_gpg_name right@example.invalid' --define "_gpg_path $GNUPGHOME" --addsign "$srpm" > /dev/null
	gpgconf --kill all
	run "$base_srpm" verify "$srpm" --key right.asc
	[ "$status" -eq 0 ]
	[[ $output == *": signed by "*"; digests ("*") and archive in order" ]]
	"$base_srpm" verify "$srpm" --key wrong.asc --key right.asc
	fails_with "signature or digest is not in order" "$base_srpm" verify "$srpm" --key wrong.asc
	fails_with "signed, but no key to check it with" "$base_srpm" verify "$srpm"
	"$base_srpm" import "$srpm" --sources sources --key right.asc
	grep -qx '%global base_version 6.1.1' sources/base.inc
}

@test "doctor names what is absent, under the host's package names, and stand-ins" {
	srpm_of el8
	run "$base_srpm" doctor "$srpm" --allow-unsigned
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	[[ $output == *git* ]]
	# A PATH with all but git and xz.
	mkdir bin
	# The first of a name stays; the others are refused, which is right.
	ln -s -t bin /usr/sbin/* /usr/bin/* /sbin/* /bin/* 2> /dev/null || :
	rm bin/git bin/xz
	run env PATH="$PWD/bin" "$base_srpm" doctor "$srpm" --allow-unsigned
	[ "$status" -eq 1 ]
	[[ $output == *"git: needed by %prep, not here"* && $output == *"xz: needed by %prep"* ]]
	[[ $output == *"apt-get install git"* || $output == *"dnf install git-core"* ]]
	# And tree says so before it unpacks.
	run env PATH="$PWD/bin" "$base_srpm" tree "$srpm" out --allow-unsigned
	[ "$status" -eq 1 ]
	[[ $output == *"git: needed by %prep, not here"* ]]
	[ ! -e out ]
}

@test "doctor sees the patch that %autosetup and %autopatch call" {
	local family
	mkdir bin
	ln -s -t bin /usr/sbin/* /usr/bin/* /sbin/* /bin/* 2> /dev/null || :
	rm bin/patch
	for family in xcpng photon; do
		srpm_of "$family"
		run env PATH="$PWD/bin" "$base_srpm" doctor "$srpm" --allow-unsigned
		[[ $status -eq 1 && $output == *"patch: needed by %prep, not here"* ]] || { echo "$output"; return 1; }
	done
}

@test "pathfix.py names the file that is not there last" {
	sources_of el8
	sed -i 's,^\(pathfix.py .*\) \\$,\1 scripts/not-here Makefile Kconfig Kbuild MAINTAINERS scripts/checkpatch.pl \\,' S/kernel.spec
	build_srpm
	mkdir bin
	ln -s -t bin /usr/sbin/* /usr/bin/* /sbin/* /bin/* 2> /dev/null || :
	rm -f bin/pathfix.py
	run env PATH="$PWD/bin" "$base_srpm" tree "$srpm" out --allow-unsigned
	[[ $status -eq 1 && $output == *"pathfix.py: scripts/not-here: not found"* ]] || { echo "$output"; return 1; }
}
