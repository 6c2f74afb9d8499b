#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# base-srpm and debian-base at full size: the embedded base, its tree against the
# package's own, and the speeds that are promised.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../../..")
	base_srpm=$top/tools/spec/base-srpm
	command -v dpkg-query >/dev/null || skip "not a Debian host: no linux-source packages"
	cd "$BATS_FILE_TMPDIR" || exit
}

# base_of V: the embedded base, made once; its path.
base_of() {
	"$top/tools/debian-base" "$1" "$BATS_FILE_TMPDIR/$1"
}

# host_base: V of the host's own kernel, whose source must be here.
host_base() {
	"$top/tools/debian-base" --default
}

# bases_here: every V whose source is installed.
bases_here() {
	local v
	for v in $("$top/tools/debian-base" --offered); do
		[[ ! -e /usr/src/linux-source-$v.tar.xz || ! -d /usr/src/linux-config-$v ]] || echo "$v"
	done
}

@test "debian-base: the same packages give the same bytes, installed or as files" {
	local v full
	v=$(host_base)
	"$top/tools/debian-base" "$v" a > pa
	"$top/tools/debian-base" "$v" b > pb
	cmp "$(cat pa)" "$(cat pb)"
	"$base_srpm" verify "$(cat pa)" --allow-unsigned
	# As package files: what dpkg has installed, packed again.
	full=$(dpkg-query -W -f '${Version}' "linux-source-$v")
	for p in source config; do
		mkdir -p "d$p/DEBIAN" "d$p/usr/src"
		printf 'Package: linux-%s-%s\nVersion: %s\nArchitecture: all\nMaintainer: A <a@b.invalid>\nDescription: d\n' "$p" "$v" "$full" > "d$p/DEBIAN/control"
	done
	ln "/usr/src/linux-source-$v.tar.xz" dsource/usr/src/ 2>/dev/null || cp -p "/usr/src/linux-source-$v.tar.xz" dsource/usr/src/
	cp -rp "/usr/src/linux-config-$v" dconfig/usr/src/
	for p in source config; do
		dpkg-deb -b --root-owner-group -Znone "d$p" "linux-$p-${v}_${full}_all.deb" > /dev/null
	done
	"$top/tools/debian-base" "linux-source-${v}_${full}_all.deb" c > pc
	cmp "$(cat pa)" "$(cat pc)"
	rm -rf a b c dsource dconfig ./*.deb
}

# CPU time beside that of rpm on the same file: a busy machine stretches both. Beyond
# what rpm -K does, inspect reads the package for its own digest and for its members'.
@test "the host's kernel: inspect says what it is, in at most 8 times the CPU time of rpm -K" {
	local srpm
	srpm=$(base_of "$(host_base)")
	TIMEFORMAT='%U %S'
	{ time rpm -K --nosignature "$srpm" > /dev/null; } 2> floor
	{ time "$base_srpm" inspect "$srpm" --json > inspect.json; } 2> took
	echo "# inspect of $(($(stat -c %s "$srpm") >> 20)) MiB: $(cat took) s, rpm -K: $(cat floor) s (user, system)" >&3
	[ "$(jq -r .profile inspect.json)" = debian ]
	[ "$(jq -r '.patches[0].file' inspect.json)" = 0001-init-default-hostname-localhost.patch ]
	awk '{ t[NR] = $1 + $2 } END { exit !(t[2] < 8 * t[1]) }' floor took
}

@test "every base here: the tree is the package's own plus the patch, file by file" {
	local v srpm n=0
	for v in $(bases_here); do
		n=$((n + 1))
		srpm=$(base_of "$v")
		"$base_srpm" tree "$srpm" "t$v" --allow-unsigned
		mkdir "w$v"
		tar -C "w$v" -xf "/usr/src/linux-source-$v.tar.xz"
		patch -s -p1 --no-backup-if-mismatch -d "w$v"/linux-source-* < "$top"/tools/debian-base.d/0001-*.patch
		diff -r "w$v"/linux-source-* "t$v"
		grep -q '^CONFIG_KVM=m' "t$v.base/config"
		rm -rf "w$v" "t$v" "t$v.base"
	done
	echo "# $n bases: $(bases_here | paste -sd' ')" >&3
	((n))
}

@test "a kernel.org tarball of the host's kernel: its tree is the tarball's, file by file" {
	local v
	v=$(host_base)
	mkdir w
	tar -C w -xf "/usr/src/linux-source-$v.tar.xz"
	mv w/linux-source-* "w/linux-$v"
	tar -C w -cf - "linux-$v" | gzip -1 > "linux-$v.tar.gz"
	"$top/tools/upstream-base" "linux-$v.tar.gz" u --allow-unsigned > pu
	"$base_srpm" tree "$(cat pu)" tu --allow-unsigned
	diff -r "w/linux-$v" tu
	[ "$("$base_srpm" inspect "$(cat pu)" --json | jq -r .profile)" = upstream ]
	rm -rf w tu tu.base u "linux-$v.tar.gz"
}

@test "a make rpm-pkg SRPM of the host's kernel: imported, its tree the source's, file by file" {
	local srpm archive top_dir t v
	v=$(host_base)
	t=linux-source-$v
	tar -xf "/usr/src/$t.tar.xz"
	make -s -C "$t" O="$PWD/o" defconfig
	cp o/.config "$t/"
	# The spec is the tree's own, as rpm-pkg makes it; the archive holds both.
	(
		cd "$t"
		KERNELRELEASE=$v-test ARCH=x86_64 MAKE=make srctree=. objtree=. CONFIG_SHELL=bash KCONFIG_CONFIG=.config \
			bash scripts/package/mkspec made > printed
		# Since 6.10 it writes the file that it is given.
		[ -e made ] || mv printed made
		sed 's/^\(Release:\).*/\1 1/' made > kernel.spec
		rm -f made printed
	)
	archive=$(sed -n 's/^\tSource: *//p; s/^Source0\{0,1\}: *//p' "$t/kernel.spec")
	top_dir=${archive%.tar.gz}
	mkdir -p rpmbuild/SOURCES
	# Then config and changes are sources of their own; a clean tree has none of these.
	cp o/.config rpmbuild/SOURCES/config
	: > rpmbuild/SOURCES/diff.patch
	mv "$t" "$top_dir"
	tar -c "$top_dir" | gzip -1 > "rpmbuild/SOURCES/$archive"
	rpmbuild -bs --nodeps --quiet --target x86_64 --define "_topdir $PWD/rpmbuild" --define "_dbpath $PWD/db" "$top_dir/kernel.spec"
	srpm=$(echo rpmbuild/SRPMS/*.src.rpm)
	[ "$("$base_srpm" inspect "$srpm" --json | jq -r .profile)" = mainline ]
	"$base_srpm" import "$srpm" --sources sources --allow-unsigned
	grep -qx '%global base_profile mainline' sources/base.inc
	"$base_srpm" tree "$srpm" tm --allow-unsigned
	cmp tm.base/config o/.config
	diff -r -x .config -x .scmversion "$top_dir" tm
}
