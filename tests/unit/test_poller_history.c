#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/fake_time.h"
#include "tests/unit/round.h"
#include "util/json.h"

#define ALL     ((1 << COMMAND_GROUP_MAX) - 1)
#define OPENING "trigger_akuvox_remote_open_door"

#define INTERVAL (15 * SEC)

static const struct poller_settings all = {.history_usec = INTERVAL, .allowed.groups = ALL};

/* 2030-03-17 17:46:40, the time of the tests' own clock. */
#define NOW_MSEC INT64_C(1900000000000)

#define DOOR_ROW(time, name)                                                               \
	"{\"open_door\":true,\"account_name\":\"" name "\",\"device_name\":\"d\","         \
	"\"open_door_type\":\"\",\"open_door_time\":\"" time "\",\"capture_picture_url\":" \
	"\"\",\"capture_thumbnail_url\":\"\"}"
#define CALL_ROW(time, name) \
	"{\"call_name\":\"" name "\",\"call_sip\":\"1\",\"call_time\":\"" time "\"}"

/* One home is known and its devices are; with these settings. */
static void start(struct round *w, const struct poller_settings *settings)
{
	poller_set(w->poller, settings);
	poller_start(w->poller, 0);
	time_pass(w->event, 0);
	fake_cloud_succeed(round_call(w, HOMES, ""), "[" HOME_1 "]");
	time_pass(w->event, 20 * MSEC);
	fake_cloud_succeed(round_call(w, DEVICES, "H1"), DEVICE);
	time_pass(w->event, 0);
}

/* And both histories were heard once, without a row. */
static void start_seeded(struct round *w)
{
	start(w, &all);
	fake_cloud_succeed(round_call(w, CALLS, "H1"), "[]");
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	w->heard.times = 0;
}

static void succeed_at(struct cloud_call *call, const char *result, int64_t timestamp)
{
	_cleanup_(json_freep) struct json_object *object = NULL;
	struct cloud_answer answer = {
		.error = CLOUD_OK, .http_status = 200, .why = "", .timestamp = timestamp};

	assert_int_equal(json_parse(&object, result, strlen(result)), 0);
	answer.result = object;
	fake_cloud_answer(call, &answer);
}

static void expect_news(
	const struct round *w, unsigned times, enum history_kind kind, size_t rows, size_t events)
{
	assert_int_equal(w->heard.times, times);
	assert_ptr_equal(w->heard.home, cache_find(w->cache, "H1"));
	assert_int_equal(w->heard.kind, kind);
	assert_int_equal(w->heard.news.rows, rows);
	assert_int_equal(w->heard.news.events, events);
}

static void devices_come_before_histories(void **state)
{
	struct round *w = *state;

	poller_set(w->poller, &all);
	poller_start(w->poller, 0);
	time_pass(w->event, 0);
	fake_cloud_succeed(round_call(w, HOMES, ""), "[" HOME_1 "]");
	time_pass(w->event, 20 * SEC);
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 20 * SEC);
	assert_null(fake_cloud_find(w->cloud, CALLS, ""));
	assert_null(fake_cloud_find(w->cloud, OPENINGS, ""));
	fake_cloud_end(round_call(w, DEVICES, "H1"), CLOUD_REFUSED);
	time_pass(w->event, 2 * SEC);
	assert_null(fake_cloud_find(w->cloud, CALLS, ""));
	/* A home without any is known, too. */
	fake_cloud_succeed(round_call(w, DEVICES, "H1"), "[]");
	time_pass(w->event, 0);
	assert_string_equal(round_call(w, CALLS, "H1")->param, "{\"residence_id\":\"H1\"}");
	assert_int_equal(round_call(w, OPENINGS, "H1")->priority, CLOUD_POLL);
}

static void devices_of_the_cache_will_do(void **state)
{
	const struct family_record home = {"H1", "n", true, true};
	const struct device_record device = {
		.mac = "0C1105AAAAAA", .name = "d", .type = "", .sip = "", .rtsp = ""};
	struct round *w = *state;

	assert_int_equal(cache_merge_homes(w->cache, &home, 1), 0);
	assert_int_equal(cache_merge_devices(w->cache, cache_find(w->cache, "H1"), &device, 1), 0);
	poller_set(w->poller, &all);
	poller_start(w->poller, 0);
	time_pass(w->event, 20 * MSEC);
	(void)round_call(w, CALLS, "H1");
	(void)round_call(w, OPENINGS, "H1");
}

