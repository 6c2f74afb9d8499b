# ELRepo's kernel-ml and kernel-lt.
match ^kernel-(ml|lt)-.*(\.el([0-9]+))\.elrepo$
macro dist $2
macro rhel $3
macro el$3 1
config ^config-[0-9.]+-x86_64$
switches default doc headers perf tools bpftool debuginfo vdso_install up std
