#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # rpms, kverrel, packages are the helpers'
# What only a booted kernel shows: the packages' kernel in QEMU with SVM, without KVM.

load helpers

setup_file() {
	have_rpms || return 0
	find_rpms
	"$tools/machine/install-root" make "$BATS_FILE_TMPDIR/first"
	dnf_install "$BATS_FILE_TMPDIR/first" >"$BATS_FILE_TMPDIR/first.log" 2>&1
}

setup() {
	find_rpms
	first=$BATS_FILE_TMPDIR/first
	root=$BATS_TEST_TMPDIR/root
}

teardown() {
	rm -rf -- "$BATS_TEST_TMPDIR"/root*
}

# boot_svm ARG...: run tools/machine/boot svm with the first build's kernel, for at most 120 s.
boot_svm() {
	"$tools/machine/boot" svm --kernel "$first/boot/vmlinuz-$kverrel" --deadline 120 \
		--moddir "$first/lib/modules/$kverrel" "$@"
}

# boot_selftest ARG...: boot_svm with the package's kvm-selftest, kvm-vmm and guest images.
boot_selftest() {
	boot_svm --sysroot "$first" --load kvm_amd \
		--file "$first/usr/bin/kvm-selftest:/usr/bin/kvm-selftest" \
		--file "$first/usr/bin/kvm-vmm:/usr/bin/kvm-vmm" \
		--dir "$first/usr/share/kernel-kvm:/usr/share/kernel-kvm" "$@"
}

# boot_disk KVERREL SCRIPT: boot $root as a disk with that kernel, its own initramfs and
# systemd, run SCRIPT there, and print its output.
boot_disk() {
	local image=$BATS_TEST_TMPDIR/root.img
	printf '%s\n' '#!/bin/sh' "$2" >"$BATS_TEST_TMPDIR/script"
	"$tools/machine/verify.d/add-payload" "$root" "$tools/machine/boot.d/payload" "$BATS_TEST_TMPDIR/script"
	rm -f "$image"
	mke2fs -q -t ext4 -d "$root" -L root "$image" 1500M >/dev/null
	"$tools/machine/boot" svm --kernel "$root/boot/vmlinuz-$1" --deadline 300 \
		--initrd "$root/boot/initramfs-$1.img" --disk "$image" \
		--log "$BATS_TEST_TMPDIR/console" --append "root=/dev/vda rw TERM=dumb \
			systemd.mask=serial-getty@ttyS0.service"
	rm -f "$image"
}

@test "tools/machine/boot: a machine that prints nothing is killed at the deadline, with a message" {
	local k=$BATS_TEST_TMPDIR/silent n
	# Both entries of its protected-mode code halt: Documentation/arch/x86/boot.rst.
	cp "$first/boot/vmlinuz-$kverrel" "$k"
	n=$((($(od -An -tu1 -j 497 -N 1 "$k") + 1) * 512))
	printf '\xfa\xf4\xeb\xfd' | dd of="$k" bs=1 seek="$n" conv=notrunc status=none
	printf '\xfa\xf4\xeb\xfd' | dd of="$k" bs=1 seek=$((n + 512)) conv=notrunc status=none
	run "$tools/machine/boot" svm --kernel "$k" --deadline 5 --log "$BATS_TEST_TMPDIR/console" -- true
	echo "$output"
	[ "$status" -eq 124 ]
	[[ $output == *"the deadline of 5 s passed"*"none: nothing came"* ]]
}

@test "tools/machine/boot: passes on the command's output and status" {
	run boot_svm --output "$BATS_TEST_TMPDIR/output" --log "$BATS_TEST_TMPDIR/console" \
		-- sh -c 'uname -r; printf "no newline"; exit 7'
	echo "$output"
	[ "$status" -eq 7 ]
	[ "$output" = "$kverrel"$'\n'"no newline" ]
	[ "$(cat "$BATS_TEST_TMPDIR/output")" = "$output" ]
	grep -q "Linux version $kverrel" "$BATS_TEST_TMPDIR/console"
}

