#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/spec/patch apply on a small tree: what it applies, what it rejects with which
# message, and that a rejection changes nothing.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output
# shellcheck disable=SC2154  # top, patch are the helper's

load patch-helper

# --- apply ------------------------------------------------------------------------
@test "apply: the series goes in, in the order of its numbers, and is recorded" {
	commit "KVM: one" 's/line_30;/line_thirty;/'
	export_as 40000-one.patch
	commit "KVM: two" 's/line_thirty;/line_xxx;/'
	export_as 40001-two.patch
	apply patches/40001-two.patch patches/40000-one.patch
	[ "$status" -eq 0 ]
	grep -q line_xxx tree/arch/x86/kvm/x86.c
	[ "$(jq -c '[.patches[] | [.number, .status, .subject, .guard, .probe]]' series.json)" = \
		'[[40000,"applied","KVM: one",null,"none"],[40001,"applied","KVM: two",null,"none"]]' ]
	[ "$(jq -r '.patches[0].sha256' series.json)" = "$(sha256sum < patches/40000-one.patch | cut -d' ' -f1)" ]
	[[ $(jq -r .series series.json) =~ ^[0-9a-f]{16}$ ]]
}

@test "apply: the series' hash follows the contents, not the names" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	apply patches/40000-one.patch
	first=$(jq -r .series series.json)
	mv patches/40000-one.patch patches/40007-uno.patch
	rm -r tree && mkdir tree && git -C repo archive base | tar -xf - -C tree
	apply patches/40007-uno.patch
	[ "$(jq -r .series series.json)" = "$first" ]
	sed -i 's/Because/Since/' patches/40007-uno.patch
	rm -r tree && mkdir tree && git -C repo archive base | tar -xf - -C tree
	apply patches/40007-uno.patch
	[ "$(jq -r .series series.json)" != "$first" ]
}

@test "apply: new, deleted and renamed files" {
	echo 'int new;' > repo/virt/kvm/new.c
	git -C repo mv virt/kvm/kvm_main.c virt/kvm/main.c
	git -C repo rm -q arch/x86/kvm/x86.c
	trailers=$'Kernel: any\nProbe: none\nUpstream: no' commit "KVM: move" 1q Makefile
	export_as 40000-move.patch
	grep -q '^rename from' patches/40000-move.patch
	sed -i '/^ Makefile/d' patches/40000-move.patch
	apply patches/40000-move.patch
	[ "$status" -eq 0 ]
	[ -e tree/virt/kvm/new.c ] && [ -e tree/virt/kvm/main.c ]
	[ ! -e tree/virt/kvm/kvm_main.c ] && [ ! -e tree/arch/x86/kvm/x86.c ]
}

@test "apply: a hard-linked copy of the tree keeps its own files" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	cp -al tree other
	apply patches/40000-one.patch
	[ "$status" -eq 0 ]
	grep -q line_30 other/arch/x86/kvm/x86.c
}

@test "apply: works in a tree inside a git repository that knows nothing of it" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	git init -q . && git commit -q --allow-empty -m outer
	unset GIT_CEILING_DIRECTORIES
	apply patches/40000-one.patch
	[ "$status" -eq 0 ]
	[ "$(grep -c line_30 tree/arch/x86/kvm/x86.c)" -eq 0 ]
}

@test "apply: an offset is accepted and reported, one changed context line is not accepted" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i '1i int before;' tree/arch/x86/kvm/x86.c
	apply patches/40000-one.patch
	[ "$status" -eq 0 ]
	[ "$(jq -r '.patches[0].reason' series.json)" = "offset 1" ]
	rm -r tree series.json && mkdir tree && git -C repo archive base | tar -xf - -C tree
	sed -i 's/line_28;/line_28_changed;/' tree/arch/x86/kvm/x86.c
	apply patches/40000-one.patch
	[ "$status" -eq 1 ]
}

@test "apply: white space is context too, whatever the user's git says" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	git config --global apply.ignorewhitespace change
	sed -i 's/int line_28/int  line_28/' tree/arch/x86/kvm/x86.c
	apply patches/40000-one.patch
	[ "$status" -eq 1 ]
}

