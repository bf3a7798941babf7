#!/usr/bin/env bash
# Runs a program with mounts, a network and a host's files of its own, where the machine allows that;
# elsewhere as it is, and it skips what needs them.
set -euo pipefail

for own in --mount\ --net --map-root-user\ --mount\ --net; do
	read -ra options <<<"$own"
	if unshare "${options[@]}" sh -c 'ip link set lo up' 2>/dev/null; then
		# shellcheck disable=SC2016
		exec unshare "${options[@]}" sh -c \
			'ip link set lo up && PATH=$PATH:/usr/sbin:/sbin APART=1 exec "$@"' sh "$@"
	fi
done
exec "$@"