@test "tools/machine/boot: the deadline kills a machine that hangs, with status 124" {
	run boot_svm --deadline 20 --log "$BATS_TEST_TMPDIR/console" -- \
		sh -c 'while :; do :; done'
	echo "$output"
	[ "$status" -eq 124 ]
	[[ $output == *"the deadline of 20 s passed"*"last line:"*"it was at: RIP: 00"* ]]
	# Where it hung, according to the kernel and to the emulator.
	grep -q 'NMI: Not continuing' "$BATS_TEST_TMPDIR/console"
	grep -q '^EFER=.*d01' "$BATS_TEST_TMPDIR/console"
	grep -q '^IRR' "$BATS_TEST_TMPDIR/console"
	run pgrep -f "file:$BATS_TEST_TMPDIR/console"
	[ "$status" -ne 0 ]
}

@test "tools/machine/boot: the machine gets regular interrupts, whatever it does" {
	# Otherwise the deadline ends it with 124.
	# shellcheck disable=SC2016 # the machine's own
	run boot_svm --deadline 40 -- sh -c '
		keys() { sed -n "s/^ *1: *\([0-9]*\) .*i8042.*/\1/p" /proc/interrupts; }
		want=$(($(keys) + 4))
		until [ "$(keys)" -ge "$want" ]; do :; done'
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "tools/machine/boot: a panic, or a power-off without a status, is 125" {
	run boot_svm --append rdinit=/none -- true
	echo "$output"
	[ "$status" -eq 125 ]
	[[ $output == *"the kernel panicked"*"Kernel panic - not syncing"* ]]
	# A guest's panic, as verify shows it, is not the machine's.
	run boot_svm -- sh -c 'echo "guest: [    0.2] Kernel panic - not syncing: x" >/dev/console; exit 7'
	echo "$output"
	[ "$status" -eq 7 ]
	run boot_svm -- poweroff -f
	echo "$output"
	[ "$status" -eq 125 ]
	[[ $output == *"without a status"*"Power down"* ]]
}

@test "module.sig_enforce=1: the package's modules load, an unsigned one does not" {
	local signed=$first/lib/modules/$kverrel/kernel/drivers/net/tun.ko
	local unsigned=$BATS_TEST_TMPDIR/unsigned.ko
	tail -c 28 "$signed" | grep -q '~Module signature appended~'
	# brp-strip does this to a signed module.
	objcopy --strip-debug "$signed" "$unsigned"
	! tail -c 28 "$unsigned" | grep -q '~Module signature appended~' || false

	run boot_svm --load kvm_amd --append module.sig_enforce=1 \
		--file "$signed:/signed.ko" --file "$unsigned:/unsigned.ko" -- sh -c '
			cat /sys/module/module/parameters/sig_enforce
			cut -d" " -f1 /proc/modules
			insmod /unsigned.ko; echo "unsigned: $?"
			insmod /signed.ko; echo "signed: $?"
			dmesg | grep -o "Loading of .* is rejected"
			cat /proc/sys/kernel/tainted'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = Y ]
	[[ $output == *kvm_amd* ]]
	[[ $output != *"unsigned: 0"* && $output == *"Loading of unsigned module is rejected"* ]]
	[[ $output == *"signed: 0"* ]]
	# No forced, unsigned or out-of-tree module was loaded.
	[ "${lines[-1]}" = 0 ]
}

@test "no virtualization: kvm-selftest reports one failure with its cause" {
	run boot_selftest --no-virt -- kvm-selftest --format tap
	echo "$output"
	[ "$status" -eq 1 ]
	# One cause is one failure; checks that depend on it are skipped and name it.
	[[ $output =~ not\ ok\ [0-9]+\ host/modules && $output =~ vm/device\ #\ SKIP[^$'\n']*see\ host/modules ]]
	[ "$(grep -c '^not ok' <<<"$output")" -eq 1 ]
}

@test "a TSC that the host calibrated wrong: one warning with its cause, and no check of KVM fails" {
	run boot_selftest --append tsc_early_khz=928000 -- kvm-selftest --format tap \
		--only 'vm/state-clocks,flat/hyperv*,flat/kvmclock,flat/steal-time,flat/lapic-timer,flat/timer-*,flat/pit-modes'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"# warning: this kernel and KVM take the TSC for one of 928000 kHz, but it runs at "* ]]
	[[ $output =~ "flat/lapic-timer # SKIP this kernel calibrated its TSC to 928000 kHz at boot" ]]
}

@test "kvm-selftest --suite: the tree's own KVM selftests and images like kvm-unit-tests' in one report" {
	find_rpms2
	local selftests
	selftests=$rpms2/kernel-kvm-selftests-internal-$(version_of "${packages2[1]}").rpm
	[ -f "$selftests" ] || { echo "$selftests: not there; make rpm BUILDID=.kvm2 WITH=selftests"; false; }
	cd "$BATS_TEST_TMPDIR" || return
	rpm2cpio "$selftests" | cpio -idm --quiet
	mkdir -p kut/x86
	for code in 0 38; do
		# Multiboot's header, and the status to the debug-exit port: 0, or 77 >> 1.
		# shellcheck disable=SC2016  # the assembler's $
		printf '.long 0x1badb002, 0, -0x1badb002\n.globl _start\n_start: mov $%d, %%al\nout %%al, $0xf4\n1: hlt\njmp 1b\n' "$code" |
			as --32 -o o -
		ld -m elf_i386 -Ttext=0x400000 -o "kut/x86/exit$code.flat" o
		printf '[exit%d]\nfile = exit%d.flat\nsmp = 2\n' "$code" "$code" >>kut/x86/unittests.cfg
	done
	run boot_selftest --dir usr/libexec/kernel-kvm:/usr/libexec/kernel-kvm --dir kut:/kut -- \
		kvm-selftest --suite kernel --suite kvm-unit-tests=/kut --format tap \
		--only 'kvm-unit-tests/*,kernel/set_sregs_test,kernel/debug_regs,kernel/vmx_msrs_test,kernel/state_test,kernel/smm_test'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ (^|$'\n')"ok "[0-9]+" kernel/set_sregs_test"$'\n' ]]
	[[ $output =~ (^|$'\n')"ok "[0-9]+" kernel/state_test"$'\n' ]]
	[[ $output =~ (^|$'\n')"ok "[0-9]+" kernel/smm_test"$'\n' ]]
	[[ $output =~ "kernel/vmx_msrs_test # SKIP Requirement not met"[^$'\n']*VMX ]]
	# TCG causes this failure; known-failures lists it.
	[[ $output == *"kernel/debug_regs # SKIP known to fail: "* ]]
	[[ $output =~ (^|$'\n')"ok "[0-9]+" kvm-unit-tests/exit0"$'\n' ]]
	[[ $output == *"kvm-unit-tests/exit38 # SKIP"* ]]
}

