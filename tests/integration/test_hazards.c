#include "tests/integration/scene.h"

#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"

/* How doors have opened by themselves, twice, late or not at all in other gateways. */

#define OPENING "trigger_akuvox_remote_open_door"

/* A retained command must not open the door at each start, nor when it is sent, nor when it is
 * cleared. */

HARNESS_TEST(a_retained_opening_opens_nothing_at_the_start)
{
	scene_start(h);
	assert_int_equal(process_stop(h->gateway), 0);
	client_publish(h->client, harness_door(h, "open"), "OPEN", .retain = true);
	scene_restart_gateway(h);
	/* Under MQTT 5 the gateway does not even see it. */
	client_expect_none(h->client, harness_door(h, "result"));
	scene_expect_openings(h, 0);
}

HARNESS_TEST(a_retained_opening_opens_nothing_when_it_is_sent)
{
	const struct message *m;

	scene_start(h);
	m = client_ask(h->client, harness_door(h, "open"), "OPEN", .retain = true);
	expect_error(m, "retained");
	assert_non_null(strstr(message_get(m, "error.message"),
		harness_text(h, "mosquitto_pub -r -n -t '%s'", harness_door(h, "open"))));
	process_await_log(h->gateway, "mosquitto_pub -r -n -t");
	scene_expect_openings(h, 0);
	client_forget(h->client);
	client_publish(h->client, harness_door(h, "open"), "", .retain = true);
	client_expect_none(h->client, harness_door(h, "result"));
	scene_expect_openings(h, 0);
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(a_retained_opening_opens_nothing_at_the_start_under_mqtt_3)
{
	harness_set(h, "mqtt.protocol", "3.1.1");
	scene_start(h);
	assert_int_equal(process_stop(h->gateway), 0);
	client_publish(h->client, harness_door(h, "open"), "OPEN", .retain = true);
	scene_restart_gateway(h);
	expect_error(client_await(h->client, harness_door(h, "result"), NULL), "retained");
	client_expect_none(h->client, harness_door(h, "result"));
	scene_expect_openings(h, 0);
}

HARNESS_TEST(a_retained_opening_is_answered_once_however_often_it_is_replayed)
{
	harness_set(h, "mqtt.protocol", "3.1.1");
	scene_prepare(h);
	client_publish(h->client, harness_door(h, "open"), "OPEN", .retain = true);
	harness_start_gateway(h);
	scene_await_doors(h);
	expect_error(client_await(h->client, harness_door(h, "result"), NULL), "retained");
	for (int i = 0; i < 2; i++) {
		/* Who takes its name throws the gateway out; it comes back. */
		client_forget(h->client);
		(void)client_free(client_new(h, "akuvox2mqtt", 4));
		scene_await_broker(h);
		client_expect_none(h->client, harness_door(h, "result"));
	}
	scene_expect_openings(h, 0);
}

/* A target that is left out, or a wildcard, must not mean every door. */

HARNESS_TEST(a_target_that_is_left_out_or_a_pattern_opens_nothing)
{
	static const char *const relays[] = {
		"", "all", "*", "%2B", "%23", "%", "%00", "%2", "null", "any", "0", ".", "..", " "};
	const char *relay;

	scene_start(h);
	relay = scene_relay(h, 0, 0, 0);
	for (size_t i = 0; i < ELEMENTS(relays); i++)
		expect_error(client_ask(h->client,
				     harness_home(h, harness_text(h, "door/%s/open", relays[i])),
				     "OPEN"),
			"unknown_relay");
	for (size_t i = 0; i < ELEMENTS(relays); i++)
		expect_error(
			client_ask(h->client,
				harness_text(h, "home/%s/door/%s/open", relays[i], relay), "OPEN"),
			"unknown_residence");
	for (size_t i = 0; i < ELEMENTS(relays); i++)
		assert_string_equal(
			message_get(client_ask(h->client, harness_home(h, "request/" OPENING),
					    scene_json(h, "{'mac':'%s','relay_id':'%s'}",
						    scene_mac(h, 0, 0), relays[i])),
				"success"),
			"false");
	for (size_t i = 0; i < ELEMENTS(relays); i++)
		assert_string_equal(
			message_get(client_ask(h->client, harness_home(h, "request/" OPENING),
					    scene_json(h, "{'mac':'%s','relay_id':'%s'}", relays[i],
						    relay)),
				"success"),
			"false");
	scene_expect_openings(h, 0);
}

/* What was sent while the gateway was away must not open the door when it comes back. */

static void publish_while_the_gateway_is_away(struct harness *h)
{
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	process_kill(h->gateway);
	for (int i = 0; i < 3; i++)
		client_publish(h->client, harness_door(h, "open"), "OPEN");
	client_publish(h->client, harness_door(h, "open"), "OPEN", .unacknowledged = true);
	scene_restart_gateway(h);
	client_expect_none(h->client, harness_door(h, "result"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(what_was_sent_while_the_gateway_was_away_opens_nothing)
{
	publish_while_the_gateway_is_away(h);
}

HARNESS_TEST(what_was_sent_while_the_gateway_was_away_opens_nothing_under_mqtt_3)
{
	harness_set(h, "mqtt.protocol", "3.1.1");
	publish_while_the_gateway_is_away(h);
}

static void kill_the_gateway_with_an_opening_in_its_socket(struct harness *h)
{
	scene_start(h);
	process_signal(h->gateway, SIGSTOP);
	client_publish(h->client, harness_door(h, "open"), "OPEN");
	process_kill(h->gateway);
	scene_restart_gateway(h);
	client_expect_none(h->client, harness_door(h, "result"));
	scene_expect_openings(h, 0);
}

HARNESS_TEST(what_the_gateway_had_not_acknowledged_does_not_come_again)
{
	kill_the_gateway_with_an_opening_in_its_socket(h);
}

HARNESS_TEST(what_the_gateway_had_not_acknowledged_does_not_come_again_under_mqtt_3)
{
	harness_set(h, "mqtt.protocol", "3.1.1");
	kill_the_gateway_with_an_opening_in_its_socket(h);
}

/* An opening that cannot be sent is answered, and never sent later. */

HARNESS_TEST(an_opening_while_the_cloud_is_away_never_opens_late)
{
	const char *open, *result;

	scene_start(h);
	open = harness_door(h, "open");
	result = harness_door(h, "result");
	process_kill(h->sim);
	expect_error(client_ask(h->client, open, "OPEN"), "cloud_unreachable");
	(void)client_await(h->client, result, NULL);
	harness_start_sim(h);
	(void)client_await(h->client, "home/bridge/cloud", "online");
	client_expect_none(h->client, result);
	scene_expect_openings(h, 0);
	expect_success(client_ask(h->client, open, "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(openings_that_the_cloud_did_not_take_wait_for_nobody)
{
	const char *open, *result;

	scene_start(h);
	open = harness_door(h, "open");
	result = harness_door(h, "result");
	process_kill(h->sim);
	for (int i = 0; i < 5; i++)
		client_publish(h->client, open, harness_text(h, "{\"id\":%d}", i));
	for (int i = 0; i < 5; i++)
		expect_error(client_await(h->client, result, NULL), "cloud_unreachable");
	harness_start_sim(h);
	(void)client_await(h->client, "home/bridge/cloud", "online");
	scene_expect_openings(h, 0);
}

/* One request opens once, however often its message comes. */

HARNESS_TEST(a_message_that_comes_again_opens_once)
{
	const char *open, *result;

	scene_start(h);
	open = harness_door(h, "open");
	result = harness_door(h, "result");
	for (int i = 0; i < 5; i++)
		client_publish(h->client, open, "{\"id\":\"press\"}");
	expect_success(client_await(h->client, result, NULL));
	for (int i = 0; i < 4; i++)
		expect_error(client_await(h->client, result, NULL), "duplicate");
	for (int i = 0; i < 3; i++)
		client_publish(h->client, open, "OPEN", .correlation = "press");
	expect_success(client_await(h->client, result, NULL));
	for (int i = 0; i < 2; i++)
		expect_error(client_await(h->client, result, NULL), "duplicate");
	client_expect_none(h->client, result);
	scene_expect_openings(h, 2);
}

HARNESS_TEST(a_message_that_comes_again_while_the_first_is_on_its_way_opens_once)
{
	const char *open, *result;
	const struct message *m;

	scene_start(h);
	open = harness_door(h, "open");
	result = harness_door(h, "result");
	(void)control_post(
		h, "/fault", "{'on':'%s','kind':'delay','ms':600000,'count':-1}", OPENING);
	for (int i = 0; i < 3; i++)
		client_publish(h->client, open, "{\"id\":\"press\"}");
	control_await_requests(h, OPENING, 1);
	client_expect_none(h->client, result);
	(void)control_delete(h, "/fault");
	expect_success(client_await(h->client, result, NULL));
	for (int i = 0; i < 2; i++) {
		m = client_await(h->client, result, NULL);
		expect_error(m, "duplicate");
		assert_string_equal(message_get(m, "error.first.success"), "true");
	}
	client_expect_none(h->client, result);
	scene_expect_openings(h, 1);
}

HARNESS_TEST(without_an_id_what_comes_again_at_once_opens_once)
{
	const char *open, *result;

	harness_set(h, "door.repeat_after", "600");
	scene_start(h);
	open = harness_door(h, "open");
	result = harness_door(h, "result");
	(void)control_post(h, "/fault", "{'on':'%s','kind':'delay','ms':600000}", OPENING);
	for (int i = 0; i < 3; i++)
		client_publish(h->client, open, "OPEN");
	for (int i = 0; i < 2; i++)
		expect_error(client_await(h->client, result, NULL), "duplicate");
	(void)control_delete(h, "/fault");
	expect_success(client_await(h->client, result, NULL));
	client_publish(h->client, open, "OPEN");
	expect_error(client_await(h->client, result, NULL), "duplicate");
	scene_expect_openings(h, 1);
}

/* An opening that has left is never sent again, whatever the line does. */

static void lose_the_answer(struct harness *h)
{
	expect_success(scene_open(h, "OPEN"));
	for (size_t i = 0; i < 4; i++) {
		const struct message *m;

		(void)control_post(h, "/fault", "{'on':'%s','kind':'drop_after'}", OPENING);
		m = scene_open(h, "OPEN");
		expect_error(m, "outcome_unknown");
		scene_expect_openings(h, i + 2);
	}
	assert_int_equal(control_request_count(h, OPENING), 5);
}

HARNESS_TEST(an_opening_whose_answer_is_lost_opens_once)
{
	scene_start(h);
	lose_the_answer(h);
}

static void use_tls(struct harness *h)
{
	harness_sim_tls(h);
	harness_set(h, "poll.devices", "10");
	harness_set(h, "poll.history", "10");
	harness_set(h, "poll.access", "10");
	harness_set(h, "poll.family", "10");
}

HARNESS_TEST(an_opening_whose_answer_is_lost_opens_once_with_tls)
{
	use_tls(h);
	scene_start(h);
	lose_the_answer(h);
}

HARNESS_TEST(the_first_opening_on_a_new_line_opens_once_when_its_answer_is_lost)
{
	const char *open;

	scene_start(h);
	open = harness_door(h, "open");
	(void)control_post(h, "/fault", "{'on':'%s','kind':'drop_after'}", OPENING);
	process_signal(h->gateway, SIGSTOP);
	client_publish(h->client, open, "OPEN");
	(void)control_post(h, "/close_idle", "{}");
	process_signal(h->gateway, SIGCONT);
	expect_error(client_await(h->client, harness_door(h, "result"), NULL), "outcome_unknown");
	scene_expect_openings(h, 1);
	assert_int_equal(control_request_count(h, OPENING), 1);
}

/* Longer than a call takes. */
#define CLOSING_USEC (2 * USEC_PER_SEC)

/* The gateway stands still, and the cloud has closed all its lines, which it has not noticed yet. A
 * call that was under way when it stopped may hold one, for ever if it was half sent: then it goes on
 * and is stopped anew. */
static void stop_and_close_lines(struct harness *h)
{
	uint64_t deadline = test_deadline(), go_on = 0;

	for (;;) {
		if (clock_boot_usec() >= go_on) {
			process_signal(h->gateway, SIGCONT);
			client_settle(h->client);
			process_signal(h->gateway, SIGSTOP);
			go_on = clock_boot_usec() + CLOSING_USEC;
		}
		(void)control_post(h, "/close_idle", "{}");
		if (strcmp(control_text(h, "connections.open"), "0") == 0)
			return;
		assert_true(clock_boot_usec() < deadline);
		test_pause();
	}
}

/* The gateway wakes to find both: an opening, and that the cloud has closed its idle lines. */
static void close_lines_before_an_opening(struct harness *h)
{
	const char *open = harness_door(h, "open"), *result = harness_door(h, "result");

	for (int i = 1; i <= 5; i++) {
		stop_and_close_lines(h);
		client_publish(h->client, open, harness_text(h, "{\"id\":%d}", i));
		process_signal(h->gateway, SIGCONT);
		expect_success(client_await(h->client, result, NULL));
		(void)control_await_openings(h, (size_t)i);
	}
	scene_expect_openings(h, 5);
}

HARNESS_TEST(an_opening_just_after_the_cloud_closed_its_lines_opens)
{
	scene_start(h);
	close_lines_before_an_opening(h);
}

HARNESS_TEST(an_opening_just_after_the_cloud_closed_its_lines_opens_with_tls)
{
	use_tls(h);
	scene_start(h);
	close_lines_before_an_opening(h);
}

/* Only the cloud's own "success": true is success. */

HARNESS_TEST(an_answer_without_success_is_a_failure)
{
	static const char *const bodies[] = {"{'success':false}", "{'success':'false'}",
		"{'success':0}", "{'success':null}", "{'success':[true]}", "{'code':0}",
		"{'result':{'success':true}}", "[true]", "true", "{}", "OK", "{'success':true"};

	harness_set(h, "door.max_per_minute", "100");
	scene_start(h);
	for (size_t i = 0; i < ELEMENTS(bodies); i++) {
		_cleanup_(json_freep) struct json_object *fault = json_object_new_object();

		(void)json_object_object_add(fault, "on", json_object_new_string(OPENING));
		(void)json_object_object_add(fault, "kind", json_object_new_string("wrong_json"));
		(void)json_object_object_add(
			fault, "body", json_object_new_string(scene_json(h, "%s", bodies[i])));
		(void)control_post(h, "/fault", "%s", json_object_to_json_string(fault));
		expect_error(scene_open(h, "OPEN"), "cloud_error");
	}
	scene_expect_openings(h, 0);
	assert_int_equal(client_count_payload(h->client, harness_door(h, "state"), "UNLOCKED"), 0);
}

HARNESS_TEST(what_the_cloud_says_about_a_refusal_is_passed_on)
{
	const struct message *m;

	scene_start(h);
	(void)control_post(h, "/fault",
		"{'on':'%s','kind':'refuse','status':40311,'body':'device offline'}", OPENING);
	m = scene_open(h, "OPEN");
	expect_error(m, "cloud_error");
	assert_string_equal(message_get(m, "error.http_status"), "200");
	assert_string_equal(message_get(m, "error.cloud_code"), "40311");
	assert_string_equal(message_get(m, "error.cloud_message"), "device offline");
	(void)control_post(h, "/fault", "{'on':'%s','kind':'status','status':503}", OPENING);
	m = scene_open(h, "OPEN");
	expect_error(m, "cloud_error");
	assert_string_equal(message_get(m, "error.http_status"), "503");
	scene_expect_openings(h, 0);
}

/* A broker that was away, or is another one, gets its subscriptions again. */

HARNESS_TEST(commands_work_again_after_the_broker_was_away)
{
	scene_start(h);
	for (size_t i = 0; i < 2; i++) {
		if (i == 0)
			process_kill(h->broker);
		else
			assert_int_equal(process_stop(h->broker), 0);
		client_forget(h->client);
		harness_start_broker(h);
		scene_await_broker(h);
		expect_success(scene_open(h, "OPEN"));
		expect_success(client_ask(
			h->client, harness_home(h, "request/get_akuvox_device_list"), ""));
		scene_expect_openings(h, i + 1);
	}
}

/* Ids and names are whatever the cloud says. */

static void open_with_ids(struct harness *h, const char *residence, const char *relay)
{
	const char *topic = harness_text(h, "home/%s/door/%s", residence, relay);

	harness_start_gateway(h);
	(void)client_await(h->client, harness_text(h, "%s/state", topic), "LOCKED");
	expect_success(client_ask(h->client, harness_text(h, "%s/open", topic), "OPEN"));
	(void)client_await(h->client, harness_text(h, "%s/result", topic), NULL);
	(void)client_await(h->client, harness_text(h, "%s/state", topic), "UNLOCKED");
}

HARNESS_TEST(ids_with_letters_that_mean_something_in_topics)
{
	struct json_object *opening;

	scene_prepare(h);
	(void)control_post(h, "/id", "{'relay_id':'%s','to':'a/b+#'}", scene_relay(h, 0, 0, 0));
	(void)control_post(h, "/id", "{'residence_id':'%s','to':'+/$SYS %%2F \xc3\xa9'}",
		scene_residence(h, 0));
	open_with_ids(h, "%2B%2F%24SYS%20%252F%20%C3%A9", "a%2Fb%2B%23");
	opening = json_object_array_get_idx(control_await_openings(h, 1), 0);
	assert_string_equal(json_at(opening, "relay_id"), "a/b+#");
	assert_string_equal(json_at(opening, "residence_id"), "+/$SYS %2F \xc3\xa9");
}

HARNESS_TEST(ids_that_look_alike_stay_apart)
{
	const char *first;

	scene_prepare(h);
	(void)control_post(h, "/id", "{'relay_id':'%s','to':'x/'}", scene_relay(h, 0, 0, 0));
	(void)control_post(h, "/id", "{'relay_id':'%s','to':'x%%2F'}", scene_relay(h, 0, 0, 1));
	first = scene_residence(h, 0);
	open_with_ids(h, first, "x%252F");
	assert_string_equal(json_at(control_await_openings(h, 1), "0.relay_id"), "x%2F");
	expect_success(
		client_ask(h->client, harness_text(h, "home/%s/door/x%%2F/open", first), "OPEN"));
	assert_string_equal(json_at(control_await_openings(h, 2), "1.relay_id"), "x/");
}

HARNESS_TEST(very_long_ids)
{
	char id[130], escaped[3 * sizeof(id)] = "";

	memset(id, '/', sizeof(id) - 1);
	id[128] = '\0';
	for (size_t i = 0; i < 128; i++)
		(void)strcat(escaped, "%2F");
	scene_prepare(h);
	(void)control_post(h, "/id", "{'relay_id':'%s','to':'%s'}", scene_relay(h, 0, 0, 0), id);
	id[128] = '/';
	id[129] = '\0';
	(void)control_post(h, "/id", "{'relay_id':'%s','to':'%s'}", scene_relay(h, 0, 0, 1), id);
	open_with_ids(h, scene_residence(h, 0), escaped);
	assert_string_equal(json_at(control_await_openings(h, 1), "0.mac"), scene_mac(h, 0, 0));
	/* Longer ones are no ids; the others do not suffer. */
	expect_error(client_ask(h->client,
			     harness_home(h, harness_text(h, "door/%s%%2F/open", escaped)), "OPEN"),
		"unknown_relay");
	expect_success(client_ask(h->client, scene_door(h, 0, 1, 0, "open"), "OPEN"));
	scene_expect_openings(h, 2);
}

HARNESS_TEST(empty_and_unprintable_ids_are_no_doors)
{
	scene_prepare(h);
	(void)control_post(h, "/id", "{'relay_id':'%s','to':''}", scene_relay(h, 0, 0, 0));
	(void)control_post(h, "/id", "{'relay_id':'%s','to':'a\\nb'}", scene_relay(h, 0, 0, 1));
	harness_start_gateway(h);
	(void)client_await(h->client, scene_door(h, 0, 1, 0, "state"), "LOCKED");
	expect_error(client_ask(h->client, harness_home(h, "door//open"), "OPEN"), "unknown_relay");
	expect_error(
		client_ask(h->client, harness_home(h, "door/a%0Ab/open"), "OPEN"), "unknown_relay");
	expect_success(client_ask(h->client, scene_door(h, 0, 1, 0, "open"), "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(names_are_only_names)
{
	static const char *const names[] = {
		"a/b+#", "", "$SYS/broker", "T\xc3\xbcr \xe2\x98\x95", "\\n\\\"", "Apartment"};
	const char *info;

	scene_start(h);
	info = scene_device(h, 0, 0, "info");
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		(void)control_post(
			h, "/device", "{'mac':'%s','name':'%s'}", scene_mac(h, 0, 0), names[i]);
		(void)client_await(h->client, info, NULL);
		expect_success(scene_open(h, "OPEN"));
		(void)control_await_openings(h, i + 1);
	}
	/* The last one is that of the next device, too: each door stays its own. */
	assert_string_equal(message_get(client_last(h->client, info), "device_name"), "Apartment");
	expect_success(client_ask(h->client, scene_door(h, 0, 1, 0, "open"), "OPEN"));
	assert_string_equal(
		json_at(json_object_array_get_idx(
				control_await_openings(h, ELEMENTS(names) + 1), ELEMENTS(names)),
			"mac"),
		scene_mac(h, 0, 1));
	assert_string_equal(
		message_get(client_last(h->client, harness_door(h, "info")), "relay_id"),
		scene_relay(h, 0, 0, 0));
}

/* Whoever can reach the broker can open the doors. */

HARNESS_TEST(a_broker_across_the_network_without_tls_is_warned_of)
{
	const char *output;

	scene_prepare(h);
	harness_set(h, "mqtt.socket", NULL);
	harness_set(h, "mqtt.host", "broker.invalid");
	harness_launch_gateway(h);
	process_await_log(h->gateway, "tls is off");
	process_await_notify(h->gateway, "READY=1");
	assert_int_equal(process_stop(h->gateway), 0);
	assert_int_equal(harness_verb(h, &output, NULL, "check", "--offline", "-c",
				 harness_write_config(h), NULL),
		0);
	assert_non_null(strstr(output, "tls is off"));
}

HARNESS_TEST(a_broker_of_this_machine_is_not_warned_of)
{
	harness_broker_tcp(h);
	scene_start(h);
	assert_null(strstr(process_log(h->gateway), "tls is off"));
}

HARNESS_MAIN(HARNESS_RUN(a_retained_opening_opens_nothing_at_the_start),
	HARNESS_RUN(a_retained_opening_opens_nothing_when_it_is_sent),
	HARNESS_RUN(a_retained_opening_opens_nothing_at_the_start_under_mqtt_3),
	HARNESS_RUN(a_retained_opening_is_answered_once_however_often_it_is_replayed),
	HARNESS_RUN(a_target_that_is_left_out_or_a_pattern_opens_nothing),
	HARNESS_RUN(what_was_sent_while_the_gateway_was_away_opens_nothing),
	HARNESS_RUN(what_was_sent_while_the_gateway_was_away_opens_nothing_under_mqtt_3),
	HARNESS_RUN(what_the_gateway_had_not_acknowledged_does_not_come_again),
	HARNESS_RUN(what_the_gateway_had_not_acknowledged_does_not_come_again_under_mqtt_3),
	HARNESS_RUN(an_opening_while_the_cloud_is_away_never_opens_late),
	HARNESS_RUN(openings_that_the_cloud_did_not_take_wait_for_nobody),
	HARNESS_RUN(a_message_that_comes_again_opens_once),
	HARNESS_RUN(a_message_that_comes_again_while_the_first_is_on_its_way_opens_once),
	HARNESS_RUN(without_an_id_what_comes_again_at_once_opens_once),
	HARNESS_RUN(an_opening_whose_answer_is_lost_opens_once),
	HARNESS_RUN(an_opening_whose_answer_is_lost_opens_once_with_tls),
	HARNESS_RUN(the_first_opening_on_a_new_line_opens_once_when_its_answer_is_lost),
	HARNESS_RUN(an_opening_just_after_the_cloud_closed_its_lines_opens),
	HARNESS_RUN(an_opening_just_after_the_cloud_closed_its_lines_opens_with_tls),
	HARNESS_RUN(an_answer_without_success_is_a_failure),
	HARNESS_RUN(what_the_cloud_says_about_a_refusal_is_passed_on),
	HARNESS_RUN(commands_work_again_after_the_broker_was_away),
	HARNESS_RUN(ids_with_letters_that_mean_something_in_topics),
	HARNESS_RUN(ids_that_look_alike_stay_apart), HARNESS_RUN(very_long_ids),
	HARNESS_RUN(empty_and_unprintable_ids_are_no_doors), HARNESS_RUN(names_are_only_names),
	HARNESS_RUN(a_broker_across_the_network_without_tls_is_warned_of),
	HARNESS_RUN(a_broker_of_this_machine_is_not_warned_of))
