#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# base-srpm on every family's layout: the profile it sees, the order of patches
# it reads, and the tree its %prep makes here, without that family's macros.
# shellcheck disable=SC2030,SC2031,SC2034,SC2119,SC2154  # bats' run sets status and output

bats_require_minimum_version 1.5.0

load fixtures/base-srpm/setup

# layout FAMILY PROFILE CONFIG PATCHES...: the tree, its config, the patches that
# inspect lists, and those that tree proves, in the order of %prep (empty ones are
# not applied); every patch's mark is in.
layout() {
	local family=$1 profile=$2 config=$3 order
	shift 3
	srpm_of "$family"
	order=$(printf '%s\n' "$@")
	"$base_srpm" inspect "$srpm" --json > static.json
	[ "$(jq -r '.patches[].file' static.json | sort)" = "$(cd S && find . -name '*.patch' -printf '%f\n' | sort)" ] || { jq .patches static.json; return 1; }
	[ "$(jq -r .profile static.json)" = "$profile" ] || { jq .profile static.json; return 1; }
	"$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1 || { cat log; return 1; }
	[ "$(jq -r '.patches[].file' out.base/info.json)" = "$order" ] || { jq .patches out.base/info.json; return 1; }
	grep -q "$config" out.base/config || { cat out.base/config; return 1; }
	cmp out/kernel/fork.c work/kernel/fork.c
	cmp out/init/main.c work/init/main.c
	[ ! -e out/.config ]
	run ! grep -q 'calls itself' log
	[ -z "$(ls -A "$TMPDIR")" ]
}

@test "el7: linux-VRA moved, optional patches, configs through make" {
	layout el7 el7 'kernel-3.10.0-x86_64.config' debrand-single-cpu.patch debrand-rh_taint.patch
	[ -s out.base/kabi ]
	[ ! -e out/.scmversion ] || [ ! -s out/.scmversion ]
	run "$base_srpm" inspect "$srpm"
	[[ $output == *"in what order %prep applies them, tree says"*debrand-rh_taint.patch* ]]
	[ "$(jq -c '.patches[0]' out.base/info.json)" = '{"file":"debrand-single-cpu.patch","mechanism":"patch","strip":1}' ]
	# What is in %build and %files is no concern of %prep's.
	"$base_srpm" doctor "$srpm" --allow-unsigned
}

@test "centosplus: a variant and a buildid, patches of its own after the base's" {
	layout centosplus centosplus 'kernel-3.10.0-x86_64.config' debrand-single-cpu.patch \
		debrand-rh_taint.patch centos-linux-3.10-centosplus-xen.patch
	[ "$(jq -r .name static.json)" = kernel-plus ]
	[[ $(jq -r .release static.json) = *.el7.centos.plus ]]
}

@test "centosplus of EL 8: the minor release is in the dist, shebangs rewritten" {
	sources_of el8
	sed -i -e 's/^Name: kernel$/&%{variant}/' -e '1s/^/%define variant -plus\n%define buildid .centos.plus\n/' \
		-e 's/^%prep/&\n%{!?_without_configchecks:exit 1}/' S/kernel.spec
	build_srpm
	"$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1 || { cat log; return 1; }
	[ "$(jq -r .profile out.base/info.json)" = centosplus ]
	[ "$(head -n 1 out/scripts/show_delta)" = "#!/usr/bin/python3 -s" ]
	run ! grep -q 'calls itself' log
	cmp out/kernel/fork.c work/kernel/fork.c
}

@test "el8: all-arch configs, process_configs.sh left out, shebangs rewritten" {
	layout el8 el8 'kernel-x86_64.config' debrand-rh-taint.patch
	[ "$(head -n 1 out/scripts/show_delta)" = "#!/usr/bin/python3 -s" ]
	[ -e out/COPYING-4.18.0 ]
}

@test "el9: git apply with the empty redhat patch" {
	layout el9 el9 'kernel-x86_64-rhel.config' linux-kernel-test.patch
	[ -s out.base/kabi ]
	[ "$(head -n 1 out/scripts/show_delta)" = "#!/usr/bin/python3 -s" ]
}

@test "el10: the RHEL flavour of the shared spec" {
	layout el10 el10 'kernel-x86_64-rhel.config' patch-6.12-redhat.patch
	[ "$(cat out/flavour)" = rhel ]
	[ "$(head -n 1 out/scripts/show_delta)" = "#!/usr/bin/python3 -s" ]
	# By a script that says /bin/sh, and does nothing at all in any but bash.
	[ -e out/configs/kernel-x86_64.config ]
}

