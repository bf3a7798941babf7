#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridge/events.h"
#include "tests/unit/capture.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

#define CALLS    "home/H1/event/call"
#define OPENINGS "home/H1/event/door"
#define PICTURES "home/H1/event/picture"

static struct scene {
	struct world *w;
	struct events *events;
	const char *refused; /* a home that is not served */
	bool busy;
} s;

static bool on_served(const char *residence_id, void *userdata)
{
	return !s.refused || strcmp(residence_id, s.refused) != 0;
}

static bool on_busy(void *userdata)
{
	return s.busy;
}

static void start(void)
{
	static const struct events_hooks hooks = {on_served, on_busy};
	const struct events_parts parts = {s.w->mqtt, s.w->names, s.w->history};

	assert_int_equal(events_new(&s.events, s.w->event, &parts, &hooks, NULL), 0);
}

static int setup(void **state)
{
	/* Texts hold the local time. */
	assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
	s = (struct scene){0};
	assert_int_equal(world_setup((void **)&s.w), 0);
	fake_mqtt_hold_acknowledgements(s.w->mqtt, true);
	for (int kind = 0; kind < HISTORY_KIND_MAX; kind++) {
		(void)world_rows(s.w, "H1", (enum history_kind)kind, NULL, 0);
		(void)world_rows(s.w, "H2", (enum history_kind)kind, NULL, 0);
	}
	start();
	events_connected(s.events);
	time_settle(s.w->event);
	fake_mqtt_expect_nothing(s.w->mqtt);
	return 0;
}

static int teardown(void **state)
{
	void *world = s.w;

	(void)events_free(s.events);
	return world_teardown(&world);
}

static void settle(void)
{
	time_settle(s.w->event);
}

static void news(void)
{
	events_news(s.events);
	settle();
}

/* As the connection tells it. */
static void acknowledge(unsigned n)
{
	while (n-- > 0)
		events_acknowledged(s.events, fake_mqtt_take(s.w->mqtt));
	events_go_on(s.events);
	settle();
}

static void acknowledge_all(void)
{
	while (mqtt_unacknowledged(s.w->mqtt) > 0)
		acknowledge(1);
}

static void lose(void)
{
	fake_mqtt_set_online(s.w->mqtt, false);
	events_lost(s.events);
	settle();
	fake_mqtt_forget(s.w->mqtt);
}

static void connect(void)
{
	fake_mqtt_set_online(s.w->mqtt, true);
	events_connected(s.events);
	settle();
}

/* Openings that cannot be traced: n of them, a second apart, named by their numbers. */
static void openings(unsigned first, unsigned n)
{
	struct history_record records[256] = {0};
	char times[256][24], names[256][8];

	assert_true(n <= 256);
	for (unsigned i = 0; i < n; i++) {
		unsigned second = first + i;

		(void)snprintf(times[i], sizeof(times[i]), "2030-03-17 17:%02u:%02u",
			40 + second / 60, second % 60);
		(void)snprintf(names[i], sizeof(names[i]), "n%u", second);
		records[i] =
			(struct history_record){.time = times[i], .name = names[i], .opened = true};
	}
	assert_int_equal(world_rows(s.w, "H1", HISTORY_DOOR, records, n).events, n);
	news();
}

/* The next publication is that opening. */
static void expect_opening(unsigned number)
{
	const struct sent *sent = fake_mqtt_next(s.w->mqtt);
	char name[40];

	if (!sent)
		fail_msg("opening %u was not published", number);
	assert_string_equal(sent->topic, OPENINGS);
	(void)snprintf(name, sizeof(name), "\"account_name\":\"n%u\"", number);
	if (!strstr(sent->text, name))
		fail_msg("%s instead of opening %u", sent->text, number);
}

/* The texts but for the id, which must be one. */
static void expect_event(const char *topic, const char *rest)
{
	const struct sent *sent = fake_mqtt_next(s.w->mqtt);
	const char *begin = "{\"event_id\":\"";
	size_t size = strlen(begin);

	if (!sent)
		fail_msg("nothing on %s", topic);
	assert_string_equal(sent->topic, topic);
	assert_int_equal(sent->qos, 1);
	assert_false(sent->retain);
	assert_memory_equal(sent->text, begin, size);
	assert_int_equal(strspn(sent->text + size, "0123456789abcdef"), 32);
	assert_string_equal(sent->text + size + 32, rest);
}

