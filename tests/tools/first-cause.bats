#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/first-cause: of a log that ends in "Bad exit status", the line that it began with.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir patches
	printf 'diff --git a/arch/x86/kvm/x86.c b/arch/x86/kvm/x86.c\n--- a/arch/x86/kvm/x86.c\n+++ b/arch/x86/kvm/x86.c\n' > patches/40009-kvm-do-it.patch
}

# build_log: what a build says around the lines of stdin, which stand in phase kernel of %build.
build_log() {
	printf '%s\n' 'Executing(%prep): /bin/bash -e /var/tmp/rpm-tmp.aaaaaa' '+ umask 022' '== phase base-tree: start' '== phase base-tree: 3 s' \
		'Executing(%build): /bin/bash -e /var/tmp/rpm-tmp.bbbbbb' "+ echo 'a.c:1:1: error: traced, not said'" '== phase kernel: start' \
		'  CC      init/main.o' 'a.c:7:2: warning: unused variable error [-Wunused-variable]' \
		'  107 |                 nvkm_error(subdev, "... out of memory\n");' '      |                 ^~~~~~~~~~'
	cat
	printf '%s\n' "make[3]: *** [../scripts/Makefile.build:250: fs/z.o] Error 1" 'fs/later.c:9:9: error: another job, later' \
		'make[1]: *** [/b/linux/Makefile:2009: .] Error 2' '== phase kernel: 9 s' 'error: Bad exit status from /var/tmp/rpm-tmp.bbbbbb (%build)'
}

