#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# base-srpm: what an SRPM is, whether it is trusted, and its tree, on small
# SRPMs of the real shape.
# shellcheck disable=SC2030,SC2031,SC2119,SC2154  # bats' run sets status and output

load fixtures/base-srpm/setup

@test "tree: the base's own %prep, patch proven, config and info beside it" {
	plain_srpm
	"$base_srpm" tree "$srpm" out/tree --allow-unsigned
	cmp out/tree/kernel/fork.c work/kernel/fork.c
	[ "$(head -n 1 out/tree.base/config)" = "# x86_64" ]
	[ "$(jq -r .profile out/tree.base/info.json)" = debian ]
	[ ! -e out/tree/.config ]
	[ "$(ls out)" = "$(printf 'tree\ntree.base')" ]
}

@test "tree: from the cache the second time, the same bytes" {
	plain_srpm
	"$base_srpm" tree "$srpm" one --allow-unsigned --cache c
	run "$base_srpm" tree "$srpm" two --allow-unsigned --cache c
	[[ $output == *"in the cache"* ]]
	diff -r one two
	[ one/kernel/fork.c -ef two/kernel/fork.c ]
	# A patched tree does not reach back into the cache: who writes a new file.
	sed -i s/fork_3/patched/ two/kernel/fork.c
	run "$base_srpm" tree "$srpm" three --allow-unsigned --cache c
	[[ $output == *"in the cache"* ]]
	diff -r one three
}

@test "tree: a cached tree that was written to is made anew" {
	plain_srpm
	"$base_srpm" tree "$srpm" one --allow-unsigned --cache c
	cp -a one unchanged
	for spoil in 'echo changed > one/kernel/fork.c' 'chmod a+x c/*/tree/kernel/fork.c' 'rm c/*/tree/kernel/fork.c' 'rm c/*/listing'; do
		eval "$spoil"
		rm -rf two
		run "$base_srpm" tree "$srpm" two --allow-unsigned --cache c
		echo "$spoil: $output"
		[ "$status" -eq 0 ]
		[[ $output == *"written to"* ]]
		diff -r unchanged two
	done
}

@test "tree: where links cannot be, the cached tree is copied" {
	local elsewhere=/dev/shm/base-srpm.$$
	[[ $(stat -c %d /dev/shm) != "$(stat -c %d .)" ]] || skip "/dev/shm is no file system of its own"
	plain_srpm
	"$base_srpm" tree "$srpm" one --allow-unsigned --cache "$elsewhere"
	run "$base_srpm" tree "$srpm" two --allow-unsigned --cache "$elsewhere"
	rm -rf "$elsewhere"
	[[ $output == *"in the cache"* ]]
	diff -r one two
}

@test "tree: a patch that %prep fails to apply stops, though %prep exits 0" {
	plain_srpm 'sed -i s/fork_3/gone/ kernel/fork.c; patch -p1 < %{PATCH1} || :'
	fails_with "1.patch: not in the finished tree" "$base_srpm" tree "$srpm" out --allow-unsigned
}

@test "tree: a %prep that fails, one that hangs" {
	plain_srpm 'echo "error: broken on purpose"; false'
	fails_with "broken on purpose" "$base_srpm" tree "$srpm" out --allow-unsigned
	[ ! -e out ]
	plain_srpm 'while :; do :; done'
	fails_with "did not end within 2 s" "$base_srpm" tree "$srpm" out --allow-unsigned --deadline 2
	[ ! -e out ]
}

@test "unsigned is refused without --allow-unsigned; a wrong sha256 always" {
	plain_srpm
	fails_with "not signed" "$base_srpm" tree "$srpm" out
	fails_with "not the file that was pinned" "$base_srpm" verify "$srpm" --allow-unsigned --sha256 "$(printf %064d 0)"
	"$base_srpm" verify "$srpm" --sha256 "$(sha256sum < "$srpm" | cut -d' ' -f1)"
}

@test "truncated, bit-flipped, empty, not an RPM, absent" {
	plain_srpm
	head -c 3000 "$srpm" > cut.src.rpm
	fails_with "cut.src.rpm" "$base_srpm" verify cut.src.rpm --allow-unsigned
	head -c -20 "$srpm" > cut2.src.rpm
	fails_with "cut short" "$base_srpm" verify cut2.src.rpm --allow-unsigned
	perl -0777 -pe 'substr($_, -100, 1) ^= "\377"' "$srpm" > flip.src.rpm
	fails_with "digests are not in order" "$base_srpm" verify flip.src.rpm --allow-unsigned
	: > empty.src.rpm
	fails_with "not an RPM package" "$base_srpm" verify empty.src.rpm --allow-unsigned
	echo text > text.src.rpm
	fails_with "not an RPM package" "$base_srpm" verify text.src.rpm --allow-unsigned
	fails_with "nowhere.src.rpm" "$base_srpm" verify nowhere.src.rpm --allow-unsigned
}