static void a_call_and_an_opening(void **state)
{
	static const char call[] =
		"\",\"event_type\":\"call\",\"time\":\"2030-03-17T18:46:00+01:00\","
		"\"epoch\":1899999960,\"call_name\":\"Gu\\u0001ard/1 \\\"é\\\"\","
		"\"call_sip\":\"777\",\"mac\":\"\"}";
	static const char opening[] =
		"\",\"event_type\":\"opened\",\"time\":\"2030-03-17T18:46:01+01:00\","
		"\"epoch\":1899999961,\"account_name\":\"Ann\",\"device_name\":\"Front\","
		"\"open_door_type\":\"Face\",\"capture_picture_url\":\"https://x/1?a=b\","
		"\"capture_thumbnail_url\":\"https://x/2\",\"mac\":\"0C1105AAAAAA\"}";
	static const char denied[] =
		"\",\"event_type\":\"denied\",\"time\":\"2030-03-17T18:46:02+01:00\","
		"\"epoch\":1899999962,\"account_name\":\"\",\"device_name\":\"Nowhere\","
		"\"open_door_type\":\"\",\"capture_picture_url\":\"\","
		"\"capture_thumbnail_url\":\"\",\"mac\":\"\"}";

	(void)WORLD_ROWS(s.w, "H1", HISTORY_CALL,
		{.time = "2030-03-17 17:46:00", .name = "Gu\001ard/1 \"é\"", .sip = "777"});
	(void)WORLD_ROWS(s.w, "H1", HISTORY_DOOR,
		{.time = "2030-03-17 17:46:01",
			.name = "Ann",
			.opened = true,
			.device = "Front",
			.type = "Face",
			.picture = "https://x/1?a=b",
			.thumbnail = "https://x/2"},
		{.time = "2030-03-17 17:46:02", .device = "Nowhere"});
	news();
	expect_event(CALLS, call);
	expect_event(OPENINGS, opening);
	expect_event("home/H1/device/0C1105AAAAAA/event/door", opening);
	expect_event(OPENINGS, denied);
	fake_mqtt_expect_nothing(s.w->mqtt);
	assert_int_equal(events_count(s.events), 0);
	acknowledge_all();
	assert_int_equal(events_count(s.events), 3);
}

static void a_call_that_can_be_traced(void **state)
{
	static const struct device_record hall = {.mac = "0c1105cccccc",
		.name = "Hall",
		.type = "Single-tenant Doorphone",
		.sip = "55",
		.online = true};

	assert_int_equal(cache_merge_devices(s.w->cache, world_home(s.w, "H2"), &hall, 1), 0);
	(void)WORLD_ROWS(
		s.w, "H2", HISTORY_CALL, {.time = "2030-03-17 17:46:00", .name = "x", .sip = "55"});
	settle();
	fake_mqtt_forget(s.w->mqtt);
	news();
	assert_non_null(strstr(fake_mqtt_last(s.w->mqtt, "home/flat/event/call")->text,
		"\"event_type\":\"ring\""));
	assert_non_null(
		strstr(fake_mqtt_last(s.w->mqtt, "home/flat/device/0C1105CCCCCC/event/call")->text,
			"\"event_type\":\"ring\""));
	assert_int_equal(fake_mqtt_count(s.w->mqtt), 2);
}

static void all_in_order_and_no_more_than_the_window(void **state)
{
	unsigned turns = 0;

	openings(0, 100);
	assert_int_equal(mqtt_unacknowledged(s.w->mqtt), EVENTS_WINDOW);
	while (mqtt_unacknowledged(s.w->mqtt) > 0) {
		assert_true(mqtt_unacknowledged(s.w->mqtt) <= EVENTS_WINDOW);
		acknowledge(1 + turns++ % 3 % mqtt_unacknowledged(s.w->mqtt));
	}
	for (unsigned i = 0; i < 100; i++)
		expect_opening(i);
	fake_mqtt_expect_nothing(s.w->mqtt);
	assert_int_equal(events_count(s.events), 100);
	openings(100, 1);
	expect_opening(100);
	fake_mqtt_expect_nothing(s.w->mqtt);
}

