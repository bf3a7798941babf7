#!/usr/bin/env bash
# etc/nodered/akuvox-flows.json in a real Node-RED, as it is: with a broker, the simulated cloud, the
# gateway, and a server that stands in for ntfy.
#
#	./dev e2e nodered                      what the flow does is checked
#	./dev e2e nodered --picture FILE.png   the editor with the flow, for the README
#
# All of it runs in a network of its own, so that the ports are those of the file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

# 5.x wants a Node.js newer than that of Debian 12.
version=4.1.15
place=${XDG_CACHE_HOME:-$HOME/.cache}/akuvox2mqtt-e2e/node-red-$version

if [[ ${1:-} == --inside ]]; then
	shift
	ip link set lo up
	unset "${!http_proxy@}" "${!https_proxy@}" "${!HTTP_PROXY@}" "${!HTTPS_PROXY@}"
	script=test.js
	[[ ${1:-} != --picture ]] || script=picture.js
	NODE_PATH=$place/node_modules NODE_RED=$place/node_modules/node-red/red.js \
		exec node "tests/e2e/nodered/$script" "${@:2}"
fi

command -v npm >/dev/null || ./dev deps nodejs npm
command -v ip >/dev/null || ./dev deps iproute2
[[ ${1:-} != --picture ]] || command -v chromium >/dev/null || ./dev deps chromium fonts-dejavu-core
if [[ ! -f $place/done ]]; then
	printf 'Installing Node-RED %s, which takes half a minute\n' "$version"
	rm -rf "$place"
	mkdir -p "$place"
	npm install --prefix "$place" --no-audit --no-fund --loglevel=error "node-red@$version"
	touch "$place/done"
fi
user=()
[[ $EUID -eq 0 ]] || user=(--user --map-root-user)
exec unshare "${user[@]}" --net -- tests/e2e/nodered/run.sh --inside "$@"
