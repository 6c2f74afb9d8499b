# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154  # tools/spec/kconfig sets configs, kconfig_d, objdir, tmp, tree and the option lists
# local.sh - the kernel's own config targets, and what they change, kept as
# configs/local.config (sourced by tools/spec/kconfig).

readonly by_hand='config menuconfig nconfig xconfig gconfig oldconfig'
readonly by_rule='olddefconfig defconfig alldefconfig allnoconfig allyesconfig allmodconfig tinyconfig randconfig yes2modconfig mod2yesconfig mod2noconfig'
readonly by_lsmod='localmodconfig localyesconfig'
readonly by_asking='savedefconfig listnewconfig'

# is_one_of WORD LIST
is_one_of() {
	[[ " $2 " == *" $1 "* ]]
}

# check_target TARGET: before anything is looked at.
check_target() {
	case $1 in
	silentoldconfig)
		usage_error "silentoldconfig is syncconfig since 4.18, and the build runs that by itself; for today's tree with yesterday's config take olddefconfig (new symbols get their defaults) or oldconfig (it asks)" ;;
	syncconfig) usage_error "syncconfig: the build runs it by itself; take olddefconfig or oldconfig" ;;
	oldnoconfig) usage_error "oldnoconfig is olddefconfig today" ;;
	esac
	is_one_of "$1" "$by_hand $by_rule $by_lsmod $by_asking" ||
		usage_error "$1: not a config target ($by_hand $by_rule $by_lsmod $by_asking)"
	((${#lsmods[@]} == 0)) || is_one_of "$1" "$by_lsmod" || usage_error "--lsmod is for $by_lsmod"
}

# run_target TARGET: on OBJ/.config, which merge made.
run_target() {
	local target=$1
	case $target in
	menuconfig | nconfig) need_ncurses "$target"; interactive "$target" ;;
	xconfig | gconfig) need_toolkit "$target"; need_display "$target"; interactive "$target" ;;
	config | oldconfig) interactive "$target" ;;
	localmodconfig | localyesconfig) unite_lsmods "$target"; derived "$target" LSMOD="$tmp/lsmod" ;;
	savedefconfig)
		quiet_kmake "$tmp/log" savedefconfig
		info "$objdir/defconfig: the symbols that differ from their defaults" ;;
	listnewconfig) list_new ;;
	*) derived "$target" ;;
	esac
}

# need_ncurses TARGET: the kernel's own words for it differ by version and do
# not name the package of this system.
need_ncurses() {
	printf '#include <ncurses.h>\n' | "${HOSTCC:-gcc}" -E -x c - > /dev/null 2>&1 ||
		die "$1 needs the ncurses headers (ncurses.h), which are not here" \
			"install ncurses-devel (dnf/yum) or libncurses-dev (apt)"
}

# need_toolkit TARGET: Qt for xconfig, GTK for gconfig, in a version that the
# tree's own script looks for. Trees without such a script (3.10) say it themselves.
need_toolkit() {
	local script=$tree/scripts/kconfig/qconf-cfg.sh modules module packages=()
	[[ $1 == xconfig ]] || script=$tree/scripts/kconfig/gconf-cfg.sh
	[[ -f $script ]] || return 0
	need_cmd "${HOSTPKG_CONFIG:-pkg-config}" pkgconf-pkg-config pkg-config
	modules=$(grep -oE 'Qt[56]Core|gtk\+-[23]\.0|libglade-2\.0' "$script" | sort -ru)
	if [[ $1 == xconfig ]]; then
		for module in $modules; do
			! "${HOSTPKG_CONFIG:-pkg-config}" --exists "$module" || return 0
		done
	elif [[ -n $modules ]]; then
		# shellcheck disable=SC2086  # words by intent: all of them
		! "${HOSTPKG_CONFIG:-pkg-config}" --exists $modules || return 0
	fi
	for module in $modules; do
		case $module in
		Qt6Core) packages+=("qt6-qtbase-devel (dnf/yum) or qt6-base-dev (apt)") ;;
		Qt5Core) packages+=("qt5-qtbase-devel (dnf/yum) or qtbase5-dev (apt)") ;;
		gtk+-3.0) packages+=("gtk3-devel (dnf/yum) or libgtk-3-dev (apt)") ;;
		gtk+-2.0) packages+=("gtk2-devel (dnf/yum) or libgtk2.0-dev (apt)") ;;
		libglade-2.0) packages+=("libglade2-devel (dnf/yum) or libglade2-dev (apt)") ;;
		esac
	done
	die "$1 of this kernel needs $(tr '\n' ' ' <<< "$modules")and pkg-config finds none that will do" \
		"install $([[ $1 == gconfig ]] || echo 'one of: ')$(printf '%s; ' ${packages[@]+"${packages[@]}"})or take menuconfig"
}

# need_display TARGET
need_display() {
	[[ -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]] ||
		die "$1 opens a window, and neither DISPLAY nor WAYLAND_DISPLAY is set" \
			"run it in a desktop session or over ssh -X; menuconfig needs a terminal only"
}

# interactive TARGET: a person changes the config, and every change is intended.
interactive() {
	cp -- "$objdir/.config" "$tmp/old"
	kmake "$1" || {
		cp -- "$tmp/old" "$objdir/.config"
		die "$1 failed: the configuration is as it was" \
			"$(is_one_of "$1" 'config oldconfig' && echo "it asks on standard input: run it in a terminal")"
	}
	keep_changes
}

