# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the bats files of debian-base and upstream-base: a small kernel's tree, and what
# Debian's packages of it look like.
# shellcheck disable=SC2034  # the tests use what is set here

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	tools=$top/tools
	cd "${BATS_TEST_TMPDIR:?bats 1.4 or later is needed}" || exit
	export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_CEILING_DIRECTORIES=$PWD
	tree linux-8.1
}

# tree DIR [EXTRAVERSION]: a kernel 8.1.0 of a few files.
tree() {
	mkdir -p "$1"/arch/x86/kvm "$1"/init "$1"/kernel "$1"/scripts
	printf '# SPDX\nVERSION = 8\nPATCHLEVEL = 1\nSUBLEVEL = 0\nEXTRAVERSION =%s\nNAME = Little\n' "${2:+ $2}" > "$1/Makefile"
	echo 'mainmenu "Linux"' > "$1/Kconfig"
	echo 'int kvm;' > "$1/arch/x86/kvm/x86.c"
	# What the patch of debian-base.d changes, as kernels have it.
	sed -n '/^@@/,$p' "$top"/tools/debian-base.d/0001-*.patch | sed -n 's/^[ -]//p' > "$1/init/Kconfig"
	ln -sf ../arch/x86/kvm/x86.c "$1/kernel/x.c"
	find "$1" -exec touch -h -d '2026-10-11 12:00 UTC' {} +
}

# deb NAME VERSION ROOT [FIELD...]: ROOT as the package file NAME_VERSION_all.deb
# in debs/.
deb() {
	mkdir -p "$3/DEBIAN" debs
	printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A <a@b.invalid>\nDescription: d\n' "$1" "$2" > "$3/DEBIAN/control"
	dpkg-deb -b --root-owner-group -Zxz -z1 "$3" "debs/${1}_${2}_all.deb" > /dev/null
}

# source_deb [VERSION]: linux-source-8.1, its path in $deb; and config_deb.
source_deb() {
	local v=${1:-8.1.3-1~bpo1+1}
	rm -rf s
	mkdir -p s/usr/src
	mv linux-8.1 linux-source-8.1
	tar -cJf s/usr/src/linux-source-8.1.tar.xz linux-source-8.1
	mv linux-source-8.1 linux-8.1
	touch -d '2026-10-12 13:00 UTC' s/usr/src/linux-source-8.1.tar.xz
	deb linux-source-8.1 "$v" s
	deb=debs/linux-source-8.1_${v}_all.deb
}
config_deb() {
	rm -rf c
	mkdir -p c/usr/src/linux-config-8.1
	echo 'CONFIG_KVM=m' | xz > c/usr/src/linux-config-8.1/config.amd64_none_amd64.xz
	deb linux-config-8.1 "${1:-8.1.3-1~bpo1+1}" c
}
