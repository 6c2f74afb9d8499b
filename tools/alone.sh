# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# alone.sh WHAT: source it to be the only one that fills SOURCES/ and builds in this
# checkout, until the shell that sources it and everything it started have ended. If
# another one is at it, say who, and wait.
_checkout=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
if [[ ${KERNEL_KVM_ALONE:-} != "$_checkout" ]]; then
	mkdir -p -- "$_checkout/build"
	exec 8>> "$_checkout/build/lock"
	flock -n 8 || {
		echo "$1: waits for $(< "$_checkout/build/lock")" >&2
		flock 8
	}
	echo "$1 (process $$, since $(date +%H:%M:%S))" > "$_checkout/build/lock"
	export KERNEL_KVM_ALONE=$_checkout
fi
