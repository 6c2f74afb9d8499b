# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# lib.sh - what every tool of kernel-kvm shares: messages, options, temporary
# directories, progress. Source it first; it sets the shell's strict mode.
#
# Exit codes of all tools: 0 done, 1 the work failed (bad input, a check that
# does not hold), 2 wrong usage.

set -euo pipefail
export LC_ALL=C
# On Debian, only root's PATH has modinfo, mke2fs and others.
PATH=$PATH:/usr/sbin:/sbin

# What a shell exports for other builds, or for its user's own grep and tar, must not reach
# Kbuild and the programs here. left_out: those of Kbuild's whose loss a user would notice.
left_out=()
for _v in $(compgen -e); do
	case $_v in
	# docs/config.md: the same randconfig again.
	KCONFIG_SEED | KCONFIG_PROBABILITY) continue ;;
	ARCH | SUBARCH | CROSS_COMPILE* | KBUILD_* | KCONFIG_* | K[A-Z]*FLAGS | HOST*FLAGS | USER*FLAGS | EXTRA_*FLAGS | LOCALVERSION | LLVM | LLVM_IAS | \
		INSTALL_* | CONFIG_*) left_out+=("$_v") ;;
	MAKEFLAGS | MFLAGS | GNUMAKEFLAGS | MAKEFILES | MAKELEVEL | MAKEOVERRIDES | LD_PRELOAD | CDPATH | ENV | BASH_ENV | GREP_OPTIONS | GREP_COLOR | GREP_COLORS | \
		POSIXLY_CORRECT | TAR_OPTIONS | GZIP | XZ_OPT | XZ_DEFAULTS | GIT_DIR | GIT_WORK_TREE | GIT_INDEX_FILE) ;;
	*) continue ;;
	esac
	unset "$_v"
done
export -n SHELLOPTS BASHOPTS

