#include "tests/integration/scene.h"

#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

/* What opens nothing, and what the asker is told. */

#define OPENING   "trigger_akuvox_remote_open_door"
#define TOO_LARGE 70000

static const struct message *open_generic(
	struct harness *h, const char *mac, const char *relay, const char *more)
{
	return client_ask(h->client, harness_home(h, "request/" OPENING),
		scene_json(h, "{'mac':'%s','relay_id':'%s'%s}", mac, relay, more));
}

static const struct message *open_generic_first(struct harness *h)
{
	return open_generic(h, scene_mac(h, 0, 0), scene_relay(h, 0, 0, 0), "");
}

HARNESS_TEST(an_empty_payload_opens_nothing)
{
	scene_start(h);
	expect_error(scene_open(h, ""), "empty");
	expect_error(scene_open(h, NULL), "empty");
	client_publish(h->client, harness_door(h, "open"), "");
	expect_error(client_await(h->client, harness_door(h, "result"), NULL), "empty");
	scene_expect_openings(h, 0);
}

HARNESS_TEST(what_is_no_word_and_no_object_opens_nothing)
{
	static const char *const payloads[] = {"OPEN ", " OPEN", "OPEN\n", "OPENED", "OPE", "O",
		"0", "2", "11", "1.0", "yes", "OFF", "FALSE", "CLOSE", "STOP", "UNLOCKING", "ONN",
		"null", "true ", "[]", "[1]", "\"OPEN\"", "'OPEN'", "{", "}", "{}x", "{}{}",
		"{\"id\":}", "{'id':'a'}", "OPEN,OPEN", " ", "\xef\xbb\xbfOPEN", "\xff\xfe",
		"{\"a\":1", "state: OPEN"};

	scene_start(h);
	for (size_t i = 0; i < ELEMENTS(payloads); i++)
		expect_error(scene_open(h, payloads[i]), "invalid_payload");
	expect_error(client_ask(h->client, harness_door(h, "open"), "OPEN\0", .size = 5),
		"invalid_payload");
	expect_error(client_ask(h->client, harness_door(h, "open"), "{}\0{}", .size = 5),
		"invalid_payload");
	expect_error(
		client_ask(h->client, harness_door(h, "open"), "\0", .size = 1), "invalid_payload");
	scene_expect_openings(h, 0);
}

HARNESS_TEST(an_object_with_anything_unknown_opens_nothing)
{
	static const struct {
		const char *payload, *param;
	} payloads[] = {
		{"{'relay_id':'x'}", "relay_id"},
		{"{'state':'OPEN'}", "state"},
		{"{'id':'a','force':true}", "force"},
		{"{'id':{}}", "id"},
		{"{'id':[]}", "id"},
		{"{'id':null}", "id"},
		{"{'id':''}", "id"},
		{"{'id':true}", "id"},
		{"{'ts':'yesterday'}", "ts"},
		{"{'ts':{}}", "ts"},
		{"{'ts':true}", "ts"},
		{"{'ts':1e300}", "ts"},
		{"{'expires_in':'5'}", "expires_in"},
		{"{'expires_in':[5]}", "expires_in"},
	};

	scene_start(h);
	for (size_t i = 0; i < ELEMENTS(payloads); i++) {
		const struct message *m = scene_open(h, scene_json(h, "%s", payloads[i].payload));

		expect_error(m, "invalid_param");
		assert_string_equal(message_get(m, "error.param"), payloads[i].param);
	}
	scene_expect_openings(h, 0);
}

HARNESS_TEST(a_payload_that_is_too_large_opens_nothing)
{
	_cleanup_free_ char *text = malloc(TOO_LARGE + 1);
	const struct message *m;

	assert_non_null(text);
	memset(text, ' ', TOO_LARGE);
	text[0] = '{';
	text[TOO_LARGE - 1] = '}';
	text[TOO_LARGE] = '\0';
	scene_start(h);
	m = client_ask(h->client, harness_door(h, "open"), text);
	expect_error(m, "too_large");
	scene_expect_openings(h, 0);
}

