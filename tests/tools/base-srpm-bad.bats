#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# base-srpm given what it must refuse: every line of the table is an SRPM with one
# thing wrong, the message it must end with, and that nothing is left behind.
# shellcheck disable=SC2030,SC2031,SC2119,SC2154  # bats' run sets status and output

load fixtures/base-srpm/setup

setup() {
	base_srpm_setup
	plain_srpm
	cp -a S S.good
	good=$PWD/good.src.rpm
	cp "$srpm" "$good"
}

# with_spec SED...: the good sources, the spec edited, as $srpm.
with_spec() {
	rm -rf S
	cp -a S.good S
	sed -i -E "$@" S/kernel.spec
	build_srpm
}

# refused MESSAGE [VERB]: $srpm is refused by VERB (verify) with MESSAGE.
refused() {
	local verb=${2:-verify} deadline=60
	if [[ $verb == tree ]]; then
		[[ $1 != *within* ]] || deadline=1
		fails_with "$1" "$base_srpm" tree "$srpm" out --allow-unsigned --deadline "$deadline"
	else
		fails_with "$1" "$base_srpm" "$verb" "$srpm" --allow-unsigned
	fi
}

# offset_of TEXT: of its first occurrence in the good SRPM.
offset_of() {
	grep -abo -m 1 -- "$1" "$good" | head -n 1 | cut -d: -f1
}

# table VERB: lines "SED-EXPRESSION<tab>MESSAGE"; each is one SRPM.
table() {
	local edit message n=0
	while IFS=$'\t' read -r edit message; do
		n=$((n + 1))
		with_spec "$edit" || { echo "rpmbuild: $edit"; return 1; }
		refused "$message" "$1" || { echo "case $n: $edit"; return 1; }
	done
	echo "# $n cases" >&3
}

@test "files that are no whole SRPM" {
	local n=0 size
	size=$(stat -c %s "$good")
	for at in 0 2 96 200 1000 $((size / 2)) $((size - 1)); do
		head -c "$at" "$good" > bad.src.rpm
		srpm=$PWD/bad.src.rpm
		refused bad.src.rpm
		n=$((n + 1))
	done
	# One byte in the magic, the signature's digest, the header, the payload.
	for at in 1 "$(offset_of "$(rpm --dbpath "$PWD/db" -qp --qf '%{SHA256HEADER}' "$good")")" "$(offset_of kernel-x86_64.config)" $((size - 200)); do
		at=$at perl -0777 -pe 'substr($_, $ENV{at}, 1) ^= "\252"' "$good" > bad.src.rpm
		srpm=$PWD/bad.src.rpm
		refused bad.src.rpm
		n=$((n + 1))
	done
	head -c 9000 /dev/urandom > bad.src.rpm
	refused "not an RPM package"
	mkdir dir.src.rpm
	srpm=$PWD/dir.src.rpm
	refused "not a file"
	((n >= 11))
}

@test "specs that say something else than they should: header" {
	table verify <<-'END'
		s/^ExclusiveArch:.*/ExclusiveArch: i686/	not for x86_64
		s/^ExclusiveArch:.*/ExclusiveArch: aarch64 noarch/	not for x86_64
		s/^ExclusiveArch:.*/ExcludeArch: x86_64/	not for x86_64
		s/^(Source1:.*)/\1\nNoSource: 0/	a .nosrc package
	END
}

@test "two kernels, no kernel, two specs" {
	rm -rf S; cp -a S.good S
	cp S/linux-6.1.1.tar.xz S/linux-6.1.2.tar.xz
	sed -i 's/^Source1:/Source2: linux-6.1.2.tar.xz\nSource1:/' S/kernel.spec
	build_srpm
	refused "two kernels in it"
	rm -rf S; cp -a S.good S
	mv S/linux-6.1.1.tar.xz S/other.tar.xz
	sed -i 's/^Source0:.*/Source0: other.tar.xz/' S/kernel.spec
	build_srpm
	refused "no kernel tree in it"
	rm -rf S; cp -a S.good S
	cp S/kernel.spec z.spec
	sed -i 's/^Source1:/Source2: z.spec\nSource1:/' S/kernel.spec
	mv z.spec S/
	build_srpm
	refused "expected one .spec"
}

@test "a name no profile knows; what there is" {
	with_spec 's/^Release:.*/Release: 1.strange9/'
	refused "no profile for kernel-6.1.1-1.strange9" inspect
	refused "known: debian mainline" tree
}

