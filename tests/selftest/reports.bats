#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kvm-selftest's reports: formats, merge, bundle, baselines, foreign suites, and
# the guest images that the package carries.
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output

load helpers

@test "junit, json, prometheus, html: well-formed, the same verdict" {
	for f in junit json prometheus html; do
		st --only 'self/pass,self/fail,self/warn,self/skip' --format "$f" --output "o.$f"
		expect 1
	done
	xmllint --noout o.junit
	[ "$(xmllint --xpath 'string(/testsuite/@failures)' o.junit)" = 1 ]
	[ "$(jq -r '.fail, .pass, .skip, .exit_status' o.json | paste -sd,)" = 1,2,1,1 ]
	[ "$(jq -r '.checks[] | select(.status == "fail").name' o.json)" = self/fail ]
	grep -qx 'kvm_selftest_check{check="self/fail"} 0' o.prometheus
	grep -qx 'kvm_selftest_check{check="self/skip"} -1' o.prometheus
	if grep -vE '^(#|kvm_selftest_[a-z_]+(\{[^}]*\})? -?[0-9.e+]+$)' o.prometheus; then return 1; fi
	if xmllint --html --noout o.html 2>&1 | grep error | grep -v 'Tag [a-z]* invalid'; then return 1; fi
	if grep -E '(src|href)=' o.html; then return 1; fi
}

@test "merge: one table, the odd one out first" {
	st --only 'self/pass,self/warn' --format json --output a.json
	jq '.host = "b" | .checks[1].status = "fail"' a.json > b.json
	jq '.host = "c"' a.json > c.json
	run "$st" merge a.json b.json c.json
	expect 1 "self/warn                        wFw  FAILED" "self/pass                        +++"
	[[ ${lines[4]} == self/warn* ]]
	run "$st" merge a.json c.json
	expect 0
	echo '{}' > bad.json
	run "$st" merge a.json bad.json
	expect 2 "bad.json: not a report"
	head -c 50 a.json > cut.json
	run "$st" merge cut.json
	expect 2 "cut.json: not JSON"
}

