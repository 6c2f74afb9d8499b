#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# make srpm, as Copr calls it, and its SRPM elsewhere: in another directory, without
# network, without the checkout. The base is a small SRPM.

setup_file() {
	local top f
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	fixtures=$BATS_TEST_DIRNAME/fixtures/base-srpm
	cd "$BATS_FILE_TMPDIR" || exit
	# shellcheck source=tests/tools/fixtures/base-srpm/layouts.bash
	. "$fixtures/layouts.bash"
	plain_srpm
	mkdir clone
	(cd "$top" && git ls-files -co --exclude-standard -z | grep -zv '^tests/' | tar --null -T - -cf -) | tar -C clone -xf -
	# One patch that fits the small tree; Kconfig is left out (tests/spec/mini).
	sed -i '/^Patch4000[1-9]:/d' clone/kernel-kvm.spec
	f=$(echo clone/patches/40000-*.patch)
	rm clone/patches/*.patch
	{
		printf 'From 0 Mon Sep 17 00:00:00 2001\nFrom: a <a@b.invalid>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n'
		printf 'Subject: [PATCH] KVM: x86: Do it\n\nWhy.\n\nKernel: any\nProbe: none\nUpstream: no\nSigned-off-by: a <a@b.invalid>\n---\n'
		printf 'diff --git a/init/main.c b/init/main.c\n--- a/init/main.c\n+++ b/init/main.c\n@@ -1,3 +1,4 @@\n int main_1;\n int main_2;\n+int ours;\n int main_3;\n'
	} > "$f"
	cp "$top/tests/spec/mini/stubs" clone/tools/spec/kconfig
	printf 'SRPM = file://%s\nALLOW_UNSIGNED = 1\nCONFIG = full\nBUILDID = .acme\nALLOW_NO_PATCH = 1\nWITHOUT = guestkernel\nWITH = headers\n' \
		"$(realpath "$srpm")" > clone/.copr/base.mk
	# mock's macros: _topdir is not the checkout's.
	mkdir home elsewhere
	echo "%_topdir $PWD/builddir/build" > home/.rpmmacros
	# As Copr: from a directory of the clone, by path.
	cd clone/docs || exit
	HOME=$BATS_FILE_TMPDIR/home make -f "$BATS_FILE_TMPDIR/clone/.copr/Makefile" srpm outdir="../../out put" spec=../kernel-kvm.spec \
		> "$BATS_FILE_TMPDIR/log" 2>&1 || { cat "$BATS_FILE_TMPDIR/log"; return 1; }
}

setup() {
	cd "$BATS_FILE_TMPDIR" || exit
	result="out put/kernel-kvm-6.1.1-2.acme.src.rpm"
	export HOME=$PWD/home
}

@test "Copr's call leaves one SRPM in outdir, with all the sources" {
	[ "$(ls "out put")" = "${result##*/}" ]
	run rpm -qpl --nosignature "$result"
	echo "$output"
	[ "${#lines[@]}" -eq 6 ]
	for f in kernel-kvm.spec base.inc macros.inc kernel-kvm-tools.tar.gz 40000- "${srpm##*/}"; do
		[[ $output == *"$f"* ]]
	done
	# Nothing of the call is left in the clone's SOURCES.
	run grep -c acme clone/SOURCES/base.inc
	[ "$output" = 0 ]
}

# rebuilt OPTION...: rpmspec of the SRPM's spec, as a build system sees it.
rebuilt() {
	rm -rf u
	rpm -i --nosignature --define "_topdir $PWD/u" --dbpath "$PWD/db" "$result" 2> /dev/null
	rpmspec --define "_topdir $PWD/u" "$@" u/SPECS/kernel-kvm.spec
}

@test "a rebuild uses the settings that the SRPM was made with; its own switches override them" {
	[[ $(rebuilt -q --builtrpms --qf '%{name}-%{release} ') == *"kernel-kvm-headers-2.acme "* ]]
	[[ $(rebuilt -P) == *"--config full "* ]]
	[[ $(rebuilt -P) == *"tools/spec/patch apply --allow-no-patch "* ]]
	[[ $(rebuilt -P) != *"guest-kernel"* ]]
	[[ $(rebuilt -P --with guestkernel) == *"guest-kernel"* ]]
	[[ $(rebuilt -q --builtrpms --without headers --qf '%{name} ') != *headers* ]]
	[[ $(rebuilt -q --define 'buildid .b' --qf '%{release} ') == "2.b "* ]]
}

@test "its %prep needs no network and nothing of the checkout" {
	mv clone away
	local net=(unshare --net)
	((EUID == 0)) || net=(unshare --map-current-user --net)
	KERNEL_KVM_NEED_MIB=1 run "${net[@]}" rpmbuild -rp --nodeps --define "_topdir $PWD/elsewhere" --define "_dbpath $PWD/db" "$result"
	mv away clone
	echo "$output"
	[ "$status" -eq 0 ]
	# rpm 4.20 has a folder more.
	local tree
	tree=$(find elsewhere/BUILD -type d -name 'linux-*.acme.x86_64')
	grep -qx 'int ours;' "$tree/init/main.c"
	grep -q fork_3 "$tree/kernel/fork.c"
}

@test "Copr: a base that cannot be fetched stops the build, and is named" {
	run make -f clone/.copr/Makefile srpm outdir="$PWD/none" SRPM="file://$PWD/nowhere.src.rpm"
	[ "$status" -ne 0 ]
	[[ $output == *"curl: "*nowhere.src.rpm* ]]
	[ ! -e none ]
}

@test "OBS reads the spec as rpm does, and leaves its release alone" {
	local obs=/usr/lib/obs-build
	[[ -e $obs/Build.pm ]] || skip "no obs-build here"
	rebuilt -q --buildrequires | sort -u > want
	printf 'Type: spec\nMacros:\n%%rhel 9\n%%dist .el9\n:Macros\n' > prjconf
	perl -I "$obs" -MBuild -MBuild::Rpm -e '
		my $parsed = Build::parse(Build::read_config("x86_64", "prjconf"), "u/SPECS/kernel-kvm.spec");
		print map {"$_\n"} @{$parsed->{deps}}' 2> warnings | sort -u > got
	diff want got
	# What a worker does to a spec first, with its counters for a release.
	BUILD_DIR=$obs "$obs/substitutedeps" --release 3.1 --dist "$PWD/prjconf" --archpath x86_64 --configdir "$obs/configs" \
		u/SPECS/kernel-kvm.spec u/SPECS/obs.spec 2> warnings || { cat warnings; false; }
	[[ $(rpmspec -q --define "_topdir $PWD/u" --qf '%{release}\n' u/SPECS/obs.spec | sort -u) == 2.acme ]]
}
