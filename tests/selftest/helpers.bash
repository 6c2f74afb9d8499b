# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # bats sets status and output; the tests use the rest
# helpers.bash - kvm-selftest under test: built, called with a deadline, judged.

load ../hang

setup_file() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	make -s -C "$top/vmm" all > "$BATS_FILE_TMPDIR/make.log" 2>&1 || { tail -20 "$BATS_FILE_TMPDIR/make.log"; return 1; }
	export st=$top/build/vmm/kvm-selftest guest=$top/build/vmm/guest
	export SHARE=$top/tests/selftest
	# A guest that runs, or why not: /dev/kvm may be there and run none.
	if out=$(timeout "$HANG" "$st" --guest-dir "$guest" --only flat/mode-switch 2>&1); then
		export KVM_WHY=
	else
		KVM_WHY="no guest runs here: $(head -n 3 <<< "$out" | tail -n 1)"
		export KVM_WHY
	fi
}

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
}

needs_guest() {
	[ -z "$KVM_WHY" ] || skip "$KVM_WHY"
}

# st ARGS: the program under a deadline, stdout and stderr together.
st() {
	run timeout "$HANG" "$st" --guest-dir "$guest" "$@"
}

# expect STATUS TEXT...: the last run ended so and said so.
expect() {
	local want=$1 text
	shift
	[ "$status" -eq "$want" ] || { echo "exit $status, expected $want"; echo "$output"; return 1; }
	for text; do
		[[ $output == *"$text"* ]] || { echo "missing: $text"; echo "$output"; return 1; }
	done
}
