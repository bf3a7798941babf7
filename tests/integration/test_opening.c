#include "tests/integration/scene.h"

#include <stdio.h>
#include <string.h>

#include "util/clock.h"

/* What opens a door, which door it opens, and what is told about it. */

#define OPENING "trigger_akuvox_remote_open_door"

static void expect_place(
	struct harness *h, size_t nth, const char *residence, const char *mac, const char *relay)
{
	struct json_object *openings = control_await_openings(h, nth + 1);
	struct json_object *opening = json_object_array_get_idx(openings, nth);

	assert_string_equal(json_at(opening, "residence_id"), residence);
	assert_string_equal(json_at(opening, "mac"), mac);
	assert_string_equal(json_at(opening, "relay_id"), relay);
}

HARNESS_TEST(every_word_opens_the_door)
{
	static const char *const words[] = {"OPEN", "open", "Open", "UNLOCK", "unlock", "UNLOCKED",
		"unlocked", "PRESS", "press", "ON", "on", "oN", "TRUE", "true", "True", "1"};

	harness_set(h, "door.max_per_minute", "100");
	scene_start(h);
	for (size_t i = 0; i < ELEMENTS(words); i++) {
		expect_success(scene_open(h, words[i]));
		(void)control_await_openings(h, i + 1);
	}
	expect_place(h, ELEMENTS(words) - 1, scene_residence(h, 0), scene_mac(h, 0, 0),
		scene_relay(h, 0, 0, 0));
}

HARNESS_TEST(every_json_form_opens_the_door)
{
	char now[CLOCK_TEXT_MAX];
	int64_t seconds = clock_epoch_msec() / 1000;
	const char *const forms[] = {
		"{}",
		" { } ",
		"{'expires_in':30}",
		"{'expires_in':25.5}",
		scene_json(h, "{'ts':%lld}", (long long)seconds),
		scene_json(h, "{'ts':%lld.5}", (long long)seconds),
		scene_json(h, "{'ts':'%s'}", clock_rfc3339(now, seconds)),
		scene_json(h, "{'ts':%lld,'expires_in':60}", (long long)seconds - 30),
		scene_json(h, "{'ts':%lld}", (long long)seconds + 30),
	};

	harness_set(h, "door.max_per_minute", "100");
	scene_start(h);
	for (size_t i = 0; i < ELEMENTS(forms); i++) {
		const struct message *m = scene_open(h, scene_json(h, "%s", forms[i]));

		expect_success(m);
		assert_string_equal(message_get(m, "id"), "");
		(void)control_await_openings(h, i + 1);
	}
}

HARNESS_TEST(the_id_comes_back_with_the_answer)
{
	const struct message *m;

	scene_start(h);
	m = scene_open(h, scene_json(h, "{'id':'front, please \xc3\xa9'}"));
	expect_success(m);
	assert_string_equal(message_get(m, "id"), "front, please \xc3\xa9");
	m = scene_open(h, scene_json(h, "{'id':12345678901234}"));
	expect_success(m);
	assert_string_equal(message_get(m, "id"), "12345678901234");
	assert_true(json_object_is_type(json_object_object_get(m->json, "id"), json_type_int));
	m = scene_open(h, scene_json(h, "{'id':'all','ts':%lld,'expires_in':60}",
				  (long long)(clock_epoch_msec() / 1000)));
	expect_success(m);
	assert_string_equal(message_get(m, "id"), "all");
	scene_expect_openings(h, 3);
}

HARNESS_TEST(what_is_the_gateways_own_is_not_sent_to_the_cloud)
{
	struct json_object *param;

	scene_start(h);
	expect_success(scene_open(h, scene_json(h, "{'id':'a','expires_in':30}")));
	scene_expect_openings(h, 1);
	param = json_object_object_get(
		json_object_array_get_idx(control_requests(h, OPENING), 0), "param");
	assert_int_equal(json_object_object_length(param), 3);
	assert_string_equal(json_at(param, "residence_id"), scene_residence(h, 0));
	assert_string_equal(json_at(param, "mac"), scene_mac(h, 0, 0));
	assert_string_equal(json_at(param, "relay_id"), scene_relay(h, 0, 0, 0));
}