static void rows_become_news(void **state)
{
	struct round *w = *state;

	start(w, &all);
	/* The first answer seeds. */
	fake_cloud_succeed(
		round_call(w, CALLS, "H1"), "[" CALL_ROW("2030-03-17 17:46:00", "Front") "]");
	expect_news(w, 1, HISTORY_CALL, 1, 0);
	fake_cloud_succeed(
		round_call(w, OPENINGS, "H1"), "[" DOOR_ROW("2030-03-17 17:46:00", "Ann") "]");
	expect_news(w, 2, HISTORY_DOOR, 1, 0);
	(void)round_until(w, CALLS, "H1");
	fake_cloud_succeed(round_call(w, CALLS, "H1"),
		"[" CALL_ROW("2030-03-17 17:46:50", "Front") "," CALL_ROW(
			"2030-03-17 17:46:00", "Front") "]");
	expect_news(w, 3, HISTORY_CALL, 1, 1);
	(void)round_until(w, OPENINGS, "H1");
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"),
		"[" DOOR_ROW("2030-03-17 17:46:00", "Ann") "," DOOR_ROW(
			"2030-03-17 17:46:51", "Bob") "]");
	expect_news(w, 4, HISTORY_DOOR, 1, 1);
	/* Heard, without news. */
	(void)round_until(w, OPENINGS, "H1");
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	expect_news(w, 5, HISTORY_DOOR, 0, 0);
	assert_int_equal(poller_counts(w->poller)->failed, 0);
}

/* From one answer to the next question no more than the interval passes, the timer's own lateness
 * included. */
static void an_interval_is_the_longest(void **state)
{
	static const uint64_t intervals[] = {100 * MSEC, SEC, 5 * SEC, INTERVAL, 60 * SEC};
	struct poller_settings settings = all;
	struct round *w = *state;

	start_seeded(w);
	for (size_t i = 0; i < ELEMENTS(intervals); i++) {
		settings.history_usec = intervals[i];
		poller_set(w->poller, &settings);
		for (int n = 0; n < 50; n++) {
			uint64_t wait;

			(void)round_until(w, OPENINGS, "H1");
			fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
			wait = time_due("poll-openings");
			assert_true(wait + time_accuracy("poll-openings") <= intervals[i]);
			assert_true(wait >= intervals[i] / 100 * 81);
		}
	}
}

/* What was answered together is due at a time that suits both, and wakes the processor up once. */
static void histories_of_a_home_stay_together(void **state)
{
	struct round *w = *state;

	start_seeded(w);
	for (int n = 0; n < 50; n++) {
		uint64_t calls, openings;

		calls = time_due("poll-calls");
		openings = time_due("poll-openings");
		assert_true(openings <= calls + time_accuracy("poll-calls"));
		assert_true(calls <= openings + time_accuracy("poll-openings"));
		time_pass(w->event, INTERVAL);
		fake_cloud_succeed(round_call(w, CALLS, "H1"), "[]");
		fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	}
}

static void an_answer_without_sense_is_no_news(void **state)
{
	static const char *const strange[] = {"\"oops\"", "{\"rows\":1}", "[{\"time\":1}]", "7"};
	struct round *w = *state;

	start_seeded(w);
	for (size_t i = 0; i < ELEMENTS(strange); i++) {
		(void)round_until(w, OPENINGS, "H1");
		fake_cloud_succeed(round_call(w, OPENINGS, "H1"), strange[i]);
		assert_int_equal(poller_counts(w->poller)->failed, i + 1);
	}
	(void)round_until(w, OPENINGS, "H1");
	fake_cloud_end(round_call(w, OPENINGS, "H1"), CLOUD_REFUSED);
	assert_int_equal(w->heard.times, 0);
}

