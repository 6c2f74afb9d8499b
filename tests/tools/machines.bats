#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# make rpm on machines as they are: odd paths, full disks, little memory, a build that
# already runs, another build's variables. What stands in the way is said before the work
# begins, by name; everything else builds. The kernel is the miniature of tests/spec/mini,
# and the base SRPM a stub.

# shellcheck disable=SC2154  # top and spec are the helper's
load ../spec/mini-helper

setup_file() {
	mini_tree
	mkdir co
	(cd "$top" && git ls-files -co --exclude-standard -z | grep -zv '^tests/' | tar --null -T - -cf -) | tar -C co -xf -
	local t
	for t in base-srpm patch kconfig; do cp "$spec/mini/stubs" "co/tools/spec/$t"; done
	# shellcheck disable=SC2016  # the stub's own
	printf '#!/usr/bin/env bash\n. "${0%%/*}/spec/lib.sh"\n' > co/tools/build-deps
	git -C co init -q
	cp "$spec/base.inc" base.inc
	touch base.src.rpm
	# As Kbuild is: what the environment says is taken.
	# shellcheck disable=SC2016  # make's own
	sed -i 's/^bzImage:/&\n\tenv | sort > $(MINI_ENV)\n\t$(CROSS_COMPILE)ld --version > \/dev\/null\n\ttest $(ARCH) = x86_64/' "$MINI/Makefile"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	export HOME=$PWD/home MINI=$BATS_FILE_TMPDIR/linux MINI_BASE_INC=$BATS_FILE_TMPDIR/base.inc MINI_ENV=$PWD/environment KERNEL_KVM_NEED_MIB=1 CCACHE_DIR=$PWD/ccache
	mkdir home
}

# checkout DIR: a fresh one.
checkout() {
	rm -rf -- "$1"
	mkdir -p -- "$1"
	cp -r "$BATS_FILE_TMPDIR/co/." "$1"
}

# make_rpm DIR [ARGUMENT]...: make rpm there; without what the miniature need not show.
make_rpm() {
	make --no-print-directory -C "$1" rpm SRPM="$BATS_FILE_TMPDIR/base.src.rpm" WITHOUT="selftest devel guestkernel" DEFINE=--nodeps "${@:2}"
}

# refused TEXT: the last run was refused with TEXT, before anything was filled or built.
refused() {
	[[ $status -ne 0 && $output == *"error: "*"$1"* && $output != *"SOURCES/ is ready"* && $output != *"[1/4]"* ]] ||
		{ echo "expected a refusal with: $1"; echo "status $status: $output"; return 1; }
}

@test "a path that rpm, make or Kbuild would take apart is refused at once, with the character" {
	local d
	# shellcheck disable=SC2016  # a dollar
	for d in 'a b' $'a\tb' $'a\nb' 'a%{b}' "a'b" 'a"b' 'a\b' 'a$b' 'a:b' 'a#b' 'a;b' 'a&b' 'a(b)' 'a[b]' 'a*b' 'a`b' 'a<b' 'a|b' 'a!b'; do
		checkout "$d"
		run make_rpm "$d"
		refused "$(printf %q "$PWD/$d"): " || { echo "path: $d"; false; }
		[[ $output == *"letters, digits"* ]]
		rm -rf -- "$d"
	done
	# The disk that README names for a big build is looked at, too.
	checkout co
	run make_rpm co DEFINE="--nodeps --define '_topdir $PWD/b c'"
	refused "$PWD/b\\ c"
	# And so do the programs of vmm/, and plain rpmbuild.
	checkout 'a b'
	run make -C 'a b/vmm' all
	[[ $status -ne 0 && $output == *"a blank in "*"move the checkout"* ]]
	cp "$MINI_BASE_INC" 'a b/SOURCES/base.inc'
	cd 'a b'
	run rpmbuild -bp --nodeps kernel-kvm.spec
	[ "$status" -ne 0 ]
	[[ $output == *"a b: "*"letters, digits"* ]]
}

