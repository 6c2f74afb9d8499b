# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of tools/spec/base-srpm
# proof.sh - that every patch %prep was to apply is in the finished tree. Exit 0
# of someone's %prep proves nothing: git apply skips, ApplyOptionalPatch skips,
# a pipeline hides what failed.

# Lines that %prep itself rewrites count as equal: the interpreter of a script.
plain_shebangs() {
	sed -E 's/^([-+ ]?)#! ?\/.*python[0-9.]*.*$/\1#!python/'
}

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

# series_files SOURCES SERIES: the patch files a series names, as paths. The
# series and its patches are members, or members of a *patch*.tar among them.
series_files() {
	local sources=$1 series=$2 list dir t entry found
	dir=$tmp/series
	if [[ ! -d $dir ]]; then
		mkdir "$dir"
		for t in "$sources"/*patch*.tar*; do
			[[ ! -e $t ]] || tar -xf "$t" -C "$dir" --no-same-owner
		done
	fi
	list=$sources/$series
	[[ -f $list ]] || list=$(find "$dir" -name "$series" -type f -print -quit)
	[[ -n $list ]] || die "$series: %prep reads patches from it, and it is neither in the SRPM nor in its patch archive"
	while read -r entry; do
		entry=${entry%%#*}
		entry=${entry%% *}
		[[ -n $entry ]] || continue
		found=$(find "$dir" "$sources" -type f -path "*/$entry" -print -quit)
		[[ -n $found ]] || die "$entry: named by $series, but absent"
		printf '%s\n' "$found"
	done < "$list"
}

# list_proofs SOURCES: "strip<tab>path<tab>mechanism" of what must have landed,
# and last, with the mechanism "never", what no line of %prep was seen to apply.
list_proofs() {
	local how strip file path
	while IFS=$'\t' read -r how strip file; do
		case $how in
		never) continue ;;
		series*)
			while read -r path; do printf '%s\t%s\t%s\n' "$strip" "$path" "$how $file"; done < <(series_files "$1" "$file") ;;
		*) printf '%s\t%s\t%s\n' "$strip" "$1/$file" "$how" ;;
		esac
	done < "$tmp/order"
	awk -F '\t' -v dir="$1" '$1 == "never" { printf "1\t%s/%s\tnever\n", dir, $3 }' "$tmp/order"
}

# first_hunk PATCH REJECTS: where the patch and the tree part.
first_hunk() {
	grep -E 'FAILED|No such|can.t find|Reversed|already exists|Ignoring' "$2" | head -n 2
	grep -n -m 1 '^@@' "$1" | sed 's/^\([0-9]*\):/hunk at line \1 of the patch: /'
}

# reverse_apply STRIP PATCH HOW: reverse-apply it on the copy (apply it, if HOW ends
# with -R); strict first, then with the fuzz that %prep's own patch may have used,
# and as from the top of the tree, where %prep had gone into a subdirectory.
reverse_apply() {
	local strip fuzz back=-R
	[[ $3 != *' -R' ]] || back=-N
	for strip in "$1" 1 0; do
		for fuzz in 0 2; do
			patch "$back" -p"$strip" -f -s -F"$fuzz" --dry-run -d "$tmp/proof" < "$2" > "$tmp/reverse.$strip" 2>&1 || continue
			patch "$back" -p"$strip" -f -s -F"$fuzz" --no-backup-if-mismatch -r - -d "$tmp/proof" < "$2" > /dev/null 2>&1 && return
		done
	done
	mv -- "$tmp/reverse.$1" "$tmp/reverse"
	# What patch cannot read: binary hunks.
	grep -q '^GIT binary patch' "$2" &&
		GIT_CEILING_DIRECTORIES=$tmp git -C "$tmp/proof" apply -R -p"$1" "$2" > "$tmp/reverse" 2>&1
}

# without_mutated STRIP PATCH: the patch less the files that %prep removed or
# renamed after it (COPYING, .gitignore, .scmversion).
without_mutated() {
	awk -v strip="$1" '
		function drop(path,   n, w, i, s) {
			n = split(path, w, "/")
			s = w[n]
			return s == "COPYING" || s == ".gitignore" || s == ".scmversion" || s == ".gitattributes" || s == ".mailmap"
		}
		/^diff --git / { off = drop($NF) }
		/^--- / { held = $0; path = $2; getline; if ($0 ~ /^\+\+\+ /) off = drop($2 == "/dev/null" ? path : $2); if (!off) { print held; print }; next }
		!off' "$2"
}

