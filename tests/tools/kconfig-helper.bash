# shellcheck shell=bash
# kconfig-helper.bash - kernel trees for the tests of tools/kconfig: the real
# makefiles and scripts/kconfig of a distribution's tree, with its own Kconfig
# or with a small one.

top=$(realpath "$BATS_TEST_DIRNAME/../..")
# shellcheck disable=SC2034  # the tests use it
kconfig=$top/tools/kconfig
# Every warning of the program against the tree's headers counts.
export EXPLAIN_CFLAGS=-Werror

# real_tree VERSION: everything that Kconfig reads of linux-source-VERSION,
# unpacked once into build/cache; prints where.
real_tree() {
	local dir=$top/build/cache/kconfig-tree-$1 tar=/usr/src/linux-source-$1.tar.xz tmp
	if [[ ! -d $dir || $tar -nt $dir ]]; then
		[[ -f $tar ]] || return 1
		mkdir -p "$top/build/cache"
		tmp=$(mktemp -d "$dir.XXXXXX")
		tar -xJf "$tar" -C "$tmp" --strip-components=1 --wildcards --wildcards-match-slash \
			'*/Makefile' '*/Makefile.*' '*/Kconfig*' '*/scripts/*' '*/kernel/configs/*' \
			'*/arch/x86/configs/*' '*/Kbuild' '*/init/*.c'
		touch "$tmp"
		rm -rf "$dir"
		mv "$tmp" "$dir"
	fi
	printf '%s\n' "$dir"
}

# mini_tree VERSION DIR: makefiles and scripts of the real tree, a Kconfig of
# a few symbols.
mini_tree() {
	local real
	real=$(real_tree "$1") || return 1
	mkdir -p "$2/arch/x86"
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
	select EVENTFD
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
endmenu
END
}

# fragments DIR: the fragments of a small lean config that the mini tree holds.
fragments() {
	mkdir -p "$1"
	printf '# x86_64\nCONFIG_NET=y\nCONFIG_TUN=m\nCONFIG_SLOTS=16\n' > "$1/lean-x86_64.config"
	printf 'CONFIG_KVM=m\nCONFIG_KVM_INTEL=m\nCONFIG_VHOST_NET=m\n' > "$1/kvm-host.config"
	printf 'CONFIG_EVENTFD=y\nCONFIG_MODULES=y\n' > "$1/kvm-guest.config"
	printf 'CONFIG_BRIDGE=m\n' > "$1/storage-net.config"
}
