#!/bin/sh
# enter.sh FOLDER NAME COMMAND... : runs a command in the Debian tree FOLDER/NAME. All trees of FOLDER
# see this machine's network, processes and /tmp, and NAME sees all of it in /host. What is mounted
# is gone when the command has ended.
set -eu

if [ "${1:-}" != --inside ]; then
	set -- unshare --mount --propagation private -- "$0" --inside "$@"
	# Who is not root is root in a namespace of its own.
	[ "$(id -u)" -eq 0 ] || {
		shift
		set -- unshare --user --map-root-user "$@"
	}
	exec "$@"
fi
shift
folder=$1 name=$2
shift 2

for tree in "$folder"/*/; do
	[ -x "$tree/bin/sh" ] || continue
	for mounted in dev proc sys tmp; do
		mount --rbind "/$mounted" "$tree$mounted"
	done
	for mounted in etc/resolv.conf etc/hosts etc/ssl/certs/ca-certificates.crt; do
		touch -a "$tree$mounted"
		mount --bind "/$mounted" "$tree$mounted"
	done
done
mkdir -p "$folder/$name/host"
mount --rbind / "$folder/$name/host"
exec chroot "$folder/$name" "$@"
