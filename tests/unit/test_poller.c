#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_time.h"
#include "tests/unit/round.h"

/* After this both homes are known, and all of them was polled once. */
static void start(struct round *w)
{
	poller_start(w->poller, 0);
	time_pass(w->event, 0);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 20 * MSEC);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	assert_int_equal(fake_cloud_started(w->cloud), 5);
	assert_int_equal(poller_counts(w->poller)->ok, 5);
}

static void the_first_round(void **state)
{
	struct round *w = *state;
	const struct cloud_call *call;

	poller_start(w->poller, 0);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
	time_pass(w->event, 0);
	assert_int_equal(fake_cloud_started(w->cloud), 1);
	call = round_call(w, HOMES, "{}");
	assert_int_equal(call->priority, CLOUD_POLL);
	assert_int_equal(call->deadline, 0);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 0);
	assert_string_equal(round_call(w, DEVICES, "H1")->param, "{\"residence_id\":\"H1\"}");
	assert_null(fake_cloud_find(w->cloud, DEVICES, "H2"));
	time_pass(w->event, 20 * MSEC);
	assert_string_equal(round_call(w, MEMBERS, "H1")->param, "{\"residence_id\":\"H1\"}");
	(void)round_call(w, DEVICES, "H2");
	round_answer(w, "");
	assert_non_null(cache_find(w->cache, "H1")->devices);
	assert_int_equal(cache_find(w->cache, "H2")->members, 0);
}

static void the_first_round_waits_as_long_as_it_is_told(void **state)
{
	const struct family_record record = {"H1", "n", true, true};
	struct round *w = *state;

	assert_int_equal(cache_merge_homes(w->cache, &record, 1), 0);
	poller_start(w->poller, 100 * MSEC);
	time_pass(w->event, 99 * MSEC);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
	time_pass(w->event, 21 * MSEC);
	assert_int_equal(fake_cloud_started(w->cloud), 3);
	/* Who comes up later need not. */
	fake_cloud_succeed(round_call(w, HOMES, "{}"), "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 0);
	(void)round_call(w, DEVICES, "H2");
}

/* The list of so many homes; to be freed. */
static char *list_of(int homes)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (int i = 0; i < homes; i++)
		(void)fprintf(f, "%s{\"residence_id\":\"N%d\"}", i ? "," : "[", i);
	(void)fprintf(f, "]");
	(void)fclose(f);
	return text;
}

/* One behind the other; a few come back already. */
static void first_polls_are_spread(void **state)
{
	char *homes = list_of(500);
	struct round *w = *state;

	poller_start(w->poller, 0);
	time_pass(w->event, 0);
	round_answer(w, homes);
	for (int i = 0; i < 2 * 500; i++) {
		time_pass(w->event, i ? 2500 : 0);
		assert_in_range(fake_cloud_open(w->cloud), 1, 4);
		round_answer(w, homes);
	}
	assert_in_range(fake_cloud_started(w->cloud), 1 + 2 * 500, 1 + 2 * 500 + 100);
	free(homes);
}

/* Second by second, for as long as an interval. */
static void expect_no_burst(struct round *w, unsigned homes, const char *list)
{
	unsigned asked = 0;

	for (int second = 0; second < 60; second++) {
		unsigned now;

		time_pass(w->event, SEC);
		now = round_open_calls(w, DEVICES);
		assert_in_range(now, 0, 4 * homes / 54);
		asked += now;
		round_answer(w, list);
	}
	assert_in_range(asked, homes, 2 * homes);
}

/* All are asked for within a moment. From then on they are apart, over all of their interval, and none
 * waits for longer. */
static void homes_that_were_polled_together_go_apart(void **state)
{
	char *homes = list_of(300);
	struct round *w = *state;

	poller_start(w->poller, 0);
	for (int again = 0; again < 2; again++) {
		for (int i = 0; i < 2 * 300; i++) {
			time_pass(w->event, 2500);
			round_answer(w, homes);
		}
		expect_no_burst(w, 300, homes);
		expect_no_burst(w, 300, homes);
		/* Nor does the event loop put many of them together. */
		assert_true(time_accuracy("poll-devices") <= 100 * MSEC);
		poller_refresh(w->poller, NULL);
	}
	free(homes);
}

