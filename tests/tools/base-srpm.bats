#!/usr/bin/env bats
# base-srpm: what an SRPM is, whether it is trusted, and its tree, on small
# SRPMs of the real shape.

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	base_srpm=$top/tools/base-srpm
	cd "$BATS_TEST_TMPDIR" || exit
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
}

# make_srpm [PREP-LINES]: kernel-6.1.1-2.src.rpm of a tree of a few files, with
# one patch; PREP-LINES replace the line that applies it.
make_srpm() {
	local prep=${1-%patch1 -p1}
	mkdir -p t/SOURCES t/SPECS w/linux-6.1.1
	(
		cd w/linux-6.1.1 || exit
		printf 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 1\nEXTRAVERSION =\n' > Makefile
		touch Kbuild MAINTAINERS
		printf 'a\nb\nc\n' > Kconfig
	)
	tar -C w -cJf t/SOURCES/linux-6.1.1.tar.xz linux-6.1.1
	printf -- '--- a/Kconfig\n+++ b/Kconfig\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n' > t/SOURCES/1.patch
	printf '# x86_64\nCONFIG_X=y\n' > t/SOURCES/kernel-x86_64.config
	cat > t/SPECS/kernel.spec <<-END
		Name: kernel
		Version: 6.1.1
		Release: 2
		Summary: k
		License: GPL-2.0-only
		ExclusiveArch: x86_64
		Source0: linux-%{version}.tar.xz
		Source1: kernel-x86_64.config
		Patch1: 1.patch
		%description
		k
		%prep
		%setup -q -n linux-6.1.1
		$prep
		cp %{SOURCE1} .config
		%build
		%files
	END
	rpmbuild -bs --quiet --nodeps --target x86_64 --define "_topdir $PWD/t" --define "_dbpath $PWD/db" t/SPECS/kernel.spec
	srpm=t/SRPMS/kernel-6.1.1-2.src.rpm
}

# fails_with TEXT COMMAND...: exit 1, TEXT in the message, no temporary left.
fails_with() {
	local text=$1
	shift
	run "$@"
	[ "$status" -eq 1 ] || { echo "status $status: $output"; return 1; }
	[[ $output == *"$text"* ]] || { echo "no '$text' in: $output"; return 1; }
	[ -z "$(ls -A "$TMPDIR")" ] || { echo "left: $(ls "$TMPDIR")"; return 1; }
}

@test "tree: the base's own %prep, patch proven, config and info beside it" {
	make_srpm
	"$base_srpm" tree "$srpm" out/tree --allow-unsigned
	[ "$(sed -n 2p out/tree/Kconfig)" = B ]
	[ "$(head -n 1 out/tree.base/config)" = "# x86_64" ]
	[ "$(jq -r .profile out/tree.base/info.json)" = debian ]
	[ ! -e out/tree/.config ]
	[ "$(ls out)" = "$(printf 'tree\ntree.base')" ]
}

@test "tree: from the cache the second time, the same bytes" {
	make_srpm
	"$base_srpm" tree "$srpm" one --allow-unsigned --cache c
	run "$base_srpm" tree "$srpm" two --allow-unsigned --cache c
	[[ $output == *"in the cache"* ]]
	diff -r one two
	# A patched tree does not reach back into the cache.
	echo changed > two/Kconfig
	"$base_srpm" tree "$srpm" three --allow-unsigned --cache c
	diff -r one three
}

@test "tree: a listed patch that its %prep skips stops, though %prep exits 0" {
	make_srpm 'true || : %{PATCH1}'
	fails_with "1.patch: not in the finished tree" "$base_srpm" tree "$srpm" out --allow-unsigned
	[ ! -e out ]
}

@test "tree: a %prep that fails, one that hangs" {
	make_srpm 'echo "error: broken on purpose"; false'
	fails_with "broken on purpose" "$base_srpm" tree "$srpm" out --allow-unsigned
	[ ! -e out ]
	make_srpm 'while :; do :; done'
	fails_with "did not end within 2 s" "$base_srpm" tree "$srpm" out --allow-unsigned --deadline 2
	[ ! -e out ]
}

@test "unsigned is refused without --allow-unsigned; a wrong sha256 always" {
	make_srpm
	fails_with "not signed" "$base_srpm" tree "$srpm" out
	fails_with "not the file that was pinned" "$base_srpm" verify "$srpm" --allow-unsigned --sha256 00
	"$base_srpm" verify "$srpm" --sha256 "$(sha256sum < "$srpm" | cut -d' ' -f1)"
}

@test "truncated, bit-flipped, empty, not an RPM, absent" {
	make_srpm
	head -c 3000 "$srpm" > cut.src.rpm
	fails_with "cut.src.rpm" "$base_srpm" verify cut.src.rpm --allow-unsigned
	head -c -20 "$srpm" > cut2.src.rpm
	fails_with "digests are not in order" "$base_srpm" verify cut2.src.rpm --allow-unsigned
	cp "$srpm" flip.src.rpm
	printf '\377' | dd of=flip.src.rpm bs=1 seek=$(($(stat -c %s "$srpm") - 100)) conv=notrunc status=none
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

@test "import pins it, and leaves one base in SOURCES" {
	make_srpm
	mkdir S
	touch S/kernel-5.0-1.src.rpm
	"$base_srpm" import "$srpm" --sources S --allow-unsigned
	[ "$(ls S)" = "$(printf 'base.inc\nkernel-6.1.1-2.src.rpm')" ]
	grep -qx '%global base_version 6.1.1' S/base.inc
	grep -qx "%global base_sha256 $(sha256sum < "$srpm" | cut -d' ' -f1)" S/base.inc
}

@test "debian-base: the same packages give the same bytes" {
	command -v dpkg-query >/dev/null || skip "not a Debian host"
	"$top/tools/debian-base" 6.1 a > pa
	"$top/tools/debian-base" 6.1 b > pb
	cmp "$(cat pa)" "$(cat pb)"
	"$base_srpm" verify "$(cat pa)" --allow-unsigned
}

@test "debian-base: a version whose package is not installed is named" {
	command -v dpkg-query >/dev/null || skip "not a Debian host"
	fails_with "apt-get install linux-source-9.9" "$top/tools/debian-base" 9.9 a
}