@test "fedora: the Fedora flavour of the shared spec" {
	layout fedora fedora 'kernel-x86_64-fedora.config' patch-6.17-redhat.patch
	[ "$(cat out/flavour)" = fedora ]
	[ "$(head -n 1 out/scripts/show_delta)" = "#!/usr/bin/python3 -s" ]
}

@test "amzn2: configs before patches, the list in the tar, oldconfig does not ask" {
	layout amzn2 amzn2 'config-x86_64' stable-1.patch stable-2.patch 0001-scsi-first-of-all.patch 0002-bump-the-TTL.patch \
		0003-drivers-amazon.patch
}

@test "amzn2023: the list in the tar first, then numbers out of order, a name with blanks" {
	layout amzn2023 amzn2023 'config-x86_64' up1.patch up2.patch '0001-first of amazon.patch' 0002-second.patch 0010-tenth.patch
}

@test "openeuler: kernel.tar.gz, series.conf, a second copy of the tree" {
	layout openeuler openeuler OPENEULER 0001.patch 0002.patch 0001-build.patch
	grep -q '3 patches of the base proven' log
	# In a conditional that does not hold here.
	[ "$(jq -c .unapplied out.base/info.json)" = '["0002-clang.patch"]' ]
}

@test "openeuler 20.03: the spec's own check of the series, patches without a condition" {
	layout openeuler2003 openeuler OPENEULER 0001.patch 0002.patch 0001-build.patch 0002-enfs.patch
}

@test "openeuler 24.03: the shape of 22.03" {
	openeuler_dist=.oe2403 layout openeuler openeuler OPENEULER 0001.patch 0002.patch 0001-build.patch
	[[ $(jq -r .release static.json) = *.oe2403 ]]
}

@test "uek: an integrated tree beside the vanilla one, a compiler that is not here" {
	layout uek uek 'config-x86_64' ""
	[ -s out/configs/config-debug ]
	[ -s out.base/kabi ]
}

@test "xcpng: %autosetup" {
	layout xcpng xcpng 'kernel-x86_64.config' 0001-zero.patch 0001-one.patch 0001-two++.patch
}

@test "azurelinux: a config that oldconfig must not change" {
	layout azurelinux azurelinux 'CONFIG_FROM="config"' 0001-add-a-tool-3.patch
	run ! grep -q 'no x86_64 config' log
}

@test "photon: another name, patches by number ranges, a driver's archive, an included config check" {
	layout photon photon config_x86_64 0000-common.patch 0050-x86.patch 0061-secure.patch 1400-driver.patch
	[ "$(jq -c .unapplied out.base/info.json)" = '["0513-acvp.patch"]' ]
	[ -e out/init/end-of-prep ]
}

@test "anolis: the dist in the spec, configs through make in a loop" {
	layout anolis anolis kernel-5.10.134-x86_64.config ""
	[ "$(head -n 1 out/scripts/show_delta)" = "#!/usr/bin/python3 -s" ]
}

@test "opencloudos: a bare .tar, names from macros" {
	layout opencloudos opencloudos generic-release.x86_64.config ""
	[ -s out.base/kabi ]
	[ "$(head -n 1 out/scripts/show_delta)" = "#!/usr/bin/python3 -s" ]
}

@test "eln: Fedora's spec in the RHEL flavour" {
	sources_of fedora
	dist=.eln150
	build_srpm
	"$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1 || { cat log; return 1; }
	[ "$(jq -r .profile out.base/info.json)" = eln ]
	[ "$(cat out/flavour)" = rhel ]
	grep -q kernel-x86_64-rhel.config out.base/config
	run ! grep -q 'calls itself' log
}

@test "virtuozzo: EL's spec under another name" {
	sources_of el9
	dist=.vz9
	sed -i -e 's/^Name: kernel$/Name: vzkernel/' -e 's/%{?dist}$/&.30.8/' -e '/^%define specrelease/s/%{?dist}/&.30.8/' S/kernel.spec
	rm S/linux-5*
	pack linux-5.14.0-362.24.1.vz9.30.8.tar.xz linux-5.14.0-362.24.1.vz9.30.8
	build_srpm
	"$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1 || { cat log; return 1; }
	[ "$(jq -r '.profile, .suffix' out.base/info.json | paste -sd' ')" = "virtuozzo .30.8" ]
	grep -q kernel-x86_64-rhel.config out.base/config
	run ! grep -q 'calls itself' log
}

