#!/bin/bash
# in-tree.sh TREE FOLDER COMMAND... : the part of in_tree() that runs in the new namespaces.
# EMULATE=arm or aarch64 has programs of that kind run by qemu-user, by a table of interpreters in a
# namespace of its own, so that the machine's stays as it is; that needs Linux 6.7. On older ones
# the machine's table serves, which Debian's qemu-user-static fills.
set -euo pipefail
tree=$1 work=$(readlink -f "$2")
shift 2
root=/mnt

mount -t tmpfs -o mode=755 tmpfs $root
mkdir $root/{upper,work,root}
mount -t overlay -o "lowerdir=$tree,upperdir=$root/upper,workdir=$root/work" overlay $root/root
root=$root/root
ip link set lo up
mkdir -p $root/work
mount --bind "$work" $root/work
mount -t proc proc $root/proc
mount --rbind /dev $root/dev
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
printf '127.0.0.1 localhost\n::1 localhost\n' >$root/etc/hosts

case ${EMULATE:-} in
arm) machine='\x28' class='\x01' ;;
aarch64) machine='\xb7' class='\x02' ;;
*) machine='' ;;
esac
if [[ $machine ]]; then
	qemu=$(type -P "qemu-$EMULATE-static")
	# shellcheck disable=SC2016
	exec unshare --user --map-root-user --mount bash -euc '
		table=$1 root=$2
		shift 2
		mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&
			printf %s "$table" >/proc/sys/fs/binfmt_misc/register || true
		exec chroot $root "$@"' bash \
		":akuvox2mqtt:M::\x7fELF$class\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00$machine\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:$qemu:F" \
		$root "$@"
fi
exec chroot $root "$@"