HARNESS_TEST(lock_changes_nothing_and_is_answered_with_the_state)
{
	static const char *const words[] = {"LOCK", "lock", "LOCKED", "Locked"};

	harness_set(h, "door.hold_time", "600");
	scene_start(h);
	for (size_t i = 0; i < ELEMENTS(words); i++) {
		const struct message *m = scene_open(h, words[i]);

		expect_success(m);
		assert_string_equal(message_get(m, "result.state"), "LOCKED");
	}
	client_expect_none(h->client, harness_door(h, "state"));
	scene_expect_openings(h, 0);
	expect_success(scene_open(h, "OPEN"));
	(void)client_await(h->client, harness_door(h, "state"), "UNLOCKED");
	assert_string_equal(message_get(scene_open(h, "LOCK"), "result.state"), "UNLOCKED");
	client_expect_none(h->client, harness_door(h, "state"));
	scene_expect_openings(h, 1);
}

static void expect_states(struct harness *h)
{
	const char *topic = harness_door(h, "state");
	const struct message *m;

	m = client_await(h->client, topic, NULL);
	assert_string_equal(m->payload, "UNLOCKING");
	assert_true(m->retain);
	m = client_await(h->client, topic, NULL);
	assert_string_equal(m->payload, "UNLOCKED");
	assert_true(m->retain);
	m = client_await(h->client, topic, NULL);
	assert_string_equal(m->payload, "LOCKED");
	assert_true(m->retain);
	client_expect_none(h->client, topic);
}

HARNESS_TEST(the_states_of_a_door_with_a_fast_cloud)
{
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	expect_states(h);
}

HARNESS_TEST(the_states_of_a_door_with_a_slow_cloud)
{
	const char *state;

	scene_start(h);
	state = harness_door(h, "state");
	(void)control_post(h, "/fault", "{'on':'%s','kind':'delay','ms':600000}", OPENING);
	client_publish(h->client, harness_door(h, "open"), "OPEN");
	(void)client_await(h->client, state, "UNLOCKING");
	client_expect_none(h->client, state);
	client_expect_none(h->client, harness_door(h, "result"));
	(void)control_delete(h, "/fault");
	expect_success(client_await(h->client, harness_door(h, "result"), NULL));
	(void)client_await(h->client, state, "UNLOCKED");
	(void)client_await(h->client, state, "LOCKED");
	client_expect_none(h->client, state);
	scene_expect_openings(h, 1);
}

HARNESS_TEST(an_opening_that_fails_locks_again)
{
	scene_start(h);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'hang'}", OPENING);
	client_publish(h->client, harness_door(h, "open"), "OPEN");
	(void)client_await(h->client, harness_door(h, "state"), "UNLOCKING");
	(void)control_delete(h, "/fault");
	expect_error(client_await(h->client, harness_door(h, "result"), NULL), "outcome_unknown");
	assert_string_equal(
		client_await(h->client, harness_door(h, "state"), NULL)->payload, "LOCKED");
	client_expect_none(h->client, harness_door(h, "state"));
	scene_expect_openings(h, 0);
}

HARNESS_TEST(a_second_opening_holds_the_door_longer)
{
	const char *state;
	uint64_t second;

	/* The second must come within it, on any machine. */
	harness_set(h, "door.hold_time", "5");
	scene_start(h);
	state = harness_door(h, "state");
	expect_success(scene_open(h, "OPEN"));
	(void)client_await(h->client, state, "UNLOCKED");
	second = clock_boot_usec();
	expect_success(scene_open(h, "OPEN"));
	assert_true(
		client_await(h->client, state, "LOCKED")->time_usec >= second + 5 * USEC_PER_SEC);
	client_expect_none(h->client, state);
	scene_expect_openings(h, 2);
}

