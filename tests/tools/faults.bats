#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/faults/run on a checkout in miniature: a KVM of two files, whose "modules"
# are their text; a "machine" in which a check fails if its fault is in it. The
# real faults on real trees: full/fault-bases.bats.

bats_require_minimum_version 1.5.0

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir -p co/tools/{spec,machine} co/vmm co/tests/faults
	cp "$top/tools/spec/lib.sh" co/tools/spec/
	cp "$top"/tests/faults/{run,texts.sh,places.awk} co/tests/faults/
	run=co/tests/faults/run
	fault one arch/x86/kvm/x86.c 20 vm/one
	fault two virt/kvm/kvm_main.c 20 "vm/other vm/two"
	# shellcheck disable=SC2016  # for make
	printf 'install:\n\tmkdir -p $(DESTDIR)/usr/share/kernel-kvm/guest\n' > co/vmm/Makefile
	cat > co/tools/machine/boot <<-'END'
		#!/usr/bin/env bash
		while [[ $1 != --objdir ]]; do shift; done
		module=$2/arch/x86/kvm/kvm.ko
		echo TAP version 13
		for check in one two; do
			if grep -q "fault_$check" "$module" && [[ ! -e $2/blind ]]; then
				echo "not ok 1 - vm/$check # seen"; rc=1
			else
				echo "ok 1 - vm/$check"
			fi
		done
		exit "${rc:-0}"
	END
	chmod +x co/tools/machine/boot
}

# fault NAME FILE LINE CHECKS: a fault after that line of FILE.
fault() {
	cat > "co/tests/faults/$1.patch" <<-END
		From 0 Mon Sep 17 00:00:00 2001
		Subject: [PATCH] KVM: fault: $1 is broken

		Why.

		Check: $4
		---
		$(text "$1" "$2" "$3")
	END
}

# text NAME FILE LINE [WORD]: the diff of a fault, whose neighbours are WORD_LINE.
text() {
	printf 'diff --git a/%s b/%s\n--- a/%s\n+++ b/%s\n@@ -%s,2 +%s,3 @@\n' "$2" "$2" "$2" "$2" "$3" "$3"
	printf ' int %s_%s;\n+int fault_%s;\n int %s_%s;\n' "${4:-line}" "$3" "$1" "${4:-line}" $(($3 + 1))
}

# kernel DIR [WORD]: a built kernel tree; its lines are WORD_1, WORD_2...
kernel() {
	mkdir -p "$1"/{arch/x86/kvm,virt/kvm,obj/arch/x86/boot,obj/arch/x86/kvm,obj/scripts/mod}
	seq -f "int ${2:-line}_%g;" 40 | tee "$1/arch/x86/kvm/x86.c" > "$1/virt/kvm/kvm_main.c"
	echo kernel > "$1/obj/arch/x86/boot/bzImage"
	echo 'savedcmd_arch/x86/kvm/x86.o := gcc -Wp,-MMD,x' | tee "$1/obj/arch/x86/kvm/.x86.o.cmd" > "$1/obj/scripts/mod/.modpost.o.cmd"
	cat > "$1/Makefile" <<-'END'
		.RECIPEPREFIX = >
		virt/lib/irqbypass.ko arch/x86/kvm/kvm-amd.ko arch/x86/kvm/kvm-intel.ko: ;
		arch/x86/kvm/kvm.ko: FORCE
		> cat arch/x86/kvm/*.c virt/kvm/*.c > $(O)/$@
		FORCE:
	END
}

@test "faults: found and missed, by name, and a clean run first" {
	kernel k
	run "$run" --tree k --objdir k/obj
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ \(no\ fault\)\ +clean\ +2\ checks ]]
	[[ $output =~ one\ +found\ +vm/one ]]
	[[ $output =~ two\ +found\ +vm/two ]]
	[[ $output == *"2 of 2 found; 0 skipped" ]]
	run ! grep -r fault_ k --include='*.c'
	touch k/obj/blind
	run "$run" --tree k --objdir k/obj --no-clean one
	[ "$status" -eq 1 ]
	[[ $output =~ one\ +MISSED\ +by\ vm/one ]]
	[[ $output == *"0 of 1 found; 0 skipped" ]]
}

@test "faults: the last build is found in every layout of rpm's BUILD" {
	for under in kernel-kvm-6-1 kernel-kvm-6-1-build/kernel-kvm-6-1 a/b/c/kernel-kvm-6-1; do
		rm -rf co/build
		kernel "co/build/BUILD/$under/linux-7.2.12-1.kvm.x86_64"
		mkdir -p "co/build/BUILD/$under/linux-7.2.12-1.kvm.x86_64.base"
		run "$run" --no-clean one
		echo "$under: $output"
		[ "$status" -eq 0 ]
		[[ $output =~ one\ +found ]]
	done
	# The newest, and not one that was not finished.
	kernel co/build/BUILD/kernel-kvm-5-1/linux-6.1.1-1.kvm.x86_64
	touch -d '1 hour ago' co/build/BUILD/kernel-kvm-5-1/linux-6.1.1-1.kvm.x86_64/obj/arch/x86/boot/bzImage
	echo 'int mark;' >> co/build/BUILD/a/b/c/kernel-kvm-6-1/linux-7.2.12-1.kvm.x86_64/arch/x86/kvm/x86.c
	kernel co/build/BUILD/kernel-kvm-7-1/linux-7.3.1-1.kvm.x86_64
	rm co/build/BUILD/kernel-kvm-7-1/linux-7.3.1-1.kvm.x86_64/obj/arch/x86/boot/bzImage
	rm -rf co/build/faults
	run "$run" --no-clean one
	[ "$status" -eq 0 ]
	grep mark co/build/faults/tree/arch/x86/kvm/x86.c
}

@test "faults: without a build it says what to do" {
	run "$run" one
	[ "$status" -eq 1 ]
	[[ $output == *"no finished kernel build under"*"run make rpm, or give --tree and --objdir"* ]]
}

@test "faults: another base takes another text, or the same lines in another file" {
	kernel k word
	text one arch/x86/kvm/x86.c 20 word > co/tests/faults/one@7.2.patch
	sed -i 's/^line_.*//; s/^Check: .*/&\nMoved-to: virt\/kvm\/moved.c/' co/tests/faults/two.patch
	seq -f 'int line_%g;' 40 > k/virt/kvm/moved.c
	run "$run" --tree k --objdir k/obj --no-clean
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"2 of 2 found; 0 skipped" ]]
	run "$run" --list --tree k
	[ "$status" -eq 0 ]
	[[ $output == *"fits: one@7.2.patch, in arch/x86/kvm/x86.c"* ]]
	[[ $output == *"fits: two.patch, in virt/kvm/moved.c"* ]]
	[[ $output == *"2 of 2 faults fit k" || $output == *"2 of 2 faults fit $PWD/k" ]]
}