static void what_the_cache_knows_is_polled_before_the_cloud_lists_it(void **state)
{
	const struct family_record record = {"H1", "n", true, true};
	struct round *w = *state;

	assert_int_equal(cache_merge_homes(w->cache, &record, 1), 0);
	poller_start(w->poller, 0);
	time_pass(w->event, 20 * MSEC);
	assert_int_equal(fake_cloud_started(w->cloud), 3);
	(void)round_call(w, DEVICES, "H1");
}

static void intervals_are_jittered(void **state)
{
	struct round *w = *state;
	uint64_t least = UINT64_MAX, most = 0, members;

	start(w);
	for (int i = 0; i < 40; i++) {
		uint64_t passed = round_until(w, DEVICES, "H1");

		least = passed < least ? passed : least;
		most = passed > most ? passed : most;
		round_answer(w, "[" HOME_1 "," HOME_2 "]");
	}
	assert_in_range(least, 48 * SEC, 50 * SEC);
	assert_in_range(most, 51 * SEC, 52 * SEC);
	while (!fake_cloud_find(w->cloud, MEMBERS, "H1")) {
		round_answer(w, "[" HOME_1 "," HOME_2 "]");
		time_pass(w->event, SEC);
	}
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	members = 0;
	while (!fake_cloud_find(w->cloud, MEMBERS, "H1")) {
		round_answer(w, "[" HOME_1 "," HOME_2 "]");
		time_pass(w->event, SEC);
		members += SEC;
	}
	assert_in_range(members, 488 * SEC, 520 * SEC);
}

static void failures_back_off_and_end(void **state)
{
	struct round *w = *state;

	start(w);
	(void)round_until(w, DEVICES, "H1");
	for (uint64_t wait = 2 * SEC;; wait *= 2) {
		uint64_t most = wait < 60 * SEC ? wait : 60 * SEC;

		fake_cloud_end(round_call(w, DEVICES, "H1"), CLOUD_REFUSED);
		assert_in_range(round_until(w, DEVICES, "H1"), most / 2, most);
		if (wait > 500 * SEC)
			break;
	}
	assert_int_equal(poller_counts(w->poller)->failed, 9);
	fake_cloud_succeed(round_call(w, DEVICES, "H1"), DEVICE);
	assert_in_range(round_until(w, DEVICES, "H1"), 48 * SEC, 52 * SEC);
	/* The next failure is a first one again. */
	fake_cloud_end(round_call(w, DEVICES, "H1"), CLOUD_OUTCOME_UNKNOWN);
	assert_in_range(round_until(w, DEVICES, "H1"), SEC, 2 * SEC);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
}

static void an_answer_without_sense_is_a_failure(void **state)
{
	struct round *w = *state;

	start(w);
	(void)round_until(w, DEVICES, "H1");
	fake_cloud_succeed(round_call(w, DEVICES, "H1"), "\"oops\"");
	assert_int_equal(poller_counts(w->poller)->failed, 1);
	assert_non_null(cache_find(w->cache, "H1")->devices);
	assert_in_range(round_until(w, DEVICES, "H1"), SEC, 2 * SEC);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
}

static void what_cannot_start_is_tried_again(void **state)
{
	struct round *w = *state;

	fake_cloud_refuse(w->cloud, CLOUD_BUSY);
	poller_start(w->poller, 0);
	time_pass(w->event, 0);
	assert_in_range(time_next_due(), SEC, 2 * SEC);
	time_pass(w->event, 2 * SEC);
	assert_in_range(time_next_due(), SEC, 4 * SEC);
	fake_cloud_refuse(w->cloud, 0);
	(void)round_until(w, HOMES, "");
}

