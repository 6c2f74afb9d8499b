# SPDX-License-Identifier: GPL-2.0-only
# fragment.awk - settings of one fragment, see fragments.sh. Variables: file,
# rank. Prints every malformed line to stderr and exits 1 if there was one.
function bad(what, hint) {
	printf "kconfig: error: %s:%d: %s\n    found: %s\n    %s\n", file, FNR, what, $0, hint > "/dev/stderr"
	errors++
}
BEGIN { OFS = "\t" }
/\r$/ {
	if (!crlf++)
		bad("line ends in CR LF, expected LF", "convert it: sed -i 's/\\r$//' " file)
	next
}
{
	line = $0
	optional = sub(/[ \t]+# optional[ \t]*$/, "", line)
	trees = ""
	if (match(line, /[ \t]+# (unless|where) CONFIG_[A-Za-z0-9_]+[ \t]*$/)) {
		trees = substr(line, RSTART)
		line = substr(line, 1, RSTART - 1)
		sub(/^[ \t]+# unless CONFIG_/, "!", trees)
		sub(/^[ \t]+# where CONFIG_/, "", trees)
		sub(/[ \t]+$/, "", trees)
	}
	or_y = sub(/=m[ \t]+# or y[ \t]*$/, "=m", line)
	sub(/[ \t]+$/, "", line)
}
line ~ /^# CONFIG_[A-Za-z0-9_]+ is not set$/ {
	split(line, word, " ")
	print word[2], "n", file, FNR, optional, rank, trees
	next
}
line ~ /^#[ \t]*CONFIG_[A-Za-z0-9_]+ +is +(not +set|unset)/ {
	bad("not the form that Kconfig reads", "write: # CONFIG_NAME is not set")
	next
}
/^[ \t]*(#|$)/ { next }
line ~ /^CONFIG_[A-Za-z0-9_]+=("([^"\\]|\\.)*"|[A-Za-z0-9_-]+)$/ {
	eq = index(line, "=")
	print substr(line, 1, eq - 1), substr(line, eq + 1) (or_y ? "|y" : ""), file, FNR, optional, rank, trees
	next
}
{ bad("not a setting", "write CONFIG_NAME=value, or # CONFIG_NAME is not set, from the first column; what may\n    come after it is in configs/README.md") }
END { exit errors > 0 }
