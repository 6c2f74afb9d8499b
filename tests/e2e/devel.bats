#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154,SC2030,SC2031 # rpms, kverrel, packages are the helpers'
# With only -devel, a compiler and make one can build modules that the kernel of the
# same build loads.

load helpers

setup_file() {
	have_rpms || return 0
	find_rpms
	local devel=${packages[1]/kernel-kvm-core/kernel-kvm-devel}
	[[ -f $devel ]]
	"$tools/machine/install-root" make "$BATS_FILE_TMPDIR/root" \
		--with gcc,make,bison,flex,libelf-dev,libssl-dev,perl,findutils,dkms,openssl
	in_root "$BATS_FILE_TMPDIR/root" dnf -y install "/rpms1/${devel##*/}" \
		>"$BATS_FILE_TMPDIR/log" 2>&1
}

setup() {
	find_rpms
	root=$BATS_FILE_TMPDIR/root
}

# write_module DIR: write the sources of a module to DIR in the root.
write_module() {
	mkdir -p "$root$1"
	cat >"$root$1/e2e.c" <<-'END'
		#include <linux/module.h>
		#include <linux/kvm_host.h>

		static int __init e2e_init(void)
		{
			pr_info("e2e: struct kvm_vcpu has %zu bytes\n", sizeof(struct kvm_vcpu));
			return 0;
		}

		static void __exit e2e_exit(void)
		{
			pr_info("e2e: gone\n");
		}

		module_init(e2e_init);
		module_exit(e2e_exit);
		MODULE_LICENSE("GPL");
		MODULE_DESCRIPTION("Built against -devel alone");
	END
	echo 'obj-m := e2e.o' >"$root$1/Makefile"
}

@test "-devel installs alone, without the kernel" {
	run in_root "$root" rpm -qa 'kernel-kvm*'
	echo "$output"
	[[ $output == kernel-kvm-devel-* && ${#lines[@]} -eq 1 ]]
	[ ! -e "$root/lib/modules/$kverrel/vmlinuz" ]
	in_root "$root" test -f "/lib/modules/$kverrel/build/Makefile"
	in_root "$root" rpm -V kernel-kvm-devel
}

@test "a module builds with -devel alone, and the kernel loads it" {
	write_module /var/tmp/e2e
	# -devel is read-only for its users: a build must not change it.
	run in_root "$root" make -C "/lib/modules/$kverrel/build" M=/var/tmp/e2e modules
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *arning* ]]
	run modinfo -F vermagic "$root/var/tmp/e2e/e2e.ko"
	[[ $output == "$kverrel "* ]]
	in_root "$root" rpm -V kernel-kvm-devel

	# Take the kernel from its package; booting it needs no root file system.
	cd "$BATS_TEST_TMPDIR" || return
	rpm2cpio "${packages[1]}" | cpio -idm --quiet "./lib/modules/$kverrel/vmlinuz"
	run "$tools/machine/boot" svm --kernel "lib/modules/$kverrel/vmlinuz" --deadline 120 \
		--file "$root/var/tmp/e2e/e2e.ko:/e2e.ko" -- sh -c \
		'insmod /e2e.ko && rmmod e2e && dmesg | grep "e2e: "'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ e2e:\ struct\ kvm_vcpu\ has\ [1-9][0-9]+\ bytes ]]
	[[ $output == *"e2e: gone"* ]]
}

@test "the kernel rejects a module built against other symbols" {
	write_module /var/tmp/other
	in_root "$root" make -C "/lib/modules/$kverrel/build" M=/var/tmp/other modules
	cd "$BATS_TEST_TMPDIR" || return
	# Change the CRC of its first symbol, as a changed structure would.
	objcopy --dump-section __versions=versions "$root/var/tmp/other/e2e.ko"
	printf '\xff\xfe' | dd of=versions conv=notrunc status=none
	objcopy --update-section __versions=versions "$root/var/tmp/other/e2e.ko"
	rpm2cpio "${packages[1]}" | cpio -idm --quiet "./lib/modules/$kverrel/vmlinuz"
	run "$tools/machine/boot" svm --kernel "lib/modules/$kverrel/vmlinuz" --deadline 120 \
		--log console --file "$root/var/tmp/other/e2e.ko:/e2e.ko" -- insmod /e2e.ko
	echo "$output"
	[ "$status" -ne 0 ]
	grep 'disagrees about version of symbol' console
}

