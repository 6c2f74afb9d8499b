# ELRepo's kernel-ml and kernel-lt.
match ^kernel-(ml|lt)-.*(\.el([0-9]+))\.elrepo$
macro dist $2.elrepo
macro rhel $3
macro el$3 1
macro __python3 /usr/bin/python3
macro py3_shbang_opts -s
macro py3_shebang_fix pathfix.py -pni "%{__python3} %{py3_shbang_opts}"
config ^config-[0-9.]+-x86_64$
switches default doc headers perf tools bpftool debuginfo vdso_install up std
