# openEuler 20.03 (.oe1), 22.03 (.oe2203, .oe2203sp1...), 24.03, BC-Linux for Euler
# (.oe1.bclinux); Kylin (.ky10) and UOS (.uel20), which derive from it. kabichk is
# fixed in its specs: --without kabichk changes nothing there.
match ^kernel(-rt)?-.*(\.(oe|ky|uel)[0-9]+(sp[0-9]+)?)
macro dist $2
macro openEuler 2
kabi ^kabi_whitelist_x86_64$
config tree:^arch/x86/configs/openeuler_defconfig$
switches patch signmodules kabichk perf bpftool python2 debuginfo headers
