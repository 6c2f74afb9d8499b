# Oracle's Unbreakable Enterprise Kernel.
match ^kernel-uek[a-z]*-.*(\.el([0-9]+))(_[0-9]+)?uek(next)?
macro dist $1
macro rhel $2
macro el$2 1
macro oraclelinux $2
switches up debug container doc headers perf tools bpftool debuginfo vdso_install baseonly 64konly embedded embeddedonly sparse vanilla gcov verbose kabichk
