#!/bin/bash
# run.sh : the block "Build" of README, typed on a Debian 12 that has what ./dev deps installs; see
# inside. Closes with "N passed, N failed".
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../../.."
. tests/e2e/deb/tree.sh

[[ $EUID -eq 0 ]] || { echo 'This boots a system, as root: sudo ./dev e2e source' >&2; exit 1; }
./dev deps mmdebstrap systemd-container
native=$(dpkg --print-architecture)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

packages=()
eval "$(sed -n '/^packages=(/,/^)/p' dev)"
tree "source-$native" "$native" \
	"$(IFS=, && echo "${packages[*]}"),systemd-sysv,dbus,libnss-systemd,procps,sudo,jq"

mkdir -p "$folder/e2e/sources"
cp tests/e2e/source/inside tests/e2e/firsthour/typing build/tests/sim/akuvox-cloud-sim "$folder/e2e"
if [[ -e .git ]]; then
	git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T -
else
	tar -c --exclude='./build*/' --exclude=./out .
fi | tar -x -C "$folder/e2e/sources"
build-aux/version >"$folder/e2e/sources/.dist-version"
LIMIT=2400 tests/e2e/systemd/boot.sh "$tree" "$folder/e2e"