static void a_lost_connection_begins_anew(void **state)
{
	openings(0, 20);
	acknowledge(3);
	lose();
	openings(20, 1);
	fake_mqtt_expect_nothing(s.w->mqtt);
	connect();
	acknowledge_all();
	for (unsigned i = 3; i <= 20; i++)
		expect_opening(i);
	fake_mqtt_expect_nothing(s.w->mqtt);
	/* What was acknowledged before the loss is counted once. */
	assert_int_equal(events_count(s.events), 21);
}

/* The ids of the old connection mean nothing to the new one. */
static void foreign_acknowledgements_end_nothing(void **state)
{
	openings(0, 2);
	lose();
	connect();
	events_acknowledged(s.events, 1);
	events_acknowledged(s.events, 0);
	assert_int_equal(events_count(s.events), 0);
	acknowledge_all();
	assert_int_equal(events_count(s.events), 2);
	events_acknowledged(s.events, 3);
	assert_int_equal(events_count(s.events), 2);
}

/* Both topics of an event. */
static void done_when_all_of_it_is_acknowledged(void **state)
{
	(void)WORLD_ROWS(s.w, "H1", HISTORY_DOOR,
		{.time = "2030-03-17 17:46:00", .opened = true, .device = "Front"});
	news();
	acknowledge(1);
	assert_int_equal(events_count(s.events), 0);
	time_pass(s.w->event, USEC_PER_SEC);
	assert_int_equal(history_count_pending(s.w->history), 1);
	acknowledge(1);
	time_pass(s.w->event, USEC_PER_SEC);
	assert_int_equal(history_count_pending(s.w->history), 0);
}

static void expect_topic(const char *topic)
{
	const struct sent *sent = fake_mqtt_next(s.w->mqtt);

	if (!sent)
		fail_msg("nothing on %s", topic);
	assert_string_equal(sent->topic, topic);
}

/* Or a broker that hangs up on what it forbids would get it for ever. */
static void what_was_acknowledged_of_it_is_not_sent_again(void **state)
{
	static const char device[] = "home/H1/device/0C1105AAAAAA/event/door";

	(void)WORLD_ROWS(s.w, "H1", HISTORY_DOOR,
		{.time = "2030-03-17 17:46:00", .opened = true, .device = "Front"},
		{.time = "2030-03-17 17:46:01", .opened = true, .device = "Front"});
	news();
	acknowledge(3);
	fake_mqtt_forget(s.w->mqtt);
	for (int i = 0; i < 3; i++) {
		lose();
		/* A try that fails. */
		events_lost(s.events);
		connect();
		expect_topic(device);
		fake_mqtt_expect_nothing(s.w->mqtt);
	}
	assert_int_equal(events_count(s.events), 1);
	acknowledge(1);
	assert_int_equal(events_count(s.events), 2);
	lose();
	connect();
	fake_mqtt_expect_nothing(s.w->mqtt);
}

static void what_is_done_is_written_together(void **state)
{
	openings(0, 3);
	acknowledge(1);
	time_pass(s.w->event, 100 * USEC_PER_MSEC);
	acknowledge(1);
	assert_int_equal(history_count_pending(s.w->history), 3);
	time_pass(s.w->event, 100 * USEC_PER_MSEC);
	assert_int_equal(history_count_pending(s.w->history), 1);
	assert_int_equal(time_armed("events-flush"), 0);
	acknowledge(1);
	time_pass(s.w->event, 200 * USEC_PER_MSEC);
	assert_int_equal(history_count_pending(s.w->history), 0);
}

static void no_write_while_an_opening_waits(void **state)
{
	s.busy = true;
	openings(0, 2);
	acknowledge(2);
	time_pass(s.w->event, 5 * USEC_PER_SEC);
	assert_int_equal(history_count_pending(s.w->history), 2);
	s.busy = false;
	time_pass(s.w->event, 200 * USEC_PER_MSEC);
	assert_int_equal(history_count_pending(s.w->history), 0);
	/* But not for ever. */
	s.busy = true;
	openings(2, 1);
	acknowledge(1);
	time_pass(s.w->event, 11 * USEC_PER_SEC);
	assert_int_equal(history_count_pending(s.w->history), 0);
}

static void the_end_writes_what_is_done(void **state)
{
	openings(0, 3);
	acknowledge(2);
	s.events = events_free(s.events);
	assert_int_equal(history_count_pending(s.w->history), 1);
	fake_mqtt_forget(s.w->mqtt);
	start();
	connect();
	expect_opening(2);
	fake_mqtt_expect_nothing(s.w->mqtt);
}

