#!/usr/bin/env bats
# base-srpm and what silently goes wrong with distribution SRPMs elsewhere: each
# test fails when the handling it is about is taken out.
# shellcheck disable=SC2030,SC2031,SC2119  # bats' run sets status and output

bats_require_minimum_version 1.5.0

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	base_srpm=$top/tools/base-srpm
	fixtures=$BATS_TEST_DIRNAME/fixtures/base-srpm
	cd "$BATS_TEST_TMPDIR" || exit
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
	# shellcheck source=tests/tools/fixtures/base-srpm/layouts.bash
	. "$fixtures/layouts.bash"
}

tree() {
	"$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1 || { cat log; return 1; }
}

@test "git apply in a checkout: the work directory is inside one, the patch lands" {
	srpm_of el9
	git init -q .
	tree
	cmp out/kernel/fork.c work/kernel/fork.c
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
	rpmbuild -bs --quiet --nodeps --target x86_64 --define "_topdir $PWD/R" --define "_sourcedir $PWD/S" \
		--define "_dbpath $PWD/db" --define 'dist .el7' --define 'rhel 7' S/other.spec > rpmbuild.log 2>&1
	srpm=$(echo R/SRPMS/*.src.rpm)
	tree
	cmp out/kernel/fork.c work/kernel/fork.c
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
	mkdir -p T/SOURCES T/SPECS
	cp S/kernel.spec T/SOURCES/
	(
		# shellcheck disable=SC2034  # place_spec's
		spec=kernel.spec name_tag=kernel
		# shellcheck source=tools/base-srpm.d/spec.sh
		. "$top/tools/base-srpm.d/spec.sh"
		place_spec T
	)
	grep -qx '%patch -P 1 -p1' T/SPECS/kernel.spec
	run ! grep -q '%patch[0-9]' T/SPECS/kernel.spec
}

@test "a build directory per package, as rpm >= 4.20 has it" {
	sources_of debian
	debian_spec
	sed -i '1s|^|%global _builddir %{_topdir}/BUILD/kernel-6.1.1-build\n|' S/kernel.spec
	sed -i 's|^%prep|%prep\nmkdir -p %{_builddir}; cd %{_builddir}|' S/kernel.spec
	build_srpm
	mkdir -p R/BUILD
	run "$base_srpm" tree "$srpm" out --allow-unsigned
	[ "$status" -eq 0 ] || [[ $output == *"kernel-6.1.1-build"* ]]
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
}

@test "nothing of the SRPM runs before it is trusted" {
	sources_of debian
	debian_spec
	sed -i "1s|^|%global x %(touch $PWD/ran; echo y)\n|" S/kernel.spec
	build_srpm
	rm -f ran
	"$base_srpm" inspect "$srpm" --json > /dev/null
	[ ! -e ran ]
	run "$base_srpm" tree "$srpm" out
	[ "$status" -eq 1 ]
	[ ! -e ran ]
	tree
	[ -e ran ]
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
	"$base_srpm" verify "$srpm" --key right.asc
	"$base_srpm" verify "$srpm" --key wrong.asc --key right.asc
	fails_with "signature or digest is not in order" "$base_srpm" verify "$srpm" --key wrong.asc
	fails_with "signed, but no key to check it with" "$base_srpm" verify "$srpm"
	"$base_srpm" import "$srpm" --sources sources --key right.asc
	grep -qx '%global base_signed 1' sources/base.inc
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
