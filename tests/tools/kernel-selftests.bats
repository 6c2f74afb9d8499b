#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kernel-selftests on a miniature of a kernel tree; the real one is packaged by
# make check.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	mini=$top/tests/spec/mini
	tool=$top/tools/spec/kernel-selftests
	cd "$BATS_TEST_TMPDIR" || exit
	tree tree
}

# tree NAME: a kernel tree with one selftest, in NAME.
tree() {
	local dir=$1/tools/testing/selftests/kvm
	mkdir -p "$dir/x86_64" "$1/include/uapi/linux"
	cp "$mini/Makefile" "$1/"
	cp "$mini/selftests.mk" "$dir/Makefile"
	echo '#define KVM 1' > "$1/include/uapi/linux/kvm.h"
	printf '#include <stdio.h>\n#include <linux/kvm.h>\nint main(void) { puts(__FILE__); return !KVM; }\n' > "$dir/x86_64/demo_test.c"
	printf '#!/bin/sh\nexit 4\n' > "$dir/x86_64/demo.sh"
	chmod +x "$dir/x86_64/demo.sh"
}

# more_tests NAME...: more programs that the tree's Makefile names.
more_tests() {
	printf 'TEST_GEN_PROGS_EXTENDED := %s\n' "$*" >> tree/tools/testing/selftests/kvm/Makefile
	# all: was read before.
	printf 'all: %s\n' "$*" >> tree/tools/testing/selftests/kvm/Makefile
}

@test "programs and scripts, side by side, against the tree's own headers" {
	"$tool" --tree tree --out out -- -j2
	[ "$(cd out && echo *)" = "demo.sh demo_test" ]
	[ "$(out/demo_test)" = x86_64/demo_test.c ]
	run readelf -WS out/demo_test
	[[ $output != *.debug_info* && $output != *.symtab* ]]
	# Nothing is left in the tree but the one directory.
	[ "$(cd tree && echo *)" = "Makefile include obj-selftests tools" ]
	[ "$(find tree/tools -type f | wc -l)" -eq 3 ]
}

@test "the same bytes in another directory" {
	mkdir -p elsewhere/and/deeper
	tree elsewhere/and/deeper/tree
	"$tool" --tree tree --out a
	"$tool" --tree elsewhere/and/deeper/tree --out b
	diff -r a b
}

# shellcheck disable=SC2016  # make's own
@test "a test that does not compile is named and left out" {
	more_tests '$(OUTPUT)/x86_64/broken_test'
	echo 'int main(void) { return no_such_name; }' > tree/tools/testing/selftests/kvm/x86_64/broken_test.c
	run "$tool" --tree tree --out out
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"'no_such_name' undeclared"* || $output == *"‘no_such_name’ undeclared"* ]]
	[[ $output == *"warning: 1 of 3 KVM selftests"*": broken_test"* ]]
	[ "$(cd out && echo *)" = "demo.sh demo_test" ]
}

@test "not one that compiles: an error" {
	rm tree/tools/testing/selftests/kvm/x86_64/demo.sh
	echo 'int main(void) { return no_such_name; }' > tree/tools/testing/selftests/kvm/x86_64/demo_test.c
	run "$tool" --tree tree --out out
	[ "$status" -eq 1 ]
	[[ $output == *"none of its programs was made"* ]]
}

@test "a tree without KVM selftests, headers that do not install, no tree: said so" {
	run "$tool" --tree . --out out
	[ "$status" -eq 1 ]
	[[ $output == *"./Makefile: not found"* ]]
	rm tree/include/uapi/linux/kvm.h
	run "$tool" --tree tree --out out
	[ "$status" -eq 1 ]
	[[ $output == *"headers_install failed"* ]]
	rm -r tree/tools
	run "$tool" --tree tree --out out
	[ "$status" -eq 1 ]
	[[ $output == *"selftests/kvm/Makefile: not found"*"without --with selftests"* ]]
}
