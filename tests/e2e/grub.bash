# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, kverrel, kverrel2 are the tests'
# grub.bash - a machine that boots $root's kernels by a real GRUB, over several lives.

# loader PLATFORM: make loader.iso, a GRUB CD for i386-pc or x86_64-efi, that behaves like
# EL's grub.cfg without blscfg: it boots next_entry once, then saved_entry.
loader() {
	local v modules=/usr/lib/grub/$1
	[[ -d $modules ]] || modules=$root$modules
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
	"$(command -v grub2-mkrescue || command -v grub-mkrescue)" -d "$modules" -o loader.iso iso 2>mkrescue.log
	# Where the host has it, though it is read from the ISO.
	cp iso/boot/grub/grub.cfg "$root/boot/grub2/"
}

# life N [QEMU-OPTION...]: run the machine from power-on until it reboots or powers off; its
# output is in lifeN. 124: it did neither.
life() {
	local rc=0
	timeout 300 "$(command -v qemu-system-x86_64 || echo /usr/libexec/qemu-kvm)" -machine q35 -m 1024 -cpu max,+svm -accel tcg,thread=single \
		-nodefaults -display none -no-reboot -serial file:console"$1" -serial file:life"$1" \
		-cdrom loader.iso -boot d -drive file=root.img,format=raw,if=virtio "${@:2}" </dev/null || rc=$?
	cat "life$1"
	tr -d '\r' <"console$1" | grep -a 'kernel-kvm-boot-once:' || :
	return "$rc"
}

grubenv() {
	debugfs -R 'cat /boot/grub2/grubenv' root.img 2>/dev/null
}
