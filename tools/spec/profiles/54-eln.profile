# Fedora ELN: Fedora's spec as the next RHEL will build it.
match ^kernel-.*\.eln([0-9]+)
macro dist .eln$1
macro rhel 11
macro eln $1
switches up base debug doc headers cross_headers perf libperf tools bpftool ynl debuginfo kabichk kabidwchk vdso_install selftests ipaclones kernel_abi_stablelists configchecks efiuki realtime automotive baseonly dbgonly release cross sparse gcov vanilla toolchain_clang clang_lto
