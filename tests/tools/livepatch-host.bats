#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kernel-kvm-livepatch, which the package installs, on a kernel in files: sysfs and /proc are
# directories, insmod and rmmod change them as the kernel does. tests/long/livepatch.bats
# runs it on a real one.
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output

load ../hang

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
	K=7.2.9-1.kvm.x86_64
	mkdir -p bin pkg sys/kernel/livepatch sys/module/kvm proc/10/task/10 proc/12/task/12 run
	sed "s|@KVERREL@|$K|g" "$top/tools/livepatch.d/host" > pkg/kernel-kvm-livepatch
	chmod +x pkg/kernel-kvm-livepatch
	package 7
	echo KVMSRC > sys/module/kvm/srcversion
	echo quick > proc/10/task/10/comm
	echo -1 > proc/10/task/10/patch_state
	echo slow > proc/12/task/12/comm
	echo -1 > proc/12/task/12/patch_state
	printf '[<0>] schedule+0x2c/0xa0\n' > proc/12/task/12/stack
	echo "echo \${UNAME:-$K}" > bin/uname
	# A transition ends at once, unless a file says that it never does; an atomic replace
	# then takes the others away. What is written to `enabled` is looked at by `sleep`.
	cat > bin/insmod <<'END2'
		#!/usr/bin/env bash
		m=$(basename "$1" .ko)
		[[ ! -e insmod-says ]] || { cat insmod-says >&2; exit 1; }
		mkdir -p sys/module/$m sys/kernel/livepatch/$m
		echo 1 > sys/kernel/livepatch/$m/enabled
		echo 1 > sys/kernel/livepatch/$m/transition
		echo "insmod $m" >> calls
		echo 0 > proc/12/task/12/patch_state
		echo 1 > proc/10/task/10/patch_state
END2
	cat > bin/sleep <<'END2'
		#!/usr/bin/env bash
		for d in sys/kernel/livepatch/kvm_livepatch_*; do
			[[ -d $d ]] || continue
			enabled=$(cat $d/enabled)
			if [[ $enabled == 1 && ! -e never-to ]]; then
				echo 0 > $d/transition
				for o in sys/kernel/livepatch/kvm_livepatch_*; do [[ ! $o < $d || ! -e replaced ]] || rm -r "$o"; done
			elif [[ $enabled == 0 && ! -e never-away ]]; then
				rm -r $d
			elif [[ $enabled == 0 ]]; then
				echo 1 > $d/transition
				echo 1 > proc/12/task/12/patch_state
				echo 0 > proc/10/task/10/patch_state
			fi
		done
END2
	cat > bin/rmmod <<'END2'
		#!/usr/bin/env bash
		[[ ! -d sys/kernel/livepatch/$1 ]] || { echo "Module $1 is in use" >&2; exit 1; }
		# The kernel lets go of it a little later.
		[[ ! -e busy ]] || { rm busy; echo "Module $1 is in use" >&2; exit 1; }
		rmdir sys/module/$1
		echo "rmmod $1" >> calls
