# ELRepo's kernel-ml and kernel-lt.
match ^kernel-(ml|lt)-.*(\.el([0-9]+))\.elrepo
macro dist $2.elrepo
macro rhel $3
macro el$3 1
switches default doc headers perf tools bpftool debuginfo vdso_install up std
