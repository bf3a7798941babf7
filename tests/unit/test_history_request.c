#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_time.h"
#include "tests/unit/refusal.h"
#include "util/clock.h"
#include "util/json.h"

#define REQUEST  "home/H1/request/history"
#define RESPONSE "home/H1/response/history"

/* Three calls and three openings, at 17:00:00 to 17:00:05 UTC in turn; 17:00:00 is 1899997200. */
static int setup(void **state)
{
	struct world *w;

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	assert_int_equal(world_setup(state), 0);
	w = *state;
	(void)WORLD_ROWS(w, "H1", HISTORY_CALL, {.time = "2030-03-17 17:00:00", .name = "c0"},
		{.time = "2030-03-17 17:00:02", .name = "c2"},
		{.time = "2030-03-17 17:00:04", .name = "c4"});
	(void)WORLD_ROWS(w, "H1", HISTORY_DOOR, {.time = "2030-03-17 17:00:01", .name = "o1"},
		{.time = "2030-03-17 17:00:03", .name = "o3"},
		{.time = "2030-03-17 17:00:05", .name = "o5"});
	(void)WORLD_ROWS(w, "H2", HISTORY_CALL, {.time = "2030-03-17 17:00:03", .name = "other"});
	return 0;
}

/* The names of the rows in the answer, with a space behind each. */
static const char *ask(struct world *w, const char *payload)
{
	static char names[64];
	_cleanup_(json_freep) struct json_object *answer = NULL;
	const struct sent *sent;
	struct json_object *rows;

	world_send(w, REQUEST, payload);
	sent = fake_mqtt_next(w->mqtt);
	assert_non_null(sent);
	assert_string_equal(sent->topic, RESPONSE);
	assert_false(sent->retain);
	assert_int_equal(json_parse(&answer, sent->text, sent->size), 0);
	if (json_flag(answer, "success") != 1)
		fail_msg("%s", sent->text);
	assert_string_equal(json_text(answer, "command"), "history");
	fake_mqtt_expect_nothing(w->mqtt);
	names[0] = '\0';
	rows = json_get(answer, "result");
	assert_true(json_object_is_type(rows, json_type_array));
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		const char *name = json_text(row, "call_name") ?: json_text(row, "account_name");

		(void)strcat(strcat(names, name), " ");
	}
	return names;
}

static void all_of_it_newest_first(void **state)
{
	struct world *w = *state;

	assert_string_equal(ask(w, ""), "o5 c4 o3 c2 o1 c0 ");
	assert_string_equal(ask(w, "{}"), "o5 c4 o3 c2 o1 c0 ");
	assert_string_equal(ask(w, "{\"residence_id\":\"H1\"}"), "o5 c4 o3 c2 o1 c0 ");
	assert_int_equal(fake_cloud_started(w->cloud), 0);
	assert_int_equal(requests_open(w->requests), 0);
	assert_int_equal(requests_counts(w->requests)->ok, 3);
}

static void one_kind(void **state)
{
	assert_string_equal(ask(*state, "{\"kind\":\"call\"}"), "c4 c2 c0 ");
	assert_string_equal(ask(*state, "{\"kind\":\"door\"}"), "o5 o3 o1 ");
}

static void a_span_of_time(void **state)
{
	struct world *w = *state;

	assert_string_equal(ask(w, "{\"since\":1899997202}"), "o5 c4 o3 c2 ");
	assert_string_equal(ask(w, "{\"until\":1899997202}"), "o1 c0 ");
	assert_string_equal(ask(w, "{\"since\":\"2030-03-17T18:00:02+01:00\","
				   "\"until\":\"2030-03-17T17:00:04Z\"}"),
		"o3 c2 ");
	assert_string_equal(ask(w, "{\"since\":1899997202.5}"), "o5 c4 o3 ");
	assert_string_equal(ask(w, "{\"until\":1899997202.5}"), "c2 o1 c0 ");
	assert_string_equal(ask(w, "{\"since\":1899997203,\"until\":1899997203}"), "");
	assert_string_equal(ask(w, "{\"since\":-5,\"until\":99999999999}"), "o5 c4 o3 c2 o1 c0 ");
}

static void so_many(void **state)
{
	assert_string_equal(ask(*state, "{\"limit\":2}"), "o5 c4 ");
	assert_string_equal(ask(*state, "{\"limit\":1000}"), "o5 c4 o3 c2 o1 c0 ");
	assert_string_equal(
		ask(*state, "{\"limit\":1,\"kind\":\"call\",\"until\":1899997204}"), "c2 ");
}

