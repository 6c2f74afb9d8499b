#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# base-srpm's record of what %prep applies, and the proof that it is in the tree.
# shellcheck disable=SC2030,SC2031,SC2119,SC2154  # bats' run sets status and output

bats_require_minimum_version 1.5.0

load fixtures/base-srpm/setup

tree() {
	rm -rf out out.base
	"$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1 || { cat log; return 1; }
}

# git_patch COMMAND...: what COMMAND changes in the tree, as 1.patch by git.
git_patch() {
	rm -rf a b
	cp -a pristine a
	cp -a pristine b
	(cd b && "$@")
	git diff --no-index --binary --find-renames a b | sed -E '/^(diff|---|\+\+\+|rename)/s, (a|b)/(a|b)/, \2/,g; s,^rename (from|to) [ab]/,rename \1 ,' > S/1.patch || :
	[ -s S/1.patch ]
}

# each COMMAND...: every effect that a patch can have alone, by git_patch, COMMAND
# run for each with its name in $effect and what takes it back in $back.
each() {
	local what
	while IFS='|' read -r effect what back; do
		sources_of debian
		mkdir -p pristine/lib
		seq 20 | sed 's/.*/same;/' > pristine/kernel/same.c
		cp -a pristine work
		rm S/linux*
		pack linux-6.1.1.tar.xz linux-6.1.1
		git_patch bash -ec "$what"
		"$@" || { echo "effect: $effect"; return 1; }
	done <<-'END'
		deleted|rm kernel/same.c|seq 20 | sed 's/.*/same;/' > kernel/same.c
		mode|chmod +x init/main.c|chmod -x init/main.c
		renamed|mv init/main.c init/other.c|mv init/other.c init/main.c
		empty|touch init/empty.c|rm init/empty.c
		new|echo new > init/new.c|rm init/new.c
		equal|sed -i 10d kernel/same.c|sed -i '1i same;' kernel/same.c
		changed|sed -i 's/fork_9;/fork_nine;/' kernel/fork.c|sed -i 's/fork_nine;/fork_9;/' kernel/fork.c
		binary|printf '\0\1' > init/logo|rm init/logo
	END
}

@test "a patch that was only tried is not in the tree, whatever it would do: named" {
	tried() {
		debian_spec 'patch -p1 --dry-run < %{PATCH1} || :
git apply --check %{PATCH1}'
		build_srpm && tree && grep -q "1.patch: in the SRPM, but" log && grep -q '0 patches of the base proven' log &&
			[ "$(jq -c '[.patches, .unapplied]' out.base/info.json)" = '[[],["1.patch"]]' ]
	}
	each tried
}

@test "every effect of a patch is proven, by patch and by git, and missed when it is taken back" {
	proven() {
		local call
		for call in 'patch -p1 < %{PATCH1}' 'git apply %{PATCH1}'; do
			[[ $effect != binary || $call == git* ]] || continue
			debian_spec "$call"
			build_srpm && tree && grep -q '1 patches of the base proven' log || { echo "$call"; return 1; }
			rm -r out out.base
			debian_spec "$call
$back"
			build_srpm
			fails_with "1.patch: not in the finished tree" "$base_srpm" tree "$srpm" out --allow-unsigned || { echo "$call"; return 1; }
		done
	}
	each proven
}

@test "git am and git apply --index, in a repository of %prep's own" {
	local call
	for call in 'git am -q %{PATCH1}' 'git apply --index -p1 < %{PATCH1}' 'git -c core.abbrev=12 am -q < %{PATCH1}'; do
		plain_srpm "git init -q .; git config user.name a; git config user.email a@b; git config gc.auto 0; git add -A; git commit -qm a
$call"
		tree
		cmp out/kernel/fork.c work/kernel/fork.c
		[ "$(jq -r '.patches[].file' out.base/info.json)" = 1.patch ]
		[ ! -e out/.git ]
	done
}

# chain: 1.patch to 5.patch, each for the same lines.
chain() {
	local n
	sources_of debian
	rm -rf work
	cp -a pristine work
	for n in 1 2 3 4 5; do patch_of $n.patch kernel/fork.c 9; done
}

