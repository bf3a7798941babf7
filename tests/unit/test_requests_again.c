#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "bridge/seen.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/refusal.h"
#include "util/clock.h"
#include "util/json.h"

#define INFO          "home/H1/request/get_family_info"
#define INFO_RESPONSE "home/H1/response/get_family_info"

static void send(struct world *w, const char *topic, const char *text, const char *response_topic,
	const char *correlation)
{
	world_send_message(w, topic, text,
		(struct mqtt_message){
			.expiry_sec = -1,
			.response_topic = response_topic,
			.correlation = correlation,
			.correlation_size = correlation ? strlen(correlation) : 0,
		});
}

static void send_retained(struct world *w, const char *topic, const char *text)
{
	world_send_message(w, topic, text, (struct mqtt_message){.expiry_sec = -1, .retain = true});
}

static void expect_answer(struct world *w, const char *topic, const char *correlation)
{
	const struct sent *s = fake_mqtt_next(w->mqtt);

	if (!s)
		fail_msg("no answer on %s", topic);
	assert_string_equal(s->topic, topic);
	assert_false(s->retain);
	assert_int_equal(s->correlation_size, correlation ? strlen(correlation) : 0);
	if (correlation)
		assert_memory_equal(s->correlation, correlation, strlen(correlation));
}

static void answer_oldest(struct world *w)
{
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
}

static void an_answer_goes_where_it_was_asked_for_too(void **state)
{
	struct world *w = *state;

	send(w, OPEN_R1, "OPEN", "my/inbox", "c1");
	answer_oldest(w);
	expect_answer(w, RESULT, "c1");
	expect_answer(w, "my/inbox", "c1");
	assert_string_equal(fake_mqtt_next(w->mqtt)->text, "UNLOCKING");
	fake_mqtt_forget(w->mqtt);
	/* A refusal likewise, and also without correlation data, or without a topic for it. */
	send(w, OPEN_R1, "nonsense", "my/inbox", NULL);
	expect_answer(w, RESULT, NULL);
	expect_answer(w, "my/inbox", NULL);
	send(w, OPEN_R1, "nonsense", NULL, "c2");
	expect_answer(w, RESULT, "c2");
	send(w, OPEN_R1, "nonsense", RESULT, "c3");
	expect_answer(w, RESULT, "c3");
	fake_mqtt_expect_nothing(w->mqtt);
}

/* Nobody makes the gateway write commands, to itself or to a second one. */
static void a_command_topic_is_no_response_topic(void **state)
{
	static const char *const topics[] = {OPEN_R1, "home/H2/door/R1/open", INFO,
		"home/bridge/request/refresh", "home/no/request/such"};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(topics); i++) {
		send(w, OPEN_R1, "nonsense", topics[i], "c1");
		expect_answer(w, RESULT, "c1");
		fake_mqtt_expect_nothing(w->mqtt);
	}
}

static void an_answer_without_connection_is_lost(void **state)
{
	struct world *w = *state;

	send(w, INFO, "{\"id\":1}", "my/inbox", "c1");
	fake_mqtt_set_online(w->mqtt, false);
	answer_oldest(w);
	assert_int_equal(requests_open(w->requests), 0);
	fake_mqtt_set_online(w->mqtt, true);
	fake_mqtt_expect_nothing(w->mqtt);
	/* But it is known what it was. */
	send(w, INFO, "{\"id\":1}", NULL, NULL);
	expect_error(w, INFO_RESPONSE, "get_family_info", "duplicate", NULL, NULL);
	assert_int_equal(fake_cloud_started(w->cloud), 1);
}

static void ids_come_back_as_they_were(void **state)
{
	static const char *const ids[] = {
		"\"a b\"", "\"\\\"\\\\\"", "0", "-7", "1.50", "9007199254740993", "\"\xc3\xa4\""};
	struct world *w = *state;
	char text[64];

	for (size_t i = 0; i < ELEMENTS(ids); i++) {
		(void)snprintf(text, sizeof(text), "{\"id\":%s}", ids[i]);
		world_send(w, INFO, text);
		answer_oldest(w);
		(void)snprintf(text, sizeof(text), "{\"id\":%s,\"command\":", ids[i]);
		assert_memory_equal(fake_mqtt_next(w->mqtt)->text, text, strlen(text));
	}
}

