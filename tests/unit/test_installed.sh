#!/bin/sh
# What is installed beside the program: units, manual pages. Judged by the tools that are made for it,
# where they are there.
page=$TOP_BUILDDIR/man/akuvox2mqtt.conf.5
topics=$TOP_BUILDDIR/man/akuvox2mqtt-mqtt.7
units=$TOP_BUILDDIR/systemd
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

# credentials UNIT PREFIX
credentials() {
	for secret in access_token refresh_token client_secret cloud_password mqtt_password; do
		grep -qx "LoadCredential=$secret:$2.$secret" "$units/$1" || echo "$secret is missing"
	done
}

hardened() {
	systemd-analyze security --offline=yes --no-pager --threshold=15 "$1" >"$tmp/table" ||
		tail -n 1 "$tmp/table"
}

# What they start is not in its place yet, and a small system has no kill.
condition=$(cd "$TOP_SRCDIR/systemd" && pwd)/is-set-up
mkdir "$tmp/unit"
for unit in akuvox2mqtt akuvox2mqtt@; do
	sed -e "s|^ExecStart=[^ ]*|ExecStart=$TOP_BUILDDIR/akuvox2mqtt|" -e '/^ExecReload=/d' \
		-e "s|^ExecCondition=[^ ]*|ExecCondition=$condition|" \
		"$units/$unit.service" >"$tmp/unit/$unit.service"
done
service=$tmp/unit/akuvox2mqtt.service
instance=$tmp/unit/akuvox2mqtt@garage.service
ln -s "$tmp/unit/akuvox2mqtt@.service" "$instance"

echo 1..9
test_of unit_is_right systemd-analyze systemd-analyze verify --man=no "$service"
test_of unit_is_hardened systemd-analyze hardened "$service"
test_of unit_has_every_credential grep credentials akuvox2mqtt.service akuvox2mqtt
test_of template_is_right systemd-analyze systemd-analyze verify --man=no "$instance"
test_of template_is_hardened systemd-analyze hardened "$instance"
test_of template_has_every_credential grep credentials akuvox2mqtt@.service akuvox2mqtt@%i
test_of program_page_is_right mandoc mandoc -Tlint -W warning "$TOP_SRCDIR/man/akuvox2mqtt.1"
test_of configuration_page_is_right mandoc mandoc -Tlint -W warning "$page"
test_of topics_page_is_right mandoc mandoc -Tlint -W warning "$topics"