HARNESS_TEST(an_unknown_home_or_door_opens_nothing)
{
	const char *relay;

	scene_start(h);
	relay = scene_relay(h, 0, 0, 0);
	expect_error(
		client_ask(h->client, harness_text(h, "home/nowhere/door/%s/open", relay), "OPEN"),
		"unknown_residence");
	expect_error(
		client_ask(h->client, harness_text(h, "home/bridge/door/%s/open", relay), "OPEN"),
		"unknown_residence");
	expect_error(
		client_ask(h->client, harness_home(h, "door/r0/open"), "OPEN"), "unknown_relay");
	/* The door of another home. */
	expect_error(
		client_ask(h->client,
			harness_home(h, harness_text(h, "door/%s/open", scene_relay(h, 1, 1, 0))),
			"OPEN"),
		"unknown_relay");
	/* A device in the place of its door. */
	expect_error(client_ask(h->client,
			     harness_home(h, harness_text(h, "door/%s/open", scene_mac(h, 0, 0))),
			     "OPEN"),
		"unknown_relay");
	scene_expect_openings(h, 0);
}

HARNESS_TEST(the_generic_request_names_a_door_of_that_home)
{
	const char *mac, *relay;
	const struct message *m;

	scene_start(h);
	mac = scene_mac(h, 0, 0);
	relay = scene_relay(h, 0, 0, 0);
	expect_error(open_generic(h, scene_mac(h, 0, 1), relay, ""), "unknown_relay");
	expect_error(open_generic(h, scene_mac(h, 1, 0), relay, ""), "unknown_relay");
	expect_error(open_generic(h, "000000000000", relay, ""), "unknown_relay");
	expect_error(open_generic(h, mac, "r0", ""), "unknown_relay");
	expect_error(open_generic(h, "", "", ""), "invalid_param");
	m = open_generic(
		h, mac, relay, harness_text(h, ",'residence_id':'%s'", scene_residence(h, 1)));
	expect_error(m, "invalid_param");
	assert_string_equal(message_get(m, "error.param"), "residence_id");
	m = open_generic(h, mac, relay, ",'relays':'all'");
	expect_error(m, "invalid_param");
	assert_string_equal(message_get(m, "error.param"), "relays");
	m = client_ask(
		h->client, harness_home(h, "request/" OPENING), scene_json(h, "{'mac':'%s'}", mac));
	expect_error(m, "invalid_param");
	assert_string_equal(message_get(m, "error.param"), "relay_id");
	expect_error(
		client_ask(h->client, harness_home(h, "request/" OPENING), ""), "invalid_param");
	expect_error(client_ask(h->client, "home/bridge/request/" OPENING,
			     scene_json(h, "{'mac':'%s','relay_id':'%s'}", mac, relay)),
		"invalid_param");
	scene_expect_openings(h, 0);
}

HARNESS_TEST(an_opening_that_is_too_old_opens_nothing)
{
	long long now = clock_epoch_msec() / 1000;
	char old[CLOCK_TEXT_MAX];
	const char *const payloads[] = {
		"{'expires_in':0}",
		"{'expires_in':-1}",
		scene_json(h, "{'ts':%lld}", now - 6),
		scene_json(h, "{'ts':%lld}", now - 1000000),
		"{'ts':0}",
		"{'ts':-5}",
		scene_json(h, "{'ts':'%s'}", clock_rfc3339(old, now - 60)),
		scene_json(h, "{'ts':%lld,'expires_in':10}", now - 11),
		scene_json(h, "{'ts':%lld,'expires_in':0.5}", now - 2),
	};

	harness_set(h, "door.deadline", "5");
	scene_start(h);
	for (size_t i = 0; i < ELEMENTS(payloads); i++)
		expect_error(scene_open(h, scene_json(h, "%s", payloads[i])), "expired");
	/* Milliseconds in the place of seconds. */
	expect_error(scene_open(h, scene_json(h, "{'ts':%lld000}", now)), "invalid_param");
	scene_expect_openings(h, 0);
}

/* The gateway starts anew, and finds a cloud that takes connections and then says nothing: what has
 * not been sent can expire. Nothing may be asked of the simulator before it goes on. */
static void stun_the_cloud(struct harness *h)
{
	assert_int_equal(process_stop(h->gateway), 0);
	process_signal(h->sim, SIGSTOP);
	client_forget(h->client);
	harness_start_gateway(h);
	(void)client_await(h->client, "home/+/door/+/state", "LOCKED");
}

