# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154  # tools/spec/kconfig sets configs, kconfig_d, objdir, tmp, tree and the option lists
# tree.sh - calling a kernel tree's own Kconfig (sourced by tools/spec/kconfig).

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

# The program of explain/, compiled against the tree's scripts/kconfig and
# linked with the objects that its conf is made of. It and the environment that
# the tree's Makefile gives to conf are kept in OBJ/.kconfig, so that a later
# check takes a fraction of a second.

# conf_objects: the objects of the tree's conf program but its main, absolute.
conf_objects() {
	local cmd=$objdir/scripts/kconfig/.conf.cmd
	[[ -f $cmd ]] || die "$cmd: not found" "the tree's make did not build scripts/kconfig/conf"
	sed -n '1s/.*:= //p' "$cmd" | tr ' ' '\n' | grep '\.o$' | grep -v '/conf\.o$' |
		sed "s|^scripts/kconfig/|$objdir/&|"
}

# layout_flags: what explain.h must know about the tree's expr.h.
layout_flags() {
	local h=$tree/scripts/kconfig/expr.h
	! grep -qE 'const char \*filename;' "$h" || echo -DKC_FILENAME
	! grep -qw P_IMPLY "$h" || echo -DKC_IMPLY
	! grep -qw E_LTH "$h" || echo -DKC_COMPARE
}

# save_conf_environment: what the tree's Makefile exports to conf, by a target
# of ours in its own makefiles. A clean environment: it is kept in a file.
save_conf_environment() {
	env -i PATH="$PATH" HOME=/ LC_ALL=C MAKEFILES="$kconfig_d/environment.mk" \
		make --no-print-directory -s -C "$tree" O="$objdir" ARCH=x86_64 \
		kvmenvironmentconfig > "$tmp/env.log" 2>&1 < /dev/null || {
		tail -n 20 -- "$tmp/env.log" >&2
		die "$tree: its scripts/kconfig does not build (the last lines of make are above)" \
			"tools/build-deps says what is missing"
	}
	[[ -s $objdir/.kconfig/environment ]] ||
		die "$tree: make left no $objdir/.kconfig/environment"
}

# compile_explain: OBJ/.kconfig/explain, unless it is newer than all it is made of.
compile_explain() {
	local exe=$objdir/.kconfig/explain objects=() flags=() f newest=
	mapfile -t objects < <(conf_objects)
	((${#objects[@]})) || die "$objdir/scripts/kconfig/.conf.cmd: no objects in it" \
		"this layout of scripts/kconfig is not known"
	for f in "${objects[@]}" "$kconfig_d"/explain/*.[ch]; do
		[[ ! -e $exe || $f -nt $exe ]] && newest=$f
	done
	[[ -n $newest ]] || return 0
	mapfile -t flags < <(layout_flags)
	# shellcheck disable=SC2086  # flags, words by intent
	"${HOSTCC:-gcc}" -std=gnu11 -O1 -D_GNU_SOURCE -Wall -Wextra ${EXPLAIN_CFLAGS:-} "${flags[@]}" \
		-isystem "$tree/scripts/include" -isystem "$tree/scripts/kconfig" \
		-o "$exe.new" "$kconfig_d"/explain/*.c "${objects[@]}" > "$tmp/cc.log" 2>&1 || {
		head -n 20 -- "$tmp/cc.log" >&2
		die "$tree: the program that explains its Kconfig does not compile (the compiler's messages are above)" \
			"is this a layout of scripts/kconfig newer than 7.3? see tools/spec/kconfig.d/explain/explain.h"
	}
	mv -- "$exe.new" "$exe"
}

# explain ARG...: run it as the tree's make would run conf.
explain() {
	local vars=()
	if [[ ! -s $objdir/.kconfig/environment || ! -f $objdir/scripts/kconfig/.conf.cmd ]]; then
		mkdir -p -- "$objdir/.kconfig"
		save_conf_environment
	fi
	compile_explain
	mapfile -d '' -t vars < "$objdir/.kconfig/environment"
	(cd -- "$objdir" && env -i "${vars[@]}" "$objdir/.kconfig/explain" "$@")
}