@test "suse: refused, with the reason and what to take instead" {
	local verb
	srpm_of suse
	"$base_srpm" verify "$srpm" --allow-unsigned
	for verb in inspect doctor "tree out"; do
		# shellcheck disable=SC2086  # verb and its argument
		fails_with "its patches in %install" "$base_srpm" ${verb%% *} "$srpm" ${verb#"${verb%% *}"} --allow-unsigned
		[[ $output == *"take the git tree"* ]]
	done
	# kernel-default: its sources are those of kernel-source, and are not in it.
	sed -i -e 's/^Name: .*/Name: kernel-default/' -e 's/^Source106:.*/&\nNoSource: 0\nNoSource: 14\nNoSource: 100\nNoSource: 106/' S/kernel.spec
	build_srpm
	fails_with "its patches in %install" "$base_srpm" inspect "$srpm"
}

@test "a config that the profile does not know: said when the base is made and when it is pinned" {
	sources_of el9
	sed -i 's/^Source2[456]:.*//; s/^cp .*kernel-\*.config .*/touch x.config/' S/kernel.spec
	sed -i 's/^Source3000:.*/&\nSource3001: strange-amd64.config/' S/kernel.spec
	rm S/kernel-*.config
	configs strange-amd64.config
	build_srpm
	run "$base_srpm" tree "$srpm" out --allow-unsigned
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	[[ $output == *"no x86_64 config that profile el9 knows"*strange-amd64.config*52-el9.profile* ]]
	[ ! -e out.base/config ]
	run "$base_srpm" import "$srpm" --sources I --allow-unsigned
	[[ $output == *"no x86_64 config that profile el9 knows"* ]]
	grep -qx '%global base_config 0' I/base.inc
}

@test "EL 8 whose configs carry the target's name" {
	sources_of el8
	mv S/kernel-x86_64.config S/kernel-x86_64-rhel.config
	sed -i 's/kernel-x86_64\.config/kernel-x86_64-rhel.config/; s/kernel-x86_64-debug\.config/&/' S/kernel.spec
	build_srpm
	"$base_srpm" tree "$srpm" out --allow-unsigned
	grep -q 'kernel-x86_64.config' out.base/config
}

@test "elrepo: a config check by make" {
	layout elrepo elrepo 'config-6.6.1-x86_64' ""
}

@test "mainline: patch < diff.patch" {
	layout mainline mainline 'CONFIG_FROM="config"' diff.patch
}

@test "the embedded base; .tar, .gz, .bz2, .xz, .zst" {
	local ext
	for ext in tar tar.gz tar.bz2 tar.xz tar.zst; do
		sources_of debian
		rm S/linux*
		pack "linux-6.1.1.$ext" linux-6.1.1
		debian_spec
		sed -i "s/^Source0:.*/Source0: linux-%{version}.$ext/" S/kernel.spec
		build_srpm
		"$base_srpm" tree "$srpm" "out-$ext" --allow-unsigned
		cmp "out-$ext/kernel/fork.c" work/kernel/fork.c
	done
}

# The choice alone, in this process: name, version, release and members are all
# that it looks at. The layouts above go the whole way.
@test "profiles: the families' names, and who gets which" {
	local name want profile profile_file
	# shellcheck disable=SC2034  # choose_profile's
	local here=$top/tools/spec file_name=x match_groups name_tag version release profile_why suffix
	# shellcheck source=tools/spec/base-srpm.d/profile.sh
	. "$here/base-srpm.d/profile.sh"
	refuse_shape() { :; }
	member_names() { printf '%s\n' kernel.spec linux-6.1.1.tar.xz kernel-x86_64.config; }
	while read -r name want; do
		# shellcheck disable=SC2034
		IFS='=' read -r name_tag version release <<< "$name"
		choose_profile
		[ "$profile" = "$want" ] || { echo "$name: $profile, not $want"; return 1; }
		[ -s "$profile_file" ]
	done <<-'END'
		kernel=3.10.0=1160.119.1.el7 el7
		kernel=3.10.0=1160.119.1.0.1.el7 el7
		kernel=6.1.18=200.el7 el7
		kernel-plus=3.10.0=1160.el7.centos.plus centosplus
		kernel-plus=4.18.0=193.28.1.el8_2.centos.plus centosplus
		kernel=4.18.0=553.5.1.el8_10 el8
		kernel-rt=4.18.0=553.5.1.rt7.346.el8_10 el8
		kernel=5.14.0=427.13.1.el9_4 el9
		kernel=5.14.0=503.el9 el9
		kernel=5.14.0=284.30.1.el9_2.92ciq_lts.3.1 el9
		kernel=3.10.0=1160.119.1.el7.BZ12345 el7
		kernel=4.18.0=553.5.1.el8_10.MyFix_2 el8
		kernel=5.14.0=427.13.1.el9_4.BZ12345 el9
		kernel=6.12.0=55.el10.BZ12345 el10
		kernel=7.1.0=1.el11 el10
		kernel=6.17.7=200.BZ12345.fc43 fedora
		kernel=6.17.7=200.fc43.Local_1 fedora
		kernel=4.19.19=8.0.44.1.xs8 xcpng
		kernel=4.19.19=8.0.44.1.xs8.local xcpng
		kernel=7.1.0=1.el11_2.BZ1 el10
		kernel=5.14.0=427.13.1.el9_4kvm1 el9
		kernel=5.14.0=427.13.1.el9.oc2 el9
		kernel=5.14.0=427.13.1.el9.ky10 el9
		kernel=4.18.0=553.el8.uos el8
		kernel=4.18.0=553.an8 anolis
		kernel=4.19.91=28.1.an7 anolis
		kernel=5.10.134=16.3.al8 anolis
		kernel=6.6.25=2.2.an23 anolis
		kernel=4.19.0=91.82.152.uelc20 anolis
		kernel=6.6.117=45.1.oc9 opencloudos
		kernel=5.4.119=20.0009.32.tl3 opencloudos
		kernel-tlinux4=5.4.119=19.0009.28.tl3 opencloudos
		kernel-stream=5.18.19=2207.2.1.tks opencloudos
		kernel=4.19.90=52.22.v2207.ky10 openeuler
		kernel=4.19.90=52.23.v2207.gfb08.ky10 openeuler
		kernel=4.19.90=2403.3.0.0270.84.uel20 openeuler
		kernel=4.19.90=2107.6.0.0251.43.oe1.bclinux openeuler
		kernel-rt=6.6.0=62.0.0.rt47.7.oe2403sp1 openeuler
		kernel=6.6.134.1=2.azl3 azurelinux
		kernel-hwe=6.12.57.1=2.azl3 azurelinux
		kernel=5.15.182.1=1.cm2 azurelinux
		linux=6.1.138=2.ph5 photon
		linux-esx=6.1.138=2.acvp.ph5 photon
		vzkernel=5.14.0=427.26.1.vz9.66.5 virtuozzo
		kernel=7.2.0=0.rc6.260807gf9a2394a2348.52.eln150 eln
		kernel=4.14.336=257.562.amzn2.MyFix_1 amzn2
		kernel=6.1.41=63.109.amzn2023.kvm amzn2023
		kernel-ml=6.9.1=1.el9.elrepo.local elrepo
		kernel-default=6.4.0=150600.23.25.1 suse
		kernel-source=6.11.3=2.1.g1a2b3c4 suse
		kernel=6.12.0=55.el10 el10
		kernel=6.12.0=55.9.1.el10_0 el10
		kernel=6.0.5=200.qtmlabs.fc36 fedora
		kernel=6.17.7=ba29.fc43 fedora
		kernel=6.2.0=0.rc0.20191205git89f5349e0673.1.fc38 fedora
		kernel=5.10.0=60.18.0.50.oe2203 openeuler
		kernel=4.19.90=2003.4.0.0036.oe1 openeuler
		kernel=6.6.0=28.0.0.34.oe2403 openeuler
		kernel=4.14.336=257.562.amzn2 amzn2
		kernel=6.1.41=63.109.amzn2023 amzn2023
		kernel6.12=6.12.20=23.97.amzn2023 amzn2023
		kernel-uek=5.4.17=2136.331.7.el7uek uek
		kernel-uek=5.15.0=207.156.6.el9uek uek
		kernel-ueknext=7.1.0=1.el9ueknext uek
		kernel-lt=5.4.275=1.el7.elrepo elrepo
		kernel-ml=6.9.1=1.el9.elrepo elrepo
		kernel=4.19.19=8.0.38.1.xcpng8.2 xcpng
		kernel=6.1.192=2 debian
	END
}

@test "profiles: the macros that each family's own rpm has" {
	local name macros want found profile profile_file defines
	# shellcheck disable=SC2034  # choose_profile's
	local here=$top/tools/spec file_name=x match_groups name_tag version release profile_why suffix
	# shellcheck source=tools/spec/base-srpm.d/profile.sh
	. "$here/base-srpm.d/profile.sh"
	member_names() { echo kernel.spec; }
	while IFS=' ' read -r name macros want; do
		# shellcheck disable=SC2034
		IFS='=' read -r name_tag version release <<< "$name"
		choose_profile
		defines=()
		profile_macros defines
		# Those of the host, where it has any, are not what is asked for.
		found=$(rpm "${defines[@]}" --eval "$(sed -E 's/[a-zA-Z0-9_]+/%{&}/g; s/,/ /g' <<< "$macros")")
		[ "${found% }" = "$want" ] || { echo "$name: $macros: '$found', not '$want'"; return 1; }
	done <<-'END'
		kernel=3.10.0=1160.119.1.el7 dist,rhel,el7 .el7 7 1
		kernel-plus=3.10.0=1160.el7.centos.plus dist,rhel,centos,el7 .el7 7 7 1
		kernel-plus=4.18.0=193.28.1.el8_2.centos.plus dist,rhel,centos,el8 .el8_2 8 8 1
		kernel=4.18.0=553.5.1.el8_10 dist,rhel,el8 .el8_10 8 1
		kernel=5.14.0=427.13.1.el9_4 dist,rhel,el9 .el9_4 9 1
		kernel=6.12.0=55.9.1.el10_0 dist,rhel,el10 .el10_0 10 1
		kernel=6.17.7=200.fc43 dist,fedora,fc43 .fc43 43 1
		kernel-ml=6.9.1=1.el9.elrepo dist,rhel,el9 .el9.elrepo 9 1
		kernel-uek=5.15.0=207.156.6.el9uek dist,rhel,oraclelinux,el9 .el9 9 9 1
		kernel=4.14.336=257.562.amzn2 dist,amzn,systemd_requires .amzn2 2
		kernel=6.1.41=63.109.amzn2023 dist,amzn,systemd_requires .amzn2023 2023
		kernel=5.10.0=60.18.0.50.oe2203sp1 dist,openEuler .oe2203sp1 2
		kernel=4.19.19=8.0.38.1.xcpng8.2 dist,xenserver .xcpng8.2 8
		kernel=4.19.19=8.0.44.1.xs8 dist,xenserver .xs8 8
		kernel=7.1.0=1.el11 dist,rhel,el11 .el11 11 1
		kernel=6.6.134.1=2.azl3 dist,azl .azl3 3
		kernel=5.15.182.1=1.cm2 dist .cm2
		linux=6.1.138=2.ph5 dist,photon .ph5 5
		kernel=6.6.117=45.1.oc9 dist .oc9
		kernel=6.6.25=2.2.an23 dist .an23
		kernel=4.19.90=52.22.v2207.ky10 dist,openEuler .ky10 2
		kernel=4.19.90=2107.6.0.0251.43.oe1.bclinux dist .oe1
		vzkernel=5.14.0=427.26.1.vz9.66.5 dist,rhel,el9 .vz9 9 1
		kernel=7.2.0=0.rc6.52.eln150 dist,rhel,eln .eln150 11 150
		kernel=3.10.0=1160.119.1.el7 __python3,py3_shbang_opts,py3_shebang_fix /usr/bin/python3 -s pathfix.py -pni "/usr/bin/python3 -s"
		kernel=4.18.0=553.5.1.el8_10 __python3,py3_shbang_opts,py3_shebang_fix /usr/bin/python3 -s pathfix.py -pni "/usr/bin/python3 -s"
		kernel=5.14.0=427.13.1.el9_4 __python3,py3_shbang_opts,py3_shebang_fix /usr/bin/python3 -s pathfix.py -pni "/usr/bin/python3 -s"
		kernel=6.12.0=55.9.1.el10_0 __python3,py3_shbang_opts,py3_shebang_fix /usr/bin/python3 -s pathfix.py -pni "/usr/bin/python3 -s"
		kernel=6.17.7=200.fc43 __python3,py3_shbang_opts,py3_shebang_fix /usr/bin/python3 -s pathfix.py -pni "/usr/bin/python3 -s"
		kernel-ml=6.9.1=1.el9.elrepo __python3,py3_shbang_opts,py3_shebang_fix /usr/bin/python3 -s pathfix.py -pni "/usr/bin/python3 -s"
		kernel=6.1.41=63.109.amzn2023 __python3,py3_shbang_opts /usr/bin/python3 -s
	END
}
