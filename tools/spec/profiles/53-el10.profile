# RHEL 10, CentOS Stream 10 and their kin.
match ^kernel(-[a-z]+)?-.*(\.el([1-9][0-9])(_[0-9]+)?)
macro dist $2
macro rhel $3
macro el$3 1
switches up base debug doc headers cross_headers perf libperf tools bpftool ynl rtla rv debuginfo kabichk kabidwchk kabidw_base vdso_install selftests ipaclones kernel_abi_stablelists configchecks efiuki zfcpdump arm64_16k arm64_64k realtime realtime_arm64_64k automotive automotive_build baseonly dbgonly rtonly release cross sparse gcov vanilla toolchain_clang clang_lto
