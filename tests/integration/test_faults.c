#include "tests/integration/scene.h"

#include <stdio.h>
#include <string.h>

#include "util/clock.h"

/* Everything a cloud can do wrong, while it is asked to open, to read, and to list. */

#define OPENING "trigger_akuvox_remote_open_door"
#define READING "get_family_remote_connect"
#define LISTING "get_akuvox_device_list"

static const struct fault {
	const char *fault;   /* as the simulator wants it, behind "on" */
	const char *opening; /* the code of the answer, "" for success */
	const char *reading;
	size_t opens;
} faults[] =
	{
		{"'kind':'delay','ms':50", "", "", 1},
		{"'kind':'drop_before'", "outcome_unknown", "", 0},
		{"'kind':'drop_after'", "outcome_unknown", "", 1},
		{"'kind':'status','status':400", "cloud_error", "cloud_error", 0},
		{"'kind':'status','status':403", "cloud_error", "cloud_error", 0},
		{"'kind':'status','status':404,'body':'no such path'", "cloud_error", "cloud_error",
			0},
		{"'kind':'status','status':429", "cloud_error", "cloud_error", 0},
		{"'kind':'status','status':500,'body':''", "cloud_error", "cloud_error", 0},
		{"'kind':'status','status':503", "cloud_error", "cloud_error", 0},
		{"'kind':'status','status':302", "cloud_error", "cloud_error", 0},
		{"'kind':'status','status':204,'body':''", "cloud_error", "cloud_error", 0},
		{"'kind':'wrong_json'", "cloud_error", "cloud_error", 0},
		{"'kind':'wrong_json','body':''", "cloud_error", "cloud_error", 0},
		{"'kind':'no_success'", "cloud_error", "cloud_error", 0},
		{"'kind':'refuse'", "cloud_error", "cloud_error", 0},
		{"'kind':'huge'", "outcome_unknown", "cloud_error", 0},
		{"'kind':'truncate'", "outcome_unknown", "", 1},
		{"'kind':'slow','ms':1", "", "", 1},
		{"'kind':'close'", "", "", 1},
},
  late[] = {
	  {"'kind':'hang'", "outcome_unknown", "outcome_unknown", 0},
	  {"'kind':'slow','ms':300", "outcome_unknown", "outcome_unknown", 1},
};

static void cause(struct harness *h, const char *command, const struct fault *fault)
{
	(void)control_post(h, "/fault", "{'on':'%s',%s}", command, fault->fault);
}

static void expect_code(const struct message *m, const char *code)
{
	if (*code)
		expect_error(m, code);
	else
		expect_success(m);
}

static void start(struct harness *h)
{
	harness_set(h, "door.max_per_minute", "600");
	scene_start(h);
}

/* For a cloud that does not answer in time; what does has seconds. */
static void start_impatient(struct harness *h)
{
	harness_set(h, "cloud.timeout", "3");
	start(h);
}

static void open_doors(struct harness *h, const struct fault *table, size_t n)
{
	size_t opened = 0;

	for (size_t i = 0; i < n; i++) {
		cause(h, OPENING, &table[i]);
		expect_code(scene_open(h, "OPEN"), table[i].opening);
		(void)control_delete(h, "/fault");
		opened += table[i].opens;
		if (control_opening_count(h) != opened)
			fail_msg("%zu openings, not %zu, after %s", control_opening_count(h),
				opened, table[i].fault);
		expect_success(scene_open(h, "OPEN"));
		(void)control_await_openings(h, ++opened);
		assert_int_equal(control_request_count(h, OPENING), 2 * i + 2);
	}
	scene_expect_openings(h, opened);
}

HARNESS_TEST(whatever_the_cloud_does_a_door_opens_once_at_most)
{
	start(h);
	open_doors(h, faults, ELEMENTS(faults));
}

HARNESS_TEST(however_late_the_cloud_is_a_door_opens_once_at_most)
{
	start_impatient(h);
	open_doors(h, late, ELEMENTS(late));
}