cause() {
	run "$top/tools/first-cause" log patches/*.patch
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "each known cause: the first line that says it, its phase, and what to do" {
	local line text
	while IFS='|' read -r line text; do
		build_log <<< "$line" > log
		cause
		[[ ${lines[0]} == "%build, phase kernel, line 12 of log:" && ${lines[1]} == *"$line" && $output == *"$text"* && $output != *later.c* ]] ||
			{ echo "row: $line"; false; }
	done <<-'END'
		fs/ext4/inode.c:12:3: error: implicit declaration of function f|fs/ext4/inode.c
		/tmp/ccX.s: Fatal error: can't write 9 bytes to section .text of fs/a.o: 'No space left on device'|a disk is full
		ld: final link failed: No space left on device|a disk is full
		tee: out: Disk quota exceeded|a disk is full
		gcc: fatal error: Killed signal terminated program cc1|memory ran out
		make[4]: *** [../scripts/Makefile.build:250: mm/a.o] Killed|memory ran out
		make[2]: *** [../scripts/Makefile.vmlinux:34: vmlinux] Error 137|memory ran out
		cc1: out of memory allocating 65536 bytes|memory ran out
		fs/a.c:9:1: internal compiler error: Segmentation fault|the compiler crashed
		make[3]: *** [scripts/Makefile.build:1: fs/a.o] Segmentation fault (core dumped)|the compiler crashed
		FAILED: load BTF from vmlinux: Invalid argument|pahole
		FAILED unresolved symbol vfs_truncate|pahole
		pahole: unrecognized option '--btf_gen_floats'|pahole
		scripts/dtc/dtc-parser.y:2.1-6: error: invalid directive: '%empty'|bison
		scripts/kconfig/parser.y:9.1-8: error: require bison 3.8, but have 3.0.4|bison
		scripts/kconfig/lexer.l:3: unrecognized %option: bison-cc-prefix|flex
		../scripts/sign-file.c:29:10: fatal error: openssl/engine.h: No such file or directory|openssl-devel-engine
		../certs/extract-cert.c:21:10: fatal error: openssl/bio.h: No such file or directory|tools/build-deps --install
		../tools/objtool/elf.h:10:10: fatal error: gelf.h: No such file or directory|tools/build-deps --install
		make[3]: *** No rule to make target 'debian/certs/debian-uefi-certs.pem', needed by 'certs/x509_certificate_list'.  Stop.|CONFIG_SYSTEM_TRUSTED_KEYS
		At main.c:154: - SSL error:02001002:system library:fopen:No such file or directory: ../crypto/bio/bss_file.c:69|CONFIG_SYSTEM_TRUSTED_KEYS
		*** Compiler is too old.|a newer gcc
		gcc: error: unrecognized command-line option -fno-stack-clash-protection|a newer gcc
		fs/a.c:9:1: error: code model kernel does not support PIC mode|fno-pie
		../include/linux/stddef.h:11:9: error: cannot use keyword false as enumeration constant|std=gnu11
		tools/lib/a.c:9:1: error: pointer may be used after realloc [-Werror=use-after-free]|older than this gcc
		ld: mm/a.o: in function `f':a.c:(.text+0x1): undefined reference to `g'|the linker
		ld: cannot find -lelf: No such file or directory|tools/build-deps --install
		vmlinux.o: warning: objtool: f+0x1: unreachable; error: objtool: f failed|objtool
		ERROR: modpost: "kvm_new" [arch/x86/kvm/kvm-intel.ko] undefined!|EXPORT_SYMBOL
		ERROR: "kvm_new" [arch/x86/kvm/kvm-intel.ko] undefined!|EXPORT_SYMBOL
		make[2]: nowhere-ld: No such file or directory|is not installed, or not in PATH
		/bin/sh: 1: bc: not found|is not installed, or not in PATH
		/bin/sh: line 1: zstd: command not found|is not installed, or not in PATH
		./scripts/mod/modpost: error while loading shared libraries: libelf.so.1: cannot open shared object file|is not installed, or not in PATH
		bash: ./scripts/basic/fixdep: Permission denied|noexec
		File size limit exceeded|ulimit
		make[1]: execvp: /bin/sh: Argument list too long|ulimit
	END
}

@test "an error in a file that one of our patches changes: the patch is named" {
	build_log <<< '../arch/x86/kvm/x86.c:99:2: error: struct kvm has no member named x' > log
	cause
	[[ $output == *"40009-kvm-do-it.patch changes arch/x86/kvm/x86.c"* ]]
	# Even if the compiler only warns, in a tree that makes errors of warnings.
	build_log <<< '../arch/x86/kvm/x86.c:99:2: error: unused variable [-Werror=unused-variable]' > log
	cause
	[[ $output == *"40009-kvm-do-it.patch changes arch/x86/kvm/x86.c"* ]]
}

@test "our own tools' errors come whole; an unknown cause comes with the lines before it" {
	printf '%s\n' 'patch: error: 40001-a.patch: hunk 2 does not fit fs/a.c' '    nearest line: 77' '    next: refresh it' '+ exit 1' | build_log > log
	cause
	[[ $output == *"hunk 2 does not fit"*"nearest line: 77"*"next: refresh it"* && $output != *"+ exit"* ]]
	printf '%s\n' '***' '*** C compiler is too old.' '***   Your GCC version:    4.8.5' '***   Minimum GCC version: 5.1.0' '***' | build_log > log
	cause
	[[ ${lines[1]} == *"C compiler is too old."* && $output == *"Minimum GCC version: 5.1.0"*"a newer gcc"* ]]
	echo 'the generator gave up: no seed' | build_log > log
	cause
	[[ ${lines[0]} == "%build, phase kernel, line 13 of log:" && $output == *"the generator gave up: no seed"*"z.o] Error 1"* ]]
}

@test "Kbuild's quiet lines, a NUL, a log without phases, an empty log, no log" {
	{ printf 'a\0b\nfs/a.c:1:1: error: one\n'; seq 99999; } > log
	cause
	[[ ${lines[0]} == "line 2 of log:" && ${lines[1]} == *"fs/a.c:1:1: error: one" ]]
	printf 'error: Failed build dependencies:\n\tbc is needed by kernel-kvm-1-1.x86_64\n\tflex is needed by kernel-kvm-1-1.x86_64\n' > log
	cause
	[[ $output == *"bc is needed"*"flex is needed"*"tools/build-deps --install"* ]]
	printf 'one\ntwo\n' > log
	cause
	[[ $output == *"one"*"two"* ]]
	: > log
	cause
	run "$top/tools/first-cause" nowhere
	[[ $status -eq 1 && $output == *"nowhere: not found"* ]]
}
