# RHEL 7, CentOS 7 and its altarch LTS kernels, Oracle Linux 7 (RHCK), Scientific
# Linux 7.
match ^kernel(-[a-z]+)?-.*\.el7(_[0-9]+)?
macro dist .el7
macro rhel 7
macro el7 1
switches default debug doc headers perf tools bpftool debuginfo kabichk kabidwchk kdump baseonly dbgonly cross
