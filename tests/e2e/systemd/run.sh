#!/bin/bash
# run.sh [armhf] : the package on a booted Debian 12; see inside. In a container, which takes minutes, or
# on an emulated 32-bit ARM machine, which takes a quarter of an hour. Closes with "N passed, N failed".
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../../.."
. tests/e2e/deb/tree.sh

# The last commit whose cache had an older schema: the version that is upgraded.
old=1fb9db8
native=$(dpkg --print-architecture)
target=${1:-$native}

[[ $target == "$native" || $target == armhf ]] ||
	{ echo './dev e2e systemd takes armhf or nothing' >&2; exit 2; }
[[ $EUID -eq 0 ]] || { echo 'This boots a system, as root: sudo ./dev e2e systemd' >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

packages=systemd,systemd-sysv,dbus,libnss-systemd,procps,ca-certificates,tzdata,mosquitto
packages+=,mosquitto-clients,openssl,curl,jq,sqlite3,dnsmasq-base,libmicrohttpd12
# What the package depends on: dpkg says if something is missing.
packages+=,libcurl4,libinih1,libjson-c5,libmosquitto1,libsqlite3-0
# The kernel alone: its package would have an initial RAM file system made, emulated.
# shellcheck disable=SC2016
kernel='cd "$1/boot" &&
	name=$(chroot "$1" apt-cache depends linux-image-armmp | sed -n "s/.*Depends: //p" | head -n 1) &&
	chroot "$1" sh -c "cd /boot && apt-get -q download $name" &&
	dpkg-deb --fsys-tarfile linux-image-*.deb |
		tar -x --wildcards --strip-components=2 "./boot/vmlinuz-*" &&
	rm linux-image-*.deb'

if [[ $target == "$native" ]]; then
	./dev deps mmdebstrap systemd-container
	tree "boot-$target" "$target" "$packages"
else
	./dev deps mmdebstrap qemu-user-static arch-test qemu-system-arm cpio
	EMULATE=arm tree "boot-$target" "$target" "$packages" --customize-hook="$kernel"
fi
boot=$tree
OUT=$folder/new tests/e2e/deb/run.sh --no-test "$target"
old_out=$trees/old-$target-$old-$(cat debian/p* debian/rules | sha256sum | cut -c1-8)
[[ -d $old_out ]] || OUT=$old_out tests/e2e/deb/run.sh --no-test --from "$old" "$target"

mkdir "$folder/e2e"
cp tests/e2e/systemd/inside "$folder/e2e"
cp "$folder/new/akuvox-cloud-sim_$target" "$folder/e2e/akuvox-cloud-sim"
cp "$folder"/new/akuvox2mqtt_*.deb "$folder/e2e/new.deb"
cp "$old_out"/akuvox2mqtt_*.deb "$folder/e2e/old.deb"
if [[ $target == "$native" ]]; then
	tests/e2e/systemd/boot.sh "$boot" "$folder/e2e"
else
	tests/e2e/systemd/qemu.sh "$boot" "$folder/e2e"
fi
