#!/usr/bin/env bats
# tools/patch on a small tree: what it applies, what it refuses and how it says
# so, and that a refusal leaves everything as it was.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	patch=$top/tools/patch
	cd "$BATS_TEST_TMPDIR" || exit
	export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_CEILING_DIRECTORIES=$PWD
	git config --global user.name Carrier
	git config --global user.email carrier@example.invalid
	git config --global init.defaultBranch main
	git config --global commit.gpgsign false
	tree 6 1 192
	mkdir patches
	printf 'Name: kernel-kvm\n# the first\nPatch40000:     40000-one.patch\n\n%%prep\n' > spec
}

# tree V P S: a kernel tree of that version in tree/, in repo/ with its history.
tree() {
	mkdir -p repo/arch/x86/kvm repo/virt/kvm
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' "$1" "$2" "$3" > repo/Makefile
	seq -f 'int line_%g;' 60 > repo/arch/x86/kvm/x86.c
	seq -f 'int main_%g;' 30 > repo/virt/kvm/kvm_main.c
	(cd repo && git init -q && git add -A && git commit -qm base && git tag base)
	rm -rf tree
	mkdir tree
	git -C repo archive base | tar -xf - -C tree
}

# commit SUBJECT SED-EXPRESSION [FILE]: change a file in repo/ and commit it.
commit() {
	local trailers=${trailers-$'Kernel: any\nProbe: none\nUpstream: no, a test'}
	sed -i "$2" "repo/${3:-arch/x86/kvm/x86.c}"
	git -C repo add -A
	git -C repo commit -qm "$1" -m "Because." -m "$trailers"
}

# export_as NAME: the last commit as patches/NAME.
export_as() {
	git -C repo format-patch -q -1 --stdout --no-signature > "patches/$1"
}

# one_patch NAME SUBJECT SED-EXPRESSION [FILE]: a patch against the base alone.
one_patch() {
	commit "${@:2}"
	export_as "$1"
	git -C repo reset -q --hard base
}

apply() {
	run "$patch" apply --tree tree --out series.json "$@"
}

untouched() {
	diff -r <(git -C repo archive base | tar -xf - --to-stdout) <(cd tree && tar -cf - Makefile arch virt | tar -xf - --to-stdout)
	[ ! -e series.json ]
}

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

