#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The same input gives the same bytes: our own programs built twice, and the comparison
# of RPMs that ends `make reproduce`.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
}

# demo DIR TEXT [MTIME]: an RPM with one file that says TEXT.
demo() {
	mkdir -p "$1"
	cat > "$1/demo.spec" <<-END
		Name: demo
		Version: 1
		Release: 1
		Summary: demo
		License: GPL-2.0-only
		BuildArch: noarch
		%global use_source_date_epoch_as_buildtime 1
		%global _buildhost demo
		%description
		demo
		%install
		mkdir -p %{buildroot}/etc
		echo "$2" > %{buildroot}/etc/demo
		touch -d @${3:-1600000000} %{buildroot}/etc/demo
		%files
		/etc/demo
	END
	SOURCE_DATE_EPOCH=1700000000 rpmbuild -bb --define "_topdir $PWD/$1/top" --define "_rpmdir $PWD/$1/rpms" \
		--define "_builddir $PWD/b" --define "_buildrootdir $PWD/br" "$1/demo.spec" > "$1/log" 2>&1
}

@test "tarball of tools, programs, guests: the same from two directories, times and languages" {
	run "$top/tools/reproduce" cheap
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[[ $output == *" files, the same"* ]]
}

@test "compare: the same RPM built twice" {
	demo a one
	demo b one
	run "$top/tools/reproduce" compare a/rpms b/rpms
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[[ $output == *"1 packages, every file and field"* ]]
}

@test "compare: another content, another time of a file: named" {
	demo a one
	demo b two
	run "$top/tools/reproduce" compare a/rpms b/rpms
	[ "$status" -eq 1 ]
	[[ $output == *"demo-1-1.noarch.rpm differs"*"/etc/demo"* ]]
	demo c one 1600000001
	run "$top/tools/reproduce" compare a/rpms c/rpms
	[ "$status" -eq 1 ]
	[[ $output == *"/etc/demo"*1600000001* ]]
}

@test "compare: a list of RPMs as make rpm leaves it; a package that one side lacks" {
	demo a one
	mkdir -p a/build
	echo rpms/noarch/demo-1-1.noarch.rpm > a/build/rpms.list
	run "$top/tools/reproduce" compare a/build/rpms.list a/rpms
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	mkdir -p other
	cp a/rpms/noarch/*.rpm other/other-1-1.noarch.rpm
	run "$top/tools/reproduce" compare a/rpms other
	[ "$status" -eq 1 ]
	[[ $output == *"not the same packages"*demo-1-1*other-1-1* ]]
}