static void who_may_ask_or_open_gets_histories(void **state)
{
	static const struct {
		unsigned groups;
		const char *command;
		bool calls, openings;
	} cases[] = {
		{1 << COMMAND_GROUP_READ, NULL, true, true},
		{1 << COMMAND_GROUP_DOOR, NULL, false, true},
		{1 << COMMAND_GROUP_ACCESS | 1 << COMMAND_GROUP_FAMILY, NULL, false, false},
		{0, CALLS, true, false},
		{0, OPENINGS, false, true},
		{0, OPENING, false, true},
	};
	struct round *w = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct command *command =
			cases[i].command ? catalog_find(cases[i].command) : NULL;
		const struct poller_settings settings = {
			.history_usec = INTERVAL,
			.allowed = {cases[i].groups, &command, command ? 1 : 0},
		};

		start(w, &settings);
		assert_int_equal(round_open_calls(w, CALLS), cases[i].calls);
		assert_int_equal(round_open_calls(w, OPENINGS), cases[i].openings);
		while (fake_cloud_open(w->cloud) > 0)
			fake_cloud_succeed(fake_cloud_oldest(w->cloud), "[]");
	}
}

static void zero_is_off(void **state)
{
	static const struct poller_settings off = {.allowed.groups = ALL};
	struct round *w = *state;

	start(w, &off);
	poller_after(w->poller, cache_find(w->cache, "H1"), catalog_find(OPENING));
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 100 * SEC);
	assert_int_equal(round_open_calls(w, CALLS) + round_open_calls(w, OPENINGS), 0);
	/* Switched off while one is on its way: its answer is not taken over. */
	start_seeded(w);
	(void)round_until(w, CALLS, "H1");
	poller_set(w->poller, &off);
	fake_cloud_succeed(
		round_call(w, CALLS, "H1"), "[" CALL_ROW("2030-03-17 17:46:50", "Front") "]");
	assert_int_equal(w->heard.times, 0);
}

static void the_clock_is_the_clouds(void **state)
{
	static const struct {
		int64_t ours, theirs, heard;
	} cases[] = {
		{NOW_MSEC, NOW_MSEC + 5000, NOW_MSEC + 5000},
		{NOW_MSEC, NOW_MSEC - INT64_C(90) * 86400000, NOW_MSEC - INT64_C(90) * 86400000},
		{7000, NOW_MSEC, NOW_MSEC},
		{NOW_MSEC, 0, NOW_MSEC},
		{NOW_MSEC, 1900000000, NOW_MSEC},
		{7000, 0, 7000},
	};
	struct round *w = *state;

	start_seeded(w);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		(void)round_until(w, CALLS, "H1");
		time_set_epoch(cases[i].ours);
		succeed_at(round_call(w, CALLS, "H1"), "[]", cases[i].theirs);
		assert_int_equal(w->heard.now_msec, cases[i].heard);
	}
}

/* Our own clock is in 1970, and the cloud tells the time: rows are judged by that. */
static void a_clock_that_was_never_set(void **state)
{
	struct round *w = *state;

	time_set_epoch(60000);
	start_seeded(w);
	(void)round_until(w, OPENINGS, "H1");
	succeed_at(round_call(w, OPENINGS, "H1"),
		"[" DOOR_ROW("2030-03-17 17:46:30", "new") "," DOOR_ROW(
			"2030-03-17 17:30:00", "old") "]",
		NOW_MSEC);
	expect_news(w, 1, HISTORY_DOOR, 2, 1);
	assert_int_equal(w->heard.news.late, 1);
	/* If nobody tells it, the newest row does. */
	(void)round_until(w, OPENINGS, "H1");
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"),
		"[" DOOR_ROW("2030-03-17 18:00:00", "newer") "," DOOR_ROW(
			"2030-03-17 17:46:31", "older") "]");
	expect_news(w, 2, HISTORY_DOOR, 2, 1);
	assert_int_equal(w->heard.news.late, 1);
}

static void no_request_waits_for_a_history(void **state)
{
	struct round *w = *state;

	start_seeded(w);
	(void)round_until(w, OPENINGS, "H1");
	w->busy = true;
	succeed_at(round_call(w, OPENINGS, "H1"), "[" DOOR_ROW("2030-03-17 17:46:51", "Bob") "]",
		NOW_MSEC);
	time_pass(w->event, 500 * MSEC);
	/* While it is held, nothing is asked twice. */
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 300 * MSEC);
	assert_int_equal(w->heard.times, 0);
	assert_null(fake_cloud_find(w->cloud, OPENINGS, "H1"));
	w->busy = false;
	time_pass(w->event, 10 * MSEC);
	expect_news(w, 1, HISTORY_DOOR, 1, 1);
	/* Time went on. */
	assert_int_equal(w->heard.now_msec, NOW_MSEC + 810);
	/* The refresh was not forgotten. */
	assert_in_range(round_until(w, OPENINGS, "H1"), 0, 200 * MSEC);
}

