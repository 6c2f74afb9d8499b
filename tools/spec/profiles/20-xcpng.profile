# XCP-ng and XenServer dom0 kernels.
match ^kernel(-[a-z0-9]+)?-.*\.(xcpng|xs)([0-9.]+)$
macro dist .$2$3
macro xenserver 8
config ^kernel-x86_64\.config$
kabi ^Module\.kabi$
switches headers perf
