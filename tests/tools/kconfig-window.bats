#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/spec/kconfig run xconfig, gconfig: the kernel's own windows on a virtual display,
# driven by the keyboard.
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
	unset DISPLAY WAYLAND_DISPLAY
	x=0
	export XDG_RUNTIME_DIR=$PWD HOME=$PWD
}

teardown() {
	local pid
	for pid in ${kconfig_pid:-} ${xvfb_pid:-}; do
		kill "$pid" 2>/dev/null && wait "$pid" || :
	done
}

# within SECONDS COMMAND...: repeat COMMAND until it succeeds, at most so long.
within() {
	local end=$((SECONDS + $1))
	until "${@:2}" 2> /dev/null; do
		((SECONDS < end)) || { echo "not within $1 s: ${*:2}"; return 1; }
		sleep 0.2
	done
}

# display: start one; its number is DISPLAY.
display() {
	command -v Xvfb > /dev/null && command -v xdotool > /dev/null ||
		skip "no Xvfb and xdotool here: tools/build-deps --for check --install"
	Xvfb -displayfd 3 -screen 0 1000x700x24 -nolisten tcp 3> number > xvfb.log 2>&1 &
	xvfb_pid=$!
	within "$HANG" test -s number || { cat xvfb.log; return 1; }
	DISPLAY=:$(cat number)
	export DISPLAY
}

# window: wait for the program's window to accept keys.
window() {
	id=$(xdotool search --onlyvisible --name '^Mini$' | head -n 1) && [[ -n $id ]] && xdotool windowfocus "$id"
}

# expert: choose the second line of the list, type y, save. A window that is not ready
# yet may miss some of this, so it is repeated; no key undoes anything. The click is on
# the text of one of the first lines, each time at another place, so that two clicks
# are no double click.
expert() {
	x=$((x == 100 ? 120 : 100))
	xdotool mousemove "$x" 115 click 1 key --delay 50 Escape Home Down y ctrl+s
	grep -qx CONFIG_EXPERT=y obj/.config
}

gone() {
	xdotool key ctrl+q
	! kill -0 "$kconfig_pid"
}

# expert_in TARGET: run it, set EXPERT, save, quit.
expert_in() {
	"$kconfig" run "$1" --tree "$tree" --build obj --configs configs > log 2>&1 3>&- &
	kconfig_pid=$!
	within "$HANG" window || { cat log; return 1; }
	within "$HANG" expert || { cat log; return 1; }
	within "$HANG" gone || { cat log; return 1; }
	wait "$kconfig_pid"
	grep -qx CONFIG_EXPERT=y configs/local.config
	[ "$(grep -c '^CONFIG_' configs/local.config)" -eq 1 ]
}

@test "xconfig: a symbol set in its window is in local.config" {
	display
	pkg-config --exists Qt5Core || pkg-config --exists Qt6Core ||
		skip "no Qt to compile it with here: tools/build-deps --for check --install"
	expert_in xconfig
}

@test "gconfig: a symbol set in its window is in local.config" {
	display
	local modules
	# Which GTK it is, the tree says.
	modules=$(grep -oE 'gtk\+-[23]\.0|libglade-2\.0' "$tree/scripts/kconfig/gconf-cfg.sh" | sort -u)
	# shellcheck disable=SC2086  # words by intent
	pkg-config --exists $modules ||
		skip "${modules//$'\n'/, } to compile it with are not here: tools/build-deps --for check --install"
	expert_in gconfig
}

# A pkg-config that knows nothing.
ignorant() {
	mkdir bin
	printf '#!/bin/sh\nexit 1\n' > bin/pkg-config
	chmod +x bin/pkg-config
	PATH=$PWD/bin:$PATH
}

refuses() {
	printf '%s\n' "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"$1"* ]]
}

@test "without a toolkit: the packages, and nothing changed" {
	ignorant
	cp obj/.config before
	DISPLAY=:9 run "$kconfig" run xconfig --tree "$tree" --build obj --configs configs
	refuses 'qtbase5-dev (apt)'
	DISPLAY=:9 run "$kconfig" run gconfig --tree "$tree" --build obj --configs configs
	refuses 'gconfig of this kernel needs'
	cmp before obj/.config
}

@test "without a display" {
	mkdir bin
	printf '#!/bin/sh\nexit 0\n' > bin/pkg-config
	chmod +x bin/pkg-config
	PATH=$PWD/bin:$PATH run "$kconfig" run xconfig --tree "$tree" --build obj --configs configs
	refuses 'neither DISPLAY nor WAYLAND_DISPLAY is set'
}

@test "the message names the toolkit that the tree needs" {
	ignorant
	cp -a "$tree" new
	echo 'PKG=gtk+-3.0' > new/scripts/kconfig/gconf-cfg.sh
	printf 'PKG5="Qt5Core Qt5Gui"\nPKG6="Qt6Core Qt6Gui"\n' > new/scripts/kconfig/qconf-cfg.sh
	DISPLAY=:9 run "$kconfig" run gconfig --tree new --build obj --configs configs
	refuses 'gtk3-devel (dnf/yum) or libgtk-3-dev (apt)'
	[[ $output != *glade* ]]
	echo 'PKG="gtk+-2.0 gmodule-2.0 libglade-2.0"' > new/scripts/kconfig/gconf-cfg.sh
	DISPLAY=:9 run "$kconfig" run gconfig --tree new --build obj --configs configs
	refuses 'gtk2-devel (dnf/yum) or libgtk2.0-dev (apt)'
	[[ $output == *'libglade2-devel (dnf/yum) or libglade2-dev (apt)'* ]]
	DISPLAY=:9 run "$kconfig" run xconfig --tree new --build obj --configs configs
	refuses 'one of: qt6-qtbase-devel (dnf/yum) or qt6-base-dev (apt); qt5-qtbase-devel'
}
