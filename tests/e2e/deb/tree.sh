# Sourced by bash: trees of Debian 12 for building and for booting. Each is made once by mmdebstrap,
# kept in the user's cache, and never written to: whoever works in it does so in an overlay that is
# gone afterwards.
# shellcheck shell=bash

trees=${XDG_CACHE_HOME:-$HOME/.cache}/akuvox2mqtt-e2e

# tree NAME ARCHITECTURES PACKAGES [OPTION...] : sets $tree to a tree with these packages, which
# mmdebstrap makes if there is none of exactly this kind. Packages and architectures with commas.
# Base suite only: of others, the architectures are not always at the same version.
tree() {
	local name=$1 architectures=$2 packages=$3 mirror
	shift 3

	tree=$trees/$name-$(printf '%s\n' "$architectures" "$packages" "$@" | sha256sum | cut -c1-8)
	[[ -d $tree ]] && return
	echo "Making $tree, which takes a minute or two"
	mkdir -p "$trees"
	rm -rf "$trees/$name"-*
	# The mirror that this machine uses.
	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Codename: bookworm' 'Origin: Debian' | head -n 1)
	mmdebstrap --quiet --variant=minbase --architectures="$architectures" \
		--include="$packages" "$@" bookworm "$tree.new" ${mirror:+"$mirror"} ||
		{ rm -rf "$tree.new"; return 1; }
	mv "$tree.new" "$tree"
}

# in_tree TREE FOLDER COMMAND... : runs it in an overlay of the tree, with FOLDER as /work, a
# loopback of its own and no other network. Nothing it started survives it.
in_tree() {
	unshare --mount --pid --net --ipc --fork --kill-child --propagation private \
		bash "${BASH_SOURCE[0]%/*}/in-tree.sh" "$@"
}
