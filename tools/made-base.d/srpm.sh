# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154  # prog, from lib.sh
# srpm.sh - a distribution-style kernel SRPM from a kernel's source. debian-base
# and upstream-base share it; they set `made` and call write_srpm.

made_base_d=$(realpath -- "${BASH_SOURCE[0]%/*}")

# What the SRPM is made of:
#   version release   of the package; version is the tree's VERSION.PATCHLEVEL.SUBLEVEL
#   summary           one line
#   tarball           the file with the tree
#   id                what tells one tarball from another
#   fetch             a function that makes `tarball`, called if it is needed; or empty
#   tarball_name      its name in the SRPM
#   topdir            the one directory in it (a shell pattern)
#   config            a file, Kconfig's form; or empty: the SRPM has none
#   patch             a file that %prep applies, or empty
#   vcs               "git:COMMIT#DESCRIBE", or empty
#   epoch             the time of all of it, seconds
declare -A made=()

# write_spec: the SRPM's spec on standard output.
write_spec() {
	local key keep=()
	for key in config patch vcs; do
		if [[ -n ${made[$key]:-} ]]; then keep+=(-e "s/^@$key@//"); else keep+=(-e "/^@$key@/d"); fi
	done
	sed "${keep[@]}" -e "s|@MAKER@|$prog|" -e "s|@VERSION@|${made[version]}|" -e "s|@RELEASE@|${made[release]}|" \
		-e "s|@SUMMARY@|${made[summary]}|" -e "s|@VCS@|${made[vcs]:-}|" -e "s|@TARBALL@|${made[tarball_name]}|" \
		-e "s|@TOPDIR@|${made[topdir]}|" -e "s|@PATCH@|$(basename -- "${made[patch]:-}")|" "$made_base_d/kernel.spec.in"
}

# place_tarball PATH: put the tarball there. rpm keeps a file's time and mode, so a
# file with others is copied.
place_tarball() {
	if [[ $(stat -L -c '%Y %a' -- "${made[tarball]}") == "${made[epoch]} 644" ]]; then
		ln -s "$(realpath -- "${made[tarball]}")" "$1"
	else
		cp --reflink=auto -- "${made[tarball]}" "$1"
		chmod 644 "$1"
		touch -d "@${made[epoch]}" "$1"
	fi
}

# write_srpm OUTDIR: write OUTDIR/kernel-VERSION-RELEASE.src.rpm and print its path.
# The same input gives the same bytes; an SRPM made from the very same input stays.
write_srpm() {
	local outdir=$1 name out tmp stamp
	name=kernel-${made[version]}-${made[release]}.src.rpm
	out=$outdir/$name
	need_cmd rpmbuild rpm-build rpm
	make_tmp tmp "$(realpath -- "$outdir")"
	mkdir "$tmp/SOURCES" "$tmp/SPECS"
	# The first line is what distribution-style config processing looks for.
	[[ -z ${made[config]} ]] || { echo '# x86_64'; cat -- "${made[config]}"; } > "$tmp/SOURCES/kernel-x86_64.config"
	[[ -z ${made[patch]} ]] || cp -- "${made[patch]}" "$tmp/SOURCES/"
	write_spec > "$tmp/SPECS/kernel.spec"
	find "$tmp" -type f -exec touch -d "@${made[epoch]}" {} + -exec chmod 644 {} +

	stamp=$({
		find "$tmp" -type f -print0 | sort -z | xargs -0 cat
		echo "${made[id]}"
		cat "$made_base_d/srpm.sh" "$0"
	} | sha256sum | cut -c1-16)
	if [[ ! -s $out || $(cat "$out.inputs" 2>/dev/null) != "$stamp" ]]; then
		${made[fetch]:-:}
		need_space "$outdir" $(($(stat -L -c %s "${made[tarball]}") * 3 / 1048576 + 16)) "the base SRPM"
		place_tarball "$tmp/SOURCES/${made[tarball_name]}"
		# rpm keeps the expanded spec in the header: a relative _topdir leaves no
		# trace of where it was made.
		(cd -- "$tmp" && SOURCE_DATE_EPOCH=${made[epoch]} rpmbuild -bs --quiet --nodeps --target x86_64 \
			--define '_topdir .' --define "_dbpath $tmp/db" --define '_buildhost kernel-kvm' \
			--define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' \
			--define '_source_payload w0.gzdio' --define '_rpmformat 4' SPECS/kernel.spec > log 2>&1) ||
			die "rpmbuild -bs of the base failed:" "$(tail -n 5 "$tmp/log")"
		mv -- "$tmp/SRPMS/$name" "$out"
		echo "$stamp" > "$out.inputs"
		info "made $name, $(($(stat -c %s "$out") >> 20)) MiB"
	fi
	printf '%s\n' "$out"
}
