// SPDX-License-Identifier: GPL-2.0
/* vm: the table. */
#include "vmchecks.h"

const struct check checks_vm[] = {
	{ "vm/device", "/dev/kvm is there, may be opened, and is KVM",
	  "See host/modules; without it: virtualization is off in the firmware, or in the hypervisor above (nested).",
	  0, 0, vm_device, 0 },
	{ "vm/api-version", "KVM speaks API version 12",
	  "This is not a KVM that any VMM supports: look at what loaded it.",
	  NEED_KVM, 0, vm_api_version, 0 },
	{ "vm/capabilities", "the capabilities that every VMM needs are there",
	  "The kernel's config lacks a KVM part, or a patch broke it: compare CONFIG_KVM* with the manifest.",
	  NEED_KVM, 0, vm_caps_required, 0 },
	{ 0 }
};
