# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# proof.sh - that every patch %prep applied is in the finished tree. bin/patch has
# recorded each call, what its patches say they do, and the files before and after.
# Exit 0 of someone's %prep proves nothing: git apply skips, a pipeline hides what
# failed, a later command undoes it.

# unpacked_patch FILE: its text, whatever it is packed with.
unpacked_patch() {
	case $1 in
	*.gz) gzip -dc -- "$1" ;;
	*.bz2) bzip2 -dc -- "$1" ;;
	*.xz) xz -dc -- "$1" ;;
	*.zst) zstd -qdc -- "$1" ;;
	*) cat -- "$1" ;;
	esac
}

# patch_members: those with a Patch tag, and those that are called so.
patch_members() {
	printf '%s\n' "$patch_tags" | sed '/^$/d'
	member_names | grep -E '\.(patch|diff)(\.(gz|bz2|xz|zst))?$' || :
}

# name_calls SOURCES CALLS: lines "call<tab>patch<tab>digest<tab>mechanism<tab>strip<tab>
# exit status" in $tmp/named, in order. A patch is known by its text; if that came joined
# with others or rewritten, by its changes; else by the name that the call had for it, or
# its subject.
name_calls() {
	local name n=0
	patch_members | awk '!seen[$0]++' > "$tmp/patches"
	{
		(cd -- "$1" && tr '\n' '\0' < "$tmp/patches" | xargs -0r sha256sum -z -- | tr '\0' '\n' | sed -E 's/^([0-9a-f]+)  /\1\t/')
		grep -E '\.(gz|bz2|xz|zst)$' "$tmp/patches" | while read -r name; do
			printf '%s\t%s\n' "$(unpacked_patch "$1/$name" | sha256sum | cut -d' ' -f1)" "$name"
		done || :
	} > "$tmp/patch.sums"
	cd -- "$2" || return
	find . -path './*/input.*' -printf '%P\0' | sort -z | xargs -0r sha256sum > "$tmp/input.sums"
	# The changes of the patches that no call got as they are, and of the inputs that
	# are no patch as it is.
	rm -rf -- "$tmp/texts"
	mkdir "$tmp/texts"
	awk -F '\t' 'FNR == NR { sum[substr($0, 1, 64)]; next } $1 in sum { here[$2] } { all[$2] } END { for (n in all) if (!(n in here)) print n }' \
		"$tmp/input.sums" "$tmp/patch.sums" | LC_ALL=C sort | while IFS= read -r name; do
		n=$((n + 1))
		unpacked_patch "$1/$name" > "$tmp/texts/$n"
		printf '%s\t%s\n' "$tmp/texts/$n" "$name"
	done > "$tmp/texts.names"
	awk 'FNR == NR { sum[$1]; next } !(substr($0, 1, 64) in sum) { print substr($0, 67) }' "$tmp/patch.sums" "$tmp/input.sums" > "$tmp/inputs"
	# shellcheck disable=SC2016  # awk's own
	awk -v texts="$tmp/texts.names" -v inputs="$tmp/inputs" '
		function end() {
			if (key == "") return
			if (!(FILE in name)) { if (!((FILE, key) in at)) at[FILE, key] = ++parts; if (!seen[FILE]++) given[++ni] = FILE }
			else change[FILE, ++changes[FILE]] = key
			key = ""
		}
		BEGIN {
			while ((getline line < texts) > 0) { split(line, w, "\t"); name[w[1]] = w[2]; ARGV[ARGC++] = w[1] }
			while ((getline line < inputs) > 0) ARGV[ARGC++] = "./" line
			if (ARGC == 1) exit
		}
		FNR == 1 { end(); FILE = FILENAME }
		/^diff / { end(); about = $0; next }
		/^((old|new) mode|new file mode 100755|rename|copy|GIT binary patch)/ { end(); key = about "\n" $0; end(); next }
		/^(--- |From |-- $)/ { end(); next }
		/^\+\+\+ / { end(); sub(/[\t\r].*/, ""); key = $0 "\n"; next }
		key != "" && /^[-+ @\\]/ { sub(/\r$/, ""); key = key $0 "\n" }
		END {
			end()
			for (i = 1; i <= ni; i++) for (f in changes) {
				for (k = 1; k <= changes[f]; k++) if (!((given[i], change[f, k]) in at)) break
				if (k > changes[f]) printf "%s\t%d\t%s\n", substr(given[i], 3), at[given[i], change[f, 1]], name[f]
			}
		}' | sort -t "$(printf '\t')" -k1,1 -k2,2n > "$tmp/covered"
	find . -path './*/input.*' -printf '%P\0' | xargs -0r grep -am1 '^Subject: ' /dev/null > "$tmp/subjects" || :
	# shellcheck disable=SC2016  # awk's own
	find . -name names -printf '%P\n' | sort | xargs -r awk -F '\t' -v sums="$tmp" '
		BEGIN {
			while ((getline line < (sums "/patch.sums")) > 0) { split(line, w, "\t"); if (!(w[1] in member)) member[w[1]] = w[2] }
			while ((getline line < (sums "/input.sums")) > 0) sum[substr(line, 67)] = substr(line, 1, 64)
			while ((getline line < (sums "/subjects")) > 0) { i = index(line, ":"); subject[substr(line, 1, i - 1)] = substr(line, i + 10) }
			while ((getline line < (sums "/covered")) > 0) { split(line, w, "\t"); cover[w[1], ++covers[w[1]]] = w[3] }
		}
		{
			n = FILENAME
			sub(/\/.*/, "", n)
			input = n "/input." (FNR - 1)
			if (FNR == 1) { getline line < (n "/call"); close(n "/call"); split(line, call, "\t") }
			for (i = 1; i <= covers[input]; i++) printf "%s\t%s\t%s\t%s\t%s\t%s\n", n, cover[input, i], sum[input], call[1] (call[3] == "" ? "" : " " call[3]), call[2], call[5]
			if (input in covers && covers[input]) next
			name = sum[input] in member ? member[sum[input]] : $0 != "-" ? $0 : input in subject ? subject[input] : "a patch without a name"
			printf "%s\t%s\t%s\t%s\t%s\t%s\n", n, name, sum[input], call[1] (call[3] == "" ? "" : " " call[3]), call[2], call[5]
		}' > "$tmp/named"
	cd - > /dev/null || return
}