static void expect_first(struct world *w, const char *topic, const char *first)
{
	_cleanup_(json_freep) struct json_object *answer = NULL;
	const struct sent *s = fake_mqtt_next(w->mqtt);
	struct json_object *attached;

	assert_non_null(s);
	assert_string_equal(s->topic, topic);
	assert_int_equal(json_parse(&answer, s->text, s->size), 0);
	assert_string_equal(json_text(json_get(answer, "error"), "code"), "duplicate");
	attached = json_get(json_get(answer, "error"), "first");
	assert_non_null(attached);
	assert_string_equal(json_object_to_json_string_ext(attached,
				    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		first);
}

static void an_id_is_carried_out_once(void **state)
{
	struct world *w = *state;
	char first[256];

	world_send(w, OPEN_R1, "{\"id\":\"x\"}");
	answer_oldest(w);
	(void)snprintf(first, sizeof(first), "%s", fake_mqtt_next(w->mqtt)->text);
	fake_mqtt_forget(w->mqtt);
	world_send(w, OPEN_R1, "{\"id\":\"x\"}");
	expect_first(w, RESULT, first);
	time_pass(w->event, 299 * USEC_PER_SEC);
	fake_mqtt_forget(w->mqtt);
	world_send(w, OPEN_R1, "{\"id\":\"x\",\"expires_in\":1}");
	expect_first(w, RESULT, first);
	assert_int_equal(fake_cloud_started(w->cloud), 1);
	time_pass(w->event, USEC_PER_SEC);
	world_send(w, OPEN_R1, "{\"id\":\"x\"}");
	assert_int_equal(fake_cloud_started(w->cloud), 2);
}

/* More ids than are remembered, by either way to the door. */
static void no_flood_makes_an_opening_forgotten(void **state)
{
	static const struct {
		const char *topic, *text, *answer;
	} openings[] = {
		{OPEN_R1, "{\"id\":\"x\"}", RESULT},
		{"home/H1/request/trigger_akuvox_remote_open_door",
			"{\"id\":\"x\",\"mac\":\"0C1105AAAAAA\",\"relay_id\":\"R2\"}",
			"home/H1/response/trigger_akuvox_remote_open_door"},
	};
	struct world *w = *state;
	char text[64];

	for (size_t i = 0; i < ELEMENTS(openings); i++) {
		world_send(w, openings[i].topic, openings[i].text);
		answer_oldest(w);
	}
	for (int i = 0; i < SEEN_MAX + 1; i++) {
		(void)snprintf(text, sizeof(text), "{\"id\":%d}", i);
		world_send(w, INFO, text);
		answer_oldest(w);
	}
	for (size_t i = 0; i < ELEMENTS(openings); i++) {
		fake_mqtt_forget(w->mqtt);
		world_send(w, openings[i].topic, openings[i].text);
		expect_error(w, openings[i].answer, "trigger_akuvox_remote_open_door", "duplicate",
			NULL, NULL);
	}
	assert_int_equal(fake_cloud_started(w->cloud), 2 + SEEN_MAX + 1);
}

static void a_refusal_is_a_first_answer(void **state)
{
	struct world *w = *state;
	char first[256];

	world_send(w, "home/H1/door/NO/open", "{\"id\":1}");
	(void)snprintf(first, sizeof(first), "%s", fake_mqtt_next(w->mqtt)->text);
	world_send(w, "home/H1/door/NO/open", "{\"id\":1}");
	expect_first(w, "home/H1/door/NO/result", first);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
}

static void another_id_or_topic_is_another_request(void **state)
{
	static const struct {
		const char *topic, *text;
	} others[] = {
		{OPEN_R1, "{\"id\":\"1\"}"},
		{OPEN_R1, "{\"id\":2}"},
		{OPEN_R1, "{\"id\":1.0}"},
		{"home/H1/door/R2/open", "{\"id\":1}"},
		{"home/flat/door/R1/open", "{\"id\":1}"},
		{INFO, "{\"id\":1}"},
		{"home/flat/request/get_family_info", "{\"id\":1}"},
	};
	struct world *w = *state;

	world_send(w, OPEN_R1, "{\"id\":1}");
	for (size_t i = 0; i < ELEMENTS(others); i++) {
		world_send(w, others[i].topic, others[i].text);
		assert_int_equal(fake_cloud_started(w->cloud), i + 2);
	}
	/* Correlation data are no number, though they have the same digits. */
	world_send(w, OPEN_R1, "{\"id\":10}");
	send(w, OPEN_R1, "OPEN", NULL, "\x10");
	assert_int_equal(fake_cloud_started(w->cloud), ELEMENTS(others) + 3);
}

/* The second comes while the first is on its way: it waits for that answer. */
static void twins_are_answered_together(void **state)
{
	struct world *w = *state;

	send(w, OPEN_R1, "{\"id\":\"x\"}", NULL, NULL);
	send(w, OPEN_R1, "{\"id\":\"x\"}", "my/inbox", "c2");
	send(w, OPEN_R1, "{\"id\":\"x\"}", NULL, "c3");
	send(w, OPEN_R1, "{\"id\":\"y\"}", NULL, "c4");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(fake_cloud_open(w->cloud), 2);
	assert_int_equal(requests_open(w->requests), 4);
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_OUTCOME_UNKNOWN);
	expect_error(w, RESULT, OPENING, "outcome_unknown", NULL, NULL);
	expect_answer(w, RESULT, "c3");
	expect_answer(w, RESULT, "c2");
	expect_answer(w, "my/inbox", "c2");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_non_null(strstr(fake_mqtt_last(w->mqtt, "my/inbox")->text, "outcome_unknown"));
	assert_int_equal(requests_open(w->requests), 1);
	answer_oldest(w);
	expect_answer(w, RESULT, "c4");
	assert_int_equal(requests_counts(w->requests)->refused, 2);
}