static void more_than_can_be_remembered(void **state)
{
	s.busy = true;
	for (unsigned i = 0; i < 3; i++)
		openings(200 * i, 200);
	acknowledge_all();
	/* Publishing waits for the write, and goes on behind it. */
	assert_int_equal(events_count(s.events), 512);
	time_pass(s.w->event, 11 * USEC_PER_SEC);
	acknowledge_all();
	assert_int_equal(events_count(s.events), 600);
	time_pass(s.w->event, 11 * USEC_PER_SEC);
	assert_int_equal(history_count_pending(s.w->history), 0);
}

static void what_can_never_be_published_blocks_nothing(void **state)
{
	static struct capture capture;

	log_set_level(LOG_WARNING);
	capture_begin(&capture);
	fake_mqtt_fail_on(s.w->mqtt, "\"n1\"", MQTT_TOO_LARGE);
	openings(0, 3);
	acknowledge_all();
	fake_mqtt_fail_on(s.w->mqtt, "\"n3\"", -EINVAL);
	openings(3, 2);
	acknowledge_all();
	assert_int_equal(capture_count(capture_end(&capture), "can never be published"), 1);
	expect_opening(0);
	expect_opening(2);
	expect_opening(4);
	fake_mqtt_expect_nothing(s.w->mqtt);
	assert_int_equal(events_count(s.events), 3);
	time_pass(s.w->event, USEC_PER_SEC);
	assert_int_equal(history_count_pending(s.w->history), 0);
}

static void without_memory_it_is_tried_again(void **state)
{
	fake_mqtt_fail_on(s.w->mqtt, "\"n1\"", -ENOMEM);
	openings(0, 3);
	acknowledge_all();
	expect_opening(0);
	fake_mqtt_expect_nothing(s.w->mqtt);
	fake_mqtt_fail_on(s.w->mqtt, "", 0);
	time_pass(s.w->event, USEC_PER_SEC);
	expect_opening(1);
	expect_opening(2);
	fake_mqtt_expect_nothing(s.w->mqtt);
}

static void a_connection_found_dead(void **state)
{
	fake_mqtt_fail_on(s.w->mqtt, "\"n1\"", MQTT_OFFLINE);
	openings(0, 3);
	expect_opening(0);
	fake_mqtt_expect_nothing(s.w->mqtt);
	fake_mqtt_fail_on(s.w->mqtt, "", 0);
	lose();
	connect();
	for (unsigned i = 0; i < 3; i++)
		expect_opening(i);
	fake_mqtt_expect_nothing(s.w->mqtt);
}

static void a_home_that_is_not_served_is_silent(void **state)
{
	s.refused = "H1";
	openings(0, 2);
	(void)WORLD_ROWS(s.w, "H2", HISTORY_DOOR, {.time = "2030-03-17 17:46:00"});
	news();
	assert_string_equal(fake_mqtt_next(s.w->mqtt)->topic, "home/flat/event/door");
	fake_mqtt_expect_nothing(s.w->mqtt);
	acknowledge_all();
	time_pass(s.w->event, USEC_PER_SEC);
	assert_int_equal(history_count_pending(s.w->history), 0);
	assert_int_equal(events_count(s.events), 1);
}

/* Its rows may outlive it, in a crash it may not even be known yet. */
static void a_home_that_is_gone_has_its_last_events(void **state)
{
	(void)WORLD_ROWS(
		s.w, "H2", HISTORY_DOOR, {.time = "2030-03-17 17:46:00", .device = "Hall"});
	fake_mqtt_set_online(s.w->mqtt, false);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		world_merge_homes(s.w, (const char *const[]){"H1", NULL});
	lose();
	fake_mqtt_set_online(s.w->mqtt, true);
	publisher_everything(s.w->publisher);
	do {
		settle();
		fake_mqtt_acknowledge(s.w->mqtt, mqtt_unacknowledged(s.w->mqtt));
		publisher_go_on(s.w->publisher);
		settle();
	} while (mqtt_unacknowledged(s.w->mqtt) > 0);
	assert_null(cache_find(s.w->cache, "H2"));
	fake_mqtt_forget(s.w->mqtt);
	connect();
	assert_string_equal(fake_mqtt_next(s.w->mqtt)->topic, "home/flat/event/door");
	assert_string_equal(
		fake_mqtt_next(s.w->mqtt)->topic, "home/flat/device/0C1105CCCCCC/event/door");
	fake_mqtt_expect_nothing(s.w->mqtt);
}

