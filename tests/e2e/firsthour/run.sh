#!/bin/bash
# run.sh : the README, tried on a fresh Debian 12 by somebody who types what it prints; see inside.
# Closes with "N passed, N failed".
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../../.."
. tests/e2e/deb/tree.sh

[[ $EUID -eq 0 ]] || { echo 'This boots a system, as root: sudo ./dev e2e firsthour' >&2; exit 1; }
./dev deps mmdebstrap systemd-container
native=$(dpkg --print-architecture)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# What README has apt install is fetched but not installed: there is no network in there.
# shellcheck disable=SC2016
tree "fresh-$native" "$native" systemd-sysv,dbus,libnss-systemd,ca-certificates,sudo,less,man-db,\
libmicrohttpd12,curl,jq --variant=important --skip=cleanup/apt \
	--customize-hook='chroot "$1" apt-get -qy --download-only install mosquitto \
		mosquitto-clients libcurl4 libinih1 libjson-c5 libmosquitto1 libsqlite3-0 tzdata >/dev/null'
fresh=$tree
OUT=$folder/out tests/e2e/deb/run.sh --no-test

mkdir -p "$folder/e2e/sources/out"
cp tests/e2e/firsthour/{inside,typing} "$folder/e2e"
cp -r README.md etc "$folder/e2e/sources"
cp "$folder"/out/akuvox2mqtt_*.deb "$folder/e2e/sources/out"
cp "$folder/out/akuvox-cloud-sim_$native" "$folder/e2e/akuvox-cloud-sim"
tests/e2e/systemd/boot.sh "$fresh" "$folder/e2e"