# derived TARGET [VARIABLE=VALUE]: a target that knows nothing of KVM; put the
# settings of kvm-host and kvm-guest back on top of its result.
derived() {
	cp -- "$objdir/.config" "$tmp/old"
	# A target that fails half way must not leave its half.
	if ! (quiet_kmake "$tmp/log" "${@:2}" "$1"); then
		cp -- "$tmp/old" "$objdir/.config"
		die "$1 failed: the configuration is as it was"
	fi
	[[ $1 != randconfig ]] || info "$(grep -m1 -o 'KCONFIG_SEED=.*' "$tmp/log"): the same seed gives the same config"
	kvm_settings > "$tmp/all"
	settings_of_tree "$tmp/all" > "$tmp/mine"
	unite_settings "$tmp/mine" > "$tmp/kvm"
	cp -- "$objdir/.config" "$tmp/new"
	settings_on_base "$tmp/new" "$tmp/kvm" > "$objdir/.config"
	quiet_kmake "$tmp/log" olddefconfig
	explain check "$objdir/.config" "$tmp/kvm" > "$tmp/report" || {
		warn "$1 conflicts with what kvm-host and kvm-guest require:"
		cat -- "$tmp/report" >&2
	}
	keep_changes
}

# kvm_settings: what kvm-host and kvm-guest require.
kvm_settings() {
	local f
	while read -r f; do
		read_fragment "$f" "$rank_fragment"
	done < <(fragment_files distro)
}

# unite_lsmods TARGET: all --lsmod files as one, each module once.
unite_lsmods() {
	local f
	((${#lsmods[@]})) || usage_error "$1 needs --lsmod FILE: the saved output of lsmod of a machine"
	for f in "${lsmods[@]}"; do
		[[ -f $f && -r $f ]] || die "$f: not a readable file" "expected the saved output of lsmod"
		awk -v file="$f" '
			NR == 1 && $1 == "Module" && $2 == "Size" { next }
			NF >= 3 && $1 ~ /^[A-Za-z0-9_-]+$/ && $2 ~ /^[0-9]+$/ && $3 ~ /^-?[0-9]+$/ { n++; print; next }
			{
				printf "kconfig: error: %s:%d: not a line of lsmod: %s\n", file, NR, substr($0, 1, 60) > "/dev/stderr"
				print "    expected: name, size, use count; save it with: lsmod > FILE" > "/dev/stderr"
				bad = 1; exit 1
			}
			END {
				if (!bad && !n) {
					printf "kconfig: error: %s: no module in it\n    save it with: lsmod > FILE\n", file > "/dev/stderr"
					exit 1
				}
			}' "$f" || exit 1
	done | awk 'BEGIN { print "Module Size Used by" } !seen[$1]++' > "$tmp/lsmod" || exit 1
	info "$(($(wc -l < "$tmp/lsmod") - 1)) modules of ${#lsmods[@]} machine(s)"
}

# list_new: the symbols that the base config, or OBJ/.config, does not set.
list_new() {
	cp -- "$objdir/.config" "$tmp/old"
	if [[ -n $base_config ]]; then
		need_base_config listnewconfig
		cp -- "$base_config" "$objdir/.config"
	fi
	(quiet_kmake "$tmp/new" -s listnewconfig) || {
		cp -- "$tmp/old" "$objdir/.config"
		exit 1
	}
	cp -- "$tmp/old" "$objdir/.config"
	grep -E '^(# )?CONFIG_' "$tmp/new" || info "nothing is new"
}

# keep_changes: write what differs from the previous config into local.config. A
# changed setting replaces its line; other lines and every comment stay; new
# settings come at the end.
keep_changes() {
	local file=$configs/local.config n
	[[ -f $objdir/.required ]] || : > "$objdir/.required"
	explain changed "$tmp/old" "$objdir/.config" "$objdir/.required" > "$tmp/changed"
	if [[ ! -s $tmp/changed ]]; then
		info "nothing changed"
		return
	fi
	[[ -e $file ]] || cat > "$tmp/local" <<-'END'
		# x86_64
		#
		# local: this site's own settings. Every merge uses them, and they win over
		# the other fragments. tools/spec/kconfig run adds to them; comments stay.

	END
	[[ ! -e $file ]] || cp -- "$file" "$tmp/local"
	awk -f "$kconfig_d/local.awk" "$tmp/changed" "$tmp/local" > "$tmp/local.new"
	check_reproduces
	cp -- "$tmp/local.new" "$file.new"
	mv -- "$file.new" "$file"
	n=$(wc -l < "$tmp/changed")
	info "$file: $n setting(s) kept:"
	sed 's/^/    /' "$tmp/changed" >&2
}

# check_reproduces: the old config with the changes on top, completed by the
# tree, should be the new one; warn about the differences.
check_reproduces() {
	local left
	cp -- "$objdir/.config" "$tmp/new"
	awk -v file=changed -v rank=1 -f "$kconfig_d/fragment.awk" "$tmp/changed" > "$tmp/changed.settings"
	settings_on_base "$tmp/old" "$tmp/changed.settings" > "$objdir/.config"
	quiet_kmake "$tmp/log" olddefconfig
	left=$(explain diff "$objdir/.config" "$tmp/new" | grep -c '^    CONFIG_' || :)
	((left == 0)) || {
		warn "$left symbol(s) come out differently when the change is made again:"
		explain diff "$objdir/.config" "$tmp/new" | grep '^    CONFIG_' >&2
	}
	cp -- "$tmp/new" "$objdir/.config"
}
