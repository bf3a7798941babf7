# Sourced by bash: trees of Debian 12 for building and for booting. Each is made once by mmdebstrap,
# kept in the user's cache, and never written to: whoever works in it does so in an overlay that is
# gone afterwards.
# shellcheck shell=bash

trees=${XDG_CACHE_HOME:-$HOME/.cache}/akuvox2mqtt-e2e

# tree NAME ARCHITECTURES PACKAGES [OPTION...] : sets $tree to a tree with these packages, which
# mmdebstrap makes if there is none of exactly this kind. Packages and architectures with commas.
# Base suite only: of others, the architectures are not always at the same version. Trees of that
# name that nobody uses are removed; this one is ours, with others, until this shell ends.
tree() {
	local name=$1 architectures=$2 packages=$3 mirror older lock
	shift 3

	tree=$trees/$name-$(printf '%s\n' "$architectures" "$packages" "$@" | sha256sum | cut -c1-8)
	[[ -d $tree ]] || make_tree "$@" || return
	exec {lock}<"$tree"
	flock --shared "$lock"
	for older in "$trees/$name"-*; do
		[[ $older == "$tree" ]] || flock --nonblock "$older" rm -rf "$older" || true
	done
}

make_tree() {
	local new=$trees/.$name.$$

	echo "Making $tree, which takes a minute or two"
	mkdir -p "$trees"
	# The mirror that this machine uses.
	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Codename: bookworm' 'Origin: Debian' | head -n 1)
	emulated mmdebstrap --quiet --aptopt='Acquire::Retries "5"' --variant=minbase \
		--architectures="$architectures" --include="$packages" "$@" bookworm "$new" \
		${mirror:+"$mirror"} && mv -T "$new" "$tree" && return
	rm -rf "$new"
	[[ -d $tree ]]
}

# The interpreter of programs for $EMULATE (arm or aarch64), as binfmt_misc wants it.
interpreter() {
	local machine=28 class=01

	[[ $EMULATE != aarch64 ]] || machine=b7 class=02
	printf ':akuvox2mqtt:M::\\x7fELF\\x%s%s\\x02\\x00\\x%s\\x00:%s%s:%s:F' \
		$class '\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00' $machine \
		'\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff' \
		'\xfe\xff\xff\xff' "$(type -P "qemu-$EMULATE-static")"
}

# emulated COMMAND... : with EMULATE set, programs of that kind are run by qemu-user meanwhile: by a
# table of interpreters in a namespace of its own, so that the machine's stays as it is. That needs
# Linux 6.7; on older ones the machine's table serves, which Debian's qemu-user-static fills.
emulated() {
	local ready pid

	if [[ ! ${EMULATE:-} ]]; then
		"$@"
		return
	fi
	ready=$(mktemp -u)
	mkfifo "$ready"
	# shellcheck disable=SC2016
	unshare --user --mount bash -euc '
		ready=$1 table=$2
		shift 2
		cat "$ready"
		mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&
			printf %s "$table" >/proc/sys/fs/binfmt_misc/register || true
		exec setpriv --pdeathsig KILL "$@"' bash "$ready" "$(interpreter)" "$@" &
	pid=$!
	while [[ /proc/$pid/ns/user -ef /proc/self/ns/user ]]; do sleep 0.05; done
	echo 0 0 4294967295 >"/proc/$pid/uid_map"
	echo 0 0 4294967295 >"/proc/$pid/gid_map"
	echo >"$ready"
	rm "$ready"
	wait "$pid"
}

# in_tree TREE FOLDER COMMAND... : runs it in an overlay of the tree, with FOLDER as /build, a
# loopback of its own and no other network. Nothing it started survives it.
in_tree() {
	emulated unshare --mount --pid --net --ipc --fork --kill-child --propagation private \
		bash "${BASH_SOURCE[0]%/*}/in-tree.sh" "$@"
}
