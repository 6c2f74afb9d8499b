/* SPDX-License-Identifier: GPL-2.0 */
/* The host group's functions, for its table. */
#ifndef SELFTEST_HOST_H
#define SELFTEST_HOST_H

#include "selftest.h"

bool module_loaded(const struct env *env, const char *name);

int host_kernel(struct t *t);
int host_build_id(struct t *t);
int host_modules(struct t *t);
int host_module_origin(struct t *t);
int host_module_signed(struct t *t);
int host_taint(struct t *t);
int host_cpu(struct t *t);
int host_firmware(struct t *t);
int host_kvm_access(struct t *t);
int host_parameters(struct t *t);
int host_baseline_parameters(struct t *t);
int host_config(struct t *t);
int host_vhost(struct t *t);
int host_tun(struct t *t);
int host_iommu(struct t *t);
int host_cgroups(struct t *t);
int host_memory(struct t *t);
int host_clocksource(struct t *t);
int host_mitigations(struct t *t);
int host_images(struct t *t);
int host_limits(struct t *t);

#endif
