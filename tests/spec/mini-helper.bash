# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# mini-helper.bash - the small kernel of mini/ and its packages, for the tests of
# the spec, here and in roots of other hosts.

spec=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
top=$(realpath "$spec/../..")

# mini_tree: make, in the file's directory, the tree as linux/ and rpmbuild's input as src/.
mini_tree() {
	cd "$BATS_FILE_TMPDIR" || exit
	export MINI=$PWD/linux
	mkdir -p "$MINI"/{arch/x86/include/asm,include/uapi/linux,scripts,Documentation/virt,LICENSES/preferred,LICENSES/exceptions,tools/kvm/kvm_stat,tools/testing/selftests/kvm/x86_64} src ours
	cp "$spec/mini/Makefile" "$MINI/"
	printf 'VERSION = 5\nPATCHLEVEL = 14\nSUBLEVEL = 0\nEXTRAVERSION =\n' > "$MINI/version.mk"
	# kernelrelease reads the tree's Makefile.
	cat "$MINI/version.mk" "$MINI/Makefile" | grep -v '^-include' > "$MINI/m"
	mv "$MINI/m" "$MINI/Makefile"
	rm "$MINI/version.mk"
	printf 'int counter;\nconst char modinfo[] __attribute__((section(".modinfo"), used)) = "srcversion=ABC";\nint demo_add(int a)\n{\n\tcounter += a;\n\treturn counter * 3;\n}\n' > "$MINI/demo.c"
	echo '/* kvm */' > "$MINI/include/uapi/linux/kvm.h"
	echo text > "$MINI/Documentation/virt/kvm.rst"
	touch "$MINI/COPYING" "$MINI/LICENSES/preferred/GPL-2.0" "$MINI/LICENSES/exceptions/Linux-syscall-note" "$MINI/tools/kvm/kvm_stat/kvm_stat" "$MINI/arch/x86/Kconfig"
	for t in turbostat x86_energy_perf_policy; do
		mkdir -p "$MINI/tools/power/x86/$t"
		# shellcheck disable=SC2016  # make's own
		printf '%s:\n\tmkdir -p $(O)\n\techo "#!/bin/sh" > $(O)/%s\n' "$t" "$t" > "$MINI/tools/power/x86/$t/Makefile"
	done
	cp "$spec/mini/selftests.mk" "$MINI/tools/testing/selftests/kvm/Makefile"
	printf '#include <linux/kvm.h>\nint main(void) { return 0; }\n' > "$MINI/tools/testing/selftests/kvm/x86_64/demo_test.c"
	# shellcheck disable=SC2016  # the script's own
	printf '#!/bin/sh\nexec "${0%%.sh}_test"\n' > "$MINI/tools/testing/selftests/kvm/x86_64/demo.sh"
	chmod +x "$MINI/tools/testing/selftests/kvm/x86_64/demo.sh"
	cp "$spec/base.inc" "$top/SOURCES/macros.inc" "$top"/patches/*.patch src/
	touch src/kernel-5.14.0-362.24.1.el9_3.src.rpm
	cp -r "$top/tools" "$top/vmm" "$top/configs" ours/
	for t in base-srpm patch kconfig; do
		cp "$spec/mini/stubs" "ours/tools/spec/$t"
	done
	tar -C ours -czf src/kernel-kvm-tools.tar.gz tools/spec vmm configs
	export K=5.14.0-362.24.1.el9_3.kvm.x86_64
}

# build SWITCH...: the RPMs into rpms/, their names into names, what is in them
# into root/.
build() {
	KERNEL_KVM_NEED_MIB=1 rpmbuild -bb --nodeps --target x86_64 --define "_topdir $PWD/top" --define "_rpmdir $PWD/rpms" \
		--define "_sourcedir $BATS_FILE_TMPDIR/src" --without guestkernel "$@" "$top/kernel-kvm.spec" > log 2>&1 || {
		grep -v "^+" log | tail -n 12
		return 1
	}
	find rpms -name '*.rpm' -printf '%f\n' | sed 's/-5\.14\.0.*//; s/^kernel-kvm-\?//' | sort | paste -sd' ' > names
	mkdir -p root
	for f in rpms/*/*.rpm; do rpm2cpio "$f" | (cd root && cpio -idmu --quiet); done
}

# need_static: skip where programs cannot be linked statically, and say why.
need_static() {
	local why
	why=$("$top/tools/spec/host-abi" plan --release 1.el9 --link static 2>&1 > /dev/null) ||
		skip "$(tr -s ' \n' ' ' <<< "${why#*error: }")"
}
