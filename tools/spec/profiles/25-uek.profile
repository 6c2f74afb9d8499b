# Oracle's Unbreakable Enterprise Kernel.
match ^kernel-uek[a-z]*-.*(\.el([0-9]+))(_[0-9]+)?uek
macro dist $1
macro rhel $2
macro el$2 1
macro oraclelinux $2
config ^config-x86_64$
config ^kernel(-uek)?-[0-9.]+-x86_64\.config$
kabi ^(Module\.kabi|kabi_lockedlist)_x86_64$
skip ^process_configs\.sh$
switches up debug container doc headers perf tools bpftool debuginfo vdso_install baseonly 64konly embedded embeddedonly sparse vanilla gcov verbose kabichk
