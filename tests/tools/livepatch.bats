#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/livepatch on a checkout and a kernel in miniature: KVM is two C files. The tree's
# klp-build is a stand-in that compiles them before and after the patch and compares what
# comes of it; the kernel's own runs in tests/long/livepatch.bats.
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	export CCACHE_DISABLE=1
	# As on a backport: names of packages and units cannot have its ~ and +.
	K=7.2.9-1~bpo13+1.kvm.x86_64 N=kernel-kvm-livepatch-7.2.9-1_bpo13_1.kvm.x86_64
	mkdir -p co/SOURCES co/patches co/build
	cp -r "$top/tools" co/
	make_base
	sha=$(printf '%064d' 7)
	printf '%%global base_%s\n' "srpm k-7.2.9-1.src.rpm" "release 1~bpo13+1" "epoch_time 1700000000" "sha256 $sha" > co/SOURCES/base.inc
	cp "$top/SOURCES/macros.inc" co/SOURCES/
	# The base SRPM's own %prep, whose suites are base-srpm*.bats.
	cat > co/tools/spec/base-srpm <<-END
		#!/usr/bin/env bash
		cp -r "$PWD/base" "\${@: -1}"
	END
	make_patch 40000 virt/kvm/kvm_main.c 'int one(int a) { return a + 1; }' one
	make_kernel
}

make_base() {
	mkdir -p base/arch/x86/kvm/svm base/virt/kvm base/include/linux base/fs base/scripts/livepatch base/tools/objtool
	printf 'VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 9\nEXTRAVERSION =\n' > base/Makefile
	cat > base/arch/x86/kvm/x86.c <<-'END'
		#include "../../../include/linux/kvm_host.h"

		static int limit = 5;
		static int table[] = { 1, 2, 3 };

		/* What it does. */
		int kvm_first(struct kvm_vcpu *vcpu)
		{
			return vcpu->a + limit + table[vcpu->a & 1];
		}

		int __attribute__((section(".init.text"))) kvm_x86_init(void)
		{
			return 0;
		}

		int kvm_last(struct kvm_vcpu *vcpu)
		{
			return vcpu->a;
		}
	END
	printf 'int svm_a(int a)\n{\n\treturn a;\n}\n\nint svm_b(int a)\n{\n\treturn a * 3;\n}\n' > base/arch/x86/kvm/svm/svm.c
	printf 'int kvm_main;\n\nint b;\n\nint c;\n' > base/virt/kvm/kvm_main.c
	printf 'int do_exec(int a)\n{\n\treturn a;\n}\n\nint c;\n' > base/fs/exec.c
	printf 'struct kvm_vcpu {\n\tint a;\n};\n\nint kvm_first(struct kvm_vcpu *vcpu);\n' > base/include/linux/kvm_host.h
	echo licence > base/COPYING
	echo 'echo 7.2.9' > base/scripts/setlocalversion
	echo '.globl x' > base/fs/entry.S
	cat > base/scripts/livepatch/klp-build <<-'END'
		#!/usr/bin/env bash
		# OBJECT SOURCE... of this kernel.
		set -euo pipefail
		say() { echo "$*" >> klp-calls; }
		say "klp-build $*, id $KVM_BUILD_ID, $MAKEFLAGS"
		orig=1 patches=()
		while (($#)); do
			case $1 in
			-T) ;;
			-S) orig=; shift ;;
			-j) shift ;;
			-o) out=$2; shift ;;
			*) patches+=("$1") ;;
			esac
			shift
		done
		compile() {
			mkdir -p "$1/arch/x86/kvm"
			gcc -w -O2 -ffunction-sections -c -o "$1/arch/x86/kvm/kvm.o" arch/x86/kvm/x86.c &&
			gcc -w -O2 -ffunction-sections -c -o "$1/arch/x86/kvm/kvm-amd.o" arch/x86/kvm/svm/svm.c &&
			gcc -w -O2 -ffunction-sections -c -o "$1/vmlinux.o" fs/exec.c
		}
		if [[ $orig ]]; then
			say original
			rm -rf klp-tmp
			compile klp-tmp/1-orig
			cp klp-tmp/1-orig/vmlinux.o klp-tmp/1-orig/vmlinux
			touch klp-tmp/1-orig/.complete
		fi
		[[ ! -e ../die ]] || { patch -p1 -s < "${patches[0]}"; kill -KILL $$; }
		for p in "${patches[@]}"; do patch -p1 -s < "$p"; done
		rc=0
		compile klp-tmp/2-patched || rc=1
		for p in "${patches[@]}"; do patch -R -p1 -s < "$p"; done
		((rc == 0)) || exit 1
		rm -rf klp-tmp/4-diff
		mkdir klp-tmp/4-diff
		for o in arch/x86/kvm/kvm.o arch/x86/kvm/kvm-amd.o vmlinux.o; do
			for f in $(nm "klp-tmp/2-patched/$o" | awk '$2 ~ /[tT]/ { print $3 }'); do
				was=$(objdump -dr --no-show-raw-insn "--disassemble=$f" "klp-tmp/1-orig/$o" | tail -n +4)
				is=$(objdump -dr --no-show-raw-insn "--disassemble=$f" "klp-tmp/2-patched/$o" | tail -n +4)
				[[ $was == "$is" ]] || echo "$o: changed function: $f" | tee -a klp-tmp/4-diff/diff.log
			done
		done
		[[ ! -e ../says ]] || { cat ../says >&2; exit 1; }
		[[ -s klp-tmp/4-diff/diff.log ]] || { echo "error: klp-build: no changes detected" >&2; exit 1; }
		printf '.section .modinfo,"a"\n.asciz "vermagic=%s SMP"\n.asciz "livepatch=Y"\n' "${VERMAGIC:-7.2.9-1~bpo13+1.kvm.x86_64}" | gcc -c -x assembler -o "$out" -
	END
	chmod +x base/scripts/livepatch/klp-build
}

