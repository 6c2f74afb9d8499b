#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kernel-kvm.spec built, %prep to RPMs, with every tool that packages (install-*,
# sign-modules, manifest, sbom) as it is, on the miniature of a kernel in mini/.
# Only the slow parts are left out: the base SRPM, Kconfig, the kernel.

load mini-helper

setup_file() {
	mini_tree
}

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
}

@test "as it comes: core, modules, devel and the meta package, with what each is for" {
	build --without selftest
	[ "$(cat names)" = " core devel modules" ]
	[ -s "root/lib/modules/$K/vmlinuz" ]
	[ "$(cat "root/usr/src/kernels/$K/include/config/kernel.release")" = "$K" ]
	[ "$(jq -r .build_id "root/usr/share/kernel-kvm/$K/manifest.json")" = "$K+0123456789abcdef" ]
	jq -e '.packages | length > 3' "root/usr/share/kernel-kvm/$K/sbom.spdx.json"
	[[ $(tail -c 28 "root/lib/modules/$K/kernel/arch/x86/kvm/kvm.ko") == *"Module signature appended"* ]]
	[ ! -e root/usr/lib/debug ]
	# The times of the phases are the last that the build says before the RPMs.
	for p in base-tree patches config kernel install devel sign; do grep -qE "^==   $p +[0-9]+" log; done
	rpm -qpl rpms/*/kernel-kvm-core-*.rpm | grep -qx "/boot/initramfs-$K.img"
}

# formats: the package formats of rpms/, by their leads (3 there is format 4's).
formats() {
	local f
	for f in rpms/*/*.rpm; do head -c 5 "$f" | od -An -tu1 | awk '{ print $5 == 3 ? 4 : $5 == 4 ? 6 : $5 }'; done | sort -u
}

@test "the package format is that of the base's distribution, whatever the host's rpm makes of its own accord" {
	build --without selftest --without devel
	[ "$(formats)" = 4 ]
	rm -rf rpms root
	build --without selftest --without devel --define 'base_format 6'
	if grep -qx RPMFORMAT <(rpm --querytags); then
		[ "$(formats)" = 6 ]
	else
		[ "$(formats)" = 4 ]
	fi
}

