#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # rpms*, kverrel*, packages* are the helpers'
# RPMs for older hosts (make rpm HOSTS=debian11: KERNEL_KVM_RPMS2) in a root of
# Debian 11: glibc 2.31, no libcrypto.so.3, gcc 10, rpm 4.16. The programs that were
# built on this machine run there, and build modules there.

load ../e2e/helpers

# Kept beside the roots of make check-hosts.
hosts=$tools/../build/cache/hosts
# What a host has that builds modules.
extra=rpm,gcc,libc6-dev,make,bison,flex,libelf-dev,libssl-dev,openssl,perl,kmod,findutils

# archive: the Debian archive of this machine's apt, if it names one.
archive() {
	# shellcheck disable=SC2016  # apt's own placeholders
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | head -n 1
}

# plain_root: make $hosts/bullseye-plain, if it is not there.
plain_root() {
	local proxy=''
	[[ ! -d $hosts/bullseye-plain ]] || return 0
	eval "$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null || :)"
	[[ -z $proxy ]] || export http_proxy=$proxy
	rm -rf "$hosts/bullseye-plain.new"
	debootstrap --variant=minbase --include=ca-certificates,make,git bullseye "$hosts/bullseye-plain.new" "$(archive)" &&
		mv "$hosts/bullseye-plain.new" "$hosts/bullseye-plain"
}

# module_root: make $hosts/bullseye-KEY, the same with $extra, if it is not there.
module_root() {
	local dir=$1 conf
	[[ ! -d $dir ]] || return 0
	rm -rf "$dir.new"
	cp -a --reflink=auto "$hosts/bullseye-plain" "$dir.new" || return
	conf=$(apt-config dump 2>/dev/null | grep -E '^Acquire::https?::Proxy ' || :)
	printf '%s\n' "$conf" >"$dir.new/etc/apt/apt.conf.d/90proxy"
	printf 'deb %s bullseye main\n' "$(archive)" >"$dir.new/etc/apt/sources.list"
	cp -L /etc/resolv.conf /etc/hosts "$dir.new/etc/"
	# shellcheck disable=SC2016  # the root's own
	"$tools/machine/install-root" run "$dir.new" --deadline 900 -- sh -c \
		'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(echo "$1" | tr , " ")' sh "$extra" &&
		rm -rf "$dir.new/var/cache/apt/archives" && mv "$dir.new" "$dir"
}

# register ROOT: register dpkg's packages in its rpm database, as tools/machine/install-root does.
register() {
	local work=$BATS_FILE_TMPDIR/base
	mkdir -p "$work" "$1/var/lib/rpm" "$1/etc/rpm"
	echo '%_dbpath /var/lib/rpm' >"$1/etc/rpm/macros"
	"$tools/machine/install-root.d/provides" "$1" "$tools/machine/install-root.d/el-names" >"$work/provides"
	{
		printf '%s\n' 'Name: root' 'Version: 1' 'Release: 1' 'Summary: root' 'License: GPL-2.0-only' 'BuildArch: noarch'
		sed 's/^/Provides: /' "$work/provides"
		printf '%s\n' '%description' '%files'
	} >"$work/root.spec"
	rpmbuild -bb --quiet --define "_topdir $work" --define "_dbpath $work/db" --define '_binary_payload w9.gzdio' \
		"$work/root.spec" >"$work/log" 2>&1
	cp "$work"/RPMS/noarch/*.rpm "$1/var/tmp/root.rpm"
	in_root "$1" rpm -i --justdb /var/tmp/root.rpm
}

# of_build SUFFIX NAME: the file name of kernel-kvm-NAME of that build.
of_build() {
	local -n _of=packages$1
	local core=${_of[1]##*/}
	echo "${core/kernel-kvm-core/kernel-kvm-$2}"
}

