# SPDX-License-Identifier: GPL-2.0-only
# members.awk - the members of a kernel's tarball, as `tar -tv --numeric-owner
# --full-time` lists them: prints "top DIR TIME-OF-MAKEFILE", or what is wrong.

function bad(why) { print why; failed = 1; exit }

# How deep below the top directory a path ends; -1 if it leaves that on its way.
function depth(path,   part, n, i, d) {
	n = split(path, part, "/")
	d = 0
	for (i = 1; i <= n; i++) {
		if (part[i] == "" || part[i] == ".") continue
		d += part[i] == ".." ? -1 : 1
		if (d < 1) return -1
	}
	return d
}

{
	kind = substr($1, 1, 1)
	time = $4 "T" $5 "Z"
	name = $0
	for (i = 0; i < 5; i++) sub(/^[^ ]+ +/, "", name)
	target = ""
	if (kind == "l" && (at = index(name, " -> "))) { target = substr(name, at + 4); name = substr(name, 1, at - 1) }
	if (kind == "h" && (at = index(name, " link to "))) { target = substr(name, at + 9); name = substr(name, 1, at - 1) }
	if (kind !~ /^[-dlh]$/) bad("a member is neither file, directory nor link: " $0)
	if (name ~ /^\//) bad("a member's name begins at the root: " name)
	if (name ~ /(^|\/)\.\.(\/|$)/) bad("a member's name leads upwards: " name)
	sub(/^(\.\/)+/, "", name)
	if (name == "" || name == ".") next
	first = name
	sub(/\/.*/, "", first)
	if (top == "") top = first
	if (top !~ /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/) bad("not a directory's name as kernel.org has them (letters, digits, ._+-): " top)
	if (first != top) bad("two directories at its top: " top " and " first)
	if (kind == "h" && (target ~ /^\// || depth(target) < 1 || index(target, top "/") != 1)) bad("a link leads out of it: " name " to " target)
	if (kind == "l") {
		where = name
		sub(/[^\/]*$/, "", where)
		if (target ~ /^\// || depth(where target) < 1) bad("a link leads out of it: " name " to " target)
	}
	if (name == top "/Makefile" && kind == "-") makefile = time
	if (name == top "/Kconfig") kconfig = 1
	if (index(name, top "/arch/x86/kvm/") == 1) kvm = 1
}

END {
	if (failed || top == "") exit
	if (makefile == "" || !kconfig || !kvm) print "not a kernel tree: expected Makefile, Kconfig and arch/x86/kvm in " top
	else print "top", top, makefile
}