static void a_history_waits_a_second_at_most(void **state)
{
	struct round *w = *state;

	start_seeded(w);
	(void)round_until(w, OPENINGS, "H1");
	w->busy = true;
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	time_pass(w->event, SEC - MSEC);
	assert_int_equal(w->heard.times, 0);
	time_pass(w->event, 10 * MSEC);
	assert_int_equal(w->heard.times, 1);
	assert_in_range(round_until(w, OPENINGS, "H1"), INTERVAL / 2, INTERVAL);
	/* Other polls write later, and are not held. */
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 0);
	fake_cloud_succeed(round_call(w, DEVICES, "H1"), "[]");
	assert_int_equal(poller_counts(w->poller)->failed, 0);
}

/* Also when it is switched off or its home freed meanwhile. */
static void what_is_held_can_go(void **state)
{
	static const struct poller_settings off = {.allowed.groups = ALL};
	struct round *w = *state;

	w->busy = true;
	start(w, &all);
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	fake_cloud_succeed(round_call(w, CALLS, "H1"), "[]");
	poller_set(w->poller, &off);
	w->busy = false;
	time_pass(w->event, 2 * SEC);
	assert_int_equal(w->heard.times, 0);
	poller_set(w->poller, &all);
	time_pass(w->event, 20 * MSEC);
	w->busy = true;
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	poller_forget(w->poller, cache_find(w->cache, "H1"));
	time_pass(w->event, 2 * SEC);
	assert_int_equal(w->heard.times, 0);
}

static void after_an_opening_its_row_is_looked_for(void **state)
{
	static const uint64_t waits[] = {500, 1000, 2000, 4000, 8000};
	struct round *w = *state;

	start_seeded(w);
	w->awaits = true;
	for (int twice = 0; twice < 2; twice++) {
		poller_after(w->poller, cache_find(w->cache, "H1"), catalog_find(OPENING));
		assert_int_equal(round_until(w, OPENINGS, "H1"), 200 * MSEC);
		for (size_t i = 0; i < ELEMENTS(waits); i++) {
			fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
			assert_int_equal(round_until(w, OPENINGS, "H1"), waits[i] * MSEC);
		}
		fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
		assert_in_range(round_until(w, OPENINGS, "H1"), INTERVAL / 10 * 8, INTERVAL);
		fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	}
	poller_after(w->poller, cache_find(w->cache, "H1"), catalog_find(OPENING));
	(void)round_until(w, OPENINGS, "H1");
	/* There it is. */
	w->awaits = false;
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	(void)round_until(w, CALLS, "H1");
	fake_cloud_succeed(round_call(w, CALLS, "H1"), "[]");
	assert_in_range(round_until(w, OPENINGS, "H1"), SEC, INTERVAL);
}

/* However often the door is opened. */
static void openings_do_not_put_polls_off(void **state)
{
	struct round *w = *state;
	uint64_t passed = 0;

	start_seeded(w);
	while (!fake_cloud_find(w->cloud, OPENINGS, "H1")) {
		poller_after(w->poller, cache_find(w->cache, "H1"), catalog_find(OPENING));
		time_pass(w->event, 50 * MSEC);
		passed += 50 * MSEC;
		assert_true(passed <= 200 * MSEC);
	}
	/* What was opened since is asked for again. */
	fake_cloud_succeed(round_call(w, OPENINGS, "H1"), "[]");
	assert_in_range(round_until(w, OPENINGS, "H1"), 0, 200 * MSEC);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, round_setup, round_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(devices_come_before_histories),
		TEST(devices_of_the_cache_will_do),
		TEST(rows_become_news),
		TEST(an_interval_is_the_longest),
		TEST(histories_of_a_home_stay_together),
		TEST(an_answer_without_sense_is_no_news),
		TEST(who_may_ask_or_open_gets_histories),
		TEST(zero_is_off),
		TEST(the_clock_is_the_clouds),
		TEST(a_clock_that_was_never_set),
		TEST(no_request_waits_for_a_history),
		TEST(a_history_waits_a_second_at_most),
		TEST(what_is_held_can_go),
		TEST(after_an_opening_its_row_is_looked_for),
		TEST(openings_do_not_put_polls_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
