#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/kmod on a checkout and a -devel in miniature: KVM is three C files that
# are linked to .ko by the -devel's own Makefile.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	export CCACHE_DISABLE=1
	K=6.1.9-1.kvm.x86_64
	mkdir -p co/SOURCES co/patches co/build base
	cp -r "$top/tools" co/
	make_base
	sha=$(printf '%064d' 7)
	printf '%%global base_%s\n' "srpm k-6.1.9-1.src.rpm" "release 1" "epoch_time 1700000000" "sha256 $sha" > co/SOURCES/base.inc
	cp "$top/SOURCES/macros.inc" co/SOURCES/
	cp -r base "co/build/kmod-base"
	mkdir co/build/kmod
	mv co/build/kmod-base "co/build/kmod/base-${sha:0:16}"
	make_patch 40000 virt/kvm/kvm_main.c one
	make_devel
}

# A base tree: what KVM is made of, and a file of the rest of the kernel.
make_base() {
	mkdir -p base/arch/x86/kvm base/arch/x86/include/asm base/virt/lib base/virt/kvm base/include/linux base/fs
	printf 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 9\n' > base/Makefile
	for f in arch/x86/kvm/x86.c virt/kvm/kvm_main.c virt/lib/irqbypass.c fs/exec.c include/linux/kvm_host.h include/linux/fs.h; do
		printf 'int a;\n\nint b;\n\nint c;\n' > "base/$f"
	done
	echo licence > base/COPYING
}

# make_patch NUMBER FILE NAME: a patch that puts a line into FILE.
make_patch() {
	{
		printf 'From 0 Mon Sep 17 00:00:00 2001\nFrom: a <a@b.invalid>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n'
		printf 'Subject: [PATCH] KVM: x86: Do %s\n\nWhy.\n\nKernel: any\nProbe: none\nUpstream: no\nSigned-off-by: a <a@b.invalid>\n---\n' "$3"
		printf 'diff --git a/%s b/%s\n--- a/%s\n+++ b/%s\n@@ -1,5 +1,6 @@\n int a;\n \n int b;\n+int %s;\n \n int c;\n' "$2" "$2" "$2" "$2" "$3"
	} > "co/patches/$1-$3.patch"
}

