#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# contrib/ansible by the real ansible: hosts are directories, on local
# connections. All but the reboot, which ansible refuses on the control node.

load ../hang

setup() {
	command -v ansible-playbook > /dev/null || skip "ansible is not installed"
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	make -s -C "$top/vmm" all > "$BATS_TEST_TMPDIR/make.log" 2>&1 || { tail "$BATS_TEST_TMPDIR/make.log"; return 1; }
	# It refuses to start in another encoding.
	export LC_ALL=C.UTF-8
	export ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_HOME=$BATS_TEST_TMPDIR/home
	export ANSIBLE_LOCAL_TEMP=$BATS_TEST_TMPDIR/tmp ANSIBLE_REMOTE_TEMP=$BATS_TEST_TMPDIR/tmp
	cd "$BATS_TEST_TMPDIR" || return
	mkdir rpms
	touch rpms/kernel-kvm-core-1.rpm rpms/kernel-kvm-selftest-1.rpm
	# Three hosts; kvm-selftest is told on each what to find.
	cat > hosts <<- T
		[kvm]
		a kernel_kvm_selftest_args='["--only","self/pass"]'
		b kernel_kvm_selftest_args='["--only","self/fail"]'
		c kernel_kvm_selftest_args='["--only","self/pass"]'
		[kvm:vars]
		ansible_connection=local
		ansible_python_interpreter=/usr/bin/python3
		kernel_kvm_become=false
		kernel_kvm_serial=1
		kernel_kvm_rpms=$PWD/rpms
		kernel_kvm_stage=$PWD/root/{{ inventory_hostname }}/stage
		kernel_kvm_state=$PWD/root/{{ inventory_hostname }}/state
		kernel_kvm_install=$PWD/install $PWD/root/{{ inventory_hostname }}/installed
		kernel_kvm_reboot=false
		kernel_kvm_selftest=$top/build/vmm/kvm-selftest
		kernel_kvm_reports=$PWD/reports
	T
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nf=$1; shift; echo "$@" > "$f"\n' > install
	chmod +x install
}

play() {
	run timeout "$HANG" ansible-playbook -i hosts "$top/contrib/ansible/rollout.yml" "$@"
}

@test "the playbook is well-formed" {
	play --syntax-check
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
}

@test "the roll-out stops at the first host that fails" {
	play
	[ "$status" -ne 0 ] || { echo "$output"; return 1; }
	[[ $output == *"kvm-selftest ended with 1 on b"* ]] || { echo "$output"; return 1; }
	# a: installed, tested against its own baseline, report fetched
	[ "$(tr ' ' '\n' < root/a/installed | sed 's,.*/a/stage/,,' | sort | paste -sd,)" = kernel-kvm-core-1.rpm,kernel-kvm-selftest-1.rpm ]
	[ "$(jq -r .exit_status reports/a.json root/a/state/before.json | paste -sd,)" = 0,0 ]
	# b: its report and bundle are here; c: nobody was there
	[ "$(jq -r .exit_status reports/b.json)" = 1 ]
	tar tzf reports/b.tar.gz | grep -q report.json
	[ ! -e root/c ] && [ ! -e reports/c.json ]
	run "$top/build/vmm/kvm-selftest" merge reports/*.json
	[ "$status" -eq 1 ]
}

@test "all hosts pass; a second run changes nothing" {
	sed -i s,self/fail,self/pass, hosts
	play
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	[ "$(jq -r .exit_status reports/*.json | paste -sd,)" = 0,0,0 ]
	play
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
}

@test "no RPMs: it stops before it changes anything" {
	rm rpms/*
	play
	[ "$status" -ne 0 ]
	[[ $output == *"no kernel-kvm-*.rpm on the control node"* ]] || { echo "$output"; return 1; }
	[ ! -e root/a/installed ]
}

@test "canaries first; drained before the reboot, taken back when in order; resumed after a fix" {
	sed -i "/^\[kvm:vars\]/i [canaries]\nc\n" hosts
	cat >> hosts <<- T
		kernel_kvm_drain=sh -c 'echo drain {{ inventory_hostname }} >> $PWD/log'
		kernel_kvm_undrain=sh -c 'echo undrain {{ inventory_hostname }} >> $PWD/log'
	T
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nf=$1; shift\nif test -e "$f"; then echo Nothing to do; else echo "$@" > "$f"; fi\n' > install
	play
	[ "$status" -ne 0 ] || { echo "$output"; return 1; }
	[ "$(paste -sd, log)" = "drain c,undrain c,drain a,undrain a,drain b" ] || { cat log; echo "$output"; return 1; }
	sed -i s,self/fail,self/pass, hosts
	rm log
	play
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	# Nothing was installed, so nothing was drained.
	[ "$(paste -sd, log)" = "undrain c,undrain a,undrain b" ] || { cat log; return 1; }
	[ "$(jq -r .exit_status reports/b.json)" = 0 ]
}

@test "checks that lacked memory do not end the roll-out" {
	cat > three <<- 'T'
		#!/bin/sh
		for o; do
			test "$p" != --output || echo '{"exit_status": 3}' > "$o"
			p=$o
		done
		exit 3
	T
	chmod +x three
	sed -i "s,^kernel_kvm_selftest=.*,kernel_kvm_selftest=$PWD/three," hosts
	play
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	[ "$(jq -r .exit_status reports/*.json | paste -sd,)" = 3,3,3 ]
}
