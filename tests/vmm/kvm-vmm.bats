#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kvm-vmm as a user sees it: messages and exit codes. Tests that need a guest are
# skipped if /dev/kvm cannot run one; a guest is tried, with a deadline.
#
# KVM_VMM names the program; otherwise it is built.
# shellcheck disable=SC2030,SC2031,SC2016 # each test is a subshell; $rax is gdb's

load ../hang

setup_file() {
	local top
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	if [[ -z ${KVM_VMM:-} ]]; then
		make -s -C "$top/vmm" "O=$top/build/vmm" "$top/build/vmm/kvm-vmm" >&2
		KVM_VMM=$top/build/vmm/kvm-vmm
	fi
	export KVM_VMM
	printf '\xf4' >"$BATS_FILE_TMPDIR/probe.bin"
	if timeout "$HANG" "$KVM_VMM" --flat "$BATS_FILE_TMPDIR/probe.bin" --deadline 30 \
		2>"$BATS_FILE_TMPDIR/why" </dev/null; then
		export GUESTS=1
	fi
}

need_guests() {
	[[ -n ${GUESTS:-} ]] ||
		skip "no guest runs here: $(head -n1 "$BATS_FILE_TMPDIR/why")"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# code HEX...: write these bytes to x.bin as a flat image
code() {
	local b
	for b in "$@"; do
		printf %b "\\x$b"
	done >x.bin
}

vmm() {
	run timeout "$HANG" "$KVM_VMM" "$@" </dev/null
}

@test "--help and --version work without KVM" {
	vmm --help
	[ "$status" -eq 0 ]
	[[ $output == *"--deadline SEC"* ]]
	vmm --version
	[ "$status" -eq 0 ]
	[[ $output == kvm-vmm* ]]
}

@test "--help and the man page have the same options" {
	options() { grep -oE -- '--[a-z][a-z-]+' | sort -u; }
	vmm --help
	diff <(options <<<"$output") \
		<(sed -n 's/\\-/-/g; /^\.B/p' "$BATS_TEST_DIRNAME/../../vmm/man/kvm-vmm.1" | options)
}

@test "wrong usage: status 2, and a hint to --help" {
	vmm --flat a --kernel b
	[ "$status" -eq 2 ]
	[[ $output == *"one of --kernel, --flat, --restore"*"--help"* ]]
}

@test "no /dev/kvm: status 4, and what to do" {
	code f4
	vmm --flat x.bin --kvm /nonexistent/kvm
	[ "$status" -eq 4 ]
	[[ $output == *"/nonexistent/kvm"*"modprobe"* ]]
}

@test "a file that is not KVM is rejected by name" {
	code f4
	vmm --flat x.bin --kvm /dev/null
	[ "$status" -eq 4 ]
	[[ $output == *"/dev/null: not KVM"* ]]
}

@test "bad images: status 6 and the file's name" {
	need_guests
	vmm --flat missing.bin
	[ "$status" -eq 6 ]
	[[ $output == *"missing.bin: cannot open"* ]]
	: >empty.bin
	vmm --flat empty.bin
	[ "$status" -eq 6 ]
	[[ $output == *"empty.bin: the file is empty"* ]]
	head -c 100000 /dev/zero >zero.img
	vmm --kernel zero.img
	[ "$status" -eq 6 ]
	[[ $output == *"zero.img: not a kernel"* ]]
	vmm --restore zero.img
	[ "$status" -eq 6 ]
	[[ $output == *"zero.img: not a snapshot"* ]]
	truncate -s 17M big.bin
	vmm --flat big.bin
	[ "$status" -eq 6 ]
	[[ $output == *"outside the guest's RAM (16 MiB)"* ]]
	vmm --kernel zero.img --disk missing.img
	[ "$status" -eq 6 ]
	[[ $output == *"missing.img: cannot open the disk"* ]]
}

@test "truncating the image of a running guest is harmless; truncating its snapshot is reported, 6 or 12" {
	need_guests
	local pid from
	# 1: mov $'r', %al; out %al, $0x10; mov $0x3fd, %edx; in (%dx), %al
	# test $1, %al; jz 1b; mov 0x48000, %al; hlt
	code b0 72 e6 10 ba fd 03 00 00 ec a8 01 74 f2 a0 00 80 04 00 f4
	mkfifo in
	# run_guest OPTION...: start kvm-vmm, with its input from in, and wait until its guest runs
	run_guest() {
		rm -f out
		"$KVM_VMM" "$@" --deadline 20 <in >out 2>err 3>&- &
		pid=$!
		exec 9>in
		timeout "$HANG" bash -c 'until grep -q r out; do :; done'
	}
	for from in image snapshot; do
		cp x.bin big.bin
		truncate -s 300K big.bin
		run_guest --flat big.bin --mode prot --snapshot s.snap
		if [ "$from" = image ]; then
			truncate -s 0 big.bin
		else
			kill -USR1 $pid
			wait $pid || :
			exec 9>&-
			grep -q "snapshot written" err
			run_guest --restore s.snap
			truncate -s 0 s.snap
		fi
		# The guest may have ended already, because its code's page is gone.
		(echo >&9) || :
		status=0
		wait $pid || status=$?
		exec 9>&-
		echo "$from: $status: $(<err)"
		if [ "$from" = image ]; then
			[ "$status" -eq 0 ]
		else
			[ "$status" -eq 6 ] || [ "$status" -eq 12 ]
			grep -q "cut short" err
		fi
	done
}

@test "the classic demo: bytes to port 0x10, HLT ends it with 0" {
	need_guests
	code b0 48 e6 10 b0 69 e6 10 f4
	vmm --flat x.bin
	[ "$status" -eq 0 ]
	[ "$output" = Hi ]
}

@test "the demo of the old tutorials prints the low byte of each word" {
	need_guests
	cat >demo.s <<-'END'
		.code16
		.globl _start
		_start:
			mov $0x1040, %bx
		1:	mov (%bx), %ax
			out %ax, $0x10
			sub $'\n', %ax
			jz _start
			inc %bx
			jmp 1b
		.data
		.org 0x1040
		.ascii "Hello, KVM!\n"
	END
	as -32 -o demo.o demo.s
	ld -m elf_i386 --oformat binary -N -e _start -Ttext 0x10000 -o demo.bin demo.o
	# It never ends; the zeroes are the memory before its text.
	timeout "$HANG" "$KVM_VMM" --flat demo.bin --deadline 3 >out 2>err </dev/null || [ "$?" -eq 14 ]
	tr -d '\0' <out | head -n 2 >lines
	printf 'Hello, KVM!\nHello, KVM!\n' | cmp - lines
}

@test "an image linked at 0 runs at SEGMENT:0" {
	need_guests
	# mov %cs, %ax; mov %ah, %al; out %al, $0xf4: CS 0x100 gives 1
	code 8c c8 88 e0 e6 f4
	vmm --flat x.bin --entry 0x100:0
	[ "$status" -eq 3 ]
}

@test "protected and long mode run what they should" {
	need_guests
	# 32 bit: mov $0x14, %eax; out %al, $0xf4
	code b8 14 00 00 00 e6 f4
	vmm --flat x.bin --mode prot
	[ "$status" -eq 41 ]
	# 64 bit: mov $0x15, %r8d; mov %r8d, %eax; out %al, $0xf4
	code 41 b8 15 00 00 00 44 89 c0 e6 f4
	vmm --flat x.bin --mode long --load 0x200000
	[ "$status" -eq 43 ]
}

@test "a guest that loops ends by the deadline, 14" {
	need_guests
	code eb fe
	vmm --flat x.bin --deadline 0.3 -v
	[ "$status" -eq 14 ]
	[[ $output == *"rip 0000000000001000"* ]]
	[[ $output == *"did not end in 0.300 s"* ]]
}

@test "a guest that gives no sign of life ends by the watchdog, 16" {
	need_guests
	code eb fe
	vmm --flat x.bin --watchdog 0.6
	[ "$status" -eq 16 ]
	[[ $output == *"watchdog"* ]]
}

@test "a guest that rings a doorbell in a loop ends by the deadline, 14" {
	need_guests
	# mov $0xd0000050, %eax; 1: movl $0, (%eax); jmp 1b
	code b8 50 00 00 d0 c7 00 00 00 00 00 eb f8
	vmm --flat x.bin --mode prot --irqchip full --rng --deadline 1 --stats stats.json
	[ "$status" -eq 14 ]
	# the doorbell does not exit to user space
	[ "$(jq '.vcpus[0].exits_to_user' stats.json)" -lt 100 ]
}

@test "what a driver does for each interrupt does not exit to user space" {
	need_guests
	# mov $0xd0000060, %ebx; mov $1000, %ecx; 1: mov (%ebx), %eax; movl $1, 4(%ebx)
	# loop 1b; mov $0x14, %eax; out %al, $0xf4
	code bb 60 00 00 d0 b9 e8 03 00 00 8b 03 c7 43 04 01 00 00 00 \
		e2 f5 b8 14 00 00 00 e6 f4
	vmm --flat x.bin --mode prot --irqchip full --rng --stats stats.json
	[ "$status" -eq 41 ]
	[ "$(jq '.vcpus[0].exits_to_user' stats.json)" -lt 10 ]
}

@test "a doorbell rung once wakes its thread once" {
	need_guests
	local TIMEFORMAT='%3U %3S' user sys
	# mov $0xd0000050, %eax; movl $0, (%eax); sti; 1: hlt; jmp 1b
	code b8 50 00 00 d0 c7 00 00 00 00 00 fb f4 eb fd
	{ time "$KVM_VMM" --flat x.bin --mode prot --irqchip full --rng --deadline 2 </dev/null 2>out || true; } 2>cpu
	grep -q 'did not end in 2.000 s' out
	# Seconds of CPU: a thread that spins takes all it can get of two.
	read -r user sys <cpu
	[ "$(jq -n "$user + $sys < 0.6")" = true ]
}

@test "cache topology: all CPUs share the L3, other caches are private" {
	need_guests
	local leaf='04 00 00 00' i
	if grep -q AuthenticAMD /proc/cpuinfo; then
		leaf='1d 00 00 80'
	fi
	# mov LEAF, %eax; mov I, %ecx; cpuid; shr $14, %eax; and $0xfff, %ax; out %al, $0x10
	for i in 0 3; do
		# shellcheck disable=SC2086 # four bytes
		code 66 b8 $leaf 66 b9 0$i 00 00 00 0f a2 66 c1 e8 0e 25 ff 0f e6 10 f4
		timeout "$HANG" "$KVM_VMM" --flat x.bin --irqchip full --cpus 3 </dev/null >out
		[ -s out ]
		[ "$(od -An -tu1 out)" -eq "$i" ]	# L3: 3 of 4 ids, less one
	done
}

@test "a guest that halts forever with an irqchip ends, 0" {
	need_guests
	code fa f4
	vmm --flat x.bin --irqchip full --deadline 15
	[ "$status" -eq 0 ]
}

@test "a reset by the keyboard controller is 8" {
	need_guests
	code b0 fe e6 64 f4
	vmm --flat x.bin
	[ "$status" -eq 8 ]
}

@test "a triple fault is 10, with registers and code bytes" {
	need_guests
	code 0f 0b
	vmm --flat x.bin --mode prot
	[ "$status" -eq 10 ]
	[[ $output == *"code at 0x1000"*"0f 0b"* ]]
}

@test "while a guest runs, the process is in its sandbox" {
	need_guests
	local pid i
	# out %al, $0x10; jmp .
	code b0 2a e6 10 eb fe
	mkfifo out
	timeout "$HANG" "$KVM_VMM" --flat x.bin --deadline 15 >out </dev/null 2>/dev/null &
	read -r -N 1 i <out		# wait until the guest runs
	[ "$i" = "*" ]
	pid=$(pgrep -P $!)
	run cat "/proc/$pid/status" "/proc/$pid/task/"*/status
	kill "$pid"
	[[ $output == *"NoNewPrivs:	1"* ]]
	[[ $output == *"CapEff:	0000000000000000"* ]]
	# the process, its main thread, the vCPU; newer kernels show a thread of KVM's, too
	[ "$(grep -c '^Seccomp:	2' <<<"$output")" -ge 3 ]
	[[ $output != *"Seccomp:	0"* ]]
}

@test "a restored guest continues where it was" {
	need_guests
	local pid i
	# 'A'..'Z' slowly: mov $'A', %al; 1: out %al, $0x10; mov $0x8000, %cx;
	# 2: loop 2b; inc %al; cmp $'Z'+1, %al; jne 1b; hlt
	code b0 41 e6 10 b9 00 80 e2 fe fe c0 3c 5b 75 f3 f4
	mkfifo out
	timeout "$HANG" "$KVM_VMM" --flat x.bin --snapshot s.snap >out </dev/null 2>err &
	exec 7<out
	read -r -N 1 -u 7 i
	pid=$(pgrep -P $!)
	kill -USR1 "$pid"
	i+=$(cat <&7)
	wait $! || return 1
	grep -q "snapshot written to s.snap" err
	[ "${#i}" -lt 26 ]
	vmm --restore s.snap
	[ "$status" -eq 0 ]
	[ "$i$output" = ABCDEFGHIJKLMNOPQRSTUVWXYZ ]
}

# at_work OPTION...: start a guest in the background that prints one byte and spins,
# with --flat x.bin and the options. Sets vm to its process. Its messages are in err.
at_work() {
	code b0 2a e6 10 eb fe
	rm -f out
	mkfifo out
	timeout "$HANG" "$KVM_VMM" --flat x.bin --deadline 40 "$@" >out </dev/null 2>err 3>&- &
	read -r -N 1 _ <out
	vm=$(pgrep -P $!)
}

# said PATTERN: wait until err has a message that matches
said() {
	timeout "$HANG" bash -c "until grep -q -- '$1' err; do :; done"
}

@test "--user: the VM runs as another user, and its output files stay the caller's" {
	need_guests
	local vm
	vmm --flat x.bin --user 1:x
	[ "$status" -eq 2 ]
	[[ $output == *"--user x: expected a number"* ]]
	vmm --flat x.bin --user 1 --no-sandbox
	[ "$status" -eq 2 ]
	if [ "$EUID" -ne 0 ]; then
		code f4
		vmm --flat x.bin --user 1
		[ "$status" -eq 4 ]
		[[ $output == *"only root can become another user"* ]]
		skip "the rest needs root"
	fi
	at_work --user 65533:65532 --snapshot s.snap
	grep -E '^(Uid|Gid|Groups):' "/proc/$vm/status" | tr -s '\t ' ' ' >ids
	printf '%s\n' 'Uid: 65533 65533 65533 65533' 'Gid: 65532 65532 65532 65532' 'Groups: ' |
		diff - ids
	kill -USR1 "$vm"
	wait $!
	[ "$(stat -c %u s.snap)" -eq 0 ]
	vmm --restore s.snap --user 65533 --deadline 0.2
	[ "$status" -eq 14 ]
}

# limit NAME: print this hard limit of the process $vm
limit() {
	sed -n "s/^$1  *[^ ]*  *\\([^ ]*\\).*/\\1/p" "/proc/$vm/limits"
}

@test "the VM cannot make a disk or another file grow, nor open many descriptors" {
	need_guests
	local vm
	truncate -s 3G disk
	at_work --irqchip full --disk disk
	[ "$(limit 'Max file size')" -eq $((3 << 30)) ]
	[ "$(limit 'Max open files')" -lt 64 ]
	kill -TERM "$vm"
	wait $! || true
	at_work
	[ "$(limit 'Max file size')" -eq $((1 << 30)) ]
	kill -TERM "$vm"
	wait $! || true
	# 1: out %al, $0x10; jmp 1b
	code b0 2a e6 10 eb fc
	# shellcheck disable=SC2016	# for that shell
	run timeout "$HANG" bash -c 'ulimit -f 8; "$0" --flat x.bin --deadline 15 </dev/null >log' "$KVM_VMM"
	[ "$status" -eq 4 ]
	[[ $output == *"standard output: File too large (a guest may add 1 GiB to a file"* ]]
}

@test "a snapshot gets its name when it is complete; until then an older one stays" {
	need_guests
	local vm
	echo old >s.snap
	at_work --snapshot s.snap
	[ "$(<s.snap)" = old ]
	kill -TERM "$vm"
	wait $! || [ "$?" -eq 16 ]
	[ "$(<s.snap)" = old ]
	at_work --snapshot s.snap
	kill -KILL "$vm"
	wait $! || true
	# shellcheck disable=SC2016 # the inner shell's
	timeout "$HANG" bash -c 'until [ "$(ls s.snap*)" = s.snap ]; do :; done'
	[ "$(<s.snap)" = old ]
	# A symbolic link is followed, as by the shell's >.
	mkdir d
	ln -s d/real l.snap
	echo old >d/real
	at_work --snapshot l.snap
	kill -USR1 "$vm"
	wait $!
	[ -L l.snap ]
	[ "$(ls d)" = real ]
	vmm --restore l.snap --deadline 0.2
	[ "$status" -eq 14 ]
}

@test "a failed snapshot: a message, the guest goes on, the older snapshot stays" {
	need_guests
	local vm
	echo old >s.snap
	(ulimit -f 512; at_work --snapshot s.snap; echo "$vm" >vm; wait $! || echo "$?" >status) &
	timeout "$HANG" bash -c 'until [ -s vm ]; do :; done'
	vm=$(<vm)
	kill -USR1 "$vm"
	said 's.snap: snapshot not written: File too large: the guest goes on'
	until_threads "$vm" R 1
	# A paused guest stays paused.
	kill -USR2 "$vm"
	said paused
	: >err
	kill -USR1 "$vm"
	said 'the guest goes on'
	until_threads "$vm" R 0
	kill -USR2 "$vm"
	said resumed
	until_threads "$vm" R 1
	kill -TERM "$vm"
	wait $!
	[ "$(<status)" -eq 16 ]
	[ "$(<s.snap)" = old ]
	[ "$(echo s.snap*)" = s.snap ]
}

@test "a snapshot or statistics never overwrite a file in use" {
	need_guests
	code f4
	cp x.bin y.bin
	ln y.bin hard
	ln -s y.bin soft
	truncate -s 1M disk
	local o
	for o in snapshot stats; do
		vmm --flat y.bin --$o ./hard
		[ "$status" -eq 2 ]
		[[ $output == *"--$o ./hard: is the file of --flat, too"* ]]
		vmm --kernel x.bin --initrd y.bin --$o soft
		[ "$status" -eq 2 ]
		vmm --restore y.bin --$o y.bin
		[ "$status" -eq 2 ]
		vmm --flat x.bin --irqchip full --disk disk --$o disk
		[ "$status" -eq 2 ]
		[[ $output == *"--$o disk: is a --disk, too"* ]]
	done
	vmm --flat x.bin --snapshot new --stats new
	[ "$status" -eq 2 ]
	vmm --flat x.bin --snapshot /dev/null
	[ "$status" -eq 4 ]
	[[ $output == *"/dev/null: cannot write: not a file"* ]]
	cmp x.bin y.bin
	[ "$(stat -c %s disk)" -eq $((1 << 20)) ]
	[ "$(echo *)" = "disk hard soft x.bin y.bin" ]
}

@test "a snapshot that was changed anywhere is rejected as damaged, 6" {
	need_guests
	local vm at size
	at_work --snapshot s.snap
	kill -USR1 "$vm"
	wait $!
	size=$(stat -c %s s.snap)
	# Header, state, the code's page, the last byte of memory.
	for at in 40 300 2000 $((size - (16 << 20) + 0x1000)) $((size - 1)); do
		cp --sparse=always s.snap t.snap
		printf '\x5a' | dd of=t.snap bs=1 seek="$at" conv=notrunc status=none
		vmm --restore t.snap --deadline 0.2
		echo "$at: $output"
		[ "$status" -eq 6 ]
	done
	[[ $output == *"t.snap: damaged: its checksum is"* ]]
	# A file without holes is as good.
	cp --sparse=never s.snap t.snap
	vmm --restore t.snap --deadline 0.2
	[ "$status" -eq 14 ]
}

@test "--pci: configuration space by ports, snapshots require it, 31 devices fit" {
	need_guests
	local disks=() i pid
	# mov $0x80000800, %eax; mov $0xcf8, %dx; out %eax, %dx; mov $0xcfc, %dx;
	# in %dx, %eax; out %eax, $0x10; 1: jmp 1b
	code 66 b8 00 08 00 80 ba f8 0c 66 ef ba fc 0c 66 ed 66 e7 10 eb fe
	for i in "" --pci; do
		"$KVM_VMM" --flat x.bin --irqchip full --rng ${i:+"$i"} --deadline 1 </dev/null 2>err |
			od -An -tx4 >"out$i" || true
		grep -q "deadline" err
	done
	grep -q ffffffff out
	grep -q 10441af4 out--pci
	mkfifo fifo
	timeout "$HANG" "$KVM_VMM" --flat x.bin --irqchip full --rng --pci --snapshot s.snap >fifo </dev/null 2>err &
	exec 7<fifo
	head -c 4 <&7 >out
	pid=$(pgrep -P $!)
	kill -USR1 "$pid"
	wait $! || return 1
	vmm --restore s.snap --rng
	[ "$status" -eq 6 ]
	[[ $output == *"s.snap: its virtio devices are on PCI: give --pci"* ]]
	vmm --restore s.snap --rng --pci --deadline 0.1
	[ "$status" -eq 14 ]
	truncate -s 1M disk
	for ((i = 0; i < 26; i++)); do disks+=(--disk "disk,ro"); done
	code f4
	vmm --flat x.bin --irqchip full "${disks[@]}" --net loop --net loop --rng --pci
	[ "$status" -eq 0 ]
	vmm --flat x.bin --irqchip full "${disks[@]}" --net loop --net loop --rng --balloon 1 --pci
	[ "$status" -eq 2 ]
	[[ $output == *"more than 31 virtio devices"* ]]
	vmm --flat x.bin --irqchip split --rng
	[ "$status" -eq 2 ]
	[[ $output == *"virtio devices need --irqchip full, or split with --pci"* ]]
	vmm --flat x.bin --irqchip split --rng --pci
	[ "$status" -eq 0 ]
}

# until_threads PID PATTERN COUNT: wait until COUNT threads' states match PATTERN
until_threads() {
	local n=0
	until [ "$(cat "/proc/$1/task/"*/status | grep -c "^State:.$2")" -eq "$3" ]; do
		n=$((n + 1))
		[ "$n" -lt 200 ] || return 1
	done
}

@test "SIGUSR2 pauses and resumes; the watchdog ignores a paused guest" {
	need_guests
	local pid line
	# out %al, $0x10; 1: inc %ax; jmp 1b
	code b0 2a e6 10 40 eb fd
	mkfifo out err
	timeout "$HANG" "$KVM_VMM" --flat x.bin --deadline 40 --watchdog 30 >out 2>err </dev/null &
	exec 7<out 8<err
	read -r -N 1 -u 7 line
	pid=$(pgrep -P $!)
	until_threads "$pid" R 1
	kill -USR2 "$pid"
	read -r -t 10 -u 8 line
	[ "$line" = "kvm-vmm: paused" ]
	until_threads "$pid" R 0
	kill -USR2 "$pid"
	read -r -t 10 -u 8 line
	[ "$line" = "kvm-vmm: resumed" ]
	until_threads "$pid" R 1
	kill -USR2 "$pid"
	read -r -t 10 -u 8 line
	kill -TERM "$pid"
	read -r -t 10 -u 8 line
	[[ $line == *"killed by signal 15"* ]]
	wait $! && return 1
	[ "$?" -eq 16 ]
	exec 7<&- 8<&-
}

@test "the terminal is restored, even after SIGKILL" {
	need_guests
	local pid n=0
	# out %al, $0x10; jmp .
	code b0 2a e6 10 eb fe
	cat >session <<-END
		stty -g >before
		"$KVM_VMM" --flat x.bin --deadline 30
		echo \$? >status
		stty -g >after
	END
	mkfifo keys
	timeout "$HANG" script -qfec 'bash session' typescript <keys >/dev/null &
	exec 7>keys
	until grep -q '^[*]' typescript 2>/dev/null; do
		n=$((n + 1))
		[ "$n" -lt 2000 ]
	done
	pid=$(pgrep -f -n "^$KVM_VMM --flat x.bin --deadline 30")
	[ "$(readlink "/proc/$pid/cwd")" = "$PWD" ]
	stty -a -F "/proc/$pid/fd/0" >raw
	kill -KILL "$pid"
	wait $!
	exec 7>&-
	grep -q -e '-icanon' raw
	[ "$(cat status)" -eq 16 ]
	diff before after
}

@test "Ctrl-A x on a terminal ends the run, 16" {
	need_guests
	local n=0
	code b0 2a e6 10 eb fe
	echo "\"$KVM_VMM\" --flat x.bin --deadline 30; echo \$? >status" >session
	mkfifo keys
	timeout "$HANG" script -qfec 'bash session' typescript <keys >/dev/null &
	exec 7>keys
	until grep -q '^[*]' typescript 2>/dev/null; do
		n=$((n + 1))
		[ "$n" -lt 2000 ]
	done
	printf '\001x' >&7
	wait $!
	exec 7>&-
	[ "$(cat status)" -eq 16 ]
	grep -q "ended from the terminal" typescript
}

@test "an ordinary user in the device's group can run guests; others get a message" {
	need_guests
	[ "$EUID" -eq 0 ] || skip "needs root, to make a device node and another user"
	local as=(setpriv --reuid 65534 --clear-groups --inh-caps=-all)
	code b0 2a e6 10 f4
	mknod kvm c 10 232
	chown 0:12345 kvm
	chmod 660 kvm
	cp "$KVM_VMM" vmm
	chmod 755 . .. ../.. vmm
	: >kvm || skip "no device nodes work here"
	run timeout "$HANG" "${as[@]}" --regid 12345 ./vmm --flat x.bin --kvm kvm </dev/null
	[ "$status" -eq 0 ]
	[ "$output" = "*" ]
	run timeout "$HANG" "${as[@]}" --regid 65534 ./vmm --flat x.bin --kvm kvm </dev/null
	[ "$status" -eq 4 ]
	[[ $output == *"kvm: no permission: add the user to its group"* ]]
}

@test "compat.h's definitions for old headers equal those of new headers" {
	local name value
	{
		echo '#include <linux/kvm.h>'
		sed -n 's/^#define[ \t]*\([A-Z][A-Z0-9_]*\)[ \t]\+\([^ \t].*\)/\1 \2/p' \
			"$BATS_TEST_DIRNAME/../../vmm/compat.h" | sed 's|/[*].*||' |
			while read -r name value; do
				[[ $name == VMM_* ]] ||
					printf '#ifdef %s\n_Static_assert(%s == (%s), "%s");\n#endif\n' \
						"$name" "$name" "$value" "$name"
			done
	} >x.c
	[ "$(grep -c Static_assert x.c)" -gt 15 ]
	cc -fsyntax-only x.c
}

@test "statistics are JSON and count what the guest wrote" {
	need_guests
	# mov %al, (0x3000); mov %al, (0x4000); hlt
	code a2 00 30 a2 00 40 f4
	vmm --flat x.bin --dirty-log bitmap --stats stats.json
	[ "$status" -eq 0 ]
	[ "$(jq .dirty_pages stats.json)" -eq 2 ]
	[ "$(jq .status stats.json)" -eq 0 ]
	[ "$(jq '.vcpus[0].exits_to_user' stats.json)" -eq 1 ]
	vmm --flat x.bin --dirty-log ring=1024 --stats -
	[ "$(jq .dirty_pages <<<"$output")" -eq 2 ]
}

@test "statistics to a terminal or device pass the sandbox" {
	need_guests
	code f4
	timeout "$HANG" "$KVM_VMM" --flat x.bin --stats - </dev/null >/dev/null
}

@test "a snapshot of 64 vCPUs passes the sandbox" {
	need_guests
	local pid i
	code b0 2a e6 10 eb fe
	mkfifo out
	timeout "$HANG" "$KVM_VMM" --flat x.bin --cpus 64 --snapshot s.snap >out </dev/null 2>err &
	read -r -N 1 i <out
	pid=$(pgrep -P $!)
	kill -USR1 "$pid"
	wait $! || return 1
	grep -q "snapshot written" err
	vmm --restore s.snap --deadline 0.2
	[ "$status" -eq 14 ]
}

@test "output to a full pipe does not delay the deadline" {
	need_guests
	# 1: out %al, $0x10; jmp 1b, and nobody reads
	code e6 10 eb fc
	mkfifo out
	exec 8<>out
	timeout "$HANG" "$KVM_VMM" --flat x.bin --deadline 1 >out 2>err </dev/null && return 1
	[ "$?" -ne 124 ]
	exec 8>&-
	grep -q deadline err
}

# full NAME: open a full pipe, which nobody reads, as descriptor 8
full() {
	mkfifo "$1"
	exec 8<>"$1"
	dd if=/dev/zero of="$1" bs=64k count=64 oflag=nonblock 2>dd.err || true
	grep -q 'Resource temporarily unavailable' dd.err
}

@test "deadline, TERM and watchdog end a run even if output is full and input waits" {
	need_guests
	local out err way pid got want
	# 1: mov $0x3f8, %dx; out %al, %dx; jmp 1b: a vCPU that waits in write()
	code ba f8 03 ee eb fa
	cp x.bin busy.bin
	# 2: mov $0x3f8, %dx; out %al, %dx; jmp .: a vCPU that then spins
	code ba f8 03 ee eb fe
	full pipe
	# Close bats' descriptors: a hanging child must not hold them.
	for out in /dev/null pipe; do
		for err in err pipe; do
			for way in deadline TERM watchdog; do
				image=busy.bin want=16
				# Without exits: the guest neither waits nor writes.
				[ "$way" != watchdog ] || [ "$out" != /dev/null ] || image=x.bin
				set -- --flat $image --irqchip full -v
				case $way in
				deadline) set -- "$@" --deadline 1; want=14 ;;
				TERM) set -- "$@" --deadline 0 ;;
				watchdog) set -- "$@" --deadline 0 --watchdog 1 ;;
				esac
				mkfifo in
				timeout -s KILL 60 "$KVM_VMM" "$@" <in >$out 2>$err 3>&- 8>&- &
				pid=$!
				exec 9>in
				echo >&9
				if [ "$way" = TERM ]; then
					# Once the vCPU's thread exists, it handles signals.
					timeout "$HANG" bash -c "until [ \$(pgrep -P $pid | xargs -I % ls /proc/%/task | wc -l) -ge 3 ]; do :; done"
					kill -TERM "$(pgrep -P $pid)"
				fi
				got=0
				wait $pid || got=$?
				exec 9>&-
				rm in
				echo "stdout $out, stderr $err, $way: $got, expected $want"
				[ "$got" -eq "$want" ]
			done
		done
	done
	exec 8>&-
}

