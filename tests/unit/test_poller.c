#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/poller.h"
#include "tests/unit/fake_cloud.h"
#include "tests/unit/fake_time.h"
#include "util/clock.h"
#include "util/log.h"

#define SEC  USEC_PER_SEC
#define MSEC USEC_PER_MSEC

#define HOMES   "get_family_list"
#define DEVICES "get_akuvox_device_list"
#define MEMBERS "get_family_info"

#define HOME_1  "{\"residence_id\":\"H1\",\"family_name\":\"n\"}"
#define HOME_2  "{\"residence_id\":\"H2\",\"family_name\":\"n\"}"
#define DEVICE  "[{\"mac\":\"0C1105AAAAAA\",\"device_name\":\"d\",\"relays\":[]}]"
#define ACCOUNT "{\"accounts\":[]}"

struct round {
	sd_event *event;
	struct cache *cache;
	struct cloud *cloud;
	struct poller *poller;
};

static void on_forget(struct home *home, void *userdata)
{
	struct round *w = userdata;

	poller_forget(w->poller, home);
}

static int setup(void **state)
{
	static const struct cache_handlers handlers = {.forget = on_forget};
	const struct poller_settings settings = {
		.devices_usec = 60 * SEC,
		.family_usec = 600 * SEC,
		.allowed.groups = (1 << COMMAND_GROUP_MAX) - 1,
	};
	struct round *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	log_set_level(LOG_CRIT);
	time_start(INT64_C(1900000000000));
	assert_int_equal(sd_event_new(&w->event), 0);
	w->cloud = fake_cloud_new();
	assert_int_equal(cache_new(&w->cache, NULL, &handlers, w), 0);
	assert_int_equal(poller_new(&w->poller, w->event, w->cloud, w->cache, &settings), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct round *w = *state;

	(void)poller_free(w->poller);
	assert_int_equal(fake_cloud_open(w->cloud), 0);
	(void)cache_free(w->cache);
	(void)cloud_free(w->cloud);
	time_end();
	(void)sd_event_unref(w->event);
	free(w);
	return 0;
}

static unsigned open_calls(struct round *w, const char *command)
{
	unsigned n = 0;

	for (const struct cloud_call *c = fake_cloud_find(w->cloud, command, ""); c; c = c->next)
		n += strcmp(c->command->name, command) == 0;
	return n;
}

static struct cloud_call *call_of(struct round *w, const char *command, const char *home)
{
	struct cloud_call *call = fake_cloud_find(w->cloud, command, home);

	if (!call)
		fail_msg("%s %s is not polled", command, home);
	return call;
}

static void answer_all(struct round *w, const char *homes)
{
	static const char *const commands[] = {HOMES, DEVICES, MEMBERS};
	const char *const answers[] = {homes, DEVICE, ACCOUNT};

	for (size_t i = 0; i < ELEMENTS(commands); i++) {
		struct cloud_call *call;

		while ((call = fake_cloud_find(w->cloud, commands[i], "")))
			fake_cloud_succeed(call, answers[i]);
	}
}

/* After this both homes are known, and all of them was polled once. */
static void start(struct round *w)
{
	assert_int_equal(poller_start(w->poller), 0);
	time_pass(w->event, 0);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 20 * MSEC);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	assert_int_equal(fake_cloud_started(w->cloud), 5);
	assert_int_equal(poller_counts(w->poller)->ok, 5);
}

/* Lets time pass until that poll is on its way; returns how long that took. */
static uint64_t until(struct round *w, const char *command, const char *home)
{
	uint64_t passed = 0, step;

	while (!fake_cloud_find(w->cloud, command, home)) {
		step = time_next_due();
		if (step == UINT64_MAX)
			fail_msg("%s %s is not scheduled", command, home);
		time_pass(w->event, step);
		passed += step;
	}
	return passed;
}

static void the_first_round(void **state)
{
	struct round *w = *state;
	const struct cloud_call *call;

	assert_int_equal(poller_start(w->poller), 0);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
	time_pass(w->event, 0);
	assert_int_equal(fake_cloud_started(w->cloud), 1);
	call = call_of(w, HOMES, "{}");
	assert_int_equal(call->priority, CLOUD_POLL);
	assert_int_equal(call->deadline, 0);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 0);
	assert_string_equal(call_of(w, DEVICES, "H1")->param, "{\"residence_id\":\"H1\"}");
	assert_string_equal(call_of(w, MEMBERS, "H1")->param, "{\"residence_id\":\"H1\"}");
	assert_null(fake_cloud_find(w->cloud, DEVICES, "H2"));
	time_pass(w->event, 20 * MSEC);
	(void)call_of(w, DEVICES, "H2");
	answer_all(w, "");
	assert_non_null(cache_find(w->cache, "H1")->devices);
	assert_int_equal(cache_find(w->cache, "H2")->members, 0);
}