# make_patch NUMBER FILE LINE NAME [CONTEXT-LINE]: a patch that puts LINE at the end of FILE,
# or in the place of the line CONTEXT-LINE.
make_patch() {
	local dir=co/patches
	[[ $1 -lt 42000 ]] || dir=.
	rm -rf a b
	mkdir -p "a/$(dirname "$2")" "b/$(dirname "$2")"
	cp "base/$2" "a/$2"
	if [[ -n ${5:-} ]]; then
		LINE=$3 AT=$5 gawk '{ t = $0; at = ENVIRON["AT"]; gsub(/^[ \t]+/, "", t); gsub(/^[ \t]+/, "", at) } t == at { print ENVIRON["LINE"]; next } { print }' "a/$2" > "b/$2"
	else
		{ cat "a/$2"; echo "$3"; } > "b/$2"
	fi
	{
		printf 'From 0 Mon Sep 17 00:00:00 2001\nFrom: a <a@b.invalid>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n'
		printf 'Subject: [PATCH] KVM: x86: Do %s\n\nWhy.\n\nKernel: >= 7.2\nProbe: check flat/hypercalls\nUpstream: no\nSigned-off-by: a <a@b.invalid>\n---\n' "$4"
		echo "diff --git a/$2 b/$2"
		diff -u "a/$2" "b/$2" | sed '1s/\t.*//; 2s/\t.*//'
	} > "$dir/$1-$4.patch" || :
	rm -rf a b
}

# The kernel that is installed: -devel, /lib/modules, manifest.
make_kernel() {
	local d=kernel/devel m=kernel/modules
	cp -r base patched
	co/tools/spec/patch apply --tree patched --out s.json co/patches/4*.patch
	mkdir -p $d/include/config $m/kernel/arch/x86/kvm
	echo "$K" > $d/include/config/kernel.release
	printf 'CONFIG_KVM=m\nCONFIG_LIVEPATCH=y\nCONFIG_HAVE_KLP_BUILD=y\nCONFIG_KLP_BUILD=y\nCONFIG_MODULE_SIG_KEY="/some/key.pem"\nCONFIG_CC_VERSION_TEXT="%s"\n' \
		"$(gcc --version | head -n 1)" > $d/.config
	printf '.section .modinfo,"a"\n.asciz "srcversion=KVMSRC"\n' | gcc -c -x assembler -Wa,--noexecstack -o i.o -
	printf '.section .modinfo,"a"\n.asciz "srcversion=AMDSRC"\n' | gcc -c -x assembler -Wa,--noexecstack -o j.o -
	gcc -w -O2 -c -o o.o patched/arch/x86/kvm/x86.c && ld -r -o $m/kernel/arch/x86/kvm/kvm.ko o.o i.o
	gcc -w -O2 -c -o o.o patched/arch/x86/kvm/svm/svm.c && ld -r -o $m/kernel/arch/x86/kvm/kvm-amd.ko o.o j.o
	printf 'ffffffff81000000 T do_exec\nffffffff81000000 T start_kernel\n' > $m/System.map
	jq -n --arg k "$K" --arg s "$sha" --slurpfile p s.json '{schema: 1, kverrel: $k, version: "7.2.9", release: "1~bpo13+1.kvm",
		base: {sha256: $s, srpm: "k-7.2.9-1.src.rpm"}, series: $p[0].series, patches: $p[0].patches, build_id: "x",
		modules: {}}' > kernel/manifest.json
	rm -rf patched i.o j.o o.o
}

