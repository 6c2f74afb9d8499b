#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Live patches on a kernel with five faults: built by make rpm and make livepatch, installed
# by dnf beside a Linux guest and a flat guest that run all the time, on an AMD processor
# (QEMU) and an Intel one (Bochs). Needs root, and a kernel whose tree has klp-build:
# LIVEPATCH_BASE=FILE.deb names its linux-source package; otherwise apt-get downloads the
# newest, if it is 7.2 or later. The kernel, its live patches and an installed root are kept
# under build/cache/livepatch-lab; the first run takes an hour on two processors.
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output

# shellcheck source=tests/long/livepatch.bash
. "$BATS_TEST_DIRNAME/livepatch.bash"

find_base() {
	local newest
	base=${LIVEPATCH_BASE:-}
	[[ -z $base ]] || return 0
	mkdir -p "$lab/deb"
	base=$(find "$lab/deb" -name 'linux-source-*.deb' | sort -V | tail -n 1)
	[[ -z $base ]] || return 0
	newest=$(apt-cache pkgnames linux-source- 2> /dev/null | sed -nE 's/^linux-source-([0-9.]+)$/\1/p' | sort -V | tail -n 1)
	[[ -n $newest && $(printf '%s\n' 7.2 "$newest" | sort -V | head -n 1) == 7.2 ]] || return 1
	(cd "$lab/deb" && apt-get download "linux-source-$newest") && base=$(echo "$lab"/deb/*.deb)
}

# lab_key: what the kernel and its live patches follow from.
lab_key() {
	{
		sha256sum < "$base"
		cd "$top" && cat patches/*.patch configs/*.config kernel-kvm.spec tests/long/livepatch.bash tools/livepatch tools/livepatch.d/*
		find tools/spec -type f -print0 | sort -z | xargs -0 cat
	} | sha256sum | cut -c1-16
}

make_lab() {
	rm -rf "$lab/rpms" "$lab/times" "$lab/root"
	make_checkout &&
		took kernel make -C "$checkout" rpm BASE="$base" FRAGMENTS=livepatch &&
		took cold make_live 1 1 &&
		took warm make_live 2 2 &&
		make_live 3 3 && make_live 4 4 && make_live 5 5 && make_live 6 6 && make_live 12 1 2 &&
		make_root
}

setup_file() {
	((EUID == 0)) && find_base || return 0
	mkdir -p "$lab"
	if [[ $(cat "$lab/key" 2> /dev/null) != "$(lab_key)" ]]; then
		rm -f "$lab/key"
		make_lab > "$lab/make.log" 2>&1 || { tail -n 30 "$lab/make.log"; return 1; }
		lab_key > "$lab/key"
	fi
	# What an older run saw does not count.
	rm -f "$lab"/{svm,vmx}.said
}

setup() {
	((EUID == 0)) || skip "needs root (chroot, mounts)"
	find_base || skip "no kernel with klp-build at hand: LIVEPATCH_BASE=FILE.deb names one (linux-source-7.2 or later)"
}

# all_ok FILE: each line of the scenario's is ok, and there are at least N.
all_ok() {
	cat "$1"
	[[ $(grep -c '^ok ' "$1") -ge $2 && $(grep -c '^not ok ' "$1") -eq 0 ]]
}

@test "the first live patch takes less than another kernel's build twice, the second less than half" {
	cat "$lab/times"
	awk '{ t[$1] = $2 } END { exit !(t["cold"] < 2 * t["kernel"] && t["warm"] < t["kernel"] / 2) }' "$lab/times"
}

@test "SVM: four faults red, green and red again; replaced, stuck, no space; the guests run on" {
	svm "$(svm_plan)"
	all_ok "$lab/svm.said" 50
}

@test "SVM: what was installed before a boot is loaded by its unit" {
	svm "$(boot_plan)" 1.rpm
	all_ok "$lab/svm.said" 10
}

@test "VMX: a fault of kvm-intel red, green and red again; the guests run on" {
	vmx "$(vmx_plan)"
	all_ok "$lab/vmx.said" 10
}
