#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/spec/kconfig on a kernel tree with a small Kconfig: its merges, its errors and the
# reasons that it gives.
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output, the helper the rest

load kconfig-helper

setup_file() {
	load kconfig-helper
	mini
}

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	tree=$mini_tree
	cp -a "$BATS_FILE_TMPDIR/obj" obj
	cp -a "$BATS_FILE_TMPDIR/configs" configs
}

merge() {
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config lean "$@"
}

# refuses TEXT...: the last run failed, with each text in its output, and left
# no config to build by accident.
refuses() {
	local text
	printf '%s\n' "$output"
	[ "$status" -eq 1 ]
	for text in "$@"; do
		[[ $output == *"$text"* ]] || { echo "missing: $text"; return 1; }
	done
}

@test "merge writes the config, what must hold, and the distribution's form of it" {
	merge
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_SLOTS=16' obj/.config
	grep -qx 'CONFIG_KVM=m' obj/.config
	[ "$(head -n 1 obj/kernel-x86_64.config)" = '# x86_64' ]
	[ "$(tr '\n' ' ' < obj/.required)" = "CONFIG_EVENTFD=y CONFIG_KVM=m CONFIG_KVM_INTEL=m CONFIG_MODULES=y CONFIG_NET=y CONFIG_SLOTS=16 CONFIG_TUN=m CONFIG_VHOST_NET=m " ]
}

@test "full adds storage-net to lean" {
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config full
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_BRIDGE=m' obj/.config
}

@test "distro starts from the distribution's config and the fragments win" {
	printf 'CONFIG_NET=y\nCONFIG_LABEL="distro"\n# CONFIG_KVM is not set\n' > base
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config distro --base-config base
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_LABEL="distro"' obj/.config
	grep -qx 'CONFIG_KVM=m' obj/.config
	grep -qx '# CONFIG_TUN is not set' obj/.config
}

distro() {
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config distro --base-config base "$@"
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
}

@test "distro is without debug information unless something asks for it" {
	printf 'CONFIG_NET=y\nCONFIG_TUN=m\nCONFIG_DEBUG_INFO=y\n' > base
	distro
	grep -qx '# CONFIG_DEBUG_INFO is not set' obj/.required
	# An option about debug information that does not turn it on.
	echo '# CONFIG_DEBUG_INFO_BTF is not set # optional' > configs/local.config
	distro
	grep -qx '# CONFIG_DEBUG_INFO is not set' obj/.config
	echo 'CONFIG_DEBUG_INFO=y' > configs/local.config
	distro
	grep -qx 'CONFIG_DEBUG_INFO=y' obj/.config
	[[ $output != *nodebuginfo* ]]
	rm configs/local.config
	distro --set CONFIG_DEBUG_INFO=y
	grep -qx 'CONFIG_DEBUG_INFO=y' obj/.config
	echo 'CONFIG_DEBUG_INFO=y' > configs/debuginfo.config
	distro --fragment configs/debuginfo.config
	grep -qx 'CONFIG_DEBUG_INFO=y' obj/.config
	run "$kconfig" check --tree "$tree" --build obj --configs configs --config distro
	refuses 'configs/nodebuginfo.config:10: CONFIG_DEBUG_INFO: wanted n, got y'
}

@test "distro: certificate files that are not there are reported and left out" {
	printf 'CONFIG_NET=y\nCONFIG_TUN=m\nCONFIG_SYSTEM_TRUSTED_KEYS="certs/rhel.pem"\nCONFIG_MODULE_SIG_KEY="debian/certs/key.pem"\n' > base
	distro
	[[ $output == *'SYSTEM_TRUSTED_KEYS="certs/rhel.pem": no such file'* ]]
	grep -qx 'CONFIG_SYSTEM_TRUSTED_KEYS=""' obj/.config
	grep -qx 'CONFIG_MODULE_SIG_KEY="certs/signing_key.pem"' obj/.config
	# Those that are there stay: made by the base's %prep, or a token's.
	mkdir -p obj/certs
	echo x > obj/certs/rhel.pem
	sed -i 's|debian/certs/key.pem|pkcs11:token=x|' base
	distro
	grep -qx 'CONFIG_SYSTEM_TRUSTED_KEYS="certs/rhel.pem"' obj/.config
	grep -qx 'CONFIG_MODULE_SIG_KEY="pkcs11:token=x"' obj/.config
	# The default is a file that the build makes.
	sed -i 's|pkcs11:token=x|certs/signing_key.pem|' base
	distro
	[[ $output != *'no such file'* ]]
}

@test "distro without a base config, with a missing one, with one that is none" {
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config distro
	[ "$status" -eq 2 ]
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config distro --base-config absent
	refuses 'absent: not a readable file'
	echo hello > base
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config distro --base-config base
	refuses 'base: not a kernel config'
}

