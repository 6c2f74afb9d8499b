#!/usr/bin/env bats
# kernel-kvm.spec as rpm parses it: names, switches, what a packager sees.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir -p src
	cp "$BATS_TEST_DIRNAME/base.inc" src/
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

@test "the classic how-to's six switches are accepted, and debug makes no package" {
	run spec -q --with baseonly --without up --without debug --without debuginfo --without fips --without kabichk --qf '%{name} '
	[ "$status" -eq 0 ]
	[[ $output != *debug* ]]
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
