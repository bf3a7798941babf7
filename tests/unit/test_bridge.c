#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "bridge/status.h"
#include "tests/unit/fake_cloud.h"
#include "tests/unit/fake_mqtt.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/whole.h"
#include "util/clock.h"
#include "util/json.h"

/* A bridge as a whole, between fakes. */

static void each_connection_starts_from_nothing(void **state)
{
	struct whole *w = *state;
	char subscribed[1024];
	size_t n;

	whole_connect(w);
	n = fake_mqtt_count(w->mqtt);
	(void)snprintf(subscribed, sizeof(subscribed), "%s", fake_mqtt_subscribed(w->mqtt));
	assert_non_null(strstr(subscribed, "home/+/door/+/open home/+/request/+ "));
	fake_mqtt_lose(w->mqtt);
	assert_string_equal(fake_mqtt_subscribed(w->mqtt), "");
	fake_mqtt_forget(w->mqtt);
	whole_connect(w);
	assert_string_equal(fake_mqtt_subscribed(w->mqtt), subscribed);
	assert_int_equal(fake_mqtt_count(w->mqtt), n);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/bridge/cloud")->text, "online");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/H1/availability")->text, "online");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/H1/door/R2/state")->text, "LOCKED");
	assert_int_equal(w->broker_changed, 3);
	assert_int_equal(w->connected, 2);
}

static void a_first_try_that_fails_is_told(void **state)
{
	struct whole *w = *state;

	assert_false(bridge_tried(w->bridge));
	fake_mqtt_lose(w->mqtt);
	assert_true(bridge_tried(w->bridge));
	assert_false(bridge_online(w->bridge));
	assert_int_equal(w->broker_changed, 1);
	assert_int_equal(w->connected, 0);
}

static void the_info_of_the_gateway(void **state)
{
	struct whole *w = *state;
	_cleanup_(json_freep) struct json_object *info = NULL;
	struct json_object *allowed;
	const struct sent *s;

	whole_connect(w);
	assert_null(fake_mqtt_last(w->mqtt, "home/bridge/info"));
	time_pass(w->event, 10 * USEC_PER_MSEC);
	s = fake_mqtt_last(w->mqtt, "home/bridge/info");
	assert_true(s->retain);
	assert_int_equal(json_parse(&info, s->text, s->size), 0);
	assert_string_equal(json_text(info, "version"), "1.2.3");
	assert_string_equal(json_text(info, "started"), "2030-03-17T17:46:40+00:00");
	assert_string_equal(json_text(info, "cloud_url"), "https://api.example.com");
	assert_string_equal(json_text(info, "residences"), "1");
	assert_string_equal(json_text(info, "devices"), "2");
	assert_string_equal(json_text(info, "doors"), "2");
	allowed = json_get(info, "commands_allowed");
	/* 12 that read and the one that opens, by the vendor's pages. */
	assert_int_equal(json_object_array_length(allowed), 13);
	for (size_t i = 0; i < 13; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(allowed, i));

		assert_true(catalog_find(name)->group == COMMAND_GROUP_READ ||
			    catalog_find(name)->group == COMMAND_GROUP_DOOR);
	}
}

/* The info follows what comes and goes, but not for each single change. */
static void the_info_follows_the_homes(void **state)
{
	struct whole *w = *state;
	const struct family_record more[] = {
		{"H1", "Lakeside", true, true}, {"H2", "x", true, true}, {"H3", "x", true, true}};

	whole_connect(w);
	time_pass(w->event, 10 * USEC_PER_MSEC);
	fake_mqtt_forget(w->mqtt);
	assert_int_equal(cache_merge_homes(w->cache, more, 3), 0);
	time_settle(w->event);
	assert_null(fake_mqtt_last(w->mqtt, "home/bridge/info"));
	time_pass(w->event, 500 * USEC_PER_MSEC);
	assert_non_null(
		strstr(fake_mqtt_last(w->mqtt, "home/bridge/info")->text, "\"residences\":3"));
	fake_mqtt_forget(w->mqtt);
	time_pass(w->event, 10 * USEC_PER_SEC);
	fake_mqtt_expect_nothing(w->mqtt);
}