@test "two builds boot; dnf never removes the one that runs" {
	find_rpms2
	copy_root "$first" "$root"
	dnf_install2 "$root" >"$BATS_TEST_TMPDIR/install.log" 2>&1

	local one two
	one=$(version_of "${packages[1]}") two=$(version_of "${packages2[1]}")
	run boot_disk "$kverrel" "
		uname -r
		dnf -y remove kernel-kvm-core-$one || echo refused: one
		dnf -y remove 'kernel-kvm*' || echo refused: all
		rpm -q kernel-kvm-core | tr '\n' ' '; echo; echo /boot/vmlinuz-*
		dnf -y remove 'kernel-kvm*-$two' >/dev/null || echo refused: two
		rpm -q kernel-kvm-core; echo /boot/vmlinuz-*
		modprobe kvm_amd && cat /sys/module/kvm/parameters/build_id"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "$kverrel" ]
	[[ $output == *"refused: one"*"refused: all"* && $output != *"refused: two"* ]]
	[[ $output == *"kernel-kvm-core-$one kernel-kvm-core-$two"*vmlinuz*vmlinuz* ]]
	[ "${lines[-3]}" = "kernel-kvm-core-$one" ]
	[ "${lines[-2]}" = "/boot/vmlinuz-$kverrel" ]
	[[ ${lines[-1]} == "$kverrel+"* ]]

	run boot_disk "$kverrel2" 'uname -r; rpm -V kernel-kvm-core kernel-kvm-modules'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "$kverrel2" ]
}
