#!/usr/bin/env bats
# The fragments of this project on the real Kconfig of the distribution's
# kernels, 6.1 and 6.12.
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output, the helper the rest

load kconfig-helper

# What the tests look at is made here, both trees at once: most of the time goes
# into the compiler calls of the trees' Kconfig.
setup_file() {
	load kconfig-helper
	cd "$BATS_FILE_TMPDIR" || exit
	local v jobs=()
	for v in 6.1 6.12; do
		[[ -f /usr/src/linux-source-$v.tar.xz && -f /usr/src/linux-config-$v/config.amd64_none_amd64.xz ]] || continue
		make_all "$v" > "make-$v.log" 2>&1 &
		jobs+=($!)
	done
	((${#jobs[@]} == 0)) || wait "${jobs[@]}" || :
}

# make_all VERSION: every config of this project on that tree; of each NAME the
# output in NAME-VERSION.out, the exit status in .rc, the .config and .required.
make_all() {
	local v=$1 tree obj
	tree=$(real_tree "$v")
	obj=$(real_build "$v")
	xz -dc "/usr/src/linux-config-$v/config.amd64_none_amd64.xz" > "distro-$v.base"
	make_one lean merge --config lean
	if [[ $v == 6.1 ]]; then
		make_one debug merge --config lean --fragment "$top/configs/debug.config"
		cp -r "$top/configs" eventfd
		rm -f eventfd/local.config
		printf '# CONFIG_EVENTFD is not set\n' > eventfd/local.config
		make_one eventfd merge --config lean --configs eventfd
	else
		make_one full merge --config full
	fi
	make_one guest guest
	make_one distro merge --config distro --base-config "distro-$v.base"
	# Of the distribution's config, the largest, how long a check takes, and how
	# long the kernel's own program to read as much.
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

# made NAME VERSION: what make_one left, as if by run; skipped if the packages
# are absent.
made() {
	cd "$BATS_FILE_TMPDIR" || exit
	[[ -f /usr/src/linux-source-$2.tar.xz && -f /usr/src/linux-config-$2/config.amd64_none_amd64.xz ]] ||
		skip "no linux-source-$2 and linux-config-$2 here: tools/build-deps --for check --install"
	[ -s "$1-$2.rc" ] || { cat "make-$2.log"; return 1; }
	output=$(cat "$1-$2.out")
	status=$(cat "$1-$2.rc")
	printf '%s\n' "$output"
}

holds() {
	made "$1" "$2"
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_KVM_INTEL=m' "$1-$2.required"
}

# cpu_ms FILE: user and system time that `times` left in FILE, in ms.
cpu_ms() {
	awk '/m.*s / { split($1, a, /[ms]/); split($2, b, /[ms]/); t = (a[1] + b[1]) * 60000 + (a[2] + b[2]) * 1000 } END { printf "%d\n", t }' "$1"
}

@test "lean holds on 6.1" { holds lean 6.1; }
@test "lean holds on 6.12" { holds lean 6.12; }
@test "full holds on 6.12" { holds full 6.12; }
@test "distro holds on 6.1" { holds distro 6.1; }
@test "distro holds on 6.12" { holds distro 6.12; }
@test "debug holds on top of lean" { holds debug 6.1; }

@test "checking the distribution's config takes no longer than the kernel's listnewconfig" {
	local v check floor
	for v in 6.1 6.12; do
		holds distro "$v"
		check=$(cpu_ms "times-$v") floor=$(cpu_ms "floor-$v")
		echo "$v: check $check ms of CPU, listnewconfig $floor ms"
		# A third for the noise of two short runs.
		[ "$check" -lt $((floor * 4 / 3)) ]
	done
}

@test "the guest kernel's config is small on both" {
	local v
	for v in 6.1 6.12; do
		made guest "$v"
		[ "$status" -eq 0 ]
		[ "$(grep -c =y "guest-$v.config")" -lt 650 ]
		grep -qx CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y "guest-$v.config"
		[ "$(grep -c =m "guest-$v.config")" -eq 0 ]
	done
}

@test "EVENTFD switched off on the real tree: who selects it" {
	made eventfd 6.1
	[ "$status" -eq 1 ]
	[[ $output == *'eventfd/local.config:1: CONFIG_EVENTFD: wanted n, got y'* ]]
	[[ $output == *'selected by HAVE_KVM_EVENTFD [=y] (virt/kvm/Kconfig:'* ]]
	[[ $output == *'selected by KVM [=m] (arch/x86/kvm/Kconfig:'* ]]
}

@test "every fragment begins with the architecture" {
	local f
	for f in "$top"/configs/*.config; do
		[ "$(head -n 1 "$f")" = '# x86_64' ] || { echo "$f"; return 1; }
	done
}
