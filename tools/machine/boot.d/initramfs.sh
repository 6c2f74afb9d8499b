# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034 # globals are tools/machine/boot's
# initramfs.sh - part of tools/machine/boot: the initramfs that a command runs in.
# Reads its globals: modules, moddir, loads, files, dirs, sysroot, command, work.

# libraries FILE: the paths of the shared libraries that FILE needs.
libraries() {
	if [[ -n $sysroot ]]; then
		chroot "$sysroot" ldd "${1#"$sysroot"}"
	else
		ldd "$1"
	fi 2>/dev/null | grep -o '/[^ )]*'
}

# put SRC DEST ROOT: copy a file into ROOT, and the libraries that it links to.
put() {
	local src=$1 dest=$2 root=$3 lib
	[[ -f $src ]] || no_boot "$src: no such file (--file)"
	mkdir -p "$root${dest%/*}"
	cp -L -- "$src" "$root$dest"
	while read -r lib; do
		[[ ! -e $root$lib ]] || continue
		mkdir -p "$root${lib%/*}"
		cp -L -- "$sysroot$lib" "$root$lib"
	done < <(libraries "$src")
}

# put_modules ROOT: copy the modules and list their paths in ROOT/modules, in
# the order of loading. Modules of --moddir keep their path.
put_modules() {
	local root=$1 file dest kverrel base n=0
	: >"$root/modules"
	for file in ${modules[@]+"${modules[@]}"}; do
		dest=/modules.d/$((n++))-${file##*/}
		mkdir -p "$root/modules.d"
		cp -L -- "$file" "$root$dest"
		echo "$dest" >>"$root/modules"
	done
	((${#loads[@]})) || return 0

	need_cmd modprobe kmod kmod
	[[ -f $moddir/modules.dep ]] ||
		no_boot "$moddir/modules.dep: not there" "run depmod, or use --module FILE"
	kverrel=${moddir##*/} base=${moddir%/lib/modules/*}
	mkdir -p "$root/lib/modules/$kverrel"
	cp -- "$moddir"/modules.* "$root/lib/modules/$kverrel/"
	modprobe -d "$base/" -S "$kverrel" --show-depends -a "${loads[@]}" \
		>"$work/depends" 2>"$work/modprobe.log" ||
		no_boot "$moddir: cannot load ${loads[*]}" "$(tail -n 1 "$work/modprobe.log")"
	awk '$1 == "insmod" && !seen[$2]++ { print $2 }' "$work/depends" >"$work/depends.files"
	while read -r file; do
		dest=/lib/modules/$kverrel/${file#*"/lib/modules/$kverrel/"}
		mkdir -p "$root${dest%/*}"
		cp -L -- "$file" "$root$dest"
		echo "$dest" >>"$root/modules"
	done <"$work/depends.files"
}

# make_initramfs OUT: busybox, modules, files, and an init that loads the
# modules and runs the command as tools/machine/boot.d/payload does.
make_initramfs() {
	local out=$1 root=$work/root spec src dest busybox
	busybox=$(command -v busybox) ||
		(need_cmd busybox busybox busybox-static) || exit 125
	mkdir -p "$root"/{bin,dev,etc,proc,run,sys,tmp,usr/bin}
	ln -s bin "$root/sbin"
	put "$busybox" /bin/busybox "$root"
	"$busybox" --list | while read -r src; do
		[[ $src == busybox ]] || ln -s busybox "$root/bin/$src"
	done
	put_modules "$root"
	for spec in ${dirs[@]+"${dirs[@]}"}; do
		src=${spec%%:*} dest=${spec#*:}
		[[ -d $src && $dest == /* ]] || no_boot "--dir $spec: expected SRC:/DEST, SRC a directory"
		mkdir -p "$root$dest"
		cp -a -- "$src/." "$root$dest/"
	done
	for spec in ${files[@]+"${files[@]}"}; do
		src=${spec%%:*} dest=/bin/${spec##*/}
		[[ $spec != *:* ]] || dest=${spec#*:}
		# A file of ours may have the name of a busybox applet.
		rm -f -- "$root$dest"
		put "$src" "$dest" "$root"
	done
	cp -- "$parts/payload" "$root/payload"
	cp -- "$parts/init" "$root/init"
	printf '%q ' "${command[@]}" >"$root/command"
	echo >>"$root/command"
	(cd -- "$root" && find . -print0 | sort -z |
		cpio --null -o -H newc -R 0:0 --quiet) | gzip -1 >"$out" ||
		no_boot "cannot write the initramfs" "is there space in ${TMPDIR:-/tmp}?"
}