@test "merge --format html: odd hosts first, their reason, versions unlike the others'" {
	st --only 'self/pass,self/warn,self/fail' --format json --output base.json
	for h in a b c 'd<i>'; do jq --arg h "$h" '.host = $h | (.checks[] | select(.name == "self/fail").status) = "pass"' base.json > "$h.json"; done
	jq '.host = "odd-one" | .kernel = "6.0-older" | .checks[0].status = "fail" | .checks[0].why = "KVM said <no>" | .checks[0].advice = "do this"' a.json > odd.json
	run "$st" merge --format html ./*.json
	expect 1 "Hosts not in order: 2 of 6. Checks that failed: 2." '<td class="odd">6.0-older</td>' "KVM said &lt;no&gt;" "What to do: do this" "d&lt;i&gt;" \
		"1 more checks ended alike"
	# Odd ones before the others.
	[ "$(grep -o '<summary>[^<]*' <<< "$output" | paste -sd' ')" = "<summary>$(jq -r .host base.json) <summary>odd-one" ] ||
		[ "$(grep -o '<summary>[^<]*' <<< "$output" | paste -sd' ')" = "<summary>odd-one <summary>$(jq -r .host base.json)" ]
	echo "$output" > o.html
	if xmllint --html --noout o.html 2>&1 | grep error | grep -v 'Tag [a-z]* invalid'; then return 1; fi
	if grep -E '(src|href)=' o.html; then return 1; fi
	run "$st" merge --format html a.json b.json
	expect 0 "On no host did a check fail"
	run "$st" merge --format pdf a.json
	expect 2 "--format pdf: expected human or html"
}

@test "a bundle holds the report and the registers, and no host name" {
	needs_guest
	st --only self/guest-trap --bundle b.tgz
	expect 1
	tar xzf b.tgz
	grep -q '^vCPU 0: last exit KVM_EXIT_IO' kvm-selftest/registers/self-guest-trap.txt
	grep -qE '^ r12 .* r15 [0-9a-f]{16}$' kvm-selftest/registers/self-guest-trap.txt
	grep -qE '^ code( [0-9a-f]{2}){16}$' kvm-selftest/registers/self-guest-trap.txt
	grep -q '^ exits to user space: [0-9]*, the last:.* KVM_EXIT_IO' kvm-selftest/registers/self-guest-trap.txt
	run grep -rqw "$(hostname)" kvm-selftest
	[ "$status" -ne 0 ]
	[ "$(jq -r '.host // "none"' kvm-selftest/report.json)" = none ]
}

@test "perf: a baseline is kept and compared" {
	needs_guest
	st --only perf/exit-user --save-baseline base.json
	expect 0 pio
	jq '(.checks[].metrics[] | select(.name == "pio") | .value, .noise) |= 1' base.json > fast.json
	mkdir -p sys/module/kvm_intel/parameters
	st --sys sys --only perf/exit-user --baseline fast.json
	expect 1 "1 ns in the baseline" "Known causes"
}

@test "--baseline: a capability, a CPU feature, a parameter that is gone" {
	needs_guest
	mkdir -p sys/module/kvm_intel/parameters sys/module/kvm/parameters
	echo Y > sys/module/kvm_intel/parameters/nested
	echo 50 > sys/module/kvm/parameters/halt_poll
	echo old > sys/module/kvm/parameters/build_id
	st --sys sys --only vm/api-version --save-baseline base.json
	expect 0
	try() {	# EDIT STATUS TEXT...
		jq "$1" base.json > edited.json
		st --sys sys --only '*/baseline-*' --baseline edited.json
		expect "${@:2}"
	}
	echo new > sys/module/kvm/parameters/build_id
	try . 0 "3 passed, 0 failed"
	try '.facts.capabilities.KVM_CAP_XEN_HVM = 1 | .facts.capabilities.KVM_CAP_IRQFD = 0' 1 \
		"1 capabilities less than in the baseline: KVM_CAP_XEN_HVM was 1, is 0"
	try '.facts.cpuid["0x7.0"] = "00000002 ffffffff ffffffff ffffffff"' 1 "leaf 0x7.0 EBX was ffffffff, is"
	try '.facts.cpuid["0x80000099.0"] = "00000001 00000000 00000000 00000000"' 1 "leaf 0x80000099.0 is gone"
	try '.facts.parameters["kvm.halt_poll"] = "60"' 0 "kvm.halt_poll was '60', is '50'"
	try '.facts.parameters["kvm.gone"] = "1"' 0 "kvm.gone was '1', is not there"
	try 'del(.facts)' 4 "the baseline has no facts"
	try '.facts = 7' 1 'the baseline has no "capabilities" in its facts'
	echo N > sys/module/kvm_intel/parameters/nested
	try . 1 "kvm_intel.nested was 'Y', is 'N'"
}

@test "--suite kernel: passed, skipped, failed, known to fail, hung" {
	mkdir progs g
	prog() { printf '#!/bin/sh\n%s\n' "$2" > "progs/$1"; chmod +x "progs/$1"; }
	prog good 'exit 0'
	prog none 'echo "1..0 # SKIP no such CPU"; exit 4'
	prog bad 'echo "==== Test Assertion Failure ===="; exit 254'
	prog old 'exit 254'
	prog hangs 'exec sleep 100'
	echo text > progs/readme
	prog mended 'exit 0'
	prog quick 'exit 0'
	cat > g/known-failures <<- 'T'
		kernel/old * it tests what this kernel never had
		kernel/mended * it was broken
		kernel/quick * time: it is slow
		kernel/goo* * others of this name
	T
	run timeout "$HANG" "$st" --guest-dir g --kvm /dev/null --suite kernel=progs --only 'kernel/*' --format tap
	expect 4 "1..7" "cannot be opened"
	needs_guest
	run timeout "$HANG" "$st" --guest-dir g --suite kernel=progs --only 'kernel/*' --format tap --timeout-scale 0.1
	expect 1 "kernel/good" "it passes, though known-failures says: it was broken" "kernel/none # SKIP no such CPU" "Test Assertion Failure" \
		"kernel/bad: it ended with 254" "kernel/hangs: no end in time: killed" \
		"kernel/old # SKIP known to fail: it tests what this kernel never had" "pass:3 fail:2"
	[ "$(grep -c "it passes, though" <<< "$output")" -eq 1 ]
}

