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

@test "6.1: inspect says what it is within 1 s" {
	local srpm began took best=999999 i
	srpm=$(base_of 6.1)
	for i in 1 2 3; do
		began=$(date +%s%N)
		"$base_srpm" inspect "$srpm" --json > inspect.json
		took=$((($(date +%s%N) - began) / 1000000))
		((took >= best)) || best=$took
	done
	echo "# inspect of $(($(stat -c %s "$srpm") >> 20)) MiB: $best ms" >&3
	[ "$(jq -r .profile inspect.json)" = debian ]
	[ "$(jq -r '.patches[0].file' inspect.json)" = 0001-init-default-hostname-localhost.patch ]
	# A machine with other work on it gets the same in CPU time.
	((best < 1000 || $(awk '{ print ($1 > 2) }' /proc/loadavg)))
}

@test "6.1 and 6.12: the tree is the package's own plus the patch, file by file" {
	local v srpm
	for v in 6.1 6.12; do
		srpm=$(base_of "$v")
		"$base_srpm" tree "$srpm" "t$v" --allow-unsigned
		mkdir "w$v"
		tar -C "w$v" -xf "/usr/src/linux-source-$v.tar.xz"
		patch -s -p1 -d "w$v"/linux-source-* < "$top"/tools/debian-base.d/0001-*.patch
		diff -r "w$v"/linux-source-* "t$v"
		grep -q '^CONFIG_KVM=m' "t$v.base/config"
		rm -rf "w$v" "t$v" "t$v.base"
	done
}

@test "a make rpm-pkg SRPM of the 6.1 tree: imported, its tree the source's, file by file" {
	local srpm
	tar -xf /usr/src/linux-source-6.1.tar.xz
	cd linux-source-6.1
	make -s defconfig
	rm -rf ../rpmbuild
	# What rpm-pkg does before it builds: the archive, with its spec, as an SRPM.
	make -s HOME="$BATS_FILE_TMPDIR" kernelrelease > ../release
	sed 's/^\(Release:\).*/\1 1/' < <(KERNELRELEASE=$(cat ../release) KERNELVERSION=$(make -s kernelversion) ARCH=x86_64 MAKE=make \
		srctree=. objtree=. CONFIG_SHELL=bash KCONFIG_CONFIG=.config bash scripts/package/mkspec) > kernel.spec
	make -s mrproper-keeps-nothing 2>/dev/null || :
	cd ..
	local archive top_dir
	archive=$(sed -n 's/^Source: *//p' linux-source-6.1/kernel.spec)
	top_dir=${archive%.tar.gz}
	mkdir -p rpmbuild/SOURCES
	cp -al linux-source-6.1 "$top_dir"
	(cd "$top_dir" && find . -name '*.o' -delete)
	tar -czf "rpmbuild/SOURCES/$archive" "$top_dir"
	rpmbuild -bs --nodeps --quiet --target x86_64 --define "_topdir $PWD/rpmbuild" --define "_dbpath $PWD/db" linux-source-6.1/kernel.spec
	srpm=$(echo rpmbuild/SRPMS/*.src.rpm)
	[ "$("$base_srpm" inspect "$srpm" --json | jq -r .profile)" = mainline ]
	"$base_srpm" tree "$srpm" tm --allow-unsigned
	grep -q '^CONFIG_X86_64=y' tm.base/config
	rm -rf tm/.scmversion
	diff -r -x .config -x .config.old -x config -x generated -x .scmversion "$top_dir" tm
}
