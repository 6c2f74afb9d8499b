# XCP-ng and XenServer dom0 kernels.
match ^kernel(-[a-z0-9]+)?-.*\.(xcpng|xs)([0-9]+(\.[0-9]+)*)
macro dist .$2$3
macro xenserver 8
switches headers perf
