# Fedora, all supported releases and rawhide. Without the macro fedora the spec
# prepares the RHEL flavour, and says nothing.
match ^kernel-.*\.fc([0-9]+)(\.[A-Za-z0-9._]+)?$
macro dist .fc$1
macro fedora $1
macro fc$1 1
macro __python3 /usr/bin/python3
macro py3_shbang_opts -s
macro py3_shebang_fix pathfix.py -pni "%{__python3} %{py3_shbang_opts}"
config ^kernel-x86_64-fedora\.config$
config ^kernel-x86_64\.config$
without configchecks
skip ^process_configs\.sh$
switches up base debug doc headers cross_headers perf libperf tools bpftool ynl rtla rv debuginfo kabichk kabidwchk kabidw_base vdso_install selftests ipaclones kernel_abi_stablelists configchecks efiuki zfcpdump arm64_16k arm64_64k realtime automotive baseonly dbgonly rtonly release cross sparse gcov vanilla pae toolchain_clang clang_lto
