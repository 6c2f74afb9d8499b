# SPDX-License-Identifier: GPL-2.0-only
# effects.awk - what patches say they do: "kind<tab>file<tab>mode" for each file.
#
# awk -v strip=N [-v original=FILE] [-v reverse=-R] [-v only=FILE] -f effects.awk PATCH...
# kind: modify, create, delete, mode, left (its old name, renamed), came (the new
# one). strip "-": the file's last name alone, as patch without -p. original: patch's
# own argument, the one file that it changes. With only (names, one per line), the
# parts of the patches about these files are printed instead.

function stripped(path, n) {
	sub(/[\t\r].*/, "", path)
	gsub(/^"|"$/, "", path)
	if (original != "") return original
	if (strip == "-") { sub(/.*\//, "", path); return path }
	for (; n > 0; n--) if (!sub(/^[^\/]*\/+/, "", path)) break
	return path
}
function exists(path,   line, there) { there = (getline line < path) >= 0; close(path); return there }
function absent(name) { return name ~ /^\/dev\/null/ || name ~ /\t(1969-12-31|1970-01-01|Thu Jan  ?1 [0-9:]+ 1970)/ }
function emit(kind, file, mode) {
	if (reverse != "" && !sub(/^create/, "delete", kind)) sub(/^delete/, "create", kind)
	if (!parts) printf "%s\t%s\t%s\n", kind, file, mode
	else if (file in wanted) printed = 1
}
# The file's part of a patch ends.
function flush(   a, b, path) {
	if (from != "" || to != "") {
		a = stripped(from, strip); b = stripped(to, strip); path = b
		if (kind == "" && hunks) { if (absent(from) && born) kind = "create"; else if (absent(to) && dead) kind = "delete" }
		if (kind == "delete" || absent(to)) path = a
		else if (kind == "" && a != b && !absent(from) && exists(a) && (!exists(b) || gsub(/\//, "/", a) < gsub(/\//, "/", b) || length(a) < length(b))) path = a
		printed = 0
		if (kind == "rename") { emit("left", reverse == "" ? left : came); emit("came", reverse == "" ? came : left) }
		else if (kind == "copy") emit("create", came)
		else if (kind != "") emit(kind, path)
		else if (hunks) emit("modify", path)
		if (newmode != "" && reverse == "") emit("mode", kind == "rename" ? came : path, newmode)
		if (oldmode != "" && reverse != "") emit("mode", kind == "rename" ? left : path, oldmode)
		if (printed) printf "%s", text
	}
	from = to = kind = newmode = oldmode = text = ""
	hunks = born = dead = 0
}
function rest(line) { sub(/^[a-z]+ [a-z]+ /, "", line); return line }
BEGIN {
	parts = only != ""
	n = split(only, w, "\n")
	for (i = 1; i <= n; i++) wanted[w[i]] = 1
}
FNR == 1 { flush(); git = minus = plus = 0 }
{ if (parts) line = $0 "\n" }
minus > 0 || plus > 0 {
	c = substr($0, 1, 1)
	if (c == "-") minus--; else if (c == "+") plus--; else if (c != "\\") { minus--; plus-- }
	text = text line
	next
}
/^diff --git / {
	flush()
	git = 1
	# Both names are one, as far as nothing else says otherwise.
	half = substr($0, 12)
	half = substr(half, 1, int(length(half) / 2))
	from = half
	to = "b" substr(half, 2)
	text = line
	next
}
git && /^old mode / { oldmode = rest($0) }
git && /^new mode / { newmode = rest($0) }
git && /^new file mode / { kind = "create"; newmode = ($0 ~ /755/ ? "100755" : "") }
git && /^deleted file mode / { kind = "delete" }
git && /^rename from / { kind = "rename"; left = stripped(rest($0), strip - 1) }
git && /^rename to / { came = stripped(rest($0), strip - 1) }
git && /^copy from / { kind = "copy" }
git && /^copy to / { came = stripped(rest($0), strip - 1) }
git && /^GIT binary patch/ { hunks = 1 }
/^--- / { held = $0; held_line = line; next }
/^\+\+\+ / && held != "" {
	if (!git) flush()
	git = 0
	from = substr(held, 5)
	to = substr($0, 5)
	text = text held_line line
	held = ""
	next
}
/^@@ -[0-9]/ {
	minus = plus = 1
	n = split($2, w, ","); if (n > 1) minus = w[2] + 0
	n = split($3, w, ","); if (n > 1) plus = w[2] + 0
	if (minus == 0 && $2 ~ /^-0/) born = 1
	if (plus == 0 && $3 ~ /^\+0/) dead = 1
	hunks++
	text = text line
	next
}
{ held = ""; if (git || hunks) text = text line }
END { flush() }
