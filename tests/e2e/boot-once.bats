#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # rpms, kverrel, packages are the helpers'
# kernel-kvm-boot-once with a real GRUB, systemd and KVM, over several boots of a
# machine: a kernel whose KVM is broken is rolled back automatically, one whose KVM
# works becomes the default.

load helpers
load grub

setup() {
	find_rpms
	find_rpms2
	cd "$BATS_TEST_TMPDIR" || return
	root=$PWD/root
}

teardown() {
	rm -rf -- "$BATS_TEST_TMPDIR"/root*
}

@test "a kernel with a broken KVM is rolled back; a good one becomes the default" {
	"$tools/machine/install-root" make "$root"
	trial_root "$root"
	in_root "$root" grub-set-default "$(basename "$root"/boot/loader/entries/*-"$kverrel".conf .conf)"
	cat >script <<-END
		#!/bin/sh
		echo "up: \$(uname -r)"
		kernel-kvm-boot-once status
		test "\$(uname -r)" = $kverrel || exit 0
		if test -e /var/lib/kernel-kvm/trial.last; then
			mv /var/tmp/kvm-amd.ko /lib/modules/$kverrel2/kernel/arch/x86/kvm/
			depmod $kverrel2
		fi
		kernel-kvm-boot-once try $kverrel2
	END
	"$tools/machine/verify.d/add-payload" "$root" "$tools/machine/boot.d/payload" script
	loader i386-pc
	mke2fs -q -t ext4 -d "$root" -L root root.img 1500M >/dev/null

	run life 1
	echo "$output"
	[[ $output == *"up: $kverrel"*"the next boot is $kverrel2, on trial"* ]]
	run life 2
	echo "$output"
	[[ $output == *"$kverrel2 failed its trial"*"going back"* ]]
	run life 3
	echo "$output"
	[[ $output == *"up: $kverrel"*"last trial: $kverrel2, from $kverrel: failed"* ]]
	run life 4
	echo "$output"
	[[ $output == *"up: $kverrel2"*"last trial: $kverrel2, from $kverrel: passed"* ]]
	run grubenv
	[[ $output == *"saved_entry="*"-$kverrel2"* && $output != *next_entry=?* ]]
}
