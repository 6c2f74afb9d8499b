#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/spec/patch on a small tree: the verbs that carry a series, check, list, add,
# refresh, drop.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output
# shellcheck disable=SC2154  # top, patch are the helper's

load patch-helper

on_tree() {
	run "$patch" "$@" --patches patches --spec spec --base tree
}

@test "check: what holds, and a patch that no line of the spec names" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	on_tree check
	[ "$status" -eq 0 ]
	[[ $output == *"6.1.192 (tree)"*"applied          40000-one.patch"* ]]
	one_patch 40001-two.patch "KVM: two" 's/line_3;/x;/'
	on_tree check
	[ "$status" -eq 1 ]
	[[ $output == *"40001-two.patch is in "*"but no PatchNNNNN: line"* ]]
	printf 'Patch40002:     40002-gone.patch\nPatch40003:  40001-two.patch\n' >> spec
	on_tree check
	[[ $output == *"spec:6: Patch40002: 40002-gone.patch is not in "* ]]
	[[ $output == *"spec:7: Patch40003: 40001-two.patch does not begin with its number"* ]]
}

@test "check: a tarball is a base too, and a damaged one is reported" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	tar -cJf linux-6.1.tar.xz --transform 's,^tree,linux-6.1,' tree
	mkdir copy && cp -r "$top/tools" copy/
	run copy/tools/spec/patch check --patches patches --spec spec --base linux-6.1.tar.xz
	[ "$status" -eq 0 ]
	# From the cache, and with a file that is not in the cache yet.
	one_patch 40001-two.patch "KVM: two" 's/main_3;/x;/' virt/kvm/kvm_main.c
	echo 'Patch40001: 40001-two.patch' >> spec
	run copy/tools/spec/patch check --patches patches --spec spec --base linux-6.1.tar.xz
	[ "$status" -eq 0 ]
	truncate -s -200 linux-6.1.tar.xz
	run copy/tools/spec/patch check --patches patches --spec spec --base linux-6.1.tar.xz
	[ "$status" -eq 1 ]
	[[ $output == *"linux-6.1.tar.xz: "* ]]
}

@test "check: an SRPM is a base: its own %prep makes the tree, kept after that" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	mkdir copy tmp && cp -r "$top/tools" copy/
	# shellcheck source=tests/tools/fixtures/base-srpm/layouts.bash
	(fixtures=$top/tests/tools/fixtures/base-srpm && . "$fixtures/layouts.bash" && plain_srpm && cp "$srpm" base.src.rpm)
	# A kernel of its own: the patch is for a file that it has.
	sed -n '1,200p' work/kernel/fork.c > old.c
	mkdir -p a/kernel b/kernel && cp old.c a/kernel/fork.c && sed '2s/$/ changed/' old.c > b/kernel/fork.c
	{ sed '/^---$/,$d' patches/40000-one.patch; echo ---; git diff --no-index --no-prefix a b || :; } > patches/new
	mv patches/new patches/40000-one.patch
	run copy/tools/spec/patch check --patches patches --spec spec --base base.src.rpm
	[ "$status" -eq 1 ]
	[[ $output == *"not signed"*"base.src.rpm: no tree could be made from it"*"--allow-unsigned"* ]]
	run copy/tools/spec/patch check --patches patches --spec spec --allow-unsigned --base base.src.rpm
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"(base.src.rpm)"*"applied          40000-one.patch"* ]]
	# From the cache: %prep does not run again.
	printf '#!/bin/sh\nexit 9\n' > copy/tools/spec/base-srpm
	run copy/tools/spec/patch check --patches patches --spec spec --base base.src.rpm
	[ "$status" -eq 0 ]
}

@test "list: number, subject, guard, probe, status per base" {
	trailers=$'Kernel: < 6.10\nProbe: param kvm.x\nUpstream: no' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	on_tree list
	[ "$status" -eq 0 ]
	[[ $output == *"40000  KVM: one"*"< 6.10"*"param kvm.x"*"applied   tree"* ]]
}

