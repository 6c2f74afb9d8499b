# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# series.sh - reading patches, and trying them on a base. Sourced by patch,
# which reads what these functions set.
# shellcheck disable=SC2034

patchd=$(realpath -- "${BASH_SOURCE[0]%/*}")

# Facts of every patch read, by its path.
declare -A p_number=() p_subject=() p_kernel=() p_probe=() p_upstream=() p_sha=() p_files=()

# read_patch FILE [loose]: check FILE and fill p_*[FILE]; die with every fault that it
# has. A loose FILE may lack the name and the trailers, which tools/spec/patch add
# puts in.
read_patch() {
	local file=$1 form=${2:-strict} faults=() mail
	[[ -f $file && -r $file ]] || die "$file: not a readable file"
	make_tmp mail
	read_message "$file" "$mail"
	read_diff "$file" "$mail"
	if [[ $form == strict ]]; then
		[[ -n ${p_subject[$file]} ]] || ((${#faults[@]})) ||
			faults+=("no Subject: line, so not in git format-patch form (tools/spec/patch add makes it so)")
		patch_number "$file"
		trailer_faults "$file"
	fi
	((${#faults[@]} == 0)) || die "$file: this patch cannot be used" "${faults[@]}"
	p_sha[$file]=$(sha256sum < "$file" | cut -d' ' -f1)
}

# read_message FILE DIR: read subject and trailers as git reads a mail; DIR is for git's files.
read_message() {
	local file=$1 key value
	p_number[$file]=''
	unset "p_kernel[$file]" "p_probe[$file]" "p_upstream[$file]"
	plain_git / mailinfo -b "$2/message" "$2/diff" < "$file" > "$2/info" 2> /dev/null || : > "$2/info"
	p_subject[$file]=$(sed -n 's/^Subject: //p' "$2/info")
	[[ -s $2/message ]] || return 0
	while IFS=': ' read -r key value; do
		case $key in
		Kernel | Probe | Upstream)
			local -n field=p_${key,,}
			# shellcheck disable=SC2004  # an associative array
			[[ -z ${field[$file]+set} ]] || faults+=("a second $key: trailer; expected one")
			# shellcheck disable=SC2004
			field[$file]=$value
			;;
		esac
	done < <({ printf 'subject\n\n'; cat "$2/message"; } | plain_git / interpret-trailers --parse)
}

# read_diff FILE DIR: set p_files, and note what git apply would reject or nobody would carry.
read_diff() {
	local file=$1 at name
	p_files[$file]=''
	[[ -s $file ]] || { faults+=("it is empty"); return; }
	at=$(grep -nm 1 -E $'^(diff --git |--- |\\+\\+\\+ |@@ -|Subject:).*\r$' "$file" | cut -d: -f1) || :
	[[ -z $at ]] || { faults+=("line $at: CRLF line endings: some mailer or editor changed it; export it again (git format-patch)"); return; }
	[[ -z $(tail -c 1 -- "$file") ]] || faults+=("no newline at its end: it was cut off or edited; export it again (git format-patch)")
	if at=$(grep -nm 1 -E '^(GIT binary patch|Binary files .* differ)' "$file"); then
		faults+=("line ${at%%:*}: a binary hunk: a kernel patch carries text only")
	elif ! grep -qE '^(@@ -|(rename|copy) from |(new|deleted) file mode )' "$file"; then
		! grep -qE '^(old|new) mode ' "$file" || { faults+=("it changes a file's mode only: nothing that a kernel build sees"); return; }
		faults+=("it changes nothing: there is no diff in it")
	elif ! p_files[$file]=$(touched "$file" 2> "$2/error")$'\n'; then
		# "at line 27"; newer git says "at <stdin>:27".
		at=$(sed -nE 's/.*( at line |:)([0-9]+)$/\2/p' "$2/error" | head -n 1)
		faults+=("$(list_hunks "$file" | awk -v at="${at:-0}" '$2 <= at { last = "hunk " $1 " of " $3 " is cut short or damaged: " } END { printf "%s", last }')$(sed 's/^error: //' "$2/error")")
	fi
	while read -r name; do
		[[ ! $name =~ (^|/)\.\.(/|$)|^[/\"] ]] || faults+=("the file name $name leaves the tree or is quoted")
	done <<< "${p_files[$file]}"
}

# list_hunks FILE: "N LINE PATH START" of each hunk: the Nth of PATH, at LINE of
# FILE, for the lines from START on.
list_hunks() {
	awk '
		/^--- [^ ]/ || (/^\+\+\+ / && path == "dev/null") { path = $2; sub(/^[^\/]*\//, "", path) }
		/^@@ -/ { split(substr($2, 2), start, ","); print ++n[path], NR, path, start[1] }' "$1"
}

# patch_number FILE: p_number from the file's name, or a fault.
patch_number() {
	if [[ ${1##*/} =~ ^([4-9][0-9]{4})-.+\.patch$ ]]; then
		p_number[$1]=${BASH_REMATCH[1]}
	else
		faults+=("its name must be NNNNN-what-it-does.patch with NNNNN from 40000 (tools/spec/patch add names it so)")
	fi
}

trailer_faults() {
	local file=$1 why
	[[ -n ${p_kernel[$file]:-} ]] ||
		faults+=("no Kernel: trailer; add a line such as 'Kernel: >= 5.14, < 6.10' or 'Kernel: any' above Signed-off-by:")
	[[ -n ${p_probe[$file]:-} ]] ||
		faults+=("no Probe: trailer; add how kvm-selftest sees it live ('Probe: param kvm.build_id', see docs/patches.md) or 'Probe: none'")
	[[ -n ${p_upstream[$file]:-} ]] ||
		faults+=("no Upstream: trailer; add the commit it comes from, or 'Upstream: no, because ...'")
	[[ -z ${p_kernel[$file]:-} ]] || why=$(guard_fault "${p_kernel[$file]}") || faults+=("Kernel: ${p_kernel[$file]}: $why")
	[[ -z ${p_probe[$file]:-} ]] || why=$(probe_fault "${p_probe[$file]}") || faults+=("Probe: ${p_probe[$file]}: $why")
}

# guard_fault GUARD: succeed if it can be read; otherwise print why not and fail.
guard_fault() {
	local term terms
	[[ $1 != any ]] || return 0
	IFS=, read -ra terms <<< "$1"
	[[ $1 != *, ]] || terms+=('')
	for term in "${terms[@]}"; do
		[[ $term =~ ^\ *(\<|\<=|\>|\>=|=|!=)\ *[0-9]+(\.[0-9]+){0,2}\ *$ ]] && continue
		[[ $term =~ ^\ *(with|without)\ +[A-Za-z0-9_][A-Za-z0-9_./-]*(:[A-Za-z0-9_]+)?\ *$ && $term != *..* ]] && continue
		printf "'%s' is not a condition; expected 'any', or conditions such as '>= 5.14, < 6.10' (< <= > >= = !=) and 'with FILE', 'with FILE:WORD', 'without FILE'\n" "$term"
		return 1
	done
}

# probe_fault PROBE: succeed if it can be read; otherwise print why not and fail.
probe_fault() {
	case $1 in
	none) return 0 ;;
	param\ *) [[ $1 =~ ^param\ [a-z0-9_]+\.[A-Za-z0-9_]+$ ]] && return 0 ;;
	stat\ *) [[ $1 =~ ^stat\ (vm|vcpu)\ [A-Za-z0-9_]+$ ]] && return 0 ;;
	debugfs\ *) [[ $1 =~ ^debugfs\ [A-Za-z0-9_./-]+$ && $1 != *..* ]] && return 0 ;;
	symbol\ *) [[ $1 =~ ^symbol\ [A-Za-z0-9_.]+$ ]] && return 0 ;;
	tracepoint\ *) [[ $1 =~ ^tracepoint\ [a-z0-9_]+/[A-Za-z0-9_]+$ ]] && return 0 ;;
	cap\ *) [[ $1 =~ ^cap\ [0-9]+$ ]] && return 0 ;;
	check\ *) [[ $1 =~ ^check\ [a-z0-9-]+/[a-z0-9_-]+$ ]] && return 0 ;;
	esac
	echo "expected none, param MODULE.NAME, stat vm|vcpu NAME, debugfs PATH, tracepoint GROUP/NAME, symbol NAME, cap NUMBER or check GROUP/NAME"
	return 1
}

# guard_files GUARD: print the files of the base that it asks about, one per line.
guard_files() {
	local term terms
	IFS=, read -ra terms <<< "$1"
	for term in "${terms[@]}"; do
		[[ ! $term =~ with(out)?\ +([^ :]+) ]] || printf '%s\n' "${BASH_REMATCH[2]}"
	done
}

# guard_admits GUARD VERSION DIR: does a base of VERSION (6.1.192), whose files are in
# DIR, get the patch? A condition compares only the parts that it names: 6.1.192 is
# '<= 6.1'.
guard_admits() {
	local term op want have cmp
	[[ $1 != any ]] || return 0
	local terms
	IFS=, read -ra terms <<< "$1"
	for term in "${terms[@]}"; do
		if [[ $term =~ with(out)?\ +([^ :]+)(:([^ ]+))? ]]; then
			have=''
			[[ ! -e $3/${BASH_REMATCH[2]} ]] || have=1
			[[ -z $have || -z ${BASH_REMATCH[4]} ]] || grep -qsw -- "${BASH_REMATCH[4]}" "$3/${BASH_REMATCH[2]}" || have=''
			[[ ${BASH_REMATCH[1]:+1} != "${have:+1}" ]] || return 1
			continue
		fi
		[[ $term =~ ([<>=!]+)\ *([0-9.]+) ]]
		op=${BASH_REMATCH[1]} want=${BASH_REMATCH[2]}
		IFS=. read -ra want <<< "$want"
		IFS=. read -ra have <<< "$2"
		cmp=0
		for i in "${!want[@]}"; do
			((cmp = 10#${have[i]:-0} - 10#${want[i]}, 1))
			((cmp == 0)) || break
		done
		case $op in
		'<') ((cmp < 0)) ;;
		'<=') ((cmp <= 0)) ;;
		'>') ((cmp > 0)) ;;
		'>=') ((cmp >= 0)) ;;
		'=') ((cmp == 0)) ;;
		'!=') ((cmp != 0)) ;;
		esac || return 1
	done
}

# tree_version DIR: print VERSION.PATCHLEVEL.SUBLEVEL of a kernel tree.
tree_version() {
	[[ -f $1/Makefile ]] || die "$1/Makefile: not found, so this is no kernel tree"
	awk -F ' *= *' '
		/^(VERSION|PATCHLEVEL|SUBLEVEL) *=/ && !($1 in v) { v[$1] = $2 + 0 }
		END {
			if (!("VERSION" in v) || !("PATCHLEVEL" in v)) exit 1
			printf "%d.%d.%d\n", v["VERSION"], v["PATCHLEVEL"], v["SUBLEVEL"]
		}' "$1/Makefile" || die "$1/Makefile: no VERSION and PATCHLEVEL in it, so this is no kernel tree"
}

# strict_apply DIR FILE [git-apply option]...: git apply with no fuzz and no leniency
# about white space.
strict_apply() {
	plain_git "$1" apply -v --whitespace=nowarn "${@:3}" "$(realpath -- "$2")"
}

# total_offset LOG: how far, in lines, the hunks were from their places.
total_offset() {
	awk '/^Hunk #[0-9]+ succeeded at .*\(offset -?[0-9]+ line/ {
		sub(/.*offset /, ""); n += ($1 < 0) ? -$1 : $1 } END { print n + 0 }' "$1"
}

