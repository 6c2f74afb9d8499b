#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/machine/verify's and tools/machine/boot's parts that need neither root nor a kernel.

tools=$BATS_TEST_DIRNAME/../../tools

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

tap() {
	"$tools/machine/verify.d/tap" "$@" 2>&1
}

@test "tap: counts what passed and what was skipped" {
	printf '%s\r\n' 'TAP version 13' '# hello' 1..3 'ok 1 a' 'ok 2 b # SKIP no c' 'ok 3 d' >t
	run tap t a d
	[ "$status" -eq 0 ]
	[ "$output" = "2 checks passed, 1 skipped" ]
}

@test "tap: a failed check is named, with what it said" {
	printf '%s\n' 1..2 '# vm/a-b: all is well' 'ok 1 vm/a-b' '# vm/device: no such: device' '# advice: Ask.' 'not ok 2 vm/device' >t
	run tap t
	[ "$status" -eq 1 ]
	[[ $output == "1 of 2 checks failed:"*"not ok 2 vm/device: no such: device" ]]
}

@test "tap: an expected failure does not count as one" {
	printf '%s\n' 1..2 'ok 1 a' 'not ok 2 b # XFAIL known' >t
	run tap t
	[ "$status" -eq 0 ]
}

@test "tap: a run cut short is no pass" {
	printf '%s\n' 1..3 'ok 1 a' 'ok 2 b' >t
	run tap t
	[ "$status" -eq 1 ]
	[[ $output == *"3 checks planned, 2 reported, the last b:"* ]]
}

@test "tap: no plan, nothing at all, everything skipped, bail out: no pass" {
	echo 'ok 1 a' >t
	run tap t
	[ "$status" -eq 1 ]
	: >t
	run tap t
	[ "$status" -eq 1 ]
	[[ $output == *"no plan"* ]]
	printf '%s\n' 1..1 'ok 1 a # SKIP why' >t
	run tap t
	[ "$status" -eq 1 ]
	[[ $output == *"no check passed"* ]]
	printf '%s\n' 1..1 'ok 1 a' 'Bail out! no memory' >t
	run tap t
	[ "$status" -eq 1 ]
	[[ $output == *"no memory"* ]]
}

@test "tap: a check that must pass is neither skipped nor missing" {
	printf '%s\n' 1..2 'ok 1 a' 'ok 2 linux/boot # SKIP no guest kernel' >t
	run tap t a linux/boot
	[ "$status" -eq 1 ]
	[[ $output == *linux/boot*"no guest kernel"* ]]
	run tap t a host/kernel
	[ "$status" -eq 1 ]
	[[ $output == *host/kernel*"not there"* ]]
}

# fake_rpm NAME VERSION: a package of nothing, with the Provides that matter.
fake_rpm() {
	cat >"$1.spec" <<-END
		Name: $1
		Version: $2
		Release: 1
		Summary: none
		License: none
		BuildArch: x86_64
		$([[ $1 != *-core ]] || echo "Provides: kernel-uname-r = $2-1.x86_64")
		%description
		%files
	END
	rpmbuild -bb --quiet --target x86_64 --define "_topdir $PWD/top" \
		--define "_dbpath $PWD/db" --define "_rpmdir $PWD/rpms" \
		--define '_build_name_fmt %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm' "$1.spec"
}