END2
	printf '#!/usr/bin/env bash\n[[ -s modinfo-says ]] || exit 1\ncat modinfo-says\n' > bin/modinfo
	chmod +x bin/*
	touch calls
}

# package N: the files of the package of that version.
package() {
	rm -f pkg/*.ko
	echo "module $1" > "pkg/kvm_livepatch_$1.ko"
	printf '%s\n' "module kvm_livepatch_$1 $(sha256sum < "pkg/kvm_livepatch_$1.ko" | cut -d' ' -f1)" 'object kvm KVMSRC' 'object vmlinux -' \
		'patch 42000 KVM: x86: Mend it' > pkg/contents
}

host() {
	run env PATH="$PWD/bin:$PATH" KVM_LIVEPATCH_SYS=sys KVM_LIVEPATCH_PROC=proc KVM_LIVEPATCH_RUN=run \
		timeout "$HANG" pkg/kernel-kvm-livepatch "$@"
}

# says STATUS TEXT...
says() {
	local want=$1 text
	shift
	[ "$status" -eq "$want" ] || { echo "exit $status, expected $want: $output"; return 1; }
	for text; do
		[[ $output == *"$text"* ]] || { echo "missing: $text: $output"; return 1; }
	done
}

live=sys/kernel/livepatch/kvm_livepatch_7

@test "load, load again, status, unload" {
	host status
	says 0 "no live patch is loaded" "the package has patch 42000 KVM: x86: Mend it"
	host load
	says 0 "kvm_livepatch_7 is live, "
	[ "$(cat $live/transition)" = 0 ]
	host load
	says 0 "live already"
	[ "$(grep -c insmod calls)" -eq 1 ]
	host status
	says 0 "kvm_livepatch_7: live"
	touch busy
	host unload
	says 0 "kvm_livepatch_7 is taken back"
	[ ! -e $live ]
	[ ! -e sys/module/kvm_livepatch_7 ]
	host unload
	says 0
	[ "$(grep -c rmmod calls)" -eq 1 ]
}

@test "a newer one replaces the older in one step, and the older's module goes" {
	host load
	package 8
	touch replaced
	host load
	says 0 "kvm_livepatch_8 is live"
	[ ! -e $live ]
	[ ! -e sys/module/kvm_livepatch_7 ]
	[ "$(paste -sd, calls)" = 'insmod kvm_livepatch_7,insmod kvm_livepatch_8,rmmod kvm_livepatch_7' ]
}

@test "a transition that never ends is taken back after the deadline, and the task that holds it named" {
	touch never-to
	host load --deadline 1
	says 1 "kvm_livepatch_7: not applied within 1 s, and taken back: the kernel is as before" "task 12 (slow) of process 12, in schedule+0x2c/0xa0"
	[[ $output != *quick* ]]
	[ ! -e $live ]
	[ ! -e sys/module/kvm_livepatch_7 ]
	# Nor can it be taken back.
	touch never-away
	host load --deadline 1
	says 1 "neither applied nor taken back within 1 s each"
}

@test "one that cannot be taken back stays live, so the package stays" {
	host load
	touch never-away
	host unload --deadline 1
	says 1 "not taken back within 1 s; it stays live" "task 12 (slow)"
	[ "$(cat $live/enabled)" = 1 ]
	[ -d sys/module/kvm_livepatch_7 ]
}

@test "another kernel runs: an error, or said (%post); nothing is done" {
	export UNAME=7.2.8-1.kvm.x86_64
	host load
	says 1 "this is 7.2.8-1.kvm.x86_64, the live patch is for $K"
	host load --soft
	says 0 "the live patch is loaded when $K boots"
	host unload
	says 0
	[ ! -s calls ]
}

@test "power lost while the module was written; the kernel rejects it: said, nothing is loaded" {
	truncate -s 3 pkg/kvm_livepatch_7.ko
	host load
	says 1 "pkg/kvm_livepatch_7.ko: damaged, or not there" "dnf reinstall"
	rm pkg/kvm_livepatch_7.ko
	host load
	says 1 "damaged, or not there"
	package 7
	sed -i /^module/d pkg/contents
	host load
	says 1 "no line 'module NAME SHA256'"
	package 7
	echo "insmod: ERROR: could not insert module: Key was rejected by service" > insmod-says
	host load
	says 1 "the kernel rejects it: insmod: ERROR: could not insert module: Key was rejected"
	[ ! -s calls ]
}

@test "modules that are not the kernel's own, a foreign live patch, a kernel without live patching: refused" {
	echo OTHER > sys/module/kvm/srcversion
	host load
	says 1 "kvm on this host has srcversion OTHER, the live patch is for KVMSRC" "kernel-kvm-kmod"
	# Not loaded yet, but it would be.
	rm sys/module/kvm/srcversion
	echo OTHER > modinfo-says
	host load
	says 1 "srcversion OTHER"
	echo KVMSRC > modinfo-says
	mkdir sys/kernel/livepatch/kpatch_9
	host load
	says 1 "kpatch_9, a live patch that is not of kernel-kvm, is loaded: this one would replace it"
	rmdir sys/kernel/livepatch/kpatch_9 sys/kernel/livepatch
	host load
	says 1 "this kernel accepts no live patch"
	[ ! -s calls ]
}

@test "wrong usage" {
	host
	says 2 "expected load, unload or status"
	host load --deadline 0
	says 2
	host unload --soft
	says 2 "--soft goes with load"
	host load more
	says 2 "more: unknown"
	host --help
	says 0 "kernel-kvm-livepatch load [--deadline SEC]"
}
