#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What a base's %prep cannot reach, and that it ends.
# shellcheck disable=SC2030,SC2031,SC2119  # bats' run sets status and output

bats_require_minimum_version 1.5.0

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	base_srpm=$top/tools/spec/base-srpm
	fixtures=$BATS_TEST_DIRNAME/fixtures/base-srpm
	cd "$BATS_TEST_TMPDIR" || exit
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
	# shellcheck source=tests/tools/fixtures/base-srpm/layouts.bash
	. "$fixtures/layouts.bash"
}

needs_namespaces() {
	unshare -mnpf --mount-proc true 2>/dev/null || unshare -rmnpf --mount-proc true 2>/dev/null || skip "no namespaces here"
}

# running MARK: a process that has MARK among its arguments.
running() {
	grep -qsF -- "$1" /proc/[0-9]*/cmdline
}

@test "%prep and the spec's macros write nowhere but in their _topdir, and see no network" {
	needs_namespaces
	local try
	for try in "touch $PWD/escaped" "touch /dev/shm/escaped.$$" "mount -o remount,rw / && touch /escaped.$$" "umount -l $PWD" "echo 1 > /proc/sys/kernel/acct"; do
		plain_srpm "%patch1 -p1
if $try; then exit 7; fi"
		rm -rf out out.base
		"$base_srpm" tree "$srpm" out --allow-unsigned || { echo "$try"; return 1; }
		[ ! -e escaped ]
		[ ! -e "/dev/shm/escaped.$$" ]
	done
	# shellcheck disable=SC2016  # for %prep's shell
	plain_srpm '%patch1 -p1
test "$(grep -c : /proc/net/dev)" = "$(grep -c lo: /proc/net/dev)"
touch $TMPDIR/mine $HOME/mine'
	sed -i "1s|^|%global ran %(touch $PWD/escaped; echo y)\n|" S/kernel.spec
	build_srpm
	rm -rf out out.base escaped
	"$base_srpm" tree "$srpm" out --allow-unsigned
	[ ! -e escaped ]
	plain_srpm "echo x > $PWD/escaped"
	rm -rf out out.base
	fails_with "writes outside of its _topdir" "$base_srpm" tree "$srpm" out --allow-unsigned
}

@test "a daemon that %prep leaves ends with it" {
	needs_namespaces
	plain_srpm "%patch1 -p1
setsid sh -c 'trap \"\" HUP TERM INT; exec -a daemon-$BASHPID-of-prep sleep 600' > /dev/null 2>&1 < /dev/null &"
	"$base_srpm" tree "$srpm" out --allow-unsigned
	run ! running "daemon-$BASHPID-of-prep"
}

@test "the deadline ends a shell that traps everything, and its children" {
	plain_srpm "trap '' TERM INT HUP QUIT PIPE USR1 USR2 ALRM
(trap '' TERM INT HUP; : deadline-child-$$; while :; do sleep 1; done) &
while :; do sleep 1 || :; done # deadline-test-$$"
	fails_with "its %prep did not end within 2 s" "$base_srpm" tree "$srpm" out --allow-unsigned --deadline 2
	run ! running "$PWD/base-srpm"
}

@test "where there are no namespaces, that is said once, and the deadline holds" {
	mkdir bin
	printf '#!/bin/sh\necho "unshare: Operation not permitted" >&2\nexit 1\n' > bin/unshare
	chmod +x bin/unshare
	plain_srpm
	PATH=$PWD/bin:$PATH "$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1
	[ "$(grep -c 'no namespaces to be had here' log)" -eq 1 ]
	rm -rf out out.base
	# What is called by an absolute path is seen in the spec and in its scripts.
	sources_of debian
	patch_of 2.patch init/main.c 5
	printf '#!/bin/sh -e\nif test -x /usr/bin/patch; then /usr/bin/patch -p1 -s -i "$1"; fi\n' > S/apply
	chmod +x S/apply
	debian_spec '%{SOURCE2} %{PATCH1} && /usr/bin/git apply %{PATCH2}'
	sed -i 's/^Patch1:.*/&\nPatch2: 2.patch\nSource2: apply/' S/kernel.spec
	build_srpm
	PATH=$PWD/bin:$PATH "$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1
	[ "$(jq -c '[.patches[].file]' out.base/info.json)" = '["1.patch","2.patch"]' ] || { cat log; return 1; }
	rm -rf out out.base
	plain_srpm "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & while :; do sleep 1 || :; done"
	PATH=$PWD/bin:$PATH fails_with "did not end within 2 s" "$base_srpm" tree "$srpm" out --allow-unsigned --deadline 2
	run ! running "$PWD/base-srpm"
}
