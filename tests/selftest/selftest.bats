#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kvm-selftest on bad input: each ends with the right exit status and a
# sentence, and leaves no process and no file. Most need no KVM; those that run
# a guest skip, with the reason, where none runs.
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output

load helpers

# A host in files: sys, proc, modules and a manifest that agree.
host_tree() {
	local r
	r=$(uname -r)
	mkdir -p sys/module/kvm/parameters sys/module/kvm_intel/parameters proc/sys/kernel "mods/$r/kernel"
	echo "$r+0123456789abcdef" > sys/module/kvm/parameters/build_id
	echo SRC1 > sys/module/kvm/srcversion
	echo SRC2 > sys/module/kvm_intel/srcversion
	echo 0 > proc/sys/kernel/tainted
	printf 'CONFIG_KVM=m\n# CONFIG_FOO is not set\n' | gzip > proc/config.gz
	{
		head -c 3000 /dev/zero
		head -c 600 /dev/zero	# PKCS#7
		printf '\0\0\2\0\0\0\0\0\0\0\002\130~Module signature appended~\n'
	} > "mods/$r/kernel/kvm.ko"
	jq -n --arg r "$r" '{schema: 1, kverrel: $r, build_id: ($r + "+0123456789abcdef"),
		series: "0123456789abcdef", config: {CONFIG_KVM: "m", CONFIG_FOO: "n"},
		modules: {kvm: {path: "kernel/kvm.ko", srcversion: "SRC1", signed: true},
			"kvm-intel": {path: "kernel/kvm.ko", srcversion: "SRC2", signed: true}},
		patches: [{number: 40000, file: "40000-a.patch", subject: "a", status: "applied",
			probe: "param kvm.build_id"},
			{number: 40001, subject: "b", status: "excluded", reason: "guard >= 9"}]}' > manifest.json
	host=(--sys sys --proc proc --modules mods --manifest manifest.json --kvm none)
}

kernel_checks='host/kernel,host/modules,host/build-id,host/module-*,host/taint,host/config,patch/*'