# try_patch DIR FILE LOG: apply FILE to DIR if it fits. Sets try_status to
# applied, already-in-base or conflict and try_reason; LOG.* keep what git said.
try_patch() {
	local dir=$1 file=$2 log=$3 forward=0 reverse=0 off_f off_r
	try_reason=
	strict_apply "$dir" "$file" --check > "$log.forward" 2>&1 && forward=1
	strict_apply "$dir" "$file" --check -R > "$log.reverse" 2>&1 && reverse=1
	if ((forward && reverse)); then
		# Repetitive code lets both fit: the side with the smaller offset is the
		# true one.
		off_f=$(total_offset "$log.forward") off_r=$(total_offset "$log.reverse")
		if ((off_f == off_r)); then
			try_status=conflict
			try_reason="it can be applied and reverse-applied alike (offset $off_f): give its hunks more context"
			return
		fi
		((off_f < off_r)) && reverse=0 || forward=0
	fi
	if ((forward)); then
		strict_apply "$dir" "$file" > "$log.forward" 2>&1 ||
			die "$file: git apply failed after its own check had passed" "$(cat "$log.forward")"
		try_status=applied
		off_f=$(total_offset "$log.forward")
		((off_f == 0)) || try_reason="offset $off_f"
	elif ((reverse)); then
		try_status=already-in-base
		try_reason="it reverse-applies: the tree has it"
	else
		try_status=conflict
	fi
}

