# RHEL 7, CentOS 7 and its altarch LTS kernels, Oracle Linux 7 (RHCK), Scientific
# Linux 7.
match ^kernel(-[a-z]+)?-[0-9.]+-.*(\.el7(\.[A-Za-z0-9._]+)?)$
macro dist .el7
macro rhel 7
macro el7 1
macro __python3 /usr/bin/python3
macro py3_shbang_opts -s
macro py3_shebang_fix pathfix.py -pni "%{__python3} %{py3_shbang_opts}"
config ^kernel-[0-9.]+-x86_64\.config$
kabi ^Module\.kabi_x86_64$
skip ^process_configs\.sh$
switches default debug doc headers perf tools bpftool debuginfo kabichk kabidwchk kdump baseonly dbgonly cross
