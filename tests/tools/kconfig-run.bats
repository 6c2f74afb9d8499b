#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/spec/kconfig run: the kernel's own config targets, and what they change,
# kept as configs/local.config; menuconfig in a real terminal.
# shellcheck disable=SC2030,SC2031,SC2154  # bats' run sets status and output, the helper the rest

load ../hang
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

teardown() {
	tmux -L "kconfig-$$" kill-server 2>/dev/null || :
}

target() {
	run "$kconfig" run "$@" --tree "$tree" --build obj --configs configs
	printf '%s\n' "$output"
}

# screen TEXT: wait until the terminal shows TEXT.
screen() {
	local end=$((SECONDS + HANG))
	until tmux -L "kconfig-$$" capture-pane -p -t t | grep -qF -- "$1"; do
		((SECONDS < end)) || {
			tmux -L "kconfig-$$" capture-pane -p -t t
			return 1
		}
		sleep 0.1
	done
}

keys() {
	tmux -L "kconfig-$$" send-keys -t t "$@"
}

@test "menuconfig in a terminal: a symbol toggled and saved is in local.config" {
	tmux -L "kconfig-$$" -f /dev/null new-session -d -s t -x 100 -y 40 \
		"TERM=xterm $kconfig run menuconfig --tree $tree --build obj --configs configs 2> err; echo done \$? > rc"
	screen 'Networking  --->'
	keys / ; screen 'Search Configuration Parameter'
	keys BRIDGE Enter ; screen 'Symbol: BRIDGE'
	keys 1 ; screen '< >   Bridges'
	keys m ; screen '<M>   Bridges'
	keys Escape Escape
	screen 'Search Results'
	keys Escape Escape
	screen 'Networking  --->'
	keys Escape Escape
	screen 'Do you wish to save'
	keys Enter
	local end=$((SECONDS + HANG))
	until [ -s rc ]; do ((SECONDS < end)); sleep 0.1; done
	cat err
	[ "$(cat rc)" = 'done 0' ]
	[ "$(head -n 1 configs/local.config)" = '# x86_64' ]
	[ "$(grep -c '^CONFIG_' configs/local.config)" -eq 1 ]
	grep -qx 'CONFIG_BRIDGE=m' configs/local.config
	# The next merge uses it.
	"$kconfig" merge --tree "$tree" --build obj2 --configs configs --config lean
	grep -qx 'CONFIG_BRIDGE=m' obj2/.config
}

@test "menuconfig without ncurses names the package" {
	mkdir include bin
	for f in /usr/include/*; do
		case $f in */*curses*) ;; *) ln -s "$f" include/ ;; esac
	done
	printf '#!/bin/sh\nexec gcc -nostdinc -isystem %s "$@"\n' "$PWD/include" > bin/cc
	chmod +x bin/cc
	HOSTCC=$PWD/bin/cc target menuconfig
	[ "$status" -eq 1 ]
	[[ $output == *'menuconfig needs the ncurses headers'* ]]
	[[ $output == *'ncurses-devel (dnf/yum) or libncurses-dev (apt)'* ]]
}

@test "allmodconfig: changed symbols only, comments stay, KVM stays" {
	printf '# mine\nCONFIG_SLOTS=16\n# why\nCONFIG_BRIDGE=y # optional\n# end\n' > configs/local.config
	"$kconfig" merge --tree "$tree" --build obj --configs configs --config lean
	target allmodconfig
	[ "$status" -eq 0 ]
	cat configs/local.config
	[ "$(sed -n '1,5p' configs/local.config | grep -c '^# [mwe]')" -eq 3 ]
	grep -qx 'CONFIG_BRIDGE=m # optional' configs/local.config
	grep -qx 'CONFIG_EXPERT=y' configs/local.config
	[ "$(grep -c 'CONFIG_NET=\|CONFIG_TUN' configs/local.config)" -eq 0 ]
	grep -qx 'CONFIG_KVM=m' obj/.config
	run "$kconfig" merge --tree "$tree" --build obj --configs configs --config lean
	[ "$status" -eq 0 ]
}

@test "every derived target leaves kvm-host and kvm-guest alone" {
	for t in allnoconfig defconfig alldefconfig tinyconfig; do
		rm -f configs/local.config
		"$kconfig" merge --tree "$tree" --build obj --configs configs --config lean
		target "$t"
		[ "$status" -eq 0 ]
		[[ $t == *defconfig ]] || [[ $output == *'VHOST_NET: wanted m, got n'* ]]
		grep -qx 'CONFIG_KVM=m' obj/.config
		grep -qx 'CONFIG_KVM_INTEL=m' obj/.config
		grep -qE '^# CONFIG_NET is not set|^# CONFIG_TUN is not set' configs/local.config
	done
}