# A guest that copies its serial port to port 0x10 until a zero byte:
# 1: mov $0x3fd, %dx; 2: in %dx, %al; test $1, %al; jz 2b; mov $0x3f8, %dx
# in %dx, %al; out %al, $0x10; test %al, %al; jnz 1b; hlt
echo_guest() {
	code ba fd 03 ec a8 01 74 fb ba f8 03 ec e6 10 84 c0 75 ee f4
}

@test "input from a pipe and from a file arrives complete, however late the guest reads it" {
	need_guests
	echo_guest
	{ seq 1 20000 | head -c 64K; printf '\0'; } >want
	timeout "$HANG" "$KVM_VMM" --flat x.bin <want >got
	cmp want got
	head -c 1M want | timeout "$HANG" "$KVM_VMM" --flat x.bin >got
	cmp want got
}

@test "end of input does not use CPU time" {
	need_guests
	local TIMEFORMAT='%3U %3S' user sys
	# mov $0x3f8, %dx; in %dx, %al; sti; 1: hlt; jmp 1b
	code ba f8 03 ec fb f4 eb fd
	{ time : | "$KVM_VMM" --flat x.bin --irqchip full --deadline 3 2>out || true; } 2>cpu
	grep -q 'did not end in 3.000 s' out
	read -r user sys <cpu
	[ "$(jq -n "$user + $sys < 0.3")" = true ]
}