# explain_conflict DIR FILE LOG: print each hunk that does not fit, with its place and
# what the base has there.
explain_conflict() {
	local dir=$1 file=$2 log=$3 line path start hunk at
	while read -r line; do
		case $line in
		'error: patch failed: '*)
			line=${line#error: patch failed: }
			path=${line%:*} start=${line##*:}
			read -r hunk at < <(list_hunks "$file" | awk -v p="$path" -v s="$start" '$3 == p && $4 == s { print $1, $2; exit }')
			echo "$path, hunk $hunk (line $at of the patch) does not fit at line $start"
			sed -n "$((at + 1)),\$p" "$file" | awk '/^(@@|diff |-- $)/ { exit } /^[ -]/ { print substr($0, 2) } /^$/' > "$log.want"
			awk -v start="$start" -f "$patchd/nearest.awk" "$log.want" "$dir/$path"
			;;
		'error: '*': patch does not apply' | 'error: while searching for:') ;;
		'error: '*) echo "${line#error: }" ;;
		esac
	done < "$log.forward"
	[[ -z $try_reason ]] || echo "$try_reason"
	explain_fuzz "$dir" "$file"
}

# explain_fuzz DIR FILE: print whether, and where, it would apply with fuzz.
explain_fuzz() {
	local fuzz out
	for fuzz in 1 2 3; do
		out=$(patch -p1 -f -F "$fuzz" --dry-run -d "$1" < "$2" 2>&1) || continue
		echo "with fuzz $fuzz it applies; check that each place is the right one, then run tools/spec/patch refresh --fuzz $fuzz:"
		awk '/^checking file / { f = $3 } / with fuzz / { print "    " f ": " $0 }' <<< "$out"
		return
	done
}

