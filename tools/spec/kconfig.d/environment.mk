# SPDX-License-Identifier: GPL-2.0-only
# Read by the kernel's makefiles before their own (MAKEFILES): one more config
# target, which saves the environment that conf would run in.
ifeq ($(obj),scripts/kconfig)
.PHONY: kvmenvironmentconfig
kvmenvironmentconfig: scripts/kconfig/conf
	@env -0 -u MAKEFLAGS -u MFLAGS -u MAKEFILES -u MAKELEVEL > .kconfig/environment
endif
