#!/usr/bin/env bats
# The patches, live and not: on each distribution kernel at hand a small kernel
# with the series is built and booted (QEMU, SVM), and once more with KVM
# modules that lack it. First what kvm-selftest says of each, then what the time
# accounting of 40001 costs, in instructions. Ten minutes a base at most, two
# when ccache has it all; kept under build/cache/patch-live.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output

top=$(realpath "$BATS_TEST_DIRNAME/../..")
modules=(virt/lib/irqbypass.ko arch/x86/kvm/kvm.ko arch/x86/kvm/kvm-amd.ko arch/x86/kvm/kvm-intel.ko)

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
}

# kmake VERSION TARGET...
kmake() {
	local cc=gcc
	! command -v ccache >/dev/null || cc="ccache gcc"
	make -s -C "$top/build/cache/patch-live/$1/tree" O=obj ARCH=x86_64 \
		CC="$cc" HOSTCC="$cc" LOCALVERSION=.live -j"$(nproc)" \
		KVM_BUILD_ID="$(jq -r .series "$top/build/cache/patch-live/$1/series.json")" "${@:2}"
}

# take VERSION NAME: the modules as they are now.
take() {
	local ko dir=$top/build/cache/patch-live/$1
	rm -rf "${dir:?}/$2"
	mkdir "$dir/$2"
	for ko in "${modules[@]}"; do
		[[ ! -f $dir/tree/obj/$ko ]] || cp "$dir/tree/obj/$ko" "$dir/$2/"
	done
}

# built VERSION: kernel, modules with the series in patched/ and without in
# plain/, kvm-selftest in root/; unless they are there for these very inputs.
built() {
	local v=$1 dir=$top/build/cache/patch-live/$1 tar=/usr/src/linux-source-$1.tar.xz key f
	[[ -f $tar ]] || skip "no linux-source-$v here: tools/build-deps --for check --install"
	key=$(cat "$top"/patches/*.patch "$top/configs/guest-x86_64.config" "$BATS_TEST_DIRNAME/patches.config" <(stat -c %y "$tar") | sha256sum)
	if [[ $(cat "$dir/key" 2>/dev/null) != "$key" ]]; then
		rm -rf "$dir"
		mkdir -p "$dir/tree"
		XZ_OPT=-T0 tar -xJf "$tar" -C "$dir/tree" --strip-components=1
		"$top/tools/patch" apply --tree "$dir/tree" --out "$dir/series.json" "$top"/patches/*.patch
		"$top/tools/kconfig" guest --tree "$dir/tree" --build "$dir/tree/obj" --fragment "$BATS_TEST_DIRNAME/patches.config"
		kmake "$v" bzImage modules
		take "$v" patched
		while read -r f; do
			patch -R -p1 -s --no-backup-if-mismatch -d "$dir/tree" < "$top/patches/$f"
		done < <(jq -r '.patches | reverse[] | select(.status == "applied").file' "$dir/series.json")
		kmake "$v" modules
		take "$v" plain
		printf '%s\n' "$key" > "$dir/key"
	fi
	make -s -C "$top/vmm" O="$top/build/vmm" DESTDIR="$dir/root" PREFIX=/usr install
	jq -n --slurpfile s "$dir/series.json" --arg rel "$(cat "$dir/tree/obj/include/config/kernel.release")" '$s[0] +
		{schema: 1, name: "kernel-kvm", kverrel: $rel, build_id: ($rel + "+" + $s[0].series)}' > "$dir/manifest.json"
}

# with VERSION MODULES OPTION... -- COMMAND...: run COMMAND on that kernel.
with() {
	local dir=$top/build/cache/patch-live/$1 mods=$2 ko options=()
	shift 2
	for ko in irqbypass kvm kvm-amd; do
		[[ ! -f $dir/$mods/$ko.ko ]] || options+=(--module "$dir/$mods/$ko.ko")
	done
	"$top/tools/boot" svm --kernel "$dir/tree/obj/arch/x86/boot/bzImage" "${options[@]}" --append tsc=reliable \
		--file "$dir/root/usr/bin/kvm-selftest" --file "$dir/root/usr/bin/kvm-vmm" \
		--dir "$dir/root/usr/share/kernel-kvm/guest:/usr/share/kernel-kvm/guest" \
		--file "$dir/manifest.json:/manifest.json" --deadline 900 "$@"
}

# probes VERSION MODULES: kvm-selftest's lines on the patches, in probes.tap.
probes() {
	with "$1" "$2" --log console -- kvm-selftest --format tap --manifest /manifest.json \
		--only 'patch/*' --timeout-scale 4 > probes.tap || :
	cat probes.tap
}

live() {
	local n
	built "$1"
	probes "$1" patched
	[ "$(grep -c '^not ok' probes.tap)" -eq 0 ]
	n=$(jq '[.patches[] | select(.status == "applied")] | length' "$top/build/cache/patch-live/$1/series.json")
	[ "$n" -ge 3 ]
	# Each that was applied, and patch/series.
	[ "$(grep '^ok' probes.tap | grep -vc '# SKIP')" -eq $((n + 1)) ]
	# A guest runs on it, too.
	with "$1" patched -- kvm-selftest --format tap --manifest /manifest.json --only 'flat/*' --timeout-scale 4 > flat.tap
	grep -q '^ok .*flat/long-mode' flat.tap
}

dead() {
	local n
	built "$1"
	probes "$1" plain
	for n in $(jq -r '.patches[] | select(.status == "applied").number' "$top/build/cache/patch-live/$1/series.json") series; do
		grep -qE "^not ok [0-9]+ patch/$n( |\$)" probes.tap || { echo "patch/$n did not fail"; return 1; }
	done
}

# exit_ns VERSION MODULES: time of an exit by CPUID, in ns of an emulated clock
# that counts 2 ns an instruction, with the accounting off and, where there is
# any, on. The figures repeat exactly.
exit_ns() {
	cat > cost <<-'END'
		on=/sys/module/kvm/parameters/exit_time
		for v in 0 1; do
			[ $v = 0 ] || [ -e $on ] || exit 0
			[ ! -e $on ] || echo $v > $on
			kvm-selftest --format json --manifest /manifest.json --only perf/exit-kernel --timeout-scale 20
		done
	END
	with "$1" "$2" --icount --file cost:/cost --log console --output cost.json --quiet -- sh /cost
	jq -r '.checks[] | select(.name == "perf/exit-kernel").metrics[] | select(.name == "cpuid").value | floor' cost.json
}

costs() {
	local plain off on
	built "$1"
	plain=$(exit_ns "$1" plain)
	read -r off on < <(exit_ns "$1" patched | paste -sd' ')
	echo "an exit without the patches: $plain ns, off: $off ns, on: $on ns, at 2 ns an instruction"
	[ "$on" -gt "$off" ]
	[ $((on - off)) -le 120 ]
	# Two NOPs; the rest of the series may move code about.
	[ $((off - plain)) -le 20 ]
}

@test "6.1: every probe passes with the series" { live 6.1; }
@test "6.1: every probe fails without it" { dead 6.1; }
@test "6.1: accounting an exit takes at most 60 instructions, off none" { costs 6.1; }
@test "6.12: every probe passes with the series" { live 6.12; }
@test "6.12: every probe fails without it" { dead 6.12; }
@test "6.12: accounting an exit takes at most 60 instructions, off none" { costs 6.12; }
