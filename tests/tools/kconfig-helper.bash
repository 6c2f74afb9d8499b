# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# kconfig-helper.bash - kernel trees for the tests of tools/spec/kconfig: the real
# makefiles and scripts/kconfig of a distribution's tree, with its own Kconfig
# or with a small one.

top=$(realpath "$BATS_TEST_DIRNAME/../..")
# shellcheck disable=SC2034  # the tests use it
kconfig=$top/tools/spec/kconfig
# Every warning of the program against the tree's headers counts.
export EXPLAIN_CFLAGS=-Werror

# Where the distribution's kernels are looked for, laid out as its packages do.
# KCONFIG_SOURCES="DIR.." names more: the roots of unpacked linux-source and
# linux-config packages of other suites.
sources=(/usr/src)
read -r -a more <<< "${KCONFIG_SOURCES:-}"
sources+=(${more[@]+"${more[@]}"})

# source_of VERSION: the tarball of linux-source-VERSION.
source_of() {
	local dir
	for dir in "${sources[@]}"; do
		[[ ! -f $dir/linux-source-$1.tar.xz ]] || { printf '%s\n' "$dir/linux-source-$1.tar.xz"; return; }
	done
	return 1
}

# base_of VERSION: the distribution's own config of it.
base_of() {
	local dir
	for dir in "${sources[@]}"; do
		[[ ! -f $dir/linux-config-$1/config.amd64_none_amd64.xz ]] ||
			{ printf '%s\n' "$dir/linux-config-$1/config.amd64_none_amd64.xz"; return; }
	done
	return 1
}

# versions: of the kernels that are here with source and config, oldest first.
versions() {
	local dir f v
	for dir in "${sources[@]}"; do
		for f in "$dir"/linux-source-*.tar.xz; do
			v=${f##*/linux-source-}
			v=${v%.tar.xz}
			[[ ! -f $f ]] || ! base_of "$v" > /dev/null || printf '%s\n' "$v"
		done
	done | sort -Vu
}

# real_tree VERSION: everything that Kconfig reads of linux-source-VERSION,
# unpacked once into build/cache; prints where.
real_tree() {
	local dir=$top/build/cache/kconfig-tree-$1 tar tmp
	tar=$(source_of "$1") || return 1
	if [[ ! -d $dir || $tar -nt $dir ]]; then
		mkdir -p "$top/build/cache"
		tmp=$(mktemp -d "$dir.XXXXXX")
		XZ_OPT=-T0 tar -xJf "$tar" -C "$tmp" --strip-components=1 --wildcards --wildcards-match-slash \
			'*/Makefile' '*/Makefile.*' '*/Kconfig*' '*/scripts/*' '*/kernel/configs/*' \
			'*/arch/x86/configs/*' '*/Kbuild' '*/init/*.c'
		touch "$tmp"
		rm -rf "$dir" "$dir.obj" "$top"/build/cache/kconfig-mini-*
		mv "$tmp" "$dir"
	fi
	printf '%s\n' "$dir"
}

# The key under which a build directory may be used again: this compiler, these rules.
# tools/spec/kconfig itself sees when it must recompile its program.
build_key() {
	{ "${HOSTCC:-gcc}" --version; cat "$top/tools/spec/kconfig.d/environment.mk" "$top/tests/tools/kconfig-helper.bash"; } |
		sha256sum | cut -c1-12
}

# real_build VERSION: the build directory of the real tree, kept beside it:
# scripts/kconfig is compiled once for all runs; prints where.
real_build() {
	local dir
	dir=$(real_tree "$1").obj
	if [[ $(cat "$dir/.key" 2>/dev/null) != "$(build_key)" ]]; then
		rm -rf "$dir"
		mkdir "$dir"
		build_key > "$dir/.key"
	fi
	printf '%s\n' "$dir"
}

# mini: makefiles and scripts of the oldest real tree here, a Kconfig of a few symbols, the
# fragments of a lean config that holds on it, and that config merged, in
# $BATS_FILE_TMPDIR/{configs,obj}; the tree in $mini_tree.
mini() {
	local cache real
	real=$(real_tree "$(versions | head -n 1)") || {
		echo "no linux-source and linux-config here: tools/build-deps --for check --install" >&2
		return 1
	}
	cache=$top/build/cache/kconfig-mini-$(build_key)
	mini_tree=$cache/tree
	fragments "$BATS_FILE_TMPDIR/configs"
	if [[ ! -d $cache ]]; then
		rm -rf "$top"/build/cache/kconfig-mini-*
		mini_files "$real" "$mini_tree"
	fi
	"$kconfig" merge --tree "$mini_tree" --build "$cache/obj" --configs "$BATS_FILE_TMPDIR/configs" --config lean || {
		rm -rf "$cache"
		return 1
	}
	cp -a "$cache/obj" "$BATS_FILE_TMPDIR/obj"
	export mini_tree
}

# mini_files REAL DIR: the files of the mini tree.
mini_files() {
	local real=$1
	mkdir -p "$2/arch/x86" "$2/kernel"
	cp -a "$real/kernel/configs" "$2/kernel/"
	cp -a "$real/Makefile" "$real/scripts" "$2/"
	cp -a "$real"/arch/x86/Makefile* "$2/arch/x86/"
	mkdir -p "$2/arch/x86/configs"
	printf 'CONFIG_NET=y\n# CONFIG_KVM is not set\n' > "$2/arch/x86/configs/x86_64_defconfig"
	cat > "$2/Kconfig" <<'END'
mainmenu "Mini"
config MODULES
	bool "Loadable modules"
	modules
	default y
config EXPERT
	bool "Expert"
config EVENTFD
	bool "Eventfd" if EXPERT
	default y
menu "Networking"
config NET
	bool "Networking support"
config TUN
	tristate "Taps"
	depends on NET
config BRIDGE
	tristate "Bridges"
	depends on NET
config SLOTS
	int "Slots"
	range 1 64
	default 8
config BASE
	hex "Base"
	default 0x10
config LABEL
	string "Label"
	default "none"
endmenu
menu "Virtualization"
config HAVE_IRQFD
	bool
	select EVENTFD if !LOOSE
config KVM
	tristate "KVM"
	select HAVE_IRQFD
config KVM_INTEL
	tristate "KVM for Intel"
	depends on KVM
config VHOST_NET
	tristate "vhost-net"
	depends on NET && EVENTFD && (TUN || !TUN)
choice
	prompt "Preemption"
	default PREEMPT_NONE
config PREEMPT_NONE
	bool "None"
config PREEMPT_FULL
	bool "Full"
endchoice
config LOOSE
	bool "KVM does without eventfd"
config DEBUG_INFO
	bool "Debug information"
config SYSTEM_TRUSTED_KEYS
	string "Additional certificates"
config MODULE_SIG_KEY
	string "Signing key"
	default "certs/signing_key.pem"
endmenu
END
}

# fragments DIR: write the fragments of a small lean config that holds on the mini tree.
fragments() {
	mkdir -p "$1"
	printf '# x86_64\nCONFIG_NET=y\nCONFIG_TUN=m\nCONFIG_SLOTS=16\n' > "$1/lean-x86_64.config"
	printf 'CONFIG_KVM=m\nCONFIG_KVM_INTEL=m\nCONFIG_VHOST_NET=m\n' > "$1/kvm-host.config"
	printf 'CONFIG_EVENTFD=y\nCONFIG_MODULES=y\n' > "$1/kvm-guest.config"
	printf 'CONFIG_BRIDGE=m\n' > "$1/storage-net.config"
	cp "$top/configs/nodebuginfo.config" "$1/"
}
