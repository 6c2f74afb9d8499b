# renumber.awk LOG PATCH - PATCH with its hunks' line numbers moved to where
# `git apply -v`, whose output LOG is, found them. Nothing else is changed: a
# hunk keeps just the context that it has.

FILENAME == ARGV[1] {
	if (/^Checking patch /)
		file++
	else if (file && /^Hunk #[0-9]+ succeeded at .*\(offset -?[0-9]+ line/) {
		number = substr($2, 2) + 0
		sub(/.*\(offset /, "")
		moved[file, number] = $1 + 0
	}
	# What follows is told of the files a second time.
	if (/^Applied patch /)
		nextfile
	next
}
FNR == 1 { file = 0 }
old_left > 0 || new_left > 0 {
	c = substr($0, 1, 1)
	if (c != "+" && c != "\\")
		old_left--
	if (c != "-" && c != "\\")
		new_left--
	print
	next
}
/^diff --git / { file++; hunk = grown = 0; git_header = 1 }
/^--- [^ ]/ {
	if (!git_header) {
		file++
		hunk = grown = 0
	}
	git_header = 0
}
/^@@ -[0-9]+(,[0-9]+)? \+[0-9]+(,[0-9]+)? @@/ {
	split(substr($2, 2), old, ",")
	split(substr($3, 2), new, ",")
	old_left = $2 ~ /,/ ? old[2] : 1
	new_left = $3 ~ /,/ ? new[2] : 1
	at = new[1] + moved[file, ++hunk]
	rest = $0
	sub(/^@@ [^ ]+ [^ ]+ /, "", rest)
	printf "@@ -%d%s +%d%s %s\n", old_left ? at - grown : old[1], $2 ~ /,/ ? "," old_left : "",
		at, $3 ~ /,/ ? "," new_left : "", rest
	grown += new_left - old_left
	next
}
{ print }
