#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/clock.h"

static void settle(struct world *w)
{
	time_settle(w->event);
}

/* The broker acknowledges all it has, and the publisher goes on, until there is nothing left. */
static void acknowledge_all(struct world *w)
{
	do {
		fake_mqtt_acknowledge(w->mqtt, mqtt_unacknowledged(w->mqtt));
		publisher_go_on(w->publisher);
		settle(w);
	} while (mqtt_unacknowledged(w->mqtt) > 0);
}

static struct device_record device_with_relays(const char *mac, const char *name, size_t n)
{
	static const char *const ids[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11",
		"12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24", "25",
		"26", "27", "28", "29", "30", "31", "32"};
	struct device_record d = {
		.mac = mac, .name = name, .type = "T", .sip = "5", .online = true, .n_relays = n};

	assert_true(n <= ELEMENTS(ids));
	for (size_t i = 0; i < n; i++)
		d.relays[i] = (struct relay_record){ids[i], "Gate", "#", i % 2};
	return d;
}

static struct home *merge_h2(struct world *w, const struct device_record *records, size_t n)
{
	struct home *home = world_home(w, "H2");

	assert_int_equal(cache_merge_devices(w->cache, home, records, n), 0);
	return home;
}

static void all_of_a_home_in_order(void **state)
{
	struct world *w = *state;

	publisher_everything(w->publisher);
	settle(w);
	fake_mqtt_expect(w->mqtt, "home/H1/availability", "online");
	fake_mqtt_expect(w->mqtt, "home/H1/info",
		"{\"residence_id\":\"H1\",\"family_name\":\"Lakeside\",\"online\":true,"
		"\"installed\":true}");
	fake_mqtt_expect(w->mqtt, "home/H1/device/0C1105AAAAAA/availability", "online");
	fake_mqtt_expect(w->mqtt, "home/H1/device/0C1105AAAAAA/info",
		"{\"mac\":\"0C1105AAAAAA\",\"device_name\":\"Front\",\"device_type\":"
		"\"Guard Phone\",\"sip\":\"123\",\"is_public\":false,\"online\":true,\"relays\":["
		"{\"relay_id\":\"R1\",\"relay_name\":\"Gate\",\"relay_number\":\"#\","
		"\"security\":false},"
		"{\"relay_id\":\"R2\",\"relay_name\":\"Garage\",\"relay_number\":\"#\","
		"\"security\":false},"
		"{\"relay_id\":\"NO\",\"relay_name\":\"Safe\",\"relay_number\":\"#\","
		"\"security\":false},"
		"{\"relay_id\":\"DUP\",\"relay_name\":\"Left\",\"relay_number\":\"#\","
		"\"security\":false}]}");
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/info",
		"{\"relay_id\":\"R1\",\"relay_name\":\"Gate\",\"relay_number\":\"#\","
		"\"security\":false,\"mac\":\"0C1105AAAAAA\",\"device_name\":\"Front\"}");
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "LOCKED");
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/H1/door/garage/info");
	fake_mqtt_expect(w->mqtt, "home/H1/door/garage/state", "LOCKED");
	/* Two homes, three devices, seven relays. */
	assert_int_equal(fake_mqtt_count(w->mqtt), 2 * (2 * 2 + 3 + 7));
	assert_null(strstr(fake_mqtt_last(w->mqtt, "home/flat/info")->text, "members"));
}

/* The bulk of it, which nobody waits for. */
static void histories_come_behind_all_states(void **state)
{
	struct world *w = *state;

	publisher_everything(w->publisher);
	settle(w);
	for (int i = 0; i < 2 * (2 + 3 + 7); i++)
		assert_null(strstr(fake_mqtt_next(w->mqtt)->topic, "/history/"));
	fake_mqtt_expect(w->mqtt, "home/H1/history/call", "[]");
	fake_mqtt_expect(w->mqtt, "home/H1/history/door", "[]");
	fake_mqtt_expect(w->mqtt, "home/flat/history/call", "[]");
	fake_mqtt_expect(w->mqtt, "home/flat/history/door", "[]");
	fake_mqtt_expect_nothing(w->mqtt);
}