@test "a chain of patches for the same lines, whatever applies it: the order is a fact" {
	local style
	while IFS= read -r style; do
		chain
		debian_spec "$(printf '%b' "$style")"
		sed -i 's/^Patch1:.*/Patch5: 5.patch\nPatch4: 4.patch\nPatch3: 3.patch\nPatch2: 2.patch\nPatch1: 1.patch\nSource2: order/' S/kernel.spec
		printf '%s.patch\n' 1 2 3 4 5 > S/order
		build_srpm && tree || { echo "style: $style"; return 1; }
		cmp out/kernel/fork.c work/kernel/fork.c
		[ "$(jq -r '.patches[].file' out.base/info.json | tr '\n' ' ')" = "1.patch 2.patch 3.patch 4.patch 5.patch " ] || { echo "style: $style"; jq .patches out.base/info.json; return 1; }
	done <<-'END'
		for p in 1 2 3 4 5; do patch -p1 -s -i %{_sourcedir}/$p.patch; done
		one() { patch -p1 -s < "$1"; }\nfor p in %{PATCH1} %{PATCH2} %{PATCH3} %{PATCH4} %{PATCH5}; do one $p; done
		while read -r p; do cat %{_sourcedir}/$p | patch -sp1; done < %{_sourcedir}/order
		pushd kernel; for p in $(cat %{_sourcedir}/order); do patch -p2 < %{_sourcedir}/$p; done; popd
		for p in $(cat %{_sourcedir}/order); do patch -d kernel --strip=2 -s < %{_sourcedir}/$p; done
		cd ..; for p in $(cat %{_sourcedir}/order); do patch -d linux-6.1.1 -p 1 -i %{_sourcedir}/$p; done; cd linux-6.1.1
		git apply -p1 %{PATCH1} && git apply %{PATCH2} %{PATCH3}; cat %{PATCH4} %{PATCH5} > x.mbox; for p in 4 5; do git apply - < %{_sourcedir}/$p.patch; done; rm x.mbox
		for p in 1 2 3 4 5; do patch kernel/fork.c < %{_sourcedir}/$p.patch; done
		for p in 1 2 3 4 5; do patch kernel/fork.c %{_sourcedir}/$p.patch; done
		for p in 1 2 3 4 5; do %{__patch} -p1 < %{_sourcedir}/$p.patch; done
	END
}

# by_prep COMMANDS PATCHES UNAPPLIED: two patches; what info.json has of them.
by_prep() {
	sources_of debian
	patch_of 2.patch init/main.c 5
	debian_spec "$1"
	sed -i 's/^Patch1:.*/&\nPatch2: 2.patch/' S/kernel.spec
	build_srpm && tree || { echo "$1"; return 1; }
	[ "$(jq -c '[[.patches[].file], .unapplied]' out.base/info.json)" = "$2" ] || { echo "$1"; cat out.base/info.json; return 1; }
}

@test "patch and git called by an absolute path, or with another PATH" {
	by_prep '/usr/bin/patch -p1 -s -i %{PATCH1}
if true; then %{_bindir}/git apply %{PATCH2}; fi' '[["1.patch","2.patch"],[]]'
	needs_namespaces
	# shellcheck disable=SC2016  # for %prep's shell
	by_prep 'env -i PATH=/usr/bin:/bin patch -p1 -s -i %{PATCH1}
how=/usr/bin/git; $how apply %{PATCH2}' '[["1.patch","2.patch"],[]]'
	by_prep 'env -i PATH=/usr/bin:/bin make oldconfig && /usr/bin/make oldconfig' '[[],["1.patch","2.patch"]]'
}

@test "patches joined or rewritten on their way into patch are known by their changes" {
	by_prep 'cat %{PATCH2} %{PATCH1} | patch -p1 -s' '[["2.patch","1.patch"],[]]'
	by_prep 'sed "/^Subject:/d; s/$/\r/" %{PATCH1} | tr -d "\r" | patch -p1 -s' '[["1.patch"],["2.patch"]]'
	by_prep 'cat %{PATCH1} %{PATCH2} > both; git apply both; rm both' '[["1.patch","2.patch"],[]]'
	# Half of a patch is not that patch; an empty one is none.
	sources_of debian
	patch_of 1.patch kernel/fork.c 3
	sed -n '/^diff/,$p' S/1.patch > half
	patch_of 1.patch init/main.c 5
	cat half >> S/1.patch
	debian_spec "sed '/^diff .*fork/,\$d' %{PATCH1} | patch -p1 -s; true | patch -p1 -s"
	build_srpm
	tree
	grep -q '1.patch: in the SRPM, but' log
	run ! jq -e '.patches[] | select(.file == "1.patch")' out.base/info.json
	grep -q '1 patches of the base proven' log
}

@test "patch -o writes another file: the tree does not have the patch by it" {
	by_prep 'patch -p1 -s -o y -i %{PATCH1} kernel/fork.c; patch -p1 --output=x init/main.c %{PATCH2}; rm x y' '[[],["1.patch","2.patch"]]'
	by_prep 'patch -p1 -so x -i %{PATCH1}; mv x kernel/fork.c; patch -p1 -s -i %{PATCH2}' '[["2.patch"],["1.patch"]]'
}

