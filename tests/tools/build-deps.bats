#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Build requirements: build-deps names missing packages as the host does, and rpmbuild's
# real check sees dpkg's packages.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	tools=$top/tools
	cd "${BATS_TEST_TMPDIR:?bats 1.4 or later is needed}" || exit
	# rpm's database is in HOME on Debian: the tests' is not the user's.
	export HOME=$BATS_TEST_TMPDIR
}

# The spec with a pin, so that it can be parsed without SOURCES/ being filled.
parse_spec() {
	mkdir -p src
	cp "$top/tests/spec/base.inc" "$top/SOURCES/macros.inc" src/
	rpmspec --define "_sourcedir $PWD/src" "$@" "$top/kernel-kvm.spec"
}

# debian_host: a Debian host in files. "archive" has lines "PACKAGE VERSION
# PRIORITY DEPENDS", best version last; "installed" has "PACKAGE VERSION DEPENDS".
# A file "dead" makes apt-get update warn; apt-get install moves lines over.
debian_host() {
	mkdir -p bin
	touch archive installed
	cat > bin/apt-cache <<'END'
#!/usr/bin/env bash
while [[ $1 == -* ]]; do [[ $1 == -o ]] && shift; shift; done
verb=$1
shift
case $verb in
pkgnames) cat archive installed | cut -d' ' -f1 | grep "^$1" | sort -u ;;
policy)
	for p; do
		here=$(awk -v p="$p" '$1 == p { print $2 }' installed)
		best=$(awk -v p="$p" '$1 == p && $3 > most { most = $3; v = $2 } END { print v }' archive)
		[[ $here$best ]] || continue
		printf '%s:\n  Installed: %s\n  Candidate: %s\n  Version table:\n' "$p" "${here:-(none)}" "${here:-$best}"
		tac archive | awk -v p="$p" -v h="$here" '$1 == p {
			printf "%s %s %s\n        %s http://deb.invalid/debian x/main amd64 Packages\n", $2 == h ? " ***" : "    ", $2, $3, $3
			if ($2 == h) print "        100 /var/lib/dpkg/status" }'
	done ;;
show) awk -v p="${1%%=*}" -v v="${1#*=}" '$1 == p && (p == v || $2 == v) { print "Package: " p "\nVersion: " $2 "\nDepends: " $4 " (= " $2 "), other | more" }' archive ;;
esac
END
	cat > bin/apt-get <<'END'
#!/usr/bin/env bash
for verb; do [[ $verb == -* ]] || break; done
echo "$verb" >> asked
case $verb in
update) [[ ! -e dead ]] || echo "W: Failed to fetch http://deb.invalid/debian/dists/x/InRelease  Could not resolve 'deb.invalid'" >&2
	[[ ! -e new ]] || cat new >> archive ;;
install) for p; do grep "^$p " archive | tail -n 1 | cut -d' ' -f1,2 >> installed || :; done ;;
esac
END
	cat > bin/dpkg-query <<'END'
