# SPDX-License-Identifier: GPL-2.0-only
# places.awk - does a patch fit a tree, in exactly the intended places?
#	awk -v tree=DIR -v name=NAME -f places.awk PATCH
# Exit 0: every hunk's old lines are in its file exactly as often as the patch has
# hunks with these lines. Otherwise it prints the first hunk of NAME that does not
# fit, and exits 1. git apply alone would choose the nearest of several places.

# Read a whole file: the record separator is a character that no source has, which works
# in every awk.
function content(path,    text, rs) {
	if (!(path in cache)) {
		rs = RS
		RS = "\001"
		if ((getline text < (tree "/" path)) < 1)
			text = ""
		close(tree "/" path)
		RS = rs
		cache[path] = "\n" text
	}
	return cache[path]
}

# How often lines, which begin and end with a newline, are in text.
function count(text, lines,    n, at) {
	while ((at = index(text, lines)) > 0) {
		n++
		text = substr(text, at + 1)
	}
	return n + 0
}

/^\+\+\+ b\// { file = substr($0, 7); next }
/^@@ -/ {
	split($2, range, ",")
	left = (range[2] == "") ? 1 : range[2] + 0
	hunks++
	in_file[hunks] = file
	line[hunks] = NR
	old[hunks] = "\n"
	next
}
left > 0 && /^[- ]|^$/ {
	old[hunks] = old[hunks] substr($0, 2) "\n"
	if (--left == 0)
		want[file, old[hunks]]++
}

END {
	for (h = 1; h <= hunks; h++) {
		text = content(in_file[h])
		if (text == "\n") {
			print in_file[h] " does not exist"
			exit 1
		}
		n = count(text, old[h])
		if (n == want[in_file[h], old[h]])
			continue
		print in_file[h] (n ? " has " n " places for" : " has no place for") " line " line[h] " of " name
		exit 1
	}
	if (!hunks) {
		print name " has no hunk"
		exit 1
	}
}
