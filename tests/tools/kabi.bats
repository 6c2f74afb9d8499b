#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kABI: a symbol that is gone or changed stops the build, with the patch.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	kabi=$top/tools/spec/kabi
	cd "$BATS_TEST_TMPDIR" || exit
	printf '0x11111111\tkvm_a\tvmlinux\tEXPORT_SYMBOL_GPL\t\n0x22222222\tkvm_b\tarch/x86/kvm/kvm\tEXPORT_SYMBOL_GPL\t\n' > Module.symvers
}

@test "the same symbols and CRCs: exit 0, whatever the zeros" {
	printf '0x011111111\tkvm_a\tvmlinux\tEXPORT_SYMBOL_GPL\n0x22222222\tkvm_b\tkvm\tEXPORT_SYMBOL_GPL\n' > list
	run "$kabi" check --list list --symvers Module.symvers
	[ "$status" -eq 0 ]
	[[ $output == *"2 symbols listed, 0 gone, 0 changed"* ]]
}

@test "gone and changed symbols are all named, exit 1; --warn-only exits 0" {
	printf '0x1\tkvm_a\tvmlinux\tEXPORT_SYMBOL_GPL\n0x3\tkvm_c\tvmlinux\tEXPORT_SYMBOL\n' > list
	run "$kabi" check --list list --symvers Module.symvers --report rep
	[ "$status" -eq 1 ]
	[[ $output == *"changed  kvm_a 0x1 -> 0x11111111"* ]]
	[[ $output == *"gone     kvm_c"* ]]
	grep -q 'changed  kvm_a' rep
	run "$kabi" check --list list --symvers Module.symvers --warn-only
	[ "$status" -eq 0 ]
	[[ $output == *"1 gone, 1 changed"* ]]
}

@test "the patch that touches a header of the symbol's object is named" {
	mkdir -p tree/virt tree/include/linux obj/virt patches
	echo 'EXPORT_SYMBOL_GPL(kvm_a);' > tree/virt/a.c
	printf 'deps_virt/a.o := \\\n  ../include/linux/kvm_x.h \\\n' > obj/virt/.a.o.cmd
	printf -- '--- a/include/linux/kvm_x.h\n+++ b/include/linux/kvm_x.h\n@@ -1 +1 @@\n-a\n+b\n' > patches/40007-x.patch
	printf -- '--- a/include/linux/other.h\n+++ b/include/linux/other.h\n@@ -1 +1 @@\n-a\n+b\n' > patches/40008-y.patch
	echo '{"patches":[{"file":"40007-x.patch","status":"applied"},{"file":"40008-y.patch","status":"applied"}]}' > series.json
	printf '0x1\tkvm_a\tvmlinux\tEXPORT_SYMBOL_GPL\n' > list
	run "$kabi" check --list list --symvers Module.symvers --tree tree --objdir obj --series series.json --patches patches
	[ "$status" -eq 1 ]
	[[ $output == *"kvm_a 0x1 -> 0x11111111  by: 40007-x.patch"* ]]
	[[ $output != *40008* ]]
}

@test "a stable list: a symbol only has to exist" {
	printf '[rhel9_x86_64_stablelist]\n\tkvm_a\n\tkvm_z\n' > list
	run "$kabi" check --list list --symvers Module.symvers
	[ "$status" -eq 1 ]
	[[ $output == *"1 gone, 0 changed"* ]]
}

@test "a file that is not a list: file and line" {
	printf '# ok\n<html> no list\n' > list
	run "$kabi" check --list list --symvers Module.symvers
	[ "$status" -eq 1 ]
	[[ $output == *"list:2: neither"* ]]
}

@test "an empty list, a missing file: refused" {
	: > list
	run "$kabi" check --list list --symvers Module.symvers
	[ "$status" -eq 1 ]
	run "$kabi" check --list nowhere --symvers Module.symvers
	[ "$status" -eq 1 ]
	[[ $output == *"nowhere: not found or empty"* ]]
}