/* What is due already does not come through either. */
static void a_pause_that_the_cloud_wants_holds_for_all(void **state)
{
	const struct cloud_answer full = {.error = CLOUD_REFUSED,
		.http_status = 429,
		.why = "fewer calls",
		.retry_after_usec = 120 * SEC};
	struct round *w = *state;
	unsigned started;

	start(w);
	poller_refresh(w->poller, cache_find(w->cache, "H1"));
	time_pass(w->event, 0);
	started = fake_cloud_started(w->cloud);
	fake_cloud_answer(round_call(w, DEVICES, "H1"), &full);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 120 * SEC - 1);
	assert_int_equal(fake_cloud_started(w->cloud), started);
	time_pass(w->event, 1);
	(void)round_call(w, HOMES, "");
	(void)round_call(w, DEVICES, "H1");
	assert_null(fake_cloud_find(w->cloud, DEVICES, "H2"));
	time_pass(w->event, 100 * MSEC);
	(void)round_call(w, DEVICES, "H2");
	assert_int_equal(round_open_calls(w, DEVICES), 2);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
}

static void a_shorter_pause_does_not_end_a_longer_one(void **state)
{
	struct cloud_answer full = {.error = CLOUD_REFUSED, .why = "fewer calls"};
	struct round *w = *state;
	unsigned started;

	start(w);
	(void)round_until(w, DEVICES, "H1");
	(void)round_until(w, HOMES, "");
	started = fake_cloud_started(w->cloud);
	full.retry_after_usec = UINT64_C(86400) * SEC;
	fake_cloud_answer(round_call(w, DEVICES, "H1"), &full);
	full.retry_after_usec = SEC;
	fake_cloud_answer(round_call(w, HOMES, ""), &full);
	/* An hour is the most it gets. */
	time_pass(w->event, 3600 * SEC - 1);
	assert_int_equal(fake_cloud_started(w->cloud), started);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 2);
	(void)round_call(w, DEVICES, "H1");
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
}

static void cloud_state_is(struct round *w, enum cloud_state state)
{
	fake_cloud_set_state(w->cloud, state);
	poller_cloud_changed(w->poller);
}

static void while_the_cloud_is_away_only_the_probe_asks(void **state)
{
	static const enum cloud_state away[] = {CLOUD_STATE_OFFLINE, CLOUD_STATE_AUTH_FAILED};
	struct round *w = *state;

	start(w);
	for (size_t i = 0; i < ELEMENTS(away); i++) {
		unsigned started;

		cloud_state_is(w, away[i]);
		assert_in_range(round_until(w, HOMES, ""), SEC, 2 * SEC);
		started = fake_cloud_started(w->cloud);
		for (int minute = 0; minute < 20; minute++) {
			fake_cloud_end(round_call(w, HOMES, ""), CLOUD_UNREACHABLE);
			assert_true(round_until(w, HOMES, "") <= 60 * SEC);
		}
		time_pass(w->event, 700 * SEC);
		assert_int_equal(fake_cloud_started(w->cloud), started + 20);
		poller_refresh(w->poller, NULL);
		time_pass(w->event, SEC);
		assert_int_equal(fake_cloud_started(w->cloud), started + 20);
		/* It comes back: what was left out follows, spread. */
		cloud_state_is(w, CLOUD_STATE_ONLINE);
		round_answer(w, "[" HOME_1 "," HOME_2 "]");
		time_pass(w->event, 0);
		assert_int_equal(round_open_calls(w, DEVICES) + round_open_calls(w, MEMBERS), 1);
		time_pass(w->event, 60 * MSEC);
		assert_int_equal(round_open_calls(w, DEVICES), 2);
		assert_int_equal(round_open_calls(w, MEMBERS), 2);
		round_answer(w, "[" HOME_1 "," HOME_2 "]");
	}
}

/* Each is asked once, and again only if that failed. Where nothing is polled somebody must notice
 * all the same that the cloud is back. */