@test "allyesconfig, mod2yesconfig, yes2modconfig and randconfig do so too" {
	for t in allyesconfig mod2yesconfig yes2modconfig randconfig; do
		rm -f configs/local.config
		"$kconfig" merge --tree "$tree" --build obj --configs configs --config lean
		target "$t"
		[ "$status" -eq 0 ]
		grep -qx 'CONFIG_KVM=m' obj/.config
		case $t in
		allyesconfig) grep -qx 'CONFIG_BRIDGE=y' configs/local.config ;;
		mod2yesconfig) grep -qx 'CONFIG_TUN=y' configs/local.config ;;
		yes2modconfig) [[ $output == *'nothing changed'* ]] ;;
		randconfig) [[ $output == *'KCONFIG_SEED=0x'*'the same seed gives the same config'* ]] ;;
		esac
	done
	KCONFIG_SEED=0x1234 target randconfig
	[[ $status -eq 0 && $output == *'KCONFIG_SEED=0x1234:'* ]]
}

@test "config asks for everything, in a terminal or from a pipe" {
	run bash -c 'yes "" | "$@"' - "$kconfig" run config --tree "$tree" --build obj --configs configs
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'Bridges (BRIDGE)'* ]]
	cp obj/.config before
	run "$kconfig" run config --tree "$tree" --build obj --configs configs < /dev/null
	printf '%s\n' "$output"
	[ "$status" -eq 0 ] || [[ $output == *'run it in a terminal'* ]]
	cmp obj/.config before
}

@test "old targets: the replacement is named before anything else is checked" {
	run "$kconfig" run silentoldconfig
	[ "$status" -eq 2 ]
	[[ $output == *'syncconfig since 4.18'*olddefconfig*oldconfig* ]]
	run "$kconfig" run oldnoconfig
	[ "$status" -eq 2 ]
	[[ $output == *olddefconfig* ]]
	run "$kconfig" run syncconfig
	[ "$status" -eq 2 ]
	run make -C "$top" --no-print-directory silentoldconfig
	[ "$status" -ne 0 ]
	[[ $output == *'syncconfig since 4.18'* ]]
}

@test "the Makefile has every target, and nothing in it is unknown here" {
	local t targets seen=
	read -r -d '' -a targets < <(sed -n '/^config_targets :=/,/[^\\]$/p' "$top/Makefile" | sed 's/.*:=//; s/\\$//') || :
	[ "${#targets[@]}" -gt 0 ]
	for t in "${targets[@]}"; do
		run "$kconfig" run "$t"
		[[ $output == *'--tree DIR and --build OBJ are needed'* ]] || { echo "$t: $output"; return 1; }
		seen+=" $t"
	done
	for t in config menuconfig nconfig xconfig gconfig oldconfig olddefconfig defconfig alldefconfig \
		allnoconfig allyesconfig allmodconfig tinyconfig randconfig localmodconfig localyesconfig \
		yes2modconfig mod2yesconfig mod2noconfig savedefconfig listnewconfig; do
		[[ "$seen " == *" $t "* ]] || { echo "$t: not in the Makefile"; return 1; }
	done
}

@test "olddefconfig of a complete config changes nothing" {
	target olddefconfig
	[ "$status" -eq 0 ]
	[[ $output == *'nothing changed'* ]]
	[ ! -e configs/local.config ]
}

@test "oldconfig asks for what is new, and keeps the answer" {
	sed -i /CONFIG_BRIDGE/d obj/.config
	run bash -c 'printf "m\n" | "$@"' - "$kconfig" run oldconfig --tree "$tree" --build obj --configs configs
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_BRIDGE=m' configs/local.config
}

@test "savedefconfig and listnewconfig" {
	target savedefconfig
	[ "$status" -eq 0 ]
	grep -qx 'CONFIG_KVM=m' obj/defconfig
	[ "$(grep -c 'HAVE_IRQFD' obj/defconfig)" -eq 0 ]
	sed '/BRIDGE/d' obj/.config > base
	cp obj/.config before
	target listnewconfig --base-config base
	[ "$status" -eq 0 ]
	[[ $output == *CONFIG_BRIDGE=n* ]]
	cmp obj/.config before
}

