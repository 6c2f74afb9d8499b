#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# make rpm DISTCC_HOSTS=...: tools/rpm spreads the miniature kernel of
# tests/spec/mini, grown by some dozens of C files, over distccds on loopback.

parts=32

setup_file() {
	command -v distccd >/dev/null || return 0
	local top
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_FILE_TMPDIR" || exit
	mkdir -p mini/{arch/x86/include/asm,include/uapi/linux,scripts,parts,LICENSES/preferred,LICENSES/exceptions} ours co/SOURCES
	{
		printf 'VERSION = 5\nPATCHLEVEL = 14\nSUBLEVEL = 0\nEXTRAVERSION =\n'
		grep -v '^-include' "$top/tests/spec/mini/Makefile"
		# As kbuild has it: from the build directory, with paths relative to it.
		cat <<-'END'
			bzImage: $(patsubst %.c,$(O)/%.o,$(wildcard parts/*.c))
			$(O)/parts/%.o: parts/%.c ; mkdir -p $(@D) && cd $(O) && $(CC) -O2 -g $(KCFLAGS) -fdebug-prefix-map=$(CURDIR)=/src -Wp,-MMD,parts/$*.d -I../include -c -o parts/$*.o ../parts/$*.c
		END
	} > mini/Makefile
	printf 'const char modinfo[] __attribute__((section(".modinfo"), used)) = "srcversion=ABC";\nint demo_add(int a) { return a + 1; }\n' > mini/demo.c
	printf 'static inline const char *where(void) { return __FILE__; }\n' > mini/include/part.h
	local i n
	for ((i = 0; i < parts; i++)); do
		echo '#include <part.h>'
		for ((n = 0; n < 4; n++)); do
			echo "int f${i}_$n(int *p, int n) { int s = $n; for (int i = 0; i < n; i++) s += p[i] * $i + p[i + 1] / ($n + 3) - where()[i % 4]; return s; }"
		done
	done | awk -v per=5 '{ print > sprintf("mini/parts/p%02d.c", int((NR - 1) / per)) }'
	touch mini/COPYING mini/LICENSES/preferred/GPL-2.0 mini/LICENSES/exceptions/Linux-syscall-note mini/arch/x86/Kconfig
	cp -r "$top/tools" "$top/vmm" "$top/configs" ours/
	local t
	for t in base-srpm patch kconfig; do
		cp "$top/tests/spec/mini/stubs" "ours/tools/spec/$t"
	done
	cp "$top/tests/spec/base.inc" "$top/SOURCES/macros.inc" "$top"/patches/*.patch co/SOURCES/
	touch co/SOURCES/kernel-5.14.0-362.24.1.el9_3.src.rpm
	tar -C ours -czf co/SOURCES/kernel-kvm-tools.tar.gz tools/spec vmm configs
	cp -r "$top/tools" "$top/kernel-kvm.spec" co/
	setup
	rpm_of --define 'x plain' > plain.log 2>&1 || { tail -n 30 co/build/rpmbuild.log; return 1; }
	objects > plain
}

setup() {
	command -v distccd >/dev/null || skip "distccd is not here: tools/build-deps --for check --install"
	cd "$BATS_FILE_TMPDIR" || exit
	# HOME: a plain rpmbuild's _topdir, by which the spec knows a checkout.
	export HOME=$PWD MINI=$PWD/mini KERNEL_KVM_NEED_MIB=1 CCACHE_DIR=${BATS_TEST_TMPDIR:-$PWD}/ccache
	groups=()
}

teardown() {
	local g
	for g in "${groups[@]}"; do
		kill -KILL -- "-$g" 2>/dev/null || :
	done
}

# daemon NAME [VARIABLE=VALUE]: a distccd on a free port of loopback, in a process
# group of its own; its port is in $port, the group in $group, the log in NAME/log.
daemon() {
	local dir=$BATS_TEST_TMPDIR/$1 tries as=()
	mkdir -p "$dir"
	if ((EUID == 0)); then
		# Not as root: and it must reach its directory.
		as=(--user nobody)
		chmod 1777 "$dir"
		chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$BATS_TEST_TMPDIR"
	fi
	for ((tries = 0; tries < 20; tries++)); do
		port=$((20000 + RANDOM % 12000))
		env TMPDIR="$dir" "${@:2}" setsid distccd --no-detach --daemon --listen 127.0.0.1 --port "$port" --allow 127.0.0.1 \
			--jobs 4 "${as[@]}" --log-file "$dir/log" > "$dir/out" 2>&1 3>&- &
		disown
		group=$!
		# It listens, or it has ended (the port is another's).
		while kill -0 "$group" 2>/dev/null; do
			if (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
				groups+=("$group")
				return 0
			fi
			sleep 0.05
		done
	done
	cat "$dir/out" "$dir/log"
	return 1
}

# kill_daemon NAME: the last daemon, NAME, when it has done five compilations,
# with what it is compiling then. To be run beside the build.
kill_daemon() {
	local tries n
	for ((tries = 0; tries < 3000; tries++)); do
		n=$(grep -c COMPILE_OK "$BATS_TEST_TMPDIR/$1/log" || :)
		if ((n >= 5)); then
			kill -KILL -- "-$group"
			return
		fi
		sleep 0.02
	done
}

# closed: a port of loopback on which nothing listens, in $port.
closed() {
	port=$((20000 + RANDOM % 12000))
	while (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		port=$((port + 1))
	done
}

# rpm_of OPTION...: tools/rpm in the checkout, from nothing. (--without by its
# macro: tools/rpm would look the names up in the base SRPM.)
rpm_of() {
	rm -rf co/build
	co/tools/rpm "$@" --nodeps --define '_without_selftest 1' --define '_without_devel 1' --define '_without_fips 1'
}

# spread HOSTS: a build over HOSTS, which must succeed; $output has its messages.
spread() {
	run rpm_of --distcc "$1"
	[ "$status" -eq 0 ] || { echo "$output"; tail -n 20 co/build/distcc/log co/build/rpmbuild.log; false; }
}

# objects: every object and RPM of the build, by digest.
objects() {
	(cd co/build && find BUILD -path '*/obj/*' -name '*.o' -exec sha256sum {} + | sed 's!BUILD/.*/obj/!!' | sort -k 2)
	# (The name of the digest's tag is another in rpm 6.)
	rpm -qp --nosignature --qf "%{NAME} %{$(grep -xE 'PAYLOADSHA256|PAYLOADDIGEST' <(rpm --querytags))}\n" co/build/RPMS/x86_64/*.rpm
}

# on HOST: how many compilations the report counts for HOST.
on() {
	awk -v h="$1" '$2 == "on" && $3 == h { print $1 }' <<< "$output"
}
# here: and how many here because no host answered.
here() {
	awk '/ here, because no host answered/ { print $1 }' <<< "$output"
}

@test "two hosts: both compile, every object and RPM is the same bytes; ccache stays in front" {
	daemon a
	a=127.0.0.1:$port/2
	daemon b
	b=127.0.0.1:$port/2
	spread "$a $b"
	echo "$output"
	(($(on "$a") >= 5 && $(on "$b") >= 5 && $(on "$a") + $(on "$b") >= parts && $(here) == 0))
	grep -q -- '-j4 .*bzImage' co/build/rpmbuild.log
	[ "$(wc -l < plain)" -gt "$parts" ]
	objects | diff plain -
	# Nothing left for the hosts to do.
	spread "$a $b"
	echo "$output"
	(($(on "$a") + $(on "$b") + $(here) == 0))
	objects | diff plain -
}

@test "a host that is killed in the middle: the other one and this machine go on" {
	daemon a
	a=127.0.0.1:$port/2
	daemon b
	b=127.0.0.1:$port/2
	kill_daemon b 3>&- &
	spread "$a $b"
	wait $!
	echo "$output"
	(($(on "$b") >= 4 && $(on "$b") < parts / 2 && $(on "$a") > parts / 2))
	objects | diff plain -
}

@test "the only host killed in the middle: the rest is compiled here, and counted" {
	daemon a
	a=127.0.0.1:$port/3
	kill_daemon a 3>&- &
	spread "$a"
	wait $!
	echo "$output"
	(($(here) > parts / 2))
	objects | diff plain -
}

@test "no host answers: said at once, and all is compiled here" {
	closed
	spread "127.0.0.1:$port/4"
	[[ $output == *"127.0.0.1:$port/4: left out"*"Connection refused"* ]]
	[[ $output == *"none of the hosts can be used"* ]]
	[ ! -e co/build/distcc ]
	objects | diff plain -
}

@test "a host with another compiler, and one that is not there, are left out by name" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	# shellcheck disable=SC2016  # the script's own
	printf '#!/bin/sh\nexec gcc -O1 -fno-builtin "$@" -O0\n' > "$BATS_TEST_TMPDIR/bin/gcc"
	chmod +x "$BATS_TEST_TMPDIR/bin/gcc"
	echo "$BATS_TEST_TMPDIR/bin/gcc" > "$BATS_TEST_TMPDIR/commands"
	daemon other DISTCC_CMDLIST="$BATS_TEST_TMPDIR/commands"
	other=127.0.0.1:$port
	daemon good
	good=127.0.0.1:$port/3
	closed
	run co/tools/distcc-hosts hosts "$other" "127.0.0.1:$port" "$good" localhost/2
	[ "$status" -eq 0 ]
	echo "$output"
	[ "${lines[-1]}" = "$good localhost/2" ]
	[[ $output == *"$other: left out: its compiler makes other bytes"*"here: GCC: "* ]]
	[[ $output == *"127.0.0.1:$port: left out: it compiled nothing"* ]]
}

@test "a host that distcc would take for something else is rejected" {
	local h
	for h in 'a,cpp' 'a/0' '+zeroconf' '--randomize' 'a;reboot' 'u@h:22' '@'; do
		run co/tools/rpm --distcc "b/2 $h"
		[ "$status" -eq 2 ]
		[[ $output == *"DISTCC_HOSTS: "*"$h"* ]]
	done
	co/tools/distcc-hosts check a a/4 a.b-c:3632/12,lzo user@a/2 @a localhost localhost/2
}

@test "no distcc: the packages to install are named" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	local c
	for c in bash env dirname realpath; do
		ln -s "$(command -v "$c")" "$BATS_TEST_TMPDIR/bin/"
	done
	PATH=$BATS_TEST_TMPDIR/bin run co/tools/rpm --distcc a/4
	[ "$status" -eq 1 ]
	[[ $output == *"distcc: command not found"*"distcc-server"* ]]
}
