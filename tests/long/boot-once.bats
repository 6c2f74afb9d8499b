#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # rpms, kverrel, packages are the helpers'
# kernel-kvm-boot-once on a machine with UEFI, and trials that do not come as far as a
# verdict: a kernel that panics, and one that hangs until the watchdog resets the machine.
# Each ends at the old kernel by itself. Needs two builds (KERNEL_KVM_RPMS,
# KERNEL_KVM_RPMS2) and OVMF. tests/e2e/boot-once.bats has the verdicts.

bats_require_minimum_version 1.5.0
load ../e2e/helpers
load ../e2e/grub

setup() {
	find_rpms
	find_rpms2
	cd "$BATS_TEST_TMPDIR" || return
	root=$PWD/root
	need_ovmf
}

teardown() {
	rm -rf -- "$BATS_TEST_TMPDIR"/root*
}

# uefi N: a life on a machine with UEFI, whose chipset's watchdog resets it.
uefi() {
	life "$1" -bios "$ovmf" -global ICH9-LPC.noreboot=false
}

@test "a trial that panics, and one that hangs, end at the old kernel without a hand" {
	"$tools/machine/install-root" make "$root" --with grub-efi-amd64-bin
	trial_root "$root"
	mv "$root/var/tmp/kvm-amd.ko" "$root/lib/modules/$kverrel2/kernel/arch/x86/kvm/"
	in_root "$root" depmod "$kverrel2"
	in_root "$root" grub-set-default "$(basename "$root"/boot/loader/entries/*-"$kverrel".conf .conf)"
	mkdir -p "$root/etc/systemd/system.conf.d" "$root/etc/systemd/system/kernel-kvm-selftest.service.d"
	printf '[Manager]\nRuntimeWatchdogSec=20\n' >"$root/etc/systemd/system.conf.d/watchdog.conf"
	printf '[Service]\nExecStartPre=/usr/bin/mishap\n' >"$root/etc/systemd/system/kernel-kvm-selftest.service.d/mishap.conf"
	# The first time a panic, then a task that leaves systemd no time.
	cat >"$root/usr/bin/mishap" <<-END
		#!/bin/sh
		test "\$(uname -r)" = $kverrel2 || exit 0
		if test ! -e /var/panicked; then
			touch /var/panicked
			sync
			echo c >/proc/sysrq-trigger
		fi
		echo -1 >/proc/sys/kernel/sched_rt_runtime_us
		exec chrt -f 99 sh -c 'while :; do :; done'
	END
	chmod +x "$root/usr/bin/mishap"
	cat >script <<-END
		#!/bin/sh
		echo "up: \$(uname -r)"
		kernel-kvm-boot-once status
		kernel-kvm-boot-once try $kverrel2
	END
	"$tools/machine/verify.d/add-payload" "$root" "$tools/machine/boot.d/payload" script
	loader x86_64-efi
	mke2fs -q -t ext4 -d "$root" -L root root.img 1500M >/dev/null

	run uefi 1
	echo "$output"
	[[ $status -eq 0 && $output == *"up: $kverrel"*"the next boot is $kverrel2, on trial"* && $output != *"if it hangs"* ]]
	run uefi 2
	tr -d '\r' <console2 | grep -a 'panic\|Linux version'
	[[ $status -eq 0 && $output != *"up: "* ]]
	grep -aq "Linux version $kverrel2 " console2
	grep -aq 'Kernel panic - not syncing: sysrq' console2
	run uefi 3
	echo "$output"
	[[ $output == *"$kverrel2 did not come up on trial"* ]]
	[[ $output == *"up: $kverrel"*"last trial: $kverrel2, from $kverrel: did not come up"*"the next boot is $kverrel2, on trial"* ]]
	run uefi 4
	tail -n 5 console4
	# 124 would be this test's time-out, not the watchdog.
	[[ $status -eq 0 && $output != *"up: "* ]]
	grep -aq "Linux version $kverrel2 " console4
	run ! grep -aq 'Kernel panic' console4
	run uefi 5
	echo "$output"
	[[ $output == *"up: $kverrel"*"last trial: $kverrel2, from $kverrel: did not come up"* ]]
}
