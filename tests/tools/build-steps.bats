#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The small tools that the spec's steps call: their work, and their messages when they
# cannot do it.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	tools=$top/tools
	cd "$BATS_TEST_TMPDIR" || exit
}

tree() {
	mkdir -p tree
	printf 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nEXTRAVERSION =\nNAME = x\n' > tree/Makefile
}

@test "kernelrelease: localversion is what follows the tree's version" {
	tree
	touch tree/localversion-foo
	"$tools/spec/kernelrelease" set tree 6.1.192-2.kvm.x86_64
	[ "$(cat tree/localversion-kernel-kvm)" = -2.kvm.x86_64 ]
	grep -qx 'EXTRAVERSION =' tree/Makefile
	[ ! -e tree/localversion-foo ]
}

@test "kernelrelease: a tree of another version is refused, both named" {
	tree
	run "$tools/spec/kernelrelease" set tree 6.12.1-2.kvm.x86_64
	[ "$status" -eq 1 ]
	[[ $output == *"the tree is 6.1.192, KVERREL is 6.12.1-2.kvm.x86_64"* ]]
	grep -qx 'EXTRAVERSION =' tree/Makefile
}

@test "kernelrelease: 6.1.19 does not begin 6.1.192" {
	tree
	sed -i 's/192/19/' tree/Makefile
	run "$tools/spec/kernelrelease" set tree 6.1.192-1
	[ "$status" -eq 1 ]
}

@test "kernelrelease: more than 64 characters are refused" {
	tree
	run "$tools/spec/kernelrelease" set tree "6.1.192-$(printf '%060d' 0)"
	[ "$status" -eq 1 ]
	[[ $output == *"uname -r holds 64"* ]]
}

@test "kernelrelease: characters that would break a path or make are refused" {
	tree
	# shellcheck disable=SC2016  # the dollar is meant
	for bad in '6.1.192-a b' '6.1.192-$(id)' '6.1.192-a/b' '6.1.192-a|b'; do
		run "$tools/spec/kernelrelease" set tree "$bad"
		[ "$status" -eq 1 ]
		[[ $output == *"not a kernel release"* ]]
	done
}

@test "kernelrelease: no tree" {
	run "$tools/spec/kernelrelease" set nowhere 6.1.192-1
	[ "$status" -eq 1 ]
	[[ $output == *"nowhere/Makefile: not found"* ]]
}

@test "check-machine: too little disk is said with the figure, before any work" {
	run env KERNEL_KVM_NEED_MIB=99999999 "$tools/spec/check-machine" --config lean .
	[ "$status" -eq 1 ]
	[[ $output == *"99999999 MiB needed"* ]]
	[[ $output =~ [0-9]+\ MiB\ free ]]
}

@test "check-machine: unknown config is a usage error" {
	run "$tools/spec/check-machine" --config tiny .
	[ "$status" -eq 2 ]
}

@test "time-phase keeps the exit status and reports the time" {
	run "$tools/spec/time-phase" demo -- bash -c 'exit 7'
	[ "$status" -eq 7 ]
	[[ ${lines[-1]} =~ ^==\ phase\ demo:\ [0-9]+\ s$ ]]
}

