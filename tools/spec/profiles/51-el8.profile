# RHEL 8, CentOS 8 and Stream 8, Rocky, Alma, OpenELA, Oracle Linux 8 (RHCK).
match ^kernel(-[a-z]+)?-.*(\.el8(_[0-9]+)?)(\.[A-Za-z0-9._]+)?$
macro dist $2
macro rhel 8
macro el8 1
macro __python3 /usr/bin/python3
macro py3_shbang_opts -s
macro py3_shebang_fix pathfix.py -pni "%{__python3} %{py3_shbang_opts}"
config ^kernel-x86_64\.config$
config ^kernel-[0-9.]+-x86_64\.config$
kabi ^Module\.kabi_x86_64$
without configchecks
skip ^process_configs\.sh$
switches up debug doc headers cross_headers perf tools bpftool debuginfo kabichk kabidwchk kabidw_base vdso_install selftests ipaclones kernel_abi_whitelists abi_whitelists zfcpdump baseonly dbgonly release cross sparse gcov realtime vanilla configchecks
