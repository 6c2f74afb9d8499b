#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kernel-kvm.spec as rpm parses it: names, switches, what a packager sees.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir -p src
	cp "$BATS_TEST_DIRNAME/base.inc" "$top/SOURCES/macros.inc" src/
}

# spec RPMSPEC-OPTION...: parse it under the pin above.
spec() {
	rpmspec --define "_sourcedir $PWD/src" --target x86_64 "$@" "$top/kernel-kvm.spec"
}

@test "version and release come from the base SRPM, with .kvm behind" {
	run spec -q --qf '%{nvra}\n'
	[ "${lines[0]}" = kernel-kvm-5.14.0-362.24.1.el9_3.kvm.x86_64 ]
}

@test "packages: meta, core, modules, devel, selftest" {
	run spec -q --qf '%{name} '
	[ "$output" = "kernel-kvm kernel-kvm-core kernel-kvm-modules kernel-kvm-devel kernel-kvm-selftest " ]
}

@test "buildid is what the command line says" {
	run spec -q --define 'buildid .acme1' --provides
	[[ $output == *"kernel-uname-r = 5.14.0-362.24.1.el9_3.acme1.x86_64"* ]]
	[[ $output != *.kvm* ]]
}

# switches: the names that the spec has of its own.
switches() {
	sed -n 's/^%bcond_with\(out\)\? *//p' "$top/kernel-kvm.spec"
}
# table: the names in the first column of the table of switches in docs/build.md.
table() {
	awk -F '|' '/^\| name \| default \|/ { on = 1 } on && /^$/ { exit }
		on { while (match($2, /`[a-z]+`/)) { print substr($2, RSTART + 1, RLENGTH - 2); $2 = substr($2, RSTART + RLENGTH) } }' "$top/docs/build.md"
}

# packages SWITCH...: those that are built, without the kernel-kvm- in front.
packages() {
	spec -q --builtrpms "$@" --qf '%{name} ' | sed 's/kernel-kvm-//g; s/ $//'
}

@test "the classic how-to's six switches make the kernel itself, and no debug variant" {
	[ "$(packages --with baseonly --without up --without debug --without debuginfo --without fips --without kabichk)" = \
		"kernel-kvm core modules devel selftest" ]
	run spec -P --with baseonly --without up --without fips
	[[ $output != *vmlinuz.hmac* ]]
}

@test "up, default, base, baseonly, dbgonly, debug: which kernels are made" {
	with="core modules devel" debug="debug-core debug-modules debug-devel"
	while IFS='|' read -r switches want; do
		# shellcheck disable=SC2086  # words
		got=$(packages $switches)
		[ "$got" = "$want" ] || { echo "$switches: $got, expected $want"; false; }
	done <<-END
		|kernel-kvm $with selftest
		--without debug|kernel-kvm $with selftest
		--with debug|kernel-kvm $with $debug selftest
		--with debug --without debug|kernel-kvm $with $debug selftest
		--with dbgonly|$debug selftest
		--with dbgonly --with debug|$debug selftest
		--with baseonly --with debug|kernel-kvm $with selftest
		--with baseonly --without default|kernel-kvm $with selftest
		--with release|kernel-kvm $with selftest
		--without up|selftest
		--without default|selftest
		--without base|selftest
		--without up --with debug|$debug selftest
		--without up --without selftest --with headers|headers
		--with debuginfo|kernel-kvm $with debuginfo selftest
		--with dbgonly --with debuginfo|$debug debug-debuginfo selftest
		--with headers --with doc --with tools|kernel-kvm $with headers doc tools selftest
		--with selftests|kernel-kvm $with selftests-internal selftest
		--without up --without selftest --with selftests|selftests-internal
	END
}