setup_file() {
	have_rpms && [[ -n ${KERNEL_KVM_RPMS2:-} ]] || return 0
	find_rpms
	find_rpms2
	local made
	made=$hosts/bullseye-$(sha256sum <<<"$extra" | cut -c1-8)
	mkdir -p "$hosts"
	(
		flock 9
		plain_root && module_root "$made"
	) 9>"$hosts/bullseye-plain.lock" >"$BATS_FILE_TMPDIR/log" 2>&1 || return 0
	cp -a --reflink=auto "$made" "$BATS_FILE_TMPDIR/root"
	register "$BATS_FILE_TMPDIR/root"
	in_root "$BATS_FILE_TMPDIR/root" rpm -U "/rpms2/$(of_build 2 selftest)" "/rpms2/$(of_build 2 devel)" \
		>"$BATS_FILE_TMPDIR/install.log" 2>&1 || :
}

setup() {
	find_rpms
	find_rpms2
	root=$BATS_FILE_TMPDIR/root
	[[ $(rpm -qp --requires "$rpms2/$(of_build 2 selftest)") != *'libc.so.6('* ]] ||
		skip "the second build (KERNEL_KVM_RPMS2) is not for older hosts: make rpm BUILDID=.kvm2 HOSTS=debian11"
	[[ -d $root ]] ||
		skip "no root of Debian 11: $(tail -n 1 "$BATS_FILE_TMPDIR/log" 2>/dev/null)"
	cat "$BATS_FILE_TMPDIR/install.log"
}

# kvm_in_root COMMAND...: with this machine's /dev/kvm.
kvm_in_root() {
	"$tools/machine/install-root" run "$root" --deadline 300 --bind /dev/kvm:/dev/kvm -- "$@"
}

need_guests() {
	[[ -c /dev/kvm ]] || skip "this machine has no /dev/kvm"
	printf '\xb0H\xe6\x10\xb0i\xe6\x10\xb0\n\xe6\x10\xf4' >"$root/var/tmp/hi.bin"
	"$BATS_FILE_TMPDIR/root/usr/bin/kvm-vmm" --flat "$root/var/tmp/hi.bin" --deadline 10 </dev/null >"$BATS_TEST_TMPDIR/why" 2>&1 ||
		skip "no guest runs on this machine: $(head -n 1 "$BATS_TEST_TMPDIR/why")"
}

@test "-selftest and -devel install on the older host, whole" {
	in_root "$root" rpm -V kernel-kvm-selftest kernel-kvm-devel
	# It is an older host: it lacks what this machine's programs need.
	in_root "$root" sh -c '! ls /usr/lib/*/libcrypto.so.3 && getconf GNU_LIBC_VERSION | grep -x "glibc 2.31"'
}

@test "rpm rejects the same packages linked to this machine's libraries, and names the library" {
	local name
	if [[ $(rpm -qp --requires "$rpms/$(of_build '' selftest)") != *'libc.so.6('* ]]; then
		skip "the first build is static, too"
	fi
	for name in selftest devel; do
		run in_root "$root" rpm -U --test --oldpackage --replacefiles "/rpms1/$(of_build '' "$name")"
		echo "$output"
		[ "$status" -ne 0 ]
		[[ $output == *"libc.so.6(GLIBC_2."*" is needed by kernel-kvm-$name-"* ]]
	done
}

@test "kvm-selftest there: --version and --list as on this machine" {
	[ "$(in_root "$root" kvm-selftest --version)" = "kvm-selftest $(rpm -qp --qf '%{version}-%{release}' "${packages2[3]}")" ]
	in_root "$root" kvm-selftest --list >"$BATS_TEST_TMPDIR/there"
	"$root/usr/bin/kvm-selftest" --list | diff - "$BATS_TEST_TMPDIR/there"
	grep -q '^flat/long-mode' "$BATS_TEST_TMPDIR/there"
}

