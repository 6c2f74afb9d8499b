#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A Linux guest that works on its disk moves from one kvm-vmm to another, in an
# emulated machine with a stock kernel of Debian's, which is the guest's, too; and a
# guest that was saved under that kernel goes on under a newer one.
# IMAGE_DEB=FILE names its package; otherwise apt-get downloads one. NEWER_DEBS="FILE..."
# names those of the newer one (7.2 of Debian 13's backports: linux-binary-, linux-modules-).

tools=$BATS_TEST_DIRNAME/../../tools

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	command -v busybox dpkg-deb cpio depmod >/dev/null || skip "busybox, dpkg, cpio and kmod are needed"
	if [[ -z ${IMAGE_DEB:-} ]]; then
		apt-get download "$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ { print $2; exit }')" ||
			skip "no linux-image-* to be had: IMAGE_DEB=FILE names one"
		IMAGE_DEB=$(echo linux-image-*.deb)
	fi
	dpkg-deb -x "$IMAGE_DEB" k
	[[ -d k/lib ]] || mv k/usr/lib k/lib
	kverrel=$(basename k/lib/modules/*)
	depmod -b k "$kverrel"
	make -s -C "$tools/../vmm" "O=$PWD/vmm" "$PWD/vmm/kvm-vmm"
}

# What the guest does: 14 times 4 MiB of noise to the disk and back, past the cache.
guest() {
	local m
	mkdir -p g/bin g/dev g/proc g/sys g/m
	cp "$(command -v busybox)" g/bin/busybox
	for m in virtio virtio_ring virtio_mmio virtio_blk; do
		find k/lib/modules -name "$m.ko*" -exec cp {} g/m \;
	done
	unxz g/m/*.xz 2>/dev/null || true
	cat >g/init <<-'EOF'
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		mount -t proc proc /proc
		mount -t devtmpfs dev /dev
		for m in virtio virtio_ring virtio_mmio virtio_blk; do insmod /m/$m.ko; done
		until [ -b /dev/vda ]; do :; done
		n=0
		while [ $((n += 1)) -le 14 ]; do
			dd if=/dev/urandom of=/noise bs=64k count=64 2>/dev/null
			a=$(md5sum </noise)
			dd if=/noise of=/dev/vda bs=64k 2>/dev/null
			sync
			echo 3 >/proc/sys/vm/drop_caches
			b=$(dd if=/dev/vda bs=64k count=64 2>/dev/null | md5sum)
			[ "$a" = "$b" ] && [ "$a" = "$(md5sum </noise)" ] && echo "round $n ok" || echo "round $n bad"
		done
		poweroff -f
	EOF
	chmod +x g/init
	(cd g && find . | cpio --quiet -o -H newc | gzip -1) >guest.img
}

@test "a Linux guest that works on its disk moves, and its data are whole" {
	guest
	cat >script <<-'EOF'
		#!/bin/sh
		mkdir -p /tmp
		cd /tmp
		dd if=/dev/zero of=disk bs=1M count=8 2>/dev/null
		: >out
		kvm-vmm --kernel /g/vmlinuz --initrd /g/guest.img --disk disk --cpus 2 --mem 160 \
			--append 'console=ttyS0 quiet' --migrate-to s.sock >out 2>err </dev/null &
		source=$!
		until grep -q 'round 3' out || ! kill -0 $source; do usleep 100000; done
		kvm-vmm --listen s.sock --disk disk >out2 2>err2 </dev/null &
		target=$!
		until [ -S s.sock ]; do usleep 100000; done
		until grep -q 'round 4' out || ! kill -0 $source; do usleep 100000; done
		kill -USR1 $source
		wait $source
		echo "source $?"
		wait $target
		echo "target $?"
		cat out err out2 err2
	EOF
	chmod +x script
	run "$tools/machine/boot" svm --kernel "k/boot/vmlinuz-$kverrel" --moddir "k/lib/modules/$kverrel" \
		--load kvm_amd --mem 900 --deadline 400 --file vmm/kvm-vmm:/bin/kvm-vmm \
		--file guest.img:/g/guest.img --file "k/boot/vmlinuz-$kverrel:/g/vmlinuz" \
		--file script:/script --log log -- /script
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"source 0"*"target 0"*"moved to s.sock: downtime"* ]]
	[ "$(grep -c 'round [0-9]* ok' <<<"$output")" -eq 14 ]
}

# in_machine KERNEL MODDIR FILE...: run ./script there, with these files in /. Time is
# counted in instructions, so that both kernels find the TSC equally fast.
in_machine() {
	local kernel=$1 moddir=$2 f args=()
	shift 2
	for f in "$@"; do
		args+=(--file "$f:/${f##*/}")
	done
	"$tools/machine/boot" svm --kernel "$kernel" --moddir "$moddir" --load kvm_amd --deadline 900 \
		--icount --file vmm/kvm-vmm:/bin/kvm-vmm --file script:/script "${args[@]}" --log log --quiet \
		--output "$BATS_TEST_TMPDIR/said" -- /script
}