HARNESS_TEST(a_door_may_have_a_hold_time_of_its_own)
{
	harness_start_broker(h);
	harness_start_sim(h);
	harness_start_client(h);
	harness_set(h, "door.hold_time", "600");
	harness_set(h, harness_text(h, "door %s.hold_time", scene_relay(h, 0, 0, 1)), "0.1");
	harness_start_gateway(h);
	scene_await_doors(h);
	expect_success(client_ask(h->client, scene_door(h, 0, 0, 0, "open"), "OPEN"));
	expect_success(client_ask(h->client, scene_door(h, 0, 0, 1, "open"), "OPEN"));
	(void)client_await(h->client, scene_door(h, 0, 0, 0, "state"), "UNLOCKED");
	(void)client_await(h->client, scene_door(h, 0, 0, 1, "state"), "UNLOCKED");
	(void)client_await(h->client, scene_door(h, 0, 0, 1, "state"), "LOCKED");
	client_expect_none(h->client, scene_door(h, 0, 0, 0, "state"));
}

HARNESS_TEST(a_security_relay_opens)
{
	unsigned relay = 0;

	scene_start(h);
	while (strcmp(control_text(
			      h, harness_text(h, "homes.0.devices.1.relays.%u.security", relay)),
		       "true") != 0)
		relay++;
	expect_success(client_ask(h->client, scene_door(h, 0, 1, relay, "open"), "OPEN"));
	expect_place(h, 0, scene_residence(h, 0), scene_mac(h, 0, 1), scene_relay(h, 0, 1, relay));
}

HARNESS_TEST(an_alias_of_home_and_door_stands_for_the_id)
{
	const char *id;

	harness_start_broker(h);
	harness_start_sim(h);
	harness_start_client(h);
	id = scene_residence(h, 0);
	harness_set(h, harness_text(h, "residence %s.alias", id), "house");
	harness_set(h, harness_text(h, "door %s.alias", scene_relay(h, 0, 0, 1)), "garage");
	harness_start_gateway(h);
	(void)client_await(h->client, "home/house/door/garage/state", "LOCKED");
	expect_success(client_ask(h->client, "home/house/door/garage/open", "OPEN"));
	expect_place(h, 0, id, scene_mac(h, 0, 0), scene_relay(h, 0, 0, 1));
	(void)client_await(h->client, "home/house/door/garage/result", NULL);
	(void)client_await(h->client, "home/house/door/garage/state", "UNLOCKED");

	/* By the ids too; what is told of the door stays under its one name. */
	expect_success(client_ask(h->client, scene_door(h, 0, 0, 1, "open"), "OPEN"));
	expect_place(h, 1, id, scene_mac(h, 0, 0), scene_relay(h, 0, 0, 1));
	(void)client_await(h->client, scene_door(h, 0, 0, 1, "result"), NULL);
	client_expect_none(h->client, scene_door(h, 0, 0, 1, "state"));
}

HARNESS_TEST(two_homes_may_use_one_relay_id)
{
	scene_start(h);
	assert_string_equal(scene_relay(h, 0, 0, 0), scene_relay(h, 1, 0, 0));
	expect_success(client_ask(h->client, scene_door(h, 1, 0, 0, "open"), "OPEN"));
	expect_place(h, 0, scene_residence(h, 1), scene_mac(h, 1, 0), scene_relay(h, 1, 0, 0));
	(void)client_await(h->client, scene_door(h, 1, 0, 0, "state"), "UNLOCKED");
	client_expect_none(h->client, scene_door(h, 0, 0, 0, "state"));
	/* Soon after, and without an id: another door, so no repetition. */
	client_publish(h->client, scene_door(h, 0, 0, 0, "open"), "OPEN");
	expect_success(client_await(h->client, scene_door(h, 0, 0, 0, "result"), NULL));
	expect_place(h, 1, scene_residence(h, 0), scene_mac(h, 0, 0), scene_relay(h, 0, 0, 0));
}

HARNESS_TEST(the_answer_comes_on_both_topics)
{
	const char *open, *result;
	const struct message *m;

	scene_start(h);
	open = harness_door(h, "open");
	result = harness_door(h, "result");
	client_publish(h->client, open, "OPEN", .response_topic = "to/me", .correlation = "4711");
	m = client_await(h->client, result, NULL);
	expect_success(m);
	assert_string_equal(m->correlation, "4711");
	m = client_await(h->client, "to/me", NULL);
	expect_success(m);
	assert_string_equal(m->correlation, "4711");
	client_expect_none(h->client, result);
	client_expect_none(h->client, "to/me");
	/* Asked to answer where the answer goes anyway, it answers once. */
	client_publish(h->client, open, "OPEN", .response_topic = result, .correlation = "4712");
	assert_string_equal(client_await(h->client, result, NULL)->correlation, "4712");
	client_expect_none(h->client, result);
	scene_expect_openings(h, 2);
}