@test "apply: a conflict names patch, file, hunk and line, shows the base, and changes nothing" {
	one_patch 40000-one.patch "KVM: one" 's/main_3;/x;/' virt/kvm/kvm_main.c
	one_patch 40001-two.patch "KVM: two" 's/line_30;/x;/; s/line_55;/y;/'
	sed -i 's/line_54;/line_five;/' tree/arch/x86/kvm/x86.c repo/arch/x86/kvm/x86.c
	git -C repo commit -qam other && git -C repo tag -f base
	apply patches/*.patch
	[ "$status" -eq 1 ]
	[[ $output == *"40001-two.patch does not apply to 6.1.192"* ]]
	[[ $output == *"arch/x86/kvm/x86.c, hunk 2 (line "*" of the patch) does not fit at line 52"* ]]
	[[ $output == *"!    54 int line_five;"* ]]
	[[ $output == *"with fuzz 3 it applies"* ]]
	at=$(sed -E 's/.*hunk 2 \(line ([0-9]+) .*/\1/' <<< "$output" | grep -xE '[0-9]+')
	sed -n "${at}p" patches/40001-two.patch | grep -q '^@@ -52,'
	untouched
}

@test "apply: a patch for a file that the base lacks says which" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	rm tree/arch/x86/kvm/x86.c
	apply patches/40000-one.patch
	[ "$status" -eq 1 ]
	[[ $output == *"arch/x86/kvm/x86.c: No such file"* ]]
}

# --- Guards -------------------------------------------------------------------------
@test "guards: what they admit" {
	# shellcheck source=tools/spec/lib.sh
	. "$top/tools/spec/lib.sh"
	# shellcheck source=tools/spec/patch.d/series.sh
	. "$top/tools/spec/patch.d/series.sh"
	while read -r want version guard; do
		got=no
		guard_fault "$guard" && guard_admits "$guard" "$version" && got=yes
		[ "$got" = "$want" ] || { echo "$guard on $version: $got, wanted $want"; false; }
	done <<-'END'
		yes 6.1.192 any
		yes 6.1.192 >= 5.14
		no 6.1.192 >= 6.10
		yes 6.12.0 >= 6.10
		no 6.10.3 < 6.10
		yes 6.9.12 < 6.10
		yes 6.1.192 <= 6.1
		no 6.1.192 > 6.1
		yes 6.1.192 > 6.1.19
		yes 6.1.192 = 6.1
		no 6.12.1 = 6.1
		yes 6.12.1 != 6.1
		yes 6.1.192 >= 5.14, < 6.10
		no 6.12.1 >= 5.14, < 6.10
		yes 6.1.192 >=5.14,<6.2
		no 5.4.0 >= 6
		yes 6.1.8 >= 6.1.08
	END
}

