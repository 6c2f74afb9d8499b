#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/debian-base BASE=FILE.deb, on small packages: the same SRPM as from installed
# packages, and input that it rejects. The real packages: full/base-srpm-full.bats.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output
# shellcheck disable=SC2154  # top, tools, deb are the helper's

load made-base-helper

need_dpkg() {
	command -v dpkg-deb > /dev/null || skip "no dpkg-deb here (apt, dnf: dpkg)"
}

made() {
	run "$tools/debian-base" "$@" out
	echo "$output"
}

@test "a package file and its config become an SRPM; its own %prep makes the tree" {
	need_dpkg
	source_deb
	config_deb
	made "$deb"
	[ "$status" -eq 0 ]
	local srpm=out/kernel-8.1.3-1~bpo1+1.src.rpm
	[ "${lines[-1]}" = "$srpm" ]
	[ "$("$tools/spec/base-srpm" inspect "$srpm" --json | jq -r .profile)" = debian ]
	# The tree's Makefile says 8.1.0; that is kernelrelease's business.
	"$tools/spec/base-srpm" tree "$srpm" t --allow-unsigned
	grep -q 'default "localhost"' t/init/Kconfig
	[ "$(cat t.base/config)" = $'# x86_64\nCONFIG_KVM=m' ]
	[ "$(rpm --dbpath "$PWD/db" -qp --qf '%{BUILDTIME}' "$srpm")" = "$(date -ud '2026-10-12 13:00' +%s)" ]
	# From elsewhere, at another time: the same bytes. And made once.
	mkdir other
	cp debs/* other/
	touch -d '2020-01-01' other/*
	"$tools/debian-base" "$PWD/other/${deb##*/}" out2
	cmp "$srpm" "out2/${srpm##*/}"
	made "$deb"
	[[ $output != *made* ]]
	[ "$(ls out)" = "${srpm##*/}"$'\n'"${srpm##*/}.inputs" ]
}

@test "without its config: said, and CONFIG=distro is refused by the spec" {
	need_dpkg
	source_deb
	# Of another revision, it is not this kernel's.
	config_deb 8.1.2-1
	made "$deb"
	[ "$status" -eq 0 ]
	[[ $output == *"no linux-config-8.1_8.1.3-1~bpo1+1_amd64.deb beside debs/"*"for CONFIG=distro put it there"* ]]
	"$tools/spec/base-srpm" import out/*.src.rpm --sources src --allow-unsigned
	grep -qx '%global base_profile debian' src/base.inc
	grep -qx '%global base_config 0' src/base.inc
	cp "$top/SOURCES/macros.inc" src/
	run rpmspec -P --define "_sourcedir $PWD/src" --define 'kconfig distro' "$top/kernel-kvm.spec"
	[ "$status" -ne 0 ]
	[[ $output == *"CONFIG=distro: kernel-8.1.3-1~bpo1+1.src.rpm brings no config"* ]]
	rpmspec -P --define "_sourcedir $PWD/src" --define 'kconfig full' "$top/kernel-kvm.spec" > /dev/null
	config_deb
	made "$deb"
	"$tools/spec/base-srpm" import out/*.src.rpm --sources src --allow-unsigned
	rpmspec -P --define "_sourcedir $PWD/src" --define 'kconfig distro' "$top/kernel-kvm.spec" > /dev/null
}

@test "versions: a first release, a release candidate" {
	need_dpkg
	source_deb 8.1-1~exp1
	made "$deb"
	[ "${lines[-1]}" = out/kernel-8.1.0-1~exp1.src.rpm ]
	source_deb 8.1~rc4-1~exp1
	made "$deb"
	[ "${lines[-1]}" = out/kernel-8.1.0-0.rc4.1~exp1.src.rpm ]
	[ "$("$tools/spec/base-srpm" inspect "${lines[-1]}" --json | jq -r .profile)" = debian ]
	source_deb 8.1.3
	made "$deb"
	[ "$status" -eq 1 ]
	[[ $output == *"version 8.1.3: expected UPSTREAM-REVISION"* ]]
}

@test "bad package files: each is named, and nothing is left" {
	need_dpkg
	source_deb
	config_deb
	local want file
	deb linux-source 8.1.3-1 s
	cp "$deb" cut.deb
	truncate -s -300 cut.deb
	head -c 150 "$deb" > cut2.deb
	echo no > no.deb
	while IFS='|' read -r file want; do
		made "$file"
		[ "$status" -eq 1 ] || { echo "$file: $status"; return 1; }
		[[ $output == *"$want"* ]] || { echo "$file: wanted $want"; return 1; }
	done <<-END
		none.deb|none.deb: not found
		debs/linux-config-8.1_8.1.3-1~bpo1+1_all.deb|it is the package 'linux-config-8.1'
		debs/linux-source_8.1.3-1_all.deb|it is the package 'linux-source'
		cut.deb|cannot extract usr/src/linux-source-8.1.tar.xz
		cut2.deb|cut2.deb: dpkg cannot read it
		no.deb|no.deb: dpkg cannot read it
	END
	[ -z "$(ls out)" ]
	run "$tools/debian-base" some.rpm out
	[ "$status" -eq 2 ]
}

@test "bad package files: the tarball is a link or missing; a config that is not one" {
	need_dpkg
	source_deb
	ln -sf /etc/passwd s/usr/src/linux-source-8.1.tar.xz
	deb linux-source-8.1 8.1.3-1 s
	made debs/linux-source-8.1_8.1.3-1_all.deb
	[ "$status" -eq 1 ]
	[[ $output == *"in it is not a plain file"* ]]
	rm s/usr/src/*
	# The rest of a package is not unpacked.
	touch s/usr/src/../canary
	deb linux-source-8.1 8.1.3-1 s
	made debs/linux-source-8.1_8.1.3-1_all.deb
	[ "$status" -eq 1 ]
	[[ $output == *"cannot extract"* ]]
	[ -z "$(find out -name canary)" ]
	source_deb
	config_deb
	echo hello > c/usr/src/linux-config-8.1/config.amd64_none_amd64.xz
	deb linux-config-8.1 '8.1.3-1~bpo1+1' c
	made "$deb"
	[ "$status" -eq 1 ]
	[[ $output == *"config.amd64_none_amd64.xz: no kernel config"* ]]
	[ -z "$(ls out)" ]
}

@test "sources: BASE=V is for Debian hosts, BASE=FILE.deb is not" {
	need_dpkg
	source_deb
	mkdir -p co/tools bin
	cp -r "$tools"/* co/tools/
	cp -r "$top/patches" "$top/vmm" "$top/configs" co/
	mkdir co/SOURCES
	# A PATH without dpkg-query: an RPM host.
	for f in /usr/bin/* /bin/*; do
		[[ ${f##*/} == dpkg-query || -e bin/${f##*/} ]] || ln -s "$f" bin/
	done
	PATH=$PWD/bin run co/tools/sources --base 8.1
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"BASE=8.1: this is not a Debian host"*"BASE=FILE.deb"* ]]
	PATH=$PWD/bin run co/tools/sources --base "$PWD/$deb"
	echo "$output"
	[ "$status" -eq 0 ]
	grep -qx '%global base_version 8.1.3' co/SOURCES/base.inc
}
