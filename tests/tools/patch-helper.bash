# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the bats files of tools/spec/patch: a small kernel tree with a history, and a
# series on it.

setup() {
	# shellcheck disable=SC2034  # the tests use it
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	patch=$top/tools/spec/patch
	cd "$BATS_TEST_TMPDIR" || exit
	export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_CEILING_DIRECTORIES=$PWD
	git config --global user.name Carrier
	git config --global user.email carrier@example.invalid
	git config --global init.defaultBranch main
	git config --global commit.gpgsign false
	tree 6 1 192
	mkdir patches
	printf 'Name: kernel-kvm\n# the first\nPatch40000:     40000-one.patch\n\n%%prep\n' > spec
}

# tree V P S: a kernel tree of that version in tree/, in repo/ with its history.
tree() {
	mkdir -p repo/arch/x86/kvm repo/virt/kvm
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' "$1" "$2" "$3" > repo/Makefile
	seq -f 'int line_%g;' 60 > repo/arch/x86/kvm/x86.c
	seq -f 'int main_%g;' 30 > repo/virt/kvm/kvm_main.c
	(cd repo && git init -q && git add -A && git commit -qm base && git tag base)
	rm -rf tree
	mkdir tree
	git -C repo archive base | tar -xf - -C tree
}

# commit SUBJECT SED-EXPRESSION [FILE]: change a file in repo/ and commit it.
commit() {
	local trailers=${trailers-$'Kernel: any\nProbe: none\nUpstream: no, a test'}
	sed -i "$2" "repo/${3:-arch/x86/kvm/x86.c}"
	git -C repo add -A
	git -C repo commit -qm "$1" -m "Because." -m "$trailers"
}

# export_as NAME: the last commit as patches/NAME.
export_as() {
	git -C repo format-patch -q -1 --stdout --no-signature > "patches/$1"
}

# one_patch NAME SUBJECT SED-EXPRESSION [FILE]: a patch against the base alone.
one_patch() {
	commit "${@:2}"
	export_as "$1"
	git -C repo reset -q --hard base
}

apply() {
	run "$patch" apply --tree tree --out series.json "$@"
}

untouched() {
	diff -r <(git -C repo archive base | tar -xf - --to-stdout) <(cd tree && tar -cf - Makefile arch virt | tar -xf - --to-stdout)
	[ ! -e series.json ]
}
