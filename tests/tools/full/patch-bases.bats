#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The series of patches/ on the real trees of this machine.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../../..")
	ls /usr/src/linux-source-*.tar.* >/dev/null 2>&1 || skip "no /usr/src/linux-source-*.tar.* here (tools/build-deps --install)"
}

@test "the series applies to every base at hand" {
	rm -rf "$top/build/cache/patch-bases"
	run "$top/tools/spec/patch" check
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *CONFLICT* ]]
}

@test "the patches are checkpatch --strict clean" {
	src=$(printf '%s\n' /usr/src/linux-source-*.tar.* | sort -V | tail -n 1)
	name=${src##*/}
	name=${name%%.tar*}
	cd "$BATS_TEST_TMPDIR" || exit
	tar --occurrence=1 -xf "$src" "$name/scripts/checkpatch.pl" "$name/scripts/spelling.txt" "$name/scripts/const_structs.checkpatch"
	for p in "$top"/patches/*.patch; do
		run perl "$name/scripts/checkpatch.pl" --strict --no-tree "$p"
		echo "$output"
		[[ $output == *"total: 0 errors, 0 warnings, 0 checks"* ]]
	done
}
