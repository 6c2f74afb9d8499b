# Fedora, all supported releases and rawhide. Without the macro fedora the spec
# prepares the RHEL flavour, and says nothing.
match ^kernel(-[a-z]+)*-.*\.fc([0-9]+)
macro dist .fc$2
macro fedora $2
macro fc$2 1
config ^kernel-x86_64-fedora\.config$
switches up base debug doc headers cross_headers perf libperf tools bpftool ynl rtla rv debuginfo kabichk kabidwchk kabidw_base vdso_install selftests ipaclones kernel_abi_stablelists configchecks efiuki zfcpdump arm64_16k arm64_64k realtime automotive baseonly dbgonly rtonly release cross sparse gcov vanilla pae toolchain_clang clang_lto