@test "failing output ends the run: 4, and the reason" {
	need_guests
	# 1: out %al, $0x10; jmp 1b
	code b0 2a e6 10 eb fc
	# shellcheck disable=SC2016	# for that shell
	run timeout "$HANG" bash -c '"$0" --flat x.bin --deadline 15 </dev/null >/dev/full' "$KVM_VMM"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ $output == *"standard output: No space left on device"* ]]
	# shellcheck disable=SC2016	# for that shell
	run timeout "$HANG" bash -c '"$0" --flat x.bin --deadline 15 </dev/null | head -c 1; exit ${PIPESTATUS[0]}' "$KVM_VMM"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ $output == *"standard output: Broken pipe"* ]]
	code f4
	vmm --flat x.bin --stats /dev/full
	[ "$status" -eq 4 ]
	[[ $output == *"statistics: No space left on device"* ]]
}

# start_session: run the file `session` on a terminal and wait until its guest prints.
# Sets seen, the process that the session started, and vm, its child.
start_session() {
	local n=0
	mkfifo keys
	timeout "$HANG" script -qfec 'bash session' typescript <keys >/dev/null 3>&- &
	exec 7>keys
	until grep -q '[*]' typescript 2>/dev/null; do
		n=$((n + 1))
		[ "$n" -lt 20000 ]
	done
	seen=$(<seen) vm=$(pgrep -P "$(<seen)")
}