@test "--set wins over the fragments and must hold too" {
	merge --set 'CONFIG_LABEL="a b"' --set CONFIG_SLOTS=32
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_LABEL="a b"' obj/.config
	grep -qx 'CONFIG_SLOTS=32' obj/.required
	merge --set CONFIG_SLOTS=65
	refuses '--set: CONFIG_SLOTS: wanted 65' 'the range is 1 .. 64' 'Kconfig:'
}

@test "local.config wins over the other fragments, and says so" {
	printf 'CONFIG_SLOTS=4\n' > configs/local.config
	merge
	[ "$status" -eq 0 ]
	[[ $output == *'configs/local.config:1: CONFIG_SLOTS=4 replaces 16 of configs/lean-x86_64.config:4'* ]]
	grep -qx 'CONFIG_SLOTS=4' obj/.config
}

@test "two fragments that disagree: both lines are named" {
	echo 'CONFIG_TUN=y' >> configs/kvm-host.config
	merge
	refuses 'CONFIG_TUN is set twice' 'configs/lean-x86_64.config:3: m' 'configs/kvm-host.config:4: y'
}

@test "two fragments that agree are no conflict" {
	echo 'CONFIG_TUN=m' >> configs/kvm-host.config
	merge
	[ "$status" -eq 0 ]
}

@test "a misspelt symbol: the nearest names" {
	echo 'CONFIG_KVM_INTLE=m' >> configs/kvm-host.config
	merge
	refuses 'configs/kvm-host.config:4: CONFIG_KVM_INTLE' 'does not know CONFIG_KVM_INTLE' 'did you mean CONFIG_KVM_INTEL?'
	[ ! -e obj/.config ]
	[ ! -e obj/.required ]
}

@test "a misspelt symbol that is switched off is an error too" {
	echo '# CONFIG_BRIGDE is not set' >> configs/kvm-host.config
	merge
	refuses 'did you mean CONFIG_BRIDGE?'
}

@test "# optional excuses an unknown symbol, and only that" {
	echo 'CONFIG_KVM_TDX=y # optional' >> configs/kvm-host.config
	merge
	[ "$status" -eq 0 ]
	[ "$(grep -c 'TDX' obj/.required)" -eq 0 ]
	echo 'CONFIG_SLOTS=99 # optional' > configs/kvm-guest.config
	sed -i /SLOTS/d configs/lean-x86_64.config
	merge
	refuses 'CONFIG_SLOTS: wanted 99'
}

@test "# unless drops a line where the tree knows the symbol, and only there" {
	printf 'CONFIG_PREEMPT_NONE=y # unless CONFIG_PREEMPT_FULL\nCONFIG_PREEMPT_FULL=y # optional\n' >> configs/kvm-guest.config
	merge
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_PREEMPT_FULL=y' obj/.required
	[ "$(grep -c PREEMPT_NONE obj/.required)" -eq 0 ]
	sed -i 's/FULL/LAZY/' configs/kvm-guest.config
	merge
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_PREEMPT_NONE=y' obj/.required
	run "$kconfig" check --tree "$tree" --build obj --configs configs --config lean
	[ "$status" -eq 0 ]
	# Where it counts, it must hold.
	echo 'CONFIG_PREEMPT_FULL=y' >> configs/kvm-guest.config
	merge
	refuses 'CONFIG_PREEMPT_NONE=y' 'exclude each other'
}

@test "# where counts where the tree knows the symbol; # unless elsewhere" {
	printf 'CONFIG_SLOTS=3 # unless CONFIG_TUN\nCONFIG_SLOTS=5 # where CONFIG_TUN\n' > configs/kvm-guest.config
	echo 'CONFIG_TDX=y # where CONFIG_TDX_HOST' >> configs/kvm-guest.config
	sed -i /SLOTS/d configs/lean-x86_64.config
	merge
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_SLOTS=5' obj/.required
	sed -i 's/CONFIG_TUN/CONFIG_TAP/' configs/kvm-guest.config
	merge
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_SLOTS=3' obj/.required
	# It excuses no symbol that the tree does not know.
	echo 'CONFIG_TDX=y # where CONFIG_KVM' >> configs/kvm-guest.config
	merge
	refuses 'configs/kvm-guest.config:4: CONFIG_TDX: wanted y, got nothing'
	run "$kconfig" list --configs configs --config lean
	[ "$status" -eq 0 ]
	[[ $output =~ CONFIG_SLOTS=3\ +configs/kvm-guest.config:1\ \(unless\ CONFIG_TAP\) ]]
	[[ $output =~ CONFIG_SLOTS=5\ +configs/kvm-guest.config:2\ \(where\ CONFIG_TAP\) ]]
}