static void start_with_tls(struct harness *h)
{
	harness_sim_tls(h);
	harness_set(h, "poll.devices", "10");
	harness_set(h, "poll.history", "10");
	harness_set(h, "poll.access", "10");
	harness_set(h, "poll.family", "10");
	scene_start(h);
}

HARNESS_TEST(an_opening_that_cannot_be_sent_in_time_opens_nothing)
{
	const char *first, *second;

	harness_set(h, "door.deadline", "20");
	start_with_tls(h);
	first = scene_door(h, 0, 0, 0, "open");
	second = scene_door(h, 0, 0, 1, "open");
	stun_the_cloud(h);
	(void)client_await(h->client, "home/bridge/state", "online");
	expect_error(client_ask(h->client, first, "OPEN", .expiry = 3), "expired");
	expect_error(client_ask(h->client, second, scene_json(h, "{'expires_in':0.5}")), "expired");
	process_signal(h->sim, SIGCONT);
	scene_expect_openings(h, 0);
}

HARNESS_TEST(an_opening_waits_no_longer_than_its_deadline)
{
	const char *open, *state;

	harness_set(h, "door.deadline", "2");
	start_with_tls(h);
	open = harness_door(h, "open");
	state = harness_door(h, "state");
	stun_the_cloud(h);
	client_settle_local(h->client);
	client_forget(h->client);
	expect_error(client_ask(h->client, open, "OPEN"), "expired");
	(void)client_await(h->client, state, "UNLOCKING");
	(void)client_await(h->client, state, "LOCKED");
	expect_error(client_ask(h->client, open, scene_json(h, "{'expires_in':3600}")), "expired");
	process_signal(h->sim, SIGCONT);
	scene_expect_openings(h, 0);
}

HARNESS_TEST(the_same_id_opens_once)
{
	const struct message *first, *m;

	scene_start(h);
	first = scene_open(h, scene_json(h, "{'id':'a'}"));
	expect_success(first);
	m = scene_open(h, scene_json(h, "{ 'id': 'a' }"));
	expect_error(m, "duplicate");
	assert_string_equal(message_get(m, "id"), "a");
	assert_string_equal(message_get(m, "error.first.success"), "true");
	assert_string_equal(message_get(m, "error.first.id"), "a");
	assert_string_equal(
		message_get(m, "error.first.elapsed_ms"), message_get(first, "elapsed_ms"));
	/* Neither another id, nor the number of that text. */
	expect_success(scene_open(h, scene_json(h, "{'id':'1'}")));
	expect_success(scene_open(h, scene_json(h, "{'id':1}")));
	expect_error(scene_open(h, scene_json(h, "{'id':1}")), "duplicate");
	/* An id belongs to one door. */
	expect_success(
		client_ask(h->client, scene_door(h, 0, 0, 1, "open"), scene_json(h, "{'id':'a'}")));
	scene_expect_openings(h, 4);
}

HARNESS_TEST(the_same_correlation_data_open_once)
{
	const char *open;
	const struct message *m;

	scene_start(h);
	open = harness_door(h, "open");
	expect_success(client_ask(h->client, open, "OPEN", .correlation = "press-1"));
	m = client_ask(h->client, open, "OPEN", .correlation = "press-1");
	expect_error(m, "duplicate");
	assert_string_equal(message_get(m, "error.first.success"), "true");
	expect_success(client_ask(h->client, open, "OPEN", .correlation = "press-2"));
	scene_expect_openings(h, 2);
}

HARNESS_TEST(the_first_answer_comes_with_a_duplicate_of_what_failed_too)
{
	const struct message *m;

	scene_start(h);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'refuse'}", OPENING);
	expect_error(scene_open(h, scene_json(h, "{'id':'a'}")), "cloud_error");
	m = scene_open(h, scene_json(h, "{'id':'a'}"));
	expect_error(m, "duplicate");
	assert_string_equal(message_get(m, "error.first.error.code"), "cloud_error");
	scene_expect_openings(h, 0);
}