@test "pick: the newest build, the named one, and what is missing" {
	local name
	for name in kernel-kvm kernel-kvm-core kernel-kvm-modules kernel-kvm-selftest; do
		fake_rpm "$name" 1
		fake_rpm "$name" 2
	done
	touch -d '1 hour ago' rpms/kernel-kvm-core-2-1.x86_64.rpm
	run "$tools/machine/verify.d/pick" rpms
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 1-1.x86_64 ]
	[ "${lines[2]}" = "$PWD/rpms/kernel-kvm-core-1-1.x86_64.rpm" ]
	[ "${#lines[@]}" -eq 5 ]

	run "$tools/machine/verify.d/pick" rpms 2-1.x86_64
	[ "${lines[0]}" = 2-1.x86_64 ]
	printf '%s\n' "$PWD"/rpms/*-2-1.x86_64.rpm >list
	run "$tools/machine/verify.d/pick" list
	[ "${lines[0]}" = 2-1.x86_64 ]

	run "$tools/machine/verify.d/pick" rpms 3-1.x86_64
	[ "$status" -eq 1 ]
	[[ $output == *"no kernel-kvm-core package of 3-1.x86_64"*kernel-kvm-core-1-1* ]]
	rm rpms/kernel-kvm-modules-2-1.x86_64.rpm
	run "$tools/machine/verify.d/pick" rpms 2-1.x86_64
	[ "$status" -eq 1 ]
	[[ $output == *"kernel-kvm-modules-2-1.x86_64.rpm: not there"* ]]
	mkdir none
	run "$tools/machine/verify.d/pick" none
	[ "$status" -eq 1 ]
	[[ $output == *"make rpm"* ]]
}

@test "boot: a file that cannot be booted is named, with status 125" {
	printf '%600s' 'no kernel' >file
	run "$tools/machine/boot" svm --kernel file -- true
	echo "$output"
	[ "$status" -eq 125 ]
	[[ $output == *"file: not an x86 kernel image"* ]]
	run "$tools/machine/boot" svm --kernel absent -- true
	[ "$status" -eq 125 ]
	[[ $output == *"absent: cannot be read"* ]]
}

@test "boot: a missing emulator is named with its packages" {
	local tool
	mkdir bin
	printf '%514sHdrS' '' >file
	for tool in bash dirname realpath cat awk dd grep cpio mktemp rm chmod; do
		ln -s "$(command -v "$tool")" bin/
	done
	PATH=$PWD/bin run "$tools/machine/boot" svm --kernel file -- true
	echo "$output"
	[ "$status" -eq 125 ]
	[[ $output == *qemu-system-x86_64*qemu-kvm*qemu-system-x86* ]]
	PATH=$PWD/bin run "$tools/machine/boot" vmx --kernel file -- true
	[ "$status" -eq 125 ]
	[[ $output == *"bochs: command not found"* ]]
}

@test "boot, verify, install-root: wrong usage is 2 and says where help is" {
	local args
	for args in boot 'boot svm' 'boot svm --kernel x' 'boot svm --deadline 0 --kernel x -- true' \
		'boot vmx --icount --kernel x -- true' 'boot svm --load kvm --kernel x -- true' \
		'boot svm --kernel x --disk y' 'verify --backend kvm' 'verify here' \
		install-root 'install-root make' 'install-root run /tmp' 'install-root eat /tmp' \
		'install-root run /tmp --boot-size x -- true' 'install-root make new --suite ../x'; do
		# shellcheck disable=SC2086 # words
		run "$tools/machine/"$args
		echo "$args: $status: $output"
		[ "$status" -eq 2 ]
		[[ $output == *"--help"* ]]
	done
	for args in boot verify install-root; do
		run "$tools/machine/$args" --help
		[ "$status" -eq 0 ]
		[[ $output == "$args - "* ]]
	done
}

@test "install-root: a directory in use, or without a root, is rejected" {
	((EUID == 0)) || skip "install-root needs root"
	mkdir dir
	run "$tools/machine/install-root" make dir
	[ "$status" -eq 1 ]
	[[ $output == *"dir: already exists"* ]]
	run "$tools/machine/install-root" run dir -- true
	[ "$status" -eq 1 ]
	[[ $output == *"not an install root"* ]]
}

@test "install-root: debootstrap fails: the reason is shown, nothing is left" {
	((EUID == 0)) || skip "install-root needs root"
	run "$tools/machine/install-root" make new --cache cache --mirror http://127.0.0.1:9/debian
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"debootstrap failed"*127.0.0.1* ]]
	[ ! -e new ]
	run find cache -maxdepth 1 -name 'install-root*' ! -name '*.lock'
	[ -z "$output" ]
}

@test "install-root: of this host's own suite on Debian, or of the one that is named" {
	((EUID == 0)) || skip "install-root needs root"
	local own
	mkdir bin
	# shellcheck disable=SC2016  # the script's own
	printf '#!/bin/sh\nprintf "%%s\\n" "$@" | grep -v / > asked\nexit 1\n' > bin/debootstrap
	chmod +x bin/debootstrap
	own=$(. /etc/os-release && [[ $ID == debian ]] && echo "$VERSION_CODENAME") || own=bookworm
	[[ $(cat /etc/debian_version) != */sid ]] || own=sid
	PATH=$PWD/bin:$PATH run "$tools/machine/install-root" make new --cache cache
	grep -x -- "$own" asked
	PATH=$PWD/bin:$PATH run "$tools/machine/install-root" make new --cache cache --suite forky
	grep -x forky asked
	# No name of a library's package: those are the suite's.
	run grep -E 'lib.*[0-9]' asked
	[ "$status" -eq 1 ]
}