@test "another odd path builds, and so does a checkout behind a link with a blank" {
	checkout 'a@b+c=d,e~f-ü'
	ln -s 'a@b+c=d,e~f-ü' 'a link'
	make_rpm 'a link'
	[ "$(grep -c . 'a link/build/rpms.list')" -eq 3 ]
}

# disks ROW...: NAME|MOUNTS|ARGUMENTS|TEXT each: make rpm beside these mounts is refused with
# TEXT. MOUNTS are DIRECTORY=OPTIONS of small file systems.
@test "every disk that will be written is looked at: blocks, inodes, what it can do" {
	local as=(unshare --mount) name mounts args text
	((EUID == 0)) || as=(unshare --map-root-user --mount)
	"${as[@]}" mount -t tmpfs none "$HOME" || skip "no mount namespace here"
	export KERNEL_KVM_NEED_MIB=40
	while IFS='|' read -r name mounts args text; do
		checkout co
		mkdir -p other tmp co/build/cache
		# shellcheck disable=SC2016  # the inner shell's
		run "${as[@]}" bash -euc 'for m in $1; do mount -t tmpfs -o "${m#*=}" none "${m%%=*}"; done; shift; "$@"' - "$mounts" \
			env TMPDIR="$PWD/tmp" bash -c "$(declare -f make_rpm); make_rpm co $args"
		refused "$text" || { echo "row: $name"; false; }
	done <<-END
		topdir, blocks|co/build=size=9m||$PWD/co/build: no space for a lean kernel build: 40 MiB needed
		topdir, inodes|co/build=size=99m,nr_inodes=300||$PWD/co/build: no inodes for a lean kernel build: 800 inodes needed
		topdir elsewhere, blocks|other=size=9m|DEFINE="--nodeps --define '_topdir $PWD/other'"|$PWD/other: no space for a lean kernel build: 40 MiB needed
		cache, blocks|co/build/cache=size=9m||$PWD/co/build/cache/tree: no space for
		cache, inodes|co/build/cache=size=99m,nr_inodes=300||$PWD/co/build/cache/tree: no inodes for
		temporary files, blocks|tmp=size=1m||$PWD/tmp: no space for
		temporary files, inodes|tmp=size=99m,nr_inodes=9||$PWD/tmp: no inodes for
		rpm's temporary files|other=size=1m|DEFINE="--nodeps --define '_tmppath $PWD/other'"|$PWD/other: no space for
		read only|co/build=size=99m,ro||$PWD/co/build: cannot be written
		nothing may run there|co/build=size=99m,noexec||$PWD/co/build: a program there does not run
	END
}

@test "memory, limits, TMPDIR and the compiler are looked at" {
	local fake=$PWD/fake
	checkout co
	mkdir fake
	TMPDIR=$PWD/nowhere run make_rpm co
	refused "$PWD/nowhere: no such directory"
	run bash -c "$(declare -f make_rpm); ulimit -f 1000; make_rpm co"
	refused "ulimit -f is"
	run bash -c "$(declare -f make_rpm); ulimit -v 2000000; make_rpm co"
	refused "ulimit -v is"
	printf '#!/bin/sh\necho "cannot execute cc1: No such file" >&2\nexit 1\n' > fake/gcc
	chmod +x fake/gcc
	PATH=$fake:$PATH run make_rpm co
	refused "gcc makes no x86_64 program that runs here: cannot execute cc1"
	# Two things are said in one go.
	TMPDIR=$PWD/nowhere PATH=$fake:$PATH run make_rpm co
	refused "gcc makes no"
	refused "nowhere: no such directory"
	local as=(unshare --mount)
	((EUID == 0)) || as=(unshare --map-root-user --mount)
	printf 'MemTotal: 9 kB\nMemAvailable: 300000 kB\nSwapFree: 1000 kB\n' > meminfo
	"${as[@]}" mount --bind meminfo /proc/meminfo || skip "no mount namespace here: memory was not tried"
	# shellcheck disable=SC2016  # the inner shell's
	KERNEL_KVM_NEED_MIB=6300 run "${as[@]}" bash -c "$(declare -f make_rpm)"'; mount --bind meminfo /proc/meminfo; make_rpm co'
	refused "no memory for a lean kernel build: 1000 MiB needed, 293 MiB free"
	# Enough, but not for a compiler on each processor.
	(($(nproc) > 1)) || return 0
	# shellcheck disable=SC2016  # the inner shell's
	run "${as[@]}" bash -c "$(declare -f make_rpm)"'; mount --bind meminfo /proc/meminfo; make_rpm co'
	[[ $status -eq 0 && $output == *"rpm: jobs: 1, as there is memory for no more"* ]]
	grep -q ' -j1 .*bzImage' co/build/rpmbuild.log
}