static void first_polls_are_spread(void **state)
{
	struct round *w = *state;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (int i = 0; i < 500; i++)
		(void)fprintf(f, "%s{\"residence_id\":\"N%d\"}", i ? "," : "[", i);
	(void)fprintf(f, "]");
	(void)fclose(f);
	assert_int_equal(poller_start(w->poller), 0);
	time_pass(w->event, 0);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), text);
	free(text);
	for (int i = 0; i < 500; i++) {
		time_pass(w->event, i ? 20 * MSEC : 0);
		assert_int_equal(open_calls(w, DEVICES), 1);
		assert_int_equal(open_calls(w, MEMBERS), 1);
		answer_all(w, "");
	}
	assert_int_equal(fake_cloud_started(w->cloud), 1 + 2 * 500);
}

static void what_the_cache_knows_is_polled_before_the_cloud_lists_it(void **state)
{
	const struct family_record record = {"H1", "n", true, true};
	struct round *w = *state;

	assert_int_equal(cache_merge_homes(w->cache, &record, 1), 0);
	assert_int_equal(poller_start(w->poller), 0);
	time_pass(w->event, 0);
	assert_int_equal(fake_cloud_started(w->cloud), 3);
	(void)call_of(w, DEVICES, "H1");
}

static void intervals_are_jittered(void **state)
{
	struct round *w = *state;
	uint64_t least = UINT64_MAX, most = 0, members;

	start(w);
	for (int i = 0; i < 40; i++) {
		uint64_t passed = until(w, DEVICES, "H1");

		least = passed < least ? passed : least;
		most = passed > most ? passed : most;
		answer_all(w, "[" HOME_1 "," HOME_2 "]");
	}
	assert_in_range(least, 54 * SEC, 58 * SEC);
	assert_in_range(most, 62 * SEC, 66 * SEC);
	while (!fake_cloud_find(w->cloud, MEMBERS, "H1")) {
		answer_all(w, "[" HOME_1 "," HOME_2 "]");
		time_pass(w->event, SEC);
	}
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	members = 0;
	while (!fake_cloud_find(w->cloud, MEMBERS, "H1")) {
		answer_all(w, "[" HOME_1 "," HOME_2 "]");
		time_pass(w->event, SEC);
		members += SEC;
	}
	assert_in_range(members, 540 * SEC, 661 * SEC);
}

static void failures_back_off_and_end(void **state)
{
	struct round *w = *state;

	start(w);
	(void)until(w, DEVICES, "H1");
	for (uint64_t wait = 2 * SEC;; wait *= 2) {
		uint64_t most = wait < 60 * SEC ? wait : 60 * SEC;

		fake_cloud_end(call_of(w, DEVICES, "H1"), CLOUD_REFUSED);
		assert_in_range(until(w, DEVICES, "H1"), most / 2, most);
		if (wait > 500 * SEC)
			break;
	}
	assert_int_equal(poller_counts(w->poller)->failed, 9);
	fake_cloud_succeed(call_of(w, DEVICES, "H1"), DEVICE);
	assert_in_range(until(w, DEVICES, "H1"), 54 * SEC, 66 * SEC);
	/* The next failure is a first one again. */
	fake_cloud_end(call_of(w, DEVICES, "H1"), CLOUD_OUTCOME_UNKNOWN);
	assert_in_range(until(w, DEVICES, "H1"), SEC, 2 * SEC);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
}

static void an_answer_without_sense_is_a_failure(void **state)
{
	struct round *w = *state;

	start(w);
	(void)until(w, DEVICES, "H1");
	fake_cloud_succeed(call_of(w, DEVICES, "H1"), "\"oops\"");
	assert_int_equal(poller_counts(w->poller)->failed, 1);
	assert_non_null(cache_find(w->cache, "H1")->devices);
	assert_in_range(until(w, DEVICES, "H1"), SEC, 2 * SEC);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
}

