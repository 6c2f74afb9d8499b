#!/usr/bin/env bats
# tests/faults on the real trees of this machine.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../../..")
}

@test "every fault has a text for every kernel source of this host" {
	cd "$BATS_TEST_TMPDIR" || exit
	trees=(/usr/src/linux-source-*.tar.*)
	[ -e "${trees[0]}" ] || skip "no /usr/src/linux-source-*.tar.* here (apt: linux-source-6.1)"
	for src in "${trees[@]}"; do
		rm -rf src
		mkdir src
		tar -C src --strip-components=1 --wildcards -xf "$src" '*/arch/x86/kvm' '*/virt/kvm'
		run "$top/tests/faults/run" --list --tree src
		[ "$status" -eq 0 ]
		[[ $output =~ ([0-9]+)\ of\ ([0-9]+)\ faults\ fit ]]
		echo "$src: ${BASH_REMATCH[0]}"
		grep 'does not fit' <<< "$output" || :
		[ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[2]}" ]
	done
}