make_devel() {
	cp -r base devel
	rm -r devel/arch/x86/kvm devel/virt devel/fs
	mkdir -p devel/include/config devel/arch/x86/kvm
	echo "$K" > devel/include/config/kernel.release
	echo CONFIG_KVM=m > devel/.config
	printf '0x1\tkvm_x\tarch/x86/kvm/kvm\tEXPORT_SYMBOL\t\n0x2\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n' > devel/Module.symvers
	cat > devel/Makefile <<-'END'
		VERSION = 6
		PATCHLEVEL = 1
		SUBLEVEL = 9
		.RECIPEPREFIX = >
		modules:
		> ! grep -q arch/x86/kvm Module.symvers
		> touch $(M)/Module.symvers
		> case $(M) in \
		> */virt/lib) gcc -c -o $(M)/irqbypass.ko $(M)/irqbypass.c;; \
		> *) for m in kvm kvm-intel kvm-amd; do gcc -DID=$(KVM_BUILD_ID) -c -o $(M)/$$m.ko $(M)/x86.c || exit 1; done;; \
		> esac
	END
	cp -r base patched
	co/tools/spec/patch apply --tree patched --out s.json co/patches/*.patch
	jq -n --arg k "$K" --arg s "$sha" --slurpfile p s.json '{schema: 1, kverrel: $k, version: "6.1.9", release: "1.kvm",
		base: {sha256: $s, srpm: "k-6.1.9-1.src.rpm"}, series: $p[0].series, patches: $p[0].patches, build_id: "x",
		modules: {irqbypass: {}, kvm: {}, "kvm-intel": {}, "kvm-amd": {}}}' > manifest.json
}

kmod() {
	run co/tools/kmod --devel devel --manifest manifest.json --release 7 --out out
}

@test "a changed KVM patch: an RPM with the modules in updates/, and a manifest that says what they are" {
	make_patch 40001 arch/x86/kvm/x86.c two
	kmod
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	rpm=$PWD/out/x86_64/kernel-kvm-kmod-6.1.9-1.kvm.7.x86_64.rpm
	[[ $output == *"$rpm"* ]]
	rpm -qpl "$rpm" > files
	for m in irqbypass kvm kvm-intel kvm-amd; do
		grep -qx "/lib/modules/$K/updates/$m.ko" files
	done
	[ "$(rpm -qp --requires "$rpm" | grep uname-r)" = "kernel-kvm-core-uname-r = $K" ]
	[ "$(rpm -qp --qf '%{license}' "$rpm")" = "GPL-2.0-only WITH Linux-syscall-note" ]
	rpm2cpio "$rpm" | cpio -id --quiet
	m=usr/share/kernel-kvm/$K/manifest-kmod.json
	series=$(jq -r .series "$m")
	[ "$series" != "$(jq -r .series manifest.json)" ]
	[ "$(jq -r .build_id "$m")" = "$K+$series" ]
	[ "$(jq -r .kmod "$m")" = kernel-kvm-kmod-6.1.9-1.kvm.7 ]
	[ "$(jq -r '.modules.kvm | "\(.path) \(.signed)"' "$m")" = "updates/kvm.ko false" ]
	[ "$(jq '.patches | length' "$m")" -eq 2 ]
	nm "lib/modules/$K/updates/kvm.ko" | grep ' two$'
	grep -q "ID=$series" co/build/kmod/build.log
	# The inputs are unchanged.
	grep -q arch/x86/kvm devel/Module.symvers
	[ ! -e devel/virt ]
}

@test "a patch outside of KVM is rejected with file and patch named, and nothing is built" {
	make_patch 40001 fs/exec.c two
	kmod
	[ "$status" -eq 1 ]
	[[ $output == *"fs/exec.c (40001-two.patch)"* ]]
	[ ! -e out ]
}

@test "a header outside of KVM that differs from the kernel's is rejected, even when its patch is gone" {
	echo 'int was_patched;' >> devel/include/linux/fs.h
	kmod
	[ "$status" -eq 1 ]
	[[ $output == *"include/linux/fs.h (differs from the kernel's)"* ]]
}

@test "KVM's own header may change; a patch that is gone is reported" {
	make_patch 40001 include/linux/kvm_host.h two
	rm co/patches/40000-one.patch
	kmod
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[[ $output == *"40000-one.patch: in the kernel"* ]]
}

@test "another base, another kernel's manifest, KVM built in: each refused by name" {
	jq '.base.sha256 = "ff"' manifest.json > m2.json
	run co/tools/kmod --devel devel --manifest m2.json
	[ "$status" -eq 1 ]
	[[ $output == *"was made from k-6.1.9-1.src.rpm"* ]]
	jq '.kverrel = "6.1.9-2"' manifest.json > m2.json
	run co/tools/kmod --devel devel --manifest m2.json
	[ "$status" -eq 1 ]
	[[ $output == *"both must be of one kernel"* ]]
	sed -i s/CONFIG_KVM=m/CONFIG_KVM=y/ devel/.config
	kmod
	[ "$status" -eq 1 ]
	[[ $output == *"KVM is not a module"* ]]
}

@test "C that does not compile: the compiler's message, no RPM" {
	make_patch 40001 arch/x86/kvm/x86.c 'a b c'
	mv "co/patches/40001-a b c.patch" co/patches/40001-abc.patch
	kmod
	[ "$status" -eq 1 ]
	[[ $output == *"x86.c:4"* ]]
	[ ! -e out ]
}

@test "no kernel built yet, half of a pair of options" {
	run co/tools/kmod
	[ "$status" -eq 1 ]
	[[ $output == *"make rpm"* ]]
	run co/tools/kmod --devel devel
	[ "$status" -eq 2 ]
	run co/tools/kmod --devel devel --manifest manifest.json --key k
	[ "$status" -eq 2 ]
}