static void health_each_minute(void **state)
{
	struct whole *w = *state;
	_cleanup_(json_freep) struct json_object *health = NULL;
	const struct sent *s;

	whole_connect(w);
	time_pass(w->event, 10 * USEC_PER_MSEC);
	assert_null(strstr(fake_mqtt_last(w->mqtt, "home/bridge/health")->text, "last_success"));
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R1/open", "OPEN");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R1/open", "nonsense");
	fake_mqtt_arrive(w->mqtt, "home/bridge/request/get_family_list", "");
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_UNREACHABLE);
	w->polls = (struct poll_counts){7, 2};
	fake_mqtt_forget(w->mqtt);
	time_pass(w->event, 60 * USEC_PER_SEC - 1);
	assert_null(fake_mqtt_last(w->mqtt, "home/bridge/health"));
	time_pass(w->event, 1);
	s = fake_mqtt_last(w->mqtt, "home/bridge/health");
	assert_true(s->retain);
	assert_int_equal(json_parse(&health, s->text, s->size), 0);
	assert_string_equal(json_text(health, "uptime_s"), "60");
	assert_true(json_object_get_int64(json_get(health, "rss_bytes")) > 500000);
	assert_string_equal(json_text(json_get(health, "polls"), "ok"), "7");
	assert_string_equal(json_text(json_get(health, "polls"), "failed"), "2");
	assert_string_equal(json_text(json_get(health, "commands"), "ok"), "1");
	assert_string_equal(json_text(json_get(health, "commands"), "failed"), "1");
	assert_string_equal(json_text(json_get(health, "commands"), "refused"), "1");
	assert_string_equal(json_text(health, "opens"), "1");
	assert_string_equal(json_text(health, "events"), "0");
	assert_non_null(json_get(json_get(health, "cloud_latency_ms"), "p50"));
	assert_non_null(json_get(json_get(health, "cloud_latency_ms"), "p95"));
	assert_string_equal(json_text(health, "last_success"), "2030-03-17T17:46:40+00:00");
	fake_mqtt_lose(w->mqtt);
	assert_int_equal(time_armed("health"), 0);
}

static void the_state_of_the_cloud(void **state)
{
	static const struct {
		enum cloud_state state;
		const char *text;
	} cases[] = {
		{CLOUD_STATE_OFFLINE, "offline"},
		{CLOUD_STATE_AUTH_FAILED, "auth_failed"},
		{CLOUD_STATE_ONLINE, "online"},
	};
	struct whole *w = *state;

	fake_cloud_set_state(w->cloud, CLOUD_STATE_UNKNOWN);
	whole_connect(w);
	assert_null(fake_mqtt_last(w->mqtt, "home/bridge/cloud"));
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		fake_mqtt_forget(w->mqtt);
		fake_cloud_set_state(w->cloud, cases[i].state);
		bridge_cloud_changed(w->bridge);
		fake_mqtt_expect(w->mqtt, "home/bridge/cloud", cases[i].text);
		fake_mqtt_expect_nothing(w->mqtt);
	}
	fake_mqtt_lose(w->mqtt);
	bridge_cloud_changed(w->bridge);
}

/* Answers first, then the states of doors, and the connection ends behind them. */
static void the_end(void **state)
{
	struct whole *w = *state;

	whole_connect(w);
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R1/open", "OPEN");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R2/open", "OPEN");
	fake_mqtt_forget(w->mqtt);
	assert_int_equal(bridge_open_requests(w->bridge), 1);
	bridge_stop(w->bridge, whole_stopped);
	assert_int_equal(bridge_open_requests(w->bridge), 0);
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "outcome_unknown"));
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "LOCKED");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(time_armed("health") + time_armed("recount") + time_armed("door-hold"), 0);
	assert_int_equal(w->stopped, 0);
	fake_mqtt_stopped(w->mqtt);
	assert_int_equal(w->stopped, 1);
}