HARNESS_TEST(an_opening_without_id_is_repeated_only_after_a_while)
{
	uint64_t deadline = test_deadline();
	const struct message *m;

	harness_set(h, "door.repeat_after", "4");
	harness_set(h, "door.max_per_minute", "100");
	scene_start(h);
	expect_success(scene_open_unnamed(h, "OPEN"));
	expect_error(scene_open_unnamed(h, "OPEN"), "duplicate");
	expect_error(scene_open_unnamed(h, "{}"), "duplicate");
	scene_expect_openings(h, 1);
	/* An id says that it is meant. */
	expect_success(scene_open_unnamed(h, scene_json(h, "{'id':1}")));
	do {
		assert_true(clock_boot_usec() < deadline);
		m = scene_open_unnamed(h, "OPEN");
		test_pause();
	} while (strcmp(message_get(m, "error.code"), "duplicate") == 0);
	expect_success(m);
	scene_expect_openings(h, 3);
}

HARNESS_TEST(what_certainly_did_not_open_may_be_repeated_at_once)
{
	const char *open, *result;

	harness_set(h, "door.repeat_after", "600");
	scene_start(h);
	open = harness_door(h, "open");
	result = harness_door(h, "result");
	process_kill(h->sim);
	client_publish(h->client, open, "OPEN");
	expect_error(client_await(h->client, result, NULL), "cloud_unreachable");
	harness_start_sim(h);
	client_publish(h->client, open, "OPEN");
	expect_success(client_await(h->client, result, NULL));
	client_publish(h->client, open, "OPEN");
	expect_error(client_await(h->client, result, NULL), "duplicate");
	scene_expect_openings(h, 1);
}

HARNESS_TEST(a_door_opens_only_so_often_in_a_minute)
{
	harness_set(h, "door.max_per_minute", "3");
	scene_start(h);
	for (int i = 0; i < 2; i++)
		expect_success(scene_open(h, "OPEN"));
	expect_success(open_generic_first(h));
	expect_error(scene_open(h, "OPEN"), "rate_limited");
	expect_error(scene_open(h, scene_json(h, "{'id':'a'}")), "rate_limited");
	expect_error(open_generic_first(h), "rate_limited");
	scene_expect_openings(h, 3);
	/* Each door for itself. */
	expect_success(client_ask(h->client, scene_door(h, 0, 0, 1, "open"), "OPEN"));
	expect_success(client_ask(h->client, scene_door(h, 1, 0, 0, "open"), "OPEN"));
	scene_expect_openings(h, 5);
}

HARNESS_TEST(openings_that_the_cloud_refuses_count_too)
{
	harness_set(h, "door.max_per_minute", "2");
	scene_start(h);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'refuse','count':-1}", OPENING);
	expect_error(scene_open(h, "OPEN"), "cloud_error");
	expect_error(scene_open(h, "OPEN"), "cloud_error");
	expect_error(scene_open(h, "OPEN"), "rate_limited");
	assert_int_equal(control_request_count(h, OPENING), 2);
	scene_expect_openings(h, 0);
}

