#!/usr/bin/env bats
# Build requirements: what is missing is named under the host's own names, and
# rpmbuild's real check sees what dpkg has.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	tools=$top/tools
	cd "$BATS_TEST_TMPDIR" || exit
	# rpm's database is in HOME on Debian: the tests' is not the user's.
	export HOME=$BATS_TEST_TMPDIR
}

# The spec with a pin, so that it can be parsed without SOURCES/ being filled.
parse_spec() {
	mkdir -p src
	cp "$top/tests/spec/base.inc" src/
	rpmspec --define "_sourcedir $PWD/src" "$@" "$top/kernel-kvm.spec"
}

@test "every BuildRequires of the spec is in build-deps.map" {
	parse_spec -q --buildrequires | awk '{ print $1 }' | sort -u > wanted
	[ -s wanted ]
	awk '/^[^#]/ { print $1 }' "$tools/build-deps.map" | sort -u > mapped
	run comm -23 wanted mapped
	[ -z "$output" ] || { echo "not in the map: $output"; false; }
}

@test "a missing package is named, with the command that installs it" {
	echo 'no-such-thing no-such-package-here build' > map
	run "$tools/build-deps" --map map
	[ "$status" -eq 1 ]
	[[ $output == *no-such-* ]]
	[[ $output == *install* ]]
}

@test "a malformed map names file and line" {
	printf 'bash bash build\nbroken\n' > map
	run "$tools/build-deps" --map map
	[ "$status" -eq 1 ]
	[[ $output == *"map:2: expected three fields"* ]]
}

@test "what check needs is not asked for a build" {
	printf 'bash bash build\nno-such-thing no-such-package-here check\n' > map
	run "$tools/build-deps" --map map
	[ "$status" -eq 0 ]
}

@test "dpkg's packages satisfy real BuildRequires; an absent one is named" {
	command -v dpkg-query >/dev/null || skip "not a Debian host: rpm's database is the real one"
	"$tools/dpkg-provides" --dbpath db
	cat > t.spec <<-'END'
		Name: t
		Version: 1
		Release: 1
		Summary: t
		License: GPL-2.0-only
		BuildArch: noarch
		BuildRequires: ncurses-devel, openssl-devel >= 1.1, %{?extra}
		%description
		t
		%build
		%files
	END
	rpmbuild -bb --define "_dbpath $PWD/db" --define "_topdir $PWD/top" --define 'extra elfutils-libelf-devel' t.spec
	run rpmbuild -bb --define "_dbpath $PWD/db" --define "_topdir $PWD/top" --define 'extra no-such-devel' t.spec
	[ "$status" -ne 0 ]
	[[ $output == *"no-such-devel is needed by t-1-1"* ]]
}
