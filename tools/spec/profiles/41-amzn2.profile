# Amazon Linux 2.
match ^kernel-.*\.amzn2
macro dist .amzn2
macro amzn 2
macro systemd_requires
switches up debug doc headers perf tools bpftool debuginfo vdso_install sparse oldconfig
