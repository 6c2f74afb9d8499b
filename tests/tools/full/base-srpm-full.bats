#!/usr/bin/env bats
# base-srpm and debian-base at full size: the embedded base, its tree against the
# package's own, and the speeds that are promised.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../../..")
	base_srpm=$top/tools/base-srpm
	command -v dpkg-query >/dev/null || skip "not a Debian host: no linux-source packages"
	cd "$BATS_FILE_TMPDIR" || exit
}

# base_of V: the embedded base, made once; its path.
base_of() {
	"$top/tools/debian-base" "$1" "$BATS_FILE_TMPDIR/$1"
}

@test "debian-base: the same packages give the same bytes" {
	"$top/tools/debian-base" 6.1 a > pa
	"$top/tools/debian-base" 6.1 b > pb
	cmp "$(cat pa)" "$(cat pb)"
	"$base_srpm" verify "$(cat pa)" --allow-unsigned
}

# CPU time, which other work on the machine does not stretch.
@test "6.1: inspect says what it is within 1 s of CPU" {
	local srpm
	srpm=$(base_of 6.1)
	TIMEFORMAT='%U %S'
	{ time "$base_srpm" inspect "$srpm" --json > inspect.json; } 2> took
	echo "# inspect of $(($(stat -c %s "$srpm") >> 20)) MiB: $(cat took) s (user, system)" >&3
	[ "$(jq -r .profile inspect.json)" = debian ]
	[ "$(jq -r '.patches[0].file' inspect.json)" = 0001-init-default-hostname-localhost.patch ]
	awk '{ exit !($1 + $2 < 1) }' took
}

@test "6.1 and 6.12: the tree is the package's own plus the patch, file by file" {
	local v srpm
	for v in 6.1 6.12; do
		srpm=$(base_of "$v")
		"$base_srpm" tree "$srpm" "t$v" --allow-unsigned
		mkdir "w$v"
		tar -C "w$v" -xf "/usr/src/linux-source-$v.tar.xz"
		patch -s -p1 --no-backup-if-mismatch -d "w$v"/linux-source-* < "$top"/tools/debian-base.d/0001-*.patch
		diff -r "w$v"/linux-source-* "t$v"
		grep -q '^CONFIG_KVM=m' "t$v.base/config"
		rm -rf "w$v" "t$v" "t$v.base"
	done
}

@test "a make rpm-pkg SRPM of the 6.1 tree: imported, its tree the source's, file by file" {
	local srpm archive top_dir t=linux-source-6.1
	tar -xf "/usr/src/$t.tar.xz"
	make -s -C "$t" O="$PWD/o" defconfig
	cp o/.config "$t/"
	# The spec is the tree's own, as rpm-pkg makes it; the archive holds both.
	(
		cd "$t"
		KERNELRELEASE=6.1-test ARCH=x86_64 MAKE=make srctree=. objtree=. CONFIG_SHELL=bash KCONFIG_CONFIG=.config \
			bash scripts/package/mkspec | sed 's/^\(Release:\).*/\1 1/' > kernel.spec
	)
	archive=$(sed -n 's/^\tSource: *//p; s/^Source: *//p' "$t/kernel.spec")
	top_dir=${archive%.tar.gz}
	mkdir -p rpmbuild/SOURCES
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