@test "m # or y leaves the distribution's y, and is m elsewhere" {
	sed -i 's/CONFIG_KVM_INTEL=m/& # or y/' configs/kvm-host.config
	sed -i 's/CONFIG_KVM=m/CONFIG_KVM=y/' configs/kvm-host.config
	merge
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_KVM_INTEL=m' obj/.required
	printf 'CONFIG_NET=y\nCONFIG_KVM_INTEL=y\nCONFIG_TUN=y\n' > base
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config distro --base-config base
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_KVM_INTEL=y' obj/.config
	grep -qx 'CONFIG_KVM_INTEL=y' obj/.required
	# Another fragment may insist.
	echo 'CONFIG_KVM_INTEL=m' >> configs/kvm-guest.config
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config distro --base-config base
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_KVM_INTEL=m' obj/.config
	# It is not "or n", and not for other values.
	echo '# CONFIG_KVM is not set' > configs/local.config
	merge
	refuses 'CONFIG_KVM_INTEL: wanted m, got n'
	echo 'CONFIG_SLOTS=8 # or y' > configs/local.config
	merge
	refuses 'configs/local.config:1: not a setting'
}

@test "# unless, # where without a symbol, or with more than one" {
	local end
	for end in '# unless' '# where' '# unless TUN' '# unless CONFIG_TUN CONFIG_NET' '# optional # unless CONFIG_TUN'; do
		printf 'CONFIG_BRIDGE=m %s\n' "$end" > configs/local.config
		merge
		refuses 'configs/local.config:1: not a setting' 'what may' 'configs/README.md'
	done
}

@test "a dependency is off: why, with file and line" {
	sed -i 's/CONFIG_NET=y/# CONFIG_NET is not set/' configs/lean-x86_64.config
	merge
	refuses 'configs/lean-x86_64.config:3: CONFIG_TUN: wanted m, got n' 'needs NET [=n] (bool, Kconfig:12, "Networking support")'
}

@test "EVENTFD switched off: it is selected, by whom, and why no fragment can set it" {
	echo '# CONFIG_EVENTFD is not set' > configs/kvm-guest.config
	merge
	refuses 'CONFIG_EVENTFD: wanted n, got y' 'selected by HAVE_IRQFD [=y]' 'selected by KVM [=m]' 'needs EXPERT [=n]'
}

@test "EVENTFD really off: VHOST_NET needs it" {
	printf '# CONFIG_EVENTFD is not set\nCONFIG_EXPERT=y\nCONFIG_LOOSE=y\n' > configs/kvm-guest.config
	merge
	refuses 'CONFIG_VHOST_NET: wanted m, got n' 'needs EVENTFD [=n] (bool, Kconfig:'
}