# on_tty COMMAND OPTION...: run kvm-vmm --flat x.bin with the options on a terminal.
# When its guest runs, run COMMAND, which can use $seen, the process that the session
# started, and $vm, its child. kvm-vmm's status is in the file `status`. The session
# ends after COMMAND, not before: its end sends SIGHUP to $vm, whose output is then lost.
on_tty() {
	local command=$1
	shift
	cat >session <<-END
		stty -g >before
		bash -c 'echo \$\$ >seen; exec "\$0" "\$@"' "$KVM_VMM" --flat x.bin --deadline 30 $*
		echo \$? >status
		stty -g >after
		read -r _ <over
	END
	rm -f typescript status after keys over
	mkfifo over
	start_session
	stty -a -F "/proc/$vm/fd/0" >raw
	grep -q -e '-icanon' raw
	eval "$command"
	# shellcheck disable=SC2016	# for that shell
	timeout "$HANG" bash -c 'until [ -e after ]; do :; done; echo >over'
	wait $! || true
	exec 7>&-
}

@test "on a terminal, signals to the process that the user sees reach the VM" {
	need_guests
	local sig seen vm	# set and used by on_tty
	# out %al, $0x10; jmp .
	code b0 2a e6 10 eb fe
	for sig in TERM HUP INT; do
		on_tty "kill -$sig \$seen"
		grep -q "killed by signal" typescript
		[ "$(<status)" -eq 16 ]
		[ ! -e "/proc/$vm" ]
		diff before after
	done
	# shellcheck disable=SC2016	# on_tty evaluates it
	on_tty 'kill -USR1 $seen' --snapshot s.snap
	grep -q "snapshot written to s.snap" typescript
	[ "$(<status)" -eq 0 ]
	# shellcheck disable=SC2016	# on_tty evaluates it
	on_tty 'kill -USR2 $seen; timeout $HANG bash -c "until grep -q paused typescript; do :; done"; kill -TERM $seen'
	[ "$(<status)" -eq 16 ]
	diff before after
}

