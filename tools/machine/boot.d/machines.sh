# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034 # globals are tools/machine/boot's
# machines.sh - part of tools/machine/boot: how the two emulators are started. Reads
# its globals: kernel, initrd, disk, mem, cpus, append, icount, no_virt, work,
# console, output, tag; sets machine_pid, and monitor if the machine has one.

# first_file FILE...: the first that is there.
first_file() {
	local f
	for f; do
		[[ ! -f $f ]] || { echo "$f"; return; }
	done
	return 1
}

# machine_needs MACHINE: die, naming the package, if something is missing.
machine_needs() {
	need_cmd cpio cpio cpio
	if [[ $1 == svm ]]; then
		qemu >/dev/null || need_cmd qemu-system-x86_64 qemu-kvm qemu-system-x86
		return
	fi
	need_cmd bochs bochs bochs
	need_cmd xorriso xorriso xorriso
	need_cmd mformat mtools mtools
	command -v grub2-mkrescue >/dev/null || need_cmd grub-mkrescue grub2-tools-extra grub-common
	[[ -d /usr/lib/grub/i386-pc ]] ||
		die "/usr/lib/grub/i386-pc: not there" \
			"install it: grub2-pc-modules (dnf/yum) or grub-pc-bin (apt)"
	bochs_rom >/dev/null || die "no BIOS-bochs-latest in /usr/share/bochs" \
		"install it: bochs (dnf/yum) or bochsbios (apt)"
	bochs_vgarom >/dev/null || die "no VGABIOS-lgpl-latest in /usr/share" \
		"install it: vgabios (dnf/yum and apt)"
}

# EL has it under another name, off the path.
qemu() { command -v qemu-system-x86_64 || command -v /usr/libexec/qemu-kvm; }
bochs_rom() { first_file /usr/share/bochs/BIOS-bochs-latest; }
bochs_vgarom() { first_file /usr/share/{bochs,vgabios}/VGABIOS-lgpl-latest{,.bin}; }

start_machine() {
	"start_$1"
}

start_svm() {
	local args=(-machine q35 -m "$mem" -nodefaults -no-reboot -display none
		-serial "file:$console" -serial "file:$output"
		-kernel "$kernel" -initrd "$initrd")
	if [[ -n $no_virt ]]; then
		# Not max,-svm: that makes static glibc programs abort.
		args+=(-cpu "qemu64,-svm")
	else
		# Without erms and fsrm, kernels clear and copy by words, not bytes. QEMU
		# (and --icount) count each repetition as an instruction: a page cleared
		# by bytes would cost more than on any processor.
		args+=(-cpu "max,+svm,-erms,-fsrm")
	fi
	# One thread for all processors. With a thread each, QEMU now and then runs
	# code that another one has patched, and the kernel meets a breakpoint of its
	# own jump labels that is gone ("int3"). With one thread, a processor stopped
	# for another may take an interrupt that VMRUN injected twice; so the default
	# is one processor.
	args+=(-accel "tcg,thread=single")
	if [[ -n $icount ]]; then
		args+=(-icount "shift=1,sleep=off" -smp 1)
	else
		args+=(-smp "$cpus")
	fi
	# Without space for the snapshot QEMU would stop the machine and say nothing.
	[[ -z $disk ]] || args+=(-drive "file=$disk,format=raw,if=virtio,snapshot=on,werror=report,rerror=report")
	mkfifo "$work/monitor"
	exec {monitor}<>"$work/monitor"
	# On a loaded host, timer interrupts come late, and the kernel's test would
	# call the timer broken (no_timer_check). where_it_hangs sends the NMI.
	"$(qemu)" "${args[@]}" -monitor stdio \
		-append "console=ttyS0,115200 panic=-1 no_timer_check unknown_nmi_panic kvm_boot=$tag $append" \
		<&"$monitor" >"$work/emulator.log" 2>&1 &
	machine_pid=$!
}

