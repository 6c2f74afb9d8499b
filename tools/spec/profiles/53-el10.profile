# RHEL 10, CentOS Stream 10 and their kin.
match ^kernel(-[a-z]+)?-.*(\.el1([0-9])(_[0-9]+)?)(\.[A-Za-z0-9._]+)?$
macro dist $2
macro rhel 1$3
macro el1$3 1
macro __python3 /usr/bin/python3
macro py3_shbang_opts -s
macro py3_shebang_fix pathfix.py -pni "%{__python3} %{py3_shbang_opts}"
config ^kernel-x86_64-rhel\.config$
kabi ^Module\.kabi_x86_64$
without configchecks
skip ^process_configs\.sh$
switches up base debug doc headers cross_headers perf libperf tools bpftool ynl rtla rv debuginfo kabichk kabidwchk kabidw_base vdso_install selftests ipaclones kernel_abi_stablelists configchecks efiuki zfcpdump arm64_16k arm64_64k realtime realtime_arm64_64k automotive automotive_build baseonly dbgonly rtonly release cross sparse gcov vanilla toolchain_clang clang_lto