@test "guards: an excluded patch is left out, reported and recorded" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	trailers=$'Kernel: >= 6.10\nProbe: none\nUpstream: no' one_patch 40001-two.patch "KVM: two" 's/line_3;/x;/'
	apply patches/*.patch
	[ "$status" -eq 0 ]
	[[ $output == *"40001-two.patch: excluded"*"excludes 6.1.192"* ]]
	[ "$(jq -r '.patches[1] | .status + " " + .guard' series.json)" = "excluded >= 6.10" ]
	grep -q 'line_3;' tree/arch/x86/kvm/x86.c
}

@test "guards: one that cannot be read is refused, with the forms that can" {
	for guard in '5.14' '>= five' '>= 5.14 < 6' '~> 5' '>= 5.14,'; do
		trailers="Kernel: $guard"$'\nProbe: none\nUpstream: no' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
		apply patches/40000-one.patch
		[ "$status" -eq 1 ]
		[[ $output == *"is not a condition; expected 'any', or"* ]]
	done
	untouched
}

@test "apply: a series that applies nothing is an error" {
	trailers=$'Kernel: >= 6.10\nProbe: none\nUpstream: no' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	apply patches/*.patch
	[ "$status" -eq 1 ]
	[[ $output == *"none of the 1 patches was applied to tree (6.1.192)"* ]]
	[ ! -e series.json ]
	apply
	[ "$status" -eq 1 ]
	[[ $output == *"no patch given"* ]]
}

@test "apply: no patch for the base: how near each came; --allow-no-patch goes on and records it" {
	trailers=$'Kernel: >= 6.10\nProbe: none\nUpstream: no' one_patch 40000-new.patch "KVM: new" 's/line_30;/x;/'
	one_patch 40001-near.patch "KVM: near" '/line_\(10\|50\);/s/$/ x/'
	sed -i 's/line_49;/line_fortynine;/' tree/arch/x86/kvm/x86.c
	cp -r tree before
	apply patches/*.patch
	[ "$status" -eq 1 ]
	[[ $output == *"none of the 2 patches was applied to tree (6.1.192)"* ]]
	[[ $output == *"40000-new.patch: excluded, 1 of its 1 hunks fit (1 with fuzz)"*"its guard (Kernel: >= 6.10) excludes 6.1.192"* ]]
	[[ $output == *"40001-near.patch: conflict, 1 of its 2 hunks fit (2 with fuzz)"*"hunk 2"*"does not fit"* ]]
	[[ $output == *"ALLOW_NO_PATCH=1"* ]]
	[ ! -e series.json ]
	apply --allow-no-patch patches/*.patch
	[ "$status" -eq 0 ]
	[[ $output == *"none of the 2 patches fits this base (6.1.192): it is built without"* ]]
	diff -r before tree
	[ "$(jq -c '[.no_patch, [.patches[].status]]' series.json)" = '[true,["excluded","conflict"]]' ]
	[[ $(jq -r .series series.json) =~ ^[0-9a-f]{16}$ ]]
	# It does not allow a conflict beside a patch that applies.
	one_patch 40002-fits.patch "KVM: fits" 's/main_3;/x;/' virt/kvm/kvm_main.c
	rm series.json
	apply --allow-no-patch patches/*.patch
	[ "$status" -eq 1 ]
	[[ $output == *"40001-near.patch does not apply to 6.1.192"* ]]
	diff -r before tree
	[ ! -e series.json ]
	# Where one applies, it has no effect.
	apply --allow-no-patch patches/40002-fits.patch
	[ "$status" -eq 0 ]
	[ "$(jq -c .no_patch series.json)" = null ]
}

@test "apply: a patch that the base already has is left out and recorded" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	one_patch 40001-two.patch "KVM: two" 's/line_3;/x;/'
	apply patches/40000-one.patch
	alone=$(jq -r .series series.json)
	sed -i 's/line_3;/x;/' tree/arch/x86/kvm/x86.c
	sed -i 's/^x;$/line_30;/; 30s/.*/int line_30;/' tree/arch/x86/kvm/x86.c
	apply patches/*.patch
	[ "$status" -eq 0 ]
	[ "$(jq -r '.patches[1].status' series.json)" = already-in-base ]
	[[ $output == *"40001-two.patch: already-in-base"* ]]
	[ "$(jq -r .series series.json)" = "$alone" ]
}

@test "apply: a patch that only deletes is not mistaken for one that the base has" {
	# Its context without the deleted line stands elsewhere in the file.
	{ seq -f 'int line_%g;' 60; printf 'int line_27;\nint line_28;\nint line_29;\nint line_31;\nint line_32;\nint line_33;\n'; } > repo/arch/x86/kvm/x86.c
	git -C repo commit -qam again && git -C repo tag -f base && cp repo/arch/x86/kvm/x86.c tree/arch/x86/kvm/x86.c
	one_patch 40000-one.patch "KVM: one" '30d'
	apply patches/40000-one.patch
	[ "$status" -eq 0 ]
	[ "$(jq -r '.patches[0].status' series.json)" = applied ]
	[ "$(grep -c 'line_30;' tree/arch/x86/kvm/x86.c)" -eq 0 ]
}

# --- Bad input ----------------------------------------------------------------------
refused() {
	apply patches/40000-one.patch
	[ "$status" -eq 1 ] || { echo "status $status: $output"; return 1; }
	[[ $output == *"patches/40000-one.patch: this patch cannot be used"*"$1"* ]] || { echo "$output"; return 1; }
	untouched
}

@test "bad input: CRLF line endings, with the first line" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i 's/$/\r/' patches/40000-one.patch
	refused "line 4: CRLF line endings"
}

@test "bad input: no newline at the end" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	truncate -s -1 patches/40000-one.patch
	refused "no newline at its end"
}

@test "bad input: cut off in a hunk" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i '$d' patches/40000-one.patch
	refused "hunk 1 of arch/x86/kvm/x86.c is cut short"
}

@test "bad input: an empty file, and a message without a diff" {
	: > patches/40000-one.patch
	refused "it is empty"
	printf 'Subject: [PATCH] KVM: one\n\nKernel: any\nProbe: none\nUpstream: no\n' > patches/40000-one.patch
	refused "it changes nothing"
}

@test "bad input: a binary hunk" {
	printf '\0\1\2' > repo/virt/kvm/blob
	commit "KVM: blob" 's/line_30;/x;/'
	git -C repo format-patch -q -1 --stdout --no-signature --binary > patches/40000-one.patch
	git -C repo reset -q --hard base
	refused "a binary hunk"
}

@test "bad input: a change of mode alone" {
	chmod +x repo/virt/kvm/kvm_main.c
	commit "KVM: mode" 's/none/none/'
	export_as 40000-one.patch
	git -C repo reset -q --hard base
	refused "changes a file's mode only"
}

@test "bad input: every missing trailer is named at once" {
	trailers='Signed-off-by: A <a@b>' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	refused "no Kernel: trailer"
	[[ $output == *"no Probe: trailer"* && $output == *"no Upstream: trailer"* ]]
}

@test "bad input: a probe that cannot be read, a trailer twice" {
	trailers=$'Kernel: any\nProbe: magic x\nUpstream: no' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	refused "Probe: magic x: expected none, param MODULE.NAME"
	# A kind, or a form of one, that kvm-selftest could not judge.
	for probe in 'guest flat/cr8' 'cap KVM_CAP_NR_VCPUS' 'stat io' 'tracepoint kvm_exit' 'debugfs ../x'; do
		trailers=$'Kernel: any\nProbe: '"$probe"$'\nUpstream: no' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
		refused "Probe: $probe: expected "
	done
	trailers=$'Kernel: any\nKernel: any\nProbe: none\nUpstream: no' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	refused "a second Kernel: trailer"
}

@test "probes: every kind that kvm-selftest knows, and no other, is taken" {
	# shellcheck source=tools/spec/lib.sh
	. "$top/tools/spec/lib.sh"
	# shellcheck source=tools/spec/patch.d/series.sh
	. "$top/tools/spec/patch.d/series.sh"
	known=$(sed -n "s/.*this program knows \(.*\)\", p);/\1/p" "$top/vmm/selftest/patch/patch.c" | tr -d ' ' | tr , '\n' | sort)
	for probe in 'param kvm.x' 'cap 40002' 'stat vm x' 'stat vcpu x' 'symbol kvm_x' 'debugfs kvm/x' 'tracepoint kvm/kvm_exit' 'check flat/mode-switch'; do
		probe_fault "$probe" || { echo "$probe"; return 1; }
		taken+="${probe%% *}"$'\n'
	done
	[ "$(sort -u <<< "${taken%$'\n'}")" = "$known" ]
}

@test "bad input: a file name that leaves the tree" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i 's,/arch/x86/kvm/x86.c$,/../../etc/passwd,' patches/40000-one.patch
	refused "leaves the tree"
}

@test "bad input: a name without a number, two patches of one number" {
	one_patch fix.patch "KVM: one" 's/line_30;/x;/'
	apply patches/fix.patch
	[ "$status" -eq 1 ]
	[[ $output == *"its name must be NNNNN-what-it-does.patch"* ]]
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	one_patch 40000-two.patch "KVM: two" 's/line_3;/x;/'
	apply patches/40000-*.patch
	[ "$status" -eq 1 ]
	[[ $output == *"two patches have the number 40000: 40000-one.patch and 40000-two.patch"* ]]
	untouched
}

@test "bad input: a directory that is not a kernel tree, a patch that does not exist" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	run "$patch" apply --tree patches --out series.json patches/40000-one.patch
	[ "$status" -eq 1 ]
	[[ $output == *"no kernel tree"* ]]
	apply patches/40009-none.patch
	[ "$status" -eq 1 ]
	[[ $output == *"patches/40009-none.patch: not a readable file"* ]]
}
