# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# suites.sh - which kernel sources a Debian host's suites offer, according to apt.
# Sourced by debian-base and build-deps.

# ask_apt ARGUMENT...: apt-cache, with a cache of its own: where the host keeps none
# (containers do not), apt reads all its lists again for every question.
apt_tmp=
make_tmp apt_tmp
ask_apt() {
	apt-cache -o "Dir::Cache=$apt_tmp" -o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache= "$@" 2>/dev/null
}

# suite_has PACKAGE...: those of them that apt could install, one a line.
suite_has() {
	ask_apt policy "$@" |
		awk '/^[^ ].*:$/ { name = substr($0, 1, length($0) - 1) } $1 == "Candidate:" && $2 != "(none)" { print name }'
}

# base_versions: every V of the linux-source-V that the suites offer or that is
# installed, oldest first.
base_versions() {
	local names
	mapfile -t names < <({
		ask_apt pkgnames linux-source- || :
		dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'linux-source-*' 2>/dev/null | sed -n 's/^installed //p' || :
	} | grep -xE 'linux-source-[0-9]+\.[0-9]+' | sort -u)
	((${#names[@]} == 0)) || suite_has "${names[@]}" | sed 's/^linux-source-//' | sort -V
}

# depended PATTERN: of a Depends field on standard input, what PATTERN's group
# catches in the first package that it fits.
depended() {
	sed -n "s/^Depends: //p" | tr ',|' '\n' | sed -nE "s/^ *$1([ (].*)?$/\1/p" | awk 'NR == 1'
}

# suite_default: V of the host's own stable kernel: what the metapackage
# linux-source depends on, in the suite that apt prefers. What is installed does
# not count, and a backport has a lower priority.
suite_default() {
	local version
	version=$(ask_apt policy linux-source | awk '
		/^  Version table:/ { table = 1; next }
		!table { next }
		/^( \*\*\*|    ) [^ ]/ { version = $1 == "***" ? $2 : $1; next }
		$2 !~ /^\/var\/lib\/dpkg\/status/ && (best == "" || $1 > most) { best = version; most = $1 + 0 }
		END { print best }')
	[[ -z $version ]] || ask_apt show "linux-source=$version" | depended 'linux-source-([0-9]+\.[0-9]+)'
}

# default_base: the same; where apt has no lists of the archives, the one
# linux-source-V that is installed. Prints nothing if neither tells.
default_base() {
	local v
	v=$(suite_default)
	if [[ -z $v ]]; then
		v=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'linux-source-*' 2>/dev/null |
			sed -nE 's/^installed linux-source-([0-9]+\.[0-9]+)$/\1/p' || :)
		[[ $v != *$'\n'* ]] || v=
	fi
	printf '%s\n' "$v"
}

# no_base [V]: die. The message lists the bases this host has; V is the one asked for.
no_base() {
	local have
	have=$(base_versions | paste -sd' ' -)
	if [[ -n ${1:-} ]]; then
		set -- "BASE=$1: no package linux-source-$1 here, nor in this host's suites"
	else
		set -- "which kernel is this host's own is not known: apt has no package linux-source"
	fi
	die "$1" "they have: ${have:-none (apt-get update, with an archive that answers, brings the lists)}" \
		"other kernels: BASE=FILE.deb, a linux-source package file of another suite;" \
		"SRPM=FILE, a kernel SRPM or a kernel.org tarball; SRPM=DIR REF=COMMIT, a git tree"
}
