#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/json.h"

#define CALLS    "home/flat/history/call"
#define OPENINGS "home/flat/history/door"

static void settle(struct world *w)
{
	time_settle(w->event);
}

static void everything(struct world *w)
{
	fake_mqtt_forget(w->mqtt);
	publisher_everything(w->publisher);
	settle(w);
}

/* The retained list; the caller frees it. */
static struct json_object *list(struct world *w, const char *topic, size_t n)
{
	const struct sent *sent = fake_mqtt_last(w->mqtt, topic);
	struct json_object *rows;

	if (!sent)
		fail_msg("nothing on %s", topic);
	assert_true(sent->retain);
	assert_int_equal(sent->qos, 1);
	assert_int_equal(json_parse(&rows, sent->text, sent->size), 0);
	assert_true(json_object_is_type(rows, json_type_array));
	assert_int_equal(json_object_array_length(rows), n);
	return rows;
}

static const char *text_at(struct json_object *rows, size_t i, const char *key)
{
	return json_text(json_object_array_get_idx(rows, i), key);
}

static void the_newest_rows_first(void **state)
{
	struct world *w = *state;
	_cleanup_(json_freep) struct json_object *calls = NULL, *openings = NULL;

	(void)WORLD_ROWS(w, "H2", HISTORY_CALL,
		{.time = "2030-03-17 17:00:00", .name = "old", .sip = "5"},
		{.time = "2030-03-17 17:00:02", .name = "new", .sip = "123"},
		{.time = "2030-03-17 17:00:01", .name = "middle", .sip = "5"});
	(void)WORLD_ROWS(w, "H2", HISTORY_DOOR,
		{.time = "2030-03-17 17:00:00",
			.opened = true,
			.device = "Hall",
			.picture = "https://x/1"});
	(void)WORLD_ROWS(w, "H1", HISTORY_CALL, {.time = "2030-03-17 17:00:00"});
	everything(w);
	calls = list(w, CALLS, 3);
	assert_string_equal(text_at(calls, 0, "call_name"), "new");
	assert_string_equal(text_at(calls, 0, "mac"), "0C1105CCCCCC");
	assert_string_equal(text_at(calls, 0, "event_type"), "call");
	assert_string_equal(text_at(calls, 1, "call_name"), "middle");
	assert_string_equal(text_at(calls, 2, "call_name"), "old");
	openings = list(w, OPENINGS, 1);
	assert_string_equal(text_at(openings, 0, "capture_picture_url"), "https://x/1");
	assert_string_equal(text_at(openings, 0, "event_type"), "opened");
	assert_int_equal(strlen(text_at(openings, 0, "event_id")), 32);
}

static void no_more_than_so_many(void **state)
{
	struct world *w = *state;
	struct history_record records[30] = {0};
	_cleanup_(json_freep) struct json_object *rows = NULL;
	char times[30][24];

	for (unsigned i = 0; i < 30; i++) {
		(void)snprintf(times[i], sizeof(times[i]), "2030-03-17 17:00:%02u", i);
		records[i].time = times[i];
	}
	(void)world_rows(w, "H2", HISTORY_DOOR, records, 30);
	everything(w);
	rows = list(w, OPENINGS, 20);
	assert_string_equal(text_at(rows, 0, "epoch"), "1899997229");
	assert_string_equal(text_at(rows, 19, "epoch"), "1899997210");
}

/* As templates like it. */
static void without_rows_it_is_empty(void **state)
{
	struct world *w = *state;

	everything(w);
	assert_string_equal(fake_mqtt_last(w->mqtt, CALLS)->text, "[]");
	assert_string_equal(fake_mqtt_last(w->mqtt, OPENINGS)->text, "[]");
}

static void only_the_one_that_changed(void **state)
{
	struct world *w = *state;
	struct home *home = world_home(w, "H2");

	home->changed |= CHANGED_OPENINGS;
	publisher_home(w->publisher, home);
	settle(w);
	fake_mqtt_expect(w->mqtt, OPENINGS, "[]");
	fake_mqtt_expect_nothing(w->mqtt);
	home->changed |= CHANGED_CALLS;
	publisher_home(w->publisher, home);
	settle(w);
	fake_mqtt_expect(w->mqtt, CALLS, "[]");
	fake_mqtt_expect_nothing(w->mqtt);
}

static void cleared_with_the_home(void **state)
{
	struct world *w = *state;

	(void)WORLD_ROWS(w, "H2", HISTORY_CALL, {.time = "2030-03-17 17:00:00"});
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		world_merge_homes(w, (const char *const[]){"H1", NULL});
	settle(w);
	assert_string_equal(fake_mqtt_last(w->mqtt, CALLS)->text, "");
	assert_true(fake_mqtt_last(w->mqtt, CALLS)->retain);
	assert_string_equal(fake_mqtt_last(w->mqtt, OPENINGS)->text, "");
}

/* history.publish = 0: what stood there goes. */
static void none_are_wanted(void **state)
{
	struct world *w = *state;
	const struct history_view none = {w->history, 0};
	struct publisher *other;

	(void)WORLD_ROWS(w, "H2", HISTORY_CALL, {.time = "2030-03-17 17:00:00"});
	assert_int_equal(publisher_new(&other, w->event, w->mqtt, w->names, w->cache, &none), 0);
	publisher_everything(other);
	settle(w);
	assert_string_equal(fake_mqtt_last(w->mqtt, CALLS)->text, "");
	(void)publisher_free(other);
}

/* Names of 512 bytes, and addresses of 2048: 1000 of these rows are more than may be published. */
static void what_is_too_long_loses_its_oldest(void **state)
{
	struct world *w = *state;
	const struct history_view many = {w->history, 1000};
	static char names[2][513], addresses[2][2049], times[1000][24];
	static struct history_record records[1000];
	_cleanup_(json_freep) struct json_object *rows = NULL;
	struct publisher *other;

	for (int i = 0; i < 2; i++) {
		/* Each of these takes six bytes in JSON. */
		memset(names[i], '\1', 512);
		memset(addresses[i], 'a', 2048);
	}
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(
			times[i], sizeof(times[i]), "2030-03-17 17:%02u:%02u", i / 60, i % 60);
		records[i] = (struct history_record){.time = times[i],
			.name = names[0],
			.device = names[1],
			.picture = addresses[0],
			.thumbnail = addresses[1]};
	}
	(void)world_rows(w, "H2", HISTORY_DOOR, records, 1000);
	assert_int_equal(publisher_new(&other, w->event, w->mqtt, w->names, w->cache, &many), 0);
	publisher_everything(other);
	settle(w);
	assert_true(fake_mqtt_last(w->mqtt, OPENINGS)->size <= MQTT_PUBLISH_MAX);
	rows = list(w, OPENINGS, 250);
	assert_string_equal(text_at(rows, 0, "epoch"), "1899998199");
	(void)publisher_free(other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_newest_rows_first),
		TEST(no_more_than_so_many),
		TEST(without_rows_it_is_empty),
		TEST(only_the_one_that_changed),
		TEST(cleared_with_the_home),
		TEST(none_are_wanted),
		TEST(what_is_too_long_loses_its_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