HARNESS_TEST(a_door_that_is_not_allowed_does_not_open)
{
	const struct message *m;

	harness_start_broker(h);
	harness_start_sim(h);
	harness_start_client(h);
	harness_set(h, harness_text(h, "door %s.allow", scene_relay(h, 0, 0, 0)), "no");
	harness_start_gateway(h);
	scene_await_doors(h);
	m = scene_open(h, "OPEN");
	expect_error(m, "not_allowed");
	assert_non_null(strstr(message_get(m, "error.message"), "allow"));
	expect_error(open_generic_first(h), "not_allowed");
	scene_expect_openings(h, 0);
	assert_string_equal(message_get(scene_open(h, "LOCK"), "result.state"), "LOCKED");
	expect_success(client_ask(h->client, scene_door(h, 0, 0, 1, "open"), "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(without_the_group_no_door_opens)
{
	harness_set(h, "commands.allow", "read access family");
	scene_start(h);
	expect_error(scene_open(h, "OPEN"), "not_allowed");
	expect_error(open_generic_first(h), "not_allowed");
	scene_expect_openings(h, 0);
}

HARNESS_TEST(the_opening_may_be_allowed_by_its_name)
{
	harness_set(h, "commands.allow", "get_family_list " OPENING);
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	expect_error(client_ask(h->client, harness_home(h, "request/get_akuvox_device_list"), ""),
		"not_allowed");
	scene_expect_openings(h, 1);
}

HARNESS_TEST(a_home_that_is_not_served_does_not_open)
{
	harness_start_broker(h);
	harness_start_sim(h);
	harness_start_client(h);
	harness_set(h, harness_text(h, "residence %s.enabled", scene_residence(h, 1)), "yes");
	harness_start_gateway(h);
	(void)client_await(h->client, scene_door(h, 1, 0, 0, "state"), "LOCKED");
	expect_error(scene_open(h, "OPEN"), "unknown_residence");
	expect_error(open_generic_first(h), "unknown_residence");
	scene_expect_openings(h, 0);
	client_expect_none(h->client, harness_home(h, "info"));
	expect_success(client_ask(h->client, scene_door(h, 1, 0, 0, "open"), "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(an_answer_is_never_sent_to_a_command_topic)
{
	const char *other;

	scene_start(h);
	other = scene_door(h, 0, 0, 1, "open");
	client_publish(h->client, harness_door(h, "open"), "OPEN", .response_topic = other);
	expect_success(client_await(h->client, harness_door(h, "result"), NULL));
	client_expect_none(h->client, other);
	client_expect_none(h->client, scene_door(h, 0, 0, 1, "result"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(requests_that_cannot_be_are_refused)
{
	scene_start(h);
	expect_error(client_ask(h->client, harness_home(h, "request/open_all_doors"), "{}"),
		"unknown_command");
	expect_error(client_ask(h->client, harness_home(h, "request/get_family_info"), "[]"),
		"invalid_payload");
	expect_error(client_ask(h->client, harness_home(h, "request/get_family_info"),
			     scene_json(h, "{'x':1}")),
		"invalid_param");
	expect_error(client_ask(h->client, harness_home(h, "request/get_family_info"), "{}",
			     .retain = true),
		"retained");
	expect_error(client_ask(h->client, "home/nowhere/request/get_family_info", "{}"),
		"unknown_residence");
	expect_error(client_ask(h->client, "home/bridge/request/get_family_info", "{}"),
		"invalid_param");
	expect_error(client_ask(h->client, harness_home(h, "request/delete_family_account"), "{}"),
		"not_allowed");
	expect_success(client_ask(h->client, harness_home(h, "request/get_family_info"), ""));
}

HARNESS_MAIN(HARNESS_RUN(an_empty_payload_opens_nothing),
	HARNESS_RUN(what_is_no_word_and_no_object_opens_nothing),
	HARNESS_RUN(an_object_with_anything_unknown_opens_nothing),
	HARNESS_RUN(a_payload_that_is_too_large_opens_nothing),
	HARNESS_RUN(an_unknown_home_or_door_opens_nothing),
	HARNESS_RUN(the_generic_request_names_a_door_of_that_home),
	HARNESS_RUN(an_opening_that_is_too_old_opens_nothing),
	HARNESS_RUN(an_opening_that_cannot_be_sent_in_time_opens_nothing),
	HARNESS_RUN(an_opening_waits_no_longer_than_its_deadline),
	HARNESS_RUN(the_same_id_opens_once), HARNESS_RUN(the_same_correlation_data_open_once),
	HARNESS_RUN(the_first_answer_comes_with_a_duplicate_of_what_failed_too),
	HARNESS_RUN(an_opening_without_id_is_repeated_only_after_a_while),
	HARNESS_RUN(what_certainly_did_not_open_may_be_repeated_at_once),
	HARNESS_RUN(a_door_opens_only_so_often_in_a_minute),
	HARNESS_RUN(openings_that_the_cloud_refuses_count_too),
	HARNESS_RUN(a_door_that_is_not_allowed_does_not_open),
	HARNESS_RUN(without_the_group_no_door_opens),
	HARNESS_RUN(the_opening_may_be_allowed_by_its_name),
	HARNESS_RUN(a_home_that_is_not_served_does_not_open),
	HARNESS_RUN(an_answer_is_never_sent_to_a_command_topic),
	HARNESS_RUN(requests_that_cannot_be_are_refused))
