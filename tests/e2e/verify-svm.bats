#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # rpms, kverrel, packages are the helpers'
# tools/machine/verify on the built packages, on an emulated AMD processor in QEMU, and
# cases in which it must fail.

load helpers

setup_file() {
	! have_rpms || verify_once svm
}

setup() {
	find_rpms
}

@test "verify passes on svm, verdict last" {
	verify_passed svm
}

@test "the console shows the kernel, kvm_amd, and a Linux guest's init" {
	console_shows svm kvm_amd
}

@test "verify fails if kvm-selftest fails" {
	local copy=$BATS_TEST_TMPDIR/rpms
	mkdir "$copy"
	ln -s "${packages[@]}" "$copy/"
	# The same packages on a machine that is killed before kvm-selftest ends.
	run "$tools/machine/verify" --rpms "$copy" --out "$BATS_TEST_TMPDIR/out" \
		--backend svm --deadline 5
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"verify: $kverrel FAILED"* ]]
	[[ $output == *"the deadline passed before kvm-selftest ended"* ]]
	[[ $output == *"no plan"* ]]
}

@test "a missing or truncated package is named" {
	local copy=$BATS_TEST_TMPDIR/rpms
	mkdir "$copy"
	cp "${packages[@]}" "$copy/"
	truncate -s 100000 "$copy/${packages[2]##*/}"
	run "$tools/machine/verify" --rpms "$copy" --out "$BATS_TEST_TMPDIR/out" --backend svm
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"dnf install failed"* ]]
	rm "$copy/${packages[2]##*/}"
	run "$tools/machine/verify" --rpms "$copy" --out "$BATS_TEST_TMPDIR/out" --backend svm
	[ "$status" -eq 1 ]
	[[ $output == *"${packages[2]##*/}: not there"* ]]
}

@test "verify finds scriptlets that fail though dnf says Complete" {
	local root=$BATS_TEST_TMPDIR/root
	"$tools/machine/install-root" make "$root"
	printf '%s\n' '#!/bin/sh' 'exit 1' >"$root/usr/lib/kernel/install.d/50-dracut.install"
	run dnf_install "$root"
	[[ $output == *Complete* ]]
	run is_installed "$root" "$kverrel"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"/boot/initramfs-$kverrel.img: not there"* ]]
	rm -rf -- "$root"
}
