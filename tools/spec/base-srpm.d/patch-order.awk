# SPDX-License-Identifier: GPL-2.0-only
# patch-order.awk - which patches a spec's %prep applies, in order, and how.
#
# awk -v members=FILE -v tags=FILE -f patch-order.awk SPEC
# members: the SRPM's member names; tags: those with a Patch tag. SPEC: the text,
# as rpm expanded it (exact) or as it is (macros match anything, conditionals
# other than %if 0 are taken to hold).
# Prints "mechanism<tab>strip<tab>file" per applied patch or series, then
# "never<tab>-<tab>file" for what no line of %prep applies.

BEGIN {
	FS = "\n"
	while ((getline line < members) > 0) member[line] = ++member_count
	while ((getline line < tags) > 0) { tag[++tags_count] = line; is_tag[line] = 1 }
}

# A member's name from a word of the spec: quotes and directories off, macros
# standing for anything; "" if no member or more than one fits.
function resolve(word,   base, re, m, found) {
	gsub(/["'<>;()]/, "", word)
	base = word
	gsub(/%\{[^}\/]*\}|%[A-Za-z_][A-Za-z0-9_]*/, "\001", base)
	sub(/.*\//, "", base)
	if (base in member) return base
	if (base !~ /\001/ || base !~ /\.(patch|diff)|^patch-/) return ""
	re = base
	gsub(/[.+^$()|\[\]{}*?\\]/, "\\\\&", re)
	gsub(/\001/, ".*", re)
	for (m in member) if (m ~ "^" re "$") { if (found != "") return ""; found = m }
	return found
}

function emit(how, strip, file) {
	if (file == "") return
	if ($0 ~ /[ \t](-R|--reverse)([ \t]|$)/) how = how " -R"
	printf "%s\t%s\t%s\n", how, strip, file
	done_with[file] = 1
}

function strip_of(line, otherwise,   m) {
	return match(line, /-p ?[0-9]+/) ? substr(line, RSTART + RLENGTH - 1, 1) : otherwise
}

function emit_all(how, strip,   i) {
	for (i = 1; i <= tags_count; i++) emit(how, strip, tag[i])
}

function mechanism(line) {
	if (match(line, /Apply[A-Za-z]*/)) return substr(line, RSTART, RLENGTH)
	if (line ~ /git +am/) return "git am"
	if (line ~ /git +apply/) return "git apply"
	return "patch"
}

function applies(line) {
	return line ~ /(^|[ \t;|&(\/}])(patch|git +apply|git +am|Apply[A-Za-z]*|\$\{?patch_command\}?)([ \t]|$)/ ||
		line ~ /%\{?__patch\}?|%\{?__git\}? +(am|apply)/
}

# A name with %prep's shell variables and the spec's simple macros in it put in
# their place.
function with_values(s,   name) {
	while (match(s, /\$\{?[A-Za-z_][A-Za-z0-9_]*\}?/)) {
		name = substr(s, RSTART, RLENGTH)
		gsub(/[${}]/, "", name)
		if (!(name in shell)) break
		s = substr(s, 1, RSTART - 1) shell[name] substr(s, RSTART + RLENGTH)
	}
	while (match(s, /%\{\??[A-Za-z_][A-Za-z0-9_]*\}/)) {
		name = substr(s, RSTART, RLENGTH)
		gsub(/[%{}?]/, "", name)
		if (!(name in value_of)) break
		s = substr(s, 1, RSTART - 1) value_of[name] substr(s, RSTART + RLENGTH)
	}
	return s
}

# Every member named in a command that applies patches.
function emit_words(line, strip,   n, w, i) {
	for (i = 1; i <= tags_count; i++)
		if (tag[i] ~ / / && index(line, tag[i])) { emit(mechanism(line), strip, tag[i]); return }
	if (line ~ /%\{?patches\}?/) { emit_all(mechanism(line), strip); return }
	n = split(line, w, /[ \t|]+/)
	for (i = 1; i <= n; i++) {
		if (w[i] ~ /^%\{?(PATCH|SOURCE|P:|S:)/) continue
		if (mechanism(line) ~ /^Applyp/ && w[i] ~ /series|\.list/) emit("series", strip, resolve(w[i]))
		else if (w[i] ~ /\.(patch|diff|bz2|gz|xz|zst)/ || resolve(w[i]) in is_tag) emit(mechanism(line), strip, resolve(w[i]))
	}
	emit_numbered(line, "(PATCH|P:)[ ]*", numbered, mechanism(line), strip)
	emit_numbered(line, "(SOURCE|S:)[ ]*", source, mechanism(line), strip)
}

# Every %{PATCH7} or %{S:7} in the line.
function emit_numbered(line, kind, files, how, strip,   name) {
	while (match(line, "%[{]" kind "[0-9]+[}]")) {
		name = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		gsub(/[^0-9]/, "", name)
		emit(how, strip, files[name + 0])
	}
}

# --- %if 0 ... %endif is not there ---
/^[ \t]*%(if|ifarch|ifnarch|ifos|ifnos)[ \t]/ {
	depth++
	if (!off && $0 ~ /^[ \t]*%if[ \t]+0[ \t]*$/) off = depth
	next
}
/^[ \t]*%else/ { if (off == depth) off = 0; next }
/^[ \t]*%endif/ { if (off == depth) off = 0; depth--; next }
off { next }

!prep && /^[ \t]*%(global|define)[ \t]+[A-Za-z_][A-Za-z0-9_]*[ \t]+[^ \t]+[ \t]*$/ { split($0, w, /[ \t]+/); value_of[w[2]] = w[3] }
!prep && /^(Name|Version):/ { split($0, w, /[ \t]+/); value_of[tolower(substr(w[1], 1, length(w[1]) - 1))] = w[2] }

# --- Tags ---
!prep && /^[Pp]atch[0-9]*[ \t]*:/ {
	n = $0
	sub(/^[Pp]atch/, "", n); sub(/[ \t]*:.*/, "", n)
	value = $0
	sub(/^[^:]*:[ \t]*/, "", value); sub(/[ \t]+$/, "", value)
	last = n == "" ? last + 1 : n + 0
	numbered[last] = resolve(value)
	next
}
!prep && /^[Ss]ource[0-9]+[ \t]*:/ {
	n = $0
	sub(/^[Ss]ource/, "", n); sub(/[ \t]*:.*/, "", n)
	value = $0
	sub(/^[^:]*:[ \t]*/, "", value); sub(/[ \t]+$/, "", value)
	# The same number in several branches: the one that is a member.
	value = resolve(value)
	if (value != "") source[n + 0] = value
	next
}

/^%prep/ { prep = 1; next }
prep && /^#section build$/ { prep = 0; ended = 1 }
prep && /^%(build|install|check|clean|files|package|description|changelog|pre|post|preun|postun|generate_buildrequires|conf)([ \t]|$)/ { prep = 0; ended = 1 }
!prep || ended { next }

# --- %prep: comments off, continued lines joined ---
/^[ \t]*#/ { next }
{
	text = pending $0
	if (text ~ /\\$/) { pending = substr(text, 1, length(text) - 1) " "; next }
	if (text ~ /\|[ \t]*$/) { pending = text " "; next }
	pending = ""
	$0 = text
}

/^[ \t]*[A-Za-z_][A-Za-z0-9_]*=[^ \t;`$]+[ \t]*$/ { name = $0; sub(/=.*/, "", name); sub(/^[ \t]+/, "", name); value = $0; sub(/^[^=]*=/, "", value); gsub(/[ \t"']/, "", value); shell[name] = value }

/^[ \t]*for [A-Za-z_]+ in / {
	split($0, w, /[ \t]+/)
	loop = $0
	sub(/^[ \t]*for /, "", loop)
	variable = loop
	sub(/ .*/, "", variable)
	list = loop
	sub(/^[A-Za-z_]+ in /, "", list)
	body = list
	if (sub(/;[ \t]*do/, "", body)) { } else body = ""
	sub(/;.*/, "", list)
	in_loop = 1
	if (loop !~ /;[ \t]*do[ \t]+[^ \t]/) next
}
in_loop && applies($0) && $0 ~ "\\$\\{?" variable {
	strip = strip_of($0, 1)
	if (match(list, /(\$\(|`)(cat|<) *[^)`]+/)) {
		name = substr(list, RSTART, RLENGTH)
		sub(/.*[ \t]/, "", name)
		sub(/.*\//, "", name)
		emit("series", strip, with_values(name))
	} else if (list ~ /%\{?patches\}?/) emit_all(mechanism($0), strip)
	else { n = split(list, w, /[ \t]+/); for (i = 1; i <= n; i++) emit(mechanism($0), strip, resolve(w[i])) }
}
/(^|[ \t;])done([ \t;|<]|$)/ { in_loop = 0; next }
in_loop { next }

/^[ \t]*%auto(setup|patch)/ {
	if ($0 !~ / -N/) emit_all("%autosetup", strip_of($0, 0))
	next
}
/^[ \t]*%patch[0-9]+/ {
	n = $0
	sub(/^[ \t]*%patch/, "", n)
	emit("%patch", strip_of($0, 0), numbered[n + 0])
	next
}
/^[ \t]*%patch([ \t]|$)/ {
	line = $0
	strip = strip_of(line, 0)
	if (line !~ /-P/ && match(line, /^[ \t]*%patch[ \t]+[0-9]+/)) { n = substr(line, RSTART, RLENGTH); sub(/.*[ \t]/, "", n); emit("%patch", strip, numbered[n + 0]) }
	if (line ~ /^[ \t]*%patch([ \t]+-[^P].*)?$/ && line !~ /-P/ && line !~ /%patch[ \t]+[0-9]/) emit("%patch", strip, numbered[0])
	while (match(line, /-P[ \t]*[0-9]+/)) {
		n = substr(line, RSTART + 2, RLENGTH - 2)
		emit("%patch", strip, numbered[n + 0])
		line = substr(line, RSTART + RLENGTH)
	}
	next
}
applies($0) && !/\(\)[ \t]*\{?$/ { emit_words($0, strip_of($0, 1)) }

END {
	for (i = 1; i <= tags_count; i++) if (!(tag[i] in done_with)) printf "never\t-\t%s\n", tag[i]
	for (m in member) if (m ~ /\.(patch|diff)(\.(gz|bz2|xz|zst))?$/ && !(m in is_tag) && !(m in done_with)) printf "never\t-\t%s\n", m | "sort"
}
