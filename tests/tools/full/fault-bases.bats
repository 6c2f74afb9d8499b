#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/faults on the real trees of this machine.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../../..")
}

@test "every fault has a text for every kernel source here that has what it breaks" {
	cd "$BATS_TEST_TMPDIR" || exit
	trees=(/usr/src/linux-source-*.tar.*)
	[ -e "${trees[0]}" ] || skip "no /usr/src/linux-source-*.tar.* here (apt: linux-source-6.1)"
	for src in "${trees[@]}"; do
		rm -rf src
		mkdir src
		tar -C src --strip-components=1 --wildcards --no-wildcards-match-slash \
			-xf "$src" '*/Makefile' '*/arch/x86/kvm' '*/virt/kvm'
		version=$(awk -F ' *= *' '/^(VERSION|PATCHLEVEL) *=/ { v = v sep $2; sep = "." } END { print v }' src/Makefile)
		run "$top/tests/faults/run" --list --tree src
		[ "$status" -eq 0 ]
		echo "$src: ${lines[-1]}"
		[[ ${lines[-1]} =~ ^([0-9]+)\ of\ ([0-9]+)\ faults\ fit ]]
		((BASH_REMATCH[1] > 0))
		while read -r why; do
			echo "$why"
			since=${why##*since } since=${since%)}
			[[ $why == *"(KVM has what it breaks since "* && $since != "$version" ]]
			[ "$(printf '%s\n' "$since" "$version" | sort -V | tail -n 1)" = "$since" ]
		done < <(grep 'does not fit' <<< "$output")
	done
}
