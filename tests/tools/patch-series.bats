#!/usr/bin/env bats
# Guards that ask for a file of the base.
# shellcheck disable=SC2030,SC2031  # bats' run sets status and output

setup() {
	top=$(realpath "$BATS_TEST_DIRNAME/../..")
	cd "$BATS_TEST_TMPDIR" || exit
}

@test "guards: with FILE and without FILE" {
	# shellcheck source=tools/lib.sh
	. "$top/tools/lib.sh"
	# shellcheck source=tools/patch.d/series.sh
	. "$top/tools/patch.d/series.sh"
	mkdir -p d/virt/kvm && touch d/virt/kvm/vfio.c
	while read -r want guard; do
		got=no
		guard_fault "$guard" && guard_admits "$guard" 4.18.0 d && got=yes
		[ "$got" = "$want" ] || { echo "$guard: $got, wanted $want"; false; }
	done <<-'END'
		yes with virt/kvm/vfio.c
		no without virt/kvm/vfio.c
		no with virt/kvm/none.c
		yes without virt/kvm/none.c
		yes >= 4.18, < 5.14, with virt/kvm/vfio.c, without virt/kvm/none.c
		no >= 5.14, with virt/kvm/vfio.c
		no with virt/kvm/vfio.c, without virt/kvm/vfio.c
	END
	[ "$(guard_files '>= 4.18, with a/b.c, without c.h' | tr '\n' ' ')" = "a/b.c c.h " ]
	for guard in with without 'with a b' 'without /etc/passwd' 'with ../x' 'within a' '4.18 with a'; do
		run guard_fault "$guard"
		[ "$status" -eq 1 ]
		[[ $output == *"with FILE"* ]]
	done
}
