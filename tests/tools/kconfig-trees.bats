#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The fragments of this project on the real Kconfig of every distribution kernel
# that is here (kconfig-helper.bash: KCONFIG_SOURCES names more).
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output, the helper the rest

load kconfig-helper

# Make everything that the tests look at here, for all trees at once: most of the time
# goes into the compiler calls of the trees' Kconfig.
setup_file() {
	load kconfig-helper
	cd "$BATS_FILE_TMPDIR" || exit
	local v jobs=()
	versions > here
	while read -r v; do
		make_all "$v" > "make-$v.log" 2>&1 &
		jobs+=($!)
	done < here
	((${#jobs[@]} == 0)) || wait "${jobs[@]}" || :
}

# make_all VERSION: every config of this project on that tree; of each NAME the
# output in NAME-VERSION.out, the exit status in .rc, the .config and .required.
make_all() {
	local v=$1 tree obj
	tree=$(real_tree "$v")
	obj=$(real_build "$v")
	xz -dc "$(base_of "$v")" > "distro-$v.base"
	make_one lean merge --config lean
	make_one full merge --config full
	make_one debug merge --config lean --fragment "$top/configs/debug.config"
	make_one livepatch merge --config lean --fragment "$top/configs/livepatch.config"
	make_one guest guest
	make_one debuginfo merge --config distro --base-config "distro-$v.base" --fragment "$top/configs/debuginfo.config"
	if [[ $v == $(head -n 1 here) ]]; then
		cp -r "$top/configs" eventfd
		rm -f eventfd/local.config
		printf '# CONFIG_EVENTFD is not set\n' > eventfd/local.config
		make_one eventfd merge --config lean --configs eventfd
	fi
	make_one distro merge --config distro --base-config "distro-$v.base"
	# Measure a check of the distribution's config, which is the largest, and the
	# kernel's own program that reads as much.
	bash -c '"${@:2}" && times > "times-$1"' - "$v" "$kconfig" check --tree "$tree" --build "$obj"
	bash -c '"${@:2}" > /dev/null && times > "floor-$1"' - "$v" make -s -C "$tree" O="$obj" ARCH=x86_64 listnewconfig
}

# make_one NAME VERB OPTION...: in make_all.
make_one() {
	local name=$1-$v rc=0
	"$kconfig" "$2" --tree "$tree" --build "$obj" "${@:3}" > "$name.out" 2>&1 || rc=$?
	echo "$rc" > "$name.rc"
	[[ ! -e $obj/.config ]] || cp "$obj/.config" "$name.config"
	[[ ! -e $obj/.required ]] || cp "$obj/.required" "$name.required"
}

# made NAME VERSION: set output and status to what make_one left, as run does.
made() {
	[ -s "$1-$2.rc" ] || { cat "make-$2.log"; return 1; }
	output=$(cat "$1-$2.out")
	status=$(cat "$1-$2.rc")
	printf '%s: %s: %s\n' "$1" "$2" "$output"
}

holds() {
	made "$1" "$2"
	[ "$status" -eq 0 ]
}

# holds_everywhere NAME
holds_everywhere() {
	local v
	while read -r v; do
		holds "$1" "$v"
		[[ $1 == guest ]] || grep -qx 'CONFIG_KVM_INTEL=m' "$1-$v.required"
	done < here
}

setup() {
	cd "$BATS_FILE_TMPDIR" || exit
	[[ -s here ]] || skip "no linux-source and linux-config here: tools/build-deps --for check --install"
	oldest=$(head -n 1 here)
}

# cpu_ms FILE: user and system time that `times` left in FILE, in ms.
cpu_ms() {
	awk '/m.*s / { split($1, a, /[ms]/); split($2, b, /[ms]/); t = (a[1] + b[1]) * 60000 + (a[2] + b[2]) * 1000 } END { printf "%d\n", t }' "$1"
}

@test "lean holds on every tree here" { holds_everywhere lean; }
@test "full holds on every tree here" { holds_everywhere full; }
@test "distro holds on every tree here" { holds_everywhere distro; }
@test "debug holds on top of lean" { holds_everywhere debug; }

@test "livepatch holds on top of lean, and the kernel then accepts live patches" {
	local v
	holds_everywhere livepatch
	while read -r v; do
		grep -qx CONFIG_LIVEPATCH=y "livepatch-$v.config"
		grep -qx CONFIG_DYNAMIC_FTRACE=y "livepatch-$v.config"
		grep -qx CONFIG_UNWINDER_ORC=y "livepatch-$v.config"
	done < here
}

@test "distro has debug information only if a fragment turns it on" {
	local v
	while read -r v; do
		grep -qx CONFIG_DEBUG_INFO=y "distro-$v.base"
		grep -qx '# CONFIG_DEBUG_INFO is not set' "distro-$v.required"
		[ "$(grep -c '^CONFIG_DEBUG_INFO=y' "distro-$v.config")" -eq 0 ]
		holds debuginfo "$v"
		grep -qx CONFIG_DEBUG_INFO=y "debuginfo-$v.config"
	done < here
}

@test "what the distribution builds in stays built in" {
	local v s
	while read -r v; do
		for s in VIRTIO_PCI VIRTIO_CONSOLE FUSE_FS VIRTIO_FS; do
			! grep -qx "CONFIG_$s=y" "distro-$v.base" || grep -qx "CONFIG_$s=y" "distro-$v.config"
		done
	done < here
}

@test "checking the distribution's config takes no longer than the kernel's listnewconfig" {
	local v check floor
	while read -r v; do
		holds distro "$v"
		check=$(cpu_ms "times-$v") floor=$(cpu_ms "floor-$v")
		echo "$v: check $check ms of CPU, listnewconfig $floor ms"
		# A third for the noise of two short runs.
		[ "$check" -lt $((floor * 4 / 3)) ]
	done < here
}

@test "the guest kernel's config is small on every tree here" {
	local v
	holds_everywhere guest
	while read -r v; do
		[ "$(grep -c =y "guest-$v.config")" -lt 650 ]
		grep -qx CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y "guest-$v.config"
		[ "$(grep -c '=m$' "guest-$v.config")" -eq 0 ]
	done < here
}

@test "EVENTFD switched off on the real tree: who selects it" {
	made eventfd "$oldest"
	[ "$status" -eq 1 ]
	[[ $output == *'eventfd/local.config:1: CONFIG_EVENTFD: wanted n, got y'* ]]
	[[ $output =~ 'selected by '(HAVE_KVM_EVENTFD|KVM_COMMON)' [='[ym]'] (virt/kvm/Kconfig:' ]]
	[[ $output =~ 'selected by KVM'(_X86)?' [=m] (arch/x86/kvm/Kconfig:' ]]
}

@test "every fragment begins with the architecture" {
	local f
	for f in "$top"/configs/*.config; do
		[ "$(head -n 1 "$f")" = '# x86_64' ] || { echo "$f"; return 1; }
	done
}
