#include "tests/integration/history_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/vitals.h"
#include "util/clock.h"

/* The cloud's answers are as large as they can be: histories and lists of guest keys with 5,000
 * rows, more devices than a home may have, objects with 5,000 members. Doors open meanwhile, each
 * row that is new is one event, and with the same answers again and again memory stays as it is. */

#define ROWS  5000
#define CALLS "get_akuvox_call_history"
#define DOORS "get_akuvox_open_door_history"
#define KEYS  "get_akuvox_open_door_temp_key_config"
#define LIST  "get_akuvox_device_list"

/* cloud/records.h: a home's devices and keys beyond these are left out. */
#define DEVICES_KEPT 256
#define KEYS_KEPT    1000

/* Answers of one size until memory is taken to have settled, and behind that. */
#define SETTLED 4
#define AGAIN   12

#define GROWTH_MAX ((size_t)1024 * 1024)

/* An opening does not wait until a large answer has been dealt with, in milliseconds. */
#define OPENING_WITHIN 3000

static void settings(struct harness *h)
{
	harness_set(h, "log.level", "info");
	harness_set(h, "door.max_per_minute", "600");
	harness_set(h, "history.max_event_age", "1 d");
	harness_set(h, "cloud.timeout", "30");
	harness_set(h, "poll.devices", "600");
	harness_set(h, "poll.access", "600");
	harness_set(h, "poll.family", "600");
	harness_set(h, "poll.history", "600");
}

static void expect_quick_opening(struct harness *h)
{
	size_t openings = control_opening_count(h);
	const struct message *m = scene_open(h, "OPEN");

	expect_success(m);
	(void)control_await_openings(h, openings + 1);
	assert_in_range(strtoul(message_get(m, "elapsed_ms"), NULL, 10), 0, OPENING_WITHIN);
}

/* Since the simulator's start: it keeps the last thousand requests only, but counts them all. */
static size_t count_polls(struct harness *h, const char *command)
{
	return strtoul(control_text(h, harness_text(h, "requests.%s", command)), NULL, 10);
}

/* So many more answers to polls of command, with doors opening in between. */
static void let_polls_pass(struct harness *h, const char *command, unsigned n)
{
	size_t before = count_polls(h, command);

	for (unsigned i = 1; i <= n; i++) {
		uint64_t end = test_deadline();

		while (count_polls(h, command) < before + i) {
			if (clock_boot_usec() > end)
				fail_msg("no poll of %s", command);
			test_pause();
		}
		expect_quick_opening(h);
	}
	client_settle(h->client);
}

static void expect_flat(struct harness *h, const char *command)
{
	struct vitals first, last;

	let_polls_pass(h, command, SETTLED);
	first = vitals_of(process_pid(h->gateway));
	let_polls_pass(h, command, AGAIN);
	last = vitals_of(process_pid(h->gateway));
	print_message("# %s: memory %zu kB, then %zu kB; descriptors %zu, then %zu\n", command,
		first.memory / 1024, last.memory / 1024, first.descriptors, last.descriptors);
	assert_true(last.memory <= first.memory + GROWTH_MAX);
}

static bool has_text(const struct message *m, void *userdata)
{
	return strstr(m->payload, userdata);
}

static bool is_ring(const struct message *m, void *userdata)
{
	return strcmp(message_get(m, "call_name"), userdata) == 0;
}

/* An await would look through all messages again for each that comes, and pause in between. */
static void await_count(struct harness *h, const char *topic, size_t n)
{
	uint64_t end = test_deadline();
	size_t count;

	while ((count = client_count(h->client, topic)) < n) {
		if (clock_boot_usec() > end)
			fail_msg("%s: %zu events, not %zu", topic, count, n);
		for (int i = 0; i < 100; i++)
			client_resume(h->client);
		if (client_count(h->client, topic) == count)
			test_pause();
	}
}

/* They were there before the gateway: none is news, and the one call that is, is told once. */
HARNESS_TEST(histories_that_are_old)
{
	const char *topic;

	settings(h);
	harness_set(h, "poll.history", "0.3");
	scene_prepare(h);
	(void)control_post(h, "/history", "{'rows':%d,'window':%d}", ROWS, 2 * ROWS);
	harness_start_gateway(h);
	scene_await_doors(h);
	topic = scene_home(h, 0, "event/call");
	let_polls_pass(h, CALLS, 2);
	assert_int_equal(client_count(h->client, topic), 0);
	history_ring(h, "the-new-one", "");
	(void)history_await_event(h, topic, "the-new-one");
	expect_flat(h, CALLS);
	assert_int_equal(client_count(h->client, topic), 1);
}