static void read_settings(struct harness *h, const struct fault *table, size_t n)
{
	const char *topic = harness_home(h, "request/" READING);

	for (size_t i = 0; i < n; i++) {
		cause(h, READING, &table[i]);
		expect_code(client_ask(h->client, topic, ""), table[i].reading);
		(void)control_delete(h, "/fault");
		expect_success(client_ask(h->client, topic, ""));
	}
}

HARNESS_TEST(whatever_the_cloud_does_a_reading_is_answered)
{
	start(h);
	read_settings(h, faults, ELEMENTS(faults));
}

HARNESS_TEST(however_late_the_cloud_is_a_reading_is_answered)
{
	start_impatient(h);
	read_settings(h, late, ELEMENTS(late));
}

HARNESS_TEST(what_went_wrong_is_told_in_words)
{
	static const char *const cases[][2] = {
		{"'kind':'huge'", "the answer of 127.0.0.1 is too large"},
		{"'kind':'hang'", "127.0.0.1 did not answer in time"},
		{"'kind':'drop_before'", "127.0.0.1 ended the connection without an answer"},
		{"'kind':'truncate'", "the answer of 127.0.0.1 broke off"},
		{"'kind':'status','status':429", "the cloud wants fewer calls for a while"},
		{"'kind':'status','status':500", "the cloud is in trouble"},
		{"'kind':'refuse'", "the cloud refused it"},
	};

	start_impatient(h);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		(void)control_post(h, "/fault", "{'on':'%s',%s}", OPENING, cases[i][0]);
		assert_string_equal(
			message_get(scene_open(h, "OPEN"), "error.message"), cases[i][1]);
		(void)control_delete(h, "/fault");
	}
}

/* Polls until the cloud was asked n times more. A poll that fails while the next one is asked for
 * is not begun anew at once, so one request may not be enough. */
static void poll_more(struct harness *h, const char *command, size_t n)
{
	size_t enough = control_request_count(h, command) + n;
	uint64_t deadline = test_deadline();

	do {
		assert_true(clock_boot_usec() < deadline);
		expect_success(client_ask(h->client, "home/bridge/request/refresh", ""));
		test_pause();
	} while (control_request_count(h, command) < enough);
}

static void poll_devices(struct harness *h, const struct fault *table, size_t n)
{
	size_t before;

	poll_more(h, LISTING, 2);
	client_settle(h->client);
	before = client_count(h->client, "home/+/device/#") +
	         client_count(h->client, "home/+/door/#");
	for (size_t i = 0; i < n; i++) {
		cause(h, LISTING, &table[i]);
		poll_more(h, LISTING, 2);
		(void)control_delete(h, "/fault");
		poll_more(h, LISTING, 2);
	}
	client_settle(h->client);
	assert_int_equal(client_count(h->client, "home/+/device/#") +
				 client_count(h->client, "home/+/door/#"),
		before);
	(void)control_post(h, "/device", "{'mac':'%s','online':false}", scene_mac(h, 1, 0));
	poll_more(h, LISTING, 2);
	(void)client_await(h->client, scene_device(h, 1, 0, "availability"), "offline");
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
}

HARNESS_TEST(whatever_the_cloud_does_to_polls_nothing_is_lost)
{
	harness_set(h, "poll.devices", "600");
	harness_set(h, "poll.family", "600");
	start(h);
	poll_devices(h, faults, ELEMENTS(faults));
}

HARNESS_TEST(however_late_the_cloud_is_with_polls_nothing_is_lost)
{
	harness_set(h, "poll.devices", "600");
	harness_set(h, "poll.family", "600");
	start_impatient(h);
	poll_devices(h, late, ELEMENTS(late));
}

