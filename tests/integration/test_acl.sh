#!/usr/bin/env bash
# The files of etc/mosquitto as they are, but for paths and ports, made ready by the commands of their
# README: users who do what they may, and who try what they may not.
TOP_SRCDIR=${TOP_SRCDIR:-$PWD} TOP_BUILDDIR=${TOP_BUILDDIR:-$PWD/build}
here=$TOP_SRCDIR/etc/mosquitto
tmp=$(mktemp -d) || exit 99
PATH=$PATH:/usr/sbin
n=0
children=()

cleanup() {
	[[ ${#children[@]} -eq 0 ]] || kill "${children[@]}" 2>/dev/null
	wait
	rm -rf "$tmp"
}
trap cleanup EXIT

# start NAME COMMAND... : runs it behind; what it says goes to files.
start() {
	local name=$1

	shift
	setpriv --pdeathsig TERM "$@" </dev/null >"$tmp/$name.out" 2>"$tmp/$name.log" &
	children+=($!)
}

# until_true COMMAND... : waits until it succeeds.
until_true() {
	local end=$((SECONDS + 60))

	until "$@" >/dev/null 2>&1; do
		[[ $SECONDS -lt $end ]] || return 1
		sleep 0.05
	done
}

# check NAME : runs that function, which is a test.
check() {
	local name=$1

	n=$((n + 1))
	if "$name" >"$tmp/said" 2>&1; then
		echo "ok $n - $name"
	else
		sed 's/^/# /' "$tmp/said"
		echo "not ok $n - $name"
		return 1
	fi
}

# here_instead : a text with the machine's paths and rights replaced by those of the test.
here_instead() {
	sed -e "s| /etc/| $tmp/etc/|g" -e "s|(sudo cat /etc/|(cat $tmp/etc/|g" -e 's|sudo ||g' \
		-e 's| -o mosquitto||; s| -g akuvox2mqtt||' "$@"
}

# commands HEADING : the commands below that heading of the README.
commands() {
	sed -n "/^## $1\$/,/^## /s/^    //p" "$here/README.md" | here_instead
}

# ---- making it ready

users_are_made() {
	local line

	mkdir -p "$tmp/etc/mosquitto/certs" "$tmp/etc/mosquitto/conf.d" "$tmp/etc/akuvox2mqtt"
	{
		echo 'set -e'
		commands Users | sed "s|^mosquitto_passwd .*/akuvox2mqtt.passwd [a-z]*\$|& <$tmp/twice|"
		for line in homeassistant nodered admin; do
			echo "mosquitto_passwd $tmp/etc/mosquitto/akuvox2mqtt.passwd $line <$tmp/twice"
		done
	} >"$tmp/users.sh"
	printf 'secret\nsecret\n' >"$tmp/twice"
	sh "$tmp/users.sh" || return
	! grep -v '^[a-z0-9]*:[$]7[$]' "$tmp/etc/mosquitto/akuvox2mqtt.passwd" || return
	# No user of the list is made up, and none is missing.
	diff <(sed -n 's/^user //p' "$here/akuvox2mqtt.acl" | sort) \
		<(cut -d: -f1 "$tmp/etc/mosquitto/akuvox2mqtt.passwd" | sort)
}

certificate_is_made() {
	{
		echo 'set -e'
		commands 'A certificate'
	} >"$tmp/certificate.sh"
	(cd "$tmp" && TMPDIR=$tmp sh "$tmp/certificate.sh") &&
		openssl verify -CAfile "$tmp/etc/mosquitto/certs/ca.crt" \
			-verify_hostname localhost "$tmp/etc/mosquitto/certs/server.crt"
}

# As Debian's mosquitto.conf does it. Tries free ports until the broker has got them.
broker_runs() {
	here_instead "$here/akuvox2mqtt.acl" >"$tmp/etc/mosquitto/akuvox2mqtt.acl"
	printf 'user root\nlog_dest stderr\ninclude_dir %s\n' "$tmp/etc/mosquitto/conf.d" \
		>"$tmp/mosquitto.conf"
	for _ in {1..10}; do
		plain=$((RANDOM % 20000 + 20000))
		tls=$((plain + 1))
		here_instead -e "s/^listener 1883/listener $plain/" -e "s/^listener 8883/listener $tls/" \
			"$here/akuvox2mqtt.conf" >"$tmp/etc/mosquitto/conf.d/akuvox2mqtt.conf"
		start mosquitto mosquitto -c "$tmp/mosquitto.conf"
		until_true grep -Eq ' running$|^Error|Error: ' "$tmp/mosquitto.log"
		! grep -q ' running$' "$tmp/mosquitto.log" || return 0
	done
	cat "$tmp/mosquitto.log"
	return 1
}

gateway_connects() {
	local cloud state relays

	start cloud "$TOP_BUILDDIR/tests/sim/akuvox-cloud-sim" --homes 2 --quiet
	until_true grep -q '^control ' "$tmp/cloud.out" || return
	cloud=$(sed -n 's/^cloud //p' "$tmp/cloud.out")
	control=$(sed -n 's/^control //p' "$tmp/cloud.out")
	state=$(curl -sS "$control/state") || return
	mapfile -t relays < <(grep -o '"relay_id":"[^"]*' <<<"$state" | cut -d'"' -f4)
	mapfile -t homes < <(grep -o '"residence_id":"[^"]*' <<<"$state" | cut -d'"' -f4)
	mkdir "$tmp/state"
	(umask 077 && echo sim-token >"$tmp/token")
	cat >"$tmp/gateway.conf" <<-END
		[cloud]
		url = $cloud
		access_token_file = $tmp/token
		[mqtt]
		host = localhost
		port = $tls
		tls = yes
		ca_file = $tmp/etc/mosquitto/certs/ca.crt
		username = akuvox2mqtt
		password_file = $tmp/etc/akuvox2mqtt/mqtt_password
		[residence ${homes[0]}]
		alias = villa
		[residence ${homes[1]}]
		alias = hut
		[door ${relays[0]}]
		alias = front
		[door ${relays[1]}]
		alias = garage
	END
	start gateway env STATE_DIRECTORY="$tmp/state" \
		"$TOP_BUILDDIR/akuvox2mqtt" run -c "$tmp/gateway.conf"
	gateway=${children[-1]}
	until_true grep -q " as akuvox2mqtt .*u'akuvox2mqtt'" "$tmp/mosquitto.log" ||
		! cat "$tmp/gateway.log" "$tmp/mosquitto.log"
}

# ---- clients

# reach PLAIN-OR-TLS : the options with which it is reached, in $reach.
reach() {
	case $1 in
	plain) reach=(-h 127.0.0.1 -p "$plain") ;;
	tls) reach=(-h localhost -p "$tls" --cafile "$tmp/etc/mosquitto/certs/ca.crt") ;;
	esac
}

# client PROGRAM USER [WORD...] : over TLS, by MQTT 5.
client() {
	local reach

	reach tls
	"$1" "${reach[@]}" -V 5 -u "$2" -P secret "${@:3}"
}

# ask USER TOPIC PAYLOAD : prints the answer that comes to a response topic of the user.
ask() {
	client mosquitto_rr "$1" -q 1 -W 60 -e "reply/$1/1" -t "$2" -m "$3"
}

# is_refused USER TOPIC [PAYLOAD] : the broker says so.
is_refused() {
	client mosquitto_pub "$1" -q 1 -t "$2" -m "${3:-OPEN}" 2>&1 | grep -q 'Not authorized' ||
		{ echo "$1 may publish on $2" && return 1; }
}

openings() {
	curl -sS "$control/openings" | grep -o '"relay_id"' | wc -l
}

# opened NUMBER : so many doors opened so far.
opened() {
	[[ $(openings) -eq $1 ]] || { echo "$(openings) openings, not $1" && return 1; }
}

# What a user gets of everything goes to a file.
watch() {
	local reach

	reach tls
	start "$1" stdbuf -oL mosquitto_sub "${reach[@]}" -V 5 -q 1 -u "$1" -P secret -v -t '#'
}

got() {
	grep -q "$2" "$tmp/$1.out" || { echo "$1 did not get $2" && return 1; }
}

# ---- tests

# It looks for what it announced to Home Assistant before.
gateway_may_what_it_needs() {
	local reach password

	reach tls
	password=$(cat "$tmp/etc/akuvox2mqtt/mqtt_password")
	reach+=(-V 5 -q 1 -u akuvox2mqtt -P "$password" -t homeassistant/device/x/config)
	mosquitto_pub "${reach[@]}" -r -m x && mosquitto_sub "${reach[@]}" -C 1 -W 60 | grep -qx x &&
		mosquitto_pub "${reach[@]}" -r -n &&
		"$TOP_BUILDDIR/akuvox2mqtt" check -c "$tmp/gateway.conf"
}

dashboard_reads_all() {
	local what

	for what in 'bridge/state online' bridge/info villa/info villa/availability \
		villa/door/front/info 'villa/door/front/state LOCKED' 'hut/.*/state LOCKED'; do
		until_true got dashboard "^home/$what" || got dashboard "^home/$what" || return
	done
}

dashboard_publishes_nothing() {
	local topic

	for topic in villa/door/front/open villa/request/trigger_akuvox_remote_open_door \
		bridge/request/refresh villa/temp_key/create villa/temp_key/delete villa/nfc/set \
		villa/private_key/set villa/event/call villa/door/front/state bridge/state; do
		is_refused dashboard "home/$topic" || return
	done
	is_refused dashboard homeassistant/device/x/config &&
		is_refused dashboard reply/anna/1 && is_refused dashboard other
}

anna_opens_her_door() {
	ask anna home/villa/door/front/open OPEN | tee /dev/stderr | grep -q '"success":true' && opened 1
}

anna_does_no_more() {
	local topic

	for topic in villa/door/garage/open "hut/door/front/open" "${homes[0]}/door/front/open" \
		villa/door/front/open/x villa/request/trigger_akuvox_remote_open_door \
		villa/temp_key/create villa/temp_key/delete villa/nfc/set villa/ble/set \
		villa/private_key/set bridge/request/refresh villa/event/call bridge/state; do
		is_refused anna "home/$topic" || return
	done
	is_refused anna reply/anna/1
}

# MQTT 3.1.1 has no word for it: what counts is that nothing opens.
old_clients_open_nothing() {
	local reach

	reach plain
	mosquitto_pub "${reach[@]}" -V 311 -q 1 -u dashboard -P secret \
		-t home/villa/door/front/open -m OPEN || return
	# What comes behind it has been through the gateway, so the first would have, too.
	ask admin home/villa/request/get_family_info '' | grep -q '"success":true' && opened 1
}

admin_manages() {
	ask admin home/villa/nfc/set OFF | tee /dev/stderr | grep -q '"success":true' || return
	key=$(ask admin home/villa/temp_key/create '{"valid_for": "1h"}' |
		sed -n 's/.*"temp_key":"\([^"]*\).*/\1/p')
	[[ -n $key ]] || return
	ask admin home/hut/request/get_family_info '' | grep -q '"success":true' || return
	is_refused admin home/villa/door/front/state && is_refused admin home/bridge/state
}

nodered_does_what_its_flow_needs() {
	ask nodered home/villa/door/garage/open OPEN | grep -q '"success":true' || return
	ask nodered home/villa/temp_key/create '{"valid_for": "1h"}' | grep -q '"success":true' || return
	is_refused nodered home/hut/door/front/open && is_refused nodered home/villa/temp_key/delete &&
		is_refused nodered home/villa/private_key/set && opened 2
}

home_assistant_opens_and_switches() {
	# A second opening of the same door within two seconds needs an id.
	ask homeassistant home/villa/door/front/open '{"id": 1}' | grep -q '"success":true' || return
	client mosquitto_pub homeassistant -q 1 -t homeassistant/status -m online || return
	ask homeassistant home/villa/ble/set ON | grep -q '"success":true' || return
	is_refused homeassistant home/villa/private_key/set &&
		is_refused homeassistant home/villa/request/get_akuvox_device_list && opened 3
}

# The admin's topic of answers has the key; the others' have been told what came later.
keys_are_for_who_asked() {
	local user

	until_true got admin "^home/villa/temp_key/result .*$key" || got admin "$key" || return
	for user in dashboard anna; do
		until_true got "$user" "^home/villa/door/garage/result .*true" || return
		if grep -q "$key\|/temp_key/result\|/response/\|^reply/admin" "$tmp/$user.out"; then
			echo "$user got what is not for them" && return 1
		fi
	done
	got anna '^reply/anna/1 ' && ! got dashboard '^reply/' >/dev/null
}

is_kept_out() {
	local said

	said=$(timeout 10 "$@" -t home/villa/door/front/open -m OPEN 2>&1) &&
		echo "$* came in" && return 1
	echo "$said"
}

strangers_are_kept_out() {
	local way reach

	for way in plain tls; do
		reach "$way"
		is_kept_out mosquitto_pub "${reach[@]}" -V 5 -q 1 || return
		is_kept_out mosquitto_pub "${reach[@]}" -V 311 -q 1 || return
		is_kept_out mosquitto_pub "${reach[@]}" -V 5 -q 1 -u anna -P wrong || return
		is_kept_out mosquitto_pub "${reach[@]}" -V 5 -q 1 -u anna || return
		is_kept_out mosquitto_pub "${reach[@]}" -V 5 -q 1 -u eve -P secret || return
	done
	# Without TLS, and with authorities that do not know ours.
	is_kept_out mosquitto_pub -h localhost -p "$tls" -V 5 -q 1 -u anna -P secret || return
	is_kept_out mosquitto_pub -h localhost -p "$tls" --tls-use-os-certs -V 5 -q 1 -u anna \
		-P secret || return
	opened 3
}

gateway_ends_well() {
	kill "$gateway" && wait "$gateway" &&
		! grep -v 'broker online' "$tmp/gateway.log" | grep -i 'broker\|authori'
}

echo 1..16
for step in users_are_made certificate_is_made broker_runs gateway_connects; do
	check "$step" || { echo 'Bail out! Nothing to try it with' && exit 1; }
done
for user in dashboard anna admin; do
	watch "$user"
done
check gateway_may_what_it_needs
check dashboard_reads_all
check dashboard_publishes_nothing
check anna_opens_her_door
check anna_does_no_more
check old_clients_open_nothing
check admin_manages
check nodered_does_what_its_flow_needs
check home_assistant_opens_and_switches
check keys_are_for_who_asked
check strangers_are_kept_out
check gateway_ends_well