static void everything_is_retained_and_holds_no_secret(void **state)
{
	struct world *w = *state;
	const struct sent *s;

	publisher_everything(w->publisher);
	settle(w);
	while ((s = fake_mqtt_next(w->mqtt))) {
		assert_true(s->retain);
		assert_int_equal(s->qos, 1);
		assert_null(strstr(s->text, "hidden"));
		assert_null(strstr(s->text, "rtsp"));
	}
}

static void only_what_differs_is_published(void **state)
{
	struct world *w = *state;
	struct device_record d = {
		.mac = "0C1105CCCCCC",
		.name = "Hall",
		.type = "Guard Phone",
		.sip = "123",
		.online = true,
		.relays = {{"R1", "Entrance", "#", false}},
		.n_relays = 1,
	};

	world_merge(w);
	settle(w);
	fake_mqtt_expect_nothing(w->mqtt);
	d.online = false;
	(void)merge_h2(w, &d, 1);
	settle(w);
	fake_mqtt_expect(w->mqtt, "home/flat/device/0C1105CCCCCC/availability", "offline");
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/flat/device/0C1105CCCCCC/info");
	fake_mqtt_expect_nothing(w->mqtt);
	d.relays[0].name = "Side";
	(void)merge_h2(w, &d, 1);
	settle(w);
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/flat/device/0C1105CCCCCC/info");
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/flat/door/R1/info");
	fake_mqtt_expect_nothing(w->mqtt);
	/* A relay's own info names its device. */
	d.name = "Lobby";
	(void)merge_h2(w, &d, 1);
	settle(w);
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/flat/device/0C1105CCCCCC/info");
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "\"device_name\":\"Lobby\""));
	fake_mqtt_expect_nothing(w->mqtt);
	cache_merge_members(w->cache, world_home(w, "H2"), 4);
	settle(w);
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "\"members\":4"));
	fake_mqtt_expect_nothing(w->mqtt);
}

static void changes_of_one_turn_are_published_once(void **state)
{
	struct world *w = *state;

	for (unsigned members = 1; members < 10; members++)
		cache_merge_members(w->cache, world_home(w, "H2"), members);
	settle(w);
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "\"members\":9"));
	fake_mqtt_expect_nothing(w->mqtt);
}

static void what_is_gone_is_cleared_and_then_forgotten(void **state)
{
	struct world *w = *state;

	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	for (int i = 0; i < CACHE_GONE_AFTER; i++) {
		settle(w);
		fake_mqtt_expect_nothing(w->mqtt);
		world_merge_homes(w, (const char *const[]){"H1", NULL});
	}
	settle(w);
	fake_mqtt_expect(w->mqtt, "home/flat/availability", "");
	fake_mqtt_expect(w->mqtt, "home/flat/info", "");
	fake_mqtt_expect(w->mqtt, "home/flat/nfc/state", "");
	fake_mqtt_expect(w->mqtt, "home/flat/ble/state", "");
	fake_mqtt_expect(w->mqtt, "home/flat/face/state", "");
	fake_mqtt_expect(w->mqtt, "home/flat/temp_keys", "");
	fake_mqtt_expect(w->mqtt, "home/flat/history/call", "");
	fake_mqtt_expect(w->mqtt, "home/flat/history/door", "");
	fake_mqtt_expect(w->mqtt, "home/flat/device/0C1105CCCCCC/availability", "");
	fake_mqtt_expect(w->mqtt, "home/flat/device/0C1105CCCCCC/info", "");
	fake_mqtt_expect(w->mqtt, "home/flat/device/0C1105CCCCCC/picture", "");
	fake_mqtt_expect(w->mqtt, "home/flat/door/R1/info", "");
	fake_mqtt_expect(w->mqtt, "home/flat/door/R1/state", "");
	fake_mqtt_expect_nothing(w->mqtt);
	/* It is kept until the broker has acknowledged all of it. */
	for (unsigned left = 13; left > 0; left--) {
		assert_non_null(cache_homes(w->cache)->next);
		fake_mqtt_acknowledge(w->mqtt, 1);
		publisher_go_on(w->publisher);
		settle(w);
	}
	assert_null(cache_homes(w->cache)->next);
	fake_mqtt_expect_nothing(w->mqtt);
}