static void what_cannot_start_is_tried_again(void **state)
{
	struct round *w = *state;

	fake_cloud_refuse(w->cloud, CLOUD_BUSY);
	assert_int_equal(poller_start(w->poller), 0);
	time_pass(w->event, 0);
	assert_in_range(time_next_due(), SEC, 2 * SEC);
	time_pass(w->event, 2 * SEC);
	assert_in_range(time_next_due(), SEC, 4 * SEC);
	fake_cloud_refuse(w->cloud, 0);
	(void)until(w, HOMES, "");
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
	fake_cloud_answer(call_of(w, DEVICES, "H1"), &full);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 120 * SEC - 1);
	assert_int_equal(fake_cloud_started(w->cloud), started);
	time_pass(w->event, 1);
	(void)call_of(w, HOMES, "");
	(void)call_of(w, DEVICES, "H1");
	assert_null(fake_cloud_find(w->cloud, DEVICES, "H2"));
	time_pass(w->event, 100 * MSEC);
	(void)call_of(w, DEVICES, "H2");
	assert_int_equal(open_calls(w, DEVICES), 2);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
}

static void a_shorter_pause_does_not_end_a_longer_one(void **state)
{
	struct cloud_answer full = {.error = CLOUD_REFUSED, .why = "fewer calls"};
	struct round *w = *state;
	unsigned started;

	start(w);
	(void)until(w, DEVICES, "H1");
	(void)until(w, HOMES, "");
	started = fake_cloud_started(w->cloud);
	full.retry_after_usec = UINT64_C(86400) * SEC;
	fake_cloud_answer(call_of(w, DEVICES, "H1"), &full);
	full.retry_after_usec = SEC;
	fake_cloud_answer(call_of(w, HOMES, ""), &full);
	/* An hour is the most it gets. */
	time_pass(w->event, 3600 * SEC - 1);
	assert_int_equal(fake_cloud_started(w->cloud), started);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 2);
	(void)call_of(w, DEVICES, "H1");
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
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
		assert_in_range(until(w, HOMES, ""), SEC, 2 * SEC);
		started = fake_cloud_started(w->cloud);
		for (int minute = 0; minute < 20; minute++) {
			fake_cloud_end(call_of(w, HOMES, ""), CLOUD_UNREACHABLE);
			assert_true(until(w, HOMES, "") <= 60 * SEC);
		}
		time_pass(w->event, 700 * SEC);
		assert_int_equal(fake_cloud_started(w->cloud), started + 20);
		poller_refresh(w->poller, NULL);
		time_pass(w->event, SEC);
		assert_int_equal(fake_cloud_started(w->cloud), started + 20);
		/* It comes back: what was left out follows, spread. */
		cloud_state_is(w, CLOUD_STATE_ONLINE);
		answer_all(w, "[" HOME_1 "," HOME_2 "]");
		time_pass(w->event, 0);
		assert_int_equal(open_calls(w, DEVICES) + open_calls(w, MEMBERS), 1);
		time_pass(w->event, 60 * MSEC);
		assert_int_equal(open_calls(w, DEVICES), 2);
		assert_int_equal(open_calls(w, MEMBERS), 2);
		answer_all(w, "[" HOME_1 "," HOME_2 "]");
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
	fake_cloud_end(call_of(w, HOMES, ""), CLOUD_UNREACHABLE);
	assert_in_range(until(w, HOMES, ""), SEC, 2 * SEC);
	fake_cloud_succeed(call_of(w, HOMES, ""), "[" HOME_1 "]");
	time_pass(w->event, 0);
	fake_cloud_succeed(call_of(w, DEVICES, "H1"), DEVICE);
	assert_int_equal(time_next_due(), UINT64_MAX);
	/* Some command has found it away. */
	cloud_state_is(w, CLOUD_STATE_OFFLINE);
	assert_in_range(until(w, HOMES, ""), SEC, 2 * SEC);
	fake_cloud_end(call_of(w, HOMES, ""), CLOUD_UNREACHABLE);
	(void)until(w, HOMES, "");
	cloud_state_is(w, CLOUD_STATE_ONLINE);
	fake_cloud_succeed(call_of(w, HOMES, ""), "[" HOME_1 "]");
	assert_int_equal(time_next_due(), UINT64_MAX);
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 0);
	assert_int_equal(fake_cloud_open(w->cloud), 2);
	answer_all(w, "[" HOME_1 "]");
	assert_int_equal(time_next_due(), UINT64_MAX);
}