@test "apply: an offset is taken and told, one changed context line is not" {
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
	[[ $output == *"with fuzz 3 it would go in"* ]]
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
	# shellcheck source=tools/lib.sh
	. "$top/tools/lib.sh"
	# shellcheck source=tools/patch.d/series.sh
	. "$top/tools/patch.d/series.sh"
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

@test "guards: an excluded patch is left out, told and recorded" {
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
		[[ $output == *"is no condition; wanted: 'any', or"* ]]
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

@test "apply: what the base has already is dropped from the series and recorded" {
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

@test "apply: a patch that only deletes is not taken for one the base has" {
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
	refused "Probe: magic x: wanted: none, param MODULE.NAME"
	# A kind, or a form of one, that kvm-selftest could not judge.
	for probe in 'guest flat/cr8' 'cap KVM_CAP_NR_VCPUS' 'stat io' 'tracepoint kvm_exit' 'debugfs ../x'; do
		trailers=$'Kernel: any\nProbe: '"$probe"$'\nUpstream: no' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
		refused "Probe: $probe: wanted: "
	done
	trailers=$'Kernel: any\nKernel: any\nProbe: none\nUpstream: no' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	refused "a second Kernel: trailer"
}

@test "probes: every kind that kvm-selftest knows, and no other, is taken" {
	# shellcheck source=tools/lib.sh
	. "$top/tools/lib.sh"
	# shellcheck source=tools/patch.d/series.sh
	. "$top/tools/patch.d/series.sh"
	known=$(sed -n "s/.*this program knows \(.*\)\", p);/\1/p" "$top/vmm/selftest/patch.c" | tr -d ' ' | tr , '\n' | sort)
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

@test "bad input: a directory that is no kernel tree, a patch that is not there" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	run "$patch" apply --tree patches --out series.json patches/40000-one.patch
	[ "$status" -eq 1 ]
	[[ $output == *"no kernel tree"* ]]
	apply patches/40009-none.patch
	[ "$status" -eq 1 ]
	[[ $output == *"patches/40009-none.patch: not a readable file"* ]]
}

# --- check, list, add, refresh, drop --------------------------------------------------
on_tree() {
	run "$patch" "$@" --patches patches --spec spec --base tree
}

@test "check: what holds, and a patch that no line of the spec names" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	on_tree check
	[ "$status" -eq 0 ]
	[[ $output == *"6.1.192 (tree)"*"applied          40000-one.patch"* ]]
	one_patch 40001-two.patch "KVM: two" 's/line_3;/x;/'
	on_tree check
	[ "$status" -eq 1 ]
	[[ $output == *"40001-two.patch is in "*"but no PatchNNNNN: line"* ]]
	printf 'Patch40002:     40002-gone.patch\nPatch40003:  40001-two.patch\n' >> spec
	on_tree check
	[[ $output == *"spec:6: Patch40002: 40002-gone.patch is not in "* ]]
	[[ $output == *"spec:7: Patch40003: 40001-two.patch does not begin with its number"* ]]
}

@test "check: a tarball is a base too, and a damaged one is told" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	tar -cJf linux-6.1.tar.xz --transform 's,^tree,linux-6.1,' tree
	mkdir copy && cp -r "$top/tools" copy/
	run copy/tools/patch check --patches patches --spec spec --base linux-6.1.tar.xz
	[ "$status" -eq 0 ]
	# From the cache, and with a file that was not asked for before.
	one_patch 40001-two.patch "KVM: two" 's/main_3;/x;/' virt/kvm/kvm_main.c
	echo 'Patch40001: 40001-two.patch' >> spec
	run copy/tools/patch check --patches patches --spec spec --base linux-6.1.tar.xz
	[ "$status" -eq 0 ]
	truncate -s -200 linux-6.1.tar.xz
	run copy/tools/patch check --patches patches --spec spec --base linux-6.1.tar.xz
	[ "$status" -eq 1 ]
	[[ $output == *"linux-6.1.tar.xz: "* ]]
}

@test "check: an SRPM is a base: its own %prep makes the tree, kept after that" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	mkdir copy tmp && cp -r "$top/tools" copy/
	# shellcheck source=tests/tools/fixtures/base-srpm/layouts.bash
	(fixtures=$top/tests/tools/fixtures/base-srpm && . "$fixtures/layouts.bash" && plain_srpm && cp "$srpm" base.src.rpm)
	# A kernel of its own: the patch is for a file that it has.
	sed -n '1,200p' work/kernel/fork.c > old.c
	mkdir -p a/kernel b/kernel && cp old.c a/kernel/fork.c && sed '2s/$/ changed/' old.c > b/kernel/fork.c
	{ sed '/^---$/,$d' patches/40000-one.patch; echo ---; git diff --no-index --no-prefix a b || :; } > patches/new
	mv patches/new patches/40000-one.patch
	run copy/tools/patch check --patches patches --spec spec --base base.src.rpm
	[ "$status" -eq 1 ]
	[[ $output == *"not signed"*"base.src.rpm: no tree could be made of it"*"--allow-unsigned"* ]]
	run copy/tools/patch check --patches patches --spec spec --allow-unsigned --base base.src.rpm
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"(base.src.rpm)"*"applied          40000-one.patch"* ]]
	# From the cache: %prep does not run again.
	printf '#!/bin/sh\nexit 9\n' > copy/tools/base-srpm
	run copy/tools/patch check --patches patches --spec spec --base base.src.rpm
	[ "$status" -eq 0 ]
}

@test "list: number, subject, guard, probe, status per base" {
	trailers=$'Kernel: < 6.10\nProbe: param kvm.x\nUpstream: no' one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	on_tree list
	[ "$status" -eq 0 ]
	[[ $output == *"40000  KVM: one"*"< 6.10"*"param kvm.x"*"applied   tree"* ]]
}

