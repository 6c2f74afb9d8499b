#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/count-tap, whose figures make tests/run's closing line.

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	count=$(realpath "$BATS_TEST_DIRNAME/../count-tap")
}

@test "passed, failed and skipped, also as cmocka 1.1.5 says it" {
	printf '1..5\nok 1 a\nnot ok 2 b\n# why\nok 3 c # SKIP no KVM\nnot ok 4 # SKIP d\nok 5 e # skip\n' > log
	[ "$("$count" log)" = "1 1 3" ]
}

@test "a test that the plan announced and that did not run has failed" {
	printf '1..3\nok 1 a\n' > log
	[ "$("$count" log)" = "1 2 0" ]
}

@test "without a plan, without a test, without a file" {
	printf 'ok 1 a\nnoise\nok 2 b\n' > log
	[ "$("$count" log)" = "2 0 0" ]
	: > empty
	[ "$("$count" empty)" = "0 0 0" ]
	run "$count" none
	[ "$status" -ne 0 ]
	[[ $output == *"none: No such file"* ]]
}