@test "--help, --version, --list, --explain" {
	st --help
	expect 0 "Usage: kvm-selftest" "--only GLOB" "Exit: 0"
	st --version
	expect 0 "kvm-selftest "
	st --list
	expect 0 "vm/device" "flat/real-greeting" "linux/boot"
	[[ $output != *self/* ]]
	[ "$("$st" --list | awk '{print $1}' | sort | uniq -d)" = "" ]
	# every name is group/name in lower case
	if "$st" --list | awk '{print $1}' | grep -vE '^(host|vm|flat|linux|patch|perf)/[a-z0-9-]+$'; then return 1; fi
	st --explain vm/dirty-log
	expect 0 "if it fails"
}

@test "wrong usage: exit 2, and what was wrong" {
	while IFS='|' read -r args want; do
		# shellcheck disable=SC2086  # args are words
		st $args
		expect 2 "$want" || { echo "args: $args"; return 1; }
	done <<- 'T'
		--nonsense|unrecognized option
		stray|stray: unexpected argument
		--only vm/nonsense|no check is named 'vm/nonsense'
		--skip x/*|no check is named 'x/*'
		--only vm/device --skip vm/*|leave nothing to run
		--format yaml|--format yaml: unknown
		--jobs 0|--jobs 0: expected 1 to 16
		--jobs many|--jobs many
		--timeout-scale 0|--timeout-scale 0
		--timeout-scale nan|--timeout-scale nan
		--explain nonsense|no check is named 'nonsense'
		--baseline /nonexistent|/nonexistent: No such file
		--suite nonsense|--suite: expected kernel, kernel=DIR or kvm-unit-tests=DIR
		--suite kernel=/nonexistent|/nonexistent: No such file
		--suite kvm-unit-tests=/nonexistent|/nonexistent/unittests.cfg: No such file
		--output /nonexistent/x|/nonexistent/x.tmp: No such file
	T
	run "$st" merge
	expect 2 "expected 1 to"
	run "$st" merge /nonexistent
	expect 2 "/nonexistent: No such file"
}

@test "no /dev/kvm: a failure, unless --allow-missing" {
	mkdir -p sys/module proc
	st --sys sys --kvm "$PWD/none" --only 'vm/device,vm/dirty-log,flat/long-mode'
	expect 1 "none: No such file or directory: no KVM back end is loaded" "see vm/device" "1 failed, 2 skipped"
	st --sys sys --kvm "$PWD/none" --allow-missing --only 'vm/*,flat/*'
	expect 4 "KVM was not tried: no guest code was run" "0 failed"
	# One cause, one failure
	st --sys sys --kvm "$PWD/none" --only 'host/modules,vm/device,flat/long-mode'
	expect 1 "module kvm is not loaded" "no KVM back end is loaded (see host/modules)" "1 failed, 2 skipped"
	# What passed beside it proves nothing of KVM.
	st --sys sys --proc proc --kvm "$PWD/none" --only 'host/clocksource,host/limits,flat/long-mode'
	expect 4 "KVM was not tried"
}

@test "no /dev/kvm though the module is loaded: a container, no udev, no sysfs; each its own advice" {
	mkdir -p sys/module/kvm/parameters sys/module/kvm_amd/parameters proc/1
	st --sys sys --proc "$PWD/proc" --kvm none --only vm/device
	expect 1 "none does not exist, though kvm_amd is loaded" "-> Let udev create it"
	printf 'container=podman\0' > proc/1/environ
	st --sys sys --proc "$PWD/proc" --kvm none --only vm/device
	expect 1 "container: podman" "this is a container that was not given the device" "--device /dev/kvm"
	st --sys nosys --proc "$PWD/proc" --kvm none --only host/modules,vm/device
	expect 1 "whether KVM is loaded is unknown" "what is loaded cannot be seen" "1 failed, 1 skipped"
}

@test "--require: what is left out is a failure; host, linux, cloud, container" {
	mkdir -p sys/module
	st --only self/pass --require self/pass
	expect 2 "'self/pass' names no check and is not host, linux, cloud or container"
	st --only vm/limits --require linux
	expect 2 "--require: vm/device is required, but --only or --skip excludes it"
	st --sys sys --kvm none --allow-missing --require container --only vm/device,flat/long-mode
	expect 1 "required, but it could not be done: none: No such file" "2 failed"
	st --require 'host/lim*' --only host/limits
	expect 0
	needs_guest
	st --require container --only vm/device,flat/long-mode
	expect 0
}

@test "how far a run reaches: partial, minimal, none, in words and as JSON" {
	level() { jq -r '.level + ": " + .gap' r.json; }
	st --only host/limits --format json --output r.json
	expect 0
	[[ $(level) == "none: no guest code was run: flat/* is not part of this run" ]]
	needs_guest
	st --only vm/limits --format json --output r.json
	expect 0
	[[ $(level) == "minimal: no guest code was run: flat/* is not part of this run" ]]
	st --only vm/limits,flat/long-mode
	expect 0 "KVM works on this host as far as it was tried: 2 of 2 checks passed; no Linux guest was tried: linux/* is not part of this run"
	st --only vm/limits,flat/long-mode,linux/boot --vmm ./none --format json --output r.json
	[[ $(level) == "partial: no Linux guest was tried: "* ]] || { level; return 1; }
}

@test "what shapes KVM is on top of every report" {
	local f
	mkdir -p sys/module/kvm/parameters proc/1
	echo Y > sys/module/kvm/parameters/ignore_msrs
	for f in human tap junit json prometheus html; do
		st --sys sys --proc "$PWD/proc" --only self/pass --format "$f"
		expect 0 "ignore_msrs=Y"
	done
	# A setting that is not at its default is named by a check that depends on it and fails.
	st --explain vm/state-msrs
	expect 0 "settings:  kvm.ignore_msrs"
}

@test "vulnerabilities: any file of the kernel's, wherever the word stands; what KVM mitigates does not count" {
	local d=sys/devices/system/cpu/vulnerabilities
	try() {	# NAME TEXT WARNED
		rm -rf sys
		mkdir -p "$d"
		printf '%s\n' "$2" > "$d/$1"
		echo "Not affected" > "$d/meltdown"
		st --sys sys --only host/mitigations --format tap
		if [[ -n $3 ]]; then
			expect 0 "vulnerable to $1"
		else
			expect 0 "ok 1 host/mitigations"
			[[ $output != *warning* ]] || { echo "$output"; return 1; }
		fi
	}
	while IFS='|' read -r name text warned; do
		try "$name" "$text" "$warned" || { echo "$name: $text"; return 1; }
	done <<- 'T'
		itlb_multihit|KVM: Vulnerable|y
		itlb_multihit|Processor vulnerable|y
		itlb_multihit|KVM: Mitigation: VMX disabled|
		l1tf|Mitigation: PTE Inversion; VMX: vulnerable, SMT disabled|y
		l1tf|Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT disabled|
		mds|Mitigation: Clear CPU buffers; SMT vulnerable|y
		vmscape|Vulnerable|y
		tsa|Vulnerable: No microcode|y
		gather_data_sampling|Vulnerable: No microcode|y
		reg_file_data_sampling|Mitigation: Clear Register File|
		indirect_target_selection|Mitigation: Vulnerable, KVM: Not affected|
		spectre_v2|Mitigation: Retpolines; IBPB: conditional; BHI: Vulnerable, KVM: SW loop|
		spectre_v2|Mitigation: Retpolines; BHI: Vulnerable|y
		unheard_of|Vulnerable|y
	T
	rm -rf sys
	mkdir sys
	st --sys sys --only host/mitigations
	expect 4 "this kernel does not say"
}

@test "threads run out: it could not be done, which is no fault of KVM" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to become another user"
	needs_guest
	chmod 755 . "$BATS_TEST_TMPDIR"
	cp -r "$st" "$guest" .
	if ! setpriv --reuid=61234 --clear-groups test -x ./kvm-selftest; then skip "another user cannot reach $PWD"; fi
	run timeout "$HANG" setpriv --reuid=61234 --clear-groups prlimit --nproc=3 \
		./kvm-selftest --guest-dir guest --jobs 1 --only self/pass,self/thread --format tap
	expect 3 "ok 1 self/pass" "self/thread: could not be done: a thread: Resource temporarily unavailable (ulimit -u is 3" \
		"says nothing about KVM. Raise the limits it may have hit: ulimit -u" "error:1"
	run timeout "$HANG" setpriv --reuid=61234 --clear-groups prlimit --nproc=1 ./kvm-selftest --guest-dir guest --jobs 1 --only self/pass
	expect 3 "no process for the check: Resource temporarily unavailable" "1 could not be done"
}

@test "a dumb terminal, a link for --output, a .prom file that others read" {
	TERM=dumb script -qefc "'$st' --only self/pass,self/fail" tty < /dev/null || :
	if grep -q $'\e' tty; then cat -v tty; return 1; fi
	NO_COLOR=1 TERM=xterm script -qefc "'$st' --only self/pass,self/fail" tty < /dev/null || :
	if grep -q $'\e\[[0-9;]*m' tty; then cat -v tty; return 1; fi
	TERM=xterm script -qefc "'$st' --only self/pass,self/fail" tty < /dev/null || :
	grep -q $'\e' tty
	touch real.json
	ln -s real.json link.json
	chmod 640 real.json
	(umask 077; "$st" --only self/pass --format json --output link.json; "$st" --only self/pass --format prometheus --output x.prom
	"$st" --only self/pass --format json --output new.json)
	[ -L link.json ]
	[ "$(jq -r .pass real.json)" = 1 ]
	[ "$(stat -c %a real.json x.prom new.json | paste -sd,)" = 640,644,600 ]
}

@test "/dev/kvm that is no KVM, or is not for us" {
	st --kvm /dev/null --only vm/device,vm/api-version
	expect 1 "/dev/null is not a KVM device: KVM_GET_API_VERSION"
	[ "$(id -u)" -eq 0 ] || skip "needs root to become another user"
	touch kvm
	chmod 600 kvm
	chmod 755 . "$BATS_TEST_TMPDIR"
	cp "$st" ./st
	if ! setpriv --reuid=65534 --clear-groups test -x ./st; then skip "another user cannot reach $PWD"; fi
	run timeout "$HANG" setpriv --reuid=65534 --clear-groups ./st --kvm "$PWD/kvm" --only vm/device
	expect 1 "no permission to open" "Add this user to the group"
}

@test "a host whose kernel and modules are the package's" {
	host_tree
	st "${host[@]}" --only "$kernel_checks"
	expect 0 "0 failed" "excluded: guard >= 9"
	[ "$(grep -c '^  ok ' <<< "$output")" -eq 9 ] || { echo "$output"; return 1; }
}

@test "as an ordinary user: what can be done is done, what cannot is said" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to become another user"
	chmod 755 . "$BATS_TEST_TMPDIR"
	cp "$st" ./st
	if ! setpriv --reuid=65534 --clear-groups test -x ./st; then skip "another user cannot reach $PWD"; fi
	run timeout "$HANG" setpriv --reuid=65534 --clear-groups ./st --kvm /dev/nonexistent --allow-missing --format tap --only 'host/*,vm/*' --skip host/guest-images
	expect 4 "# SKIP"
	# nothing fails for want of rights alone, and each skip has its reason
	if grep -E '^not ok' <<< "$output"; then return 1; fi
	if grep -E '# SKIP *$' <<< "$output"; then return 1; fi
}

@test "the host around KVM: who may use it, controllers" {
	mkdir -p sys/fs/cgroup
	touch kvm
	chmod 600 kvm
	echo "cpuset memory pids" > sys/fs/cgroup/cgroup.controllers
	st --sys sys --kvm kvm --only host/kvm-access,host/cgroups --format tap
	expect 0 "warning: only root may open kvm (mode 0600)" "cgroup controller cpu is missing"
	chmod 660 kvm
	echo "cpu cpuset memory pids" > sys/fs/cgroup/cgroup.controllers
	st --sys sys --kvm kvm --only host/kvm-access,host/cgroups --format tap
	expect 0 "mode 0660"
	[[ $output != *warning* ]]
}

@test "a host that still measures its TSC is waited for" {
	local f=sys/devices/system/clocksource/clocksource0/current_clocksource
	mkdir -p "${f%/*}"
	echo tsc-early > "$f"
	timeout "$HANG" "$st" --sys sys --format tap --only host/clocksource > out &
	until pgrep -P "$(pgrep -P $! || echo $!)" -x clocksource > /dev/null || ! kill -0 $! 2> /dev/null; do :; done
	# By its name: between truncate and write, the file is empty.
	echo tsc > "$f.new"
	mv "$f.new" "$f"
	wait $!
	grep -qx '# clocksource tsc' out || { cat out; return 1; }
}

@test "--explain has something to say of every check" {
	for c in $("$st" --list | awk '{print $1}'); do
		run "$st" --explain "$c"
		[[ $status -eq 0 && ${#lines[@]} -ge 5 && ${lines[1]} =~ what:\ +.{10} && ${lines[2]} =~ fails:\ .{15} ]] || { echo "$c"; echo "$output"; return 1; }
	done
}

@test "manifests that are damaged or of another kernel" {
	host_tree
	good=$(< manifest.json)
	while IFS='|' read -r edit want; do
		printf '%s' "$good" > manifest.json
		eval "$edit"
		st "${host[@]}" --only host/kernel
		expect 1 "$want" || { echo "edit: $edit"; return 1; }
	done <<- 'T'
		: > manifest.json|not JSON
		head -c 100 <<< "$good" > manifest.json|not JSON
		echo '[1]' > manifest.json|not a JSON object
		echo '{"schema":2}' > manifest.json|"schema" is 2, this program knows 1
		jq 'del(.build_id)' <<< "$good" > manifest.json|"build_id" is missing
		jq '.kverrel=7' <<< "$good" > manifest.json|"kverrel" is missing or not a string
		jq '.kverrel="5.0-other"' <<< "$good" > manifest.json|is of 5.0-other
		rm manifest.json|No such file
		head -c 5000000 /dev/zero > manifest.json|larger than 4 MiB
		printf '\377\376\0\1' > manifest.json|not JSON
		printf '[%.0s' {1..5000} > manifest.json|not JSON
		mkdir -p d && rm manifest.json && ln -s d manifest.json|Is a directory
	T
}

@test "modules and config that are not the package's" {
	local r edit want
	r=$(uname -r)
	host_tree
	while IFS='|' read -r edit want; do
		rm -rf sys proc mods
		host_tree
		eval "$edit"
		st "${host[@]}" --only "$kernel_checks"
		expect 1 "$want" || { echo "edit: $edit"; return 1; }
	done <<- 'T'
		rm -r sys/module/kvm|module kvm is not loaded
		rm -r sys/module/kvm_intel|no back end
		rm sys/module/kvm/parameters/build_id|no build_id parameter
		echo other > sys/module/kvm/parameters/build_id|kvm.ko says build_id 'other'
		echo x+fedcba > sys/module/kvm/parameters/build_id|patch series 'fedcba'
		echo SRC9 > sys/module/kvm_intel/srcversion|srcversion SRC9, the package's is SRC2
		rm sys/module/kvm/srcversion|built in
		truncate -s -4 "mods/$r/kernel/kvm.ko"|carries no signature
		echo E > sys/module/kvm/taint|did not accept the signature of kvm
		rm "mods/$r/kernel/kvm.ko"|is missing, but the package installs it
		echo 128 > proc/sys/kernel/tainted|tainted (128): kernel OOPS
		gzip <<< CONFIG_KVM=y > proc/config.gz|CONFIG_KVM is y, the manifest says m
		jq '.modules=3' manifest.json > m && mv m manifest.json|no "modules" object
		jq '.patches[0].probe="param kvm.absent"' manifest.json > m && mv m manifest.json|module parameter kvm.absent
		jq '.patches[0].probe="symbol no_such_symbol_here"' manifest.json > m && mv m manifest.json && { cat /proc/kallsyms; echo '0 T x'; } > proc/kallsyms|no_such_symbol_here is not in the running kernel
		jq '.patches[0].probe="dance"' manifest.json > m && mv m manifest.json|probe 'dance': this program knows
	T
}

@test "a kernel built without any patch: said at the top, and no check blames it" {
	host_tree
	jq '.no_patch = true | .patches |= map(.status = "conflict" | .reason = "hunk 1 does not fit")' manifest.json > m
	mv m manifest.json
	rm sys/module/kvm/parameters/build_id
	st "${host[@]}" --only "$kernel_checks"
	expect 0 "(without any patch: ALLOW_NO_PATCH=1)" "kvm.ko has no build_id; see host/module-origin" "conflict: hunk 1 does not fit"
	st "${host[@]}" --only 'patch/*' --format tap
	expect 4 "# kernel $(uname -r) (without any patch: ALLOW_NO_PATCH=1)" "patch/series # SKIP built without any patch"
	# A kvm.ko that has a build_id is not of this package.
	echo x+fedcba > sys/module/kvm/parameters/build_id
	st "${host[@]}" --only host/build-id
	expect 1 "this kernel was built without any patch: kvm.ko is of another build"
	# What is no boolean counts for nothing.
	jq '.no_patch = "yes"' manifest.json > m && mv m manifest.json
	st "${host[@]}" --only host/build-id
	expect 1 "kvm.ko says build_id 'x+fedcba'"
}

@test "kernel-kvm-kmod beside the kernel: says which of the two is live" {
	host_tree
	jq '.kmod = "kernel-kvm-kmod-1-2" | .series = "fedcba9876543210" | .build_id = .kverrel + "+" + .series
		| .modules.kvm = {path: "updates/kvm.ko", srcversion: "SRC7", signed: false}' manifest.json > manifest-kmod.json
	# The kernel's own modules are loaded.
	st "${host[@]}" --only host/build-id,host/module-origin,patch/series
	expect 0 "kernel-kvm-kmod-1-2 is installed, but the kernel's own modules are loaded"
	# Those of kmod.
	echo "$(uname -r)+fedcba9876543210" > sys/module/kvm/parameters/build_id
	echo SRC7 > sys/module/kvm/srcversion
	st "${host[@]}" --only host/build-id,host/module-origin,patch/series --format tap
	expect 0 "loaded from kernel-kvm-kmod-1-2"
	st "${host[@]}" --only host/build-id
	expect 0 "of kernel-kvm-kmod-1-2: 1 checks"
	# The same series, but not the same kvm.ko: neither's.
	echo SRC8 > sys/module/kvm/srcversion
	st "${host[@]}" --only host/build-id
	expect 1 "the package's is '$(uname -r)+0123456789abcdef'"
	echo '{"schema": 1}' > manifest-kmod.json
	st "${host[@]}" --only host/kernel
	expect 1 "manifest-kmod.json: \"kverrel\" is missing"
}

# live_patch ENABLED TRANSITION: kernel-kvm-livepatch installed, its module in that state.
live_patch() {
	mkdir -p sys/kernel/livepatch/kvm_livepatch_7
	echo "$1" > sys/kernel/livepatch/kvm_livepatch_7/enabled
	echo "$2" > sys/kernel/livepatch/kvm_livepatch_7/transition
	jq -n --arg r "$(uname -r)" '{schema: 1, kverrel: $r, livepatch: "kernel-kvm-livepatch-\($r)-7-1", module: "kvm_livepatch_7",
		patches: [{number: 42000, file: "42000-l.patch", subject: "Mend it", status: "applied", probe: "param kvm.build_id"}]}' \
		> manifest-livepatch.json
}

@test "a live patch: said which, told from what is compiled in and from a kmod, and its probe runs" {
	host_tree
	# A kernel that accepts none.
	st "${host[@]}" --only host/livepatch
	expect 4 "this kernel accepts no live patch"
	mkdir -p sys/kernel/livepatch
	st "${host[@]}" --only host/livepatch --format json
	expect 0 "no live patch is loaded"
	live_patch 1 0
	echo 36864 > proc/sys/kernel/tainted
	st "${host[@]}" --only 'patch/*,host/livepatch,host/taint' --format tap
	expect 0 "patch/42000" "a live patch, of kernel-kvm-livepatch-$(uname -r)-7-1" "compiled into the kernel or its modules" \
		"kvm_livepatch_7: enabled 1, transition 0" "out-of-tree module, live patch, of kernel-kvm-livepatch-$(uname -r)-7-1"
	# Its probe decides: live, and without the effect.
	jq '.patches[0].probe = "param kvm.absent"' manifest-livepatch.json > m && mv m manifest-livepatch.json
	st "${host[@]}" --only patch/42000
	expect 1 "module parameter kvm.absent"
	# With a kmod, the report names the kmod as the place of the kernel's own patches.
	jq '.kmod = "kernel-kvm-kmod-1-2"' manifest.json > manifest-kmod.json
	st "${host[@]}" --only patch/40000 --format tap
	expect 0 "in the modules of kernel-kvm-kmod-1-2"
}

@test "a live patch that is installed and not live, one that nobody installed, a bad manifest" {
	host_tree
	live_patch 0 0
	st "${host[@]}" --only patch/42000
	expect 1 "is installed, but not live" "systemctl restart"
	rm -r sys/kernel/livepatch/kvm_livepatch_7
	st "${host[@]}" --only host/livepatch,patch/42000
	expect 1 "its module kvm_livepatch_7 is not live; loaded: none" "is installed, but not live"
	rm -r sys/kernel/livepatch
	st "${host[@]}" --only host/livepatch
	expect 1 "but this kernel accepts no live patch"
	live_patch 1 0
	mkdir sys/kernel/livepatch/other
	printf '1\n' > sys/kernel/livepatch/other/enabled
	printf '0\n' > sys/kernel/livepatch/other/transition
	st "${host[@]}" --only host/livepatch
	expect 0 "other is loaded, which no kernel-kvm-livepatch that is installed brought"
	# Of another kernel.
	jq '.kverrel = "5.0-other"' manifest-livepatch.json > m && mv m manifest-livepatch.json
	st "${host[@]}" --only patch/42000
	expect 1 "is installed, but not live"
	echo '{"schema": 1}' > manifest-livepatch.json
	st "${host[@]}" --only host/kernel
	expect 1 "manifest-livepatch.json: \"module\", \"kverrel\" or \"livepatch\" is missing"
}

@test "a transition that hangs: which task holds it, and where" {
	local p
	host_tree
	live_patch 1 1
	# 10 takes part in none, 11 has changed over, 12 has not.
	for p in 10 11 12; do
		mkdir -p "proc/$p/task/$p"
		echo "worker$p" > "proc/$p/task/$p/comm"
	done
	echo -1 > proc/10/task/10/patch_state
	echo 1 > proc/11/task/11/patch_state
	echo 0 > proc/12/task/12/patch_state
	printf '[<0>] schedule+0x2c/0xa0\n[<0>] kvm_vcpu_block+0x30/0x90\n' > proc/12/task/12/stack
	st "${host[@]}" --only host/livepatch --format tap
	expect 1 "the transition to kvm_livepatch_7 has not ended in 10 s: held by task 12 (worker12) of process 12" \
		"task 12 (worker12) of process 12 holds it, in schedule+0x2c/0xa0 kvm_vcpu_block+0x30/0x90"
	[[ $output != *worker10* && $output != *worker11* ]]
	# Away from it, those that have not left hold it.
	echo 0 > sys/kernel/livepatch/kvm_livepatch_7/enabled
	st "${host[@]}" --only host/livepatch
	expect 1 "the transition away from kvm_livepatch_7 has not ended in 10 s: held by task 11 (worker11)"
	# Nobody.
	rm -r proc/1?
	st "${host[@]}" --only host/livepatch
	expect 1 "shows no task that holds it"
}

@test "guest images: missing, truncated, corrupt, of another build" {
	while IFS='|' read -r edit want; do
		rm -rf g
		mkdir g
		cp "$guest"/{*.bin,initramfs.img,SUMS} g/
		eval "$edit"
		run timeout "$HANG" "$st" --guest-dir g --only host/guest-images
		expect 1 "$want" "Reinstall" || { echo "edit: $edit"; return 1; }
	done <<- 'T'
		rm -r g|g/real.bin: No such file
		rm g/SUMS|SUMS: No such file
		rm g/unit.bin|g/unit.bin: No such file
		truncate -s -1 g/unit.bin|g/unit.bin: truncated
		echo >> g/long.bin|wrong size
		dd of=g/real.bin conv=notrunc bs=1 count=1 seek=20 status=none <<< x|g/real.bin: corrupt
		sed -i /initramfs/d g/SUMS|SUMS has no line for initramfs.img
		: > g/SUMS|SUMS has no line for real.bin
		: > g/unit.bin|truncated: 0 bytes
	T
	cp "$guest"/{*.bin,initramfs.img,SUMS} g/
	run timeout "$HANG" "$st" --guest-dir g --only host/guest-images
	expect 0
	# A check that could not be done is no reason to suspect the kernel.
	run timeout "$HANG" "$st" --guest-dir /nowhere --only self/crash
	expect 1 "A check that crashes says nothing about KVM"
	needs_guest
	run timeout "$HANG" "$st" --guest-dir /nowhere --only flat/long-mode
	expect 3 "/nowhere/long.bin: No such file" "host/guest-images is not part of this run" "1 could not be done"
	# One failure, however many checks need the images.
	run timeout "$HANG" "$st" --guest-dir /nowhere --only 'host/guest-images,flat/*'
	expect 1 "0 passed, 1 failed" "(see host/guest-images)"
	[[ $output != *"KVM cannot run guest code"* ]]
}

@test "the host's clock changes under a check: its failure is void, a fault is still found" {
	local c=sys/devices/system/clocksource/clocksource0
	mkdir -p "$c"
	clocks() {
		echo tsc > "$c/current_clocksource"
		echo tsc hpet acpi_pm > "$c/available_clocksource"
		st --sys sys --format tap --only "$1"
	}
	clocks self/event
	expect 0 "# the host's clocksource changed from tsc to hpet while the check ran: the check was run again" "ok 1 self/event"
	clocks self/event-and-fault
	expect 1 "not ok 1 self/event-and-fault" "broken by hpet, too"
	clocks self/event-always
	expect 4 "ok 1 self/event-always # SKIP the host's clocksource changed from" "after 3 tries"
	# Nothing changed: a failure is a failure.
	echo hpet > "$c/current_clocksource"
	st --sys sys --format tap --only self/fail
	expect 1 "not ok 1 self/fail"
}

@test "the runner: pass, fail, skip, crash, hang, silence, orphan" {
	st --format tap --timeout-scale 0.2 --only 'self/*' --skip 'self/guest-*,self/memory,self/event*,self/thread'
	expect 1 "1..9" "ok 1 self/pass" "not ok 2 self/fail" "ok 3 self/warn" "# warning: asked to warn" \
		"ok 4 self/skip # SKIP asked to skip" "not ok 5 self/crash" "# last words" \
		"self/crash: the check crashed: signal 11" "not ok 6 self/hang" "self/hang: no end after" \
		"self/silent: the check ended without a result" "self/exit: the check's process ended with 3" \
		"ok 9 self/orphan" "# Totals: pass:3 fail:5 xfail:0 xpass:0 skip:1 error:0"
	[ "${lines[0]}" = "TAP version 13" ]
	# what a guest or a check says cannot drive the terminal
	[[ $output != *$'\e'* ]]
	pid=$(sed -n 's/^# orphan //p' <<< "$output")
	[ -n "$pid" ]
	run kill -0 "$pid"
	[ "$status" -ne 0 ] || [ "$(awk '{print $3}' "/proc/$pid/stat")" = Z ]
}

@test "guests that fail, skip, hang, fault, or are of another build" {
	needs_guest
	st --format tap --only 'self/guest-*'
	expect 1 "asked to fail: -1 2 0x3 four" "SKIP asked to skip" "hanging on purpose" \
		"the guest hangs spinning on purpose" "the guest hangs flooding on purpose" \
		"unexpected #PF, error 0x2" "it is not from the same build"
}

# A VMM that misbehaves stands for a guest that does: the check must end.
@test "a VMM that hangs, floods, dies, lies" {
	needs_guest
	mkdir -p sys/module/kvm_intel/parameters
	touch bzImage
	cp "$guest"/{*.bin,initramfs.img,SUMS} .
	try() {	# SCRIPT WANT
		printf '#!/bin/sh\n%s\n' "$1" > vmm
		chmod +x vmm
		run timeout "$HANG" "$st" --sys sys --guest-dir . --vmm ./vmm --timeout-scale 0.1 --only linux/boot
		expect 1 "$2" || { echo "script: $1"; return 1; }
	}
	try 'exec sleep 100' "did not end in time: killed"
	try 'exec yes "ok 1 flood"' "did not end in time: killed"
	try 'kill -SEGV $$' "kvm-vmm died of a signal"
	try 'echo hello; exit 0' "did not reach its init"
	try 'echo TAP version 13; echo ok 1 init; exit 0' "stopped in the middle"
	try 'echo TAP version 13; echo ok 1 init; echo 1..3; exit 0' "planned 3 tests and did 1"
	try 'echo TAP version 13; echo not ok 1 init; exit 0' "not ok 1 init"
	try 'exit 10' "triple fault in the guest"
	rm vmm
	run timeout "$HANG" "$st" --sys sys --guest-dir . --vmm ./vmm --only linux/vmm
	expect 1 "./vmm: No such file"
}

@test "SIGINT and SIGTERM in the middle: status, sentence, no process left" {
	for sig in INT TERM; do
		"$st" --format tap --only self/pass,self/hang --jobs 1 > out 2>&1 &
		pid=$!
		until grep -q 'ok 1' out; do :; done
		until child=$(pgrep -P "$pid"); do :; done
		kill -s "$sig" "$pid"
		rc=0
		wait "$pid" || rc=$?
		[[ $sig$rc == INT130 || $sig$rc == TERM143 ]] || { echo "rc $rc"; cat out; return 1; }
		grep -q '^Bail out! ended by signal' out
		run kill -0 "$child"
		[ "$status" -ne 0 ]
	done
}

@test "SIGINT while a file is written to: whole or not at all, terminal put right" {
	script -qefc "echo \$\$ > pid; exec '$st' --only self/pass,self/hang --jobs 1 --output r.json --format json" tty < /dev/null > /dev/null 2>&1 &
	pid=$!
	until pgrep -P "$(cat pid 2> /dev/null || echo 0)" -x hang > /dev/null; do :; done
	kill -INT "$(< pid)"
	wait "$pid" || true
	[ ! -e r.json.tmp ]
	[ "$(jq -r .exit_status r.json)" = 130 ]
}

@test "reports that cannot be written; nothing half-made" {
	run timeout "$HANG" sh -c "'$st' --only self/pass --format json > /dev/full"
	expect 2 "could not be written"
	st --only self/pass --format json --output /dev/full
	expect 2 "could not be written"
	st --only self/pass --format json --output r.json
	expect 0
	[ "$(ls -A)" = r.json ]
	st --only self/fail --bundle /nonexistent/b.tgz
	expect 2 "/nonexistent/b.tgz: No such file"
}

@test "few descriptors, little memory: a sentence, not a crash" {
	for limit in '-n 6' '-n 9' '-n 14' '-v 20000' '-v 60000' '-v 100000' '-u 0'; do
		# shellcheck disable=SC2086
		run timeout "$HANG" bash -c "ulimit $limit && exec '$st' --guest-dir '$guest' --only 'self/pass,vm/limits,flat/mode-switch' --format tap"
		[ "$status" -le 4 ] || { echo "$limit: $status"; echo "$output"; return 1; }
		[[ $output != *"crashed"* ]]
		# no verdict without its reason
		[ "$status" -eq 0 ] || [[ $output == *"not ok"* || $output == *": "* ]] || { echo "$limit: $output"; return 1; }
	done
}

@test "a check that eats all memory fails alone" {
	run bash -c "ulimit -v 300000 && exec timeout $HANG '$st' --only self/memory,self/pass --format tap --timeout-scale 20"
	expect 1 "out of memory after" "ok 1 self/pass"
}

@test "a full disk: no report is better than half a one" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to mount a small disk"
	mkdir disk
	run unshare -m sh -c "
		mount -t tmpfs -o size=8k none disk || exit 77
		head -c 8192 /dev/zero > disk/fill
		timeout $HANG '$st' --only self/pass,self/fail --format html --output disk/r.html
		echo status \$?; ls -A disk
		timeout $HANG '$st' --only self/fail --bundle disk/b.tgz > /dev/null; echo status \$?; ls -A disk
		timeout $HANG '$st' --only self/pass --save-baseline disk/b.json > /dev/null; echo status \$?; ls -A disk"
	[ "$status" -ne 77 ] || skip "no tmpfs can be mounted here"
	expect 0 "r.html: the report could not be written: No space left" "b.json: the report could not be written"
	[ "$(grep -c '^status 2$' <<< "$output")" -eq 3 ] || { echo "$output"; return 1; }
	[ "$(grep -c '^fill$' <<< "$output")" -eq 3 ]
	[[ $output != *.tmp* ]] || { echo "$output"; return 1; }
}

# CLOCK_REALTIME goes to and fro by hours: deadlines and verdicts do not mind.
@test "the clock jumps" {
	cat > jump.c <<- 'T'
		#define _GNU_SOURCE
		#include <sys/syscall.h>
		#include <time.h>
		#include <unistd.h>
		int clock_gettime(clockid_t id, struct timespec *ts)
		{
			static int n;
			long rc = syscall(SYS_clock_gettime, id, ts);

			if (id == CLOCK_REALTIME)
				ts->tv_sec += n++ % 3 * 7200 - 7200;
			return (int)rc;
		}
		time_t time(time_t *t)
		{
			struct timespec ts;

			clock_gettime(CLOCK_REALTIME, &ts);
			return t ? *t = ts.tv_sec : ts.tv_sec;
		}
	T
	gcc -shared -fPIC -O2 -o jump.so jump.c
	only=self/pass,self/hang
	[ -n "$KVM_WHY" ] || only+=,flat/kvmclock,flat/hlt-wake,vm/signal
	LD_PRELOAD=$PWD/jump.so run timeout "$HANG" "$st" --guest-dir "$guest" --only "$only" --format json --output r.json --timeout-scale 1
	expect 1
	[ "$(jq -r '.checks[] | select(.status == "fail").name' r.json)" = self/hang ]
	[ "$(jq '[.checks[].ms] | min >= 0 and max < 20000' r.json)" = true ]
}

@test "docs/coverage.md names every check of vm/ and flat/, every fault, and no other" {
	local top=$SHARE/../.. f
	local doc=$top/docs/coverage.md
	"$st" --list | grep -oE '^(vm|flat)/[a-z0-9-]+' | sort > checks
	for f in "$top"/tests/faults/*.patch; do
		f=${f##*/}
		f=${f%.patch}
		echo "${f%@*}"
	done | sort -u > faults
	grep '^|' "$doc" | grep -oE '[a-z0-9/-]*[a-z0-9]' | sort -u > words
	comm -23 checks words | tee missing
	comm -23 faults words | tee -a missing
	[ ! -s missing ]
	grep -E '^(vm|flat)/' words | comm -23 - checks | tee unknown
	[ ! -s unknown ]
}
