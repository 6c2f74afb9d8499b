#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The patches, live and not. For each distribution kernel at hand this builds a small
# kernel, KVM modules with the series and modules without it, and boots both on an AMD
# (QEMU) and an Intel processor (Bochs). It looks at the verdict of kvm-selftest's
# probes, at what 40001 and 40006 cost in instructions, and at whether 40002 holds
# guests to their rate. At hand are the bases that tools/spec/patch finds, and the
# linux-source tarballs that KERNEL_KVM_BASES names. A base takes ten minutes at most,
# two when ccache has it all, and is kept under build/cache/patch-live.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output

top=$(realpath "$BATS_TEST_DIRNAME/../..")
cache=$top/build/cache/patch-live
modules=(virt/lib/irqbypass.ko arch/x86/kvm/kvm.ko arch/x86/kvm/kvm-amd.ko arch/x86/kvm/kvm-intel.ko)

setup() {
	cd "$BATS_FILE_TMPDIR" || exit
	# shellcheck source=tools/spec/patch.d/bases.sh
	. "$top/tools/spec/patch.d/bases.sh"
	read -ra tarballs <<< "${KERNEL_KVM_BASES-$(bases_at_hand | paste -sd' ')}"
	((${#tarballs[@]})) || skip "no kernel at hand: tools/build-deps --for check --install, or KERNEL_KVM_BASES=FILE"
}

# kmake DIR TARGET...
kmake() {
	local cc=gcc
	! command -v ccache >/dev/null || cc="ccache gcc"
	make -s -C "$1/tree" O=obj ARCH=x86_64 CC="$cc" HOSTCC="$cc" LOCALVERSION=.live -j"$(nproc)" \
		KVM_BUILD_ID="$(jq -r .series "$1/series.json")" "${@:2}"
}

# take DIR NAME: keep the present modules as NAME.
take() {
	local ko
	rm -rf "${1:?}/$2"
	mkdir "$1/$2"
	for ko in "${modules[@]}"; do
		[[ ! -f $1/tree/obj/$ko ]] || cp "$1/tree/obj/$ko" "$1/$2/"
	done
}

# build DIR TARBALL: kernel, modules with the series in patched/ and without in
# plain/.
build() {
	local dir=$1 f
	rm -rf "$dir"
	mkdir -p "$dir/tree" &&
		XZ_OPT=-T0 tar -xf "$2" -C "$dir/tree" --strip-components=1 &&
		"$top/tools/spec/patch" apply --tree "$dir/tree" --out "$dir/series.json" "$top"/patches/*.patch &&
		"$top/tools/spec/kconfig" guest --tree "$dir/tree" --build "$dir/tree/obj" --fragment "$BATS_TEST_DIRNAME/patches.config" &&
		kmake "$dir" bzImage modules && take "$dir" patched || return
	while read -r f; do
		patch -R -p1 -s --no-backup-if-mismatch -d "$dir/tree" < "$top/patches/$f" || return
	done < <(jq -r '.patches | reverse[] | select(.status == "applied").file' "$dir/series.json")
	kmake "$dir" modules && take "$dir" plain
}

# built DIR TARBALL: build, unless it exists for these very inputs, and put kvm-selftest
# into root/.
built() {
	local dir=$1 key
	key=$(cat "$top"/patches/*.patch "$top/configs/guest-x86_64.config" "$BATS_TEST_DIRNAME/patches.config" <(stat -c %y "$2") | sha256sum)
	if [[ $(cat "$dir/key" 2>/dev/null) != "$key" ]]; then
		build "$@" || return
		printf '%s\n' "$key" > "$dir/key"
	fi
	make -s -C "$top/vmm" O="$top/build/vmm" DESTDIR="$dir/root" PREFIX=/usr install &&
		cc -O2 -Wall -Wextra -Werror -o "$dir/root/usr/bin/dirty-limit" "$BATS_TEST_DIRNAME/dirty-limit.c" || return
	jq -n --slurpfile s "$dir/series.json" --arg rel "$(cat "$dir/tree/obj/include/config/kernel.release")" '$s[0] +
		{schema: 1, name: "kernel-kvm", kverrel: $rel, build_id: ($rel + "+" + $s[0].series)}' > "$dir/manifest.json"
}

# The script that runs in the machine: parts, each with a heading.
# shellcheck disable=SC2016  # for the machine's shell
look='
self() { kvm-selftest --manifest /manifest.json "$@"; }
on=/sys/module/kvm/parameters/exit_time
for part; do
	echo "== $part"
	case $part in
	probes) self --format tap --only "patch/*" --timeout-scale 4 ;;
	flat) self --format tap --only "flat/long-mode" --timeout-scale 4 ;;
	off) self --format json --only perf/exit-kernel --timeout-scale 20 ;;
	on) echo 1 > $on && self --format json --only perf/exit-kernel --timeout-scale 20; echo 0 > $on ;;
	dirty) dirty-limit; echo "ended with $?" ;;
	esac
done
# The parts are judged by what they say; without the patches, probes fail.
exit 0'

# machine DIR MACHINE MODULES [--icount] PART...: boot and run the parts; the output of
# each goes to DIR/said/MACHINE-MODULES.PART.
machine() {
	local dir=$1 mach=$2 mods=$3 ko options=()
	shift 3
	if [[ $1 == --icount ]]; then
		options+=(--icount)
		shift
	fi
	for ko in irqbypass kvm "kvm-$([[ $mach == svm ]] && echo amd || echo intel)"; do
		[[ ! -f $dir/$mods/$ko.ko ]] || options+=(--module "$dir/$mods/$ko.ko")
	done
	mkdir -p "$dir/said"
	printf '%s\n' "$look" > look
	"$top/tools/machine/boot" "$mach" --kernel "$dir/tree/obj/arch/x86/boot/bzImage" "${options[@]}" --append tsc=reliable \
		--file "$dir/root/usr/bin/kvm-selftest" --file "$dir/root/usr/bin/kvm-vmm" --file "$dir/root/usr/bin/dirty-limit" \
		--dir "$dir/root/usr/share/kernel-kvm/guest:/usr/share/kernel-kvm/guest" \
		--file "$dir/manifest.json:/manifest.json" --file look:/look \
		--deadline 1800 --log console --output said --quiet -- sh /look "$@" || { tail -n 20 console; return 1; }
	awk -v at="$dir/said/$mach-$mods." '/^== / { f = at $2; printf "" > f; next } f { print > f }' <(tr -d '\r' < said)
}

# looked DIR MACHINE: check everything about a build on a machine. In QEMU only --icount
# makes figures repeat, but not every guest survives it; Bochs always counts time in
# instructions.
looked() {
	[[ ! -e $1/said/$2.done ]] || return 0
	if [[ $2 == svm ]]; then
		machine "$1" svm patched probes flat && machine "$1" svm plain probes &&
			machine "$1" svm patched --icount off on dirty && machine "$1" svm plain --icount off
	else
		machine "$1" vmx patched probes flat off on dirty && machine "$1" vmx plain probes off
	fi && touch "$1/said/$2.done"
}

# each FUNCTION MACHINE: run FUNCTION for every base, even after one fails.
each() {
	local tarball dir failed=()
	for tarball in "${tarballs[@]}"; do
		dir=${tarball##*/}
		dir=$cache/${dir%%.tar*}
		echo "# ${tarball##*/}, $2"
		built "$dir" "$tarball" && looked "$dir" "$2" && "$1" "$dir/said/$2" "$dir/series.json" || failed+=("${tarball##*/}")
	done
	((${#failed[@]} == 0)) || { echo "failed: ${failed[*]}"; return 1; }
}

setup_file() {
	# What was seen with an older kvm-selftest does not count.
	rm -rf "$cache"/*/said
}

# live SAID SERIES: each that was applied passes, and patch/series; a guest runs.
live() {
	local n
	cat "$1-patched.probes"
	n=$(jq '[.patches[] | select(.status == "applied")] | length' "$2")
	((n >= 2)) && ! grep -q '^not ok' "$1-patched.probes" &&
		(($(grep '^ok' "$1-patched.probes" | grep -vc '# SKIP') == n + 1)) &&
		grep '^ok .*flat/long-mode' "$1-patched.flat"
}

# dead SAID SERIES: none of them passes.
dead() {
	local n
	cat "$1-plain.probes"
	for n in $(jq -r '.patches[] | select(.status == "applied").number' "$2") series; do
		grep -qE "^not ok [0-9]+ patch/$n( |\$)" "$1-plain.probes" || { echo "patch/$n did not fail"; return 1; }
	done
}

# instructions FILE PER: of an exit by CPUID, whose time is counted in
# instructions of PER ns.
instructions() {
	jq -r --argjson per "$2" '.checks[] | select(.name == "perf/exit-kernel").metrics[] | select(.name == "cpuid").value / $per | round' "$1"
}

# costs SAID SERIES
costs() {
	local per plain off on
	per=$([[ $1 == */svm ]] && echo 2 || echo 10)
	plain=$(instructions "$1-plain.off" "$per") &&
		off=$(instructions "$1-patched.off" "$per") &&
		on=$(instructions "$1-patched.on" "$per") || return
	echo "an exit without the patches: $plain instructions, off: $off, on: $on"
	# Off, two NOPs; the rest of the series may move code about.
	((on > off && on - off <= 60 && off - plain <= 10))
}

# held SAID SERIES
held() {
	if ! jq -e 'any(.patches[]; .number == 40002 and .status == "applied")' "$2" >/dev/null; then
		echo "# 40002 is not for this base"
		return
	fi
	cat "$1-patched.dirty"
	grep -qx 'ended with 0' "$1-patched.dirty"
}

@test "SVM: every probe passes with the series" { each live svm; }
@test "SVM: every probe fails without it" { each dead svm; }
@test "SVM: accounting an exit takes at most 60 instructions, off none" { each costs svm; }
@test "SVM: vCPUs are held to their VM's dirty rate, readers are not" { each held svm; }
@test "VMX: every probe passes with the series" { each live vmx; }
@test "VMX: every probe fails without it" { each dead vmx; }
@test "VMX: accounting an exit takes at most 60 instructions, off none" { each costs vmx; }
@test "VMX: vCPUs are held to their VM's dirty rate, readers are not" { each held vmx; }
