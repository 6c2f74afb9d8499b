# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154 # the tests read what is set here
# helpers.bash - functions that the end-to-end tests share. The tests need root and
# built RPMs:
#   KERNEL_KVM_RPMS   the directory of the build, or a file that names its
#                     packages (default build/rpms.list)
#   KERNEL_KVM_KVERREL  which build there, if not the newest
#   KERNEL_KVM_RPMS2  the same for a second build, of another uname -r, for
#                     the tests of two kernels side by side
# If KERNEL_KVM_RPMS is in the environment, as in make check, missing RPMs are a
# failure. Otherwise, in a run by hand, the tests are skipped.

tools=$BATS_TEST_DIRNAME/../../tools

# build_in VAR_SUFFIX FROM [KVERREL]: set rpmsX (the directory), kverrelX and
# packagesX of the build that FROM names.
build_in() {
	local -n _dir=rpms$1 _kverrel=kverrel$1 _packages=packages$1
	mapfile -t _packages < <("$tools/machine/verify.d/pick" "${@:2}")
	((${#_packages[@]} == 5))
	_kverrel=${_packages[0]}
	_packages=("${_packages[@]:1}")
	_dir=${_packages[0]%/*}
}

# have_rpms: succeed if there are RPMs; for setup_file, which cannot skip.
have_rpms() {
	[[ -n ${KERNEL_KVM_RPMS:-} || -e $tools/../build/rpms.list ]]
}

# find_rpms: set rpms, kverrel and packages.
find_rpms() {
	local from=${KERNEL_KVM_RPMS:-$tools/../build/rpms.list}
	have_rpms || skip "no RPMs ($from); make rpm first"
	build_in '' "$from" ${KERNEL_KVM_KVERREL:+"$KERNEL_KVM_KVERREL"}
}

# find_rpms2: the same for the second build, in rpms2, kverrel2, packages2.
find_rpms2() {
	if [[ -z ${KERNEL_KVM_RPMS:-} && -z ${KERNEL_KVM_RPMS2:-} ]]; then
		skip "no second build; set KERNEL_KVM_RPMS2"
	fi
	build_in 2 "${KERNEL_KVM_RPMS2:?the directory of a second build}"
	[[ $kverrel2 != "$kverrel" ]]
}

# in_root ROOT COMMAND...: run it there; the builds are /rpms1 and /rpms2.
in_root() {
	local root=$1 binds=(--bind "$rpms:/rpms1")
	shift
	[[ -z ${rpms2:-} ]] || binds+=(--bind "$rpms2:/rpms2")
	"$tools/machine/install-root" run "$root" --deadline "${in_root_deadline:-300}" \
		${boot_size:+--boot-size "$boot_size"} "${binds[@]}" -- "$@"
}

# dnf_install ROOT, dnf_install2 ROOT: install the first, the second build.
dnf_install() {
	in_root "$1" dnf -y install "${packages[@]/#*\//\/rpms1/}"
}
dnf_install2() {
	in_root "$1" dnf -y install "${packages2[@]/#*\//\/rpms2/}"
}

# copy_root FROM TO: copy only the files that packages and scriptlets modify in place,
# and link the others. That writes a twentieth of the data, for which rpm's fsync waits.
copy_root() {
	local part
	cp -al -- "$1" "$2"
	for part in boot etc var root usr/lib/modules usr/share/kernel-kvm; do
		[[ -d $1/$part ]] || continue
		rm -rf -- "${2:?}/$part"
		cp -a --reflink=auto -- "$1/$part" "$2/$part"
	done
}

# power_off ROOT: kill all processes in the root at once, like a power failure. Where the
# tests run in a chroot themselves, the kernel names the whole path.
power_off() {
	local root=$1 proc
	for proc in /proc/[0-9]*; do
		[[ $(readlink "$proc/root") != *"$root" ]] || kill -KILL "${proc##*/}" || :
	done
}

# version_of CORE_RPM: version-release.arch of a build, from its file's name.
version_of() {
	local name=${1##*/kernel-kvm-core-}
	echo "${name%.rpm}"
}

# is_installed ROOT KVERREL: files, modules, initramfs, entry and rpm -V.
is_installed() {
	"$tools/machine/verify.d/installed" "$1" "$2"
}

# traces ROOT KVERREL: print all files of that kernel that are left in the root.
traces() {
	find "$1/boot" "$1/lib/modules" "$1/usr/lib/modules" "$1/usr/src" \
		"$1/usr/share/kernel-kvm" "$1/var/lib/rpm-state" "$1/etc" \
		-name "*$2*" 2>/dev/null || :
}

# default_entry ROOT: print the entry that the boot loader boots.
default_entry() {
	sed -n 's/^saved_entry=//p' "$1/boot/grub2/grubenv"
}

# verify_once BACKEND: run tools/machine/verify on the first build, once for all tests of
# a file. Its results stay in build/verify (KERNEL_KVM_VERIFY_OUT).
verify_once() {
	local status=0
	find_rpms
	export out=${KERNEL_KVM_VERIFY_OUT:-$tools/../build/verify}
	mkdir -p "$out"
	"$tools/machine/verify" --rpms "$rpms" --kverrel "$kverrel" --out "$out" --backend "$1" \
		>"$out/$1.verdict" 2>"$out/$1.progress" || status=$?
	echo "$status" >"$BATS_FILE_TMPDIR/status"
}

verify_passed() {
	cat "$out/$1.progress" "$out/$1.verdict"
	[ "$(cat "$BATS_FILE_TMPDIR/status")" -eq 0 ]
	grep -q "^verify: $kverrel passed, in " "$out/$1.verdict"
	grep -qE "^  $1: passed: [0-9]+ checks passed" "$out/$1.verdict"
	# The config has everything that the checks need, except for a type of VM which,
	# according to its Kconfig help text, is for KVM developers only, Xen's interface
	# (configs/kvm-host.config says why), and live patches (FRAGMENTS=livepatch).
	run grep -a '# SKIP.*CONFIG_' "$out/$1.tap"
	if ((${#lines[@]})); then
		run grep -vE 'CONFIG_KVM_(SW_PROTECTED_VM|XEN)\b|CONFIG_LIVEPATCH\b' <<< "$output"
	fi
	echo "$output"
	[ "$status" -eq 1 ]
}

# console_shows BACKEND MODULE: verify that the console shows the kernel, MODULE and a guest
console_shows() {
	tr -d '\r' <"$out/$1.log" >"$BATS_TEST_TMPDIR/log"
	grep -q "Linux version $kverrel " "$BATS_TEST_TMPDIR/log"
	grep -q "kvm-verify: running $kverrel\$" "$BATS_TEST_TMPDIR/log"
	grep -q "kvm-verify: loaded $2\$" "$BATS_TEST_TMPDIR/log"
	grep -q '^guest: ok 1 init' "$BATS_TEST_TMPDIR/log"
}

# trial_root ROOT: install both builds, enable kernel-kvm-selftest, and break the second
# build's KVM: its kvm-amd.ko is moved to /var/tmp.
trial_root() {
	dnf_install "$1" >install.log 2>&1
	dnf_install2 "$1" >>install.log 2>&1
	in_root "$1" systemctl enable kernel-kvm-selftest
	# Enough to recognize a KVM that runs guests; verify runs all checks.
	echo 'KVM_SELFTEST_ARGS=--only host/modules,vm/device,flat/long-mode --timeout-scale 4' \
		>"$1/etc/sysconfig/kernel-kvm-selftest"
	mv "$1/lib/modules/$kverrel2/kernel/arch/x86/kvm/kvm-amd.ko" "$1/var/tmp/"
	in_root "$1" depmod "$kverrel2"
}

# need_ovmf: set ovmf to the UEFI firmware for QEMU, or skip the test.
need_ovmf() {
	for ovmf in /usr/share/{ovmf/OVMF,edk2/ovmf/OVMF,OVMF/OVMF}.fd; do [[ ! -f $ovmf ]] || break; done
	[[ -f $ovmf ]] || skip "no OVMF here (apt: ovmf, dnf: edk2-ovmf)"
}
