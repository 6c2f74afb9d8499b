#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/sources --pack: the tarball has the part of tools/ that the spec calls, and nothing
# whose change should not rebuild a kernel.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	mkdir -p co/SOURCES
	cp -r "$top"/{tools,vmm,configs,kernel-kvm.spec} co/
	pack
	cp "$tarball" first.tar.gz
}

pack() {
	co/tools/sources --pack
	tarball=co/SOURCES/kernel-kvm-tools.tar.gz
}

@test "every program that the spec calls is in the tarball" {
	tar -tzf "$tarball" > members
	grep -oE '(^|[^/a-z])tools/[a-z/-]*[a-z]' co/kernel-kvm.spec | sed 's/^[^t]//' | sort -u > called
	[ "$(wc -l < called)" -gt 10 ]
	while read -r program; do
		[[ ! -f co/$program ]] || grep -qxF "$program" members || { echo "$program is not in it"; false; }
	done < called
}

@test "changes to the machines, to people's tools and to documents do not change its bytes" {
	local f
	for f in tools/rpm tools/machine/boot tools/machine/boot.d/init tools/machine/verify.d/tap tools/spec/profiles/README.md configs/README.md; do
		echo '# changed' >> "co/$f"
	done
	echo new > co/tools/machine/another
	pack
	cmp "$tarball" first.tar.gz
}

@test "a change of any file of tools/spec, configs or vmm makes it another" {
	local f
	for f in tools/spec/lib.sh tools/spec/kernelrelease tools/spec/patch.d/nearest.awk tools/spec/profiles/10-debian.profile \
		configs/lean-x86_64.config vmm/Makefile; do
		cp "$tarball" before.tar.gz
		echo '# changed' >> "co/$f"
		pack
		run cmp "$tarball" before.tar.gz
		[ "$status" -eq 1 ] || { echo "$f"; false; }
	done
}
