#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# base-srpm on hosts whose rpm does things another way than the one that an SRPM was
# made with: 4.16 to 6.1.
# shellcheck disable=SC2030,SC2031,SC2119,SC2154  # bats' run sets status and output

bats_require_minimum_version 1.5.0

load fixtures/base-srpm/setup

setup() {
	base_srpm_setup
	rpm=$(command -v rpm)
}

tree() {
	"$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1 || { cat log; return 1; }
}

# rpm_that SCRIPT: an rpm before the host's own in PATH, whose SCRIPT may answer.
rpm_that() {
	mkdir -p bin
	# (By its path: a shim must not call itself.)
	printf '#!/bin/bash\n%s\nexec %s "$@"\n' "$1" "$rpm" > bin/rpm
	chmod +x bin/rpm
	[[ $PATH == $PWD/bin:* ]] || PATH=$PWD/bin:$PATH
}

# knows TAG: the host's rpm has a tag of that name.
knows() {
	grep -qx "$1" <(rpm --querytags)
}

@test "%patchN in a conditional, in a macro, after blanks: applied; in a comment and the changelog: not" {
	sources_of debian
	patch_of 2.patch kernel/fork.c 9
	patch_of 3.patch init/main.c 9
	cp -a work want
	patch_of 4.patch init/main.c 20
	debian_spec '%{?with_it:%patch1 -p1}
%both
# %patch4 -p1
#%patch4 -p1'
	sed -i -e 's/^Patch1:.*/Patch1: 1.patch\nPatch0002: 2.patch\nPatch3: 3.patch\nPatch4: 4.patch\n%global with_it 1/' \
		-e 's/^%description/%define both %patch0002 -p1 %{nil}\\\n%patch3 -p1\n&/' S/kernel.spec
	printf '%%changelog\n* Sat Nov 21 2026 A <a@example.invalid> - 1\n- Apply it by %%patch4 -p1\n' >> S/kernel.spec
	build_srpm
	tree
	cmp out/kernel/fork.c want/kernel/fork.c
	cmp out/init/main.c want/init/main.c
	[ "$(jq -c .unapplied out.base/info.json)" = '["4.patch"]' ]
}

# on_host DISTRIBUTION COMMAND...: with that one's macros in the place of the host's.
on_host() {
	local host=$1
	shift
	mkdir -p "host-$host"
	case $host in
	fedora) printf '%%%s\n' 'fedora 44' 'fc44 1' 'dist .fc44' ;;
	centos) printf '%%%s\n' 'rhel 10' 'centos 10' 'el10 1' 'dist .el10' ;;
	amzn) printf '%%%s\n' 'amzn 2023' 'dist .amzn2023' 'rhel 9' 'el9 1' ;;
	openEuler) printf '%%%s\n' 'openEuler 2' 'dist .oe2403' 'fedora 31' ;;
	esac > "host-$host/macros.dist"
	# What every distribution has there, and a spec would break on.
	printf '%%%s\n' '__patch /bin/false' 'setup false' '_builddir /nowhere' >> "host-$host/macros.dist"
	# shellcheck disable=SC2016  # for the inner shell
	unshare -m bash -ec 'mount --bind "$0" "$(rpm --eval "%{_rpmconfigdir}")/macros.d"; "$@"' "$PWD/host-$host" "$@"
}

