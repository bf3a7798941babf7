#!/bin/bash
# boot.sh TREE FOLDER : boots the tree with systemd as its first process, in a container with its own
# network, and an overlay that takes all changes. FOLDER is /opt/e2e in there, and FOLDER/inside is
# run after the boot, again after each reboot it asks for; its output is ours. Ends when it ends,
# with the status that it writes to FOLDER/status.
set -euo pipefail

if [[ ${1:-} != --inner ]]; then
	rm -f "$2/status"
	unshare --mount --propagation private bash "$0" --inner "$@"
	exit "$(cat "$2/status" 2>/dev/null || echo 99)"
fi
tree=$(readlink -f "$2") folder=$(readlink -f "$3")

# nspawn wants cgroups of version 2 and a file system for /run, and systemd a cgroup of its own.
[[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
before=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
group=/sys/fs/cgroup/akuvox2mqtt-e2e-$$
mkdir "$group"
mount -t tmpfs -o mode=755 tmpfs /run
leave() {
	echo $$ >"$before/cgroup.procs"
	echo 1 >"$group/cgroup.kill"
	for _ in {1..50}; do
		find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
		sleep 0.1
	done
}
trap leave EXIT
trap 'exit 1' INT TERM

root=/mnt
mount -t tmpfs -o mode=755 tmpfs $root
mkdir $root/{upper,work,root}
mount -t overlay -o "lowerdir=$tree,upperdir=$root/upper,workdir=$root/work" overlay $root/root
root=$root/root
mkdir -p $root/opt/e2e
printf '127.0.0.1 localhost\n::1 localhost\n' >$root/etc/hosts
: >$root/etc/machine-id
cat >$root/etc/systemd/system/e2e.service <<-'END'
	[Service]
	Type=exec
	Environment=HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
	ExecStart=/opt/e2e/inside
	StandardOutput=append:/opt/e2e/output
	StandardError=inherit
	ExecStopPost=/bin/sh -c 'systemctl is-system-running | grep -q stopping || systemctl poweroff'
END
mkdir -p $root/etc/systemd/system/multi-user.target.wants
ln -s ../e2e.service $root/etc/systemd/system/multi-user.target.wants/
for unit in console-getty.service systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer \
	dpkg-db-backup.timer e2scrub_all.timer; do
	ln -sf /dev/null $root/etc/systemd/system/$unit
done

# The rights to load BPF programs: DevicePolicy= is not enforced without.
: >"$folder/output"
boot() {
	(
		echo $BASHPID >"$group/cgroup.procs"
		exec timeout --foreground "${LIMIT:-600}" setpriv --pdeathsig KILL systemd-nspawn \
			--quiet --boot --register=no --keep-unit --private-network --console=pipe \
			--link-journal=no --resolv-conf=off --timezone=off --machine=e2e \
			--directory=$root --bind="$folder:/opt/e2e" --system-call-filter=bpf \
			--capability=CAP_BPF,CAP_NET_ADMIN </dev/null >"$folder/console" 2>&1
	) &
	wait $!
}
tail -f --pid=$$ "$folder/output" &
tail=$!
while status=0; boot || status=$?; [[ $status -eq 133 ]]; do :; done
[[ -e $folder/status ]] || cat "$folder/console"
sleep 0.2
kill $tail