/* Pictures were switched off: on each connection what may be left of them is cleared. */
static void no_pictures_are_wanted(void **state)
{
	struct world *w = *state;
	struct device_record d = device_with_relays("0C1105CCCCCC", "Hall", 1);
	const struct sent *s;
	unsigned n = 0;

	(void)merge_h2(w, &d, 1);
	publisher_set_pictures(w->publisher, false);
	for (unsigned connection = 1; connection <= 2; connection++) {
		publisher_everything(w->publisher);
		settle(w);
		while ((s = fake_mqtt_next(w->mqtt))) {
			size_t size = strlen(s->topic);

			if (size < 8 || strcmp(s->topic + size - 8, "/picture") != 0)
				continue;
			assert_string_equal(s->text, "");
			assert_true(s->retain);
			n++;
		}
		assert_int_equal(n, 3 * connection);
	}
	d.online = false;
	(void)merge_h2(w, &d, 1);
	settle(w);
	fake_mqtt_expect(w->mqtt, "home/flat/device/0C1105CCCCCC/availability", "offline");
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/flat/device/0C1105CCCCCC/info");
	fake_mqtt_expect_nothing(w->mqtt);
	/* It has its place in the window. */
	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	for (unsigned i = 2; i < MQTT_WINDOW; i++)
		assert_int_equal(publish_retained(w->mqtt, "t", ""), 0);
	world_home(w, "H2")->devices->changed = CHANGED_ALL;
	publisher_home(w->publisher, world_home(w, "H2"));
	settle(w);
	assert_int_equal(mqtt_unacknowledged(w->mqtt), MQTT_WINDOW - 2);
	fake_mqtt_acknowledge(w->mqtt, 1);
	publisher_go_on(w->publisher);
	settle(w);
	assert_int_equal(mqtt_unacknowledged(w->mqtt), MQTT_WINDOW);
}

static void a_lost_connection_forgets_nothing(void **state)
{
	struct world *w = *state;

	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		world_merge_homes(w, (const char *const[]){"H1", NULL});
	settle(w);
	assert_int_equal(fake_mqtt_count(w->mqtt), 13);
	fake_mqtt_forget(w->mqtt);
	/* Nothing was acknowledged, and nothing will be. */
	fake_mqtt_set_online(w->mqtt, false);
	publisher_lost(w->publisher);
	fake_mqtt_set_online(w->mqtt, true);
	publisher_go_on(w->publisher);
	settle(w);
	assert_non_null(cache_homes(w->cache)->next);
	publisher_everything(w->publisher);
	settle(w);
	acknowledge_all(w);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/availability")->text, "");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/door/R1/state")->text, "");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/H1/availability")->text, "online");
	assert_null(cache_homes(w->cache)->next);
}

static void what_goes_while_offline_is_cleared_later(void **state)
{
	struct world *w = *state;

	fake_mqtt_set_online(w->mqtt, false);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		world_merge_homes(w, (const char *const[]){"H1", NULL});
	settle(w);
	publisher_go_on(w->publisher);
	settle(w);
	assert_non_null(cache_homes(w->cache)->next);
	fake_mqtt_set_online(w->mqtt, true);
	publisher_everything(w->publisher);
	settle(w);
	acknowledge_all(w);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/info")->text, "");
	/* Each once: 13 topics of the home that is gone, 20 of the other. */
	assert_int_equal(fake_mqtt_count(w->mqtt), 13 + 20);
	assert_null(cache_homes(w->cache)->next);
}

static void a_home_that_returns_in_time_stays(void **state)
{
	struct world *w = *state;

	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		world_merge_homes(w, (const char *const[]){"H1", NULL});
	settle(w);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/info")->text, "");
	world_merge(w);
	acknowledge_all(w);
	assert_non_null(cache_homes(w->cache)->next);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/availability")->text, "online");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/door/R1/state")->text, "LOCKED");
	assert_non_null(
		strstr(fake_mqtt_last(w->mqtt, "home/flat/door/R1/info")->text, "Entrance"));
}