#!/usr/bin/env bash
shift 2
format=$1
shift
(($#)) || set -- '*'
found=
while read -r name version depends; do
	for p; do
		[[ $name == $p ]] || continue
		found=1
		f=${format//'${db:Status-Status}'/installed}
		f=${f//'${Package}'/$name}
		f=${f//'${Version}'/$version}
		printf "${f//'${Depends}'/$depends}"
	done
done < installed
[[ $found ]]
END
	chmod +x bin/*
	printf '%s\n' 'linux-source 6.6.1-1 500 linux-source-6.6' 'linux-source 6.9.4-1 500 linux-source-6.9' \
		'linux-source 8.1.1-1~bpo1 100 linux-source-8.1' 'linux-source-6.9 6.9.4-1 500' 'linux-config-6.9 6.9.4-1 500' \
		'linux-source-8.1 8.1.1-1~bpo1 100' 'linux-config-8.1 8.1.1-1~bpo1 100' 'linux-source-6.9-rt 1 500' \
		'clang 1:31.0 500 clang-31' 'libclang-rt-31-dev 31 500' 'libclang-rt-33-dev 33 500' 'tool 1 500' > archive
	PATH=$PWD/bin:$PATH
}

# on_debian ARGUMENT...: build-deps there, its registration left out.
on_debian() {
	mkdir -p t/spec
	cp "$tools/spec/lib.sh" t/spec/
	cp -r "$tools/build-deps" "$tools/debian-base" "$tools/debian-base.d" "$tools/made-base.d" t/
	printf '#!/bin/sh\n' > t/dpkg-provides
	chmod +x t/dpkg-provides
	run t/build-deps --map map "$@"
	echo "$output"
}

@test "every BuildRequires of the spec is in build-deps.map" {
	parse_spec -q --buildrequires | awk '{ print $1 }' | sort -u > wanted
	[ -s wanted ]
	awk '/^[^#]/ { print $1 }' "$tools/build-deps.map" | sort -u > mapped
	run comm -23 wanted mapped
	[ -z "$output" ] || { echo "not in the map: $output"; false; }
}

@test "a missing package is named, with the command that installs it" {
	debian_host
	echo 'el-tool tool build' > map
	on_debian
	[ "$status" -eq 1 ]
	[[ $output == *"1 packages are missing: tool"*"apt-get install tool"* ]]
	on_debian --install
	if ((EUID)); then
		[[ $status -eq 1 && $output == *"--install needs root"*"install: tool"* ]]
	else
		[ "$status" -eq 0 ]
		grep -q '^tool ' installed
	fi
}

@test "a malformed map names file and line" {
	printf 'bash bash build\nbroken\n' > map
	run "$tools/build-deps" --map map --base none
	[ "$status" -eq 1 ]
	[[ $output == *"map:2: expected three fields"* ]]
}

@test "a build does not require what only check needs" {
	debian_host
	printf 'bash tool build\nno-such-thing no-such-package-here check\n' > map
	echo 'tool 1' > installed
	on_debian
	[ "$status" -eq 0 ]
	[[ $output != *no-such* ]]
}

@test "what make livepatch needs: not for a build, for itself and for check" {
	debian_host
	printf '%s\n' 'bash tool build' 'xx libxx-dev livepatch' 'more more check' > map
	printf '%s\n' 'tool 1 500' 'libxx-dev 1 500' 'more 1 500' >> archive
	echo 'tool 1' > installed
	on_debian
	[ "$status" -eq 0 ]
	on_debian --for livepatch
	[[ $status -eq 1 && $output == *"1 packages are missing: libxx-dev"* ]]
	on_debian --for check
	[[ $status -eq 1 && $output == *"libxx-dev"*"more"* ]]
	sed -i /libxx/d archive
	on_debian --for livepatch
	[[ $status -eq 1 && $output == *"the build needs it: libxx-dev"* ]]
	run "$tools/build-deps" --for other
	[[ $status -eq 2 && $output == *"expected build, livepatch or check"* ]]
}

@test "no version of a kernel, compiler or suite is hard-coded" {
	run grep -nE '[0-9]+\.[0-9]+|-[0-9]{2}-' "$tools/build-deps.map"
	[ "$status" -eq 1 ] || { echo "$output"; false; }
	run make -s -C "$top" help
	[[ $output == *"BASE="* ]]
	[[ ! $output =~ BASE=[0-9] ]]
	run grep -nE '(source|config)-[0-9]|BASE=[0-9]' "$top/Makefile" "$tools/build-deps" "$tools/debian-base" "$tools/sources" "$tools/debian-base.d/suites.sh"
	[ "$status" -eq 1 ] || { echo "$output"; false; }
}

@test "the base is the host's own kernel, not a backport, not what is installed" {
	debian_host
	printf '%s\n' 'linux-source 8.1.1-1~bpo1 linux-source-8.1' 'linux-source-8.1 8.1.1-1~bpo1' 'linux-config-8.1 8.1.1-1~bpo1' > installed
	echo '- linux-source-@BASE@,linux-config-@BASE@ build' > map
	on_debian
	[ "$status" -eq 1 ]
	[[ $output == *"2 packages are missing: linux-config-6.9 linux-source-6.9"* ]]
	on_debian --base 8.1
	[ "$status" -eq 0 ]
	[ "$(t/debian-base --default)" = 6.9 ]
	[ "$(t/debian-base --offered)" = $'6.9\n8.1' ]
	# A suite of higher priority is the one that the host's owner prefers.
	sed -i 's/bpo1 100/bpo1 990/' archive
	[ "$(t/debian-base --default)" = 8.1 ]
}

@test "a base from elsewhere needs no package of the suites" {
	debian_host
	echo '- linux-source-@BASE@,linux-config-@BASE@ build' > map
	on_debian --base some/linux-source-9.9_1_all.deb
	[ "$status" -eq 0 ]
	on_debian --base none
	[ "$status" -eq 0 ]
}

@test "a BASE that the suites do not have: those they have, and where others come from" {
	debian_host
	echo '- linux-source-@BASE@ build' > map
	on_debian --base 9.9
	[ "$status" -eq 1 ]
	[[ $output == *"BASE=9.9: no package linux-source-9.9"*"they have: 6.9 8.1"*"BASE=FILE.deb"*"SRPM=DIR REF="* ]]
	run t/debian-base 9.9 out
	[ "$status" -eq 1 ]
	[[ $output == *"they have: 6.9 8.1"* ]]
	on_debian --base nonsense
	[ "$status" -eq 2 ]
}

@test "lists that do not know the base are fetched once, and then used" {
	((EUID == 0)) || skip "apt-get update is for root"
	debian_host
	echo '- linux-source-@BASE@ build' > map
	printf '%s\n' 'linux-source-9.9 9.9.1-1 500' > new
	on_debian --base 9.9 --install
	[ "$status" -eq 0 ]
	[ "$(grep -c update asked)" -eq 1 ]
	grep -q '^linux-source-9.9 ' installed
}

@test "no lists at all: the one that is installed; several or none are an error" {
	debian_host
	: > archive
	echo '- linux-source-@BASE@ build' > map
	echo 'linux-source-6.9 6.9.4-1' > installed
	on_debian
	[ "$status" -eq 0 ]
	echo 'linux-source-8.1 8.1.1-1' >> installed
	on_debian
	[ "$status" -eq 1 ]
	[[ $output == *"which kernel is this host's own is not known"*"they have: 6.9 8.1"* ]]
	: > installed
	on_debian
	[ "$status" -eq 1 ]
	[[ $output == *"they have: none (apt-get update"* ]]
}

@test "an archive that does not answer is named; build-deps goes on with the lists at hand" {
	((EUID == 0)) || skip "apt-get update is for root"
	debian_host
	touch dead
	printf 'el-tool tool build\nel-gone gone check\n' > map
	on_debian --install
	[ "$status" -eq 0 ]
	[[ $output == *"an archive does not answer"*"deb.invalid"* ]]
	# Nobody knows whether it has the missing packages.
	: > installed
	on_debian --for check --install
	[ "$status" -eq 1 ]
	[[ $output == *"an archive did not answer (above), so it is not known whether it has: gone"* ]]
	echo 'el-gone gone build' > map
	on_debian --install
	[ "$status" -eq 1 ]
	[[ $output == *"not in this host's suites, and the build needs it: gone"*"run again when it does"* ]]
}

@test "not in the suites: a test's need is a warning, the build's an error" {
	debian_host
	printf 'el-tool tool build\nel-gone gone,lost check\n' > map
	echo 'tool 1' > installed
	on_debian --for check
	[ "$status" -eq 0 ]
	[[ $output == *"not in this host's suites: gone lost"*"the tests that need it are skipped"* ]]
	[ ! -e asked ]
	echo 'el-gone gone build' > map
	on_debian
	[ "$status" -eq 1 ]
	[[ $output == *"the build needs it: gone"* ]]
}

@test "for check: the host's kernel, the newest other one, the runtime of the host's clang" {
	debian_host
	printf '%s\n' '- linux-source-@BASE@ build' '- linux-source-@OTHER@ check' 'rt libclang-rt-@CLANG@-dev|libclang-common-@CLANG@-dev check' > map
	on_debian --for check
	[[ $output == *"3 packages are missing: libclang-rt-31-dev linux-source-6.9 linux-source-8.1"$'\n'* ]]
	# Where the suites have one kernel only there is no other.
	sed -i '/8\.1/d; s/^libclang-rt-31-dev/libclang-common-31-dev/' archive
	on_debian --for check
	[[ $output == *"2 packages are missing: libclang-common-31-dev linux-source-6.9"* ]]
	# The base that is built is another one: the tests want the host's as well.
	on_debian --for check --base none
	[[ $output == *"linux-source-6.9"* ]]
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

@test "dpkg-provides: an rpm that does not know --force-debian; rpm's message is passed on" {
	command -v dpkg-query >/dev/null || skip "not a Debian host"
	mkdir bin
	cat > bin/rpm <<-END
		#!/bin/sh
		for a; do
			[ "\$a" != --force-debian ] || { echo "rpm: --force-debian: unknown option" >&2; exit 1; }
			[ "\$a" != -U ] || [ ! -e broken ] || { echo "error: the disk is on fire" >&2; exit 1; }
		done
		new=; for a; do shift; [ "\$a" = --justdb ] && set -- "\$@" $(rpm --force-debian --version >/dev/null 2>&1 && echo --force-debian); set -- "\$@" "\$a"; done
		exec $(command -v rpm) "\$@"
	END
	chmod +x bin/rpm
	PATH=$PWD/bin:$PATH run "$tools/dpkg-provides" --dbpath db
	echo "$output"
	[ "$status" -eq 0 ]
	touch broken
	PATH=$PWD/bin:$PATH run "$tools/dpkg-provides" --dbpath db2
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"it says:"*"the disk is on fire"* ]]
}
