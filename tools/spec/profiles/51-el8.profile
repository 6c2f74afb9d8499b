# RHEL 8, CentOS 8 and Stream 8, Rocky, Alma, OpenELA, Oracle Linux 8 (RHCK).
match ^kernel(-[a-z]+)?-.*(\.el8(_[0-9]+)?)
macro dist $2
macro rhel 8
macro el8 1
switches up debug doc headers cross_headers perf tools bpftool debuginfo kabichk kabidwchk kabidw_base vdso_install selftests ipaclones kernel_abi_whitelists abi_whitelists zfcpdump baseonly dbgonly release cross sparse gcov realtime vanilla configchecks
