# RHEL 9, CentOS Stream 9, Rocky, Alma, OpenELA, Oracle Linux 9 (RHCK).
match ^kernel(-[a-z]+)?-.*(\.el9(_[0-9]+)?)
macro dist $2
macro rhel 9
macro el9 1
switches up debug doc headers cross_headers perf tools bpftool debuginfo kabichk kabidwchk kabidw_base vdso_install selftests ipaclones kernel_abi_stablelists configchecks zfcpdump arm64_64k realtime baseonly dbgonly rtonly release cross sparse gcov vanilla toolchain_clang clang_lto
