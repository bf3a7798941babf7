#include "tests/integration/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

/* From a row in the cloud's history to its event, and from an opening to its row. */

#define OPENING  "trigger_akuvox_remote_open_door"
#define CALLS    "get_akuvox_call_history"
#define OPENINGS "get_akuvox_open_door_history"

/* Returns when the histories were heard again since now: then what they show now is taken over. */
static void await_histories(struct harness *h)
{
	size_t calls = control_request_count(h, CALLS);
	size_t openings = control_request_count(h, OPENINGS);

	control_await_requests(h, CALLS, calls + 3);
	control_await_requests(h, OPENINGS, openings + 3);
	client_settle_local(h->client);
}

static void start(struct harness *h)
{
	scene_start(h);
	await_histories(h);
	client_forget(h->client);
}

static const struct message *ring(struct harness *h, const char *name)
{
	(void)control_post(h, "/ring", "{'call_name':'%s'}", name);
	return client_await(h->client, harness_home(h, "event/call"), NULL);
}

static bool is_confirmation(const struct message *m, void *userdata)
{
	return *message_get(m, "confirmed") != '\0';
}

static const struct message *await_confirmation(struct harness *h, const char *topic)
{
	return client_await_if(h->client, topic, is_confirmation, NULL);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* On a machine that has other things to do, too: so it is the median that counts. */
HARNESS_TEST(an_event_comes_within_an_interval)
{
	uint64_t took[11];

	start(h);
	for (size_t i = 0; i < ELEMENTS(took); i++) {
		uint64_t start_usec = clock_boot_usec();
		const struct message *m = ring(h, harness_text(h, "ring %zu", i));

		took[i] = m->time_usec - start_usec;
		assert_string_equal(message_get(m, "event_type"), "ring");
		assert_string_equal(message_get(m, "call_name"), harness_text(h, "ring %zu", i));
	}
	qsort(took, ELEMENTS(took), sizeof(*took), compare);
	print_message("# a ring takes %.0f to %.0f ms, half of them up to %.0f ms\n",
		(double)took[0] / 1e3, (double)took[ELEMENTS(took) - 1] / 1e3,
		(double)took[ELEMENTS(took) / 2] / 1e3);
	/* Without the setting it were 15 s. */
	assert_true(took[ELEMENTS(took) / 2] < 5 * USEC_PER_SEC);
}

/* Then its row is looked for soon, however rarely the history is polled. */
HARNESS_TEST(an_opening_is_seen_soon)
{
	const struct message *m;
	size_t polls;

	harness_set(h, "poll.history", "600");
	scene_start(h);
	control_await_requests(h, OPENINGS, 1);
	client_settle(h->client);
	polls = control_request_count(h, OPENINGS);
	expect_success(scene_open(h, "OPEN"));
	m = client_await(h->client, harness_home(h, "event/door"), NULL);
	assert_string_equal(message_get(m, "event_type"), "opened");
	assert_in_range(control_request_count(h, OPENINGS), polls + 1, polls + 3);
	/* By somebody else: nobody knows, and nobody asks. */
	polls = control_request_count(h, OPENINGS);
	client_forget(h->client);
	(void)control_post(h, "/opening", "{}");
	client_settle(h->client);
	client_expect_none(h->client, harness_home(h, "event/door"));
	assert_in_range(control_request_count(h, OPENINGS), polls, polls + 1);
}

HARNESS_TEST(an_opening_without_an_answer_is_confirmed)
{
	static const char *const faults[] = {"drop_after", "truncate"};
	const struct message *m;

	harness_set(h, "poll.history", "600");
	scene_start(h);
	control_await_requests(h, OPENINGS, 1);
	client_settle(h->client);
	for (size_t i = 0; i < ELEMENTS(faults); i++) {
		const char *id = harness_text(h, "id-%zu", i), *answered;

		(void)control_post(h, "/fault", "{'on':'%s','kind':'%s'}", OPENING, faults[i]);
		m = scene_open(h, scene_json(h, "{'id':'%s'}", id));
		expect_error(m, "outcome_unknown");
		answered = harness_text(h, "%s", m->topic);
		for (int way = 0; way < 2; way++) {
			m = await_confirmation(h, way == 0 ? harness_door(h, "result") : answered);
			assert_string_equal(m->payload,
				scene_json(h, "{'id':'%s','command':'%s','confirmed':true}", id,
					OPENING));
			assert_false(m->retain);
		}
		(void)control_await_openings(h, i + 1);
		client_settle(h->client);
		client_forget(h->client);
	}
	/* That an opening was seen is no answer of its own. */
	client_expect_none(h->client, harness_door(h, "result"));
}

/* The door did not open, and somebody else's row says nothing of it. */
HARNESS_TEST(what_did_not_open_is_not_confirmed)
{
	start(h);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'drop_before'}", OPENING);
	expect_error(scene_open(h, "OPEN"), "outcome_unknown");
	(void)control_post(h, "/opening", "{'open_door_type':'Face unlock'}");
	(void)client_await(h->client, harness_home(h, "event/door"), NULL);
	(void)client_await(h->client, harness_door(h, "result"), NULL);
	await_histories(h);
	client_expect_none(h->client, harness_door(h, "result"));
}