prog=${0##*/}

if [[ -t 2 && ${TERM:-dumb} != dumb && -z ${NO_COLOR:-} ]]; then
	c_red=$'\e[31m' c_yellow=$'\e[33m' c_bold=$'\e[1m' c_off=$'\e[0m'
else
	c_red='' c_yellow='' c_bold='' c_off=''
fi

# die MESSAGE...: print the message (one line per argument), exit 1.
# Say what was expected, what was found, and what to do next.
die() {
	printf '%s%s: error:%s %s\n' "$c_red" "$prog" "$c_off" "$1" >&2
	shift
	(($# == 0)) || printf '    %s\n' "$@" >&2
	exit 1
}

# usage_error MESSAGE: the call itself is wrong; exit 2.
usage_error() {
	printf '%s%s: error:%s %s\n' "$c_red" "$prog" "$c_off" "$1" >&2
	printf '    see %s --help\n' "$prog" >&2
	exit 2
}

# warn MESSAGE...: as die, but go on.
warn() {
	printf '%s%s: warning:%s %s\n' "$c_yellow" "$prog" "$c_off" "$1" >&2
	shift
	(($# == 0)) || printf '    %s\n' "$@" >&2
}

info() {
	printf '%s: %s\n' "$prog" "$*" >&2
}

# step N TOTAL MESSAGE: progress of long work, with the time since the start.
step() {
	printf '%s[%s/%s]%s %2d:%02d %s\n' "$c_bold" "$1" "$2" "$c_off" \
		$((SECONDS / 60)) $((SECONDS % 60)) "$3" >&2
}

# print_help FILE: the comment block under the shebang is the tool's help.
print_help() {
	awk 'NR == 1 || /^# SPDX-/ { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$1"
}

# read_options "OPTION..." ARG...: set a variable for each option given (base_config
# for --base-config), and the array args to the other words. OPTION is
#   NAME   an option without a value; its variable becomes 1
#   NAME=  one with a value; NAME? one whose value may be empty
#   NAME+  one that may be repeated; its variable is an array
#   ...    allows other words anywhere; -- allows them after a -- only
read_options() {
	local -A _kind=()
	local _name _words='' _options
	read -ra _options <<< "$1"
	for _name in "${_options[@]}"; do
		if [[ $_name == ... || $_name == -- ]]; then _words=$_name; else _kind[${_name%[=?+]}]=${_name#"${_name%[=?+]}"}; fi
	done
	shift
	args=()
	while (($#)); do
		_name=${1#--}
		if [[ $1 == --help || $1 == -h ]]; then
			print_help "$0"
			exit 0
		elif [[ $1 == -- && -n $_words ]]; then
			shift
			args+=("$@")
			return
		elif [[ $1 == --?* && -n ${_kind[$_name]+set} ]]; then
			local -n _value=${_name//-/_}
			[[ -z ${_kind[$_name]} || (($# -gt 1) && (-n $2 || ${_kind[$_name]} == '?')) ]] || usage_error "$1 needs a value"
			# shellcheck disable=SC2178  # an array by + alone
			case ${_kind[$_name]} in
			'') _value=1 ;;
			+) _value+=("$2"); shift ;;
			*) _value=$2; shift ;;
			esac
		elif [[ $1 == -* || $_words != ... ]]; then
			[[ $1 == -* ]] || usage_error "$1: unexpected argument"
			usage_error "$1: unknown option"
		else
			args+=("$1")
		fi
		shift
	done
}

# make_tmp VAR [PARENT]: put the path of a new temporary directory into VAR. It is
# removed on exit, whatever happens (KEEP_TMP=1 keeps it and says where it is).
_tmp_dirs=()
make_tmp() {
	local -n _out=$1
	# shellcheck disable=SC2034  # set through the nameref
	_out=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/$prog.XXXXXX")
	_tmp_dirs+=("$_out")
}
_drop_tmp() {
	local rc=$? d
	# Whoever was ended by a signal has said nothing.
	((rc <= 128 || rc == 130 || rc == 143 || rc > 159)) ||
		warn "stopped, because a signal ended a program that it ran: $(kill -l "$rc" 2>/dev/null || echo "$rc")" \
			"run it again; if it ends like that again, report it"
	for d in ${_tmp_dirs[@]+"${_tmp_dirs[@]}"}; do
		if [[ -n ${KEEP_TMP:-} ]]; then
			info "kept $d"
		else
			rm -rf -- "$d" 2>/dev/null || {
				chmod -R u+rwX "$d"
				rm -rf -- "$d"
			}
		fi
	done
	return "$rc"
}
trap _drop_tmp EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# need_cmd COMMAND EL_PACKAGE DEBIAN_PACKAGE: stop if COMMAND is not here.
need_cmd() {
	command -v "$1" >/dev/null 2>&1 ||
		die "$1: command not found" \
			"install it: $2 (dnf/yum) or $3 (apt), or run tools/build-deps --install"
}

# check_rpm: warn about an rpm that nobody has tried kernel-kvm with.
check_rpm() {
	local is
	is=$(rpm --version 2>/dev/null || :)
	[[ $is =~ \ (4|6)\.[0-9] ]] ||
		warn "rpm on this host is '$is': known are rpm 4 (from 4.16) and 6" \
			"later steps may fail where this one differs; tests/run fast base-srpm spec shows where"
}

# need_space DIR MIB WHAT: stop if DIR's file system has less than MIB free.
need_space() {
	local dir=$1 free
	while [[ ! -d $dir ]]; do dir=$(dirname -- "$dir"); done
	free=$(df -Pm -- "$dir" | awk 'NR == 2 { print $4 }')
	((free >= $2)) ||
		die "$dir: no space for $3: $2 MiB needed, $free MiB free" \
			"free some, or put the work elsewhere"
}

# memory_free: MiB that this process can have: of the machine, and of its control group.
memory_free() {
	local has max f
	has=$(awk '/^(MemAvailable|SwapFree):/ { n += $2 } END { printf "%d", n / 1024 }' /proc/meminfo)
	for f in "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.max" /sys/fs/cgroup/memory.max; do
		max=$(cat "$f" 2> /dev/null || :)
		[[ ! $max =~ ^[0-9]+$ ]] || ((max / 1048576 >= has)) || has=$((max / 1048576))
	done
	echo "$has"
}

# packed_files DIR...: the files in DIRs that the spec's build reads, sorted, each
# with a NUL at its end: no documents, no leftovers of editors or compilers.
# kernel-kvm-tools.tar.gz holds them; their hash says whether a result is up to date.
packed_files() {
	find "$@" -type f ! -name '*.md' ! -name '*.o' ! -name '*.d' ! -name '.*.swp' -print0 | sort -z
}

# unpack_rpm FILE DIR [CPIO-OPTION]...: unpack the package's files into DIR.
unpack_rpm() {
	local file
	file=$(realpath -- "$1")
	# cpio is done before rpm2cpio is: without a reader that would die of SIGPIPE.
	(cd -- "$2" && rpm2cpio "$file" | { cpio -id --quiet --no-preserve-owner "${@:3}" && cat > /dev/null; })
}

# plain_git DIR ARG...: git in DIR, without anybody's settings. It does not see a
# repository around DIR: git apply would skip files that are not in that one's index.
plain_git() {
	local dir
	dir=$(realpath -- "$1")
	shift
	GIT_CEILING_DIRECTORIES=${dir%/*} GIT_CONFIG_NOSYSTEM=1 HOME=/nonexistent XDG_CONFIG_HOME=/nonexistent \
		git -C "$dir" -c apply.ignorewhitespace=no -c apply.whitespace=nowarn -c core.autocrlf=false "$@"
}

# touched PATCH...: print the files that the patches change, one per line, renamed
# ones under both names. Fails, with git's message, if git cannot read a patch.
touched() {
	{
		cat -- "$@" | plain_git / apply --numstat | cut -f3- &&
			sed -nE 's/^(rename|copy) from //p' -- "$@"
	} | sort -u
}

# module_suffix OBJ: print the suffix that OBJ's config gives installed modules: .gz, .xz
# or .zst, or nothing. scripts/Makefile.modinst.
module_suffix() {
	local kinds
	# From 6.12 on a configuration can name a kind for kmod and still install plain modules.
	! grep -qx '# CONFIG_MODULE_COMPRESS_ALL is not set' "$1/.config" || return 0
	kinds=$(sed -n 's/^CONFIG_MODULE_COMPRESS_GZIP=y$/.gz/p; s/^CONFIG_MODULE_COMPRESS_XZ=y$/.xz/p; s/^CONFIG_MODULE_COMPRESS_ZSTD=y$/.zst/p' "$1/.config")
	[[ $kinds != *$'\n'* ]] || die "$1/.config: more than one kind of module compression" "found ${kinds//$'\n'/, }"
	echo "$kinds"
}
