#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kernel-kvm-boot-once on hosts of every kind: it promises a way back only where the boot
# loader can keep that promise. The host is a directory: the program's paths point into
# it, and what it calls is a stub. tests/e2e/boot-once.bats boots the real ones.
# shellcheck disable=SC2016  # what the stubs expand

old=5.14.0-1.el9.x86_64 new=5.14.0-1.el9.kvm.x86_64

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir -p bin host/{boot/{grub2,loader/entries},etc/default,proc/sys/kernel/random,var/lib,sys,dev}
	export HOST=$PWD/host PATH=$PWD/bin:$PATH RUNS=$old
	sed -E "s,/(boot|etc|sys/firmware|proc|var/lib|dev/kmsg|dev/watchdog0|usr/lib/systemd)\b,$HOST/\1,g; s/EUID == 0/0 == 0/" \
		"$top/vmm/selftest/kernel-kvm-boot-once" > boot-once
	chmod +x boot-once
	stub uname 'echo "$RUNS"'
	stub sync :
	stub fsfreeze :
	stub findmnt 'case "$*" in *FSTYPE*) cat "$HOST/fs" ;; *SOURCE*) echo "/dev/vda2[/boot]" ;; *) echo /boot ;; esac'
	stub lsblk '[ "${*: -1}" = /dev/vda2 ] && cat "$HOST/types"'
	stub systemctl 'case "$1" in is-enabled) echo enabled ;; show) cat "$HOST/watchdog" ;; *) echo "systemctl $*" ;; esac'
	stub kvm-selftest 'cat "$HOST/env" > "$HOST/env.seen"; exit "${VERDICT:-0}"'
	# An environment block that is a file of lines.
	stub grub2-editenv 'shift; case $1 in list) cat "$HOST/env" ;; unset) sed -i "/^$2=/d" "$HOST/env" ;; esac'
	stub grub2-set-default 'sed -i "/^saved_entry=/d" "$HOST/env"; echo "saved_entry=$1" >> "$HOST/env"'
	stub grub2-reboot 'sed -i "/^next_entry=/d" "$HOST/env"; echo "next_entry=$1" >> "$HOST/env"'
	# The host of EL 9: ext4, GPT, entries of the Boot Loader Specification.
	: > host/env
	: > host/boot/grub2/grubenv
	echo 1min > host/watchdog
	touch host/dev/watchdog0
	echo ext4 > host/fs
	printf 'part\ndisk\n' > host/types
	echo boot1 > host/proc/sys/kernel/random/boot_id
	echo "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-$old root=/dev/vda3 ro" > host/proc/cmdline
	grub_cfg saved blscfg
	echo "options root=/dev/vda3 ro panic=30" | tee "host/boot/loader/entries/abc-$old.conf" > "host/boot/loader/entries/abc-$new.conf"
}

stub() {
	printf '#!/usr/bin/env bash\n%s\n' "$2" > "bin/$1"
	chmod +x "bin/$1"
}

# grub_cfg saved|0 MENU: the grub.cfg that grub2-mkconfig makes for that GRUB_DEFAULT.
grub_cfg() {
	# shellcheck disable=SC2016  # GRUB's own
	{
		printf '%s\n' 'if [ -f ${config_directory}/grubenv ]; then' '  load_env -f ${config_directory}/grubenv' 'fi' \
			'if [ "${next_entry}" ] ; then' '   set default="${next_entry}"' '   set next_entry=' '   save_env next_entry' '   set boot_once=true' 'else'
		[[ $1 == saved ]] && echo '   set default="${saved_entry}"' || echo "   set default=\"$1\""
		printf '%s\n' 'fi' 'function load_video {' '  insmod all_video' '}'
		printf '%s\n' "$2"
	} > host/boot/grub2/grub.cfg
}

try() {
	run ./boot-once try "$new"
	echo "$output"
}

# refused TEXT...: no promise, a reason, and nothing of the boot loader touched.
refused() {
	local t
	for t; do [[ $output == *"$t"* ]] || { echo "expected: $t"; return 1; }; done
	[[ $status -eq 1 && $output == *"error: "* && $output != *"the next boot is"* && ! -s host/env && ! -e host/var/lib/kernel-kvm/trial ]]
}

@test "EL 9: the next boot is the new kernel, the default the old one" {
	try
	[ "$status" -eq 0 ]
	[[ $output == *"the next boot is $new, on trial"* ]]
	grep -qx "saved_entry=abc-$old" host/env
	grep -qx "next_entry=abc-$new" host/env
}

