# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154  # top, patches, spec, files, bases are patch's
# carry.sh - adding a patch to patches/ and the spec, dropping one, rebasing
# their hunks. Sourced by patch.

# slug TEXT: a file name's part of a subject.
slug() {
	local s
	s=$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9' '-')
	s=${s#-}
	s=${s:0:60}
	[[ ${#s} -lt 60 || $s != *-* ]] || s=${s%-*}
	printf '%s\n' "${s%-}"
}

# patch_by NAME: print the file in patches/ that NAME names (a number, a file name
# or a path).
patch_by() {
	local f found=()
	for f in "$patches"/*.patch; do
		[[ $f == "$1" || ${f##*/} == "${1##*/}" || ${f##*/} == "$1"-* ]] && found+=("$f")
	done
	((${#found[@]} == 1)) ||
		die "$1: this names ${#found[@]} patches of $patches, expected one" "tools/spec/patch list shows them"
	printf '%s\n' "${found[0]}"
}

# --- The spec -----------------------------------------------------------------------
# spec_faults: print where the spec's Patch lines and patches/ disagree, one per line.
spec_faults() {
	local f line number name
	for f in "$patches"/*.patch; do
		[[ -e $f ]] || continue
		grep -qE "^Patch[0-9]+:[[:blank:]]+${f##*/}[[:blank:]]*$" "$spec" ||
			echo "${f##*/} is in $patches, but no PatchNNNNN: line of $spec names it: it would not be applied"
	done
	while IFS=: read -r line number name; do
		number=${number#Patch}
		name=${name//[[:blank:]]/}
		[[ -e $patches/$name ]] || echo "$spec:$line: Patch$number: $name is not in $patches"
		[[ $name == "$number"-* ]] || echo "$spec:$line: Patch$number: $name does not begin with its number"
	done < <(grep -nE '^Patch[0-9]+:' "$spec")
}

# spec_add NUMBER NAME WHY: insert its line below that of the next lower number.
spec_add() {
	local tmp
	make_tmp tmp
	awk -v n="$1" -v name="$2" -v why="$3" '
		function put() { printf "# %s\n%-16s%s\n", why, "Patch" n ":", name; done = 1 }
		FNR == NR { if (/^Patch[0-9]+:/) { num = $1; gsub(/[^0-9]/, "", num); if (num + 0 < n + 0) at = FNR; if (!first) first = FNR } next }
		!done && !at && FNR == first { put() }
		{ print }
		!done && FNR == at { put() }
		END { exit !done }' "$spec" "$spec" > "$tmp/spec" ||
		die "$spec: no PatchNNNNN: line in it to put Patch$1 beside"
	cat -- "$tmp/spec" > "$spec"
}

# spec_drop NAME: remove its line, and the comment right above it.
spec_drop() {
	local tmp
	make_tmp tmp
	awk -v name="$1" '
		/^#/ { held = held $0 "\n"; next }
		/^Patch[0-9]+:/ && $2 == name { held = ""; next }
		{ printf "%s", held; held = ""; print }
		END { printf "%s", held }' "$spec" > "$tmp/spec"
	cat -- "$tmp/spec" > "$spec"
}

# --- add ----------------------------------------------------------------------------
# with_trailers FILE KERNEL PROBE UPSTREAM: FILE on stdout, its message with
# these trailers at the head of its others (an empty one: as FILE has it).
with_trailers() {
	local args=()
	# Each goes above those before it.
	[[ -z $4 ]] || args+=(--trailer "Upstream: $4")
	[[ -z $3 ]] || args+=(--trailer "Probe: $3")
	[[ -z $2 ]] || args+=(--trailer "Kernel: $2")
	plain_git / interpret-trailers --where start --if-exists replace --if-missing add ${args[@]+"${args[@]}"} < "$1"
}

# plain_to_mail FILE SUBJECT WHY: a bare diff in git format-patch form.
plain_to_mail() {
	local name mail
	name=$(git config user.name || echo "${USER:-root}")
	mail=$(git config user.email || echo "${USER:-root}@localhost")
	printf 'From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n'
	printf 'From: %s <%s>\nDate: %s\nSubject: [PATCH] %s\n\n' "$name" "$mail" "$(date -R)" "$2"
	[[ -z $3 ]] || printf '%s\n\n' "$3"
	printf -- '---\n'
	cat -- "$1"
}

next_number() {
	local f n last=39999
	for f in "$patches"/[4-9][0-9][0-9][0-9][0-9]-*.patch; do
		[[ -e $f ]] || continue
		n=${f##*/}
		n=${n%%-*}
		((n <= last)) || last=$n
	done
	echo $((last + 1))
}

verb_add() {
	local source='' number='' kernel='' probe='' upstream='' subject='' why='' repo=. rc=0 f name tmp raw
	verb_options "number= kernel= probe= upstream= subject= why= repo= ..." "$@"
	((${#args[@]} <= 1)) || usage_error "one patch at a time"
	source=${args[0]:-}
	[[ -n $source ]] || usage_error "add needs a FILE or a COMMIT (of --repo DIR)"
	make_tmp tmp
	raw=$tmp/raw.patch
	if [[ -f $source ]]; then
		cat -- "$source" > "$raw"
	else
		git -C "$repo" rev-parse -q --verify "$source^{commit}" >/dev/null 2>&1 ||
			die "$source: neither a file nor a commit of the repository in $repo" "name the repository: --repo DIR"
		git -C "$repo" format-patch -1 --stdout --no-signature "$source" > "$raw"
		upstream=${upstream:-commit $(git -C "$repo" rev-parse "$source^{commit}")}
	fi
	read_patch "$raw" loose
	if [[ -z ${p_subject[$raw]} ]]; then
		[[ -n $subject ]] || die "$source: a bare diff without a subject" "give one: --subject 'KVM: x86: Do this'"
		plain_to_mail "$raw" "$subject" "$why" > "$tmp/mail.patch"
		raw=$tmp/mail.patch
		read_patch "$raw" loose
	fi
	[[ -n ${p_kernel[$raw]:-} ]] || kernel=${kernel:-any}
	[[ -n ${p_probe[$raw]:-} ]] || probe=${probe:-none}
	[[ -n ${p_upstream[$raw]:-} ]] || upstream=${upstream:-no, kept here}
	number=${number:-$(next_number)}
	name=$number-$(slug "${p_subject[$raw]}").patch
	for f in "$patches/$number"-*; do
		[[ ! -e $f ]] || die "the number $number is taken: $f" "leave --number out for the next free one"
	done
	mkdir "$tmp/new"
	with_trailers "$raw" "$kernel" "$probe" "$upstream" > "$tmp/new/$name"

	collect_series
	sort_series ${files[@]+"${files[@]}"} "$tmp/new/$name"
	try_bases "$tmp/new/$name" || rc=$?
	((rc == 0)) || die "$name was not added: it does not apply everywhere its guard admits" \
		"rework it, or let its guard exclude that base: --kernel '>= X.Y, < X.Y'"
	install -m 644 "$tmp/new/$name" "$patches/$name"
	why=${why%%$'\n'*}
	spec_add "$number" "$name" "${why:-${p_subject[$raw]}}"
	info "added $patches/$name and its line to $spec"
	sed -n '/^\(Kernel\|Probe\|Upstream\): /p' "$patches/$name" >&2
}

verb_drop() {
	local name file
	verb_options ... "$@"
	((${#args[@]})) || usage_error "drop needs a number or a file name"
	for name in "${args[@]}"; do
		file=$(patch_by "$name")
		spec_drop "${file##*/}"
		rm -- "$file"
		info "dropped ${file##*/} and its line of $spec"
	done
}

# --- refresh --------------------------------------------------------------------------
# stage_git DIR ARG...: git in DIR, with an identity to commit as.
stage_git() {
	plain_git "$1" -c user.name=patch -c user.email=patch@localhost -c core.abbrev=12 \
		-c commit.gpgsign=false -c gc.auto=0 -c init.defaultBranch=main "${@:2}"
}

# regenerate STAGE FILE: print FILE's message, and the diff between STAGE's last
# commit and its files.
regenerate() {
	awk '/^---[ \t]*$/ || /^diff --git / { exit } { print }' "$2"
	printf -- '---\n'
	stage_git "$1" diff --cached --no-ext-diff --no-color --stat --patch --summary HEAD
}

# refresh_one FILE STAGE TMP FUZZ: rewrite FILE if it applies with fuzz only.
refresh_one() {
	local file=$1 stage=$2 tmp=$3 fuzz=$4 anew=
	try_patch "$stage" "$file" "$tmp/log"
	if [[ $try_status == conflict ]]; then
		patch -p1 -s -f -F "$fuzz" --no-backup-if-mismatch -r - -d "$stage" < "$file" > "$tmp/fuzz" 2>&1 ||
			die "${file##*/} does not apply to $(tree_version "$stage")" \
				"$(explain_conflict "$stage" "$file" "$tmp/log")" "rework it by hand; tools/spec/patch check says more"
		anew=1
	fi
	stage_git "$stage" add -A
	[[ -z $anew ]] || regenerate "$stage" "$file" > "$tmp/new"
	stage_git "$stage" commit -q --allow-empty -m "${file##*/}"
	if [[ -n $anew ]]; then
		cat -- "$tmp/new" > "$file"
		info "${file##*/}: refreshed (fuzz up to $fuzz)"
	else
		info "${file##*/}: left as it is: ${try_reason:-it fits}"
	fi
}

verb_refresh() {
	local fuzz='' name file base version tmp n=0 wanted
	verb_options "fuzz= ..." "$@"
	[[ -n $fuzz ]] || usage_error "refresh needs --fuzz N: a patch that applies without fuzz stays as it is"
	[[ $fuzz =~ ^[1-3]$ ]] || usage_error "--fuzz takes 1 to 3 lines"
	wanted=' '
	for name in "${args[@]}"; do wanted+="$(patch_by "$name") "; done
	collect_series
	sort_series "${files[@]}"
	default_bases
	make_tmp tmp
	# A patch is refreshed against the first base that its guard admits.
	local -A todo=()
	for file in "${series[@]}"; do [[ $wanted != ' ' && $wanted != *" $file "* ]] || todo[$file]=1; done
	for base in "${bases[@]}"; do
		n=$((n + 1))
		stage_base "$base" "$tmp/$n" "${series[@]}"
		version=$(tree_version "$tmp/$n")
		stage_git "$tmp/$n" init -q .
		stage_git "$tmp/$n" add -A
		stage_git "$tmp/$n" commit -q -m base
		for file in "${series[@]}"; do
			guard_admits "${p_kernel[$file]}" "$version" "$tmp/$n" || continue
			if [[ -n ${todo[$file]:-} ]]; then
				refresh_one "$file" "$tmp/$n" "$tmp" "$fuzz"
				unset "todo[$file]"
			else
				try_patch "$tmp/$n" "$file" "$tmp/log"
				stage_git "$tmp/$n" add -A
				stage_git "$tmp/$n" commit -q --allow-empty -m "${file##*/}"
			fi
		done
	done
	for file in "${!todo[@]}"; do
		warn "${file##*/}: no base at hand is admitted by its guard (Kernel: ${p_kernel[$file]})" "give one: --base DIR|TARBALL|SRPM"
	done
}