@test "BUILDID must begin with a dot and fit into a release" {
	local id
	checkout co
	for id in kvm2 2 .a-b '.a b' .a/b .; do
		run make_rpm co BUILDID="$id"
		refused "buildid '$id'" || { echo "$id"; false; }
		[[ $output == *".NAME"* ]]
	done
	cd "$BATS_FILE_TMPDIR"
	run rpmspec -q --define "_sourcedir $BATS_FILE_TMPDIR/src" --define 'buildid kvm2' "$top/kernel-kvm.spec"
	[[ $status -ne 0 && $output == *"buildid 'kvm2'"* ]]
}

@test "one run at a time fills SOURCES/ and builds; the second says for whom it waits" {
	checkout co
	mkfifo go
	# The first stands in %build until the second waits.
	sed -i "s|^bzImage:|&\n\tcat $PWD/go|" "$MINI/Makefile"
	make_rpm co > first 2>&1 3>&- &
	local first=$!
	timeout 60 bash -c 'until grep -q "2/4. %build" first; do sleep 0.1; done' || { cat first; false; }
	make_rpm co BUILDID=.two > second 2>&1 3>&- &
	local second=$!
	timeout 60 bash -c 'until grep -q "waits for" second; do sleep 0.1; done' || { cat second; false; }
	grep "waits for make rpm (process [0-9]*, since .*)" second
	run make --no-print-directory -C co clean
	[[ $status -ne 0 && $output == *"make rpm (process "* ]]
	run bash -c 'cd co && rpmbuild -bp --nodeps kernel-kvm.spec'
	[[ $status -ne 0 && $output == *"error: make rpm (process "*"uses build/: wait for it"* ]]
	sed -i "/cat .*go$/d" "$MINI/Makefile"
	echo > go
	wait "$first" || { cat first; false; }
	wait "$second" || { cat second; false; }
	grep -q '\.kvm\.x86_64' first
	grep -q '\.two\.x86_64' second
	run grep -E '\.two\.' first
	[ "$status" -eq 1 ]
	make --no-print-directory -C co clean
	[ ! -e co/build ]
}

@test "what the shell exports for other builds does not reach this one, and is named" {
	checkout co
	touch benv
	local vars=(ARCH=arm64 SUBARCH=arm CROSS_COMPILE=nowhere- KBUILD_OUTPUT=/nowhere KBUILD_CFLAGS=-bad KBUILD_VERBOSE=9 KCFLAGS=-nothing KAFLAGS=-nothing
		KCPPFLAGS=-nothing HOSTCFLAGS=-nothing HOSTLDFLAGS=-nothing LOCALVERSION=-x KCONFIG_CONFIG=/nowhere KCONFIG_ALLCONFIG=/nowhere LLVM=1
		INSTALL_MOD_PATH=/nowhere INSTALL_PATH=/nowhere INSTALL_MOD_STRIP=1 CONFIG_KVM=n EXTRA_CFLAGS=-nothing)
	local quiet=(LD_PRELOAD=/nowhere.so CDPATH="$PWD:/" GREP_OPTIONS=--color=always GREP_COLOR=1 POSIXLY_CORRECT=1 TAR_OPTIONS=--nowhere GZIP=-nothing
		XZ_OPT=--nothing XZ_DEFAULTS=--nothing GIT_DIR=/nowhere GIT_WORK_TREE=/nowhere GIT_INDEX_FILE=/nowhere ENV=/nowhere)
	env "${vars[@]}" "${quiet[@]}" BASH_ENV="$PWD/benv" bash -c "$(declare -f make_rpm); make_rpm co CONFIG=full -j77" > log 2>&1 || { tail -n 30 log; false; }
	local v
	for v in "${vars[@]}" "${quiet[@]}" "BASH_ENV=$PWD/benv"; do
		! grep -xF -- "$v" environment || { echo "$v reached the build"; false; }
	done
	grep 'rpm: .*not passed on.*ARCH .*CROSS_COMPILE' log
	# And not the build of a plain rpmbuild.
	mv environment environment.make
	(cd co && env "${vars[@]}" rpmbuild -bb --nodeps --without selftest --without devel --without guestkernel kernel-kvm.spec > ../plain.log 2>&1) ||
		{ tail -n 20 plain.log; false; }
	for v in "${vars[@]}"; do
		! grep -xF -- "$v" environment || { echo "$v reached the build of rpmbuild"; false; }
	done
	mv environment.make environment
	run grep -E '^(MAKEFLAGS|MFLAGS)=.*(CONFIG=full|-j77)' environment
	[ "$status" -eq 1 ]
}