@test "localmodconfig: lsmod files that are none, missing, empty" {
	target localmodconfig
	[ "$status" -eq 2 ]
	target localmodconfig --lsmod absent
	[ "$status" -eq 1 ]
	[[ $output == *'absent: not a readable file'* ]]
	printf 'MemTotal: 1 kB\n' > no
	cp obj/.config before
	target localmodconfig --lsmod no
	[ "$status" -eq 1 ]
	[[ $output == *'no:1: not a line of lsmod'* ]]
	printf 'Module Size Used by\n' > empty
	target localmodconfig --lsmod empty
	[ "$status" -eq 1 ]
	[[ $output == *'no module in it'* ]]
	cmp obj/.config before
	[ ! -e configs/local.config ]
}

@test "an unknown target" {
	target xconfig2
	[ "$status" -eq 2 ]
}

# A checkout whose %prep (a stub of rpmbuild) takes the mini tree.
checkout() {
	mkdir -p co/SOURCES co/vmm bin
	cp -r "$top/tools" "$top/kernel-kvm.spec" co/
	cp -r configs co/configs
	touch co/SOURCES/base.inc co/SOURCES/40000-x.patch
	cat > bin/rpmbuild <<-END
		#!/bin/bash
		echo "\$*" >> "$PWD/rpmbuild.calls"
		[ ! -e "$PWD/stop" ] || exit 1
		for a; do case \$a in _builddir\ *) dir=\${a#_builddir } ;; esac; done
		mkdir -p "\$dir/kernel-kvm-1/linux-1.base"
		cp -a "$mini_tree" "\$dir/kernel-kvm-1/linux-1"
		printf 'CONFIG_NET=y\nCONFIG_LABEL="distro"\n' > "\$dir/kernel-kvm-1/linux-1.base/config"
	END
	chmod +x bin/rpmbuild
	PATH=$PWD/bin:$PATH
}

@test "prepare-tree: a fragment, CONFIG or local.config changed: no %prep, but the config of today" {
	checkout
	tree=$(co/tools/prepare-tree)
	grep -qx 'CONFIG_SLOTS=16' "$tree/obj/.config"
	grep -qx '# CONFIG_BRIDGE is not set' "$tree/obj/.config"
	sed -i s/SLOTS=16/SLOTS=17/ co/configs/lean-x86_64.config
	[ "$(co/tools/prepare-tree --config full)" = "$tree" ]
	grep -qx 'CONFIG_SLOTS=17' "$tree/obj/.config"
	grep -qx 'CONFIG_BRIDGE=m' "$tree/obj/.config"
	co/tools/prepare-tree --config distro
	grep -qx 'CONFIG_LABEL="distro"' "$tree/obj/.config"
	echo 'CONFIG_BASE=0x20' > co/configs/site.config
	co/tools/prepare-tree --fragment site
	grep -qx 'CONFIG_BASE=0x20' "$tree/obj/.config"
	grep -qx 'CONFIG_LABEL="none"' "$tree/obj/.config"
	co/tools/prepare-tree --run allmodconfig
	grep -qx 'CONFIG_EXPERT=y' co/configs/local.config
	# Removed by hand, it is gone from the tree, too.
	rm co/configs/local.config
	co/tools/prepare-tree
	grep -qx '# CONFIG_EXPERT is not set' "$tree/obj/.config"
	[ "$(wc -l < rpmbuild.calls)" -eq 1 ]
	# A changed patch runs %prep.
	echo more > co/SOURCES/40000-x.patch
	: > stop
	run co/tools/prepare-tree
	[ "$status" -eq 1 ]
	[ "$(wc -l < rpmbuild.calls)" -eq 2 ]
}

@test "prepare-tree: a change to what %prep runs rebuilds the tree, a change to other tools does not" {
	local f calls=1
	checkout
	co/tools/prepare-tree
	for f in tools/machine/boot tools/rpm tools/spec/profiles/README.md; do echo '# changed' >> "co/$f"; done
	co/tools/prepare-tree
	[ "$(wc -l < rpmbuild.calls)" -eq 1 ]
	for f in tools/spec/patch.d/series.sh tools/spec/patch.d/nearest.awk tools/spec/kernelrelease tools/spec/lib.sh; do
		echo '# changed' >> "co/$f"
		co/tools/prepare-tree
		calls=$((calls + 1))
		[ "$(wc -l < rpmbuild.calls)" -eq "$calls" ] || { echo "$f"; false; }
		# %prep unpacks exactly what was hashed.
		tar -xOzf co/SOURCES/kernel-kvm-tools.tar.gz "$f" | cmp - "co/$f"
	done
}
