#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The series of patches/ on trees with old kernels' versions and only the lines that the
# patches' hunks show (fixtures/patch-series): which patches the guards admit, and that
# they fit together in order. tools/spec/patch check proves the hunks on real kernels.
# Also guards that ask about a file of the base.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	patch=$top/tools/spec/patch
	cd "$BATS_TEST_TMPDIR" || exit
}

# tree NAME: the fixture as a tree in tree/.
tree() {
	rm -rf tree
	mkdir tree
	awk '/^=== / { if (f) close(f); f = "tree/" $2; d = f; sub(/\/[^\/]*$/, "", d); system("mkdir -p " d); next }
		{ print > f }' "$BATS_TEST_DIRNAME/fixtures/patch-series/$1"
}

# applied: print the numbers of the applied patches.
applied() {
	rm -f series.json
	run "$patch" apply --tree tree --out series.json "$top"/patches/4000?-*.patch
	echo "$output"
	[ "$status" -eq 0 ]
	got=$(jq -r '[.patches[] | select(.status == "applied").number] | join(" ")' series.json)
	echo "applied: $got"
}

@test "EL 7 (3.10): the build identity" {
	tree el7-3.10
	applied
	[ "$got" = 40004 ]
	grep -q '^CFLAGS_x86.o += -DKVM_BUILD_ID=' tree/arch/x86/kvm/Makefile
	# After the assignment, which would undo it.
	grep -n '^CFLAGS_x86.o' tree/arch/x86/kvm/Makefile | tail -n 1 | grep -q DKVM_BUILD_ID
	grep -q 'kvm.build_id' tree/Documentation/kernel-parameters.txt
}

@test "EL 8 (4.18): the build identity, and the exits' time in debugfs" {
	tree el8-4.18
	applied
	[ "$got" = "40000 40005" ]
	# The clock is read on either side of the vendor's run function.
	[ "$(grep -nE '^	kvm_exit_time_(begin|end)\(|\.run\(vcpu\);' tree/arch/x86/kvm/x86.c | sed 's/^[0-9]*:.*\(end\|run\|begin\)(.*/\1/' | tr '\n' ' ')" = "end run begin " ]
	grep -q '^CFLAGS_x86.o += -DKVM_BUILD_ID=' tree/arch/x86/kvm/Makefile
	grep -q 'kvm.exit_time=' tree/Documentation/admin-guide/kernel-parameters.txt
}

@test "EL 8 whose KVM has binary statistics: the build identity alone" {
	tree el8-4.18
	mkdir -p tree/virt/kvm
	echo '/* backported */' > tree/virt/kvm/binary_stats.c
	applied
	[ "$got" = 40000 ]
	[[ $(jq -r '.patches[] | select(.number == 40005).reason' series.json) == *"without virt/kvm/binary_stats.c) excludes 4.18.0" ]]
}

@test "5.14, whose statistics have no histograms: the build identity" {
	tree 5.14
	applied
	[ "$got" = 40000 ]
}

@test "5.15, and 5.14 with its statistics (EL 9): the exits' time, too" {
	local version
	for version in 15 14; do
		tree 5.15
		sed -i "s/^PATCHLEVEL = .*/PATCHLEVEL = $version/" tree/Makefile
		applied
		[ "$got" = "40000 40001" ]
		# The world switch is not in the time, on either vendor's CPUs.
		grep -A2 'kvm_exit_time_end(vcpu);' tree/arch/x86/kvm/svm/svm.c | grep -q 'clgi();'
		grep -A3 'kvm_exit_time_key' tree/arch/x86/kvm/svm/svm.c | grep -q 'kvm_load_host_xsave_state(vcpu);'
		grep -A2 'kvm_exit_time_end(vcpu);' tree/arch/x86/kvm/vmx/vmx.c | grep -q 'kvm_wait_lapic_expire(vcpu);'
		grep -A3 'kvm_exit_time_key' tree/arch/x86/kvm/vmx/vmx.c | grep -q 'loaded_vmcs->launched = 1;'
	done
}

@test "6.16 and later, whose VMX and TDX share a vCPU's exit reason: 40006 in place of 40001" {
	local version
	for version in '6 16' '6 18' '7 3'; do
		tree 6.16
		sed -i "s/^VERSION = .*/VERSION = ${version% *}/; s/^PATCHLEVEL = .*/PATCHLEVEL = ${version#* }/" tree/Makefile
		applied
		[ "$got" = "40000 40002 40006" ]
		# The world switch and the NMIs of the host are in the time, as before.
		grep -A2 'kvm_exit_time_end(vcpu);' tree/arch/x86/kvm/svm/svm.c | grep -q 'clgi();'
		grep -A4 'kvm_exit_time_key' tree/arch/x86/kvm/svm/svm.c | grep -q 'kvm_before_interrupt(vcpu, KVM_HANDLING_NMI);'
		grep -A2 'kvm_exit_time_end(vcpu);' tree/arch/x86/kvm/vmx/vmx.c | grep -q 'kvm_wait_lapic_expire(vcpu);'
		grep -A3 'kvm_exit_time_key' tree/arch/x86/kvm/vmx/vmx.c | grep -q 'loaded_vmcs->launched = 1;'
		grep -A2 'kvm_exit_time_end(vcpu);' tree/arch/x86/kvm/vmx/tdx.c | grep -q 'tdx_vcpu_enter_exit(vcpu);'
		grep -A3 'kvm_exit_time_key' tree/arch/x86/kvm/vmx/tdx.c | grep -q 'return tdx_exit_handlers_fastpath(vcpu);'
		# A build of 7.0 and later ends where KVM says this word.
		run grep -rnw EXPORT_SYMBOL_GPL tree/arch/x86/kvm tree/virt/kvm
		[ "$status" -eq 1 ]
	done
}

