# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154  # tools/spec/kconfig sets base_config, objdir, tree
# base.sh - a distribution's config, and settings on top of it (sourced by
# tools/spec/kconfig).

need_base_config() {
	[[ -n $base_config ]] || usage_error "$1 needs --base-config FILE, the distribution's x86_64 config"
	[[ -f $base_config && -r $base_config ]] ||
		die "$base_config: not a readable file" "the base SRPM has no x86_64 config? CONFIG=lean needs none"
	grep -qE '^CONFIG_[A-Za-z0-9_]+=' -- "$base_config" ||
		die "$base_config: not a kernel config: no line CONFIG_...=" "xz -d it first if it is compressed"
	base_config=$(realpath -- "$base_config")
}

# base_without_lost_files CONFIG: print it without the certificates and keys that the
# distribution adds in its own build: the kernel's build would stop at a file that is
# neither in the tree nor in the build directory.
base_without_lost_files() {
	local line name file instead
	local pattern='^(CONFIG_(MODULE_SIG_KEY|SYSTEM_TRUSTED_KEYS|SYSTEM_REVOCATION_KEYS|SYSTEM_BLACKLIST_HASH_LIST))="(.+)"$'
	while IFS= read -r line; do
		if [[ $line =~ $pattern ]]; then
			name=${BASH_REMATCH[1]} file=${BASH_REMATCH[3]} instead=
			[[ $name != CONFIG_MODULE_SIG_KEY ]] || instead=certs/signing_key.pem
			if [[ $file != "$instead" && $file != pkcs11:* ]] && ! is_build_file "$file"; then
				info "$1: $line: no such file, set to \"$instead\""
				line="$name=\"$instead\""
			fi
		fi
		printf '%s\n' "$line"
	done < "$1"
}

# is_build_file FILE: would the kernel's build find it?
is_build_file() {
	case $1 in
	/*) [[ -f $1 ]] ;;
	*) [[ -f $objdir/$1 || -f $tree/$1 ]] ;;
	esac
}

# settings_to_config: settings on stdin as .config lines on stdout.
settings_to_config() {
	awk -F '\t' '$2 == "n" { print "# " $1 " is not set"; next } { sub(/\|y$/, "", $2); print $1 "=" $2 }'
}

# settings_on_base FILE SETTINGS: print FILE, a config, with the settings on top. A y
# of FILE satisfies a setting of "m or y".
settings_on_base() {
	awk -F '[ =\t]' 'NR == FNR { set[$1] = $2; next }
		{ name = $1 == "#" ? $2 : $1 }
		!(name in set) || (set[name] == "m|y" && $0 == name "=y")' "$2" "$1"
	awk -F '\t' 'NR == FNR { base[$0]; next } !($2 == "m|y" && ($1 "=y") in base)' "$1" "$2" | settings_to_config
}
