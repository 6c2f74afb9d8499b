# Virtuozzo, OpenVZ: an EL kernel under another name and dist.
match ^vzkernel(-[a-z]+)*-.*(\.vz([0-9]+))
macro dist $2
macro rhel $3
macro el$3 1
switches up debug doc headers cross_headers perf tools bpftool debuginfo kabichk kabidwchk vdso_install baseonly dbgonly release sparse gcov configchecks