static void correlation_data_are_an_id(void **state)
{
	struct world *w = *state;
	char longest[257];

	send(w, OPEN_R1, "OPEN", NULL, "c1");
	send(w, OPEN_R1, "OPEN", NULL, "c1");
	assert_int_equal(fake_cloud_started(w->cloud), 1);
	/* It tells a second opening from a repeated message. */
	send(w, OPEN_R1, "OPEN", NULL, "c2");
	assert_int_equal(fake_cloud_started(w->cloud), 2);
	answer_oldest(w);
	expect_answer(w, RESULT, "c1");
	expect_answer(w, RESULT, "c1");
	answer_oldest(w);
	/* An id in the payload counts more. */
	send(w, OPEN_R1, "{\"id\":1}", NULL, "c2");
	assert_int_equal(fake_cloud_started(w->cloud), 3);
	/* The longest that counts, and one that is too long and thus like none. */
	memset(longest, 'c', sizeof(longest));
	longest[256] = '\0';
	send(w, "home/H1/door/R2/open", "OPEN", NULL, longest);
	send(w, "home/H1/door/R2/open", "OPEN", NULL, longest);
	assert_int_equal(fake_cloud_started(w->cloud), 4);
	assert_int_equal(requests_open(w->requests), 3);
	fake_mqtt_forget(w->mqtt);
	world_send_message(w, "home/H1/door/R2/open", "OPEN",
		(struct mqtt_message){.expiry_sec = -1,
			.correlation = (char[257]){"x"},
			.correlation_size = 257});
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "door.repeat_after"));
	assert_int_equal(fake_cloud_started(w->cloud), 4);
}

/* Without id the hold-off answers, and then it is a new request. */
static void a_word_soon_again_is_a_duplicate(void **state)
{
	struct world *w = *state;

	world_send(w, OPEN_R1, "OPEN");
	world_send(w, OPEN_R1, "{}");
	expect_error(w, RESULT, OPENING, "duplicate", NULL, "door.repeat_after");
	answer_oldest(w);
	fake_mqtt_forget(w->mqtt);
	time_pass(w->event, WORLD_REPEAT_USEC - 1);
	refuse_opening(w, OPEN_R1, "PRESS", "duplicate", NULL);
	time_pass(w->event, 1);
	world_send(w, OPEN_R1, "PRESS");
	assert_int_equal(fake_cloud_started(w->cloud), 2);
}

static void retained_messages_are_refused(void **state)
{
	struct world *w = *state;

	send_retained(w, OPEN_R1, "OPEN");
	expect_error(w, RESULT, OPENING, "retained", NULL,
		"mosquitto_pub -r -n -t 'home/H1/door/R1/open'");
	send_retained(w, OPEN_R1, "nonsense");
	expect_error(w, RESULT, OPENING, "retained", NULL, NULL);
	send_retained(w, OPEN_R1, NULL);
	expect_error(w, RESULT, OPENING, "retained", NULL, NULL);
	send_retained(w, OPEN_R1, "LOCK");
	expect_error(w, RESULT, OPENING, "retained", NULL, NULL);
	send_retained(w, INFO, "{}");
	expect_error(w, INFO_RESPONSE, "get_family_info", "retained", NULL, NULL);
	send_retained(w, "home/H9/door/R1/open", "OPEN");
	expect_error(w, "home/H9/door/R1/result", OPENING, "retained", NULL, NULL);
	send_retained(w, "home/bridge/request/refresh", "{\"id\":7}");
	assert_memory_equal(fake_mqtt_next(w->mqtt)->text, "{\"id\":7,", 8);
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
	assert_int_equal(w->refreshed, 0);
	/* It was not carried out, so its id is still free. */
	send_retained(w, OPEN_R1, "{\"id\":8}");
	expect_error(w, RESULT, OPENING, "retained", NULL, NULL);
	world_send(w, OPEN_R1, "{\"id\":8}");
	assert_int_equal(fake_cloud_started(w->cloud), 1);
}

