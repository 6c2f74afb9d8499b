# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The kernel of the live patch tests: five faults of tests/faults in one kernel, each
# found by its own check, and for each the patch that mends it. In its own checkout, so
# that this one's patches/ and build/ stay as they are.
# Sets top, lab (where everything is kept) and checkout; the caller sets base.

top=$(realpath "$BATS_TEST_DIRNAME/../..")
lab=$top/build/cache/livepatch-lab
checkout=$lab/checkout
# FAULT CHECK MODULE, in the order of their numbers: 41001, 41002...
seeds="yield-unknown flat/hypercalls kvm
ioeventfd-datamatch vm/ioeventfd kvm
emul-leave flat/mmio-stack kvm
svm-shutdown-reason vm/triple-fault kvm-amd
nested-vmx-port flat/nested-vmx kvm-intel"

# trailers PATCH GUARD PROBE: the file with the trailers of the series.
trailers() {
	awk -v k="$2" -v p="$3" '/^---$/ && !done { print "Kernel: " k "\nProbe: " p "\nUpstream: no, a test\n" $0; done = 1; next } { print }' "$1"
}

# make_checkout: the checkout with the base's sources and the faults as patches 41001 and
# on, and live/42001-* and on, which mend them.
make_checkout() {
	local n=0 fault check kvm=$lab/kvm base_tree=$lab/base sha srpm
	rm -rf "$checkout" "$kvm" "$base_tree" "$lab/live"
	mkdir -p "$checkout" "$kvm" "$lab/live"
	(cd "$top" && git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf -) | tar -C "$checkout" -xf - || return
	# shellcheck disable=SC2154  # the caller's
	make -C "$checkout" sources BASE="$base" || return
	sha=$(sed -n 's/^%global base_sha256 *//p' "$checkout/SOURCES/base.inc")
	srpm=$(sed -n 's/^%global base_srpm *//p' "$checkout/SOURCES/base.inc")
	"$checkout/tools/spec/base-srpm" tree --sha256 "$sha" --allow-unsigned --cache "$checkout/build/cache/tree" \
		"$checkout/SOURCES/$srpm" "$base_tree" || return
	cp -a --reflink=auto "$base_tree/." "$kvm/" &&
		"$checkout/tools/spec/patch" apply --tree "$kvm" --out "$lab/series.json" "$checkout"/patches/*.patch || return
	# Only KVM's own files are in its index: adding a whole tree takes a minute.
	local -x GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b.invalid GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b.invalid
	git -C "$kvm" init -q && git -C "$kvm" add -f arch/x86/kvm virt/kvm && git -C "$kvm" commit -qm base || return
	while read -r fault check _; do
		n=$((n + 1))
		patch -p1 -s -F3 --no-backup-if-mismatch -d "$kvm" < "$top/tests/faults/$fault.patch" &&
			git -C "$kvm" commit -qam "KVM: fault: $fault" &&
			git -C "$kvm" format-patch -1 --zero-commit --stdout > "$lab/fault" &&
			trailers "$lab/fault" '>= 7.2' none > "$lab/fault.patch" &&
			"$checkout/tools/spec/patch" add "$lab/fault.patch" --number 4100$n --base "$base_tree" || return
	done <<< "$seeds"
	n=0
	while read -r fault check _; do
		n=$((n + 1))
		git -C "$kvm" checkout -q -B "mend$n" master &&
			git -C "$kvm" show "HEAD~$((5 - n))" | git -C "$kvm" apply -R &&
			git -C "$kvm" commit -qam "KVM: mend $fault" &&
			git -C "$kvm" format-patch -1 --zero-commit --stdout > "$lab/mend" &&
			trailers "$lab/mend" '>= 7.2' "check $check" > "$lab/live/4200$n-kvm-mend-$fault.patch" || return
	done <<< "$seeds"
	rm -rf "$kvm" "$base_tree" "$lab"/{fault,fault.patch,mend,series.json}
}
