#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Which C library the programs of the RPMs may need: what tools/spec/host-abi decides
# before a build, and what it finds in one.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	tool=$top/tools/spec/host-abi
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir bin
	PATH=$PWD/bin:$PATH
}

# glibc VERSION: make the tool see a machine with that C library.
glibc() {
	printf '#!/bin/sh\necho glibc %s\n' "$1" > bin/getconf
	chmod +x bin/getconf
}

# static_libraries: make the tool see a machine that has all of them. Not every
# machine does: Debian 13's libelf.a does not link.
static_libraries() {
	printf '#!/bin/bash\n[[ " $* " != *" -static "* ]] || { cat > /dev/null; exit 0; }\nexec %s "$@"\n' "$(command -v gcc)" > bin/gcc
	chmod +x bin/gcc
}

# plan OPTION...: its answer in $answer, the reasons in $output.
plan() {
	run bash -c '"$@" 2>&1 >answer' _ "$tool" plan "$@"
	answer=$(cat answer)
}

@test "every family is found by the releases of its kernels, and by no other's" {
	local release family
	glibc 9.99
	while read -r release family; do
		plan --release "$release" --link dynamic
		echo "$release: $output"
		[[ ${lines[0]} == *"warning: $family hosts"* ]]
	done <<-'END'
		1160.119.1.el7 el7
		1160.el7.centos.plus el7
		2136.331.7.el7uek el7
		8.0.38.1.xcpng8.2 xcpng
		257.562.amzn2 amzn2
		63.109.amzn2023 amzn2023
		553.5.1.el8_10 el8
		207.156.6.el8uek el8
		1.el8.elrepo el8
		362.24.1.el9_3 el9
		55.9.1.el10_0 el10
		2003.4.0.0036.oe1 oe2003
		2109.1.0.0108.oe2003sp3 oe2003
		60.18.0.50.oe2203 oe2203
		153.12.0.92.oe2203sp2 oe2203
		28.0.0.34.oe2403 oe2403
		300.fc43 fc43
	END
	for release in 2.kvm 1 3~deb12u1 300.fc99 1.oe9903 1.el11_1; do
		plan --release "$release"
		echo "$release: $output"
		[ "$answer" = dynamic ]
		[[ $output == *"release '$release' does not say which hosts"* ]]
	done
}

@test "no newer here than there: dynamic; newer: static; another soname: static" {
	static_libraries
	# A machine with OpenSSL 3, as EL 10's: not every one has it.
	# shellcheck disable=SC2016  # the script's own
	printf '#!/bin/bash\n[[ $* != *libcrypto* ]] || { echo "SONAME libcrypto.so.3"; exit; }\nexec %s "$@"\n' "$(command -v objdump)" > bin/objdump
	chmod +x bin/objdump
	glibc 2.34
	plan --release 1.el10
	[ "$status" -eq 0 ]
	[ "$answer" = dynamic ]
	glibc 2.100
	plan --release 1.el10
	echo "$output"
	[ "$answer" = static ]
	[[ $output == *"glibc 2.100 here, 2.39 there"* ]]
	# EL 7's libcrypto is another one than any that this machine can have.
	glibc 2.2
	plan --release 1.el7
	echo "$output"
	[ "$answer" = static ]
	[[ $output == *" here, libcrypto.so.10 there"* ]]
	[[ $output != *"glibc 2.2 here"* ]]
}

@test "--hosts counts more than the release; an unknown one is refused, with those there are" {
	static_libraries
	glibc 2.34
	plan --release 1.fc43 --hosts el8
	[ "$answer" = static ]
	[[ $output == *"el8 hosts"* ]]
	plan --release 1.fc43 --hosts el3
	[ "$status" -eq 1 ]
	[[ $output == *"--hosts el3"*" el8 "* ]]
}

@test "no static libraries: the RPMs are still made, a warning says which hosts reject them; --with static is an error" {
	glibc 2.100
	# shellcheck disable=SC2016  # the script's own
	printf '#!/bin/bash\n[[ $* != -print-file-name=libjson-c.a ]] || { echo libjson-c.a; exit; }\n[[ " $* " != *" -static "*" -ljson-c "* ]] && exec %s "$@"\nexit 1\n' "$(command -v gcc)" > bin/gcc
	chmod +x bin/gcc
	plan --release 1.el9
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$answer" = dynamic ]
	[[ $output == *"warning: el9 hosts will reject -selftest and -devel: glibc 2.100 here"*"json-c (Debian: libjson-c-dev"* ]]
	[[ $output != *zlib* ]]
	plan --release 1.el9 --link static
	[ "$status" -eq 1 ]
	[ -z "$answer" ]
	[[ $output == *"--with static: no usable static library here of"*"json-c"* ]]
}