@test "a binary RPM, an SRPM without a kernel tree" {
	cat > b.spec <<-'END'
		Name: kernel
		Version: 1
		Release: 1
		Summary: b
		License: GPL-2.0-only
		BuildArch: noarch
		%description
		b
		%files
	END
	rpmbuild -ba --quiet --define "_topdir $PWD/t" --define "_dbpath $PWD/db" b.spec
	fails_with "a binary package" "$base_srpm" verify t/RPMS/noarch/kernel-1-1.noarch.rpm --allow-unsigned
	fails_with "no kernel tree in it" "$base_srpm" verify t/SRPMS/kernel-1-1.src.rpm --allow-unsigned
}

# pinned SRPM [COMMENT]: base.inc and a copy, as imported by the first version.
pinned() {
	mkdir -p sources
	cp "$1" sources/
	printf '# The base SRPM, pinned by tools/base-srpm import. Do not edit.\n%%global base_srpm %s\n%%global base_sha256 %s\n' \
		"${1##*/}" "$(sha256sum < "$1" | cut -d' ' -f1)" > sources/base.inc
}

@test "import pins it, and leaves one base in SOURCES, whichever version imported the last" {
	plain_srpm
	cp "$srpm" kernel-5.0-1.src.rpm
	echo more >> kernel-5.0-1.src.rpm
	pinned kernel-5.0-1.src.rpm
	"$base_srpm" import "$srpm" --sources sources --allow-unsigned
	[ "$(ls sources)" = "$(printf 'base.inc\nkernel-6.1.1-2.src.rpm')" ]
	grep -qx '%global base_version 6.1.1' sources/base.inc
	grep -qx "%global base_sha256 $(sha256sum < "$srpm" | cut -d' ' -f1)" sources/base.inc
	cp -a sources before
	"$base_srpm" import "$srpm" --sources sources --allow-unsigned
	diff -r before sources
	# A copy without a pin, as a break in mid-import leaves it: used as it is.
	rm sources/base.inc
	"$base_srpm" import "$srpm" --sources sources --allow-unsigned
	diff <(grep -vx '# It was here before.' sources/base.inc) before/base.inc
}

@test "import deletes nothing that it did not copy: files, links and folders in the way are named" {
	local in_the_way
	plain_srpm
	cp "$srpm" kernel-5.0-1.src.rpm
	# shellcheck disable=SC2016  # eval's
	for in_the_way in 'echo mine > sources/other-1.src.rpm' 'ln -s nowhere sources/other-1.src.rpm' 'mkdir sources/other-1.src.rpm' \
		'pinned kernel-5.0-1.src.rpm; echo changed >> sources/kernel-5.0-1.src.rpm' 'echo mine > sources/kernel-6.1.1-2.src.rpm' \
		'mkdir sources/kernel-6.1.1-2.src.rpm' 'ln -s nowhere sources/kernel-6.1.1-2.src.rpm' 'echo mine > sources/base.inc' \
		'mkdir sources/base.inc' 'ln -s ../mine sources/base.inc' \
		'cp kernel-5.0-1.src.rpm sources/; "$base_srpm" import sources/kernel-5.0-1.src.rpm --sources sources --allow-unsigned'; do
		rm -rf sources before
		mkdir sources
		eval "$in_the_way"
		cp -a sources before
		run "$base_srpm" import "$srpm" --sources sources --allow-unsigned
		echo "$in_the_way: $output"
		[ "$status" -eq 1 ]
		[[ $output == *"in the way"* && $output == *"sources/"* ]]
		diff -r --no-dereference before sources
	done
	touch file
	fails_with "file: in the way" "$base_srpm" import "$srpm" --sources file --allow-unsigned
}

@test "tree deletes nothing that was there: DIR, DIR.base as folder, file, link; its own is replaced" {
	local in_the_way
	plain_srpm
	for in_the_way in 'mkdir out.base; echo mine > out.base/notes' 'mkdir out.base; echo {} > out.base/info.json' 'echo mine > out.base' \
		'ln -s nowhere out.base' 'mkdir kept; ln -s kept out.base' 'ln -s nowhere out' \
		'cp -a made.base out.base; echo mine > out.base/notes'; do
		rm -rf out out.base
		[[ $in_the_way != *made.base* ]] || "$base_srpm" tree "$srpm" made --allow-unsigned
		eval "$in_the_way"
		ls -lR out* > before
		run "$base_srpm" tree "$srpm" out --allow-unsigned
		echo "$in_the_way: $output"
		[ "$status" -eq 1 ]
		[[ $output == *"out"*": exists"* ]]
		diff before <(ls -lR out*)
	done
	rm -rf out out.base
	"$base_srpm" tree "$srpm" out --allow-unsigned
	rm -r out
	"$base_srpm" tree "$srpm" out --allow-unsigned
	[ -s out.base/info.json ]
}
