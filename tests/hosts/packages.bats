#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Build the packages of the small tree on this host with every switch of the spec, and
# install all of them with the dnf of the host's suite. Needs root.

load ../spec/mini-helper

setup_file() {
	mini_tree
}

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
}

# made NAMES SWITCH...: succeed if a build with these switches and those of `less` makes
# exactly these packages. -selftest takes longest, so `less` leaves it out.
made() {
	local want=$1
	shift
	rm -rf rpms root top
	build ${less[@]+"${less[@]}"} "$@" || { echo "$*: no build"; return 1; }
	[ "$(cat names)" = "$want" ] || { echo "$*: expected '$want', found '$(cat names)'"; return 1; }
}

# turned SWITCH: succeed if the switch, turned from its default, does what docs/build.md says.
turned() {
	local plain=' core devel modules' less=(--without selftest)
	case $1 in
	selftest) less=() && made "$plain selftest" ;;
	static)
		less=()
		if "${top:?}/tools/spec/host-abi" plan --release 1.el9 --link static > /dev/null; then
			made "$plain selftest" --with static
		else
			! made "$plain selftest" --with static > out && grep -q -- '--with static: no usable static library here' log
		fi
		;;
	up | default | base) made headers --with headers --without "$1" ;;
	devel) made ' core modules' --without devel ;;
	# Not tested here: it needs a whole kernel.
	guestkernel) ;;
	fips) made "$plain" --without fips && [ ! -e "root/lib/modules/$K/.vmlinuz.hmac" ] ;;
	signmodules)
		made "$plain" --without signmodules &&
			[[ $(tail -c 28 "root/lib/modules/$K/kernel/arch/x86/kvm/kvm.ko" | tr -d '\0') != *"Module signature appended"* ]]
		;;
	debug) made ' core debug-core debug-devel debug-modules devel modules' --with debug ;;
	debuginfo) made ' core debuginfo devel modules' --with debuginfo ;;
	headers | doc | tools) made "$(printf '%s\n' '' core devel modules "$1" | sort | paste -sd' ' -)" --with "$1" ;;
	selftests) made "$plain selftests-internal" --with selftests ;;
	release) made "$plain" --with release ;;
	baseonly) made "$plain" --with baseonly --with debug --without up ;;
	dbgonly) made 'debug-core debug-devel debug-modules' --with dbgonly ;;
	kabichk)
		# The small tree has no list to check against: expect an error that says so.
		! made "$plain" --with kabichk > out && grep -q kabi log
		;;
	perf) ! made "$plain" --with perf > out && grep -q -- '--with perf: not made here' log ;;
	*) echo "$1: this test does not know what that switch changes"; return 1 ;;
	esac
}

@test "every switch of the spec has its effect" {
	local name wrong=0
	sed -n 's/^%bcond_with\(out\)\? *//p' "${top:?}/kernel-kvm.spec" > switches
	while read -r name; do
		echo "switch $name"
		turned "$name" < /dev/null || { wrong=1; echo "FAILED: $name"; tail -n 5 log; }
	done < switches
	[ "$wrong" -eq 0 ]
}

@test "all packages at once: this suite's dnf (and dnf5, if any) installs and removes them completely" {
	((EUID == 0)) || skip "an install root needs root"
	local dnf extra=gcc,make,bison,flex,libelf-dev,libssl-dev,perl,findutils names
	# In Debian, dnf5's plugin "local" runs createrepo_c.
	[[ -z $(apt-cache policy dnf5 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)"') ]] || extra+=,dnf5,createrepo-c
	build --with debug --with debuginfo --with headers --with doc --with tools --with selftests
	mkdir all
	cp rpms/*/*.rpm all/
	"$top/tools/machine/install-root" make "$PWD/installed" --with "$extra"
	in_installed() { "$top/tools/machine/install-root" run "$PWD/installed" --bind "$PWD/all:/rpms" -- "$@"; }
	rpm -qp --qf '%{NAME}\n' all/*.rpm 2>/dev/null | sort > want
	for dnf in dnf dnf5; do
		[[ -e installed/usr/bin/$dnf ]] || continue
		# shellcheck disable=SC2016  # the root's own shell
		in_installed sh -c 'cd /rpms && '"$dnf"' -y install ./*.rpm' > "$dnf.log" 2>&1 || { tail -n 20 "$dnf.log"; false; }
		in_installed rpm -qa --qf '%{NAME}\n' 'kernel-kvm*' | sort | diff want -
		mapfile -t names < want
		in_installed rpm -V "${names[@]}"
		[ "$(in_installed kvm-selftest --version)" = "kvm-selftest 5.14.0-362.24.1.el9_3.kvm" ]
		in_installed "$dnf" -y remove 'kernel-kvm*' > "$dnf.log" 2>&1 || { tail -n 20 "$dnf.log"; false; }
		run in_installed rpm -qa 'kernel-kvm*'
		[ -z "$output" ]
		run find installed/boot installed/usr/src installed/usr/lib/modules -name "*$K*"
		[ -z "$output" ] || { echo "$output"; false; }
	done
	[ -e dnf.log ] || [ -e dnf5.log ]
}