static void polls_that_are_off(void **state)
{
	static const struct poller_settings off = {0};
	struct round *w = *state;

	poller_set(w->poller, &off);
	time_pass(w->event, 0);
	fake_cloud_end(round_call(w, HOMES, ""), CLOUD_UNREACHABLE);
	assert_in_range(round_until(w, HOMES, ""), SEC, 2 * SEC);
	fake_cloud_succeed(round_call(w, HOMES, ""), "[" HOME_1 "]");
	time_pass(w->event, 0);
	fake_cloud_succeed(round_call(w, DEVICES, "H1"), DEVICE);
	assert_int_equal(time_next_due(), UINT64_MAX);
	/* Some command has found it away. */
	cloud_state_is(w, CLOUD_STATE_OFFLINE);
	assert_in_range(round_until(w, HOMES, ""), SEC, 2 * SEC);
	fake_cloud_end(round_call(w, HOMES, ""), CLOUD_UNREACHABLE);
	(void)round_until(w, HOMES, "");
	cloud_state_is(w, CLOUD_STATE_ONLINE);
	fake_cloud_succeed(round_call(w, HOMES, ""), "[" HOME_1 "]");
	assert_int_equal(time_next_due(), UINT64_MAX);
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 0);
	assert_int_equal(fake_cloud_open(w->cloud), 2);
	round_answer(w, "[" HOME_1 "]");
	assert_int_equal(time_next_due(), UINT64_MAX);
}

static void a_refresh_asks_now(void **state)
{
	struct round *w = *state;

	start(w);
	poller_refresh(w->poller, cache_find(w->cache, "H2"));
	time_pass(w->event, 20 * MSEC);
	(void)round_call(w, HOMES, "");
	(void)round_call(w, DEVICES, "H2");
	(void)round_call(w, MEMBERS, "H2");
	assert_int_equal(fake_cloud_open(w->cloud), 3);
	/* Again while it is on its way: once more, a little later. */
	for (int i = 0; i < 10; i++)
		poller_refresh(w->poller, cache_find(w->cache, "H2"));
	time_pass(w->event, SEC);
	assert_int_equal(fake_cloud_open(w->cloud), 3);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	assert_in_range(round_until(w, DEVICES, "H2"), 0, 200 * MSEC);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	assert_true(round_until(w, DEVICES, "H2") > 48 * SEC);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 20 * MSEC);
	assert_int_equal(fake_cloud_open(w->cloud), 5);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
}

static void after_a_command_its_traces_are_looked_at(void **state)
{
	static const struct {
		const char *command;
		unsigned homes, members;
	} cases[] = {
		{"update_family_info", 1, 1},
		{"create_family_account", 0, 1},
		{"batch_delete_family_account", 1, 1},
		{"trigger_akuvox_remote_open_door", 0, 0},
		{"get_family_info", 0, 0},
	};
	struct round *w = *state;

	start(w);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		poller_after(w->poller, cache_find(w->cache, "H1"), catalog_find(cases[i].command));
		time_pass(w->event, 200 * MSEC - 1);
		assert_int_equal(fake_cloud_open(w->cloud), 0);
		time_pass(w->event, 1);
		assert_int_equal(round_open_calls(w, HOMES), cases[i].homes);
		assert_int_equal(round_open_calls(w, MEMBERS), cases[i].members);
		assert_null(fake_cloud_find(w->cloud, MEMBERS, "H2"));
		round_answer(w, "[" HOME_1 "," HOME_2 "]");
	}
	poller_after(w->poller, NULL, catalog_find("update_family_info"));
	time_pass(w->event, 200 * MSEC);
	assert_int_equal(fake_cloud_open(w->cloud), 1);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
}

