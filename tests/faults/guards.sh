#!/usr/bin/env bash
# Each guard of an opening is needed: taken away, one line at a time, in a copy of the tree, the test
# that is named fails. Called by ./dev guards in the tree, which has been built in build/. Words are
# parts of the names of guards; without any it tries all.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2

# Name, file, what sed does to it, test program.
guards() {
	cat <<-'END'
		retained | bridge/retained.c | /^int retained_refuse/,/^}/s/if (!message->retain)/if (1)/ | unit/test_requests_again
		retained, never sent | bridge/line.c | s/MQTT_SUB_OPT_SEND_RETAIN_NEVER . // | unit/test_mqtt_messages
		retained, as published | bridge/line.c | s/ . MQTT_SUB_OPT_RETAIN_AS_PUBLISHED// | unit/test_mqtt_messages
		retained, replayed | bridge/retained.c | s/return message->size == 0 .. (replays/return message->size == 0 \|\| (0/ | unit/test_requests_again
		clean session | bridge/line.c | s/mosquitto_new(s->client_id, true,/mosquitto_new(s->client_id, false,/ | integration/test_hazards
		empty | bridge/payload.c | /^int payload_open/,/^}/s/if (message->size == 0)/if (0)/ | unit/test_payload
		too large | bridge/payload.c | s/if (!message->payload && message->size > 0)/if (0)/ | unit/test_payload
		whole words only | bridge/payload.c | s/if (strlen(words\[i\].word) == message->size &&/if (/ | unit/test_payload
		LOCK opens nothing | bridge/payload.c | s/{"LOCK", true}/{"LOCK", false}/ | unit/test_payload
		LOCK is answered before the door | bridge/handle.c | s/if (payload->lock)/if (0)/ | unit/test_openings
		nothing unknown | bridge/payload.c | /^int payload_open/,/^}/s/r = take_own(p, message, patience_usec, fault);/&\n\treturn r;/ | unit/test_payload
		JSON exactly | bridge/payload.c | s/json_parse_exact(/json_parse(/ | unit/test_payload
		an object only | bridge/payload.c | s/return json_object_is_type(p->param, json_type_object) ? 0 : -EINVAL;/return 0;/ | unit/test_payload
		names once | util/json.c | s/if (count_quotes(text, size) != 2 \* n)/if (0)/ | unit/test_json
		stale by ts | bridge/payload.c | s/left -= (double)(now - sent) .* 1e3;/;/ | unit/test_payload
		ts in the future | bridge/payload.c | s/if (sent > now + CLOCK_AHEAD_MSEC)/if (0)/ | unit/test_payload
		expires_in | bridge/payload.c | s/left = json_object_get_double(expires_in);/;/ | unit/test_payload
		too old on arrival | bridge/payload.c | s/if (left <= 0)/if (0)/ | unit/test_payload
		message expiry | bridge/payload.c | s/left = (uint64_t)message->expiry_sec .*/;/ | unit/test_payload
		door.deadline | bridge/payload.c | s/{.deadline = message->arrived_usec + left}/{.deadline = UINT64_MAX}/ | unit/test_payload
		deadline at the door | bridge/handle.c | s/if (deadline > clock_boot_usec())/if (1)/ | unit/test_openings
		deadline on the wire | cloud/exchange.c | s/clock_boot_usec() >= x->send_before/0/ | unit/test_http_once
		deadline for a token | cloud/client.c | /^static int watch_deadline/,/^}/s/if (!call->deadline)/if (1)/ | integration/test_tokens
		delivered late | cloud/line.c | s/{.l_onoff = 1}/{.l_onoff = 0}/ | unit/test_http_line
		delivered late, retried | cloud/line.c | s/{TCP_USER_TIMEOUT, DELIVERY_MSEC},// | unit/test_http_line
		same id | bridge/handle.c | /^int handle_open/,/^}/s/r = check_seen(q, message, fault);/r = 0;/ | unit/test_requests_again
		same id, remembered | bridge/seen.c | s/if (strcmp(sight->key, key) == 0)/if (0)/ | unit/test_seen
		same correlation data | bridge/request.c | s/(message->correlation_size == 0 ||/(1 ||/ | unit/test_requests_again
		same id by request | bridge/handle.c | /^int handle_request/,/^}/s/r = check_seen(q, message, fault);/r = 0;/ | unit/test_requests_again
		door.repeat_after | bridge/door.c | s/if (!has_id && last &&/if (0 \&\& last \&\&/ | unit/test_door
		repeat_after of one under way | bridge/door.c | s/if (o->started > last)/if (0)/ | unit/test_door
		door.max_per_minute | bridge/door.c | s/if (door && opened_too_often(/if (0 \&\& opened_too_often(/ | unit/test_door
		refused ones count | bridge/door.c | s/door->opened\[door->n_opened++ % DOOR_MOST_PER_MINUTE\] = opening->started;/;/ | unit/test_door
		door not allowed | bridge/door.c | s/if (settings && !settings->allow)/if (0 \&\& !settings->allow)/ | unit/test_door
		command not allowed | bridge/handle.c | /^int handle_open/,/^}/s/r = handle_allowed(q, q->command, fault);/r = 0;/ | unit/test_openings
		request not allowed | bridge/handle.c | /^int handle_request/,/^}/s/r = handle_allowed(q, q->command, fault);/r = 0;/ | unit/test_openings
		guards for requests too | bridge/handle.c | s/r = door_guard(doors, relay, q->key != NULL, &why);/why = "", r = -1;/ | unit/test_openings
		another home named | bridge/handle.c | s/|| strcmp(id, q->residence) != 0)/)/ | unit/test_requests
		another device's relay | bridge/handle.c | s/if (!relay->gone && strcmp(relay->id, id) == 0)/if (!relay->gone)/ | unit/test_openings
		two relays of one id | cache/home.c | s/n == 1 ? found : NULL/found/; s/n > 1/0/ | unit/test_openings
		homes that are served | daemon/reload.c | s/return config_serves(r->config, residence_id) &&/return true ||/ | integration/test_refusals
		parameters checked | bridge/handle.c | s/if (param_check(command, param, &wrong) < 0)/if (0)/ | unit/test_requests
		too many open | bridge/requests.c | s/all->open.n > REQUESTS_MAX/0/ | unit/test_requests
		no answer to a command topic | bridge/answer.c | s/if (asked && topic_is_ours(base, asked)) {/if (0) {/ | integration/test_refusals
		sent once by libcurl | cloud/exchange.c | s/if (x->sent .. exchange_is_late(x))/if (exchange_is_late(x))/ | unit/test_http_once
		it is known that it left | cloud/exchange.c | /^bool exchange_may_leave/,/^}/s/x->sent = true;/;/ | unit/test_http_once
		writes are not repeated | cloud/client.c | s/if (!never_left && !(lost && .*/if (!never_left \&\& !lost)/ | unit/test_client_repeats
		a 401 repeats once | cloud/client.c | s/} else if (call->renewed) {/} else if (0) {/ | unit/test_client_repeats
		unreadable is unknown | cloud/client.c | s/answer.error = CLOUD_OUTCOME_UNKNOWN;/;/ | unit/test_client_repeats
		all of it is printed | util/json.c | s/ || !json_object_equal(copy, object))/)/ | unit/test_json
		nothing new at the end | cloud/client.c | /^int cloud_start/,/^}/s/if (cloud->shut)/if (0)/ | unit/test_client
	END
}

copy=$(mktemp -d "${TMPDIR:-/tmp}/akuvox2mqtt-guards-XXXXXX")
trap 'rm -rf "$copy"' EXIT
cp -a . "$copy/tree"
rm -rf "$copy"/tree/build-* "$copy/tree/.git"
passed=0 failed=0

# trial FILE EDIT PROGRAM: true if the program is built and fails.
trial() {
	local target=tests/$3 status=0

	sed -i "$2" "$copy/tree/$1"
	if cmp -s "$1" "$copy/tree/$1"; then
		echo '  the guard is not where the table says' >&2
		return 1
	fi
	[[ $3 != integration/* ]] || target="akuvox2mqtt $target"
	# shellcheck disable=SC2086
	if ! make -C "$copy/tree/build" -s CFLAGS='-O1 -w' $target >"$copy/log" 2>&1; then
		tail -n 5 "$copy/log" >&2
		return 1
	fi
	(cd "$copy/tree/build" && TOP_BUILDDIR=$PWD TOP_SRCDIR=$copy/tree \
		timeout 120 "tests/$3" >"$copy/log" 2>&1) || status=$?
	if [[ $status -eq 0 ]]; then
		echo "  tests/$3 passes without it" >&2
		return 1
	fi
}

is_wanted() {
	local name=$1 word
	shift

	for word in "$@"; do
		[[ $name != *"$word"* ]] || return 0
	done
	return 1
}

while IFS='|' read -r name rest; do
	# The edit may hold bars of its own: the program is what follows the last one.
	file=${rest%%|*} program=${rest##*|} edit=${rest#*|}
	edit=${edit%|*}
	read -r name <<<"$name"
	read -r file <<<"$file"
	read -r program <<<"$program"
	edit=${edit# } edit=${edit% }
	[[ $# -eq 0 ]] || is_wanted "$name" "$@" || continue
	if trial "$file" "$edit" "$program"; then
		printf 'ok      %s\n' "$name"
		((passed++))
	else
		printf 'NOT OK  %s\n' "$name"
		((failed++))
	fi
	cp "$file" "$copy/tree/$file"
done < <(guards)

printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
