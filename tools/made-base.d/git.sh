# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # the variables of upstream-base
# git.sh - a git tree of the kernel at one commit.

# in_repo ARGUMENT...: git in the tree, without the user's settings; a tree around
# DIR does not count.
in_repo() {
	GIT_CEILING_DIRECTORIES=$(dirname -- "$repo") git -C "$repo" -c core.fsmonitor=false -c core.autocrlf=false \
		-c core.attributesFile=/dev/null -c tar.umask=0022 "$@"
}

# find_commit REF: set commit, or die with what to do.
find_commit() {
	local hint="its branches and tags: git -C $repo branch -a; git -C $repo tag"
	[[ $1 != -* ]] || die "REF=$1: expected a tag, a branch or a commit"
	[[ $(in_repo rev-parse --is-shallow-repository) != true ]] ||
		hint="the tree is shallow: git -C $repo fetch --depth 1 origin $1, or git fetch --unshallow"
	commit=$(in_repo rev-parse --verify --quiet "$1^{commit}" 2> /dev/null) ||
		die "REF=$1: no such commit in $repo" "$hint"
}

# check_tag REF: it must be a tag signed by one of the keys.
check_tag() {
	local armour='-----BEGIN PGP SIGNATURE-----'
	[[ $(in_repo cat-file -t "$1") == tag ]] && in_repo cat-file tag "$1" > "$tmp/tag" && grep -qxF -- "$armour" "$tmp/tag" ||
		die "REF=$1: not a signed tag, but a key was given to check it with" "name a tag that the key's owner signed, or leave KEYS out"
	sed -n "/^$armour\$/,\$p" "$tmp/tag" > "$tmp/tag.sign"
	sed "/^$armour\$/,\$d" "$tmp/tag" | signed_by "$tmp/tag.sign" ||
		die "REF=$1: the tag's signature is not in order" "$(tail -n 4 "$tmp/gpgv")" "keys given: ${keys[*]}"
	info "$1: $(sed -n 's/^gpgv: Good signature from/signed by/p' "$tmp/gpgv" | head -n 1)"
}

# say_what_is_left_out REF: what lies in the work tree and is not committed.
say_what_is_left_out() {
	local n
	[[ $(in_repo rev-parse --is-bare-repository) == false && $(in_repo rev-parse HEAD 2> /dev/null) == "$commit" ]] || return 0
	n=$(in_repo status --porcelain --untracked-files=no | wc -l)
	((n == 0)) || warn "$repo has uncommitted changes ($n files); they are not in the base" "only what is committed counts"
}

# archive: the tarball of the commit.
archive() {
	need_space "$outdir" 2500 "the git tree's archive"
	info "packing $describe"
	in_repo archive --format=tar --prefix="${made[topdir]}/" "$commit" 2> "$tmp/err" | gzip -n -6 > "$tmp/archive.tar.gz" ||
		die "$repo: git archive failed" "$(cat "$tmp/err")"
	made[tarball]=$tmp/archive.tar.gz
}

# from_git DIR REF
from_git() {
	local file
	repo=$(realpath -- "$1")
	need_cmd git git git
	in_repo rev-parse --git-dir > /dev/null 2> "$tmp/err" ||
		die "$repo: not a git tree" "$(head -n 3 "$tmp/err")" \
			"expected the top directory of one; or pack the tree, its directory in it: tar -cJf linux-V.tar.xz DIR"
	find_commit "$2"
	[[ -n $ref ]] || info "no REF=: HEAD is taken"
	((${#keys[@]} == 0)) || check_tag "$2"
	for file in Makefile Kconfig arch/x86/kvm; do
		in_repo cat-file -e "$commit:$file" 2> /dev/null || die "$repo: no kernel's tree at $2: no $file in it"
	done
	in_repo cat-file blob "$commit:Makefile" > "$tmp/Makefile"
	tree_names "$tmp/Makefile" "$repo at $2"
	describe=$(in_repo describe --always --abbrev=12 "$commit" 2> /dev/null)
	# It goes into a spec.
	[[ $describe =~ ^[A-Za-z0-9._/+~-]+$ ]] || describe=${commit:0:12}
	say_what_is_left_out
	made[epoch]=$(in_repo show -s --format=%ct "$commit")
	made[release]+=.$(date -ud "@${made[epoch]}" +%Y%m%d)git${commit:0:12}
	made[vcs]="git:$commit#$describe"
	made[topdir]=linux-${made[version]}
	made[tarball_name]=linux-${made[version]}.tar.gz
	made[tarball]='' made[id]=$commit made[fetch]=archive
	info "$describe: kernel ${made[version]}-${made[release]}; it brings no config, so CONFIG=distro is not for it"
}