/* The new device has a relay of the same id, whose topics are the same. */
static void a_replaced_device_takes_its_topics_along(void **state)
{
	const struct device_record new = {
		.mac = "0C1105DDDDDD",
		.name = "New",
		.type = "",
		.sip = "",
		.relays = {{"R1", "Entrance", "#", false}},
		.n_relays = 1,
	};
	struct world *w = *state;

	for (int i = 0; i < CACHE_GONE_AFTER; i++) {
		(void)merge_h2(w, &new, 1);
		settle(w);
		acknowledge_all(w);
	}
	assert_string_equal(
		fake_mqtt_last(w->mqtt, "home/flat/device/0C1105CCCCCC/info")->text, "");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/door/R1/state")->text, "LOCKED");
	assert_non_null(
		strstr(fake_mqtt_last(w->mqtt, "home/flat/door/R1/info")->text, "0C1105DDDDDD"));
	assert_null(world_home(w, "H2")->devices->next);
}

static void the_window_is_respected(void **state)
{
	struct world *w = *state;
	struct device_record d = device_with_relays("0C1105EEEEEE", "Wall", 32);
	unsigned turns = 0;
	char topic[64];

	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	(void)merge_h2(w, &d, 1);
	settle(w);
	while (mqtt_unacknowledged(w->mqtt) > 0) {
		assert_true(mqtt_unacknowledged(w->mqtt) <= MQTT_WINDOW);
		/* One at a time, so that every room is met. */
		fake_mqtt_acknowledge(w->mqtt, 1);
		publisher_go_on(w->publisher);
		settle(w);
		turns++;
	}
	assert_int_equal(turns, 2 + 2 * 32);
	assert_int_equal(fake_mqtt_count(w->mqtt), 2 + 2 * 32);
	for (int i = 1; i <= 32; i++) {
		(void)snprintf(topic, sizeof(topic), "home/flat/door/%d/state", i);
		assert_string_equal(fake_mqtt_last(w->mqtt, topic)->text, "LOCKED");
	}
}

static void hundreds_of_homes_are_published(void **state)
{
	struct world *w = *state;
	struct family_record *records = calloc(700, sizeof(*records));
	char(*ids)[16] = calloc(700, sizeof(*ids));
	char topic[64];

	assert_non_null(records);
	assert_non_null(ids);
	for (int i = 0; i < 700; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "N%d", i);
		records[i] = (struct family_record){ids[i], "n", i % 2, true};
	}
	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	assert_int_equal(cache_merge_homes(w->cache, records, 700), 0);
	settle(w);
	while (mqtt_unacknowledged(w->mqtt) > 0) {
		assert_true(mqtt_unacknowledged(w->mqtt) <= MQTT_WINDOW);
		fake_mqtt_acknowledge(w->mqtt, (mqtt_unacknowledged(w->mqtt) + 1) / 2);
		publisher_go_on(w->publisher);
		settle(w);
	}
	assert_int_equal(fake_mqtt_count(w->mqtt), 4 * 700);
	(void)snprintf(topic, sizeof(topic), "home/N%d/availability", 699);
	assert_string_equal(fake_mqtt_last(w->mqtt, topic)->text, "online");
	free(records);
	free(ids);
}

static void a_connection_lost_in_between(void **state)
{
	struct world *w = *state;
	struct device_record d = device_with_relays("0C1105EEEEEE", "Wall", 32);

	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	(void)merge_h2(w, &d, 1);
	settle(w);
	assert_int_equal(fake_mqtt_count(w->mqtt), MQTT_WINDOW);
	fake_mqtt_set_online(w->mqtt, false);
	publisher_lost(w->publisher);
	publisher_go_on(w->publisher);
	settle(w);
	assert_int_equal(fake_mqtt_count(w->mqtt), MQTT_WINDOW);
	fake_mqtt_forget(w->mqtt);
	fake_mqtt_set_online(w->mqtt, true);
	publisher_everything(w->publisher);
	settle(w);
	acknowledge_all(w);
	assert_int_equal(fake_mqtt_count(w->mqtt), 2 * (2 * 2 + 4 + 7 + 32));
}

static void an_opening(struct world *w)
{
	world_send(w, "home/H1/door/R1/open", "OPEN");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
}