@test "on a terminal, the VM does not outlive the process that the user sees" {
	need_guests
	# shellcheck disable=SC2034	# on_tty sets and uses it
	local seen vm
	code b0 2a e6 10 eb fe
	# shellcheck disable=SC2016	# on_tty evaluates it
	on_tty 'kill -KILL $seen; timeout $HANG bash -c "while [ -e /proc/$vm ]; do :; done"'
	[ ! -e "/proc/$vm" ]
	grep -q "killed by signal 15" typescript
}

# pvh END [TEXT]: make bzImage, an ELF image that boots by PVH. It prints TEXT and a
# newline to the serial port, then its command line, and ends with the code END.
pvh() {
	cat >k.s <<-END
		.section .note.pvh, "a", @note
		.long 4, 4, 18
		.asciz "Xen"
		.long _start
		.text
		.globl _start
		_start:	mov \$text, %esi
			call put
			mov 24(%ebx), %esi	# struct hvm_start_info: the command line
			call put
			mov \$newline, %esi
			call put
			$1
		put:	mov \$0x3f8, %edx
		1:	lodsb
			test %al, %al
			jz 2f
			out %al, %dx
			jmp 1b
		2:	ret
		.data
		text:	.asciz "${2:-hello}\\n"
		newline: .asciz "\\n"
		word:	.ascii "Shutdown"
	END
	link
}