# What only the builder's own rpm could read: broken where "made" is not defined.
@test "specs that rpm cannot read: file and line" {
	local broken message n=0
	while IFS=$'\t' read -r broken message; do
		n=$((n + 1))
		rm -rf S; cp -a S.good S
		broken=$broken perl -pi -e 's/^%description\n/"%if 0%{!?made:1}\n" . $ENV{broken} =~ s,;;,\n,gr . "\n%endif\n%description\n"/e' S/kernel.spec
		build_srpm --define 'made 1'
		refused "$message" tree || { echo "case $n: $broken"; return 1; }
	done <<-'END'
		%{error:on purpose}	on purpose
		%include not-there.inc	not-there.inc
		Nonsense line	kernel.spec:11: rpm cannot read it
		%define a %b;;%define b %a;;%a	ecursion
		%{lua: nonsense(}	kernel.spec
		Version: 6 1	kernel.spec
		%if (1 +;;%endif	kernel.spec
		Patch1: twice.patch	kernel.spec
		Requires: a b >=	kernel.spec
		%(sleep 60)	within 1 s
	END
	echo "# $n cases" >&3
}

@test "specs that rpm cannot read: the line below %build, and what it says" {
	sed -i 's/^%files$/%if 0%{!?made:1}\n%package x\nNonsense below\n%endif\n&/' S/kernel.spec
	build_srpm --define 'made 1'
	refused "kernel.spec:$(grep -nx 'Nonsense below' S/kernel.spec | cut -d: -f1): rpm cannot read it" tree
	[[ $output == *"the line: Nonsense below"* ]]
}

@test "a %prep that fails, and why" {
	table tree <<-'END'
		s/^%patch1 -p1/false/	its %prep failed
		s/^%patch1 -p1/exit 3/	its %prep failed
		s/^%patch1 -p1/no-such-program-here --x/	no-such-program-here
		s/^%patch1 -p1/cat not-there/	not-there
		s/^%patch1 -p1/mkdir configs; mkdir configs/	a real directory "configs"
		s/^%patch1 -p1/ls configs\/none.config/	no "configs" link
		s/^%patch1 -p1/sed -i s,fork_3,x, kernel\/fork.c\n%patch1 -p1/	does not apply to its own tarball
		s/^%setup.*/%setup -q -n linux-9.9/	linux-9.9
		s/^%patch1 -p1/%patch1 -p1\nrm -rf kernel/	left no kernel tree
		s/^%patch1 -p1/cp -a . ..\/other/	several kernel trees
		s/^%patch1 -p1/sleep 60/	within 1 s
		s/^%patch1 -p1/while :; do :; done/	within 1 s
	END
}

@test "a .nosrc package: the file, its address, and what to do" {
	with_spec -e 's,^Source0:.*,Source0: https://kernel.invalid/v6.x/linux-%{version}.tar.xz\nNoSource: 0,'
	run "$base_srpm" inspect "$srpm"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"linux-6.1.1.tar.xz is not in it"*"https://kernel.invalid/v6.x/linux-6.1.1.tar.xz"*"remove NoSource"* ]]
	# A macro of the spec's own in the name, and one in the address.
	with_spec -e '1s/^/%global LKAver 6.1.1\n/' -e 's,^Source0:.*,Source0: https://kernel.invalid/v6.x/linux-%{LKAver}.tar.xz\nNoSource: 0,' \
		-e 's,^Source1:.*,Source1: https://%{name}.invalid/kernel-x86_64.config\nNoSource: 1,'
	run "$base_srpm" inspect "$srpm"
	[[ $output == *"linux-6.1.1.tar.xz kernel-x86_64.config is not in it"*"Source0: https://kernel.invalid/v6.x/linux-6.1.1.tar.xz Source1: kernel-x86_64.config"* ]] || { echo "$output"; return 1; }
}

@test "a %prep that fails: what its last command said, and where the log is" {
	with_spec 's/^%patch1 -p1/cat not-there || :\necho fine\nls neither-is-this/'
	refused "neither-is-this" tree
	[[ $output != *"cat: not-there"* ]]
	[[ $output == *"all that it said: out.prep.log"* ]]
	grep -q 'cat: not-there' out.prep.log
	# The next one may write it again; somebody's own is left alone.
	refused "neither-is-this" tree
	echo mine > out.prep.log
	refused "out.prep.log: exists" tree
	[ "$(cat out.prep.log)" = mine ]
	rm out.prep.log
	"$base_srpm" tree "$good" out --allow-unsigned
	[ ! -e out.prep.log ]
}

