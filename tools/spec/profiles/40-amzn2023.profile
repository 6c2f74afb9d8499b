# Amazon Linux 2023.
match ^kernel[0-9.]*-.*\.amzn(20[0-9][0-9])$
macro dist .amzn$1
macro amzn $1
macro __python3 /usr/bin/python3
macro py3_shbang_opts -s
macro systemd_requires
config ^config-x86_64$
switches up debug doc headers perf tools bpftool debuginfo vdso_install fips libbpf sparse oldconfig
