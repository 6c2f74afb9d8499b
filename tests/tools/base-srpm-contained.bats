#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What a base's %prep cannot reach, and that it ends.
# shellcheck disable=SC2030,SC2031,SC2119,SC2154  # bats' run sets status and output

bats_require_minimum_version 1.5.0

load fixtures/base-srpm/setup

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

@test "%prep sees no disk of the host, no kernel memory, no socket in /run" {
	needs_namespaces
	plain_srpm '%patch1 -p1
find /dev -type b -o -type c > devices
echo x > /dev/null
head -c 1 /dev/urandom > /dev/stdout
ls -A /run | grep -vx mount > run || :'
	"$base_srpm" tree "$srpm" out --allow-unsigned
	run ! grep -vE '^/dev/(null|zero|full|random|urandom|tty)$' out/devices
	[ -z "$(cat out/run)" ]
}

@test "an ordinary user's %prep is shut in, too" {
	local open user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	[ "$(id -u)" -eq 0 ] || skip "the other tests show it"
	"${user[@]}" unshare -rmnpf --mount-proc true 2>/dev/null || skip "no namespaces for an ordinary user here"
	open=$(mktemp -d /tmp/base-srpm-user.XXXXXX)
	chmod 777 "$open"
	plain_srpm "%patch1 -p1
echo x > /dev/null
if touch $open/escaped; then exit 7; fi"
	cp -r "$top/tools/spec" "$srpm" "$open/"
	run "${user[@]}" env -C "$open" HOME="$open" TMPDIR="$open" "$open/spec/base-srpm" tree "$open/${srpm##*/}" "$open/out" --allow-unsigned
	cmp "$open/out/kernel/fork.c" work/kernel/fork.c || { echo "$output"; status=1; }
	rm -rf "$open"
	[ "$status" -eq 0 ]
	[[ $output != *"no namespaces"* ]]
}

@test "a link in the tree leads no deletion out of it" {
	mkdir -p mine/config mine/generated mine/include/generated
	plain_srpm "%patch1 -p1
rm -rf include arch/x86/include .git
ln -s $PWD/mine include
mkdir -p arch/x86; ln -s $PWD/mine/include arch/x86/include
ln -s $PWD/mine .git"
	"$base_srpm" tree "$srpm" out --allow-unsigned
	[ -d mine/config ]
	[ -d mine/generated ]
	[ -d mine/include/generated ]
	[ -L out/include ]
	[ ! -e out/.git ]
}

@test "what %prep leaves beside files, folders and links is refused, not waited for" {
	local what
	while IFS= read -r what; do
		plain_srpm "%patch1 -p1
$what"
		fails_with "its %prep" "$base_srpm" tree "$srpm" out --allow-unsigned || { echo "$what"; return 1; }
		[[ $output == *refused* ]] || { echo "$what: $output"; return 1; }
	done <<-'END'
		mkfifo kernel/pipe
		rm init/main.c; mkfifo init/main.c
		truncate -s 3T kernel/big
		cp /bin/true kernel/true; chmod 4755 kernel/true
		rm -f %{_topdir}/calls/00000/effects; mkfifo %{_topdir}/calls/00000/effects
		ln -s /dev/zero %{_topdir}/calls/00000/input.1
		mv %{_topdir}/calls %{_topdir}/kept; ln -s kept %{_topdir}/calls
	END
	# Its own sources and what is not the tree are its own affair.
	plain_srpm '%patch1 -p1
rm %{PATCH1}; mkfifo %{PATCH1}; rm -f %{_specdir}/*; mkfifo %{_tmppath}/x'
	"$base_srpm" tree "$srpm" out --allow-unsigned
	cmp out/kernel/fork.c work/kernel/fork.c
}

@test "killed is not the deadline" {
	# shellcheck disable=SC2016  # for %prep's shell
	plain_srpm 'kill -KILL $PPID'
	fails_with "killed (signal 9)" "$base_srpm" tree "$srpm" out --allow-unsigned
	[[ $output != *"did not end within"* ]]
}

@test "the deadline ends a spec whose macros never end" {
	local verb
	sources_of debian
	debian_spec
	# Not where the test makes the package.
	sed -i '1s|^|%global ran %(test ! -d %{_topdir}/calls \|\| while :; do sleep 1 \|\| :; done)\n|' S/kernel.spec
	build_srpm
	for verb in "inspect" "doctor" "tree out"; do
		# shellcheck disable=SC2086  # verb and its argument
		fails_with "rpm did not read it to the end within 1 s" "$base_srpm" ${verb%% *} "$srpm" ${verb#"${verb%% *}"} --allow-unsigned --deadline 1
	done
	run ! running "$PWD/base-srpm"
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
	# shellcheck disable=SC2016  # the script's own
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