@test "one of a chain undone in the middle is missed" {
	chain
	debian_spec 'patch -p1 < %{PATCH1}
cp kernel/fork.c k; patch -p1 < %{PATCH2}; cp k kernel/fork.c; rm k
sed -i s,x,x, kernel/fork.c'
	sed -i 's/^Patch1:.*/Patch1: 1.patch\nPatch2: 2.patch/' S/kernel.spec
	build_srpm
	fails_with "2.patch: not in the finished tree" "$base_srpm" tree "$srpm" out --allow-unsigned
}

@test "%prep's own edits after a patch are told apart from one that was never applied" {
	plain_srpm 'patch -p1 < %{PATCH1}
sed -i "s/fork_3;.*/fork_three;/" kernel/fork.c'
	tree
	grep -q '%prep itself edited lines of these patches .*: 1.patch: kernel/fork.c' log
	# Elsewhere in the file, or only the ends of the lines: nothing to tell.
	local edit
	for edit in 'sed -i "s/fork_30;/fork_thirty;/" kernel/fork.c' 'sed -i "s/$/\\r/" kernel/fork.c' 'sed -i "1i // top" kernel/fork.c'; do
		plain_srpm "patch -p1 < %{PATCH1}
$edit"
		tree
		run ! grep -q 'edited lines' log
		grep -q '1 patches of the base proven' log
	done
	rm -r out out.base
	plain_srpm 'patch -p1 < %{PATCH1}
sed -i -e "s/fork_3;.*/fork_3;/" -e "35i // more" kernel/fork.c'
	fails_with "1.patch: not in the finished tree" "$base_srpm" tree "$srpm" out --allow-unsigned
}

@test "a failing patch is named by its file, though -s hid it and %prep went on" {
	plain_srpm 'sed -i s,fork_3,x, kernel/fork.c; patch -s -p1 < %{PATCH1}'
	fails_with "1.patch: patch -p1 failed" "$base_srpm" tree "$srpm" out --allow-unsigned
	plain_srpm 'sed -i s,fork_3,x, kernel/fork.c; patch -s -p1 < %{PATCH1} > /dev/null || :'
	fails_with "1.patch: not in the finished tree: patch -p1 ended with exit 1" "$base_srpm" tree "$srpm" out --allow-unsigned
	# A second try that went well is no failure.
	plain_srpm 'patch -s -p0 < %{PATCH1} > /dev/null || patch -s -p1 < %{PATCH1}'
	tree
	grep -q '1 patches of the base proven' log
}

@test "inspect lists the header's patches, and says that the order is known after %prep" {
	chain
	debian_spec
	sed -i 's/^Patch1:.*/Patch5: 5.patch\nPatch1: 1.patch/' S/kernel.spec
	build_srpm
	run "$base_srpm" inspect "$srpm"
	[[ $output == *"patches    2; in what order %prep applies them, tree says"*5.patch*1.patch* ]]
	"$base_srpm" inspect "$srpm" --json > info.json
	[ "$(jq -c '[.patches, .order_exact, .unapplied]' info.json)" = '[[{"file":"5.patch"},{"file":"1.patch"}],false,null]' ]
}

# cpu_of COMMAND...: the CPU time that it takes, in milliseconds.
cpu_of() {
	local TIMEFORMAT='%U %S'
	{ time "$@" > said 2>&1; } 2>&1 | awk '{ printf "%d\n", ($1 + $2) * 1000 }'
}
apply_bare() {
	(cd pristine && for n in $(seq 763); do patch -s -p1 < "../S/$n.patch"; done)
}

@test "763 patches: record and proof cost less than 15 times what patch itself does" {
	local n bare all
	sources_of debian
	rm S/1.patch
	cp pristine/kernel/fork.c before
	for n in $(seq 763); do
		sed -E "$((n % 40 + 1))s/;.*/; \/* $n *\//" before > after
		{ printf 'diff --git a/kernel/fork.c b/kernel/fork.c\n'; diff -u --label a/kernel/fork.c --label b/kernel/fork.c before after; } > "S/$n.patch" || :
		mv after before
	done
	# shellcheck disable=SC2016  # for %prep's shell
	debian_spec 'for p in $(seq 763); do patch -s -p1 < %{_sourcedir}/$p.patch; done'
	sed -i "s/^Patch1:.*/$(seq 763 | sed 's/.*/Patch&: &.patch\\n/' | tr -d '\n')/" S/kernel.spec
	build_srpm
	# As a ratio, which a slow or busy machine does not change: some 7 times, where
	# unpacking and %prep are in it, too.
	bare=$(cpu_of apply_bare)
	all=$(cpu_of tree)
	echo "# $all ms, the patches alone $bare ms" >&3
	((all < 15 * bare))
	grep -q '763 patches of the base proven' log
}