static void a_hundred_unless_asked(void **state)
{
	struct world *w = *state;
	struct history_record records[150] = {0};
	const struct sent *sent;
	char times[150][24];

	for (unsigned i = 0; i < 150; i++) {
		(void)snprintf(
			times[i], sizeof(times[i]), "2030-03-17 16:%02u:%02u", i / 60, i % 60);
		records[i].time = times[i];
	}
	(void)world_rows(w, "H2", HISTORY_DOOR, records, 150);
	world_send(w, "home/flat/request/history", "{\"kind\":\"door\"}");
	sent = fake_mqtt_next(w->mqtt);
	assert_string_equal(sent->topic, "home/flat/response/history");
	{
		_cleanup_(json_freep) struct json_object *answer = NULL;

		assert_int_equal(json_parse(&answer, sent->text, sent->size), 0);
		assert_int_equal(json_object_array_length(json_get(answer, "result")), 100);
	}
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *payload, *param;
	} cases[] = {
		{"{\"kind\":\"doors\"}", "kind"},
		{"{\"kind\":\"\"}", "kind"},
		{"{\"kind\":0}", "kind"},
		{"{\"kind\":null}", "kind"},
		{"{\"since\":\"yesterday\"}", "since"},
		{"{\"since\":null}", "since"},
		{"{\"since\":1e300}", "since"},
		{"{\"until\":\"2030-02-31T00:00:00Z\"}", "until"},
		{"{\"until\":true}", "until"},
		{"{\"limit\":0}", "limit"},
		{"{\"limit\":-1}", "limit"},
		{"{\"limit\":1001}", "limit"},
		{"{\"limit\":99999999999999999999}", "limit"},
		{"{\"limit\":2.5}", "limit"},
		{"{\"limit\":\"2\"}", "limit"},
		{"{\"limit\":null}", "limit"},
		{"{\"residence_id\":\"H2\"}", "residence_id"},
		{"{\"Kind\":\"call\"}", "Kind"},
		{"{\"mac\":\"0C1105AAAAAA\"}", "mac"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		refuse_request(
			w, "H1", "history", cases[i].payload, "invalid_param", cases[i].param);
	refuse_request(w, "bridge", "history", "", "invalid_param", "residence_id");
	refuse_request(w, "H3", "history", "", "unknown_residence", NULL);
	refuse_request(w, "H1", "history", "[]", "invalid_payload", NULL);
	refuse_request(w, "H1", "history", "{\"ts\":1}", "expired", NULL);
}

static void it_needs_what_reading_needs(void **state)
{
	struct world *w = *state;
	const struct command *commands[] = {catalog_find("get_akuvox_call_history")};

	w->settings.allowed = (struct allowed){.groups = 1 << COMMAND_GROUP_DOOR};
	requests_set(w->requests, &w->settings);
	refuse_request(w, "H1", "history", "", "not_allowed", NULL);
	refuse_request(w, "H1", "history", "{\"kind\":\"call\"}", "not_allowed", NULL);
	w->settings.allowed = (struct allowed){.commands = commands, .n = 1};
	requests_set(w->requests, &w->settings);
	refuse_request(w, "H1", "history", "", "not_allowed", NULL);
	refuse_request(w, "H1", "history", "{\"kind\":\"door\"}", "not_allowed", NULL);
	assert_string_equal(ask(w, "{\"kind\":\"call\"}"), "c4 c2 c0 ");
}

/* As any other request: once an id, and where it was asked for. */
static void it_has_an_id_and_a_response_topic(void **state)
{
	struct world *w = *state;
	const struct mqtt_message message = {
		.expiry_sec = -1,
		.response_topic = "my/inbox",
		.correlation = "c1",
		.correlation_size = 2,
	};

	world_send_message(w, REQUEST, "{\"id\":7,\"limit\":1}", message);
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, RESPONSE);
	assert_non_null(strstr(fake_mqtt_last(w->mqtt, RESPONSE)->text, "{\"id\":7,"));
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "my/inbox");
	assert_memory_equal(fake_mqtt_last(w->mqtt, "my/inbox")->correlation, "c1", 2);
	refuse_request(w, "H1", "history", "{\"id\":7,\"limit\":1}", "duplicate", NULL);
}

static void an_answer_that_is_too_long(void **state)
{
	static char names[2][513], addresses[2][2049], times[1000][24];
	static struct history_record records[1000];
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		memset(names[i], '\1', 512);
		memset(addresses[i], 'a', 2048);
	}
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(
			times[i], sizeof(times[i]), "2030-03-17 16:%02u:%02u", i / 60, i % 60);
		records[i] = (struct history_record){.time = times[i],
			.name = names[0],
			.device = names[1],
			.picture = addresses[0],
			.thumbnail = addresses[1]};
	}
	(void)world_rows(w, "H2", HISTORY_DOOR, records, 1000);
	refuse_request(w, "flat", "history", "{\"limit\":1000}", "too_large", NULL);
	world_send(w, "home/flat/request/history", "{\"limit\":100}");
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "\"success\":true"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_of_it_newest_first),
		TEST(one_kind),
		TEST(a_span_of_time),
		TEST(so_many),
		TEST(a_hundred_unless_asked),
		TEST(what_is_wrong_is_named),
		TEST(it_needs_what_reading_needs),
		TEST(it_has_an_id_and_a_response_topic),
		TEST(an_answer_that_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