@test "6.1 to 6.15: the dirty-rate limit, too; one whose exit reason was backported gets no 40001" {
	tree 6.16
	sed -i 's/^PATCHLEVEL = .*/PATCHLEVEL = 12/' tree/Makefile
	applied
	[ "$got" = "40000 40002" ]
	[[ $(jq -r '.patches[] | select(.number == 40001).reason' series.json) == *"without arch/x86/kvm/vmx/common.h:vcpu_vt, with "*") excludes 6.12.0" ]]
}

@test "guards look at files in a tarball" {
	tree el8-4.18
	mkdir -p tree/virt/kvm copy
	echo '/* backported */' > tree/virt/kvm/binary_stats.c
	tar -cJf linux-4.18.tar.xz --transform 's,^tree,linux-4.18,' tree
	cp -r "$top/tools" "$top/patches" "$top/kernel-kvm.spec" copy/
	run copy/tools/spec/patch check --base linux-4.18.tar.xz
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"applied          40000-"*"excluded         40005-"* ]]
	# And a tarball without it, of the same name.
	rm tree/virt/kvm/binary_stats.c
	tar -cJf linux-4.18.tar.xz --transform 's,^tree,linux-4.18,' tree
	run copy/tools/spec/patch check --base linux-4.18.tar.xz
	[ "$status" -eq 0 ]
	[[ $output == *"applied          40000-"*"applied          40005-"* ]]
}

@test "guards: with FILE and without FILE" {
	# shellcheck source=tools/spec/lib.sh
	. "$top/tools/spec/lib.sh"
	# shellcheck source=tools/spec/patch.d/series.sh
	. "$top/tools/spec/patch.d/series.sh"
	mkdir -p d/virt/kvm && echo 'int kvm_vfio_ops;' > d/virt/kvm/vfio.c
	while read -r want guard; do
		got=no
		guard_fault "$guard" && guard_admits "$guard" 4.18.0 d && got=yes
		[ "$got" = "$want" ] || { echo "$guard: $got, wanted $want"; false; }
	done <<-'END'
		yes with virt/kvm/vfio.c
		no without virt/kvm/vfio.c
		no with virt/kvm/none.c
		yes without virt/kvm/none.c
		yes >= 4.18, < 5.14, with virt/kvm/vfio.c, without virt/kvm/none.c
		no >= 5.14, with virt/kvm/vfio.c
		no with virt/kvm/vfio.c, without virt/kvm/vfio.c
		yes with virt/kvm/vfio.c:kvm_vfio_ops
		no without virt/kvm/vfio.c:kvm_vfio_ops
		no with virt/kvm/vfio.c:kvm_vfio
		yes without virt/kvm/vfio.c:kvm_vfio
		no with virt/kvm/none.c:kvm_vfio_ops
		yes without virt/kvm/none.c:kvm_vfio_ops
		yes >= 4.18, with virt/kvm/vfio.c:int, without virt/kvm/none.c
	END
	[ "$(guard_files '>= 4.18, with a/b.c, without c.h, with d.h:A_B' | tr '\n' ' ')" = "a/b.c c.h d.h " ]
	for guard in with without 'with a b' 'without /etc/passwd' 'with ../x' 'within a' '4.18 with a' 'with a:' 'with a:b:c' 'with a:.*' 'with :b'; do
		run guard_fault "$guard"
		[ "$status" -eq 1 ]
		[[ $output == *"with FILE"* ]]
	done
}

@test "a trailer goes on in lines that begin with white space" {
	local p=41000-x.patch
	mkdir patches tree
	printf 'VERSION = 6\nPATCHLEVEL = 1\n' > tree/Makefile
	printf 'Subject: [PATCH] x\n\nBecause.\n\nKernel: >= 6.1,\n with Makefile:VERSION,\n\twithout virt \nProbe: none\nUpstream: no,\n  kept\n---\n%s\n' \
		"$(printf -- '--- a/Makefile\n+++ b/Makefile\n@@ -1,2 +1,2 @@\n-VERSION = 6\n+VERSION = 7\n PATCHLEVEL = 1\n')" > patches/$p
	run "$patch" apply --tree tree --out series.json patches/$p
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(jq -r '.patches[0] | "\(.guard)|\(.probe)|\(.upstream)|\(.status)"' series.json)" = '>= 6.1, with Makefile:VERSION, without virt|none|no, kept|applied' ]
	# One that is replaced goes as a whole.
	printf 'VERSION = 6\nPATCHLEVEL = 1\n' > tree/Makefile
	printf 'Patch40000:     40000-none.patch\n' > spec
	mkdir new
	run "$patch" add patches/$p --patches new --spec spec --base tree --kernel '= 6.1'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(sed -n '/^Because/,/^---/p' new/*.patch)" = $'Because.\n\nKernel: = 6.1\nProbe: none\nUpstream: no,\n  kept\n---' ]
}