@test "the build host's own macros stay out of the base's spec" {
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	[ -d "$(rpm --eval '%{_rpmconfigdir}')/macros.d" ] || skip "this rpm has no macros.d"
	local host family flavour dist
	for family in el9 el10 fedora; do
		srpm_of "$family"
		dist=$(rpm -qp --dbpath "$PWD/db" --qf '%{RELEASE}' "$srpm")
		for host in fedora centos amzn openEuler; do
			rm -rf out out.base
			on_host "$host" "$base_srpm" tree "$srpm" out --allow-unsigned > log 2>&1 || { echo "$family on $host"; cat log; return 1; }
			run ! grep -q 'calls itself' log
			[ "$(jq -r .release out.base/info.json)" = "$dist" ]
			flavour=rhel
			[[ $family != fedora ]] || flavour=fedora
			[[ $family == el9 ]] || [ "$(cat out/flavour)" = "$flavour" ]
		done
	done
	sources_of debian
	debian_spec '%patch1 -p1
test "%{?fedora}%{?rhel}%{?centos}%{?el9}%{?el10}%{?fc44}%{?amzn}%{?openEuler}%{?dist}" = ""'
	build_srpm
	for host in fedora centos amzn openEuler; do
		rm -rf out out.base
		on_host "$host" "$base_srpm" tree "$srpm" out --allow-unsigned
	done
}

@test "a patch by a number that no Patch line has: refused, also where rpm goes on (>= 4.20)" {
	sources_of debian
	debian_spec '%{?!made:%patch7 -p1}'
	build_srpm --define 'made 1'
	fails_with "No patch number 7" "$base_srpm" tree "$srpm" out --allow-unsigned
	debian_spec '%{?!made:%patch -P 7 -p1}
%patch1 -p1'
	build_srpm --define 'made 1'
	fails_with "No patch number 7" "$base_srpm" tree "$srpm" out --allow-unsigned
	[[ $output == *"kernel.spec"* ]]
}

@test "a macro of the spec that the host's rpm keeps for itself: read under another name, said; includes too" {
	# That of 4.18 and later; on an older host it is another's word for it.
	rpm --eval '%define rpmversion 1' > /dev/null 2>&1 &&
		rpm_that 'case "$*" in *"define rpmversion"*) echo "error: Macro %rpmversion is a built-in (%define)" >&2; exit 1;; esac'
	sources_of debian
	debian_spec '%include %{SOURCE2}
%patch1 -p1
test "%{rpmversion} %rpmversion %{?rpmversion} %{defined rpmversion}" = "6.1.1 6.1.1 6.1.1 1"'
	sed -i -e '1s/^/%define rpmversion 6.1.1\n/' -e 's/^Version:.*/Version: %{rpmversion}/' -e 's/^Source1:/Source2: more.inc\n&/' S/kernel.spec
	echo 'test %{rpmversion} = 6.1.1' > S/more.inc
	build_srpm
	tree
	grep -q 'kernel.spec defines %rpmversion' log
	run ! grep -q 'calls itself' log
	cmp out/kernel/fork.c work/kernel/fork.c
	# Nothing is renamed that rpm takes.
	plain_srpm
	run "$base_srpm" tree "$srpm" plain --allow-unsigned
	[ "$status" -eq 0 ]
	[[ $output != *" defines %"* ]]
}

@test "the order of the header's patches is the spec's, whichever rpm wrote it" {
	srpm_of xcpng
	"$base_srpm" inspect "$srpm" --json > here.json
	[ "$(jq -c '[.patches[].file]' here.json)" = '["0001-zero.patch","0001-one.patch","0001-two++.patch"]' ]
	# The same from the other generation: the list turned, and its version.
	local other=4.14.3
	[[ $(rpm -qp --qf '%{RPMVERSION}' "$srpm") == 6* ]] || other=6.0.1
	# shellcheck disable=SC2016  # the script's own
	rpm_that '[[ $* != *RPMVERSION* ]] || { '"$rpm"' "$@" | awk -v v='"$other"' "/^RPMVERSION\t/ { \$0 = \"RPMVERSION\t\047\" v \"\047\" } /^PATCH\t/ { p = \$0 \"\\n\" p; next } { print } END { printf \"%s\", p }"; exit; }'
	"$base_srpm" inspect "$srpm" --json > there.json
	diff here.json there.json
}

