# SPDX-License-Identifier: GPL-2.0-only
# unite.awk - one setting per symbol; input sorted by symbol, then by rank.
function where(f, l) { return f == "--set" ? "--set" : f ":" l }
function flush() { if (symbol != "") print symbol, value, file, line, optional, rank }
BEGIN { OFS = "\t" }
$1 != symbol {
	flush()
	symbol = $1; value = $2; file = $3; line = $4; optional = $5; rank = $6
	next
}
# m satisfies "m or y", and so does y.
value == "m|y" && ($2 == "m" || $2 == "y") && $6 == rank {
	value = $2; file = $3; line = $4; optional = $5
	next
}
$2 == "m|y" && (value == "m" || value == "y") && $6 == rank { next }
$2 == value { optional = optional && $5; next }
$6 == rank && rank < 3 {
	printf "kconfig: error: %s is set twice, differently\n    %s: %s\n    %s: %s\n    keep one of the two lines\n",
		$1, where(file, line), value, where($3, $4), $2 > "/dev/stderr"
	errors++
	next
}
{
	if (rank < $6 && $6 == 2)
		printf "kconfig: %s: %s=%s replaces %s of %s\n", where($3, $4), $1, $2, value, where(file, line) > "/dev/stderr"
	value = $2; file = $3; line = $4; optional = $5; rank = $6
}
END { flush(); exit errors > 0 }
