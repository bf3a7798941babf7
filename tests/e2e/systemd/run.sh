#!/bin/bash
# run.sh : the package on a booted Debian 12; see inside. Closes with "N passed, N failed".
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../../.."
. tests/e2e/deb/tree.sh

# The last commit whose cache had an older schema: the version that is upgraded.
old=1fb9db8

[[ $EUID -eq 0 ]] || { echo 'This boots a system, as root: sudo ./dev e2e systemd' >&2; exit 1; }
./dev deps mmdebstrap systemd-container
native=$(dpkg --print-architecture)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

tree "boot-$native" "$native" "systemd,systemd-sysv,dbus,libnss-systemd,procps,ca-certificates,tzdata,\
mosquitto,mosquitto-clients,openssl,curl,jq,sqlite3,dnsmasq-base,libmicrohttpd12,libcurl4,libinih1,\
libjson-c5,libmosquitto1,libsqlite3-0"
boot=$tree
OUT=$folder/new tests/e2e/deb/run.sh --no-test
old_out=$trees/old-$old-$(cat debian/p* debian/rules | sha256sum | cut -c1-8)
[[ -d $old_out ]] || OUT=$old_out tests/e2e/deb/run.sh --no-test --from "$old"

mkdir "$folder/e2e"
cp tests/e2e/systemd/inside "$folder/e2e"
cp "$folder/new/akuvox-cloud-sim_$native" "$folder/e2e/akuvox-cloud-sim"
cp "$folder"/new/akuvox2mqtt_*.deb "$folder/e2e/new.deb"
cp "$old_out"/akuvox2mqtt_*.deb "$folder/e2e/old.deb"
tests/e2e/systemd/boot.sh "$boot" "$folder/e2e"
