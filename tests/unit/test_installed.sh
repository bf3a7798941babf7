#!/bin/sh
# What is installed beside the program: unit, manual pages. Judged by the tools that are made for it,
# where they are there.
page=$TOP_BUILDDIR/man/akuvox2mqtt.conf.5
topics=$TOP_BUILDDIR/man/akuvox2mqtt-mqtt.7
unit=$TOP_BUILDDIR/systemd/akuvox2mqtt.service
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
n=0

# test_of NAME TOOL COMMAND... : the command succeeds and says nothing.
test_of() {
	n=$((n + 1)) name=$1 tool=$2
	shift 2
	if ! command -v "$tool" >/dev/null; then
		echo "ok $n - $name # SKIP there is no $tool"
	elif "$@" >"$tmp/said" 2>&1 && ! [ -s "$tmp/said" ]; then
		echo "ok $n - $name"
	else
		sed 's/^/# /' "$tmp/said"
		echo "not ok $n - $name"
	fi
}

has_every_credential() {
	for secret in access_token refresh_token client_secret cloud_password mqtt_password; do
		grep -qx "LoadCredential=$secret:akuvox2mqtt.$secret" "$unit" ||
			echo "$secret is missing"
	done
}

is_hardened() {
	systemd-analyze security --offline=yes --no-pager --threshold=15 "$1" >"$tmp/table" ||
		tail -n 1 "$tmp/table"
}

# The program is not in its place yet, and a small system has no kill.
mkdir "$tmp/unit"
sed -e "s|^ExecStart=[^ ]*|ExecStart=$TOP_BUILDDIR/akuvox2mqtt|" -e '/^ExecReload=/d' "$unit" \
	>"$tmp/unit/akuvox2mqtt.service"

echo 1..6
test_of unit_is_right systemd-analyze \
	systemd-analyze verify --man=no "$tmp/unit/akuvox2mqtt.service"
test_of unit_is_hardened systemd-analyze is_hardened "$tmp/unit/akuvox2mqtt.service"
test_of unit_has_every_credential grep has_every_credential
test_of program_page_is_right mandoc mandoc -Tlint -W warning "$TOP_SRCDIR/man/akuvox2mqtt.1"
test_of configuration_page_is_right mandoc mandoc -Tlint -W warning "$page"
test_of topics_page_is_right mandoc mandoc -Tlint -W warning "$topics"