@test "time-phase: the summary adds up, marks the slowest, and says what no phase covers" {
	printf 'one %d 5\ntwo %d 20\n' $(($(date +%s) - 30)) $(($(date +%s) - 25)) > log
	run "$tools/spec/time-phase" --summary log
	[ "$status" -eq 0 ]
	[[ ${lines[2]} =~ ^==\ \ \ two\ +20\ \ \<$ ]]
	# The clock goes on meanwhile.
	rest=${lines[3]##* } since=${lines[4]##* }
	[[ ${lines[3]} == *"the rest "* && $rest -ge 5 && $((rest + 25)) -eq $since ]]
	"$tools/spec/time-phase" --log log three -- true
	[ "$(awk 'END { print NR, $1 }' log)" = "3 three" ]
	run "$tools/spec/time-phase" --summary nowhere
	[ "$status" -eq 1 ]
}

@test "install-kernel: no kernel image is one clear message, and nothing is left" {
	mkdir -p obj
	run "$tools/spec/install-kernel" --objdir obj --kverrel 6.1.192-1 --destdir root -- true
	[ "$status" -eq 1 ]
	[[ $output == *"obj/arch/x86/boot/bzImage: not found"* ]]
	[ ! -e root ]
}

@test "install-devel: no Module.symvers is refused" {
	tree
	mkdir -p obj
	run "$tools/spec/install-devel" --tree tree --objdir obj --kverrel 6.1.192-1 --destdir root
	[ "$status" -eq 1 ]
	[[ $output == *"Module.symvers: not found or empty"* ]]
	[ ! -e root ]
}

@test "install-devel: a program's build ID does not depend on where it was built" {
	tree
	mkdir -p tree/{include,scripts,arch/x86}
	for d in one/obj other/place/obj; do
		mkdir -p "$d"/{include/config,include/generated,scripts,arch/x86/include,tools/objtool}
		touch "$d/.config" "$d/include/config/auto.conf" "$d/include/generated/autoconf.h"
		echo 6.1.192-1 > "$d/include/config/kernel.release"
		echo "0x1 a vmlinux EXPORT_SYMBOL" > "$d/Module.symvers"
		echo 'int main(void) { return 7; }' > "$d/objtool.c"
		gcc -g -Wl,--build-id -o "$d/tools/objtool/objtool" "$PWD/$d/objtool.c"
		"$tools/spec/install-devel" --tree tree --objdir "$d" --kverrel 6.1.192-1 --destdir "$d/root"
	done
	run cmp -s one/obj/tools/objtool/objtool other/place/obj/tools/objtool/objtool
	[ "$status" -eq 1 ]
	cmp {one,other/place}/obj/root/usr/src/kernels/6.1.192-1/tools/objtool/objtool
	readelf -n one/obj/root/usr/src/kernels/6.1.192-1/tools/objtool/objtool | grep 'Build ID: [0-9a-f]\{40\}$'
	run one/obj/root/usr/src/kernels/6.1.192-1/tools/objtool/objtool
	[ "$status" -eq 7 ]
}

@test "module-key: a key and its certificate, for the kernel's build; nobody else can read it" {
	openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=t/ -keyout k.pem -out c.pem 2>/dev/null
	openssl x509 -in c.pem -outform der -out c.der
	for cert in c.pem c.der; do
		run "$tools/spec/module-key" --key k.pem --cert "$cert" --objdir obj
		[ "$output" = '--set CONFIG_MODULE_SIG_KEY="certs/modsign.pem"' ]
		[ "$(stat -c %a obj/certs/modsign.pem)" = 600 ]
		[ "$(openssl x509 -in obj/certs/modsign.pem -noout -subject -nameopt RFC2253)" = subject=CN=t ]
		openssl pkey -in obj/certs/modsign.pem -noout
		rm obj/certs/modsign.pem
	done
}

@test "module-key: another key's certificate, no key, no certificate: refused" {
	openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=t/ -keyout k.pem -out c.pem 2>/dev/null
	openssl genpkey -algorithm RSA -out k2.pem 2>/dev/null
	for pair in "k2.pem c.pem" "c.pem c.pem" "k.pem k.pem" "k.pem nowhere"; do
		run "$tools/spec/module-key" --key "${pair% *}" --cert "${pair#* }" --objdir obj
		[ "$status" -eq 1 ] || { echo "$pair"; false; }
		[[ $output == *not* ]]
		[ ! -e obj ]
	done
}

# built_debuginfo: obj/ with a vmlinux and a module, compiled with -g, and root/
# with the module stripped, as install-kernel leaves it.
built_debuginfo() {
	mkdir -p obj/virt/kvm root/lib/modules/K/kernel/virt/kvm
	printf 'int counter;\n\nint demo_add(int a)\n{\n\tcounter += a;\n\treturn counter * 3;\n}\n' > demo.c
	gcc "${1:--g}" -O0 -static -nostdlib -Wl,-e,demo_add demo.c -o obj/vmlinux
	gcc "${1:--g}" -O0 -c demo.c -o demo.o
	ld -r demo.o -o obj/virt/kvm/kvm.ko
	strip --strip-debug obj/virt/kvm/kvm.ko -o root/lib/modules/K/kernel/virt/kvm/kvm.ko
}

@test "strip-programs: programs and modules lose their debug information, other files are left alone" {
	mkdir -p root/usr/lib/debug root/usr/src
	echo 'int main(void) { return 0; }' > p.c
	gcc -g -o 'root/a program' p.c
	gcc -g -c -o root/m.ko p.c
	cp root/m.ko root/usr/src/object
	cp 'root/a program' root/usr/lib/debug/
	printf '#!/bin/sh\n' > root/script
	chmod +x root/script
	"$tools/spec/strip-programs" root
	for f in 'root/a program' root/m.ko; do
		run readelf -SW "$f"
		[[ $output == *.symtab* && $output != *.debug_info* ]]
	done
	for f in root/usr/src/object 'root/usr/lib/debug/a program'; do
		[[ $(readelf -SW "$f") == *.debug_info* ]]
	done
	[ "$(cat root/script)" = '#!/bin/sh' ]
	run "$tools/spec/strip-programs" nowhere
	[ "$status" -eq 1 ]
	[[ $output == *"nowhere: no such directory"* ]]
}

@test "install-debuginfo: vmlinux and a module's function resolve to file:line" {
	built_debuginfo
	"$tools/spec/install-debuginfo" --objdir obj --kverrel K --destdir root
	debug=root/usr/lib/debug/lib/modules/K
	addr=$(nm "$debug/vmlinux" | awk '$3 == "demo_add" { print $1 }')
	run addr2line -f -e "$debug/vmlinux" "$addr"
	[ "${lines[0]}" = demo_add ]
	[[ ${lines[1]} == */demo.c:4 ]]
	run addr2line -j .text -f -e "$debug/kernel/virt/kvm/kvm.ko.debug" 0
	[ "${lines[0]}" = demo_add ]
	[[ ${lines[1]} == */demo.c:4 ]]
}

@test "install-debuginfo: gdb finds the symbols by the link in the module, also after brp-strip's strip -g" {
	built_debuginfo
	"$tools/spec/install-debuginfo" --objdir obj --kverrel K --destdir root
	ko=$PWD/root/lib/modules/K/kernel/virt/kvm/kvm.ko
	strip -g "$ko"
	[[ $(readelf -SW "$ko") != *.debug_info* ]]
	run gdb -batch -nx -iex "set sysroot $PWD/root" -iex "set debug-file-directory $PWD/root/usr/lib/debug" \
		-ex 'info line demo_add' "$ko"
	[[ $output == *'Line 4 of "demo.c"'* ]]
}

@test "install-debuginfo: a kernel without DEBUG_INFO is refused, and the fragment named" {
	built_debuginfo -g0
	run "$tools/spec/install-debuginfo" --objdir obj --kverrel K --destdir root
	[ "$status" -eq 1 ]
	[[ $output == *"no .debug_info"*debuginfo.config* ]]
	[ ! -e root/usr ]
}

@test "install-debuginfo: a module that the build no longer has is named" {
	built_debuginfo
	rm obj/virt/kvm/kvm.ko
	run "$tools/spec/install-debuginfo" --objdir obj --kverrel K --destdir root
	[ "$status" -eq 1 ]
	[[ $output == *virt/kvm/kvm.ko* ]]
}

@test "sign-modules: no sign-file, no key: named" {
	mkdir -p obj mods
	printf 'CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_HASH="sha512"\n' > obj/.config
	run "$tools/spec/sign-modules" --objdir obj mods
	[ "$status" -eq 1 ]
	[[ $output == *"obj/scripts/sign-file: not found"* ]]
}

@test "sign-modules: a kernel without CONFIG_MODULE_SIG leaves them alone and says so" {
	mkdir -p obj mods
	echo '# CONFIG_MODULE_SIG is not set' > obj/.config
	run "$tools/spec/sign-modules" --objdir obj mods
	[ "$status" -eq 0 ]
	[[ $output == *"left unsigned"* ]]
}

@test "compress-modules: each kind, with the kernel's own settings; without one nothing; two kinds are refused" {
	local kind suffix unpack
	mkdir -p obj mods
	while read -r kind suffix unpack; do
		mkdir -p mods/b
		seq 9999 | tee mods/a.ko > mods/b/c.ko
		echo "CONFIG_MODULE_COMPRESS_$kind=y" > obj/.config
		run "$tools/spec/compress-modules" --objdir obj mods
		[ "$status" -eq 0 ]
		[[ $output == *"compressed 2 modules"* ]]
		[ "$(find mods -type f | sort | paste -sd' ')" = "mods/a.ko.$suffix mods/b/c.ko.$suffix" ]
		[ "$($unpack -dc "mods/b/c.ko.$suffix" | tail -n 1)" = 9999 ]
		# The kernel's decompressor knows no other check.
		[ "$kind" != XZ ] || xz -l "mods/a.ko.xz" | grep -q CRC32
		rm -r mods/*
	done <<-'END'
		GZIP gz gzip
		XZ xz xz
		ZSTD zst zstd
	END
	touch mods/a.ko
	echo 'CONFIG_MODULE_COMPRESS_NONE=y' > obj/.config
	"$tools/spec/compress-modules" --objdir obj mods
	[ -e mods/a.ko ]
	printf 'CONFIG_MODULE_COMPRESS_XZ=y\nCONFIG_MODULE_COMPRESS_GZIP=y\n' > obj/.config
	run "$tools/spec/compress-modules" --objdir obj mods
	[ "$status" -eq 1 ]
	[[ $output == *"more than one kind"*".xz, .gz"* ]]
}

@test "manifest: every field, from the files of the earlier steps" {
	mkdir -p obj mods
	printf '# CONFIG_FOO is not set\nCONFIG_KVM=m\nCONFIG_S="a=b"\n' > obj/.required
	echo 'CONFIG_MODULE_SIG=y' > obj/.config
	echo '{"nevra":"kernel-0:6.1.192-2.src","sha256":"ab","profile":"debian"}' > info.json
	echo '{"series":"0123456789abcdef","patches":[{"number":40000,"status":"applied"}]}' > series.json
	"$tools/spec/manifest" --objdir obj --kverrel 6.1.192-2.kvm.x86_64 --name kernel-kvm --version 6.1.192 \
		--release 2.kvm --buildid .kvm --base info.json --base-srpm k.src.rpm --series series.json \
		--signed --moddir mods --out out/manifest.json
	[ "$(jq -r .build_id out/manifest.json)" = 6.1.192-2.kvm.x86_64+0123456789abcdef ]
	[ "$(jq -r .config.CONFIG_FOO out/manifest.json)" = n ]
	[ "$(jq -r .config.CONFIG_KVM out/manifest.json)" = m ]
	[ "$(jq -r .config.CONFIG_S out/manifest.json)" = '"a=b"' ]
	[ "$(jq -r .patches[0].number out/manifest.json)" = 40000 ]
	[ "$(jq -c '[.no_patch, .base.commit, .base.describe]' out/manifest.json)" = '[false,null,null]' ]
	# A base made from a git tree, and one that no patch is for.
	echo '{"nevra":"x","sha256":"ab","profile":"upstream","vcs":"git:0123456789abcdef0123456789abcdef01234567#v6.1-rc3-2-gabc"}' > info.json
	echo '{"series":"0123456789abcdef","patches":[],"no_patch":true}' > series.json
	"$tools/spec/manifest" --objdir obj --kverrel k --name n --version 1 --release 2 --buildid .b --base info.json \
		--base-srpm k --series series.json --moddir mods --out out/manifest.json
	[ "$(jq -c '[.no_patch, .base.commit, .base.describe]' out/manifest.json)" = '[true,"0123456789abcdef0123456789abcdef01234567","v6.1-rc3-2-gabc"]' ]
	# A distribution's own VCS tag is not ours.
	echo '{"nevra":"x","sha256":"ab","profile":"fedora","vcs":"git:https://example.org/kernel"}' > info.json
	"$tools/spec/manifest" --objdir obj --kverrel k --name n --version 1 --release 2 --buildid .b --base info.json \
		--base-srpm k --series series.json --moddir mods --out out/manifest.json
	[ "$(jq -c .base.describe out/manifest.json)" = null ]
}

@test "manifest: a series without its hash is refused, nothing written" {
	mkdir -p obj mods
	echo 'CONFIG_KVM=m' > obj/.required
	: > obj/.config
	echo '{"nevra":"x","sha256":"ab","profile":"debian"}' > info.json
	echo '{"patches":[]}' > series.json
	run "$tools/spec/manifest" --objdir obj --kverrel k --name n --version 1 --release 2 --buildid .b \
		--base info.json --base-srpm k --series series.json --moddir mods --out out/manifest.json
	[ "$status" -eq 1 ]
	[ ! -e out/manifest.json ]
}

@test "sbom: base, patches applied and tools, each once, every relation between two that are there" {
	jq -n '{schema: 1, kverrel: "6.1.192-2.kvm.x86_64", name: "kernel-kvm", version: "6.1.192", release: "2.kvm", series: "0123456789abcdef",
		base: {srpm: "kernel-6.1.192-2.src.rpm", nevra: "kernel-0:6.1.192-2.src", sha256: ("ab" * 32)},
		patches: [{number: 40000, file: "40000-a.patch", subject: "A", sha256: ("cd" * 32), status: "applied"},
			{number: 40001, file: "40001-b.patch", subject: "B", sha256: ("ef" * 32), status: "excluded"}],
		toolchain: {cc: "gcc 12", ld: "ld 2.40"}}' > m.json
	SOURCE_DATE_EPOCH=1700000000 "$tools/spec/sbom" --manifest m.json --out out/s.json
	[ "$(jq -r .spdxVersion out/s.json)" = SPDX-2.3 ]
	[ "$(jq -r .creationInfo.created out/s.json)" = 2023-11-14T22:13:20Z ]
	[ "$(jq -r '[.packages[].SPDXID] | join(" ")' out/s.json)" = "SPDXRef-kernel SPDXRef-base SPDXRef-patch-40000 SPDXRef-tool-cc SPDXRef-tool-ld" ]
	[ "$(jq -r '.packages[] | select(.SPDXID == "SPDXRef-base") | .checksums[0].checksumValue' out/s.json)" = "$(printf 'ab%.0s' {1..32})" ]
	[ "$(jq -r '.packages[0].licenseDeclared' out/s.json)" = "GPL-2.0-only WITH Linux-syscall-note" ]
	jq -e '([.packages[].SPDXID] + ["SPDXRef-DOCUMENT"]) as $ids | all(.relationships[]; .spdxElementId as $a | .relatedSpdxElement as $b
		| ($ids | index($a)) and ($ids | index($b)))' out/s.json
	jq -e 'all(.packages[]; .licenseDeclared and .downloadLocation and .copyrightText)' out/s.json
	SOURCE_DATE_EPOCH=1700000000 "$tools/spec/sbom" --manifest m.json --out out/t.json
	cmp out/s.json out/t.json
}

@test "sbom: rejects a file that is not a manifest" {
	echo '{}' > m.json
	run "$tools/spec/sbom" --manifest m.json --out out/s.json
	[ "$status" -eq 1 ]
	[[ $output == *"m.json: not a manifest"* ]]
	[ ! -e out ]
}

own_ccache() {
	command -v ccache > /dev/null || skip "no ccache here"
	export CCACHE_DIR=$PWD/ccache CCACHE_DEPEND=1
}

@test "ccache-cc: an object never has an earlier build's .incbin file" {
	own_ccache
	echo 'asm(".globl blob; blob: .incbin \"key\"");' > c.c
	printf '.globl blob\nblob: .incbin "key"\n' > s.S
	echo 'int plain;' > p.c
	for key in one two; do
		echo "$key" > key
		for f in c.c s.S p.c; do "$tools/ccache-cc" -MMD -MF "$f.d" -c -o "$f.o" "$f"; done
		objcopy -O binary c.c.o c.bin
		objcopy -O binary s.S.o s.bin
		grep -qx "$key" c.bin
		grep -qx "$key" s.bin
	done
	# The rest is ccache's.
	ccache --print-stats | grep -qx 'direct_cache_hit	1'
}

@test "ccache-cc: the bytes are gcc's, and so are the messages" {
	own_ccache
	printf '#define TWICE(x) ((x) + (x))\n#define SUM(x, y) (TWICE(x) +\\\n  TWICE(y))\nint f(int a, int b) { return SUM(a,\n  b); }\n' > m.c
	for g in '' -g '-g -gdwarf-5'; do
		# shellcheck disable=SC2086  # options
		{ gcc $g -MMD -MF m.d -c -o want.o m.c; "$tools/ccache-cc" $g -MMD -MF m.d -c -o m.o m.c; }
		cmp want.o m.o
	done
	echo 'int g(void) { return TWICE(unknown); }' >> m.c
	run "$tools/ccache-cc" -MMD -MF m.d -c -o bad.o m.c
	[ "$status" -eq 1 ]
	[[ $output == *"in definition of macro"* ]]
	[ ! -e bad.o ]
}

@test "genksyms-ccache: what the pipe prints, from ccache unless an input or genksyms changed" {
	own_ccache
	mkdir -p scripts/genksyms dir
	# Versions that depend on all of the input, and on the program.
	# shellcheck disable=SC2016
	crc() { printf '#!/bin/sh\necho "$2 $(grep -v "^#" | cksum) %s"\n' "$1" > scripts/genksyms/genksyms; chmod +x scripts/genksyms/genksyms; }
	ksyms() { "$tools/genksyms-ccache" scripts/genksyms/genksyms -r "${1:-/dev/null}" -- -Wp,-MMD,dir/.c.d -Idir -DX=1 dir/c.c; }
	hits() { ccache --print-stats | sed -n 's/^direct_cache_hit\t//p'; }
	crc first
	printf '#include "h.h"\n#ifdef __GENKSYMS__\nint g;\n#endif\n' > dir/c.c
	echo 'int x = X;' > dir/h.h
	want=$(gcc -E -D__GENKSYMS__ -Idir -DX=1 dir/c.c | scripts/genksyms/genksyms -r /dev/null)
	one=$(ksyms)
	[ "$one" = "$want" ]
	[ "$(ksyms)" = "$want" ]
	[ "$(hits)" -eq 1 ]
	echo 'int y = X;' > dir/h.h
	two=$(ksyms)
	[ "$two" = "$(gcc -E -D__GENKSYMS__ -Idir -DX=1 dir/c.c | scripts/genksyms/genksyms -r /dev/null)" ]
	[ "$two" != "$one" ]
	crc second
	[[ $(ksyms) == *" second" ]]
	[ "$(hits)" -eq 1 ]
	# A genksyms that fails runs again, and so does one with other options.
	printf '#!/bin/sh\ncat > /dev/null; echo half; exit 3\n' > scripts/genksyms/genksyms
	run ksyms
	[ "$status" -ne 0 ] && [[ $output != *half* ]]
	crc third
	[[ $(ksyms) == *" third" ]]
	[[ $(ksyms ref) == "ref "*" third" ]]
	[ "$(hits)" -eq 1 ]
	# Nothing is left beside the source but the dependencies.
	[ -z "$(find dir -name '*.crcs*')" ]
}

@test "the tools find what an ordinary user's PATH on Debian lacks" {
	PATH=/usr/local/bin:/usr/bin:/bin run bash -c '. "$1/spec/lib.sh"; command -v modinfo depmod mke2fs debugfs' - "$tools"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 4 ]
}

@test "every tool has --help" {
	for t in "$tools"/* "$tools"/{spec,machine}/*; do
		[[ -f $t && -x $t ]] || continue
		run "$t" --help
		[ "$status" -eq 0 ] || { echo "$t"; false; }
		[ "${#lines[@]}" -ge 2 ] || { echo "$t: help is ${#lines[@]} lines"; false; }
	done
}

@test "options: values, flags, lists, words; anything else is wrong usage" {
	# A file of such a name is no option.
	touch refs
	# shellcheck disable=SC2016  # the inner shell's
	options() { run bash -c '. "$1/spec/lib.sh"; shift; a_b="" ref=x c="" d=()
		read_options "a-b= ref? c d+ ..." "$@"; echo "$a_b|$ref|$c|${d[*]-}|${args[*]-}"' - "$tools" "$@"; }
	options --a-b "1 2" one --d x --c --d y -- --three
	[ "$output" = "1 2|x|1|x y|one --three" ]
	options --ref ""
	[ "$output" = "||||" ]
	for bad in '--a-b' '--a-b=1' '--refs 1' '-c' '--d'; do
		# shellcheck disable=SC2086  # words
		options $bad
		[ "$status" -eq 2 ] || { echo "$bad: $status"; false; }
	done
	options --a-b ""
	[ "$status" -eq 2 ]
	[[ $output == *"--a-b needs a value"* ]]
	# shellcheck disable=SC2016
	run bash -c '. "$1/spec/lib.sh"; shift; a=""; read_options "a --" "$@"; echo "$a|${args[*]}"' - "$tools" --a -- --b c
	[ "$output" = "1|--b c" ]
	# shellcheck disable=SC2016
	run bash -c '. "$1/spec/lib.sh"; shift; read_options "a --" "$@"' - "$tools" word -- c
	[ "$status" -eq 2 ]
	[[ $output == *"word: unexpected argument"* ]]
	# shellcheck disable=SC2016
	run bash -c '. "$1/spec/lib.sh"; read_options a -- b' - "$tools"
	[ "$status" -eq 2 ]
	[[ $output == *"--: unknown option"* ]]
}

@test "lib.sh: a program that a signal ended has said nothing, so its caller does" {
	run bash -c '. "$1/spec/lib.sh"; seq 100000 | head -n 1' - "$tools"
	[[ $status -eq 141 && $output == *"warning: stopped, because a signal ended a program that it ran: PIPE"* ]]
	# Not where the user pressed ^C, or where something was said.
	for rc in 1 130 143; do
		run bash -c '. "$1/spec/lib.sh"; (exit "$2")' - "$tools" "$rc"
		[[ $status -eq $rc && -z $output ]]
	done
}
