# RHEL 9, CentOS Stream 9, Rocky, Alma, OpenELA, Oracle Linux 9 (RHCK).
match ^kernel(-[a-z]+)?-.*(\.el9(_[0-9]+)?)(\.[A-Za-z0-9._]+)?$
macro dist $2
macro rhel 9
macro el9 1
macro __python3 /usr/bin/python3
macro py3_shbang_opts -s
macro py3_shebang_fix pathfix.py -pni "%{__python3} %{py3_shbang_opts}"
config ^kernel-x86_64-rhel\.config$
config ^kernel-x86_64\.config$
kabi ^Module\.kabi_x86_64$
without configchecks
skip ^process_configs\.sh$
switches up debug doc headers cross_headers perf tools bpftool debuginfo kabichk kabidwchk kabidw_base vdso_install selftests ipaclones kernel_abi_stablelists configchecks zfcpdump arm64_64k realtime baseonly dbgonly rtonly release cross sparse gcov vanilla toolchain_clang clang_lto