@test "add: a file gets number, trailers and its line in the spec" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	trailers='Signed-off-by: A <a@b>' commit "KVM: x86: Do a thing, well" 's/line_3;/x;/'
	git -C repo format-patch -q -1 --stdout > mine.patch
	run "$patch" add mine.patch --kernel '>= 6.1' --probe 'symbol kvm_x' --upstream 'no, ours' --why "It hurt." \
		--patches patches --spec spec --base tree
	[ "$status" -eq 0 ]
	f=patches/40001-kvm-x86-do-a-thing-well.patch
	[ "$(sed -n '/^Kernel:/,/^Signed-off-by:/p' $f)" = $'Kernel: >= 6.1\nProbe: symbol kvm_x\nUpstream: no, ours\nSigned-off-by: A <a@b>' ]
	[ "$(sed -n 4,5p spec)" = $'# It hurt.\nPatch40001:     40001-kvm-x86-do-a-thing-well.patch' ]
	on_tree check
	[ "$status" -eq 0 ]
}

@test "add: a commit, with its hash as Upstream" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	trailers='Signed-off-by: A <a@b>' commit "KVM: two" 's/line_3;/x;/'
	run "$patch" add HEAD --repo repo --patches patches --spec spec --base tree
	[ "$status" -eq 0 ]
	grep -qx "Upstream: commit $(git -C repo rev-parse HEAD)" patches/40001-kvm-two.patch
	grep -qx "Kernel: any" patches/40001-kvm-two.patch
	run "$patch" add nosuch --repo repo --patches patches --spec spec --base tree
	[ "$status" -eq 1 ]
	[[ $output == *"nosuch: neither a file nor a commit"* ]]
}

@test "add: a bare diff needs a subject" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i 's/line_3;/x;/' repo/arch/x86/kvm/x86.c
	git -C repo diff > bare.diff
	on_tree add bare.diff
	[ "$status" -eq 1 ]
	[[ $output == *"--subject"* ]]
	on_tree add bare.diff --subject "KVM: Two"
	[ "$status" -eq 0 ]
	apply patches/*.patch
	[ "$status" -eq 0 ]
	[ "$(jq -r '.patches[1].subject' series.json)" = "KVM: Two" ]
}

@test "add: what does not apply is not added" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	one_patch new.patch "KVM: two" 's/line_3;/x;/'
	mv patches/new.patch . && cp spec before
	sed -i 's/line_4;/line_four;/' tree/arch/x86/kvm/x86.c
	on_tree add new.patch
	[ "$status" -eq 1 ]
	[[ $output == *"40001-kvm-two.patch was not added"* ]]
	cmp spec before
	[ "$(ls patches)" = 40000-one.patch ]
}

@test "refresh: offsets go into the file, its message stays" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i '1i int before;' tree/arch/x86/kvm/x86.c
	sed '/^---$/,$d' patches/40000-one.patch > message
	on_tree refresh
	[ "$status" -eq 0 ]
	grep -q '^@@ -28,7 +28,7 @@' patches/40000-one.patch
	cmp message <(sed '/^---$/,$d' patches/40000-one.patch)
	apply patches/40000-one.patch
	[ "$(jq -r '.patches[0].reason' series.json)" = "" ]
}

@test "refresh: fuzz only when asked for, and only where a guard admits" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	sed -i 's/line_27;/line_changed;/' tree/arch/x86/kvm/x86.c
	cp patches/40000-one.patch before
	on_tree refresh
	[ "$status" -eq 1 ]
	cmp patches/40000-one.patch before
	on_tree refresh --fuzz 1
	[ "$status" -eq 0 ]
	grep -q '^ int line_changed;' patches/40000-one.patch
	on_tree check
	[ "$status" -eq 0 ]
}

@test "drop: the file, its line and the comment above it" {
	one_patch 40000-one.patch "KVM: one" 's/line_30;/x;/'
	on_tree drop 40000
	[ "$status" -eq 0 ]
	[ ! -e patches/40000-one.patch ]
	[ "$(cat spec)" = $'Name: kernel-kvm\n\n%prep' ]
	on_tree drop 40000
	[ "$status" -eq 1 ]
}

@test "usage: unknown verbs and options are exit 2" {
	run "$patch" frob
	[ "$status" -eq 2 ]
	run "$patch" apply --frob
	[ "$status" -eq 2 ]
	run "$patch" check --frob x
	[ "$status" -eq 2 ]
	run "$patch" --help
	[ "$status" -eq 0 ]
	[[ $output == *"patch apply --tree"* ]]
}
