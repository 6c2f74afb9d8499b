#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # rpms, kverrel, packages are the helpers'
# The packages' metadata and contents, without installing them.

load helpers

setup() {
	find_rpms
	devel=("$rpms"/kernel-kvm-devel-"$(version_of "${packages[1]}")".rpm)
}

# q NAME OPTION...: rpm -qp of kernel-kvm-NAME, or of kernel-kvm if NAME is empty.
q() {
	local name=kernel-kvm${1:+-$1}
	rpm -qp "${@:2}" "$rpms/$name-$(version_of "${packages[1]}").rpm"
}

@test "rpmlint reports nothing" {
	command -v rpmlint > /dev/null || skip "no rpmlint here"
	run rpmlint -c "$BATS_TEST_DIRNAME/../spec/rpmlint.toml" "${packages[@]}" "${devel[@]}"
	echo "$output"
	[[ $output == *" 0 errors, 0 warnings"* ]]
}

@test "the tree's own KVM selftests: rpmlint reports nothing, nearly all of 6.1's 69 are there" {
	command -v rpmlint > /dev/null || skip "no rpmlint here"
	find_rpms2
	local selftests
	selftests=$rpms2/kernel-kvm-selftests-internal-$(version_of "${packages2[1]}").rpm
	[ -f "$selftests" ] || { echo "$selftests: not there; make rpm BUILDID=.kvm2 WITH=selftests"; false; }
	run rpmlint -c "$BATS_TEST_DIRNAME/../spec/rpmlint.toml" "$selftests"
	echo "$output"
	[[ $output == *" 0 errors, 0 warnings"* ]]
	[ "$(rpm -qlp "$selftests" | grep -c '^/usr/libexec/kernel-kvm/selftests/')" -ge 66 ]
}

@test "kernels are install-only and are found by their uname -r" {
	local name
	for name in '' core devel; do
		q "$name" --provides | grep -qx 'installonlypkg(kernel)'
	done
	q modules --provides | grep -qx 'installonlypkg(kernel-module)'
	q core --provides | grep -qx "kernel-uname-r = $kverrel"
	q devel --provides | grep -qx "kernel-devel-uname-r = $kverrel"
	# The self-test is a program like any other: the newest replaces the older.
	run q selftest --provides
	[[ $output != *installonly* ]]
}

@test "modules need their core, not the other way round" {
	local vr
	vr=$(q core --qf '%{version}-%{release}')
	q modules --requires | grep -qxF "kernel-kvm-core(x86-64) = $vr"
	run q core --requires
	[[ $output != *kernel-kvm-modules* ]]
	[[ $(q '' --requires) == *"kernel-kvm-core(x86-64) = $vr"*"kernel-kvm-modules(x86-64) = $vr"* ]]
}

@test "every file of the kernel's packages has KVERREL in its path" {
	run bash -c "rpm -qlp ${packages[1]} ${packages[2]} ${devel[*]} | grep -vF -e '$kverrel' -e /usr/share/licenses/"
	echo "$output"
	# Directories that more than one kernel shares.
	[ "$output" = "/usr/share/kernel-kvm
/usr/src/kernels" ]
}

@test "every file belongs to root, and nobody else can write it" {
	run bash -c "rpm -qlvp ${packages[*]} ${devel[*]} | grep -vxF '(contains no files)' | awk '\$3 != \"root\" || \$4 != \"root\" || (\$1 !~ /^l/ && \$1 ~ /^.....w|^........w/)'"
	echo "$output"
	[ -z "$output" ]
}

@test "scriptlets are plain sh" {
	local name
	for name in core modules; do
		q "$name" --qf '%{PREIN}\n%{POSTIN}\n%{PREUN}\n%{POSTUN}\n%{POSTTRANS}\n' |
			sed 's/^(none)$//' >"$BATS_TEST_TMPDIR/$name"
		dash -n "$BATS_TEST_TMPDIR/$name"
		shellcheck -s dash "$BATS_TEST_TMPDIR/$name"
	done
}

@test "build host and times are the base's, not this machine's" {
	local name times
	for name in '' core modules devel selftest; do
		[ "$(q "$name" --qf '%{BUILDHOST}')" = kernel-kvm ]
		times=$(q "$name" --qf '%{BUILDTIME}\n[%{FILEMTIMES}\n]' | sort -un | tail -n 1)
		[ "$times" -le "$(q core --qf '%{BUILDTIME}')" ]
	done
	run bash -c "rpm -qlp ${packages[*]} ${devel[*]} | grep -E '^/(home|root|tmp|var/tmp)/'"
	[ -z "$output" ]
}