@test "add: a file gets number, trailers and its line in the spec" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	trailers='Signed-off-by: A <a@b>' commit "KVM: x86: Do a thing, well" 's/line_3;/x;/'
	git -C repo format-patch -q -1 --stdout > mine.patch
	run "$patch" add mine.patch --kernel '>= 6.1' --probe 'symbol kvm_x' --upstream 'no, ours' --why "It hurt." \
		--patches patches --spec spec --base tree
	[ "$status" -eq 0 ]
	f=patches/40001-kvm-x86-do-a-thing-well.patch
	[ "$(sed -n '/^Kernel:/,/^Signed-off-by:/p' $f)" = $'Kernel: >= 6.1\nProbe: symbol kvm_x\nUpstream: no, ours\nSigned-off-by: A <a@b>' ]
	[ "$(sed -n 4,5p spec)" = $'# It hurt.\nPatch40001:     40001-kvm-x86-do-a-thing-well.patch' ]
	on_tree check
	[ "$status" -eq 0 ]
}

@test "add: a commit, with its hash as Upstream" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	trailers='Signed-off-by: A <a@b>' commit "KVM: two" 's/line_3;/x;/'
	run "$patch" add HEAD --repo repo --patches patches --spec spec --base tree
	[ "$status" -eq 0 ]
	grep -qx "Upstream: commit $(git -C repo rev-parse HEAD)" patches/40001-kvm-two.patch
	grep -qx "Kernel: any" patches/40001-kvm-two.patch
	run "$patch" add nosuch --repo repo --patches patches --spec spec --base tree
	[ "$status" -eq 1 ]
	[[ $output == *"nosuch: neither a file nor a commit"* ]]
}

@test "add: a bare diff needs a subject" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i 's/line_3;/x;/' repo/arch/x86/kvm/x86.c
	git -C repo diff > bare.diff
	on_tree add bare.diff
	[ "$status" -eq 1 ]
	[[ $output == *"--subject"* ]]
	on_tree add bare.diff --subject "KVM: Two"
	[ "$status" -eq 0 ]
	apply patches/*.patch
	[ "$status" -eq 0 ]
	[ "$(jq -r '.patches[1].subject' series.json)" = "KVM: Two" ]
}

@test "add: a patch that does not apply is not added" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	one_patch new.patch "KVM: two" 's/line_3;/x;/'
	mv patches/new.patch . && cp spec before
	sed -i 's/line_4;/line_four;/' tree/arch/x86/kvm/x86.c
	on_tree add new.patch
	[ "$status" -eq 1 ]
	[[ $output == *"40001-kvm-two.patch was not added"* ]]
	cmp spec before
	[ "$(ls patches)" = 40000-one.patch ]
}

@test "refresh: a patch that applies without fuzz stays as it is, and without --fuzz it is wrong usage" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i '1i int before;' tree/arch/x86/kvm/x86.c
	cp patches/40000-one.patch before
	on_tree refresh
	[ "$status" -eq 2 ]
	[[ $output == *"refresh needs --fuzz N"* ]]
	on_tree refresh --fuzz 1
	[ "$status" -eq 0 ]
	[[ $output == *"40000-one.patch: left as it is: offset 1"* ]]
	cmp patches/40000-one.patch before
}

@test "refresh: no more fuzz than allowed; the message stays" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i 's/line_27;/line_changed;/' tree/arch/x86/kvm/x86.c
	cp patches/40000-one.patch before
	sed -i 's/line_28;/line_too;/' tree/arch/x86/kvm/x86.c
	on_tree refresh --fuzz 1
	[ "$status" -eq 1 ]
	[[ $output == *"40000-one.patch does not apply to 6.1.192"* ]]
	cmp patches/40000-one.patch before
	on_tree refresh --fuzz 2
	[ "$status" -eq 0 ]
	grep -q '^ int line_changed;' patches/40000-one.patch
	cmp <(sed '/^---$/,$d' before) <(sed '/^---$/,$d' patches/40000-one.patch)
	on_tree check
	[ "$status" -eq 0 ]
}

@test "drop: the file, its line and the comment above it" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	on_tree drop 40000
	[ "$status" -eq 0 ]
	[ ! -e patches/40000-one.patch ]
	[ "$(cat spec)" = $'Name: kernel-kvm\n\n%prep' ]
	on_tree drop 40000
	[ "$status" -eq 1 ]
}

@test "usage: unknown verbs and options are exit 2" {
	run "$patch" frob
	[ "$status" -eq 2 ]
	run "$patch" apply --frob
	[ "$status" -eq 2 ]
	run "$patch" check --frob x
	[ "$status" -eq 2 ]
	run "$patch" --help
	[ "$status" -eq 0 ]
	[[ $output == *"patch apply --tree"* ]]
}