static void a_topic_with_a_quote_is_not_to_be_pasted(void **state)
{
	struct world *w = *state;

	send_retained(w, "home/';reboot;'/door/R1/open", "OPEN");
	expect_error(w, "home/';reboot;'/door/R1/result", OPENING, "retained", NULL, "-t 'TOPIC'");
}

static void clearing_a_topic_is_no_request(void **state)
{
	struct world *w = *state;

	send_retained(w, OPEN_R1, "");
	send_retained(w, INFO, "");
	send_retained(w, "home/bridge/request/refresh", "");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
	assert_int_equal(w->refreshed, 0);
	assert_int_equal(requests_counts(w->requests)->refused, 0);
}

/* Under MQTT 5 the broker sends it once, so the same one twice was published twice. */
static void each_retained_message_of_mqtt_5_is_answered(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++) {
		send_retained(w, OPEN_R1, "OPEN");
		expect_error(w, RESULT, OPENING, "retained", NULL, NULL);
	}
}

static void a_replay_of_mqtt_3_is_answered_once(void **state)
{
	struct world *w = *state;

	w->settings.replays = true;
	requests_set(w->requests, &w->settings);
	for (int connection = 0; connection < 3; connection++) {
		send_retained(w, OPEN_R1, "OPEN");
		send_retained(w, "home/flat/door/R1/open", "OPEN");
		send_retained(w, INFO, NULL);
	}
	expect_error(w, RESULT, OPENING, "retained", NULL, NULL);
	expect_error(w, "home/flat/door/R1/result", OPENING, "retained", NULL, NULL);
	expect_error(w, INFO_RESPONSE, "get_family_info", "retained", NULL, NULL);
	fake_mqtt_expect_nothing(w->mqtt);
	/* Another one on the same topic is news. */
	send_retained(w, OPEN_R1, "{\"id\":1}");
	expect_error(w, RESULT, OPENING, "retained", NULL, NULL);
	send_retained(w, OPEN_R1, "{\"id\":1}");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
}

/* There the message that clears has no flag, and a request without payload would be carried out. */
static void clearing_a_topic_of_mqtt_3_is_no_request(void **state)
{
	struct world *w = *state;

	w->settings.replays = true;
	requests_set(w->requests, &w->settings);
	send_retained(w, INFO, "{\"id\":1}");
	expect_error(w, INFO_RESPONSE, "get_family_info", "retained", NULL, NULL);
	world_send(w, INFO, "");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
	/* After that it is one again. */
	world_send(w, INFO, "");
	assert_int_equal(fake_cloud_started(w->cloud), 1);
	send_retained(w, INFO, "{\"id\":1}");
	expect_error(w, INFO_RESPONSE, "get_family_info", "retained", NULL, NULL);
}

static void so_many_retained_topics_are_remembered(void **state)
{
	struct world *w = *state;
	char topic[64];

	w->settings.replays = true;
	requests_set(w->requests, &w->settings);
	for (int connection = 0; connection < 2; connection++) {
		fake_mqtt_forget(w->mqtt);
		for (int i = 0; i < 257; i++) {
			(void)snprintf(topic, sizeof(topic), "home/H%d/door/x/open", i);
			send_retained(w, topic, "OPEN");
		}
		assert_int_equal(fake_mqtt_count(w->mqtt), connection == 0 ? 257 : 1);
	}
	assert_int_equal(fake_cloud_started(w->cloud), 0);
}

static void other_topics_are_left_alone(void **state)
{
	struct world *w = *state;

	world_send(w, "home/H1/door/R1/state", "UNLOCKED");
	world_send(w, "home/H1/door/R1/result", "OPEN");
	world_send(w, "other/H1/door/R1/open", "OPEN");
	send_retained(w, "home/bridge/state", "offline");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_goes_where_it_was_asked_for_too),
		TEST(a_command_topic_is_no_response_topic),
		TEST(an_answer_without_connection_is_lost),
		TEST(ids_come_back_as_they_were),
		TEST(an_id_is_carried_out_once),
		TEST(no_flood_makes_an_opening_forgotten),
		TEST(a_refusal_is_a_first_answer),
		TEST(another_id_or_topic_is_another_request),
		TEST(twins_are_answered_together),
		TEST(correlation_data_are_an_id),
		TEST(a_word_soon_again_is_a_duplicate),
		TEST(retained_messages_are_refused),
		TEST(a_topic_with_a_quote_is_not_to_be_pasted),
		TEST(clearing_a_topic_is_no_request),
		TEST(each_retained_message_of_mqtt_5_is_answered),
		TEST(a_replay_of_mqtt_3_is_answered_once),
		TEST(clearing_a_topic_of_mqtt_3_is_no_request),
		TEST(so_many_retained_topics_are_remembered),
		TEST(other_topics_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
