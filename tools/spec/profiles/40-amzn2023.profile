# Amazon Linux 2023.
match ^kernel[0-9.]*-.*\.amzn(20[0-9][0-9])
macro dist .amzn$1
macro amzn $1
macro systemd_requires
switches up debug doc headers perf tools bpftool debuginfo vdso_install fips libbpf sparse oldconfig
