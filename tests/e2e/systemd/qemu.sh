#!/bin/bash
# qemu.sh TREE FOLDER : boots the armhf tree on an emulated 32-bit ARM machine with a kernel of its own,
# for what a container cannot show: the filter of system calls as that processor's kernel applies it.
# The tree and FOLDER, as /opt/e2e, are its initial RAM file system: there is no disk, and nothing
# outlives a reboot. FOLDER/inside runs after the boot; its output is ours. Ends when it ends, with
# the status that it prints as "status N".
set -euo pipefail
tree=$(readlink -f "$1") folder=$(readlink -f "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is on top of the tree: an archive behind an archive adds to it.
top=$work/top
mkdir -p "$top"/opt "$top"/etc/systemd/system/multi-user.target.wants
cp -a "$folder" "$top/opt/e2e"
ln -s /lib/systemd/systemd "$top/init"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$top/etc/hosts"
: >"$top/etc/machine-id"
cat >"$top/etc/systemd/system/e2e.service" <<-'END'
	[Service]
	Type=exec
	Environment=HOME=/root LC_ALL=C.UTF-8 PATIENCE=10 NO_REBOOT=1
	ExecStart=/opt/e2e/inside
	ExecStopPost=/bin/sh -c 'echo status $(cat /opt/e2e/status || echo 99) >/dev/ttyAMA0'
	ExecStopPost=systemctl --no-block poweroff --force
	StandardOutput=tty
	StandardError=inherit
	TTYPath=/dev/ttyAMA0
END
ln -s ../e2e.service "$top/etc/systemd/system/multi-user.target.wants/"
for unit in serial-getty@ttyAMA0.service systemd-timesyncd.service apt-daily.timer \
	apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer; do
	ln -s /dev/null "$top/etc/systemd/system/$unit"
done
# archive FOLDER OPTION... : without what nobody looks at.
archive() {
	(cd "$1" && find . \( -path ./boot -o -path ./usr/share/doc -o -path ./usr/share/locale -o \
		-path ./var/cache/apt -o -path ./var/lib/apt \) -prune -o -print0 |
		cpio --quiet -0 -o -H newc "${@:2}")
}
archive "$tree" >"$work/initrd"
archive "$top" -R 0:0 >>"$work/initrd"

timeout --foreground "${LIMIT:-3000}" setpriv --pdeathsig KILL qemu-system-arm -M virt -cpu cortex-a15 \
	-smp 2 -accel tcg,thread=multi -m 2048 -nodefaults -display none -no-reboot -monitor none \
	-serial stdio -kernel "$tree"/boot/vmlinuz-* -initrd "$work/initrd" \
	-append 'console=ttyAMA0 quiet panic=-1 rdinit=/init systemd.show_status=0' \
	</dev/null | stdbuf -oL tr -d '\r' | tee "$folder/console" || true
exit "$(sed -n 's/^status //p' "$folder/console" | tail -n 1 | grep . || echo 99)"
