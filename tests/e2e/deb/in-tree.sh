#!/bin/bash
# in-tree.sh TREE FOLDER COMMAND... : the part of in_tree() that runs in the new namespaces.
set -euo pipefail
tree=$1 work=$(readlink -f "$2")
shift 2
root=/mnt

mount -t tmpfs -o mode=755 tmpfs $root
mkdir $root/{upper,work,root}
mount -t overlay -o "lowerdir=$tree,upperdir=$root/upper,workdir=$root/work" overlay $root/root
root=$root/root
ip link set lo up
mkdir -p $root/build
mount --bind "$work" $root/build
mount -t proc proc $root/proc
mount --rbind /dev $root/dev
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
printf '127.0.0.1 localhost\n::1 localhost\n' >$root/etc/hosts
exec chroot $root "$@"
