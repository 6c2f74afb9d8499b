# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The kernel of the live patch tests: five faults of tests/faults in one kernel, each
# found by its own check, and for each the patch that mends it. In its own checkout, so
# that this one's patches/ and build/ stay as they are.
# Sets top, lab (where everything is kept) and checkout; the caller sets base.

top=$(realpath "$BATS_TEST_DIRNAME/../..")
lab=$top/build/cache/livepatch-lab
checkout=$lab/checkout
# FAULT CHECK MODULE, in the order of their numbers: 41001, 41002...
seeds="ioapic-readonly-bits flat/ioapic kvm
ioeventfd-datamatch vm/ioeventfd kvm
emul-leave flat/mmio-stack kvm
svm-shutdown-reason vm/triple-fault kvm-amd
nested-vmx-revision flat/nested-vmx-invalid kvm-intel"

# trailers PATCH GUARD PROBE: the file with the trailers of the series.
trailers() {
	awk -v k="$2" -v p="$3" '/^---$/ && !done { print "Kernel: " k "\nProbe: " p "\nUpstream: no, a test\n" $0; done = 1; next } { print }' "$1"
}

# make_checkout: the checkout with the base's sources and the faults as patches 41001 and
# on, and live/42001-* and on, which mend them.
make_checkout() {
	local n=0 fault check kvm=$lab/kvm base_tree=$lab/base sha srpm
	rm -rf "$checkout" "$kvm" "$base_tree" "$lab/live"
	mkdir -p "$checkout" "$kvm" "$lab/live"
	(cd "$top" && git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf -) | tar -C "$checkout" -xf - || return
	# shellcheck disable=SC2154  # the caller's
	make -C "$checkout" sources BASE="$base" || return
	sha=$(sed -n 's/^%global base_sha256 *//p' "$checkout/SOURCES/base.inc")
	srpm=$(sed -n 's/^%global base_srpm *//p' "$checkout/SOURCES/base.inc")
	"$checkout/tools/spec/base-srpm" tree --sha256 "$sha" --allow-unsigned --cache "$checkout/build/cache/tree" \
		"$checkout/SOURCES/$srpm" "$base_tree" || return
	cp -a --reflink=auto "$base_tree/." "$kvm/" &&
		"$checkout/tools/spec/patch" apply --tree "$kvm" --out "$lab/series.json" "$checkout"/patches/*.patch || return
	# Only KVM's own files are in its index: adding a whole tree takes a minute.
	local -x GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b.invalid GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b.invalid
	git -C "$kvm" init -q && git -C "$kvm" add -f arch/x86/kvm virt/kvm && git -C "$kvm" commit -qm base || return
	while read -r fault check _; do
		n=$((n + 1))
		patch -p1 -s -F3 --no-backup-if-mismatch -d "$kvm" < "$top/tests/faults/$fault.patch" &&
			git -C "$kvm" commit -qam "KVM: fault: $fault" &&
			git -C "$kvm" format-patch -1 --zero-commit --stdout > "$lab/fault" &&
			trailers "$lab/fault" '>= 7.2' none > "$lab/fault.patch" &&
			"$checkout/tools/spec/patch" add "$lab/fault.patch" --number 4100$n --base "$base_tree" || return
	done <<< "$seeds"
	n=0
	while read -r fault check _; do
		n=$((n + 1))
		git -C "$kvm" checkout -q -B "mend$n" master &&
			git -C "$kvm" show "HEAD~$((5 - n))" | git -C "$kvm" apply -R &&
			git -C "$kvm" commit -qam "KVM: mend $fault" &&
			git -C "$kvm" format-patch -1 --zero-commit --stdout > "$lab/mend" &&
			trailers "$lab/mend" '>= 7.2' "check $check" > "$lab/live/4200$n-kvm-mend-$fault.patch" || return
	done <<< "$seeds"
	# One that every vCPU has on its stack: what a guest that never exits to its VMM holds back.
	git -C "$kvm" checkout -q -B stuck master &&
		sed -i '/^static long kvm_vcpu_ioctl(struct file \*filp/,/^}/s/return -EINVAL;/return -ENOTTY;/' "$kvm/virt/kvm/kvm_main.c" &&
		git -C "$kvm" commit -qam "KVM: say ENOTTY to foreign ioctls" &&
		git -C "$kvm" format-patch -1 --zero-commit --stdout > "$lab/mend" &&
		trailers "$lab/mend" '>= 7.2' none > "$lab/live/42006-kvm-say-enotty.patch" || return
	rm -rf "$kvm" "$base_tree" "$lab"/{fault,fault.patch,mend,series.json}
}

# took NAME COMMAND...: run it; its seconds go to the file times.
took() {
	local name=$1 start=$SECONDS
	shift
	"$@" && echo "$name $((SECONDS - start))" >> "$lab/times"
}

# mends N...: the patches 4200N.
mends() {
	local n
	for n; do echo "$lab"/live/4200"$n"-*.patch; done
}

# make_live RELEASE N...: the live patch of 4200N..., at $lab/rpms/RELEASE.rpm.
make_live() {
	local release=$1 p args=()
	shift
	while read -r p; do args+=(--patch "$p"); done < <(mends "$@")
	mkdir -p "$lab/rpms"
	"$checkout/tools/livepatch" --release "$release" --out "$lab/out" "${args[@]}" > "$lab/rpm.path" &&
		cp "$(cat "$lab/rpm.path")" "$lab/rpms/$release.rpm"
}

# make_root: the kernel installed by dnf into $lab/root.
make_root() {
	local packages kverrel
	mapfile -t packages < <("$checkout/tools/machine/verify.d/pick" "$checkout/build/rpms.list")
	kverrel=${packages[0]}
	rm -rf "$lab/root" "$lab/root.rpms"
	mkdir "$lab/root.rpms"
	cp "${packages[@]:1}" "$lab/root.rpms/"
	"$top/tools/machine/install-root" make "$lab/root" &&
		"$top/tools/machine/install-root" run "$lab/root" --bind "$lab/root.rpms:/var/tmp/rpms" -- \
			sh -c 'cd /var/tmp/rpms && dnf -y install ./kernel-kvm-core*.rpm ./kernel-kvm-modules*.rpm ./kernel-kvm-selftest*.rpm' > "$lab/install.log" 2>&1 || return
	# The kvm-selftest of this checkout.
	make -s -C "$top/vmm" DESTDIR="$lab/root" PREFIX=/usr install || return
	echo "$kverrel" > "$lab/kverrel"
}

# fill_lp ROOT: the scenario, its guests and the live patches.
fill_lp() {
	mkdir -p "$1/lp" "$lab/g"
	cc -std=c11 -D_DEFAULT_SOURCE -O2 -Wall -Wextra -Werror -static -o "$lab/g/init" "$top/tests/long/livepatch-guest.c" || return
	cp "$lab/g/init" "$1/lp/ticker"
	mkdir -p "$lab/g/dev"
	(cd "$lab/g" && find . | cpio --quiet -o -H newc | gzip -1) > "$1/lp/ticker.img"
	# xor %ebx,%ebx; 1: inc %ebx; mov %ebx,%eax; out %al,$0x10; mov $200000,%ecx; 2: loop 2b; jmp 1b
	printf '\x31\xdb\xff\xc3\x89\xd8\xe6\x10\xb9\x40\x0d\x03\x00\xe2\xfe\xeb\xf1' > "$1/lp/count.bin"
	cc -std=c11 -D_DEFAULT_SOURCE -O2 -Wall -Wextra -Werror -static -o "$1/lp/holder" "$top/tests/long/livepatch-holder.c" || return
	cp "$lab"/rpms/*.rpm "$1/lp/"
}

# svm PLAN [RPM]: the root's own kernel, systemd, dnf and rpm on an AMD processor in QEMU.
# RPM of /lp is installed before the machine boots.
svm() {
	local kverrel root=$lab/svm-root
	kverrel=$(cat "$lab/kverrel")
	rm -rf "$root" "$lab/root.img"
	cp -a --reflink=auto "$lab/root" "$root" && fill_lp "$root" || return
	printf '%s\n' "$1" > "$root/lp/plan"
	[[ -z ${2:-} ]] || "$top/tools/machine/install-root" run "$root" -- rpm -i "/lp/$2" || return
	"$top/tools/machine/verify.d/add-payload" "$root" "$top/tools/machine/boot.d/payload" "$top/tests/long/livepatch-scenario" &&
		mke2fs -q -t ext4 -d "$root" -L root "$lab/root.img" 2000M > /dev/null || return
	TMPDIR=$lab "$top/tools/machine/boot" svm --kernel "$root/boot/vmlinuz-$kverrel" --initrd "$root/boot/initramfs-$kverrel.img" \
		--disk "$lab/root.img" --mem 1536 --append "root=/dev/vda rw systemd.mask=serial-getty@ttyS0.service TERM=dumb tsc=reliable" \
		--deadline 3000 --quiet --log "$lab/svm.log" --output "$lab/svm.said"
}

svm_plan() {
	local n=0 fault check module
	echo "full /lp/1.rpm"
	while read -r fault check module; do
		n=$((n + 1))
		[[ $module == kvm-intel ]] || echo "mend 4200$n $check /lp/$n.rpm"
	done <<< "$seeds"
	echo "replace /lp/1.rpm /lp/12.rpm flat/ioapic vm/ioeventfd patch/42001 patch/42002 host/livepatch"
	echo "stuck /lp/6.rpm"
	echo guests
}

boot_plan() {
	echo "booted 42001 flat/ioapic"
	echo guests
}

vmx_plan() {
	echo "mend 42005 flat/nested-vmx-invalid /lp/5.rpm"
	echo guests
}

# vmx PLAN: the root's kernel and modules, its rpm and rpm's database, in an initramfs on an
# Intel processor in Bochs, which has no time for a whole distribution and its dnf.
vmx() {
	local kverrel root=$lab/vmx-root f args=()
	kverrel=$(cat "$lab/kverrel")
	rm -rf "$root"
	mkdir -p "$root/lp" && fill_lp "$root" || return
	rm -f "$root"/lp/{1,2,3,4,6,12}.rpm
	printf '%s\n' "$1" > "$root/lp/plan"
	# Busybox has its own of these, which are not enough for the package's program.
	for f in bash date rpm insmod rmmod modinfo sha256sum sort paste stat tail od find realpath dirname basename flock; do
		args+=(--file "$(find "$lab/root/usr/bin" "$lab/root/bin/" "$lab/root/usr/sbin" "$lab/root/sbin/" -name "$f" -print -quit):/usr/bin/$f")
	done
	# The package's program begins with #!/bin/bash.
	args+=(--file "$lab/root/bin/bash:/bin/bash")
	"$top/tools/machine/boot" vmx --kernel "$lab/root/boot/vmlinuz-$kverrel" --moddir "$lab/root/lib/modules/$kverrel" --load kvm_intel \
		--sysroot "$lab/root" "${args[@]}" --file "$lab/root/usr/bin/kvm-selftest:/usr/bin/kvm-selftest" --file "$lab/root/usr/bin/kvm-vmm:/usr/bin/kvm-vmm" \
		--dir "$lab/root/usr/share/kernel-kvm:/usr/share/kernel-kvm" --dir "$lab/root/usr/lib/rpm:/usr/lib/rpm" --dir "$lab/root/var/lib/rpm:/var/lib/rpm" \
		--dir "$lab/root/etc/rpm:/etc/rpm" --dir "$root/lp:/lp" --file "$top/tests/long/livepatch-scenario:/usr/bin/livepatch-scenario" \
		--deadline 3600 --quiet --log "$lab/vmx.log" --output "$lab/vmx.said" \
		-- env LIVEPATCH_RPM=rpm LIVEPATCH_SCALE=10 LIVEPATCH_STEP=100000 PATH=/usr/bin:/bin bash /usr/bin/livepatch-scenario
}