static void a_refresh_asks_now(void **state)
{
	struct round *w = *state;

	start(w);
	poller_refresh(w->poller, cache_find(w->cache, "H2"));
	time_pass(w->event, 0);
	(void)call_of(w, HOMES, "");
	(void)call_of(w, DEVICES, "H2");
	(void)call_of(w, MEMBERS, "H2");
	assert_int_equal(fake_cloud_open(w->cloud), 3);
	/* Again while it is on its way: once more, a little later. */
	for (int i = 0; i < 10; i++)
		poller_refresh(w->poller, cache_find(w->cache, "H2"));
	time_pass(w->event, SEC);
	assert_int_equal(fake_cloud_open(w->cloud), 3);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	assert_in_range(until(w, DEVICES, "H2"), 0, 200 * MSEC);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	assert_true(until(w, DEVICES, "H2") > 50 * SEC);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 20 * MSEC);
	assert_int_equal(fake_cloud_open(w->cloud), 5);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
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
		assert_int_equal(open_calls(w, HOMES), cases[i].homes);
		assert_int_equal(open_calls(w, MEMBERS), cases[i].members);
		assert_null(fake_cloud_find(w->cloud, MEMBERS, "H2"));
		answer_all(w, "[" HOME_1 "," HOME_2 "]");
	}
	poller_after(w->poller, NULL, catalog_find("update_family_info"));
	time_pass(w->event, 200 * MSEC);
	assert_int_equal(fake_cloud_open(w->cloud), 1);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
}

/* Lists H1 alone until H2 is gone. */
static void lose_h2(struct round *w)
{
	for (int i = 0; i < CACHE_GONE_AFTER; i++) {
		poller_refresh(w->poller, cache_find(w->cache, "H1"));
		time_pass(w->event, 0);
		fake_cloud_succeed(call_of(w, HOMES, ""), "[" HOME_1 "]");
		answer_all(w, "");
	}
	assert_null(cache_find(w->cache, "H2"));
}

static void a_gone_home_is_not_polled_and_a_revived_one_is(void **state)
{
	struct round *w = *state;

	start(w);
	poller_refresh(w->poller, cache_find(w->cache, "H2"));
	time_pass(w->event, 0);
	(void)call_of(w, DEVICES, "H2");
	lose_h2(w);
	assert_null(fake_cloud_find(w->cloud, DEVICES, "H2"));
	for (int minute = 0; minute < 15; minute++) {
		time_pass(w->event, 60 * SEC);
		assert_null(fake_cloud_find(w->cloud, DEVICES, "H2"));
		assert_null(fake_cloud_find(w->cloud, MEMBERS, "H2"));
		answer_all(w, "[" HOME_1 "]");
	}
	poller_refresh(w->poller, NULL);
	time_pass(w->event, 20 * MSEC);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 20 * MSEC);
	(void)call_of(w, DEVICES, "H2");
	(void)call_of(w, MEMBERS, "H2");
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
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
	answer_all(w, "[" HOME_1 "]");
}

static void new_intervals_hold_at_once(void **state)
{
	const struct poller_settings often = {.devices_usec = 10 * SEC};
	struct round *w = *state;

	start(w);
	poller_set(w->poller, &often);
	time_pass(w->event, 20 * MSEC);
	assert_int_equal(open_calls(w, DEVICES), 2);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	assert_in_range(until(w, DEVICES, "H1"), 9 * SEC, 11 * SEC);
	for (int i = 0; i < 100; i++) {
		answer_all(w, "[" HOME_1 "," HOME_2 "]");
		time_pass(w->event, 10 * SEC);
	}
	/* The poll of members that was planned is done, and no more. */
	assert_true(time_armed("poll-members") == 0);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
}

static void a_stopped_poller_asks_nothing(void **state)
{
	struct round *w = *state;

	start(w);
	(void)until(w, DEVICES, "H1");
	poller_stop(w->poller);
	poller_refresh(w->poller, NULL);
	answer_all(w, "[" HOME_1 "," HOME_2 "]");
	time_pass(w->event, 1000 * SEC);
	assert_int_equal(fake_cloud_open(w->cloud), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_round),
		TEST(first_polls_are_spread),
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