# nearness DIR FILE: print, in one line, how many hunks of a patch that is not applied fit.
nearness() {
	local all fuzz failed fits=()
	all=$(list_hunks "$2" | wc -l)
	for fuzz in 0 3; do
		failed=$(patch -p1 -f -F "$fuzz" --dry-run -d "$1" < "$2" 2>&1 |
			awk '/^[0-9]+ out of [0-9]+ hunks? (FAILED|ignored)/ { n += $1 } END { print n + 0 }')
		fits+=("$((all - failed))")
	done
	echo "${fits[0]} of its $all hunks fit (${fits[1]} with fuzz)"
}

# stage_files TREE STAGE PATCH...: copy the files that the patches touch or that their
# guards ask about, and the Makefile, from TREE into STAGE.
stage_files() {
	local tree=$1 stage=$2 path
	shift 2
	while read -r path; do
		[[ -f $tree/$path ]] || continue
		mkdir -p "$stage/$(dirname -- "$path")"
		cp -p -- "$tree/$path" "$stage/$path"
	done < <(touched_files "$@")
}

touched_files() {
	local file
	{
		echo Makefile
		for file; do
			printf '%s' "${p_files[$file]}"
			guard_files "${p_kernel[$file]-}"
		done
	} | sort -u
}

# run_series STAGE LOGDIR PATCH...: try the series on STAGE, in the order of the numbers.
# Fills r_status and r_reason by patch. It goes on after a conflict, so that all are
# reported, and then returns 1.
declare -A r_status=() r_reason=()
run_series() {
	local stage=$1 logs=$2 version file rc=0
	shift 2
	version=$(tree_version "$stage")
	for file; do
		if ! guard_admits "${p_kernel[$file]}" "$version" "$stage"; then
			r_status[$file]=excluded
			r_reason[$file]="its guard (Kernel: ${p_kernel[$file]}) excludes $version"
			continue
		fi
		try_patch "$stage" "$file" "$logs/${file##*/}"
		r_status[$file]=$try_status
		r_reason[$file]=$try_reason
		[[ $try_status != conflict ]] || {
			r_reason[$file]=$(explain_conflict "$stage" "$file" "$logs/${file##*/}")
			rc=1
		}
	done
	return "$rc"
}

# sort_series PATCH...: put them into the array `series`, by number; two with one number
# are an error.
sort_series() {
	local file last=
	series=()
	for file; do read_patch "$file"; done
	while IFS=$'\t' read -r _ file; do
		series+=("$file")
		[[ -z $last || ${p_number[$last]} != "${p_number[$file]}" ]] ||
			die "two patches have the number ${p_number[$file]}: ${last##*/} and ${file##*/}" \
				"give one of them another (and its PatchNNNNN: line in kernel-kvm.spec)"
		last=$file
	done < <(for file; do printf '%s\t%s\n' "${p_number[$file]}" "$file"; done | sort -k1,1n -k2)
}