@test "where GRUB cannot write its environment block, nothing is promised" {
	local fs types text
	while IFS='|' read -r fs types text; do
		echo "$fs" > host/fs
		rm -f host/types
		[[ -z $types ]] || tr ' ' '\n' <<< "$types" > host/types
		try
		refused "GRUB cannot write" "$text" "next_entry" || { echo "row: $fs on $types"; false; }
	done <<-'END'
		btrfs|part disk|btrfs
		zfs||zfs
		f2fs|part disk|f2fs
		nfs4||nfs4
		ext4|lvm part disk|lvm
		xfs|raid1 part disk|raid1
		ext4|crypt part disk|crypt
		ext4||lies on /dev/vda2
	END
	for fs in ext2 ext3 ext4 xfs vfat; do
		echo "$fs" > host/fs
		printf 'part\nmpath\ndisk\n' > host/types
		: > host/env
		try
		[ "$status" -eq 0 ]
	done
	# GRUB 2.14 keeps a block of its own in btrfs's header, and says so in the file.
	echo btrfs > host/fs
	printf 'part\ndisk\n' > host/types
	echo 'env_block=256+8' > host/env
	try
	[ "$status" -eq 0 ]
}

@test "GRUB_DEFAULT that is not saved, no grub.cfg, another loader: refused, with what to set" {
	grub_cfg 0 blscfg
	try
	refused "GRUB_DEFAULT=saved" "grub2-mkconfig -o $HOST/boot/grub2/grub.cfg"
	echo "root=/dev/vda3 ro" > host/proc/cmdline
	grub_cfg saved blscfg
	try
	refused "GRUB did not load" "BOOT_IMAGE"
	mkdir -p host/sys/firmware/efi/efivars
	printf '\6\0\0\0s\0y\0s\0t\0e\0m\0d\0-\0b\0o\0o\0t\0 \0002\0005\0002\0' > host/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f
	try
	refused "systemd-boot" "/etc/kernel/tries"
	rm -r host/sys/firmware
	echo "BOOT_IMAGE=vmlinuz initrd=initrd.img" > host/proc/cmdline
	rm host/boot/grub2/grub.cfg
	try
	refused "grub.cfg" "extlinux"
}

@test "without BLS (EL 7, Amazon 2, Debian): the entries of grub.cfg, in submenus too" {
	rm -r host/boot/loader
	# EL 7, where grubby copies an entry with its id.
	grub_cfg saved "menuentry 'CentOS Linux ($new) 7 (Core)' --class os \$menuentry_id_option 'gnulinux-3.10-advanced-1' {
	load_video
	linux16 /vmlinuz-$new root=/dev/vda3 ro panic=5
	initrd16 /initramfs-$new.img
}
menuentry 'CentOS Linux ($old) 7 (Core)' --class os \$menuentry_id_option 'gnulinux-3.10-advanced-1' {
	linux16 /vmlinuz-$old root=/dev/vda3 ro
}"
	try
	[ "$status" -eq 0 ]
	grep -qx "saved_entry=CentOS Linux ($old) 7 (Core)" host/env
	grep -qx "next_entry=CentOS Linux ($new) 7 (Core)" host/env
	# Debian: a submenu, recovery entries, and the newest once more at the top.
	: > host/env
	grub_cfg saved "menuentry 'Debian GNU/Linux' --class os \$menuentry_id_option 'gnulinux-simple-1' {
	linux	/boot/vmlinuz-$new root=/dev/vda3 ro quiet panic=-1
}
submenu 'Advanced options for Debian GNU/Linux' \$menuentry_id_option 'gnulinux-advanced-1' {
	menuentry 'Debian GNU/Linux, with Linux $new (recovery mode)' \$menuentry_id_option 'gnulinux-$new-recovery-1' {
		linux	/boot/vmlinuz-$new root=/dev/vda3 ro single
	}
	menuentry 'Debian GNU/Linux, with Linux $old' --class os \$menuentry_id_option 'gnulinux-$old-advanced-1' {
		linux	/boot/vmlinuz-$old root=/dev/vda3 ro quiet
	}
}"
	try
	[ "$status" -eq 0 ]
	grep -qx "saved_entry=gnulinux-advanced-1>gnulinux-$old-advanced-1" host/env
	grep -qx "next_entry=gnulinux-simple-1" host/env
	: > host/env
	rm host/var/lib/kernel-kvm/trial
	RUNS=6.1.0-other try
	refused "no entry of 6.1.0-other" "grub2-mkconfig"
}