HARNESS_TEST(the_first_start_is_silent)
{
	scene_prepare(h);
	(void)control_post(h, "/ring", "{}");
	(void)control_post(h, "/opening", "{}");
	harness_start_gateway(h);
	scene_await_broker(h);
	await_histories(h);
	assert_int_equal(client_count(h->client, "home/+/event/+"), 0);
	(void)ring(h, "first");
	assert_int_equal(client_count(h->client, "home/+/event/+"), 1);
}

HARNESS_TEST(what_happens_while_we_are_away_is_told_once)
{
	start(h);
	(void)ring(h, "before");
	assert_int_equal(process_stop(h->gateway), 0);
	(void)control_post(h, "/ring", "{'call_name':'while'}");
	client_forget(h->client);
	harness_start_gateway(h);
	assert_string_equal(
		message_get(
			client_await(h->client, harness_home(h, "event/call"), NULL), "call_name"),
		"while");
	await_histories(h);
	client_expect_none(h->client, harness_home(h, "event/call"));
}

HARNESS_TEST(old_rows_are_no_events)
{
	char time[CLOCK_TEXT_MAX];
	const struct message *m;

	harness_set(h, "history.max_event_age", "60");
	start(h);
	(void)control_post(h, "/ring", "{'call_name':'old','time':'%s'}",
		clock_cloud(time, clock_epoch_msec() / 1000 - 90));
	m = client_await(h->client, harness_home(h, "history/call"), NULL);
	assert_non_null(strstr(m->payload, "\"old\""));
	assert_string_equal(message_get(ring(h, "new"), "call_name"), "new");
	assert_int_equal(client_count(h->client, harness_home(h, "event/call")), 1);
}

/* Sets the cloud's clock. */
static void set_clock(struct harness *h, int64_t epoch)
{
	(void)control_post(
		h, "/clock", "{'ahead':%lld}", (long long)(epoch - clock_epoch_msec() / 1000));
}

static void expect_ring_at(struct harness *h, const char *local, const char *utc)
{
	char text[CLOCK_TEXT_MAX];
	const struct message *m;

	(void)control_post(h, "/ring", "{'time':'%s'}", local);
	m = client_await(h->client, harness_home(h, "event/call"), NULL);
	(void)clock_cloud(text, atoll(message_get(m, "epoch")));
	assert_string_equal(text, utc);
}

/* In the hour that comes twice the cloud's clock tells which one it is; ours is elsewhere. */
HARNESS_TEST(the_hour_that_comes_twice)
{
	/* 2027-10-31 00:50 UTC, 02:50 in Berlin. */
	const int64_t first = INT64_C(1824943800);

	harness_set(h, "history.timezone", "Europe/Berlin");
	scene_prepare(h);
	set_clock(h, first);
	harness_start_gateway(h);
	scene_await_broker(h);
	await_histories(h);
	expect_ring_at(h, "2027-10-31 02:50:00", "2027-10-31 00:50:00");
	set_clock(h, first + 3600);
	await_histories(h);
	expect_ring_at(h, "2027-10-31 02:50:01", "2027-10-31 01:50:01");
	set_clock(h, first + 3 * 3600);
	await_histories(h);
	expect_ring_at(h, "2027-10-31 04:50:00", "2027-10-31 03:50:00");
}

/* As for a machine that started without the time: its clock is decades behind the cloud's. */
HARNESS_TEST(our_clock_does_not_count)
{
	start(h);
	set_clock(h, INT64_C(2500000000));
	await_histories(h);
	assert_in_range(atoll(message_get(ring(h, "later"), "epoch")), 2500000000, 2500000060);
	/* And back: what is ahead of the time is no reason to be silent. */
	set_clock(h, clock_epoch_msec() / 1000 - 3600);
	await_histories(h);
	(void)ring(h, "earlier");
	(void)control_post(h, "/fault", "{'on':'%s','kind':'drop_after'}", OPENING);
	expect_error(scene_open(h, "OPEN"), "outcome_unknown");
	assert_string_equal(
		message_get(await_confirmation(h, harness_door(h, "result")), "confirmed"), "true");
}

HARNESS_TEST(histories_can_be_switched_off)
{
	harness_set(h, "poll.history", "0");
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	client_settle(h->client);
	assert_int_equal(control_request_count(h, CALLS), 0);
	assert_int_equal(control_request_count(h, OPENINGS), 0);
	/* A reload switches them on. */
	harness_set(h, "poll.history", "0.2");
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	await_histories(h);
	(void)ring(h, "now");
}

HARNESS_MAIN(HARNESS_RUN(an_event_comes_within_an_interval), HARNESS_RUN(an_opening_is_seen_soon),
	HARNESS_RUN(an_opening_without_an_answer_is_confirmed),
	HARNESS_RUN(what_did_not_open_is_not_confirmed), HARNESS_RUN(the_first_start_is_silent),
	HARNESS_RUN(what_happens_while_we_are_away_is_told_once),
	HARNESS_RUN(old_rows_are_no_events), HARNESS_RUN(the_hour_that_comes_twice),
	HARNESS_RUN(our_clock_does_not_count), HARNESS_RUN(histories_can_be_switched_off))