# dkms_module ROOT KVERREL: print the path of dkms's module for that kernel in ROOT.
dkms_module() {
	find "$1/lib/modules/$2/updates" -name 'e2e.ko*' 2>/dev/null
}

# proper ROOT KVERREL: succeed if the module fits that kernel: it has its version string,
# a signature, and the kernel's CRC of each symbol that it uses.
proper() {
	local ko devel=$1/usr/src/kernels/$2
	ko=$(dkms_module "$1" "$2")
	[[ -n $ko && $(modinfo -F vermagic "$ko") == "$2 "* ]]
	[[ -n $(modinfo -F signer "$ko") ]]
	modprobe --dump-modversions "$ko" | sort >"$BATS_TEST_TMPDIR/uses"
	[[ -s $BATS_TEST_TMPDIR/uses ]]
	awk '{ sub(/^0x0*/, "0x", $1); print $1 "\t" $2 }' "$BATS_TEST_TMPDIR/uses" |
		grep -vxFf <(awk '{ sub(/^0x0*/, "0x", $1); print $1 "\t" $2 }' "$devel/Module.symvers") \
		>"$BATS_TEST_TMPDIR/other" || :
	if [[ -s $BATS_TEST_TMPDIR/other ]]; then
		echo "$ko: CRCs that are not in $devel/Module.symvers:"
		cat "$BATS_TEST_TMPDIR/other"
		return 1
	fi
}

@test "a DKMS module builds and installs; a second kernel gets its own; removal removes both" {
	local devel2
	find_rpms2
	# A root of its own: depmod, which dkms runs, leaves its files in /lib/modules.
	copy_root "$root" "$BATS_TEST_TMPDIR/root"
	local root=$BATS_TEST_TMPDIR/root
	write_module /usr/src/e2e-1.0
	cat >"$root/usr/src/e2e-1.0/dkms.conf" <<-'END'
		PACKAGE_NAME="e2e"
		PACKAGE_VERSION="1.0"
		BUILT_MODULE_NAME[0]="e2e"
		DEST_MODULE_LOCATION[0]="/updates"
		AUTOINSTALL="yes"
	END
	in_root "$root" dkms install -m e2e -v 1.0 -k "$kverrel"
	run in_root "$root" dkms status -k "$kverrel"
	echo "$output"
	[[ $output == *e2e*1.0*"$kverrel"*installed* ]]
	proper "$root" "$kverrel"
	in_root "$root" rpm -V kernel-kvm-devel

	# The second kernel's -devel, and the command that distributions' hooks run then.
	devel2=${packages2[1]/kernel-kvm-core/kernel-kvm-devel}
	in_root "$root" dnf -y install "/rpms2/${devel2##*/}"
	in_root "$root" dkms autoinstall -k "$kverrel2"
	proper "$root" "$kverrel2"
	proper "$root" "$kverrel"

	in_root "$root" dkms remove e2e/1.0 --all
	[ -z "$(dkms_module "$root" "$kverrel")$(dkms_module "$root" "$kverrel2")" ]
	rm -rf -- "$root"
}

@test "removing -devel leaves nothing behind" {
	local copy=$BATS_TEST_TMPDIR/root
	copy_root "$root" "$copy"
	rm -rf "$copy/usr/src"
	cp -a "$root/usr/src" "$copy/usr/src"
	in_root "$copy" dnf -y remove kernel-kvm-devel
	run traces "$copy" "$kverrel"
	echo "$output"
	[ -z "$output" ]
	rm -rf -- "$copy"
}