# judge CALLS TREE: "call<tab>verdict<tab>file<tab>next" for each file of each call
# that is not as the call left it: by what the call did (verdict "undone" and a
# reason), or by what came later (verdict "edited", and the copy of it as the next
# call found it, "" for the finished tree).
judge() {
	# shellcheck disable=SC2016  # awk's own
	(
		cd -- "$1" || exit
		awk -F '\t' '{ split(FILENAME, w, "/"); print "call\t" w[2] "\t" $0 }' ./*/call
		find . -name effects -printf '%P\n' | sort | xargs awk -F '\t' '{ split(FILENAME, w, "/"); print "effect\t" w[1] "\t" $0 }'
		find . -path './*/before/*' -type f -print0 | xargs -0r sha256sum | sed -E 's,^([^ ]*)  \./([0-9]+)/before/(.*),before\t\2\t\3\t\1,'
		find . -name after -printf '%P\n' | xargs -r awk '{ split(FILENAME, w, "/"); print "after\t" w[1] "\t" substr($0, 67) "\t" $1 }'
		find . -name modes -printf '%P\n' | xargs -r awk -F '\t' '{ split(FILENAME, w, "/"); print "mode\t" w[1] "\t" $2 "\t" $1 }'
	) > "$tmp/states"
	awk -F '\t' '$1 == "call" { dir[$2] = $6 } $1 == "effect" && dir[$2] != "?" { print (dir[$2] == "" ? "" : dir[$2] "/") $4 }' "$tmp/states" | sort -u > "$tmp/touched"
	(
		cd -- "$2" || exit
		while read -r f; do [[ ! -f $f || $f == *..* || $f == /* ]] || printf '%s\0' "$f"; done < "$tmp/touched" |
			xargs -0r sha256sum -- | awk '{ print "final\t\t" substr($0, 67) "\t" $1 }'
		find . -type f -perm -u+x -printf 'executable\t\t%P\n'
	) >> "$tmp/states"
	awk -F '\t' '
		function tell(n, verdict, file, more) { printf "%s\t%s\t%s\t%s\n", n, verdict, file, more }
		function executable(mode) { return substr(mode, length(mode) - 2, 1) % 2 }
		$1 == "call" { order[++calls] = $2; dir[$2] = $6 == "" ? "" : $6 "/"; status[$2] = $7; next }
		$1 == "effect" { k = ++effects[$2]; kind[$2, k] = $3; path[$2, k] = $4; wants[$2, k] = $5; next }
		$1 == "before" { before[$2, $3] = $4; next }
		$1 == "after" { after[$2, $3] = $4; next }
		$1 == "mode" { mode[$2, $3] = $4; next }
		$1 == "final" { final[$3] = $4; next }
		$1 == "executable" { runs[$3] = 1 }
		END {
			# Last call first: next_call is what sees a file after this one.
			for (c = calls; c >= 1; c--) {
				n = order[c]
				for (k = 1; k <= effects[n]; k++) {
					p = path[n, k]; f = dir[n] p; how = kind[n, k]
					was = before[n, p]; is = after[n, p]
					if (status[n] != 0) reason = ""
					else if (how == "modify" && is == was) reason = "is as it was before"
					else if ((how == "create" || how == "came") && is == "") reason = "is not there"
					else if ((how == "delete" || how == "left") && is != "" && !came[n, p]) reason = "is still there"
					else if (how == "mode" && executable(wants[n, k]) != executable(mode[n, p])) reason = "has not got the mode " wants[n, k]
					else reason = ""
					if (reason != "") { tell(n, "undone", f, reason); continue }
					if (status[n] != 0 || dir[n] == "?/") continue
					later = f in next_call ? before[next_call[f], next_path[f]] : final[f]
					if (how == "mode" && !(f in next_call) && later != "" && executable(wants[n, k]) != (f in runs)) tell(n, "undone", f, "has lost the mode " wants[n, k])
					else if (later == is) continue
					else if (later == was || how == "create" && later == "") tell(n, "undone", f, "was put back to what it was before")
					else if (later == "" && how != "delete" && how != "left") tell(n, "undone", f, "was removed again")
					else if (how ~ /modify|create|came/) tell(n, "edited", f, f in next_call ? next_call[f] "/before/" next_path[f] : "")
					else if (how == "delete" || how == "left") tell(n, "undone", f, "is there again")
				}
				for (k = 1; k <= effects[n]; k++) { f = dir[n] path[n, k]; next_call[f] = n; next_path[f] = path[n, k] }
			}
		}' "$tmp/states"
}

# still_there CALLS CALL TREE FILE LATER: the patches of CALL for FILE, which %prep
# edited later, come off it; 1: they would go on again, so they are not in it; 2:
# neither, the edit was of their own lines.
still_there() {
	local i tool strip reverse directory status look back=-R there=-N
	IFS='|' read -r tool strip reverse directory status < <(tr '\t' '|' < "$1/$2/call")
	[[ -z $reverse ]] || back=-N there=-R
	[[ $strip != - || $tool == patch ]] || strip=1
	rm -rf -- "$tmp/edited"
	mkdir -p "$tmp/edited/$(dirname -- "$4")"
	look=$1/$5
	[[ -n $5 ]] || look=$3/$4
	sed -E '1s/^#! ?\/.*python[0-9.]*.*$/#!python/; s/\r$//' "$look" > "$tmp/edited/$4"
	for i in "$1/$2"/input.*; do
		awk -v strip="$([[ $strip == - ]] && echo - || echo "$strip")" -v only="${4#"${directory:+$directory/}"}" -f "$here/base-srpm.d/effects.awk" "$i" |
			sed -E 's/^([-+ ])#! ?\/.*python[0-9.]*.*$/\1#!python/; s/\r$//'
	done > "$tmp/edited.patch"
	cd -- "$tmp/edited/$directory" || return 2
	# shellcheck disable=SC2086  # - is an empty word here
	for i in 0 2; do patch "$back" -f -s -F$i ${strip/#/-p} --dry-run < "$tmp/edited.patch" > /dev/null 2>&1 && return; done
	# shellcheck disable=SC2086  # as above
	! patch "$there" -f -s -F0 ${strip/#/-p} --dry-run < "$tmp/edited.patch" > /dev/null 2>&1 || return 1
	return 2
}

# prove_patches SOURCES TREE CALLS: dies if one is not in the tree. Counts in $proven;
# $unapplied are not in the tree; $tmp/order has the applied ones.
prove_patches() {
	local sources=$1 tree=$2 calls=$3 n verdict file more rc name edited=''
	mkdir -p "$calls"
	: > "$tmp/order"
	: > "$tmp/verdicts"
	: > "$tmp/named"
	name_calls "$sources" "$calls"
	[[ -z $(ls -A "$calls") ]] || judge "$calls" "$tree" > "$tmp/verdicts"
	while IFS=$'\t' read -r n verdict file more; do
		# What the distributions' %prep removes or renames in every tree.
		[[ ! ${file##*/} =~ ^(COPYING|\.gitignore|\.scmversion|\.gitattributes|\.mailmap)$ ]] || continue
		name=$(awk -F '\t' -v n="$n" '$1 == n { print $2 }' "$tmp/named" | paste -sd' ' -)
		if [[ $verdict == edited ]]; then
			rc=0
			(still_there "$calls" "$n" "$tree" "$file" "$more") || rc=$?
			((rc != 2)) || edited+="$name: $file"$'\n'
			((rc == 1)) || continue
			more="was put back: the patch would apply once more"
		fi
		die "$name: not in the finished tree, though %prep ran $(call_of "$calls/$n")" "$file $more" \
			"$(grep -m 1 'Skipped patch' "$tmp/prep.log" || echo "the distribution's %prep ended with exit 0 all the same")"
	done < "$tmp/verdicts"
	failed_calls "$calls"
	[[ -z $edited ]] || info "%prep itself edited lines of these patches after it had applied them: $(paste -sd, - <<< "${edited%$'\n'}")"
	# An input without a change in it is no patch.
	awk -F '\t' -v calls="$calls" '$6 == 0 { f = calls "/" $1 "/effects"; if ((getline line < f) > 0) printf "%s\t%s\t%s\n", $4, $5, $2; close(f) }' "$tmp/named" > "$tmp/order"
	proven=$(wc -l < "$tmp/order")
	unapplied_patches "$sources"
}