link() {
	as -32 -o k.o k.s
	ld -m elf_i386 -e _start -Ttext 0x100000 --section-start=.note.pvh=0x110000 -o bzImage k.o
}

# shellcheck disable=SC2016	# the assembler's $
SPIN='jmp .'
# shellcheck disable=SC2016	# the assembler's $
RESET='mov $0xfe, %al; out %al, $0x64; jmp .'
# The word "Shutdown" to port 0x8900
# shellcheck disable=SC2016	# the assembler's $
SHUTDOWN='mov $0x8900, %edx; mov $word, %esi; mov $8, %ecx; rep outsb; jmp .'

@test "a guest's panic ends with 18 and its message, whatever the guest does next" {
	need_guests
	local panic='[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs'
	pvh "$RESET" "$panic"
	vmm --kernel bzImage
	[ "$status" -eq 18 ]
	[[ ${lines[-1]} == "kvm-vmm: the guest panicked: Kernel panic - not syncing: VFS: Unable to mount root fs" ]]
	pvh "$SPIN" "$panic\\n[ 1.3] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs ]---"
	vmm --kernel bzImage
	[ "$status" -eq 18 ]
	pvh "$SPIN" "$panic"
	vmm --kernel bzImage --deadline 1
	[ "$status" -eq 18 ]
	pvh "$RESET"
	vmm --kernel bzImage
	[ "$status" -eq 8 ]
}

@test "a kernel that overlaps the tables is rejected: 6" {
	need_guests
	pvh "$SHUTDOWN"
	# Its text begins within the tables.
	ld -m elf_i386 -e _start -Ttext 0xe1000 -o bzImage k.o
	vmm --kernel bzImage
	[ "$status" -eq 6 ]
	[[ $output == *"overlaps ACPI and MP tables (0xe0000-0xf0fff)"* ]]
}

@test "panic=-1 and pci=off are added, and reported once, unless the user gave one" {
	need_guests
	local append
	pvh "$SHUTDOWN"
	vmm --kernel bzImage --append 'root=/dev/vda foo.panic=7 foo.pci=7'
	[ "$status" -eq 0 ]
	[[ $output == *$'\npanic=-1 pci=off root=/dev/vda foo.panic=7 foo.pci=7' ]]
	[ "$(grep -c 'added to the command line: panic=-1 pci=off$' <<<"$output")" -eq 1 ]
	for append in 'panic=5 x pci=noacpi' 'pci=off x panic=0'; do
		vmm --kernel bzImage --append "$append"
		[ "$status" -eq 0 ]
		[[ $output == *$'\n'"$append" ]]
		[[ $output != *"added to"* ]]
	done
	vmm --kernel bzImage
	[[ $output == *$'\npci=off console=ttyS0 panic=-1' ]]
	[[ $output == *"added to the command line: pci=off"$'\n'* ]]
	vmm --pci --kernel bzImage
	[[ $output == *$'\nconsole=ttyS0 panic=-1' ]]
	[[ $output != *"added to"* ]]
}

@test "at the deadline: a Linux guest's last line, or that it wrote nothing" {
	need_guests
	pvh "$SPIN" 'waiting for root'
	vmm --kernel bzImage --deadline 1 --append x
	[ "$status" -eq 14 ]
	[[ $output == *"did not end in 1.000 s; its last line: panic=-1 pci=off x"* ]]
	pvh "$SPIN"
	sed -i 's/call put/nop/' k.s
	link
	vmm --kernel bzImage --deadline 1
	[ "$status" -eq 14 ]
	[[ $output == *"it never wrote to a console: is console=ttyS0 on its command line?"* ]]
	vmm --kernel bzImage --deadline 1 --console virtio
	[[ $output == *"is console=hvc0 on its command line?"* ]]
}

@test "disks in other formats and disks in use are rejected: 6" {
	need_guests
	local pid
	code b0 2a e6 10 eb fe
	truncate -s 1M disk
	printf 'QFI\xfb' | dd of=disk conv=notrunc 2>dd.err
	vmm --flat x.bin --irqchip full --disk disk
	[ "$status" -eq 6 ]
	[[ $output == *"disk: a disk image in qcow format"*"--disk-format raw"* ]]
	vmm --flat x.bin --irqchip full --disk disk --disk-format raw --deadline 0.1
	[ "$status" -eq 14 ]
	truncate -s 0 disk
	truncate -s 1M disk
	vmm --flat x.bin --irqchip full --disk disk --disk disk
	[ "$status" -eq 6 ]
	[[ $output == *"disk: in use as a disk"* ]]
	mkfifo out
	timeout "$HANG" "$KVM_VMM" --flat x.bin --irqchip full --disk disk >out </dev/null 2>err 3>&- &
	read -r -N 1 pid <out
	vmm --flat x.bin --irqchip full --disk disk,ro
	[ "$status" -eq 6 ]
	kill "$(pgrep -P $!)"
	wait $! || [ "$?" -eq 16 ]
	vmm --flat x.bin --irqchip full --disk disk,ro --deadline 0.1
	[ "$status" -eq 14 ]
}

# examples FILE: extract each example of a man page or document to NAME.N
examples() {
	case $1 in
	*.1)
		sed -n '/^\.nf/,/^\.fi/{/^\./!p; s/^\.fi//p}' "$1" | sed 's/\\-/-/g; s/\\\\/\\/g'
		;;
	*)	# indented lines, up to the next empty line
		sed -n 's/^    //p; s/^$//p' "$1"
		;;
	esac | awk -v name="${1##*/}" '
		/^$/ { if (ours) { printf "%s", text >name "." ++n } text = ""; ours = 0; next }
		{ text = text $0 "\n"; ours = ours || /^kvm-vmm / }'
}