@test "debug, debuginfo, headers, doc and tools in one build: both kernels whole, neither's files in the other's" {
	build --without selftest --with debug --with debuginfo --with headers --with doc --with tools
	[ "$(cat names)" = " core debug-core debug-debuginfo debug-devel debug-modules debuginfo devel doc headers modules tools" ]
	for k in "$K" "$K+debug"; do
		[ -s "root/lib/modules/$k/vmlinuz" ]
		[ "$(cat "root/usr/src/kernels/$k/include/config/kernel.release")" = "$k" ]
		[ "$(jq -r .kverrel "root/usr/share/kernel-kvm/$k/manifest.json")" = "$k" ]
		debug=root/usr/lib/debug/lib/modules/$k
		run addr2line -f -e "$debug/vmlinux" "$(nm "$debug/vmlinux" | awk '$3 == "demo_add" { print $1 }')"
		[ "${lines[0]}" = demo_add ]
		# Not the build host's directory.
		[[ ${lines[1]} == /usr/src/debug/kernel-kvm-5.14.0-362.24.1.el9_3.kvm.x86_64/demo.c:[0-9]* ]]
		ko=$PWD/root/lib/modules/$k/kernel/arch/x86/kvm/kvm.ko
		[[ $(tail -c 28 "$ko") == *"Module signature appended"* ]]
		run gdb -batch -nx -iex "set sysroot $PWD/root" -iex "set debug-file-directory $PWD/root/usr/lib/debug" -ex 'info line demo_add' "$ko"
		[[ $output == *demo.c* ]]
	done
	# The fragment of the variant is in its config, and in no other.
	grep -qx CONFIG_PROVE_LOCKING=y "root/lib/modules/$K+debug/config"
	run grep PROVE_LOCKING "root/lib/modules/$K/config"
	[ "$status" -eq 1 ]
	[ -s "root/usr/include/kernel-kvm/$K/linux/kvm.h" ]
	[ ! -e "root/usr/include/kernel-kvm/$K/linux/..install.cmd" ]
	[ -x "root/usr/libexec/kernel-kvm/$K/turbostat" ]
	[ -s root/usr/share/doc/kernel-kvm-doc-5.14.0-362.24.1.el9_3.kvm/virt/kvm.rst ]
	for f in rpms/*/kernel-kvm-debug-*.rpm; do
		rpm -qpl "$f" | grep -F "$K" | grep -vF "$K+debug" > stray || :
		[ ! -s stray ] || { echo "$f"; cat stray; false; }
	done
}

@test "without fips and signmodules: built, no signature on a module, no HMAC of the image" {
	build --without selftest --without signmodules --without fips
	[ "$(cat names)" = " core devel modules" ]
	run grep -c 'Module signature appended' "root/lib/modules/$K/kernel/arch/x86/kvm/kvm.ko"
	[ "$output" = 0 ]
	[ ! -e "root/lib/modules/$K/.vmlinuz.hmac" ]
}

@test "a configuration that compresses modules: stripped, signed, compressed, with their debug information" {
	MINI_CONFIG=$'CONFIG_MODULE_COMPRESS=y\nCONFIG_MODULE_COMPRESS_XZ=y\nCONFIG_MODULE_COMPRESS_ALL=y\n' \
		build --without selftest --with debuginfo
	ko=root/lib/modules/$K/kernel/arch/x86/kvm/kvm.ko
	[ ! -e "$ko" ]
	[[ $(xz -dc "$ko.xz" | tail -c 28) == *"Module signature appended"* ]]
	[ -s "root/usr/lib/debug/lib/modules/$K/kernel/arch/x86/kvm/kvm.ko.debug" ]
	[ "$(jq -r .modules.kvm.path "root/usr/share/kernel-kvm/$K/manifest.json")" = "${ko#"root/lib/modules/$K/"}.xz" ]
	# 6.12: a kind for kmod, but plain modules.
	rm -rf rpms root
	MINI_CONFIG=$'CONFIG_MODULE_COMPRESS_XZ=y\n# CONFIG_MODULE_COMPRESS_ALL is not set\n' build --without selftest
	[[ $(tail -c 28 "$ko") == *"Module signature appended"* ]]
}

@test "dbgonly: the debug variant alone; without up: no kernel, and still the headers" {
	build --without selftest --with dbgonly
	[ "$(cat names)" = "debug-core debug-devel debug-modules" ]
	rm -rf rpms root
	build --without selftest --without up --with headers
	[ "$(cat names)" = headers ]
}

@test "no file in two packages, but directories and debug links" {
	build --without selftest --with debug --with debuginfo --with headers --with tools
	for f in rpms/*/*.rpm; do rpm -qp --qf '[%{FILENAMES} %{FILEMODES:perms}\n]' "$f"; done | awk '$2 !~ /^d/ { print $1 }' | sort | uniq -d > twice
	[ ! -s twice ] || { cat twice; false; }
}

