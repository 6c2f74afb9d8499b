# openEuler 20.03 (.oe1), 22.03 (.oe2203, .oe2203sp1...), 24.03. kabichk is fixed
# in its specs: --without kabichk changes nothing there.
match ^kernel-.*(\.oe([0-9]+)(sp[0-9]+)?)$
macro dist $1
macro openEuler 2
config tree:^arch/x86/configs/openeuler_defconfig$
kabi ^kabi_whitelist_x86_64$
kabi ^Module\.kabi_x86_64$
switches patch signmodules kabichk perf bpftool python2 debuginfo headers
