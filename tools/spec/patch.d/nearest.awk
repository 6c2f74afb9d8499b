# SPDX-License-Identifier: GPL-2.0-only
# nearest.awk -v start=N LINES FILE - where FILE comes nearest to LINES, the
# lines a hunk expects around line N: prints them side by side in the form
#	N the same|changed ...
# Among equally good places, the nearest to START wins.

FILENAME == ARGV[1] { want[++n] = $0; next }
{ have[++m] = $0 }

END {
	best = -1
	for (at = 1; at <= m; at++) {
		score = 0
		for (i = 1; i <= n && at + i - 1 <= m; i++)
			if (want[i] == have[at + i - 1])
				# An empty line or a lone brace is weak evidence.
				score += (want[i] ~ /[A-Za-z0-9_]/) ? 4 : 1
		away = at > start ? at - start : start - at
		if (score > best || (score == best && away < nearest)) {
			best = score
			nearest = away
			place = at
		}
	}
	print "the patch expects, at line " start ":"
	for (i = 1; i <= n && i <= 24; i++)
		print "      " want[i]
	if (best <= 0) {
		print "no line of the base's file resembles them"
		exit
	}
	print "the base has, nearest to that (! differs):"
	for (i = 1; i <= n && i <= 24 && place + i - 1 <= m; i++)
		printf "  %s %5d %s\n", (want[i] == have[place + i - 1]) ? " " : "!", place + i - 1, have[place + i - 1]
}
