# lint.awk - reads one patch and prints what it holds, one fact per line,
# fields apart by tabs:
#	subject TEXT          the Subject, unfolded, without [PATCH ...]
#	kernel|probe|upstream TEXT    a trailer of the message
#	file PATH             a file it touches (the old and the new name)
#	hunk N LINE PATH START        hunk N of PATH is at LINE of the patch and
#	                      meant for line START of the base
#	error LINE TEXT       what is wrong with it, at LINE (0: as a whole)
# Nothing here looks at a tree.

function error(line, text) { print "error\t" line "\t" text; bad = 1 }

# "a/x/y" or "x/y\tdate" as a header line has it -> x/y
function plain(path) {
	sub(/\t.*$/, "", path)
	if (path == "/dev/null")
		return ""
	sub(/^[^\/]*\//, "", path)
	return path
}

function touch(path) {
	if (path == "" || path in touched)
		return
	if (path ~ /^\// || path ~ /(^|\/)\.\.(\/|$)/ || path ~ /^"/) {
		error(NR, "the file name " path " leaves the tree or is quoted")
		return
	}
	touched[path] = 1
	print "file\t" path
	changes = 1
}

function end_hunk() {
	if (in_hunk && (old_left > 0 || new_left > 0))
		error(hunk_line, "hunk " hunks[cur] " of " cur " is cut short at line " NR \
			": " old_left " old and " new_left " new lines are missing")
	in_hunk = 0
}

# A hunk's header: "@@ -START[,LEN] +START[,LEN] @@ ..."
function begin_hunk(    f, o, n) {
	if ($0 !~ /^@@ -[0-9]+(,[0-9]+)? \+[0-9]+(,[0-9]+)? @@/) {
		error(NR, "not a hunk header: " $0)
		return
	}
	split($0, f, " ")
	o[2] = n[2] = 1
	split(substr(f[2], 2), o, ",")
	split(substr(f[3], 2), n, ",")
	old_left = (o[2] == "") ? 1 : o[2] + 0
	new_left = (n[2] == "") ? 1 : n[2] + 0
	in_hunk = 1
	hunk_line = NR
	hunks[cur]++
	print "hunk\t" hunks[cur] "\t" NR "\t" cur "\t" o[1]
}

function trailer(key, name,    value) {
	if (index($0, name ":") != 1)
		return 0
	value = substr($0, length(name) + 2)
	gsub(/^[ \t]+|[ \t\r]+$/, "", value)
	if (key in seen)
		error(NR, "a second " name ": trailer; one is wanted")
	seen[key] = 1
	trailer_key = key
	trailer_value = value
	return 1
}
function end_trailer() {
	if (trailer_key != "")
		print trailer_key "\t" trailer_value
	trailer_key = ""
}

NR > 200000 { error(NR, "more than 200000 lines: no patch to carry"); exit }

/^(diff --git |--- |\+\+\+ |@@ -|Subject:)/ && /\r$/ && !crlf {
	crlf = 1
	error(NR, "CRLF line endings: some mailer or editor changed it; export it anew (git format-patch)")
}

in_hunk && (old_left > 0 || new_left > 0) {
	c = substr($0, 1, 1)
	if (c == " " || $0 == "" || $0 == "\r") { old_left--; new_left--; next }
	if (c == "-") { old_left--; next }
	if (c == "+") { new_left--; next }
	if (c == "\\") next
	end_hunk()
}

/^diff --git / {
	end_hunk()
	in_diff = 1
	next
}
in_diff && /^(rename|copy) (from|to) / { p = $0; sub(/^(rename|copy) (from|to) /, "", p); touch(p); next }
in_diff && /^(old|new) mode / { modes = 1; next }
in_diff && /^(GIT binary patch|Binary files .* differ)/ {
	error(NR, "a binary hunk: a kernel patch carries text only")
	next
}
/^--- / && !/^--- *$/ {
	end_hunk()
	in_diff = 1
	old = plain(substr($0, 5))
	next
}
in_diff && /^\+\+\+ / {
	new = plain(substr($0, 5))
	touch(old)
	touch(new)
	cur = (new == "") ? old : new
	if (old != "")
		cur = old
	next
}
in_diff && /^@@ / { begin_hunk(); next }

!in_diff && /^Subject:/ && !have_subject {
	subject = substr($0, 9)
	have_subject = folding = 1
	next
}
folding && /^[ \t]/ { sub(/^[ \t]+/, " "); subject = subject $0; next }
folding {
	folding = 0
	gsub(/^[ \t]+|[ \t\r]+$/, "", subject)
	sub(/^\[PATCH[^]]*\][ \t]*/, "", subject)
	print "subject\t" subject
}
# A trailer goes on in lines that begin with white space, as git has it.
!in_diff && trailer_key != "" && /^[ \t]+[^ \t\r]/ {
	gsub(/^[ \t]+|[ \t\r]+$/, "")
	trailer_value = trailer_value " " $0
	next
}
{ end_trailer() }
!in_diff && /^---[ \t\r]*$/ { after_message = 1 }
!in_diff && !after_message {
	trailer("kernel", "Kernel") || trailer("probe", "Probe") || trailer("upstream", "Upstream")
}

END {
	end_hunk()
	end_trailer()
	if (NR == 0)
		error(0, "it is empty")
	else if (!bad && !changes && modes)
		error(0, "it changes a file's mode only: nothing that a kernel build sees")
	else if (!bad && !changes)
		error(0, "it changes nothing: there is no diff in it")
	else if (!have_subject)
		error(0, "no Subject: line, so not in git format-patch form (tools/spec/patch add makes it so)")
}