# livepatch PATCH...
livepatch() {
	local p given=()
	for p; do given+=(--patch "$p"); done
	run co/tools/livepatch --devel kernel/devel --manifest kernel/manifest.json --modules kernel/modules --release 7 --out out "${given[@]}"
}

# refused TEXT...: with that, and nothing was built.
refused() {
	local text
	[ "$status" -eq 1 ] || { echo "exit $status"; echo "$output"; return 1; }
	for text; do
		[[ $output == *"$text"* ]] || { echo "missing: $text"; echo "$output"; return 1; }
	done
	[ ! -e out ]
	! compgen -G 'co/build/cache/livepatch/*/tree/klp-calls'
}

mend() {
	make_patch 42000 arch/x86/kvm/x86.c $'\treturn vcpu->a + 1;' mend $'\treturn vcpu->a;'
}

@test "a fix: an RPM of that kernel with module, unit, program, manifest; the second one compiles no original again" {
	mend
	livepatch 42000-mend.patch
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	rpm=$PWD/out/x86_64/$N-7-1.x86_64.rpm
	[[ $output == *"$rpm"* ]]
	rpm -qp --requires "$rpm" > requires
	grep -qx "kernel-kvm-core-uname-r = $K" requires
	grep -qx "kernel-kvm-modules-uname-r = $K" requires
	rpm2cpio "$rpm" | cpio -id --quiet
	dir=lib/modules/$K/livepatch
	[ "$(modinfo -F vermagic "$dir/kvm_livepatch_7.ko")" = "$K SMP" ]
	grep -qx "module kvm_livepatch_7 $(sha256sum < "$dir/kvm_livepatch_7.ko" | cut -d' ' -f1)" "$dir/contents"
	grep -qx 'object kvm KVMSRC' "$dir/contents"
	grep -qx 'patch 42000 KVM: x86: Do mend' "$dir/contents"
	bash -n "$dir/kernel-kvm-livepatch"
	run grep -rE '@(KVERREL|NAME)@' lib usr
	[ "$status" -eq 1 ]
	[ -L "usr/lib/systemd/system/multi-user.target.wants/$N.service" ]
	grep -qx "ConditionKernelVersion=$K" "usr/lib/systemd/system/multi-user.target.wants/$N.service"
	m=usr/share/kernel-kvm/$K/manifest-livepatch.json
	[ "$(jq -c '[.module, .livepatch, .kverrel, .signed, .patches[0].probe, .functions]' "$m")" = \
		"[\"kvm_livepatch_7\",\"$N-7-1\",\"$K\",false,\"check flat/hypercalls\",[{\"function\":\"kvm_last\",\"object\":\"kvm\"}]]" ]
	[ "$(jq -r .kernel_series "$m")" = "$(jq -r .series kernel/manifest.json)" ]
	# The compilation is the kernel's: the same id, the same release.
	tree=$(echo co/build/cache/livepatch/*/tree)
	grep -q "id $(jq -r .series kernel/manifest.json)," "$tree/klp-calls"
	grep -qx 'CONFIG_MODULE_SIG_KEY="certs/signing_key.pem"' "$tree/.config"
	[ "$(cat "$tree/localversion-kernel-kvm")" = "-1~bpo13+1.kvm.x86_64" ]
	# Another one for the same kernel, of two patches.
	make_patch 42001 arch/x86/kvm/svm/svm.c $'\treturn a + 1;' svm $'\treturn a;'
	livepatch 42000-mend.patch 42001-svm.patch
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[ "$(grep -c '^original$' "$tree/klp-calls")" -eq 1 ]
	rpm2cpio "$rpm" | cpio -idu --quiet
	[ "$(jq -c '[.functions[] | .object + "." + .function]' "$m")" = '["kvm.kvm_last","kvm_amd.svm_a"]' ]
	grep -qx 'object kvm_amd AMDSRC' "$dir/contents"
}

@test "without --patch: those of patches/ that the kernel lacks; none is an error" {
	livepatch
	refused "the kernel $K has all of it" "PATCH=FILE"
	mend
	mv 42000-mend.patch co/patches/
	livepatch
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	livepatch co/patches/40000-one.patch
	[[ $status -eq 1 && $output == *"40000-one.patch: the kernel $K has it already"* ]]
}

@test "a patch that changes nothing, a struct, a variable, init code, assembly, a static call: refused with file and function, before the build" {
	make_patch 42000 arch/x86/kvm/x86.c '/* What it really does. */' nothing '/* What it does. */'
	livepatch 42000-nothing.patch
	refused "the running kernel would not change"
	make_patch 42000 include/linux/kvm_host.h $'\tint a;\n\tint b;' struct $'\tint a;'
	livepatch 42000-struct.patch
	refused "include/linux/kvm_host.h: the layout of struct kvm_vcpu" "klp_shadow_alloc"
	make_patch 42000 arch/x86/kvm/x86.c 'static int limit = 6;' data 'static int limit = 5;'
	livepatch 42000-data.patch
	refused "arch/x86/kvm/x86.c: limit: the value of a variable that exists already"
	make_patch 42000 arch/x86/kvm/x86.c 'static int __init late(void) { return 1; }' init
	livepatch 42000-init.patch
	refused "arch/x86/kvm/x86.c: late(): init code"
	make_patch 42000 arch/x86/kvm/x86.c 'module_param(limit, int, 0444);' param
	livepatch 42000-param.patch
	refused "arch/x86/kvm/x86.c: module_param(limit, int, 0444);: a module parameter"
	make_patch 42000 arch/x86/kvm/x86.c 'EXPORT_SYMBOL_GPL(kvm_last);' export
	livepatch 42000-export.patch
	refused "arch/x86/kvm/x86.c: EXPORT_SYMBOL_GPL(kvm_last);: an export"
	make_patch 42000 arch/x86/kvm/x86.c $'\treturn kvm_x86_call(get_cpl)(vcpu);' static $'\treturn vcpu->a;'
	livepatch 42000-static.patch
	refused "arch/x86/kvm/x86.c: kvm_last(): calls kvm_x86_call(get_cpl), a static call of a module; write KLP_STATIC_CALL(kvm_x86_get_cpl)"
	make_patch 42000 arch/x86/kvm/x86.c 'static noinstr int quiet(void) { return 1; }' noinstr
	livepatch 42000-noinstr.patch
	refused "quiet(): noinstr"
	make_patch 42000 fs/entry.S '.globl y' assembly
	livepatch 42000-assembly.patch
	refused "fs/entry.S: assembly"
	make_patch 42000 Makefile '# more' makefile
	livepatch 42000-makefile.patch
	refused "Makefile: how the kernel is built"
	# New ones are no trouble: nothing exists that has another layout or value.
	make_patch 42000 arch/x86/kvm/x86.c $'struct fresh {\n\tint a;\n};\nstatic int fresh = 7;\nint fresh_one(struct fresh *f)\n{\n\treturn f->a + fresh;\n}\nstatic int limit = 5;' fresh 'static int limit = 5;'
	mend
	mv 42000-fresh.patch 42001-fresh.patch
	livepatch 42000-mend.patch 42001-fresh.patch
	[ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "a static key of KVM's own, and one of the kernel's" {
	sed -i '1i DEFINE_STATIC_KEY_FALSE(kvm_own);' base/arch/x86/kvm/svm/svm.c
	make_patch 42000 arch/x86/kvm/svm/svm.c $'\tif (static_branch_unlikely(&kvm_own))\n\t\treturn 1;\n\treturn a;' key $'\treturn a;'
	livepatch 42000-key.patch
	[[ $status -eq 1 && $output == *"svm_a(): branches on the static key kvm_own of a module; write static_key_enabled(&kvm_own)"* ]]
}

@test "an inline function of KVM's headers with a static call, also one that it calls" {
	printf 'static inline int deep(void)\n{\n\treturn kvm_x86_call(get_cpl)(0);\n}\n\nstatic inline int shallow(void)\n{\n\treturn deep();\n}\n\nstatic inline int plain(void)\n{\n\treturn 1;\n}\n' > base/arch/x86/kvm/x86.h
	make_patch 42000 arch/x86/kvm/x86.c $'\treturn vcpu->a + shallow();' inline $'\treturn vcpu->a;'
	livepatch 42000-inline.patch
	refused "kvm_last(): calls shallow(), which is inlined and has kvm_x86_call(get_cpl), in deep()"
	run "$top/tools/livepatch.d/refuse" --tree base base base <<< arch/x86/kvm/x86.c
	[[ $status -eq 1 && $output == *"would not change"* ]]
}

@test "klp-build's own findings become sentences; a compiler's error stays as it is" {
	mend
	while IFS='|' read -r says want; do
		mkdir -p co/build
		rm -rf co/build/cache
		livepatch 42000-mend.patch
		home=$(echo co/build/cache/livepatch/*/)
		printf '%s\n' "$says" > "$home/says"
		rm -rf out
		livepatch 42000-mend.patch
		[[ $status -eq 1 && $output == *"$want"* && $output == *"build.log"* && ! -e out ]] || { echo "$says: $output"; return 1; }
	done <<- 'T'
		arch/x86/kvm/kvm.o: error: objtool: kvm_last()+0x1d: unsupported static call key __SCK__kvm_x86_get_cpl.  Use KLP_STATIC_CALL() instead|kvm_last(): a static call, __SCK__kvm_x86_get_cpl, of a module
		arch/x86/kvm/kvm.o: error: objtool: kvm_last+0x1d: unsupported static branch key kvm_x.  Use static_key_enabled() instead|kvm_last(): a branch on the static key kvm_x of a module
		arch/x86/kvm/kvm.o: error: objtool: changed data: table|arch/x86/kvm/kvm.o: the value of the variable table
		error: klp-build: no changes detected|the compiled code is the same
		error: klp-build: .config mismatch, check your .config|does not answer every question
	T
	make_patch 42000 arch/x86/kvm/x86.c $'\treturn vcpu->b;' compiler $'\treturn vcpu->a;'
	rm -rf co/build/cache
	livepatch 42000-compiler.patch
	[[ $status -eq 1 && $output == *"no member named"* ]] || { echo "$output"; false; }
}

@test "another compiler, base, series, KVERREL, configuration; no System.map: each refused by name" {
	mend
	cp -r kernel good
	again() { rm -rf kernel; cp -r good kernel; }
	sed -i 's/^CONFIG_CC_VERSION_TEXT=.*/CONFIG_CC_VERSION_TEXT="gcc (X) 99.1"/' kernel/devel/.config
	livepatch 42000-mend.patch
	refused "was compiled by 'gcc (X) 99.1', here is"
	again
	rm kernel/modules/System.map
	livepatch 42000-mend.patch
	refused "kernel/modules: no modules, or no System.map"
	again
	jq '.base.sha256 = "ff"' good/manifest.json > kernel/manifest.json
	livepatch 42000-mend.patch
	refused "was made from k-7.2.9-1.src.rpm"
	again
	echo 7.2.8-1.kvm.x86_64 > kernel/devel/include/config/kernel.release
	livepatch 42000-mend.patch
	refused "both must be of one kernel"
	again
	sed -i /^CONFIG_LIVEPATCH/d kernel/devel/.config
	livepatch 42000-mend.patch
	refused "lacks CONFIG_LIVEPATCH" "FRAGMENTS=livepatch" "make kmod"
	again
	echo '# other' >> co/patches/40000-one.patch
	livepatch 42000-mend.patch
	refused "40000-one.patch: not the text that the kernel $K has"
	rm co/patches/40000-one.patch
	livepatch 42000-mend.patch
	refused "40000-one.patch: not found, but the kernel $K has it"
}

@test "a tree without klp-build: make kmod and a migration are named" {
	mend
	sed -i '/KLP_BUILD/d' kernel/devel/.config
	livepatch 42000-mend.patch
	refused "its tree has no scripts/livepatch/klp-build" "make kmod" "migrate"
}

@test "a kernel whose functions are others than those compiled here is not live-patched" {
	mend
	gcc -w -O2 -Dkvm_first=kvm_first_isra -c -o kernel/modules/kernel/arch/x86/kvm/kvm.ko base/arch/x86/kvm/x86.c
	livepatch 42000-mend.patch
	[[ $status -eq 1 && $output == *"was not built as it was here"*"kvm: "*"kvm_first_isra (only in the kernel)"* ]] || { echo "$output"; false; }
	[ ! -e out ]
	# The image's functions are in System.map.
	make_patch 42000 fs/exec.c $'\treturn a + 9;' image $'\treturn a;'
	sed -i /do_exec/d kernel/modules/System.map
	livepatch 42000-image.patch
	[[ $status -eq 1 && $output == *"vmlinux: do_exec (only in our build)"* ]] || { echo "$output"; false; }
}

@test "vmlinux of the kept build is gone, a run was killed with its patch applied: made whole again" {
	mend
	livepatch 42000-mend.patch
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	tree=$(echo co/build/cache/livepatch/*/tree)
	rm "$tree/klp-tmp/1-orig/vmlinux"
	livepatch 42000-mend.patch
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[ "$(grep -c '^original$' "$tree/klp-calls")" -eq 2 ]
	touch "$tree/../die"
	livepatch 42000-mend.patch
	[ "$status" -eq 1 ]
	[ "$(grep -c 'vcpu->a + 1' "$tree/arch/x86/kvm/x86.c")" -eq 0 ]
	rm "$tree/../die"
	# Power lost in the middle: what the next run finds.
	mkdir -p "$tree/../undo/arch/x86/kvm"
	cp "$tree/arch/x86/kvm/x86.c" "$tree/../undo/arch/x86/kvm/"
	printf '%s\n' arch/x86/kvm/x86.c arch/x86/kvm/new.c > "$tree/../undo.list"
	(cd "$tree" && patch -p1 -s < ../../../../../../42000-mend.patch && touch arch/x86/kvm/new.c)
	make_patch 42000 arch/x86/kvm/x86.c $'\treturn vcpu->a + 2;' other $'\treturn vcpu->a;'
	livepatch 42000-other.patch
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[ "$(grep -c 'vcpu->a + [12]' "$tree/arch/x86/kvm/x86.c")" -eq 0 ]
	[ ! -e "$tree/arch/x86/kvm/new.c" ]
}

@test "a module of another KVERREL: not packaged; rpm's own Requires refuse the package elsewhere" {
	mend
	VERMAGIC=7.2.9-2.kvm.x86_64 livepatch 42000-mend.patch
	[[ $status -eq 1 && $output == *"is for 7.2.9-2.kvm.x86_64 SMP, not for $K"* && ! -e out ]] || { echo "$output"; false; }
	livepatch 42000-mend.patch
	[ "$status" -eq 0 ]
	run rpm --dbpath "$PWD/db" -i --test --ignorearch "out/x86_64/$N-7-1.x86_64.rpm"
	[[ $status -ne 0 && $output == *"kernel-kvm-core-uname-r = $K is needed by"* ]] || { echo "$output"; false; }
}

@test "no kernel built yet, half of a set of options, a patch that is not there" {
	run co/tools/livepatch
	[[ $status -eq 1 && $output == *"make rpm FRAGMENTS=livepatch"* ]]
	run co/tools/livepatch --devel kernel/devel --manifest kernel/manifest.json
	[ "$status" -eq 2 ]
	run co/tools/livepatch --release x
	[ "$status" -eq 2 ]
	run co/tools/livepatch --key k
	[ "$status" -eq 2 ]
	echo nothing > empty.patch
	livepatch empty.patch
	[[ $status -eq 1 && $output == *"a patch that git cannot read"* ]]
	livepatch absent.patch
	refused "absent.patch: no such patch"
	run co/tools/livepatch --help
	[[ $status -eq 0 && $output == *"kernel-kvm-livepatch-KVERREL"* ]]
}