# nudge: raise an interrupt, whatever the machine does. At each #VMEXIT, QEMU clears
# a flag without a lock (do_vmexit, interrupt_request). Now and then the processor
# then misses a pending timer interrupt, and an idle host sleeps for ever. Any
# device's next interrupt wakes it; a key press is one, and Shift alone does nothing
# else. Not for --icount: its timers run in the processor's own thread, and its runs
# repeat exactly.
nudge() {
	[[ -z ${monitor:-} || -n $icount ]] || echo 'sendkey shift' >&"$monitor"
}

# where_it_hangs: write to the console's log what a machine with a monitor is doing
# at its deadline: running or stopped, registers and interrupts, and the stack of a
# kernel that can still take an NMI. Ends the machine if it can.
where_it_hangs() {
	local left=40
	[[ -n ${monitor:-} ]] || return 0
	printf 'info status\ninfo registers\ninfo lapic\nnmi\n' >&"$monitor"
	# The panic ends it; there is nothing else to wait for.
	while ((left-- > 0)) && kill -0 "$machine_pid" 2>/dev/null; do
		read -rt 0.25 <>"$never" || :
	done
	printf '\ntools/machine/boot: what the monitor says of the machine at its deadline:\n' >>"$console"
	sed -n -e '/^VM status/p' -e '/^[RE]AX=/,/^EFER=/p' -e '/^I[SR]R\t/p' -e '/ PPR /p' "$work/emulator.log" |
		grep -a . >>"$console" ||
		echo "no answer: the emulator hangs, not what runs in it" >>"$console"
}

# Bochs takes no kernel by option: a GRUB CD does it.
start_vmx() {
	local iso=$work/iso mkrescue net=()
	mkrescue=$(command -v grub2-mkrescue || command -v grub-mkrescue)
	mkdir -p "$iso/boot/grub"
	cp -L -- "$kernel" "$iso/boot/vmlinuz"
	cp -L -- "$initrd" "$iso/boot/initramfs"
	# The emulator's timer and TSC disagree, so the kernel must not calibrate one
	# by the other.
	cat >"$iso/boot/grub/grub.cfg" <<-END
		set timeout=0
		linux /boot/vmlinuz console=ttyS0,115200 tsc=reliable no_timer_check nokaslr kvm_boot=$tag $append
		initrd /boot/initramfs
		boot
	END
	"$mkrescue" -o "$work/boot.iso" "$iso" >"$work/emulator.log" 2>&1 ||
		no_boot "grub-mkrescue failed" "$(tail -n 2 "$work/emulator.log")"
	# Newer models of Bochs 2.7 have AVX-512 and a wrong size of the XSAVE area
	# for it: the kernel warns and KVM does without XCRS.
	cat >"$work/bochsrc" <<-END
		cpu: model=broadwell_ult, count=1, ips=100000000, reset_on_triple_fault=1
		megs: $mem
		romimage: file=$(bochs_rom)
		vgaromimage: file=$(bochs_vgarom)
		ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
		boot: cdrom
		display_library: rfb, options="timeout=0"
		clock: sync=none
		com1: enabled=1, mode=file, dev=$console
		com2: enabled=1, mode=file, dev=$output
		log: $work/bochs.log
		panic: action=fatal
		error: action=report
		info: action=ignore
	END
	# Its display is a VNC server on every address of the host: give it an empty
	# network namespace.
	if unshare --net true 2>/dev/null; then
		net=(unshare --net)
	elif unshare --net --map-root-user true 2>/dev/null; then
		net=(unshare --net --map-root-user)
	fi
	# "c" starts the machine in a Bochs that was built with its debugger. By lines, its
	# banner, with its version, is in the log even if it is killed.
	echo c >"$work/stdin"
	${net[@]+"${net[@]}"} stdbuf -oL bochs -q -f "$work/bochsrc" <"$work/stdin" \
		>>"$work/emulator.log" 2>&1 &
	machine_pid=$!
}