static void poll_homes(struct harness *h, const struct fault *table, size_t n)
{
	client_settle(h->client);
	for (size_t i = 0; i < n; i++) {
		cause(h, "get_family_list", &table[i]);
		poll_more(h, "get_family_list", 1);
		(void)control_delete(h, "/fault");
		expect_success(scene_open(h, "OPEN"));
		(void)control_await_openings(h, i + 1);
	}
	assert_int_equal(client_count_payload(h->client, "home/+/availability", ""), 0);
	assert_int_equal(client_count(h->client, "home/+/availability"), 2);
}

HARNESS_TEST(the_list_of_homes_may_fail_in_every_way)
{
	harness_set(h, "poll.devices", "600");
	start(h);
	poll_homes(h, faults, ELEMENTS(faults));
}

HARNESS_TEST(the_list_of_homes_may_be_late)
{
	harness_set(h, "poll.devices", "600");
	start_impatient(h);
	poll_homes(h, late, ELEMENTS(late));
}

HARNESS_TEST(a_cloud_that_wants_a_pause_from_polls_still_opens)
{
	uint64_t deadline = test_deadline();

	start(h);
	(void)control_post(h, "/fault",
		"{'on':'get_family_list','kind':'status','status':429,'retry_after':600}");
	while (*json_at(control_get(h, "/state"), "faults.0")) {
		assert_true(clock_boot_usec() < deadline);
		test_pause();
	}
	for (size_t i = 0; i < 3; i++)
		expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 3);
	expect_success(client_ask(h->client, harness_home(h, "request/" READING), ""));
}

HARNESS_TEST(connections_that_end_at_once)
{
	const char *open, *result;
	const struct message *m;
	size_t opened = 0;

	start(h);
	open = harness_door(h, "open");
	result = harness_door(h, "result");
	for (int i = 0; i < 5; i++) {
		client_settle(h->client);
		process_signal(h->gateway, SIGSTOP);
		(void)control_post(h, "/fault", "{'on':'connect','count':%d}", i);
		(void)control_post(h, "/close_idle", "{}");
		client_publish(h->client, open, harness_text(h, "{\"id\":%d}", i));
		process_signal(h->gateway, SIGCONT);
		m = client_await(h->client, result, NULL);
		if (strcmp(message_get(m, "success"), "true") == 0)
			opened++;
		(void)control_delete(h, "/fault");
		(void)control_await_openings(h, opened);
	}
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, opened + 1);
}

HARNESS_TEST(a_flood_of_requests_is_answered_one_by_one)
{
	enum { MANY = 300 };
	const char *topic, *response;

	start(h);
	topic = harness_home(h, "request/" READING);
	response = harness_home(h, "response/" READING);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'delay','ms':2,'count':-1}", READING);
	for (int i = 0; i < MANY; i++)
		client_publish(h->client, topic, harness_text(h, "{\"id\":%d}", i),
			.unacknowledged = false);
	for (int i = 0; i < MANY; i++)
		(void)client_await(h->client, response, NULL);
	client_expect_none(h->client, response);
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
}

HARNESS_MAIN(HARNESS_RUN(whatever_the_cloud_does_a_door_opens_once_at_most),
	HARNESS_RUN(however_late_the_cloud_is_a_door_opens_once_at_most),
	HARNESS_RUN(whatever_the_cloud_does_a_reading_is_answered),
	HARNESS_RUN(however_late_the_cloud_is_a_reading_is_answered),
	HARNESS_RUN(what_went_wrong_is_told_in_words),
	HARNESS_RUN(whatever_the_cloud_does_to_polls_nothing_is_lost),
	HARNESS_RUN(however_late_the_cloud_is_with_polls_nothing_is_lost),
	HARNESS_RUN(the_list_of_homes_may_fail_in_every_way),
	HARNESS_RUN(the_list_of_homes_may_be_late),
	HARNESS_RUN(a_cloud_that_wants_a_pause_from_polls_still_opens),
	HARNESS_RUN(connections_that_end_at_once),
	HARNESS_RUN(a_flood_of_requests_is_answered_one_by_one))