static void retain(struct whole *w, unsigned answers)
{
	const struct mqtt_message message = {
		.topic = "home/H1/door/R1/open",
		.payload = "OPEN",
		.size = 4,
		.retain = true,
		.expiry_sec = -1,
		.arrived_usec = clock_boot_usec(),
	};

	fake_mqtt_forget(w->mqtt);
	fake_mqtt_deliver(w->mqtt, &message);
	fake_mqtt_deliver(w->mqtt, &message);
	assert_int_equal(fake_mqtt_count(w->mqtt), answers);
}

static void replays_follow_from_the_protocol(void **state)
{
	struct whole *w = *state;

	whole_connect(w);
	retain(w, 2);
}

static void replays_follow_from_the_protocol_3(void **state)
{
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(3);

	whole_connect(w);
	retain(w, 1);
	assert_int_equal(bridge_set(w->bridge, &s, false), 0);
	retain(w, 0);
}

static void what_is_gone_does_not_count(void **state)
{
	struct whole *w = *state;
	struct tally tally = tally_of(w->cache);

	assert_int_equal(tally.homes, 1);
	assert_int_equal(tally.devices, 2);
	assert_int_equal(tally.devices_online, 2);
	assert_int_equal(tally.doors, 2);
	whole_merge(w, false);
	assert_int_equal(tally_of(w->cache).devices_online, 1);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_devices(w->cache, cache_homes(w->cache), NULL, 0), 0);
	tally = tally_of(w->cache);
	assert_int_equal(tally.devices + tally.doors + tally.devices_online, 0);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_homes(w->cache, NULL, 0), 0);
	assert_int_equal(tally_of(w->cache).homes, 0);
}

/* An answer with an opening at that second is taken over, as the poller does. */
static void an_opening_is_seen(struct whole *w, unsigned second)
{
	struct home *home = cache_find(w->cache, "H1");
	char time[24];
	const struct history_record record = {.time = time,
		.name = "Ann",
		.sip = "",
		.opened = true,
		.device = "Front",
		.type = "",
		.picture = "",
		.thumbnail = ""};
	struct history_news news;

	(void)snprintf(time, sizeof(time), "2030-03-17 17:46:%02u", second);
	assert_int_equal(history_merge(w->history, home, HISTORY_DOOR, &record, 1,
				 INT64_C(1900000000), &news),
		0);
	bridge_history_changed(w->bridge, home, HISTORY_DOOR, &news);
	time_settle(w->event);
}

static void new_rows_are_told(void **state)
{
	struct whole *w = *state;

	whole_connect(w);
	fake_mqtt_forget(w->mqtt);
	an_opening_is_seen(w, 1);
	/* The first answer makes no events. */
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/H1/history/door");
	fake_mqtt_expect_nothing(w->mqtt);
	an_opening_is_seen(w, 2);
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/H1/event/door");
	assert_string_equal(
		fake_mqtt_next(w->mqtt)->topic, "home/H1/device/0C1105AAAAAA/event/door");
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/H1/history/door");
	fake_mqtt_expect_nothing(w->mqtt);
	an_opening_is_seen(w, 2);
	fake_mqtt_expect_nothing(w->mqtt);
}

static unsigned pending(const struct whole *w)
{
	return (unsigned)history_count_pending(w->history);
}

static void events_wait_for_the_broker(void **state)
{
	struct whole *w = *state;

	/* More than are on their way at a time. */
	for (unsigned second = 1; second <= 31; second++)
		an_opening_is_seen(w, second);
	fake_mqtt_expect_nothing(w->mqtt);
	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	whole_connect(w);
	assert_non_null(fake_mqtt_last(w->mqtt, "home/H1/event/door"));
	fake_mqtt_lose(w->mqtt);
	fake_mqtt_forget(w->mqtt);
	whole_connect(w);
	while (mqtt_unacknowledged(w->mqtt) > 0) {
		fake_mqtt_tell_acknowledged(w->mqtt, 1);
		time_settle(w->event);
	}
	assert_int_equal(pending(w), 30);
	/* Not while a door is being opened. */
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R1/open", "OPEN");
	time_pass(w->event, USEC_PER_SEC);
	assert_int_equal(pending(w), 30);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	time_pass(w->event, USEC_PER_SEC);
	assert_int_equal(pending(w), 0);
	time_pass(w->event, 60 * USEC_PER_SEC);
	assert_non_null(
		strstr(fake_mqtt_last(w->mqtt, "home/bridge/health")->text, "\"events\":30"));
}

