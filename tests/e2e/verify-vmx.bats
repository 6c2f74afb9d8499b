#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tools/machine/verify on the built packages, on an emulated Intel processor in Bochs.
# Bochs counts time in instructions: other load changes the wall time, not the result.

load helpers

setup_file() {
	! have_rpms || verify_once vmx
}

setup() {
	find_rpms
}

@test "verify passes on vmx, verdict last" {
	verify_passed vmx
}

@test "the console shows the kernel, kvm_intel, and a Linux guest's init" {
	console_shows vmx kvm_intel
}