# A VMM that ends as an image would make it: kvm-unit-tests itself is not ours.
@test "--suite kvm-unit-tests: unittests.cfg, statuses, what is not built" {
	needs_guest
	mkdir -p kut/x86 g sys/module/kvm_intel/parameters
	touch kut/x86/{a,b,c}.flat
	cat > kut/x86/unittests.cfg <<- 'T'
		# comment
		[one]
		file = a.flat
		smp = 3
		extra_params = -cpu max -append 'word two' -m 1
		[two]
		file = b.flat
		test_args = "arg"
		[three]
		file = c.flat
		[not-built]
		file = d.flat
		[big]
		file = a.flat
		smp = 2
		qemu_params = -machine pit=off -cpu max -m 4g
		timeout = 180
		test_args = "7 `date +%s` long"
		[known]
		file = c.flat
		check = /sys/module/kvm_intel/parameters/there=Y /sys/module/kvm_intel/parameters/other=N
		[there]
		file = d2.flat
		check = /sys/module/kvm_intel/parameters/there=Y
	T
	echo Y | tee sys/module/kvm_intel/parameters/{there,other} > /dev/null
	touch kut/x86/d2.flat
	cat > vmm <<- 'T'
		#!/bin/sh
		echo "$*"
		case $* in *a.flat*--cpus\ 3*word\ two*) exit 1 ;; *a.flat*--mem\ 4096*--cpus\ 2*--append\ 7\ 1[0-9]*[0-9]\ long) exit 1 ;; *d2.flat*) exit 1 ;; *b.flat*--cpus\ 1*arg*) echo "SKIP: no such CPU"; echo "SUMMARY: 1 tests, 1 skipped"; exit 77 ;; esac
		exit 3
	T
	chmod +x vmm
	run timeout "$HANG" "$st" --sys sys --guest-dir g --vmm ./vmm --suite kvm-unit-tests=kut --only 'kvm-unit-tests/*' --format tap
	expect 1 "1..6" "ok 5 kvm-unit-tests/known # SKIP it needs /sys/module/kvm_intel/parameters/other=N; it is Y" "ok 6 kvm-unit-tests/there" \
		"ok 4 kvm-unit-tests/big" "ok 1 kvm-unit-tests/one" "ok 2 kvm-unit-tests/two # SKIP no such CPU" \
		"kvm-unit-tests/three: it failed, status 1" "pass:3 fail:1"
}

@test "guest-image: the same bytes each time, bad input refused" {
	image=$SHARE/../../tools/spec/guest-image
	"$image" initramfs --init "$guest/init" --out a.img
	"$image" initramfs --init "$guest/init" --out b.img
	cmp a.img b.img
	gzip -dc a.img | cpio --quiet -t > there
	grep -x init there
	"$image" rootfs --init "$guest/init" --out a.ext4 --size 4 --add "$guest/SUMS:/etc/sums"
	"$image" rootfs --init "$guest/init" --out b.ext4 --size 4 --add "$guest/SUMS:/etc/sums"
	cmp a.ext4 b.ext4
	e2fsck -fn a.ext4
	debugfs -R 'cat /etc/sums' a.ext4 2>/dev/null | cmp - "$guest/SUMS"
	debugfs -R 'cat /sbin/init' a.ext4 2>/dev/null | cmp - "$guest/init"
	run "$image" initramfs --init /bin/ls --out c.img
	expect 1 "dynamically linked"
	run "$image" initramfs --init "$guest/SUMS" --out c.img
	expect 1 "not an ELF program"
	run "$image" initramfs --init none --out c.img
	expect 1 "none: no such file"
	run "$image" rootfs --init "$guest/init" --out c.img --size 0
	expect 2 "--size 0"
	run "$image" initramfs --init "$guest/init" --out c.img --add "x:../y"
	expect 2 "expected FILE:/path"
	[ ! -e c.img ]
}