@test "every switch with and without, alone and with debug: the spec parses, every package has files" {
	for name in $(switches); do
		[ "$name" != perf ] || continue
		for how in "--with $name" "--without $name" "--with $name --with debug --with debuginfo"; do
			# shellcheck disable=SC2086  # words
			spec -P $how > out 2> err || { echo "$how"; cat err; false; }
			[ ! -s err ] || { echo "$how"; cat err; false; }
			diff <(sed -n 's/^%package //p' out | sort) <(sed -n 's/^%files \(.\)/\1/p' out | sort) || { echo "$how"; false; }
			run grep -nE '%\{|^%(if|endif|define)' out
			[ "$status" -eq 1 ] || { echo "$how: left unexpanded: $output"; false; }
		done
	done
}

@test "every package but the meta package carries its licence, and names it in SPDX's words" {
	all=(--with debug --with debuginfo --with headers --with doc --with tools --with selftests)
	spec -P "${all[@]}" | awk '/^%files ./ { p = $2 } /^%license / && p { print p }' | sort > has
	diff <(spec -q --builtrpms "${all[@]}" --qf '%{name}\n' | sed -n 's/^kernel-kvm-//p' | sort) has
	spec -q "${all[@]}" --qf '%{license}\n' | sort -u > licences
	run grep -vxE '\(?GPL-2.0-only( WITH Linux-syscall-note)?( AND \(GPL-2.0-only WITH Linux-syscall-note\))?' licences
	[ "$status" -eq 1 ]
}

@test "allow_no_patch reaches tools/spec/patch, and nothing else does" {
	run spec -P --define 'allow_no_patch 1'
	[[ $output == *"tools/spec/patch apply --allow-no-patch --tree"* ]]
	run spec -P
	[[ $output == *"tools/spec/patch apply --tree"* || $output == *"tools/spec/patch apply  --tree"* ]]
}

@test "switches that this spec does not implement are rejected by name, and so is baseonly with dbgonly" {
	for name in perf bpftool ipaclones realtime; do
		run spec -q --with "$name"
		[ "$status" -ne 0 ]
		[[ $output == *"--with $name: not made here"* ]]
		run spec -q --without "$name"
		[ "$status" -eq 0 ]
	done
	run spec -q --with baseonly --with dbgonly
	[ "$status" -ne 0 ]
	[[ $output == *"exclude each other"* ]]
}

@test "the documented table of switches names every one of the spec, and no other" {
	table | sort > there
	[ -s there ]
	diff <(switches | sort) there
}

@test "the debug variant: a uname -r of its own in every path, what it requires is its own" {
	spec -P --with debug --with debuginfo > out
	awk '/^%package/ { p = $2 } /^Requires:.*kernel-kvm/ { print p, $2 }' out > reqs
	grep -q '^debug-modules kernel-kvm-debug-core' reqs
	awk '/^%/ && !/^%(dir|license|ghost|attr)/ { p = $1 == "%files" ? $2 : "" } p ~ /^debug-/ && p != "debug-info" && /6|5\.14/' out > files
	[ -s files ]
	run grep -vF 'x86_64+debug' files
	[[ $output != *362.24.1* ]]
	spec -q --with debug --provides > provides
	grep -qxF 'kernel-uname-r = 5.14.0-362.24.1.el9_3.kvm.x86_64+debug' provides
	# Whoever installs a kernel does not get the slow one.
	[ "$(grep -cE '^kernel = ' provides)" -eq 1 ]
}

@test "debuginfo: the config has it, no object names the build directory" {
	spec -P --with debuginfo > out
	grep -q -- '--fragment configs/debuginfo.config' out
	grep -q -- '-fdebug-prefix-map=.*=/usr/src/debug/' out
	spec -P > out
	run grep -e debuginfo.config -e prefix-map out
	[ "$status" -eq 1 ]
}

@test "--without devel, --without selftest take their packages away" {
	run spec -q --without devel --without selftest --qf '%{name} '
	[ "$output" = "kernel-kvm kernel-kvm-core kernel-kvm-modules " ]
}