#define SHOWN(address)                                                               \
	{                                                                            \
		.time = "2030-03-17 17:46:00", .device = "Front", .picture = address \
	}

static void a_late_picture_is_an_update(void **state)
{
	_cleanup_(json_freep) struct json_object *event = NULL, *update = NULL;
	const struct sent *sent;

	(void)WORLD_ROWS(s.w, "H1", HISTORY_DOOR, SHOWN(""));
	news();
	acknowledge_all();
	sent = fake_mqtt_last(s.w->mqtt, OPENINGS);
	assert_int_equal(json_parse(&event, sent->text, sent->size), 0);
	fake_mqtt_forget(s.w->mqtt);
	assert_int_equal(WORLD_ROWS(s.w, "H1", HISTORY_DOOR, SHOWN("https://x/late")).pictures, 1);
	news();
	acknowledge_all();
	sent = fake_mqtt_next(s.w->mqtt);
	assert_string_equal(sent->topic, PICTURES);
	assert_false(sent->retain);
	assert_int_equal(json_parse(&update, sent->text, sent->size), 0);
	assert_string_equal(json_text(update, "event_id"), json_text(event, "event_id"));
	assert_string_equal(json_text(update, "capture_picture_url"), "https://x/late");
	fake_mqtt_expect_nothing(s.w->mqtt);
	assert_int_equal(events_count(s.events), 1);
}

/* Also not what was kept before the settings said so. */
static void pictures_may_be_switched_off(void **state)
{
	lose();
	(void)WORLD_ROWS(s.w, "H1", HISTORY_DOOR, SHOWN(""));
	(void)WORLD_ROWS(s.w, "H1", HISTORY_DOOR, SHOWN("https://x/late"));
	assert_int_equal(history_count_pending(s.w->history), 2);
	s.w->histories.pictures = false;
	history_set(s.w->history, &s.w->histories);
	connect();
	acknowledge_all();
	assert_null(strstr(fake_mqtt_last(s.w->mqtt, OPENINGS)->text, "https"));
	assert_null(fake_mqtt_last(s.w->mqtt, PICTURES));
	time_pass(s.w->event, USEC_PER_SEC);
	assert_int_equal(history_count_pending(s.w->history), 0);
}

/* With each acknowledgement both ask for room. */
static void events_and_states_share_the_window(void **state)
{
	struct mqtt *mqtt = s.w->mqtt;
	unsigned events = 0, states = 0;
	const struct sent *sent;

	lose();
	for (unsigned i = 0; i < 2; i++)
		openings(200 * i, 200);
	fake_mqtt_set_online(mqtt, true);
	publisher_everything(s.w->publisher);
	events_connected(s.events);
	settle();
	for (unsigned i = 0; i < 100; i++) {
		assert_true(mqtt_unacknowledged(mqtt) <= MQTT_WINDOW);
		if (i % 10 == 0)
			publisher_everything(s.w->publisher);
		events_acknowledged(s.events, fake_mqtt_take(mqtt));
		events_go_on(s.events);
		publisher_go_on(s.w->publisher);
		settle();
	}
	while ((sent = fake_mqtt_next(mqtt)))
		*(strstr(sent->topic, "/event/") ? &events : &states) += 1;
	assert_true(events >= 30);
	assert_true(states >= 30);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_and_an_opening),
		TEST(a_call_that_can_be_traced),
		TEST(all_in_order_and_no_more_than_the_window),
		TEST(a_lost_connection_begins_anew),
		TEST(foreign_acknowledgements_end_nothing),
		TEST(done_when_all_of_it_is_acknowledged),
		TEST(what_was_acknowledged_of_it_is_not_sent_again),
		TEST(what_is_done_is_written_together),
		TEST(no_write_while_an_opening_waits),
		TEST(the_end_writes_what_is_done),
		TEST(more_than_can_be_remembered),
		TEST(what_can_never_be_published_blocks_nothing),
		TEST(without_memory_it_is_tried_again),
		TEST(a_connection_found_dead),
		TEST(a_home_that_is_not_served_is_silent),
		TEST(a_home_that_is_gone_has_its_last_events),
		TEST(a_late_picture_is_an_update),
		TEST(pictures_may_be_switched_off),
		TEST(events_and_states_share_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
