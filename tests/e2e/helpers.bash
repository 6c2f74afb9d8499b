# shellcheck shell=bash
# helpers.bash - what the end-to-end tests share. They need root and built
# RPMs:
#   KERNEL_KVM_RPMS   the directory of the build (default build/RPMS/x86_64)
#   KERNEL_KVM_KVERREL  which build there, if not the newest
#   KERNEL_KVM_RPMS2  a directory with a second build, of another uname -r, for
#                     the tests of two kernels side by side
# With KERNEL_KVM_RPMS in the environment (as make check has it) missing RPMs
# are a failure; otherwise, for a run by hand, the tests are skipped.

tools=$BATS_TEST_DIRNAME/../../tools

# find_rpms: set rpms, kverrel and packages from KERNEL_KVM_RPMS.
find_rpms() {
	rpms=${KERNEL_KVM_RPMS:-$BATS_TEST_DIRNAME/../../build/RPMS/x86_64}
	if [[ -z ${KERNEL_KVM_RPMS:-} ]] && ! compgen -G "$rpms/kernel-kvm-core-*.rpm" >/dev/null; then
		skip "no RPMs in $rpms; make rpm first"
	fi
	rpms=$(cd -- "$rpms" && pwd)
	mapfile -t packages < <("$tools/verify.d/pick" "$rpms" ${KERNEL_KVM_KVERREL:+"$KERNEL_KVM_KVERREL"})
	((${#packages[@]} == 5))
	kverrel=${packages[0]}
	packages=("${packages[@]:1}")
}

# find_rpms2: the same for the second build, in rpms2, kverrel2, packages2.
find_rpms2() {
	if [[ -z ${KERNEL_KVM_RPMS:-} && -z ${KERNEL_KVM_RPMS2:-} ]]; then
		skip "no second build; set KERNEL_KVM_RPMS2"
	fi
	rpms2=$(cd -- "${KERNEL_KVM_RPMS2:?the directory of a second build}" && pwd)
	mapfile -t packages2 < <("$tools/verify.d/pick" "$rpms2")
	((${#packages2[@]} == 5))
	kverrel2=${packages2[0]}
	packages2=("${packages2[@]:1}")
	[[ $kverrel2 != "$kverrel" ]]
}

# in_root ROOT COMMAND...: run it there; the builds are /rpms1 and /rpms2.
in_root() {
	local root=$1 binds=(--bind "$rpms:/rpms1")
	shift
	[[ -z ${rpms2:-} ]] || binds+=(--bind "$rpms2:/rpms2")
	"$tools/install-root" run "$root" --deadline "${in_root_deadline:-300}" \
		${boot_size:+--boot-size "$boot_size"} "${binds[@]}" -- "$@"
}

# dnf_install ROOT, dnf_install2 ROOT: install the first, the second build.
dnf_install() {
	in_root "$1" dnf -y install "${packages[@]/#*\//\/rpms1/}"
}
dnf_install2() {
	in_root "$1" dnf -y install "${packages2[@]/#*\//\/rpms2/}"
}

# copy_root FROM TO: what packages and scriptlets write in place is copied, the
# rest linked: a twentieth of the writing, which rpm's fsync would wait for.
copy_root() {
	local part
	cp -al -- "$1" "$2"
	for part in boot etc var root usr/lib/modules usr/share/kernel-kvm; do
		[[ -d $1/$part ]] || continue
		rm -rf -- "${2:?}/$part"
		cp -a --reflink=auto -- "$1/$part" "$2/$part"
	done
}

# power_off ROOT: kill all that runs in the root, at once, as a power cut does.
power_off() {
	local root=$1 proc
	for proc in /proc/[0-9]*; do
		[[ $(readlink "$proc/root") != "$root" ]] || kill -KILL "${proc##*/}" || :
	done
}

# version_of CORE_RPM: version-release.arch of a build, from its file's name.
version_of() {
	local name=${1##*/kernel-kvm-core-}
	echo "${name%.rpm}"
}

# is_installed ROOT KVERREL: files, modules, initramfs, entry and rpm -V.
is_installed() {
	"$tools/verify.d/installed" "$1" "$2"
}

# traces ROOT KVERREL: print whatever of that kernel is left in the root.
traces() {
	find "$1/boot" "$1/lib/modules" "$1/usr/lib/modules" "$1/usr/src" \
		"$1/usr/share/kernel-kvm" "$1/var/lib/rpm-state" "$1/etc" \
		-name "*$2*" 2>/dev/null || :
}

# default_entry ROOT: the entry that the boot loader boots.
default_entry() {
	sed -n 's/^saved_entry=//p' "$1/boot/grub2/grubenv"
}