@test "selftests: the kernel's own, stripped, where kvm-selftest --suite kernel looks, and no KVERREL in it" {
	build --without up --without selftest --with selftests
	[ "$(cat names)" = selftests-internal ]
	(cd root/usr/libexec/kernel-kvm && find . -type f) | sort > files
	printf '%s\n' ./selftests/demo.sh ./selftests/demo_test | diff - files
	[[ $(file root/usr/libexec/kernel-kvm/selftests/demo_test) == *" stripped"* ]]
	root/usr/libexec/kernel-kvm/selftests/demo.sh
	run grep -c "$K" <(rpm -qpl rpms/*/*.rpm | grep -v licenses)
	[ "$output" = 0 ]
}

@test "selftests of a base that has none: an error that says so, before the kernel is built" {
	mv "$MINI/tools/testing" testing
	run build --without selftest --with selftests
	mv testing "$MINI/tools/testing"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"selftests/kvm/Makefile: not found"*"without --with selftests"* ]]
	run grep "phase kernel: start" log
	[ "$status" -eq 1 ]
}

@test "the selftest package: programs, unit, man pages, and one licence that covers them" {
	build --without up --without devel
	[ "$(cat names)" = selftest ]
	[ -x root/usr/bin/kvm-selftest ]
	[ -s root/usr/lib/systemd/system/kvm-selftest.service ]
}

# unmet RPM...: print what an ELF program in a package needs and its Requires lack.
unmet() {
	local rpm f
	for rpm; do
		rm -rf one
		mkdir one
		rpm2cpio "$rpm" | (cd one && cpio -idmu --quiet)
		rpm -qp --requires "$rpm" | sort -u > requires
		find one -path '*/lib/modules' -prune -o -path '*/lib/debug' -prune -o -path '*/guest' -prune -o -type f -perm /111 -print | while read -r f; do
			objdump -p "$f" 2>/dev/null | awk '
				$1 == "NEEDED" { print $2 "()(64bit)" }
				/required from/ { so = $3; sub(/:$/, "", so) }
				$1 ~ /^0x/ && NF == 4 { print so "(" $4 ")(64bit)" }' | sort -u | comm -23 - requires | sed "s,^,${f#one}: ,"
		done
	done
}

@test "every program's needs are in its package's Requires, -devel's too, and the tree's scripts' are not" {
	build
	run unmet rpms/*/*.rpm
	echo "$output"
	[ -z "$output" ]
	rpm -qp --requires rpms/*/kernel-kvm-devel-*.rpm > requires
	grep '^libc\.so\.6(GLIBC_' requires
	run grep -E 'Nowhere|perl\(|^/' requires
	echo "$output"
	[ "$status" -eq 1 ]
	run rpm -qp --provides rpms/*/kernel-kvm-devel-*.rpm
	[[ $output != *Nowhere* && $output != *.so* ]]
	# Another package's script still says what runs it.
	rpm -qp --requires rpms/*/kernel-kvm-selftest-*.rpm | grep -x '/bin/.*sh'
}

@test "static: nothing in the packages asks for a C library, and both programs run" {
	need_static
	build --with static --with tools --with selftests
	run bash -c "rpm -qp --requires rpms/*/*.rpm | grep -E '^(lib|ld-)'"
	echo "$output"
	[ "$status" -eq 1 ]
	# The release of the base is EL 9's: the whole buildroot was looked at for it.
	grep -E '^host-abi: [1-9][0-9]* programs run on el9 hosts' log
	root/usr/bin/kvm-vmm --version
	root/usr/bin/kvm-selftest --list | grep -x 'host/kvm-access.*'
	rpm -qp --provides rpms/*/kernel-kvm-selftest-*.rpm | grep -E '^bundled\(glibc\) = [0-9.]+$'
}

@test "static: a program that is still linked to this machine's libraries stops the build, by name" {
	need_static
	# shellcheck disable=SC2016  # make's own
	sed 's/\$(HOSTLDFLAGS)//' "$MINI/Makefile" > changed
	cp "$MINI/Makefile" whole
	cp changed "$MINI/Makefile"
	run build --with static --without selftest --define 'hosts el7'
	cp whole "$MINI/Makefile"
	echo "$output"
	[ "$status" -eq 1 ]
	grep -E "^host-abi: error: 1 of [0-9]+ programs do not run on el7 hosts:" log
	grep -E "^ +/usr/src/kernels/$K/scripts/mod/modpost: .*libc.so.6\(GLIBC_[0-9.]+\) \(el7 has glibc 2.17\)" log
}

@test "hosts that are older, and nothing is static: said first, and which programs at the end" {
	build --define 'hosts el7'
	grep -n '^host-abi: warning: el7 hosts will reject -selftest and -devel: glibc' log | cut -d: -f1 > first
	[ "$(cat first)" -lt "$(grep -n 'phase base-tree: start' log | cut -d: -f1)" ]
	grep -E '^ +/usr/bin/kvm-selftest: .*el7 has glibc 2.17' log
}

@test "the packages' programs, reports and man pages say which build they are of" {
	local vr=5.14.0-362.24.1.el9_3.kvm
	build --without up --without devel
	[ "$(root/usr/bin/kvm-vmm --version)" = "kvm-vmm $vr" ]
	[ "$(root/usr/bin/kvm-selftest --version)" = "kvm-selftest $vr" ]
	run root/usr/bin/kvm-selftest --only host/kvm-access --format json --allow-missing
	[ "$(jq -r .version <<< "$output")" = "$vr" ]
	# "dev" is what a checkout's own build says.
	run root/usr/bin/kvm-selftest --only host/kvm-access --format html --allow-missing
	[[ $output == *"$vr"* && ! $output =~ [^a-z/]dev[^a-z/] ]]
	for m in man1/kvm-vmm.1 man1/kvm-selftest.1 man8/kernel-kvm-boot-once.8; do
		zcat "root/usr/share/man/$m.gz" | grep "^\.TH .*\"kernel-kvm $vr\""
	done
}
