#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # rpms, kverrel, packages are the helpers'
# kernel-kvm-boot-once with a real GRUB, systemd and KVM, over several boots of a
# machine: a kernel whose KVM is broken is rolled back automatically, one whose KVM
# works becomes the default.

load helpers

setup() {
	find_rpms
	find_rpms2
	cd "$BATS_TEST_TMPDIR" || return
	root=$PWD/root
}

teardown() {
	rm -rf -- "$BATS_TEST_TMPDIR"/root*
}

# loader ISO: make a GRUB CD that behaves like EL's grub.cfg, without blscfg: it boots
# next_entry once, then saved_entry.
loader() {
	local v
	mkdir -p iso/boot/grub
	{
		# shellcheck disable=SC2016 # GRUB's variables
		printf '%s\n' 'search --no-floppy --label root --set root' 'env=($root)/boot/grub2/grubenv' \
			'load_env -f $env' \
			'if [ -n "$next_entry" ]; then set default="$next_entry"; set next_entry=; save_env -f $env next_entry' \
			'else set default="$saved_entry"; fi' 'set timeout=0'
		for v in "$kverrel" "$kverrel2"; do
			printf 'menuentry %s --id %s {\n linux /boot/vmlinuz-%s root=/dev/vda rw console=ttyS0,115200 panic=-1 no_timer_check TERM=dumb systemd.mask=serial-getty@ttyS0.service\n initrd /boot/initramfs-%s.img\n}\n' \
				"$v" "$(basename "$root"/boot/loader/entries/*-"$v".conf .conf)" "$v" "$v"
		done
	} >iso/boot/grub/grub.cfg
	"$(command -v grub2-mkrescue || command -v grub-mkrescue)" -d /usr/lib/grub/i386-pc -o "$1" iso 2>mkrescue.log
}

# life N: run the machine from power-on until it reboots or powers off; its output is
# in lifeN.
life() {
	timeout 300 "$(command -v qemu-system-x86_64 || echo /usr/libexec/qemu-kvm)" -machine q35 -m 1024 -cpu max,+svm -accel tcg,thread=single \
		-nodefaults -display none -no-reboot -serial file:console"$1" -serial file:life"$1" \
		-cdrom loader.iso -boot d -drive file=root.img,format=raw,if=virtio </dev/null
	cat "life$1"
	tr -d '\r' <"console$1" | grep -a 'kernel-kvm-boot-once:' || :
}

grubenv() {
	debugfs -R 'cat /boot/grub2/grubenv' root.img 2>/dev/null
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
	loader loader.iso
	# Where the host has it, though it is read from the ISO.
	cp iso/boot/grub/grub.cfg "$root/boot/grub2/"
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