@test "installs beside others: installonly and uname-r, on core and modules" {
	run spec -q --provides
	[[ $output == *"kernel-uname-r = 5.14.0-362.24.1.el9_3.kvm.x86_64"* ]]
	[ "$(grep -c '^installonlypkg(kernel)$' <<< "$output")" -ge 2 ]
	[ "$(grep -c '^installonlypkg(kernel-module)$' <<< "$output")" -eq 1 ]
}

# payload SPEC OPTION...: the payload of the packages that SPEC makes.
payload() {
	{ cat "$1"; echo '%{echo:payload is %_binary_payload}'; } > payload.spec
	rpmspec -q --define "_sourcedir $PWD/src" --target x86_64 "${@:2}" payload.spec 2>&1 | sed -n 's/^payload is //p' | head -n 1
}

@test "EL 7's rpm 4.11 can read the packages made for it: payload, plain dependencies" {
	local release want
	while read -r release want; do
		sed -i "s/^%global base_release .*/%global base_release $release/" src/base.inc
		[[ $(payload "$top/kernel-kvm.spec") == *."$want" ]] || { echo "$release: $(payload "$top/kernel-kvm.spec")"; false; }
		[[ $(payload "$top/tools/kmod.d/kernel-kvm-kmod.spec" --define 'stage /nowhere' \
			--define 'kverrel 1' --define 'kernel_version 1' --define 'kmod_release 1' --define 'license_file /nowhere') == *."$want" ]] ||
			{ echo "kmod, $release"; false; }
	done <<-'END'
		1160.119.1.el7 xzdio
		1160.el7.centos.plus xzdio
		2136.331.7.el7uek xzdio
		257.562.amzn2 xzdio
		8.0.38.1.xcpng8.2 xzdio
		63.109.amzn2023 zstdio
		553.5.1.el8_10 zstdio
		207.156.6.el8uek zstdio
	END
	# "(a if b)" is of rpm >= 4.13.
	spec -P --with debug --with debuginfo > out
	grep -q '^Requires:' out
	run grep -nE '^[A-Za-z]+(\([a-z,]+\))?:[ \t]*\(' out "$top/tools/kmod.d/kernel-kvm-kmod.spec"
	[ "$status" -eq 1 ] || { echo "$output"; false; }
}

@test "modules need core, core does not need modules: dracut runs once" {
	run rpmspec --define "_sourcedir $PWD/src" -P "$top/kernel-kvm.spec"
	[ "$status" -eq 0 ]
	awk '/^%package/ { p = $2 } /^Requires:/ { print p, $2 }' <<< "$output" > reqs
	grep -q '^modules kernel-kvm-core' reqs
	run grep '^core kernel-kvm-modules' reqs
	[ "$status" -ne 0 ]
}

@test "every Patch of the spec is in patches/, and every patch in the spec, in order" {
	sed -n 's/^Patch\(4[0-9]*\): *\(.*\)$/\1 \2/p' "$top/kernel-kvm.spec" > listed
	[ -s listed ]
	while read -r n f; do
		[[ $f == "$n"-* ]] || { echo "Patch$n names $f"; false; }
		[ -e "$top/patches/$f" ]
	done < listed
	(cd "$top/patches" && ls [0-9]*.patch) > there
	diff <(awk '{ print $2 }' listed) there
}

@test "every config fragment begins with # x86_64" {
	for f in "$top"/configs/*.config; do
		[ "$(head -n 1 "$f")" = "# x86_64" ] || { echo "$f"; false; }
	done
}

@test "scriptlets are POSIX: the root's /bin/sh runs them" {
	rpmspec --define "_sourcedir $PWD/src" -P "$top/kernel-kvm.spec" |
		awk '/^%(post|posttrans|pre|preun|postun|pretrans)( |$)/ { on = 1; next } /^%/ { on = 0 } on' > scripts
	[ -s scripts ]
	shellcheck -s sh -e SC2148,SC2317 scripts
	dash -n scripts
}