@test "rpm 6's package format, made elsewhere: read and verified, or said that this rpm cannot" {
	# In the root of sid, by tests/run hosts.
	local made=$top/build/cache/hosts/format6 f key this
	if [[ ! -e $made/format6.src.rpm ]]; then
		knows OPENPGP || skip "$(rpm --version) makes no packages of format 6; make check-hosts makes one where rpm 6 is"
		made=$PWD/made
		format6_srpm "$made"
	fi
	f=$made/format6.src.rpm key=$made/format6.asc
	this=$(rpm --version | sed 's/ version//')
	if knows OPENPGP; then
		"$base_srpm" verify "$f" --key "$key"
		run "$base_srpm" inspect "$f"
		[[ $output == *"claims key "*", not checked"* ]]
		"$base_srpm" tree "$f" out --key "$key"
		grep -q 'fork_3; /\* 1 ' out/kernel/fork.c
		"$base_srpm" import "$f" --sources sources --key "$key"
		grep -qx '%global base_format 6' sources/base.inc
		rm -r out out.base
		fails_with "signed, but no key" "$base_srpm" verify "$f"
	elif [[ $(rpm2cpio "$f" 2>/dev/null | head -c 6) ]]; then
		# rpm 4.20: it unpacks, and sees no signature.
		fails_with "made in rpm 6's package format; this host's $this sees no signature in it" "$base_srpm" verify "$f" --key "$key"
		fails_with "sees no signature in it" "$base_srpm" verify "$f"
		run "$base_srpm" inspect "$f"
		[[ $output == *"in which this host's $this sees none"* ]]
		"$base_srpm" tree "$f" out --allow-unsigned
		grep -q 'fork_3; /\* 1 ' out/kernel/fork.c
	else
		local call
		for call in "verify $f" "inspect $f" "tree $f out"; do
			# shellcheck disable=SC2086  # the words of the call
			fails_with "made in rpm 6's package format; this host's $this cannot read it" "$base_srpm" $call --allow-unsigned
		done
	fi
}

@test "rpm 6's package format, made here: signed, another key, a flipped byte, unsigned" {
	knows OPENPGP || skip "$(rpm --version) makes no packages of format 6"
	command -v gpg >/dev/null || skip "no gpg here"
	sources_of debian
	debian_spec '%patch -P 1 -p1'
	build_srpm --define '_rpmformat 6'
	[ "$(head -c 5 "$srpm" | tail -c 1 | od -An -tu1 | tr -d ' ')" = 4 ]
	fails_with "not signed" "$base_srpm" verify "$srpm"
	"$base_srpm" verify "$srpm" --allow-unsigned
	export GNUPGHOME=$PWD/gnupg
	mkdir -m 700 gnupg
	new_key right
	new_key other
	fails_with "not signed, and a key was given" "$base_srpm" verify "$srpm" --key other.asc
	sign6 right "$srpm"
	gpgconf --kill all
	"$base_srpm" verify "$srpm" --key right.asc
	fails_with "signature or digest is not in order" "$base_srpm" verify "$srpm" --key other.asc
	fails_with "signed, but no key to check it with" "$base_srpm" verify "$srpm"
	perl -0777 -pe 'substr($_, -100, 1) ^= "\377"' "$srpm" > flip.src.rpm
	fails_with "is not in order" "$base_srpm" verify flip.src.rpm --key right.asc
}

@test "an rpm of an unknown major version: a warning that says which are known, and no more" {
	plain_srpm
	local says
	for says in 'RPM version 7.0.1' 'RPM version 5.4.18' 'rpm next'; do
		rpm_that '[[ $* != --version ]] || { echo "'"$says"'"; exit; }'
		run "$base_srpm" tree "$srpm" out --allow-unsigned
		echo "$output"
		[ "$status" -eq 0 ]
		[[ $output == *"warning: rpm on this host is '$says': known are rpm 4 (from 4.16) and 6"* ]]
		rm -rf out out.base
	done
	rpm_that '[[ $* != --version ]] || { echo "RPM version 6.9.0"; exit; }'
	run "$base_srpm" verify "$srpm" --allow-unsigned
	[[ $output != *warning* ]]
}
