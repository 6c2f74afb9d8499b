#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # rpms, kverrel, packages are the helpers'
# kernel-kvm-selftest.service and systemd's automatic boot assessment, with a
# real systemd-boot on OVMF: the entry of a kernel whose KVM is broken is marked
# bad, the one before boots; a good one is blessed. Needs two builds
# (KERNEL_KVM_RPMS, KERNEL_KVM_RPMS2), OVMF and systemd-boot's EFI program.

load ../e2e/helpers

esp_at=1048576

setup() {
	find_rpms
	find_rpms2
	cd "$BATS_TEST_TMPDIR" || return
	root=$PWD/root
	need_ovmf
	command -v sfdisk mformat >/dev/null || skip "no sfdisk or mformat here"
}

teardown() {
	rm -rf -- "$BATS_TEST_TMPDIR"/root*
}

# esp: a GPT disk with one EFI system partition, systemd-boot, and an entry for
# each kernel; the second one is on trial.
esp() {
	local v n
	truncate -s 128M esp.img
	printf 'label: gpt\nstart=2048, type=uefi, name=ESP\n' | sfdisk -q esp.img
	mformat -i esp.img@@$esp_at -F -v ESP ::
	mmd -i esp.img@@$esp_at ::/EFI ::/EFI/BOOT ::/loader ::/loader/entries
	mcopy -i esp.img@@$esp_at "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI
	echo 'timeout 0' >loader.conf
	mcopy -i esp.img@@$esp_at loader.conf ::/loader/
	for n in 1 2; do
		v=$kverrel
		((n == 1)) || v=$kverrel2
		mcopy -i esp.img@@$esp_at "$root/boot/vmlinuz-$v" "::/linux$n"
		mcopy -i esp.img@@$esp_at "$root/boot/initramfs-$v.img" "::/initrd$n"
		printf '%s\n' "title kvm $n" "version $n" "linux /linux$n" "initrd /initrd$n" \
			"options root=/dev/vda rw console=ttyS0,115200 panic=-1 no_timer_check TERM=dumb systemd.mask=serial-getty@ttyS0.service" >entry
		mcopy -i esp.img@@$esp_at entry "::/loader/entries/kvm-$n$( ((n == 1)) || echo +2).conf"
	done
}

# life N: the machine from power-on until it reboots or powers off.
life() {
	timeout 400 qemu-system-x86_64 -machine q35 -m 1024 -cpu max,+svm -accel tcg,thread=single -bios "$ovmf" \
		-nodefaults -display none -no-reboot -serial file:console"$1" -serial file:life"$1" \
		-drive file=root.img,format=raw,if=virtio -drive file=esp.img,format=raw,if=virtio </dev/null
	cat "life$1"
	tr -d '\r' <"console$1" | grep -a 'kernel-kvm-boot-once:' || :
	mdir -b -i esp.img@@$esp_at ::/loader/entries
}

@test "boot counting: a broken KVM is marked bad and rolls back; a good one is blessed" {
	"$tools/machine/install-root" make "$root" --with systemd-boot
	trial_root "$root"
	mkdir -p "$root/efi"
	echo '/dev/vdb1 /efi vfat umask=0077 0 0' >>"$root/etc/fstab"
	cat >script <<-END
		#!/bin/sh
		echo "up: \$(uname -r)"
		if test "\$(uname -r)" = $kverrel; then
			mv /var/tmp/kvm-amd.ko /lib/modules/$kverrel2/kernel/arch/x86/kvm/
			depmod $kverrel2
			mv /efi/loader/entries/kvm-2+*.conf /efi/loader/entries/kvm-2+2.conf
		else
			systemctl start systemd-bless-boot
			/usr/lib/systemd/systemd-bless-boot status
		fi
		umount /efi
	END
	"$tools/machine/verify.d/add-payload" "$root" "$tools/machine/boot.d/payload" script
	esp
	mke2fs -q -t ext4 -d "$root" -L root root.img 1500M >/dev/null

	run life 1
	echo "$output"
	[[ $output == *"$kverrel2 failed its trial"*"/kvm-2+0-"*.conf* ]]
	run life 2
	echo "$output"
	[[ $output == *"up: $kverrel"*"/kvm-2+2.conf"* ]]
	run life 3
	echo "$output"
	[[ $output == *"up: $kverrel2"*good*"passed its trial"*"/kvm-2.conf"* ]]
}
