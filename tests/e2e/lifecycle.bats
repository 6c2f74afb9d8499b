#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # rpms, kverrel, packages are the helpers'
# Install, upgrade and remove the packages with the real rpm, dnf, kernel-install,
# dracut and depmod in an install root. The tests look at the files, because dnf
# succeeds even if scriptlets fail.

load helpers

setup_file() {
	have_rpms || return 0
	find_rpms
	"$tools/machine/install-root" make "$BATS_FILE_TMPDIR/plain"
	copy_root "$BATS_FILE_TMPDIR/plain" "$BATS_FILE_TMPDIR/first"
	dnf_install "$BATS_FILE_TMPDIR/first" >"$BATS_FILE_TMPDIR/first.log" 2>&1
}

setup() {
	find_rpms
	plain=$BATS_FILE_TMPDIR/plain first=$BATS_FILE_TMPDIR/first
	root=$BATS_TEST_TMPDIR/root
}

teardown() {
	rm -rf -- "$BATS_TEST_TMPDIR/root"
}

@test "install: everything is in place, no scriptlet printed an error" {
	is_installed "$first" "$kverrel"
	run grep -iE 'warning|error|fail' "$BATS_FILE_TMPDIR/first.log"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $(default_entry "$first") == *-"$kverrel" ]]
}

@test "install: dracut runs once" {
	[ "$(grep -c 'Creating initramfs image file .* done' "$BATS_FILE_TMPDIR/first.log")" -eq 1 ]
}

@test "install: every file below /boot is owned" {
	run in_root "$first" sh -c 'find /boot -type f ! -path "/boot/loader/*" \
		! -path "/boot/grub2/*" | xargs rpm -qf'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *"not owned"* ]]
}

@test "a second build installs beside the first, and becomes the default" {
	find_rpms2
	copy_root "$first" "$root"
	dnf_install2 "$root"
	is_installed "$root" "$kverrel"
	is_installed "$root" "$kverrel2"
	[[ $(default_entry "$root") == *-"$kverrel2" ]]
}

@test "UPDATEDEFAULT=no: a second build does not become the default" {
	find_rpms2
	copy_root "$first" "$root"
	sed -i 's/^UPDATEDEFAULT=.*/UPDATEDEFAULT=no/' "$root/etc/sysconfig/kernel"
	dnf_install2 "$root"
	is_installed "$root" "$kverrel2"
	[[ $(default_entry "$root") == *-"$kverrel" ]]
}

@test "an older build installs beside a newer one (rpm -i --oldpackage)" {
	find_rpms2
	copy_root "$plain" "$root"
	dnf_install2 "$root"
	local files=() file
	for file in "${packages[@]##*/}"; do
		[[ $file == *-selftest-* ]] || files+=("/rpms1/$file")
	done
	in_root "$root" rpm -i --oldpackage "${files[@]}"
	is_installed "$root" "$kverrel"
	is_installed "$root" "$kverrel2"
}

@test "removing the first of two leaves nothing behind, and the other intact" {
	find_rpms2
	copy_root "$first" "$root"
	dnf_install2 "$root"
	in_root "$root" dnf -y remove "kernel-kvm*-$(version_of "${packages[1]}")"
	run traces "$root" "$kverrel"
	echo "$output"
	[ -z "$output" ]
	is_installed "$root" "$kverrel2"
}

@test "removing the default makes the remaining kernel the default" {
	find_rpms2
	copy_root "$first" "$root"
	dnf_install2 "$root"
	in_root "$root" dnf -y remove "kernel-kvm*-$(version_of "${packages2[1]}")"
	run traces "$root" "$kverrel2"
	echo "$output"
	[ -z "$output" ]
	is_installed "$root" "$kverrel"
	[[ $(default_entry "$root") == *-"$kverrel" ]]
}

@test "removing the only one leaves nothing behind" {
	copy_root "$first" "$root"
	in_root "$root" dnf -y remove 'kernel-kvm*'
	run traces "$root" "$kverrel"
	echo "$output"
	[ -z "$output" ]
	[ ! -e "$root/usr/share/kernel-kvm" ]
	run in_root "$root" rpm -qa 'kernel-kvm*'
	[ -z "$output" ]
}

@test "yum reinstall restores files missing from /boot" {
	copy_root "$first" "$root"
	rm -f "$root"/boot/*"$kverrel"* "$root"/boot/loader/entries/*
	run is_installed "$root" "$kverrel"
	[ "$status" -ne 0 ]
	in_root "$root" yum -y reinstall "/rpms1/${packages[1]##*/}"
	is_installed "$root" "$kverrel"
}

@test "reinstalling -modules alone rebuilds modules.dep and the initramfs" {
	copy_root "$first" "$root"
	: >"$root/lib/modules/$kverrel/modules.dep"
	: >"$root/boot/initramfs-$kverrel.img"
	in_root "$root" dnf -y reinstall "/rpms1/${packages[2]##*/}"
	is_installed "$root" "$kverrel"
}

@test "the power fails in %posttrans: a reinstall repairs it" {
	local pid
	copy_root "$plain" "$root"
	dnf_install "$root" >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
	pid=$!
	# While dracut has a directory for its work, kernel-install is running.
	until compgen -G "$root/var/tmp/dracut.*" >/dev/null; do
		kill -0 "$pid"
		read -rt 0.05 <> <(:) || :
	done
	power_off "$root"
	wait "$pid" || :
	[ ! -s "$root/boot/initramfs-$kverrel.img" ]
	run is_installed "$root" "$kverrel"
	[ "$status" -ne 0 ]

	in_root "$root" dnf -y reinstall "${packages[@]/#*\//\/rpms1/}"
	is_installed "$root" "$kverrel"
	run find "$root/var/lib/rpm-state" -type f
	[ -z "$output" ]
}

@test "/boot full: rpm stops before it writes anything, and says how many MiB are missing" {
	copy_root "$plain" "$root"
	boot_size=12 run dnf_install "$root"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output =~ [0-9]+MB\ (more\ space\ )?needed\ on\ the\ /boot\ filesystem ]]
	run traces "$root" "$kverrel"
	echo "$output"
	[ -z "$output" ]
	run in_root "$root" rpm -qa 'kernel-kvm*'
	[ -z "$output" ]
}

@test "two installs at once: both are installed" {
	find_rpms2
	copy_root "$plain" "$root"
	# In one namespace, so that both see the same locks and processes, as on a host.
	# shellcheck disable=SC2016 # for the shell in the root
	in_root "$root" bash -c '
		dnf -y install /rpms1/'"${packages[1]##*/} /rpms1/${packages[2]##*/}"' & one=$!
		dnf -y install /rpms2/'"${packages2[1]##*/} /rpms2/${packages2[2]##*/}"' & two=$!
		wait $one && wait $two'
	is_installed "$root" "$kverrel"
	is_installed "$root" "$kverrel2"
}