# programs: make a buildroot with a program of each kind, and files that are none.
programs() {
	mkdir -p root/usr/bin root/usr/share/kernel-kvm/guest root/lib/modules/1/kernel root/usr/src/kernels/1/scripts
	# A function of glibc 2.27.
	printf '#define _GNU_SOURCE\n#include <sys/mman.h>\nint main(void) { return memfd_create("a", 0); }\n' > t.c
	gcc -o root/usr/bin/dynamic t.c
	gcc -static -o root/usr/bin/static t.c
	cp root/usr/bin/dynamic root/usr/share/kernel-kvm/guest/init
	cp root/usr/bin/dynamic root/lib/modules/1/kernel/kvm.ko
	echo 'echo' > root/usr/bin/script
	chmod +x root/usr/bin/script
}

@test "a static library that does not link and one that is missing: two messages" {
	glibc 2.100
	mkdir lib
	# Like elfutils 0.192: a library that calls a function that it lacks.
	echo 'int nowhere(void); int json_object_new_object(void) { return nowhere(); }' | gcc -w -x c - -c -o lib/a.o
	ar rc lib/libjson-c.a lib/a.o
	# shellcheck disable=SC2016  # the script's own
	printf '#!/bin/bash\nexec %s -B "%s" -L "%s" "$@"\n' "$(command -v gcc)" "$PWD/lib" "$PWD/lib" > bin/gcc
	chmod +x bin/gcc
	plan --release 1.el9
	echo "$output"
	[[ $output == *"json-c (libjson-c.a is here, but does not link: undefined reference to "*nowhere* ]]
}

@test "check: a program that needs a later C library is named with the version; guests and modules do not count" {
	programs
	run "$tool" check --release 1.el7 root
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"1 of 2 programs do not run on el7 hosts:"* ]]
	[[ $output == *"/usr/bin/dynamic: "*"libc.so.6(GLIBC_2."*") (el7 has glibc 2.17)"* ]]
	run "$tool" check --release 1.el7 --warn-only root
	[ "$status" -eq 0 ]
	[[ $output == *"warning: 1 of 2 programs"*"/usr/bin/dynamic"* ]]
	rm root/usr/bin/dynamic
	run "$tool" check --release 1.el7 root
	[ "$status" -eq 0 ]
	[[ $output == *"1 programs run on el7 hosts (glibc 2.17)"* ]]
}

@test "check: another soname than the hosts have is named with theirs" {
	programs
	rm root/usr/bin/dynamic
	echo 'int json_object_put(void *o) { return !o; }' > lib.c
	gcc -shared -fPIC -Wl,-soname,libjson-c.so.77 -o libjson-c.so lib.c
	printf 'int json_object_put(void *);\nint main(void) { return json_object_put(0); }\n' > t.c
	gcc -o root/usr/bin/other t.c -L. -ljson-c
	run "$tool" check --release 1.el8 --warn-only root
	echo "$output"
	[[ $output == *"/usr/bin/other: "*"libjson-c.so.77 (el8 has libjson-c.so.4)"* ]]
}

@test "check: relocations that only glibc 2.36 reads" {
	programs
	gcc -Wl,-z,pack-relative-relocs -o root/usr/bin/dynamic t.c 2>err || skip "this linker makes none: $(head -n 1 err)"
	objdump -p root/usr/bin/dynamic | grep GLIBC_ABI_DT_RELR || skip "this linker makes none"
	run "$tool" check --release 1.el9 root
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"libc.so.6(GLIBC_2.36) (el9 has glibc 2.34)"* ]]
}

@test "a kernel with GCC plugins or Rust: its host programs stay dynamic, and that is said" {
	programs
	mv root/usr/bin/dynamic root/usr/src/kernels/1/scripts/
	echo CONFIG_GCC_PLUGINS=y > root/usr/src/kernels/1/.config
	run "$tool" hostldflags root/usr/src/kernels/1/.config
	[[ $output == *"warning: "*CONFIG_GCC_PLUGINS=y* && $output != *-static* ]]
	run "$tool" check --release 1.el7 root
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"warning: 1 of 2 programs"*"/usr/src/kernels/1/scripts/dynamic"* ]]
	echo '# CONFIG_GCC_PLUGINS is not set' > root/usr/src/kernels/1/.config
	run "$tool" hostldflags root/usr/src/kernels/1/.config
	[[ $output == "-static "*-lelf* ]]
	run "$tool" check --release 1.el7 root
	[ "$status" -eq 1 ]
}

@test "wrong calls are usage errors" {
	for args in "" "plan" "check --release 1" "plan --release 1 --link maybe" "plan --release 1 --what"; do
		# shellcheck disable=SC2086  # split on purpose
		run "$tool" $args
		echo "$args: $status"
		[ "$status" -eq 2 ]
	done
	run "$tool" check --release 1.el8 nowhere
	[ "$status" -eq 1 ]
	[[ $output == *"nowhere: not a directory"* ]]
}
