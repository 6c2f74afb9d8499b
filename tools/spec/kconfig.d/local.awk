# SPDX-License-Identifier: GPL-2.0-only
# local.awk - configs/local.config with changes: CHANGED LOCAL.
function symbol(line,   word) {
	if (line ~ /^CONFIG_[A-Za-z0-9_]+=/)
		return substr(line, 1, index(line, "=") - 1)
	if (line ~ /^# CONFIG_[A-Za-z0-9_]+ is not set/) {
		split(line, word, " ")
		return word[2]
	}
	return ""
}
NR == FNR {
	name = symbol($0)
	if (name != "") {
		change[name] = $0
		order[++n] = name
	}
	next
}
{
	name = symbol($0)
	if (name in change) {
		if (!(name in done))
			print change[name] (match($0, / # (optional|(unless|where) CONFIG_[A-Za-z0-9_]+)[ \t]*$/) ? substr($0, RSTART) : "")
		done[name]
		next
	}
	print
}
END {
	for (i = 1; i <= n; i++)
		if (!(order[i] in done))
			print change[order[i]]
}