/* The connection is found dead in the midst of publishing. */
static void what_was_not_taken_comes_again(void **state)
{
	struct world *w = *state;

	fake_mqtt_fail(w->mqtt, MQTT_OFFLINE);
	cache_merge_members(w->cache, world_home(w, "H2"), 4);
	an_opening(w);
	settle(w);
	assert_int_equal(fake_mqtt_count(w->mqtt), 0);
	fake_mqtt_fail(w->mqtt, 0);
	publisher_go_on(w->publisher);
	settle(w);
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/flat/info");
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "UNLOCKED");
	fake_mqtt_expect_nothing(w->mqtt);
}

static void the_state_of_a_door_waits_for_the_connection(void **state)
{
	struct world *w = *state;

	fake_mqtt_set_online(w->mqtt, false);
	an_opening(w);
	settle(w);
	assert_int_equal(fake_mqtt_count(w->mqtt), 0);
	fake_mqtt_set_online(w->mqtt, true);
	publisher_everything(w->publisher);
	settle(w);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/H1/door/R1/state")->text, "UNLOCKED");
	fake_mqtt_forget(w->mqtt);
	time_pass(w->event, WORLD_HOLD_USEC);
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "LOCKED");
	fake_mqtt_expect_nothing(w->mqtt);
}

/* It is what people wait for, so it does not queue behind the rest. */
static void the_state_of_a_door_does_not_wait_for_the_window(void **state)
{
	struct world *w = *state;

	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	publisher_everything(w->publisher);
	settle(w);
	assert_int_equal(mqtt_room(w->mqtt), 0);
	fake_mqtt_forget(w->mqtt);
	an_opening(w);
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/H1/door/R1/result");
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "UNLOCKING");
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "UNLOCKED");
	fake_mqtt_expect_nothing(w->mqtt);
}

/* One topic that cannot be published does not stand in the way of the others. */
static void what_can_never_be_published_is_left_out(void **state)
{
	struct world *w = *state;

	fake_mqtt_fail(w->mqtt, MQTT_TOO_LARGE);
	publisher_everything(w->publisher);
	settle(w);
	fake_mqtt_fail(w->mqtt, 0);
	publisher_go_on(w->publisher);
	settle(w);
	fake_mqtt_expect_nothing(w->mqtt);
	cache_merge_members(w->cache, world_home(w, "H1"), 1);
	settle(w);
	assert_int_equal(fake_mqtt_count(w->mqtt), 1);
}

static void a_home_taken_out_of_the_queue(void **state)
{
	struct world *w = *state;

	cache_merge_members(w->cache, world_home(w, "H1"), 1);
	cache_merge_members(w->cache, world_home(w, "H2"), 1);
	publisher_forget(w->publisher, world_home(w, "H2"));
	publisher_forget(w->publisher, world_home(w, "H2"));
	cache_merge_members(w->cache, world_home(w, "H1"), 2);
	settle(w);
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/H1/info");
	fake_mqtt_expect_nothing(w->mqtt);
	cache_merge_members(w->cache, world_home(w, "H2"), 3);
	settle(w);
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/flat/info");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_of_a_home_in_order),
		TEST(histories_come_behind_all_states),
		TEST(everything_is_retained_and_holds_no_secret),
		TEST(only_what_differs_is_published),
		TEST(changes_of_one_turn_are_published_once),
		TEST(what_is_gone_is_cleared_and_then_forgotten),
		TEST(a_lost_connection_forgets_nothing),
		TEST(no_pictures_are_wanted),
		TEST(what_goes_while_offline_is_cleared_later),
		TEST(a_home_that_returns_in_time_stays),
		TEST(a_replaced_device_takes_its_topics_along),
		TEST(the_window_is_respected),
		TEST(hundreds_of_homes_are_published),
		TEST(a_connection_lost_in_between),
		TEST(what_was_not_taken_comes_again),
		TEST(the_state_of_a_door_waits_for_the_connection),
		TEST(the_state_of_a_door_does_not_wait_for_the_window),
		TEST(what_can_never_be_published_is_left_out),
		TEST(a_home_taken_out_of_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
