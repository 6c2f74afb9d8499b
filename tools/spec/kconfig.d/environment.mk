# SPDX-License-Identifier: GPL-2.0-only
# Read by the kernel's makefiles before their own (MAKEFILES): one more config
# target, that keeps the environment which conf would be run in.
ifeq ($(obj),scripts/kconfig)
.PHONY: kvmenvironmentconfig
kvmenvironmentconfig: scripts/kconfig/conf
	@env -0 -u MAKEFLAGS -u MFLAGS -u MAKEFILES -u MAKELEVEL > .kconfig/environment
endif