# go_on KERNEL MODDIR: the saved guest there; its status, and the first bytes it writes
go_on() {
	cat >script <<-'EOF'
		#!/bin/sh
		base64 -d /saved | gzip -d >/tmp/s
		kvm-vmm --restore /tmp/s --deadline 2 >/tmp/out 2>/tmp/err
		echo "status $?"
		head -c 3 /tmp/out | od -An -v -tu1
		cat /tmp/err
	EOF
	in_machine "$1" "$2" saved
	cat said
}

@test "a guest that was saved under one kernel goes on under a newer one, not the reverse" {
	local old new newer
	[[ -n ${NEWER_DEBS:-} ]] || skip "NEWER_DEBS names no packages of a newer kernel"
	for f in $NEWER_DEBS; do
		dpkg-deb -x "$f" n
	done
	[[ -d n/lib ]] || mv n/usr/lib n/lib
	newer=$(basename n/lib/modules/*)
	depmod -b n "$newer"
	new=("$(echo n/boot/vmlinuz-* n/lib/modules/*/vmlinuz | tr ' ' '\n' | grep -v '\*')" "n/lib/modules/$newer")
	old=("k/boot/vmlinuz-$kverrel" "k/lib/modules/$kverrel")
	# xor %ebx,%ebx; 1: inc %ebx; mov %ebx,%eax; out %al,$0x10; mov $200000,%ecx;
	# 2: loop 2b; jmp 1b
	printf '\x31\xdb\xff\xc3\x89\xd8\xe6\x10\xb9\x40\x0d\x03\x00\xe2\xfe\xeb\xf1' >count.bin
	cat >save <<-'EOF'
		#!/bin/sh
		kvm-vmm --flat /count.bin --mode long --irqchip full --snapshot /tmp/s --deadline 200 >/tmp/out 2>/tmp/err &
		until [ -s /tmp/out ]; do usleep 100000; done
		kill -USR1 $!
		wait $!
		tail -c 1 /tmp/out | od -An -v -tu1
		gzip -9 </tmp/s | base64
	EOF
	cp save script
	chmod +x script
	in_machine "${old[@]}" count.bin
	last=$(head -n 1 said | tr -d ' ')
	sed 1d said >saved
	run go_on "${new[@]}"
	echo "last $last; $output"
	[ "${lines[0]}" = "status 14" ]
	[ "$(awk '{ print $1 }' <<<"${lines[1]}")" -eq $(((last + 1) % 256)) ]
	cp save script
	in_machine "${new[@]}" count.bin
	sed 1d said >saved
	run go_on "${old[@]}"
	echo "$output"
	[ "${lines[0]}" = "status 6" ]
	[[ $output == *"features that this host or its KVM lacks: CPUID"* ]]
}
