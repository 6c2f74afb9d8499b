# XCP-ng and XenServer dom0 kernels.
match ^kernel(-[a-z0-9]+)?-.*\.xcpng([0-9.]+)$
macro dist .xcpng$2
macro xenserver 8
config ^kernel-x86_64\.config$
kabi ^Module\.kabi$
switches headers perf