HARNESS_TEST(the_generic_request_opens_the_same_door)
{
	const struct message *m;

	scene_start(h);
	m = client_ask(h->client, harness_home(h, "request/" OPENING),
		scene_json(h, "{'mac':'%s','relay_id':'%s','id':7}", scene_mac(h, 0, 1),
			scene_relay(h, 0, 1, 0)));
	expect_success(m);
	assert_string_equal(message_get(m, "id"), "7");
	expect_place(h, 0, scene_residence(h, 0), scene_mac(h, 0, 1), scene_relay(h, 0, 1, 0));
	(void)client_await(h->client, harness_home(h, "response/" OPENING), NULL);
	(void)client_await(h->client, scene_door(h, 0, 1, 0, "state"), "UNLOCKED");
	client_expect_none(h->client, scene_door(h, 0, 1, 0, "result"));
}

HARNESS_TEST(a_mac_may_be_written_in_small_letters)
{
	char mac[32];
	size_t i;

	scene_start(h);
	(void)snprintf(mac, sizeof(mac), "%s", scene_mac(h, 0, 1));
	for (i = 0; mac[i]; i++)
		if (mac[i] >= 'A')
			mac[i] = (char)(mac[i] | 0x20);
	expect_success(client_ask(h->client, harness_home(h, "request/" OPENING),
		scene_json(h, "{'mac':'%s','relay_id':'%s'}", mac, scene_relay(h, 0, 1, 0))));
	(void)control_await_openings(h, 1);
}

HARNESS_TEST(other_topics_below_ours_open_nothing)
{
	const char *const leaves[] = {"state", "result", "info", "open/", "open/x", "Open", ""};

	scene_start(h);
	for (size_t i = 0; i < ELEMENTS(leaves); i++)
		client_publish(h->client, harness_door(h, leaves[i]), "OPEN");
	client_publish(h->client, "home/open", "OPEN");
	client_publish(h->client, "home/bridge/door/open", "OPEN");
	client_expect_none(h->client, harness_door(h, "result"));
	scene_expect_openings(h, 0);
}

HARNESS_TEST(another_base_topic_of_several_levels)
{
	harness_set(h, "mqtt.base_topic", "house/doors");
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
	client_publish(
		h->client, harness_text(h, "home%s", strchr(harness_door(h, "open"), '/')), "OPEN");
	client_expect_none(h->client, "home/#");
	scene_expect_openings(h, 1);
}

HARNESS_MAIN(HARNESS_RUN(every_word_opens_the_door), HARNESS_RUN(every_json_form_opens_the_door),
	HARNESS_RUN(the_id_comes_back_with_the_answer),
	HARNESS_RUN(what_is_the_gateways_own_is_not_sent_to_the_cloud),
	HARNESS_RUN(lock_changes_nothing_and_is_answered_with_the_state),
	HARNESS_RUN(the_states_of_a_door_with_a_fast_cloud),
	HARNESS_RUN(the_states_of_a_door_with_a_slow_cloud),
	HARNESS_RUN(an_opening_that_fails_locks_again),
	HARNESS_RUN(a_second_opening_holds_the_door_longer),
	HARNESS_RUN(a_door_may_have_a_hold_time_of_its_own), HARNESS_RUN(a_security_relay_opens),
	HARNESS_RUN(an_alias_of_home_and_door_stands_for_the_id),
	HARNESS_RUN(two_homes_may_use_one_relay_id), HARNESS_RUN(the_answer_comes_on_both_topics),
	HARNESS_RUN(the_generic_request_opens_the_same_door),
	HARNESS_RUN(a_mac_may_be_written_in_small_letters),
	HARNESS_RUN(other_topics_below_ours_open_nothing),
	HARNESS_RUN(another_base_topic_of_several_levels))
