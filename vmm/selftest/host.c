// SPDX-License-Identifier: GPL-2.0
/* host: the table. */
#include "host.h"

const struct check checks_host[] = {
	{ "host/kernel", "the running kernel is the package's",
	  "Boot the kernel that was installed (grubby --default-kernel, then reboot), or reinstall the package.",
	  0, 0, host_kernel, 0 },
	{ "host/modules", "KVM and a back end are loaded",
	  "modprobe kvm_amd or kvm_intel and read dmesg: virtualization off in the firmware, or the module of another kernel?",
	  0, 0, host_modules, 0 },
	{ "host/build-id", "the loaded kvm.ko has the package's build id",
	  "Find where kvm.ko came from (modinfo -n kvm; lsinitrd | grep kvm.ko), then depmod -a, dracut -f and reboot.",
	  NEED_MANIFEST, 0, host_build_id, 0 },
	{ "host/module-origin", "the loaded KVM modules have the package's srcversion",
	  "Find where they came from (modinfo -n kvm; ls /lib/modules/$(uname -r)/{extra,updates,weak-updates}).",
	  NEED_MANIFEST, 0, host_module_origin, 0 },
	{ "host/module-signed", "the KVM module files carry their signature",
	  "Reinstall the package's core and modules: something stripped or replaced these files.",
	  NEED_MANIFEST, 0, host_module_signed, 0 },
	{ "host/taint", "nothing has gone wrong in this kernel since boot",
	  "dmesg shows the oops, lockup or machine check; reboot before trusting any result.",
	  0, 0, host_taint, 0 },
	{ 0 }
};