@test "a guest sees a disk's 4 KiB sectors" {
	need_guests
	local dev
	truncate -s 1M disk
	# mov $0xd0000114, %ebx (blk_size); mov (%rbx), %eax; shr $9, %eax; out %al, $0x10; hlt
	code bb 14 01 00 d0 8b 03 c1 e8 09 e6 10 f4
	timeout "$HANG" "$KVM_VMM" --flat x.bin --mode long --irqchip full --disk disk </dev/null >out
	[ "$(od -An -tu1 out)" -eq 1 ]
	dev=$(losetup -b 4096 --show -f disk 2>/dev/null) || skip "cannot create a loop device here"
	timeout "$HANG" "$KVM_VMM" --flat x.bin --mode long --irqchip full --disk "$dev",direct </dev/null >out || true
	losetup -d "$dev"
	[ "$(od -An -tu1 out)" -eq 8 ]
}

@test "every example in the man page and in docs/vmm.md works" {
	need_guests
	local top=$BATS_TEST_DIRNAME/../.. f n=0
	pvh "$SHUTDOWN"
	mkdir -p bin boot
	ln -s "$KVM_VMM" bin/kvm-vmm
	cp bzImage "boot/vmlinuz-$(uname -r)"
	echo initramfs | tee initramfs.img >"boot/initramfs-$(uname -r).img"
	for f in disk.img rootfs.ext2 rootfs.ext4; do
		truncate -s 1M "$f"
	done
	examples "$top/vmm/man/kvm-vmm.1"
	examples "$top/docs/vmm.md"
	for f in kvm-vmm.1.* vmm.md.*; do
		sed -i 's|/boot/|boot/|g' "$f"
		echo "--- $f"
		cat "$f"
		PATH=$PWD/bin:$PATH run timeout "$HANG" bash -e "$f" </dev/null
		echo "--- $status: $output"
		[ "$status" -eq 0 ]
		n=$((n + 1))
	done
	[ "$n" -ge 7 ]
	# No example was missed.
	[ "$(cat kvm-vmm.1.* vmm.md.* | grep -c '^kvm-vmm --')" -eq \
		"$(cat "$top/vmm/man/kvm-vmm.1" "$top/docs/vmm.md" | grep -cE '^ *kvm-vmm (--|\\-\\-)')" ]
}

@test "on a terminal, SIGTSTP restores the terminal and stops the VM, and fg resumes it" {
	need_guests
	local seen vm	# set by start_session
	code b0 2a e6 10 eb fe
	cat >session <<-END
		set -m
		stty -g >before
		bash -c 'echo \$\$ >seen; exec "\$0" "\$@"' "$KVM_VMM" --flat x.bin --deadline 30
		stty -g >stopped
		fg
		echo \$? >status
		stty -g >after
	END
	start_session
	stty -g -F "/proc/$vm/fd/0" >raw
	kill -TSTP "$seen"
	timeout "$HANG" bash -c "until [ -s stopped ] && [ \"\$(stty -g -F /proc/$vm/fd/0)\" = \"\$(<raw)\" ]; do :; done"
	diff before stopped
	kill -TERM "$seen"
	wait $! || true
	exec 7>&-
	[ "$(<status)" -eq 16 ]
	diff before after
}

# --- Migration ---------------------------------------------------------------------

# target OPTION...: start a kvm-vmm in the background that listens at s.sock. Its output
# is in out2, its messages in err2. Its process is $target.
target() {
	timeout "$HANG" "$KVM_VMM" --listen s.sock --deadline 40 "$@" >out2 2>err2 </dev/null 3>&- &
	target=$!
	timeout "$HANG" bash -c 'until [ -S s.sock ]; do :; done'
}

# moving OPTION...: start a VM with the guest x.bin in the background, which moves to
# s.sock at USR1. Descriptor 7 has its output, err its messages. Its process is $source.
moving() {
	rm -f out
	mkfifo out
	timeout "$HANG" "$KVM_VMM" --flat x.bin --deadline 40 --migrate-to s.sock "$@" >out </dev/null 2>err 3>&- &
	exec 7<out
	read -r -N 1 -u 7 first
	source=$(pgrep -P $!)
	source=${source%%$'\n'*}
}

@test "a guest moves to another kvm-vmm and continues where it was" {
	need_guests
	local first source target
	# It keeps the letter in memory, too, which must move along: mov $'A', %al;
	# 1: out %al, $0x10; mov %al, (%bx); mov $0x8000, %cx; 2: loop 2b; cmp %al, (%bx);
	# jne 3f; inc %al; cmp $'Z'+1, %al; jne 1b; 3: hlt
	code b0 41 e6 10 88 07 b9 00 80 e2 fe 38 07 75 06 fe c0 3c 5b 75 ed f4
	moving
	# Nobody listens yet.
	kill -USR1 "$source"
	said 'not moved: s.sock: cannot connect: No such file or directory: the guest goes on'
	target
	kill -USR1 "$source"
	first+=$(cat <&7)
	wait "$target"
	grep -q 'moved to s.sock: downtime [0-9]*\.[0-9]* ms, [0-9]* MiB in [0-9]* rounds' err
	[ "${#first}" -lt 26 ]
	[ "$first$(<out2)" = ABCDEFGHIJKLMNOPQRSTUVWXYZ ]
	[ ! -e s.sock ]
}

@test "--listen replaces a dead socket, and nothing else" {
	need_guests
	local first source target
	code b0 2a e6 10 eb fe
	echo mine >s.sock
	vmm --listen s.sock
	[ "$status" -eq 6 ]
	[[ $output == *"s.sock: cannot listen: it is there"* ]]
	[ "$(<s.sock)" = mine ]
	rm s.sock
	target
	kill -KILL "$(pgrep -P "$target")"
	wait "$target" || true
	[ -S s.sock ]
	timeout "$HANG" "$KVM_VMM" --listen s.sock --deadline 40 >out2 2>err2 </dev/null 3>&- &
	target=$!
	moving
	# Try until the new one answers.
	until grep -q 'moved to' err; do
		kill -USR1 "$source" 2>/dev/null || break
	done
	kill "$(pgrep -P "$target")"
	wait "$target" || [ "$?" -eq 16 ]
}

@test "a guest that writes all the time moves without loss" {
	need_guests
	local first source target
	# 64-bit: writes a number to each page of 64 MiB, checks them, prints a dot (X:
	# wrong), and goes on with the next number.
	code 31 c0 bf 00 00 10 00 b9 00 40 00 00 89 07 81 c7 00 10 00 00 ff c9 75 f4 \
		bf 00 00 10 00 b9 00 40 00 00 39 07 75 14 81 c7 00 10 00 00 ff c9 75 f2 \
		ff c0 50 b0 2e e6 10 58 eb c8 b0 58 e6 10 f4
	moving --mode long --mem 80
	target
	read -r -N 3 -u 7 _
	kill -USR1 "$source"
	cat <&7 >rest
	timeout "$HANG" bash -c "until grep -q '[.X][.X][.X]' out2; do :; done"
	grep -q 'moved to s.sock' err
	kill "$(pgrep -P "$target")"
	wait "$target" || [ "$?" -eq 16 ]
	run grep X rest out2
	[ "$status" -eq 1 ]
}

