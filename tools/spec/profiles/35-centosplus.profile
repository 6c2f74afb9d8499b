# kernel-plus of CentOS 7 and 8, from the centosplus repository.
match ^kernel-plus-.*(\.el([0-9]+)(_[0-9]+)?)(\.centos\.plus|\.plus)?
macro dist $1
macro rhel $2
macro centos $2
macro el$2 1
macro __python3 /usr/bin/python3
macro py3_shbang_opts -s
config ^kernel(-plus)?-[0-9.]+-x86_64\.config$
config ^kernel(-plus)?-x86_64\.config$
kabi ^Module\.kabi_x86_64$
without configchecks
skip ^process_configs\.sh$
switches default debug doc headers perf tools bpftool debuginfo kabichk kabidwchk kdump baseonly dbgonly cross
