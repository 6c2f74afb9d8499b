# shellcheck shell=bash
# tree.sh - calling a kernel tree's own Kconfig (sourced by tools/kconfig).

# check_tree TREE: it must be a kernel tree.
check_tree() {
	[[ -f $1/Makefile && -f $1/Kconfig && -d $1/scripts/kconfig ]] ||
		die "$1: not a kernel tree (Makefile, Kconfig and scripts/kconfig expected)" \
			"--tree names the directory that base-srpm tree made"
}

# kmake ARG...: the tree's make in the build directory, free of what the
# caller's environment would change.
kmake() {
	env -u ARCH -u SRCARCH -u CROSS_COMPILE -u KBUILD_OUTPUT -u KBUILD_KCONFIG -u KBUILD_DEFCONFIG \
		-u KCONFIG_CONFIG -u KCONFIG_ALLCONFIG -u KCONFIG_OVERWRITECONFIG -u LSMOD -u LMC_KEEP \
		-u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEFILES \
		make --no-print-directory -C "$tree" O="$objdir" ARCH=x86_64 "$@"
}

# quiet_kmake LOG ARG...: kmake with its output in LOG, shown if it fails.
quiet_kmake() {
	local log=$1
	shift
	kmake "$@" > "$log" 2>&1 < /dev/null || {
		tail -n 20 -- "$log" >&2
		die "$tree: make $* failed (the last lines of its output are above)"
	}
}