# copy_touched TREE: the files that the patches touch, into the copy.
copy_touched() {
	local path
	sort -u "$tmp/touched" > "$tmp/touched.sorted"
	(cd -- "$1" && while read -r path; do
		[[ $path == *..* || $path == /* || ! -f $path ]] || printf '%s\0' "$path"
	done < "$tmp/touched.sorted" | xargs -0 -r cp --parents -t "$tmp/proof" --)
	find "$tmp/proof" -type f -exec sed -i -E '1s/^#! ?\/.*python[0-9.]*.*$/#!python/' {} +
}

# prove_patches SOURCES TREE: on a copy of the files they touch, every patch is
# taken back, last one first. Counts in $proven; $unapplied are not in the tree.
prove_patches() {
	local sources=$1 tree=$2 strip path how n=0 late=()
	mkdir "$tmp/proof" "$tmp/plain"
	list_proofs "$sources" > "$tmp/proofs"
	: > "$tmp/touched"
	while IFS=$'\t' read -r strip path how; do
		n=$((n + 1))
		unpacked_patch "$path" | tr -d '\r' > "$tmp/plain/$n.whole"
		without_mutated "$strip" "$tmp/plain/$n.whole" | plain_shebangs > "$tmp/plain/$n"
		# Only what patch itself would look at: headers, renames.
		sed -nE 's/^(\+\+\+|---|rename from|rename to|copy to) //p; s/^diff --git a\/[^ ]+ b\//b\//p' "$tmp/plain/$n" |
			cut -f1 | sed -E "h; s|^([^/]*/){$strip}||p; g; s|^[^/]*/||p; g" >> "$tmp/touched"
	done < "$tmp/proofs"
	copy_touched "$tree"
	proven=0
	while ((n > 0)); do
		IFS=$'\t' read -r strip path how < <(sed -n "${n}p" "$tmp/proofs")
		if ! grep -qE '^(@@|rename from|GIT binary|(old|new) mode|deleted file|new file)' "$tmp/plain/$n"; then
			! grep -q '^@@' "$tmp/plain/$n.whole" ||
				info "${path##*/}: only of files that %prep removes or renames; not provable"
		elif [[ $how == never ]]; then
			prove_never "$tmp/plain/$n" "$path" || late+=("$n")
		else
			prove_one "$strip" "$tmp/plain/$n" "$path" "$how"
		fi
		n=$((n - 1))
	done
	# What a later patch hid may come off now.
	for n in ${late[@]+"${late[@]}"}; do
		IFS=$'\t' read -r strip path how < <(sed -n "${n}p" "$tmp/proofs")
		prove_never "$tmp/plain/$n" "$path" || {
			unapplied+=("${path##*/}")
			warn "${path##*/}: in the SRPM, but $spec's %prep does not apply it: not in the tree"
		}
	done
}

# prove_never PLAIN PATH: a patch that no line of %prep was seen to apply is in
# the tree all the same (a loop that reads its list, say).
prove_never() {
	reverse_apply 1 "$1" never || return 1
	proven=$((proven + 1))
	sed -i "s|^never\t-\t${2##*/}\$|in the tree\t1\t${2##*/}|" "$tmp/order"
}

# prove_one STRIP PLAIN PATH HOW: one patch; dies with the reason if it is not there.
prove_one() {
	local why=() name=${3##*/}
	if reverse_apply "$1" "$2" "$4"; then
		proven=$((proven + 1))
		return
	fi
	# A call of ApplyPatch shows in the log; a patch < FILE does not.
	if [[ $4 == Apply* ]] && grep -q '^+ ' "$tmp/prep.log" && ! grep -qF -- "$name" "$tmp/prep.log"; then
		unapplied+=("$name")
		warn "$name: $spec names it, but its %prep never came to it: not in the tree"
		return
	fi
	if [[ $4 == ApplyOptionalPatch && $(wc -l < "$3") -le 9 ]]; then
		why=("ApplyOptionalPatch leaves out patches of 9 lines or fewer: add lines above the first ---")
	elif grep -q 'Skipped patch' "$tmp/prep.log"; then
		why=("git apply skipped it: $(grep -m 1 'Skipped patch' "$tmp/prep.log")")
	fi
	die "$name: not in the finished tree, though $spec applies it ($4)" "$(first_hunk "$2" "$tmp/reverse")" \
		${why[@]+"${why[@]}"} "the distribution's %prep ended with exit 0 all the same"
}
