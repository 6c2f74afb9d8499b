#!/usr/bin/env bats
# shellcheck disable=SC2154 # rpms, kverrel, packages are the helpers'
# tools/verify on the built packages, on both back ends; what it leaves is what
# a person looks at, so it stays: build/verify (or KERNEL_KVM_VERIFY_OUT).

load helpers

setup_file() {
	local status=0
	have_rpms || return 0
	find_rpms
	export out=${KERNEL_KVM_VERIFY_OUT:-$BATS_TEST_DIRNAME/../../build/verify}
	mkdir -p "$out"
	"$tools/verify" --rpms "$rpms" --kverrel "$kverrel" --out "$out" \
		>"$out/verdict" 2>"$out/progress" || status=$?
	echo "$status" >"$BATS_FILE_TMPDIR/status"
}

setup() {
	find_rpms
	cat "$out/progress" "$out/verdict"
}

@test "verify passes on both back ends, verdict last" {
	[ "$(cat "$BATS_FILE_TMPDIR/status")" -eq 0 ]
	grep -q "^verify: $kverrel passed, in " "$out/verdict"
	grep -qE '^  svm: passed: [0-9]+ checks passed' "$out/verdict"
	grep -qE '^  vmx: passed: [0-9]+ checks passed' "$out/verdict"
}

@test "the consoles show the kernel, its KVM module, and a Linux guest's init" {
	local backend module
	for backend in svm:amd vmx:intel; do
		module=kvm_${backend#*:} backend=${backend%:*}
		tr -d '\r' <"$out/$backend.log" >"$BATS_TEST_TMPDIR/log"
		grep -q "Linux version $kverrel " "$BATS_TEST_TMPDIR/log"
		grep -q "kvm-verify: running $kverrel\$" "$BATS_TEST_TMPDIR/log"
		grep -q "kvm-verify: loaded $module\$" "$BATS_TEST_TMPDIR/log"
		grep -q '^guest: ok 1 init' "$BATS_TEST_TMPDIR/log"
	done
}

@test "a build whose kvm-selftest fails, fails" {
	local copy=$BATS_TEST_TMPDIR/rpms
	mkdir "$copy"
	ln -s "${packages[@]}" "$copy/"
	# The same packages on a machine that is killed before they are done.
	run "$tools/verify" --rpms "$copy" --out "$BATS_TEST_TMPDIR/out" \
		--backend svm --deadline 5
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"verify: $kverrel FAILED"* ]]
	[[ $output == *"the deadline passed before kvm-selftest ended"* ]]
	[[ $output == *"no plan"* ]]
}

@test "a package that is not there, or is cut short, is named" {
	local copy=$BATS_TEST_TMPDIR/rpms
	mkdir "$copy"
	cp "${packages[@]}" "$copy/"
	truncate -s 100000 "$copy/${packages[2]##*/}"
	run "$tools/verify" --rpms "$copy" --out "$BATS_TEST_TMPDIR/out" --backend svm
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"dnf install failed"* ]]
	rm "$copy/${packages[2]##*/}"
	run "$tools/verify" --rpms "$copy" --out "$BATS_TEST_TMPDIR/out" --backend svm
	[ "$status" -eq 1 ]
	[[ $output == *"${packages[2]##*/}: not there"* ]]
}

@test "scriptlets that fail while dnf says Complete: found by the files" {
	local root=$BATS_TEST_TMPDIR/root
	"$tools/install-root" make "$root"
	printf '%s\n' '#!/bin/sh' 'exit 1' >"$root/usr/lib/kernel/install.d/50-dracut.install"
	run dnf_install "$root"
	[[ $output == *Complete* ]]
	run is_installed "$root" "$kverrel"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"/boot/initramfs-$kverrel.img: not there"* ]]
	rm -rf -- "$root"
}