@test "values of the wrong type" {
	local bad
	for bad in CONFIG_NET=m:'a bool is y or n' CONFIG_KVM=5:'a tristate is y, m or n' \
		CONFIG_SLOTS='"16"':'an int is a decimal number' CONFIG_BASE=xyz:'a hex is' \
		CONFIG_LABEL=word:'a string is written in double quotes'; do
		cp "$BATS_FILE_TMPDIR"/configs/* configs/
		sed -i "/^${bad%%=*}=/d" configs/*.config
		echo "${bad%:*}" >> configs/kvm-guest.config
		merge
		refuses "${bad##*:}" "${bad%%=*}: wanted"
	done
}

@test "a choice with two y's" {
	printf 'CONFIG_PREEMPT_NONE=y\nCONFIG_PREEMPT_FULL=y\n' >> configs/kvm-guest.config
	merge
	refuses 'configs/kvm-guest.config:3: CONFIG_PREEMPT_NONE=y' 'configs/kvm-guest.config:4: CONFIG_PREEMPT_FULL=y' 'exclude each other' 'both are of the choice at Kconfig:'
}

@test "no fragment can set a symbol without a prompt" {
	echo '# CONFIG_HAVE_IRQFD is not set' >> configs/kvm-guest.config
	merge
	refuses 'HAVE_IRQFD has no prompt' 'selected by KVM [=m] (Kconfig:'
}

@test "m without modules" {
	echo '# CONFIG_MODULES is not set' > configs/kvm-guest.config
	merge
	refuses 'CONFIG_KVM: wanted m, got y'
}

@test "CRLF line ends" {
	sed -i 's/$/\r/' configs/kvm-host.config
	merge
	refuses 'configs/kvm-host.config:1: line ends in CR LF' "sed -i"
}

@test "no newline at the end of a fragment" {
	printf 'CONFIG_KVM=m\nCONFIG_KVM_INTEL=m\nCONFIG_VHOST_NET=m' > configs/kvm-host.config
	merge
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_VHOST_NET=m' obj/.required
	grep -qx 'CONFIG_EVENTFD=y' obj/.required
}

@test "a fragment that is a directory, missing, binary" {
	rm configs/kvm-host.config
	merge
	refuses 'configs/kvm-host.config: not found'
	mkdir configs/kvm-host.config
	merge
	refuses 'configs/kvm-host.config: is a directory'
	rmdir configs/kvm-host.config
	printf 'CONFIG_KVM=m\n\0' > configs/kvm-host.config
	merge
	refuses 'holds NUL bytes'
}

@test "lines that Kconfig would silently ignore" {
	local line
	for line in 'CONFIG_KVM = m' 'KVM=m' ' CONFIG_KVM=m' '#CONFIG_KVM is not set' '# CONFIG_KVM is unset' 'CONFIG_LABEL="a' 'CONFIG_KVM=m # a remark'; do
		printf '%s\n' "$line" > configs/local.config
		merge
		refuses "configs/local.config:1: not "
	done
}

@test "not a kernel tree, unknown names, missing options" {
	run "$kconfig" merge --tree configs --build obj --configs configs --config lean
	refuses 'configs: not a kernel tree'
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config leaner
	[ "$status" -eq 2 ]
	run "$kconfig" merge --tree "$tree" --config lean
	[ "$status" -eq 2 ]
	run "$kconfig" mrege
	[ "$status" -eq 2 ]
	run "$kconfig" merge --tree
	[ "$status" -eq 2 ]
}

@test "check proves a config again, and sees one that was edited" {
	run "$kconfig" check --tree "$tree" --build obj
	[ "$status" -eq 0 ]
	sed -i 's/^CONFIG_VHOST_NET=m/# CONFIG_VHOST_NET is not set/' obj/.config
	run "$kconfig" check --tree "$tree" --build obj
	refuses 'CONFIG_VHOST_NET: wanted m, got n'
	[ -e obj/.config ]
}

@test "check sees a config that the build would change" {
	sed -i 's/^CONFIG_NET=y/# CONFIG_NET is not set/; /CONFIG_NET/!b' obj/.config
	echo CONFIG_KVM=m > one
	run "$kconfig" check --tree "$tree" --build obj --fragment one
	refuses 'the .config says m, the build would make it n' 'needs NET [=n]'
}

@test "check without a config" {
	rm obj/.config
	run "$kconfig" check --tree "$tree" --build obj
	refuses 'obj/.config: not found'
}

@test "why: value, definition, menu, dependencies with values, who selects it" {
	run "$kconfig" why VHOST_NET CONFIG_EVENTFD --tree "$tree" --build obj
	[ "$status" -eq 0 ]
	[[ $output == *'CONFIG_VHOST_NET=m  (tristate)'* ]]
	[[ $output == *'menu     Virtualization'* ]]
	[[ $output == *'depends  NET [=y] && EVENTFD [=y] && (TUN [=m] || !TUN [=m])'* ]]
	[[ $output == *'selected by HAVE_IRQFD [=y] (Kconfig:'* ]]
	run "$kconfig" why KVM_AMD --tree "$tree" --build obj
	refuses 'CONFIG_KVM_AMD: this tree does not know it'
}

@test "diff: two configs by menu" {
	printf 'CONFIG_NET=y\nCONFIG_TUN=y\nCONFIG_GONE=y\n' > base
	run "$kconfig" diff --tree "$tree" --build obj --base-config base
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
	[[ $output == *$'Networking\n    CONFIG_TUN '*'y -> m'* ]]
	[[ $output == *$'Virtualization\n    CONFIG_KVM '*'n -> m'* ]]
	[[ $output == *$'(not known to this tree)\n    CONFIG_GONE'* ]]
	[[ $output != *HAVE_IRQFD* ]]
	run "$kconfig" diff --tree "$tree" --build obj --base-config base --all
	[[ $output == *HAVE_IRQFD* ]]
}

@test "list: which line requires what" {
	run "$kconfig" list --configs configs --config lean
	[ "$status" -eq 0 ]
	[[ $output =~ CONFIG_KVM=m\ +configs/kvm-host.config:1 ]]
}

@test "guest: only named symbols are on" {
	printf 'CONFIG_NET=y\nCONFIG_EXPERT=y\n' > configs/guest-x86_64.config
	run "$kconfig" guest --tree "$tree" --build obj --configs configs
	[ "$status" -eq 0 ]
	grep -qx '# CONFIG_EVENTFD is not set' obj/.config
	grep -qx 'CONFIG_NET=y' obj/.config
}
