# kernel-plus of CentOS 7 and 8, from the centosplus repository.
match ^kernel-plus-.*(\.el([0-9]+)(_[0-9]+)?)(\.centos\.plus|\.plus)?
macro dist $1
macro rhel $2
macro centos $2
macro el$2 1
switches default debug doc headers perf tools bpftool debuginfo kabichk kabidwchk kdump baseonly dbgonly cross