@test "umask 077, a dumb terminal, no HOME and no terminal: the same packages" {
	checkout co
	make_rpm co > log 2>&1
	sha256sum co/build/RPMS/x86_64/*.rpm > want
	checkout co
	(umask 077 && unset HOME CCACHE_DIR && TERM=dumb LANG=de_DE.UTF-8 TZ=Asia/Kathmandu make_rpm co > log2 2>&1 < /dev/null) || { tail -n 20 log2; false; }
	sha256sum -c want
	# Nobody's user in a container: no name, no home.
	checkout co
	(unset CCACHE_DIR && HOME=$PWD/log/none make_rpm co > log4 2>&1) || { tail -n 20 log4; false; }
	sha256sum -c want
	! command -v ccache > /dev/null || grep 'cannot be written: the compiler.s cache is build/ccache' log4
	run grep -c $'[\e\r]' log2
	[ "$output" = 0 ]
	# On a terminal, the progress is one line that changes; on a dumb one, lines.
	checkout co
	SHELL=$(command -v bash) TERM=dumb script -qefc "$(declare -f make_rpm); make_rpm co" log3 < /dev/null > /dev/null
	grep -q '4/4. packages' log3
	run grep -c $'\e' log3
	[ "$output" = 0 ]
}

@test "make clean removes nothing if some of it belongs to another user" {
	((EUID == 0)) || skip "needs root, to have files of two users"
	checkout co
	mkdir -p co/build/{ours,theirs}
	touch co/build/{ours,theirs}/file
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$BATS_TEST_TMPDIR"
	chown -R 61234 co
	chown root co/build/theirs
	run setpriv --reuid=61234 --clear-groups make --no-print-directory -C co clean
	echo "$output"
	[[ $status -ne 0 && $output == *"nothing was removed: build/theirs belongs to root"*"run make clean as that user"* && -e co/build/ours/file ]]
	chown 61234 co/build/theirs
	setpriv --reuid=61234 --clear-groups make --no-print-directory -C co clean
	[ ! -e co/build ]
}

@test "a build that stops says what came first, where, and what to do" {
	checkout co
	# shellcheck disable=SC2016  # make's own
	sed -i 's/^modules:/&\n\t@echo "CC arch\/x86\/kvm\/x86.o"; $(CC) -c -o \/dev\/null arch\/x86\/kvm\/x86.c/' "$MINI/Makefile"
	mkdir -p "$MINI/arch/x86/kvm"
	echo 'int f(void) { return missing; }' > "$MINI/arch/x86/kvm/x86.c"
	run make_rpm co
	sed -i '/kvm\/x86.c$/d' "$MINI/Makefile"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"rpmbuild failed (exit "*"%build, phase kernel, line "*"arch/x86/kvm/x86.c:1:"*"error: "*missing*" changes arch/x86/kvm/x86.c: mend the patch"*"the whole log: build/rpmbuild.log"* ]]
}