@test "an error in an included file is told with that file and line" {
	local broken
	for broken in '%{error:on purpose}' 'Nonsense: 1' $'%if (1 +\n%endif' '%{lua: nonsense(}'; do
		rm -rf S; cp -a S.good S
		printf '%%global fine 1\n\n%%if 0%%{!?made:1}\n%s\n%%endif\n%%global also 2\n' "$broken" > S/more.inc
		printf '%%global whole 1\n' > S/first.inc
		sed -i -e 's,^%description,%include %{_sourcedir}/first.inc\n%include %{SOURCE3}\n&,' -e 's/^Source1:/Source2: first.inc\nSource3: more.inc\n&/' S/kernel.spec
		build_srpm --define 'made 1'
		refused "more.inc:" tree
		[[ $output =~ more.inc:[4-5]: ]] || { echo "$broken: $output"; return 1; }
		[[ $broken != %\{error* && $broken != N* && $broken != %if* ]] || [[ $output == *more.inc:4:* ]]
	done
}

@test "what is no macro, no program, no %prep is not asked for" {
	sources_of debian
	# shellcheck disable=SC2016  # the spec's own
	debian_spec '%patch1 -p1
printf "%%s %%-20s %%{x}\n" "$(date +%Y%m%d)" > stamp; git log --format=%%cd || :
echo the file is here; echo "run m4; xxd them"; echo done | cat
%conf
rsync a b
%pre
%no_such_macro
%post
bison x'
	build_srpm
	# The programs that it does need are here, these are not.
	mkdir bin
	ln -s -t bin /usr/sbin/* /usr/bin/* /sbin/* /bin/* 2> /dev/null || :
	rm -f bin/{file,m4,xxd,rsync,bison}
	run env PATH="$PWD/bin" "$base_srpm" doctor "$srpm" --allow-unsigned
	echo "$output"
	[ "$status" -eq 0 ]
	# shellcheck disable=SC2016  # the spec's own
	debian_spec '%patch1 -p1
if true; then file kernel/fork.c | m4; fi
x=$(xxd Makefile)
%no_such_macro'
	build_srpm
	run env PATH="$PWD/bin" "$base_srpm" doctor "$srpm" --allow-unsigned
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"file: needed"* && $output == *"m4: needed"* && $output == *"xxd: needed"* && $output == *"%no_such_macro:"* ]]
}

@test "a tarball that is none, one that is cut" {
	rm -rf S; cp -a S.good S
	echo nothing > S/linux-6.1.1.tar.xz
	build_srpm
	refused "its %prep failed" tree
	cp S.good/linux-6.1.1.tar.xz S/
	truncate -s 600 S/linux-6.1.1.tar.xz
	build_srpm
	refused "the tarball inside the SRPM is damaged" tree
}

@test "green %prep, patch not in the tree" {
	table tree <<-'END'
		s/^%patch1 -p1/sed -i s,fork_3,x, kernel\/fork.c; patch -p1 < %{PATCH1} || :/	1.patch: not in the finished tree
		s/^%patch1 -p1/cp kernel\/fork.c k\n%patch1 -p1\nmv k kernel\/fork.c/	1.patch: not in the finished tree
	END
}

@test "a patch that nothing applies is named" {
	with_spec 's/^%patch1 -p1//'
	run "$base_srpm" tree "$srpm" t --allow-unsigned
	[ "$status" -eq 0 ]
	[[ $output == *"warning:"*"1.patch: in the SRPM, but kernel.spec's %prep does not apply it: not in the tree"* ]]
	[ "$(jq -c .unapplied t.base/info.json)" = '["1.patch"]' ]
}

# refused_payload MESSAGE: $srpm is refused with MESSAGE; where rpm2cpio itself stops
# at what the header does not list (rpm >= 4.20), with that.
refused_payload() {
	if rpm2cpio "$srpm" > /dev/null 2>&1; then
		refused "$1"
	else
		refused "not what its header lists; refused"
	fi
}

# hostile COMMAND...: the good SRPM with the payload that COMMAND leaves in h/
# as h.cpio, its digests right.
hostile() {
	rm -rf h; mkdir h
	(cd h && rpm2cpio "$good" | cpio -id --quiet --no-absolute-filenames && "$@")
	perl "$fixtures/reseal.pl" "$good" h/h.cpio bad.src.rpm
	srpm=$PWD/bad.src.rpm
	rpmkeys --dbpath "$PWD/db" --checksig --nosignature "$srpm"
}
list() { find . -mindepth 1 ! -name h.cpio -printf '%P\n' | sort; }

@test "hostile payloads, their digests in order" {
	same() { list | cpio -o -H newc --quiet > h.cpio; }
	hostile same
	"$base_srpm" verify "$srpm" --allow-unsigned
	up() { echo x > ../escape; { list; echo ../escape; } | cpio -o -H newc --quiet > h.cpio; rm ../escape; }
	hostile up
	refused_payload "holds a path; refused"
	[ ! -e escape ]
	absolute() { echo x > "$BATS_TEST_TMPDIR/abs"; { list; echo "$BATS_TEST_TMPDIR/abs"; } | cpio -o -H newc --quiet > h.cpio; rm "$BATS_TEST_TMPDIR/abs"; }
	hostile absolute
	refused_payload "holds a path; refused"
	link() { ln -s /etc escape; list | cpio -o -H newc --quiet > h.cpio; }
	hostile link
	refused_payload "something else than plain files"
	becomes() { rm 1.patch; ln -s /etc/passwd 1.patch; list | cpio -o -H newc --quiet > h.cpio; }
	hostile becomes
	refused_payload "something else than plain files"
	directory() { mkdir escape; list | cpio -o -H newc --quiet > h.cpio; }
	hostile directory
	refused_payload "something else than plain files"
	pipe() { mkfifo p; list | cpio -o -H newc --quiet > h.cpio; }
	hostile pipe
	refused_payload "something else than plain files"
	more() { echo x > more.sh; list | cpio -o -H newc --quiet > h.cpio; }
	hostile more
	refused "not what its header lists"
	less() { rm 1.patch; list | cpio -o -H newc --quiet > h.cpio; }
	hostile less
	refused "not what its header lists"
	twice() { { list; echo 1.patch; } | cpio -o -H newc --quiet > h.cpio; }
	hostile twice
	refused_payload "twice; refused"
	bomb() { truncate -s 20M 1.patch; list | cpio -o -H newc --quiet > h.cpio; }
	hostile bomb
	refused "bad.src.rpm"
}

@test "keys: unsigned, absent, not a key" {
	echo nonsense > k
	fails_with "not a public key" "$base_srpm" verify "$good" --key k
	fails_with "key cannot be read" "$base_srpm" verify "$good" --key absent
	fails_with "not signed" "$base_srpm" verify "$good"
	fails_with "not the file that was pinned" "$base_srpm" verify "$good" --sha256 "$(printf %064d 1)"
}

@test "a full disk is seen before the work, with the figure" {
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	mkdir small
	# shellcheck disable=SC2016  # for the inner shell
	run unshare -m bash -c 'mount -t tmpfs -o size=4m none small && "$0" tree "$1" small/out --allow-unsigned; rc=$?; ls -A small; exit $rc' "$base_srpm" "$good"
	[ "$status" -eq 1 ]
	[[ $output == *"no space for the base tree: "*" MiB needed, "*" MiB free"* ]]
	[[ ${lines[-1]} != out* ]]
}

@test "10,000 members are looked at in less than 2 s of our own; 20,001 are refused" {
	local n TIMEFORMAT='%U %S'
	# many N: the good SRPM with N more sources.
	many() {
		rm -rf S; cp -a S.good S
		for n in $(seq "$1"); do echo "$n"; done | (cd S && split -l 1 -a 4 - more-)
		(cd S && printf '%s\n' more-*) | awk '{ print "Source" 9 + NR ": " $0 }' > sources
		sed -i '/^Source1:/r sources' S/kernel.spec
		build_srpm
	}
	many 10000
	{ time "$base_srpm" inspect "$srpm" > said; } 2> took
	grep '^patches' said
	echo "# $(tail -n 1 took) s" >&3
	awk 'END { exit !($1 < 2) }' took
	many 20001
	fails_with "members; no more than 20,000 are read" "$base_srpm" inspect "$srpm"
}

@test "more bytes than a kernel's package can have are refused, not read" {
	mkdir bin
	printf '#!/bin/bash\n%s "$@" | sed "s|^MEMBER\t[0-9]*|MEMBER\t9000000000|"\n' "$(command -v rpm)" > bin/rpm
	chmod +x bin/rpm
	PATH="$PWD/bin:$PATH" fails_with "no more than 8 GiB are read" "$base_srpm" inspect "$good"
}

@test "wrong usage ends with 2" {
	local call
	for call in "" "nonsense x" "tree $good" "verify" "tree $good out --deadline 0" "verify $good --key" "inspect $good --nonsense" "import $good" "verify $good --sha256 zz"; do
		# shellcheck disable=SC2086  # the words of the call
		run "$base_srpm" $call
		[ "$status" -eq 2 ] || { echo "$call: $status $output"; return 1; }
	done
	mkdir out
	fails_with_exists() { run "$base_srpm" tree "$good" out --allow-unsigned; [ "$status" -eq 1 ] && [[ $output == *"out: exists"* ]]; }
	fails_with_exists
}

@test "switches: an unknown name is refused with the nearest" {
	run "$base_srpm" switches "$good" debugg --own "debug headers"
	[ "$status" -eq 1 ]
	[[ $output == *"did you mean debug?"* ]]
	"$base_srpm" switches "$good" headers debug --own "debug headers"
	# Of a base that knows no switch at all, there is still an answer.
	run "$base_srpm" switches "$good" debugg
	[ "$status" -eq 1 ]
	[[ $output == *"debugg: neither"* ]]
}