@test "64 vCPUs and every device that can move pass the sandbox; disk locks move, too" {
	need_guests
	local first source target
	code b0 2a e6 10 eb fe
	truncate -s 1M disk
	set -- --disk disk --net loop --rng --balloon 1 --console virtio
	moving --cpus 64 "$@"
	# The target has other devices: it says so, the guest goes on, its disk stays locked.
	target --disk disk,ro
	kill -USR1 "$source"
	said 'not moved: s.sock: the other side gave up'
	grep -q 'give the devices as for' err2
	vmm --flat x.bin --irqchip full --disk disk
	[[ $output == *"disk: in use as a disk"* ]]
	wait "$target" || [ "$?" -eq 6 ]
	: >err
	target "$@"
	kill -USR1 "$source"
	said 'moved to s.sock'
	timeout "$HANG" bash -c "while kill -0 $source; do :; done" 2>/dev/null
	vmm --flat x.bin --irqchip full --disk disk
	[[ $output == *"disk: in use as a disk"* ]]
	kill "$(pgrep -P "$target")"
	wait "$target" || [ "$?" -eq 16 ]
	run grep -v 'killed by signal' err2
	[ "$status" -eq 1 ]
}

@test "if the target dies or hangs, the guest stays where it is" {
	need_guests
	command -v python3 >/dev/null || skip "no python3"
	local first source bytes
	code b0 2a e6 10 eb fe
	moving
	for bytes in 0 100 240 4096 none; do
		: >err
		rm -f s.sock
		python3 - "$bytes" <<-'EOF' 3>&- 7<&- &
			import os, signal, socket, sys
			s = socket.socket(socket.AF_UNIX)
			s.bind("s.new")
			s.listen()
			os.rename("s.new", "s.sock")	# appears when one can connect
			c = s.accept()[0]
			signal.pause() if sys.argv[1] == "none" else c.recv(int(sys.argv[1]))
		EOF
		timeout "$HANG" bash -c 'until [ -S s.sock ]; do :; done'
		kill -USR1 "$source"
		said 'not moved: s.sock: .*: the guest goes on'
		[ "$bytes" != none ] || kill $!
		wait $! || [ "$bytes" = none ]
		until_threads "$source" R 1
	done
	kill -TERM "$source"
	[ -z "$(cat <&7)" ]
	grep -q 'killed by signal 15' err
}

# --- Tracing and huge pages ---------------------------------------------------------

@test "--trace counts exits by reason, direction and address" {
	need_guests
	# 1000 times: out %al, $0x80; in $0x71, %al; then hlt
	code b9 e8 03 e6 80 e4 71 e2 fa f4
	vmm --flat x.bin --trace t
	[ "$status" -eq 0 ]
	cat t
	grep -qE '^vcpu 0 1000 KVM_EXIT_IO write 0x80 ns( [0-9]+:[0-9]+)+$' t
	grep -qE '^vcpu 0 1000 KVM_EXIT_IO read 0x71 ns' t
	grep -qE '^vcpu 0 1 KVM_EXIT_HLT ns' t
	[ "$(sed -n 's/.* write 0x80 ns //p' t | tr ' ' '\n' | awk -F: '{ n += $2 } END { print n }')" -eq 1000 ]
	# A guest that uses all ports: 1: out %al, %dx; inc %dx; jnz 1b; hlt
	code ba 00 10 ee 42 75 fc f4
	vmm --flat x.bin --trace t
	[ "$(wc -l <t)" -le 513 ]
	awk '{ n += $3 } /others/ { o = 1 } END { exit !(o && n == 61441) }' t
	vmm --flat x.bin --trace x.bin
	[ "$status" -eq 2 ]
	[[ $output == *"--trace x.bin: is the file of --flat, too"* ]]
}

# debug COMMAND...: gdb on the VM that listens at "sock", with these commands.
debug() {
	local c args=()
	for c in "$@"; do
		args+=(-ex "$c")
	done
	run timeout 60 gdb -nx -batch -ex 'set pagination off' -ex 'target remote sock' "${args[@]}"
}

@test "--gdb: a debugger sees the guest from its first instruction on, and steps it" {
	need_guests
	# xor %eax,%eax; mov $0x20000,%ebx; 1: inc %eax; mov %ax,(%rbx); nop; jmp 1b
	code 31 c0 bb 00 00 02 00 ff c0 66 89 03 90 eb f8
	timeout 60 "$KVM_VMM" --flat x.bin --mode long --gdb sock,wait --deadline 50 2>err </dev/null 3>&- &
	until [ -S sock ]; do :; done
	debug 'info registers rip cs' 'x/2xb 0x1000' stepi stepi stepi 'p $eax' stepi 'x/1xh 0x20000' \
		'set $rax = 0x1233' 'set {short}0x20000 = 0x7777' 'x/1xh 0x20000' stepi stepi stepi stepi \
		'x/1xh 0x20000' 'x/1xb 0x7fffffff0000' 'monitor dump' 'info threads' kill
	echo "$output"
	[[ $output == *'rip            0x1000 '*'0x1000:'$'\t'0x31$'\t'0xc0* ]]
	[[ $output == *'$1 = 1'*'0x20000:'$'\t'0x0001*'0x20000:'$'\t'0x7777*'0x20000:'$'\t'0x1234* ]]
	[[ $output == *'Cannot access memory at address 0x7fffffff0000'* ]]
	[[ $output == *'rax 0000000000001234'*'Thread 1'* ]]
	wait $! && return 1
	grep -q 'the debugger ended it' err
}

@test "--gdb: a debugger comes to a guest that runs, goes, and comes again" {
	need_guests
	# 1: inc %ecx; mov %cl,%al; out %al,$0x80; jmp 1b
	code 41 88 c8 e6 80 eb f9
	timeout 60 "$KVM_VMM" --flat x.bin --cpus 2 --gdb sock --deadline 50 2>err </dev/null 3>&- &
	until [ -S sock ]; do :; done
	debug 'info threads' 'set $rcx = 0xffff0000' 'p $rcx' detach
	echo "$output"
	[[ $output == *'Thread 2'*'$1 = 4294901760'* ]]
	[ "$status" -eq 0 ]
	debug 'p $cx != 0 && $rcx != 0xffff0000' 'set $rip = 0x1007' 'set {char}0x1007 = 0xf4' 'p 7' detach
	echo "$output"
	[[ $output == *'$1 = 1'*'$2 = 7'* ]]
	wait $!		# it halts: the guest is at its end
}

@test "--hugepages: RAM comes from the pool, or there is a message" {
	need_guests
	local vm free
	code f4
	vmm --flat x.bin --hugepages --mem $((1 << 19))
	[ "$status" -eq 4 ]
	[[ $output == *"no 1536 huge pages of 2 MiB"*"raise /proc/sys/vm/nr_hugepages" ]]
	free=$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)
	[ "$free" -ge 8 ] || skip "the pool has $free free pages, 8 are needed"
	at_work --hugepages --mem 16
	grep -A3 'rw-p.*anon_hugepage' "/proc/$vm/smaps" | grep -q '^Size: *16384 kB'
	kill "$vm"
	wait $! || [ "$?" -eq 16 ]
}