@test "a panic must end in a reboot: by panic=, wherever it is written, or by the kernel's configuration" {
	local entry=host/boot/loader/entries/abc-$new.conf text
	for text in 'options root=/dev/vda3 ro' 'options root=/dev/vda3 nopanic=1' 'options panic=5 root=/dev/vda3 panic=0' 'options $kernelopts'; do
		echo "$text" > "$entry"
		try
		refused "a panic of $new would stop this host" "/boot/vmlinuz-$new --args=panic=30" || { echo "row: $text"; false; }
	done
	# EL 8: the arguments are in the environment block, if the entry says so.
	echo 'options root=/dev/vda3 ro' > "$entry"
	echo 'kernelopts=root=/dev/vda3 ro panic=10' > host/env
	try
	[[ $status -eq 1 && $output == *"would stop this host"* ]]
	echo 'options $kernelopts $tuned_params' > "$entry"
	echo 'kernelopts=root=/dev/vda3 ro panic=10' > host/env
	try
	[ "$status" -eq 0 ]
	for text in 'CONFIG_PANIC_TIMEOUT=-1' '# CONFIG_X is not set'; do
		: > host/env
		rm -f host/var/lib/kernel-kvm/trial
		echo "$text" > "host/boot/config-$new"
		try
		if [[ $text == *=-1 ]]; then [ "$status" -eq 0 ]; else refused "would stop this host"; fi
	done
	grub_cfg saved "menuentry 'CentOS Linux ($new) 7 (Core)' \$menuentry_id_option 'a' {
	linux16 /vmlinuz-$new root=/dev/vda3 ro
}
menuentry 'CentOS Linux ($old) 7 (Core)' \$menuentry_id_option 'b' {
	linux16 /vmlinuz-$old root=/dev/vda3 ro panic=5
}"
	try
	refused "would stop this host" "GRUB_CMDLINE_LINUX"
}

@test "a hang that no watchdog would end is said" {
	try
	[[ $status -eq 0 && $output != *"if it hangs"* ]]
	echo 0 > host/watchdog
	try
	[[ $status -eq 0 && $output == *"but if it hangs, nobody resets this host"*"RuntimeWatchdogSec=60"* ]]
	echo 1min > host/watchdog
	rm host/dev/watchdog0
	try
	[[ $status -eq 0 && $output == *"but if it hangs"* ]]
}

@test "a kvm-selftest that hangs: systemd ends it, and the trial has failed" {
	try
	echo boot2 > host/proc/sys/kernel/random/boot_id
	# What systemd runs after it, whether it hung or not.
	SERVICE_RESULT=exit-code RUNS=$new run ./boot-once judge
	[[ $status -eq 0 && -z $output && -e host/var/lib/kernel-kvm/trial ]]
	SERVICE_RESULT=timeout RUNS=$new run ./boot-once judge
	echo "$output"
	[[ $status -eq 124 && $output == *"failed its trial"*"systemctl --no-block reboot"* && ! -e host/env.seen ]]
	grep -qx "saved_entry=abc-$old" host/env
}

@test "BLS: no entry, or two of them" {
	touch "host/boot/loader/entries/def-$new.conf"
	try
	refused "expected one entry of $new" "abc-$new.conf" "def-$new.conf"
	rm host/boot/loader/entries/*-"$new.conf"
	try
	refused "expected one entry of $new"
}

@test "an environment block that does not take what is written: refused" {
	stub grub2-reboot 'exit 0'
	try
	[[ $status -eq 1 && $output == *"expected next_entry=abc-$new"*"found: saved_entry="* && ! -e host/var/lib/kernel-kvm/trial ]]
	# The way back stays.
	grep -qx "saved_entry=abc-$old" host/env
}

@test "judge takes next_entry away first, whatever comes after" {
	try
	[ "$status" -eq 0 ]
	echo boot2 > host/proc/sys/kernel/random/boot_id
	RUNS=$new VERDICT=1 run ./boot-once judge
	echo "$output"
	[[ $status -eq 1 && $output == *"failed its trial"*"systemctl --no-block reboot"* ]]
	run cat host/env.seen
	[[ $output == *"saved_entry=abc-$old"* && $output != *next_entry* ]]
	# The old kernel after a trial that hung.
	try
	echo boot3 > host/proc/sys/kernel/random/boot_id
	run ./boot-once judge
	[[ $status -eq 0 && $output == *"$new did not come up on trial"* ]]
	run cat host/env
	[[ $output == *"saved_entry=abc-$old"* && $output != *next_entry* ]]
}

@test "judge before the reboot leaves the trial to come alone; a good one becomes the default" {
	try
	run ./boot-once judge
	[ "$status" -eq 0 ]
	[[ $output != *"did not come up"* ]]
	grep -qx "next_entry=abc-$new" host/env
	echo boot2 > host/proc/sys/kernel/random/boot_id
	RUNS=$new run ./boot-once judge
	[[ $status -eq 0 && $output == *"passed its trial"* ]]
	grep -qx "saved_entry=abc-$new" host/env
	[ ! -e host/var/lib/kernel-kvm/trial ]
}