@test "faults: one whose code this build leaves out is a skip that names the option" {
	kernel k
	sed -i 's/^Check: .*/&\nNeeds: CONFIG_KVM_XEN/' co/tests/faults/one.patch
	for config in '# CONFIG_KVM_XEN is not set' CONFIG_KVM_XEN=y; do
		echo "$config" > k/obj/.config
		run "$run" --tree k --objdir k/obj --no-clean
		echo "$output"
		[ "$status" -eq 0 ]
		if [[ $config == *=y ]]; then
			[[ $output == *"2 of 2 found; 0 skipped" ]]
		else
			[[ $output =~ one\ +skip\ +"this build lacks CONFIG_KVM_XEN" ]]
			[[ $output == *"1 of 1 found; 1 skipped" ]]
		fi
	done
}

@test "faults: one that fits nowhere is a named skip; if the caller names it, an error" {
	kernel k
	fault gone arch/x86/kvm/x86.c 90 vm/gone
	fault file arch/x86/kvm/none.c 20 vm/file
	sed -i 's/^Check: .*/&\nSince: 7.2/' co/tests/faults/file.patch
	mkdir k/arch/x86/kvm/vmx
	cp k/arch/x86/kvm/x86.c k/arch/x86/kvm/vmx/
	fault intel arch/x86/kvm/vmx/x86.c 20 vm/intel
	run "$run" --tree k --objdir k/obj --no-clean
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ gone\ +skip\ +"no text fits this base: arch/x86/kvm/x86.c has no place for line 11 of gone.patch" ]]
	[[ $output =~ file\ +skip\ +"no text fits this base: arch/x86/kvm/none.c does not exist (KVM has what it breaks since 7.2)" ]]
	[[ $output =~ intel\ +skip\ +"only in the other vendor" ]]
	[[ $output == *"2 of 2 found; 3 skipped" ]]
	run "$run" --tree k --objdir k/obj --no-clean one gone
	[ "$status" -eq 1 ]
	[[ $output == *"1 of 1 found; 1 skipped" ]]
	run "$run" --tree k --objdir k/obj --no-clean gone
	[ "$status" -eq 1 ]
	[[ $output == *"none of these faults fits"* ]]
}

@test "faults: lines that occur twice are no place for a fault" {
	kernel k
	printf 'int line_20;\nint line_21;\n' >> k/arch/x86/kvm/x86.c
	run "$run" --tree k --objdir k/obj --no-clean
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ one\ +skip\ +"no text fits this base: arch/x86/kvm/x86.c has 2 places for line 11 of one.patch" ]]
	# A fault that is meant for both has both.
	text one arch/x86/kvm/x86.c 20 | sed '1,3d; s/^@@ .*/@@ -41,2 +42,3 @@/' >> co/tests/faults/one.patch
	run "$run" --tree k --objdir k/obj --no-clean one
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "faults: after each change there is a line of context: git apply would look for others at the end of the file" {
	run awk '
		function edge() { if (last ~ /^[-+]/) print file ": a hunk ends with " last; last = ""; file = FILENAME }
		FNR == 1 { edge(); hunk = 0 }
		/^(@@|diff) / { edge(); hunk = /^@@/; next }
		hunk { last = $0 }
		END { edge() }' "$top"/tests/faults/*.patch
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "faults: one that does not build is reported as broken, and taken back" {
	kernel k
	sed -i '/^> cat/i > ! grep fault_two virt/kvm/kvm_main.c' k/Makefile
	run "$run" --tree k --objdir k/obj --no-clean
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output =~ two\ +BROKEN\ +"it does not build" ]]
	[[ $output == *"1 of 2 found; 0 skipped" ]]
	run ! grep -r fault_ k --include='*.c'
}