static void the_end_writes_what_was_acknowledged(void **state)
{
	struct whole *w = *state;

	an_opening_is_seen(w, 1);
	an_opening_is_seen(w, 2);
	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	whole_connect(w);
	while (mqtt_unacknowledged(w->mqtt) > 0) {
		fake_mqtt_tell_acknowledged(w->mqtt, 1);
		time_settle(w->event);
	}
	assert_int_equal(pending(w), 1);
	bridge_stop(w->bridge, whole_stopped);
	fake_mqtt_stopped(w->mqtt);
	assert_int_equal(pending(w), 0);
}

static void a_home_that_is_not_served_has_no_events(void **state)
{
	struct whole *w = *state;

	an_opening_is_seen(w, 1);
	an_opening_is_seen(w, 2);
	w->unserved = true;
	whole_connect(w);
	assert_null(fake_mqtt_last(w->mqtt, "home/H1/event/door"));
}

static size_t count_documents(struct whole *w)
{
	const struct sent *s;
	size_t n = 0;

	while ((s = fake_mqtt_next(w->mqtt)))
		n += strncmp(s->topic, "homeassistant/", strlen("homeassistant/")) == 0;
	fake_mqtt_forget(w->mqtt);
	return n;
}

/* When, is what test_discovery.c asks. */
static void home_assistant_is_told(void **state)
{
	const struct family_record more[] = {
		{"H1", "Lakeside", true, true}, {"H2", "Town", true, true}};
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);

	whole_connect(w);
	/* Commands first: what the broker holds of documents may be much. */
	assert_null(strstr(fake_mqtt_subscribed(w->mqtt), "homeassistant/"));
	time_pass(w->event, 100 * USEC_PER_MSEC);
	assert_non_null(strstr(fake_mqtt_subscribed(w->mqtt),
		"homeassistant/+/x/+/config homeassistant/device/+/config homeassistant/status "));
	s.discovery.mode = DISCOVERY_DEVICE;
	assert_int_equal(bridge_set(w->bridge, &s, false), 0);
	time_pass(w->event, 10 * USEC_PER_SEC);
	/* The gateway, a home, two devices. */
	assert_int_equal(count_documents(w), 4);
	assert_int_equal(cache_merge_homes(w->cache, more, 2), 0);
	time_pass(w->event, 10 * USEC_PER_SEC);
	assert_int_equal(count_documents(w), 1);
	fake_mqtt_arrive(w->mqtt, "homeassistant/status", "online");
	time_pass(w->event, 10 * USEC_PER_SEC);
	assert_int_equal(count_documents(w), 5);
	fake_mqtt_arrive(w->mqtt, "homeassistant/status", "online");
	assert_int_equal(time_armed("discovery"), 1);
	fake_mqtt_lose(w->mqtt);
	assert_int_equal(time_armed("discovery"), 0);
	whole_connect(w);
	assert_int_equal(time_armed("discovery"), 1);
	bridge_stop(w->bridge, whole_stopped);
	assert_int_equal(time_armed("discovery"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WHOLE_TEST(each_connection_starts_from_nothing),
		WHOLE_TEST(a_first_try_that_fails_is_told),
		WHOLE_TEST(the_info_of_the_gateway),
		WHOLE_TEST(the_info_follows_the_homes),
		WHOLE_TEST(health_each_minute),
		WHOLE_TEST(the_state_of_the_cloud),
		WHOLE_TEST(the_end),
		WHOLE_TEST(replays_follow_from_the_protocol),
		cmocka_unit_test_setup_teardown(
			replays_follow_from_the_protocol_3, whole_setup_mqtt_3, whole_teardown),
		WHOLE_TEST(what_is_gone_does_not_count),
		WHOLE_TEST(home_assistant_is_told),
		WHOLE_TEST(new_rows_are_told),
		WHOLE_TEST(events_wait_for_the_broker),
		WHOLE_TEST(the_end_writes_what_was_acknowledged),
		WHOLE_TEST(a_home_that_is_not_served_has_no_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
