# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# bash completion for kvm-selftest
_kvm_selftest() {
	local cur=$2 prev=$3 names
	case $prev in
	--only | --skip | --explain)
		names=$(kvm-selftest --list 2>/dev/null | cut -d' ' -f1)
		mapfile -t COMPREPLY < <(compgen -W "$names host/* vm/* flat/* linux/* patch/* perf/*" -- "$cur")
		return ;;
	--require)
		mapfile -t COMPREPLY < <(compgen -W "host linux cloud container" -- "$cur")
		return ;;
	--format)
		mapfile -t COMPREPLY < <(compgen -W "human tap junit json prometheus html" -- "$cur")
		return ;;
	--suite)
		mapfile -t COMPREPLY < <(compgen -W "kernel kernel= kvm-unit-tests=" -- "$cur")
		return ;;
	--output | --manifest | --guest-dir | --vmm | --kvm | --bundle | --save-baseline | --baseline)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	esac
	if [[ ${COMP_WORDS[1]} == merge ]]; then
		mapfile -t COMPREPLY < <(compgen -f -X '!*.json' -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "merge --list --list-settings --require --only --skip --explain --format
		--output --quiet --jobs --timeout-scale --allow-missing --manifest --guest-dir
		--vmm --kvm --bundle --save-baseline --baseline --suite --version --help" -- "$cur")
}
complete -F _kvm_selftest kvm-selftest
