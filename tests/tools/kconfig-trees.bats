#!/usr/bin/env bats
# The fragments of this project on the real Kconfig of the distribution's
# kernels, 6.1 and 6.12.
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output, the helper the rest

load kconfig-helper

# on VERSION: the tree, or the test is skipped because its package is absent.
on() {
	tree=$(real_tree "$1") || skip "no linux-source-$1 here: tools/build-deps --for check --install"
	cd "$BATS_TEST_TMPDIR" || exit
	# One build directory per tree: scripts/kconfig is compiled once.
	obj=$BATS_FILE_TMPDIR/obj-$1
}

distro_config() {
	local xz=/usr/src/linux-config-$1/config.amd64_none_amd64.xz
	[[ -f $xz ]] || skip "no linux-config-$1 here: tools/build-deps --for check --install"
	xz -dc "$xz" > distro.config
}

# cpu_ms FILE: user and system time that `times` left in FILE, in ms.
cpu_ms() {
	awk '/m.*s / { split($1, a, /[ms]/); split($2, b, /[ms]/); t = (a[1] + b[1]) * 60000 + (a[2] + b[2]) * 1000 } END { printf "%d\n", t }' "$1"
}

holds() {
	local v=$1 config=$2
	on "$v"
	distro_config "$v"
	run "$kconfig" merge --tree "$tree" --build "$obj" --configs "$top/configs" --config "$config" --base-config distro.config
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_KVM_INTEL=m' "$obj/.required"
}

@test "lean holds on 6.1" { holds 6.1 lean; }
@test "lean holds on 6.12" { holds 6.12 lean; }
@test "full holds on 6.12" { holds 6.12 full; }
@test "distro holds on 6.12" { holds 6.12 distro; }

@test "distro holds on 6.1, and checking it takes less than 2 s of CPU" {
	holds 6.1 distro
	bash -c '"$@" && times > times' - "$kconfig" check --tree "$tree" --build "$obj"
	cat times
	[ "$(cpu_ms times)" -lt 2000 ]
}

@test "debug holds on top of lean" {
	on 6.1
	run "$kconfig" merge --tree "$tree" --build "$obj" --configs "$top/configs" --config lean --fragment "$top/configs/debug.config"
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
}

@test "the guest kernel's config is small on both" {
	local v
	for v in 6.1 6.12; do
		on "$v"
		"$kconfig" guest --tree "$tree" --build "$obj"
		[ "$(grep -c =y "$obj/.config")" -lt 650 ]
		grep -qx CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y "$obj/.config"
		[ "$(grep -c =m "$obj/.config")" -eq 0 ]
	done
}

@test "EVENTFD switched off on the real tree: who selects it" {
	on 6.1
	cp -r "$top/configs" configs
	printf '# CONFIG_EVENTFD is not set\n' > configs/local.config
	run "$kconfig" merge --tree "$tree" --build "$obj" --configs configs --config lean
	[ "$status" -eq 1 ]
	[[ $output == *'configs/local.config:1: CONFIG_EVENTFD: wanted n, got y'* ]]
	[[ $output == *'selected by HAVE_KVM_EVENTFD [=y] (virt/kvm/Kconfig:'* ]]
	[[ $output == *'selected by KVM [=m] (arch/x86/kvm/Kconfig:'* ]]
}

@test "every fragment begins with the architecture" {
	local f
	for f in "$top"/configs/*.config; do
		[ "$(head -n 1 "$f")" = '# x86_64' ] || { echo "$f"; return 1; }
	done
}