/* All of them happen at once, calls and openings: an event each, and a door opens meanwhile. */
HARNESS_TEST(histories_that_are_news)
{
	const char *calls, *doors;
	size_t openings;
	uint64_t began;

	settings(h);
	harness_set(h, "poll.history", "0.3");
	harness_sim_options(h, "--homes 1");
	history_scene_start(h);
	calls = scene_home(h, 0, "event/call");
	doors = scene_home(h, 0, "event/door");
	began = clock_boot_usec();
	(void)control_post(h, "/history", "{'rows':%d,'window':%d}", ROWS, 2 * ROWS);
	expect_quick_opening(h);
	await_count(h, calls, ROWS);
	await_count(h, doors, ROWS + 1);
	print_message("# %d events in %.1f s\n", 2 * ROWS,
		(double)(clock_boot_usec() - began) / USEC_PER_SEC);
	expect_flat(h, CALLS);
	openings = control_opening_count(h);
	assert_int_equal(client_count(h->client, calls), ROWS);
	await_count(h, doors, ROWS + openings);
	client_settle(h->client);
	assert_int_equal(client_count(h->client, doors), ROWS + openings);
}

HARNESS_TEST(a_list_of_5000_guest_keys)
{
	const char *topic;

	settings(h);
	harness_set(h, "poll.access", "0.3");
	scene_start(h);
	topic = scene_home(h, 0, "temp_keys");
	(void)control_post(h, "/lists", "{'temp_keys':%d}", ROWS);
	(void)client_await_if(
		h->client, topic, has_text, (void *)harness_text(h, "\"count\":%d", KEYS_KEPT));
	expect_flat(h, KEYS);
}

/* More than a home may have: the first ones are there, and stay. */
HARNESS_TEST(a_home_with_1000_devices)
{
	const char *last;

	settings(h);
	harness_set(h, "poll.devices", "0.3");
	harness_sim_options(h, "--homes 1 --devices 1000");
	scene_prepare(h);
	last = scene_door(h, 0, DEVICES_KEPT - 1, 0, "state");
	harness_start_gateway(h);
	(void)client_await(h->client, last, "LOCKED");
	expect_flat(h, LIST);
	assert_int_equal(client_count(h->client, scene_door(h, 0, DEVICES_KEPT, 0, "state")), 0);
	assert_int_equal(client_count(h->client, last), 1);
}

/* An answer with that many members: in the row of a call, or beside the result. */
static const char *many_members(struct harness *h, bool in_row)
{
	char *text = malloc(16 * ROWS), *members = text;
	const char *body;
	size_t n = 0;

	assert_non_null(text);
	for (int i = 0; i < ROWS; i++)
		n += (size_t)snprintf(members + n, 16 * ROWS - n, ",\\\"m%d\\\":0", i);
	body = harness_text(h,
		"{\\\"success\\\":true,\\\"timestamp\\\":%lld,\\\"result\\\":[{\\\"call_name\\\":"
		"\\\"broad\\\",\\\"call_sip\\\":\\\"\\\",\\\"call_time\\\":\\\"%s\\\"%s}]%s}",
		(long long)clock_epoch_msec(), history_time(h, clock_epoch_msec() / 1000),
		in_row ? members : "", in_row ? "" : members);
	free(text);
	return body;
}

HARNESS_TEST(objects_of_5000_members)
{
	const char *topic;

	settings(h);
	harness_set(h, "poll.history", "0.3");
	history_scene_start(h);
	topic = scene_home(h, 0, "event/call");
	for (int in_row = 0; in_row < 2; in_row++) {
		(void)control_post(h, "/fault",
			"{\"on\":\"%s\",\"kind\":\"wrong_json\",\"count\":-1,\"body\":\"%s\"}",
			CALLS, many_members(h, in_row));
		(void)client_await_if(h->client, topic, is_ring, (void *)"broad");
		expect_flat(h, CALLS);
		expect_success(client_ask(h->client, harness_home(h, "request/" CALLS), ""));
		(void)control_delete(h, "/fault");
	}
	assert_int_equal(client_count(h->client, topic), 2);
}

HARNESS_MAIN(HARNESS_RUN(histories_that_are_old), HARNESS_RUN(histories_that_are_news),
	HARNESS_RUN(a_list_of_5000_guest_keys), HARNESS_RUN(a_home_with_1000_devices),
	HARNESS_RUN(objects_of_5000_members))