# call_of CALL: as it is said.
call_of() {
	awk -F '\t' '{ print $1 ($2 == "-" ? "" : " -p" $2) ($3 == "" ? "" : " " $3) ($4 == "" || $4 == "?" ? "" : " in " $4) }' "$1/call"
}

# failed_calls CALLS: one that failed, whose patch no later one applied: dies.
failed_calls() {
	local n name status
	IFS=$'\t' read -r n name status < <(awk -F '\t' '{ line[NR] = $1 "\t" $2 "\t" $6; sum[NR] = $3; ok[NR] = $6 == 0 }
		END { for (i = NR; i; i--) { if (ok[i]) later[sum[i]]; else if (!(sum[i] in later)) bad = line[i] }; if (bad) print bad }' "$tmp/named") || return 0
	die "$name: not in the finished tree: $(call_of "$1/$n") ended with exit $status" "the distribution's %prep ended with exit 0 all the same"
}

# unapplied_patches SOURCES: the SRPM's patches that no call applied.
unapplied_patches() {
	local name
	cut -f3 "$tmp/order" > "$tmp/applied"
	grep -vxFf "$tmp/applied" "$tmp/patches" > "$tmp/rest" || :
	while read -r name; do
		[[ -n $(unpacked_patch "$1/$name" | awk -v strip=1 -f "$here/base-srpm.d/effects.awk") ]] || continue
		! grep -qE "^\++ ApplyOptionalPatch $name( |\$)" "$tmp/prep.log" ||
			die "$name: not in the finished tree, though $spec applies it (ApplyOptionalPatch)" \
				"ApplyOptionalPatch leaves out patches of 9 lines or fewer: add lines above the first ---"
		unapplied+=("$name")
		warn "$name: in the SRPM, but $spec's %prep does not apply it: not in the tree"
	done < "$tmp/rest"
}