@test "kvm-selftest's host checks and flat guests, kvm-vmm in its sandbox, on this machine's KVM" {
	need_guests
	run kvm_in_root kvm-selftest --only 'host/*,vm/create-destroy,flat/long-mode,flat/real-greeting' --format tap --timeout-scale 4
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"ok "*" host/kvm-access"* ]]
	grep -E '^ok [0-9]+ flat/long-mode$' <<<"$output"
	[ "$(kvm_in_root kvm-vmm --flat /var/tmp/hi.bin)" = Hi ]
}

# module DIR: a module of two files; the second uses what newer compilers do differently
# (asm goto with outputs).
module() {
	mkdir -p "$root$1"
	cat >"$root$1/main.c" <<-'END'
		#include <linux/module.h>
		#include <linux/kvm_host.h>

		int older_get(int __user *p);

		static int __init older_init(void)
		{
			pr_info("older: %zu, %d\n", sizeof(struct kvm_vcpu), older_get(NULL));
			return 0;
		}

		static void __exit older_exit(void)
		{
		}

		module_init(older_init);
		module_exit(older_exit);
		MODULE_LICENSE("GPL");
		MODULE_DESCRIPTION("Built on an older host");
	END
	cat >"$root$1/get.c" <<-'END'
		#include <linux/uaccess.h>

		int older_get(int __user *p);

		int older_get(int __user *p)
		{
			int v;

			if (!user_access_begin(p, sizeof(*p)))
				return -1;
			unsafe_get_user(v, p, fault);
			user_access_end();
			return v;
		fault:
			user_access_end();
			return -EFAULT;
		}
	END
	printf 'obj-m := older.o\nolder-y := main.o get.o\n' >"$root$1/Makefile"
}

@test "a module builds there, by the older gcc, and the kernel loads it; sign-file signs it" {
	module /var/tmp/older
	run in_root "$root" make -C "/usr/src/kernels/$kverrel2" M=/var/tmp/older modules
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"warning: the compiler differs"* ]]
	# That one says so, and there is no other.
	[ "$(grep -ci 'warning' <<<"$output")" -eq 1 ]
	in_root "$root" rpm -V kernel-kvm-devel
	[[ $(modinfo -F vermagic "$root/var/tmp/older/older.ko") == "$kverrel2 "* ]]

	# shellcheck disable=SC2016  # the root's own
	in_root "$root" sh -ec 'cd /var/tmp/older
		openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=t/ -keyout key -out cert 2>/dev/null
		cp older.ko signed.ko
		"/usr/src/kernels/$1/scripts/sign-file" sha512 key cert signed.ko' sh "$kverrel2"
	[ "$(modinfo -F signer "$root/var/tmp/older/signed.ko")" = t ]

	cd "$BATS_TEST_TMPDIR" || return
	rpm2cpio "${packages2[1]}" | cpio -idm --quiet "./lib/modules/$kverrel2/vmlinuz"
	run "$tools/machine/boot" svm --kernel "lib/modules/$kverrel2/vmlinuz" --deadline 120 \
		--file "$root/var/tmp/older/older.ko:/older.ko" -- sh -c \
		'insmod /older.ko && rmmod older && dmesg | grep "older: "'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ older:\ [1-9][0-9]+,\ -14 ]]
}

@test "a module keeps what hardens it where the compiler is the kernel's" {
	[[ $(sed -n 's/^CONFIG_CC_VERSION_TEXT="\(.*\)"/\1/p' "$root/usr/src/kernels/$kverrel2/.config") == "$(gcc --version | head -n 1)" ]] ||
		skip "this machine's gcc is not the one that built the kernel"
	module /var/tmp/same
	run make -C "$root/usr/src/kernels/$kverrel2" M="$root/var/tmp/same" modules
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *arning* ]]
	grep -h ftrivial-auto-var-init "$root/var/tmp/same/.main.o.cmd" || ! grep -q CONFIG_INIT_STACK_ALL_ZERO=y "$root/usr/src/kernels/$kverrel2/.config"
	run grep other-compiler "$root/var/tmp/same/.main.o.cmd"
	[ "$status" -eq 1 ]
}