/* Lists H1 alone until H2 is gone. */
static void lose_h2(struct round *w)
{
	for (int i = 0; i < CACHE_GONE_AFTER; i++) {
		poller_refresh(w->poller, cache_find(w->cache, "H1"));
		time_pass(w->event, 0);
		fake_cloud_succeed(round_call(w, HOMES, ""), "[" HOME_1 "]");
		round_answer(w, "");
	}
	assert_null(cache_find(w->cache, "H2"));
}

static void a_gone_home_is_not_polled_and_a_revived_one_is(void **state)
{
	struct round *w = *state;

	start(w);
	poller_refresh(w->poller, cache_find(w->cache, "H2"));
	time_pass(w->event, 0);
	(void)round_call(w, DEVICES, "H2");
	lose_h2(w);
	assert_null(fake_cloud_find(w->cloud, DEVICES, "H2"));
	for (int minute = 0; minute < 15; minute++) {
		time_pass(w->event, 60 * SEC);
		assert_null(fake_cloud_find(w->cloud, DEVICES, "H2"));
		assert_null(fake_cloud_find(w->cloud, MEMBERS, "H2"));
		round_answer(w, "[" HOME_1 "]");
	}
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 20 * MSEC);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 20 * MSEC);
	(void)round_call(w, DEVICES, "H2");
	(void)round_call(w, MEMBERS, "H2");
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
}

static void a_home_may_be_freed_while_it_is_polled(void **state)
{
	struct round *w = *state;
	struct home *h2;

	start(w);
	h2 = cache_find(w->cache, "H2");
	lose_h2(w);
	h2->changed = 0;
	home_each_device (h2, device)
		device->changed = 0;
	cache_sweep(w->cache, h2);
	assert_null(cache_homes(w->cache)->next);
	time_pass(w->event, 700 * SEC);
	round_answer(w, "[" HOME_1 "]");
}

static void new_intervals_hold_at_once(void **state)
{
	const struct poller_settings often = {.devices_usec = 10 * SEC};
	struct round *w = *state;

	start(w);
	poller_set(w->poller, &often);
	time_pass(w->event, 20 * MSEC);
	assert_int_equal(round_open_calls(w, DEVICES), 2);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	assert_in_range(round_until(w, DEVICES, "H1"), 4 * SEC, 10 * SEC);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	assert_in_range(round_until(w, DEVICES, "H1"), 8 * SEC, 10 * SEC);
	for (int i = 0; i < 100; i++) {
		round_answer(w, "[" HOME_1 "," HOME_2 "]");
		time_pass(w->event, 10 * SEC);
	}
	/* The poll of members that was planned is done, and no more. */
	assert_true(time_armed("poll-members") == 0);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
}

static void a_stopped_poller_asks_nothing(void **state)
{
	struct round *w = *state;

	start(w);
	(void)round_until(w, DEVICES, "H1");
	poller_stop(w->poller);
	poller_refresh(w->poller, NULL);
	round_answer(w, "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 1000 * SEC);
	assert_int_equal(fake_cloud_open(w->cloud), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, round_setup, round_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_round),
		TEST(the_first_round_waits_as_long_as_it_is_told),
		TEST(first_polls_are_spread),
		TEST(homes_that_were_polled_together_go_apart),
		TEST(what_the_cache_knows_is_polled_before_the_cloud_lists_it),
		TEST(intervals_are_jittered),
		TEST(failures_back_off_and_end),
		TEST(an_answer_without_sense_is_a_failure),
		TEST(what_cannot_start_is_tried_again),
		TEST(a_pause_that_the_cloud_wants_holds_for_all),
		TEST(a_shorter_pause_does_not_end_a_longer_one),
		TEST(while_the_cloud_is_away_only_the_probe_asks),
		TEST(polls_that_are_off),
		TEST(a_refresh_asks_now),
		TEST(after_a_command_its_traces_are_looked_at),
		TEST(a_gone_home_is_not_polled_and_a_revived_one_is),
		TEST(a_home_may_be_freed_while_it_is_polled),
		TEST(new_intervals_hold_at_once),
		TEST(a_stopped_poller_asks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
