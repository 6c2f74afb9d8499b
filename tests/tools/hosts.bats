#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/hosts/root and tests/run hosts: roots of other build hosts, with stand-ins
# for debootstrap and for what runs inside.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir -p bin co/tests
	cp -r "$top"/tests/{hosts,run,count-tap} co/tests/
	cp -r "$top/tools" co/
	git -C co init -q
	printf 'build/\n' > co/.gitignore
	root=$PWD/co/tests/hosts/root
	PATH=$PWD/bin:$PATH
	# What a root is made of here: its suite's name.
	# shellcheck disable=SC2016  # the script's own
	program bin/debootstrap 'echo "$*" >> '"$PWD"'/asked
while [[ $1 == --* ]]; do shift; done
mkdir -p "$2"/{etc/{apt/apt.conf.d,dpkg/dpkg.cfg.d},bin,var/tmp}
echo "$1" > "$2/etc/suite"
touch "$2/bin/sh"'
	program co/tools/machine/install-root :
}

program() {
	printf '#!/bin/bash\n%s\n' "$2" > "$1"
	chmod +x "$1"
}

need_root() {
	((EUID == 0)) || skip "roots need root"
}

@test "list: the suites of the file, without this machine's own" {
	local own
	own=$(. /etc/os-release && echo "${VERSION_CODENAME:-none}")
	printf '# a comment\n\n%s\nother rolling fast\n' "$own" > co/tests/hosts/suites
	[[ $(cat /etc/debian_version 2>/dev/null) == */sid ]] || [ "$("$root" list)" = other ]
	run "$root" list
	[[ $output != *"#"* && $output == *other* ]]
}

@test "kept while the list of packages is the same, made again for another" {
	need_root
	run "$root" make stretch
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "$PWD/co/build/cache/hosts/stretch" ]
	[ "$(cat co/build/cache/hosts/stretch/etc/suite)" = stretch ]
	"$root" make stretch
	[ "$(wc -l < asked)" -eq 1 ]
	echo 'more  more  check' >> co/tools/build-deps.map
	"$root" make stretch
	[ "$(wc -l < asked)" -eq 2 ]
	[ "$("$root" make stretch --fast)" = "$PWD/co/build/cache/hosts/stretch-fast" ]
	[ "$(wc -l < asked)" -eq 3 ]
}

@test "a half-made root is thrown away, wherever the work stopped" {
	need_root
	mkdir -p co/build/cache/hosts/{stretch,stretch.new}/left
	"$root" make stretch
	[ ! -e co/build/cache/hosts/stretch/left ]
	[ ! -e co/build/cache/hosts/stretch.new ]
}

@test "the copy of the checkout: its changes are in it, build/ and the last copy's leftovers are not" {
	need_root
	local copy=co/build/cache/hosts/stretch/var/tmp/kernel-kvm
	echo new > co/uncommitted
	"$root" make stretch
	[ "$(cat "$copy/uncommitted")" = new ]
	[ ! -e "$copy/build" ]
	touch "$copy/leftover"
	rm co/uncommitted
	"$root" make stretch
	[ ! -e "$copy/uncommitted" ]
	[ ! -e "$copy/leftover" ]
}

@test "an archive that does not answer, packages that do not install: 3, with the reason; our own fault is 1" {
	need_root
	cp bin/debootstrap good
	program bin/debootstrap 'echo "E: Invalid Release file"; exit 1'
	run "$root" make stretch
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"debootstrap of stretch from "*" failed"*"E: Invalid Release file"* ]]
	cp good bin/debootstrap
	# shellcheck disable=SC2016  # the script's own
	program co/tools/machine/install-root '[[ $* != *" apt-get update "* ]] || { echo "E: The repository is not there"; exit 100; }'
	run "$root" make stretch
	[ "$status" -eq 3 ]
	[[ $output == *"apt-get update in the root of stretch failed"*"E: The repository is not there"* ]]
	# shellcheck disable=SC2016  # the script's own
	program co/tools/machine/install-root '[[ $* != *build-deps* ]] || { echo "E: Unable to correct problems"; echo "build-deps: error: apt could not install: bats"; exit 1; }'
	run "$root" make stretch
	[ "$status" -eq 3 ]
	[[ $output == *"could not install: bats"* ]]
	# shellcheck disable=SC2016  # the script's own
	program co/tools/machine/install-root '[[ $* != *build-deps* ]] || { echo "build-deps: error: map:3: expected three fields"; exit 1; }'
	run "$root" make stretch
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"map:3: expected three fields"* ]]
	[ ! -e co/build/cache/hosts/stretch ]
}

@test "tests/run hosts: a broken rolling suite is a skip that says why, any other a failure" {
	printf 'sid rolling\nstretch\n' > co/tests/hosts/suites
	# shellcheck disable=SC2016  # the script's own
	program co/tests/hosts/root '[[ $1 != list ]] || { printf "sid\nstretch\n"; exit; }
echo "root: error: debootstrap of $2 failed" >&2
exit 3'
	run co/tests/run hosts
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"skipped: the root of sid # SKIP debootstrap of sid failed"* ]]
	[[ $output == *"debootstrap of stretch failed"*"not ok 1 the root of stretch"* ]]
	[ "${lines[-1]}" = "0 passed, 1 failed, 1 skipped" ]
	run co/tests/run hosts sid
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "0 passed, 0 failed, 1 skipped" ]
	run co/tests/run hosts stretch/spec
	[ "${lines[-1]}" = "0 passed, 1 failed, 0 skipped" ]
}

@test "tests/run: a bats that is too old is rejected before anything runs" {
	program bin/bats 'echo Bats 1.2.1'
	run co/tests/run fast
	[ "$status" -eq 1 ]
	[[ $output == *"bats 1.5 or later is needed; this host has: Bats 1.2.1"* ]]
	[ ! -e co/build ]
}

@test "root: wrong usage is 2 and says where help is; --help" {
	local args
	for args in '' 'list all' 'make' 'make ../x' 'make sid --slow' 'run' 'run /tmp'; do
		# shellcheck disable=SC2086  # words
		run "$root" $args
		echo "$args: $status: $output"
		[ "$status" -eq 2 ]
		[[ $output == *--help* ]]
	done
	run "$root" run /tmp true
	[ "$status" -eq 1 ]
	[[ $output == *"no root with a copy of the checkout"* ]]
	run "$root" --help
	[[ $output == "root - "* ]]
}
