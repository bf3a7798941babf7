#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/announcements.h"
#include "util/json.h"

/* When Home Assistant is told of what. */

#define GATEWAY ANNOUNCE_DIR "gateway-akuvox2mqtt/config"
#define H1      ANNOUNCE_DIR "home-H1/config"
#define PHONE   ANNOUNCE_DIR "home-H1-0C1105AAAAAA/config"
#define MONITOR ANNOUNCE_DIR "home-H1-0C1105BBBBBB/config"
#define STATUS  "homeassistant/status"

#define THINGS 6 /* gateway, two homes, three devices */
#define HOUR   (3600 * USEC_PER_SEC)

/* All has settled, and nothing more follows. */
static void settle(struct announcements *a)
{
	size_t before;

	do {
		before = a->published;
		announcements_pass(a, 31 * USEC_PER_SEC);
	} while (a->published != before);
}

static void start(struct announcements *a)
{
	announcements_connect(a);
	settle(a);
	announcements_forget(a);
}

static void merge_without(struct announcements *a, size_t relays, size_t devices)
{
	struct device_record phone = announcements_phone();

	phone.n_relays = relays;
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		announcements_merge_h1(a, &phone, devices);
}

static void rename_phone(struct announcements *a, const char *name)
{
	struct device_record records[] = {announcements_phone(),
		{.mac = "0C1105BBBBBB", .name = "Hall", .type = "Indoor Monitor", .sip = "2"}};

	records[0].name = name;
	announcements_merge_h1(a, records, 2);
}

static void expect_published(struct announcements *a, size_t n)
{
	assert_int_equal(a->published, n);
	announcements_forget(a);
}

static void all_is_told_once(void **state)
{
	struct announcements *a = *state;

	announcements_connect(a);
	announcements_pass(a, 1900 * USEC_PER_MSEC);
	assert_int_equal(a->published, 0);
	announcements_pass(a, USEC_PER_SEC);
	assert_int_equal(announcements_kept(a, ANNOUNCE_DIR), THINGS);
	/* Two relays of two phones; the monitor has none. */
	assert_int_equal(checker_count(a->checker, "lock"), 4);
	assert_int_equal(checker_count(a->checker, "button"), 4 + 2);
	assert_int_equal(checker_count(a->checker, "event"), 2 * 2);
	assert_int_equal(checker_count(a->checker, "image"), 2);
	announcements_pass(a, 24 * HOUR);
	expect_published(a, THINGS);
}

static void a_change_is_told_when_it_has_settled(void **state)
{
	struct announcements *a = *state;

	start(a);
	for (int i = 0; i < 5; i++) {
		rename_phone(a, i % 2 ? "A" : "B");
		announcements_pass(a, 1900 * USEC_PER_MSEC);
	}
	assert_int_equal(a->published, 0);
	announcements_pass(a, 200 * USEC_PER_MSEC);
	assert_non_null(strstr(announcements_text(a, PHONE), "\"name\":\"B\""));
	settle(a);
	expect_published(a, 1);
}

static void what_changes_all_the_time_is_told_in_between(void **state)
{
	struct announcements *a = *state;

	start(a);
	for (int i = 0; i < 60; i++) {
		char name[2] = {(char)('A' + i), '\0'};

		rename_phone(a, name);
		announcements_pass(a, USEC_PER_SEC);
	}
	assert_in_range(a->published, 2, 3);
}

static void what_no_document_tells_is_no_change(void **state)
{
	struct announcements *a = *state;
	struct device_record records[] = {announcements_phone(),
		{.mac = "0C1105BBBBBB", .name = "Hall", .type = "Indoor Monitor", .sip = "9"}};

	start(a);
	records[0].online = false;
	announcements_merge_h1(a, records, 2);
	cache_merge_members(a->cache, cache_find(a->cache, "H1"), 7);
	cache_merge_access(a->cache, cache_find(a->cache, "H1"), ACCESS_NFC, true);
	settle(a);
	expect_published(a, 0);
}

/* First reduced to its platform, then left out; the checker would complain of a second step alone. */
static void a_door_that_goes_is_removed_in_two_steps(void **state)
{
	struct announcements *a = *state;

	start(a);
	merge_without(a, 1, 1);
	announcements_pass(a, 2200 * USEC_PER_MSEC);
	assert_non_null(
		strstr(announcements_text(a, PHONE), "\"lock-R2\":{\"platform\":\"lock\"}"));
	assert_non_null(
		strstr(announcements_text(a, PHONE), "\"open-R2\":{\"platform\":\"button\"}"));
	/* The monitor went, too. */
	assert_string_equal(announcements_text(a, MONITOR), "");
	settle(a);
	assert_null(strstr(announcements_text(a, PHONE), "R2"));
	assert_non_null(strstr(announcements_text(a, PHONE), "R1"));
	expect_published(a, 3);
	announcements_merge(a);
	settle(a);
	assert_non_null(strstr(announcements_text(a, PHONE), "R2"));
	expect_published(a, 2);
}

static void a_home_that_goes_takes_its_devices_along(void **state)
{
	struct announcements *a = *state;
	const struct family_record left = {"H2", "Town", true, true};

	start(a);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_homes(a->cache, &left, 1), 0);
	settle(a);
	assert_int_equal(announcements_kept(a, "H1"), 0);
	assert_int_equal(announcements_kept(a, "H2"), 2);
	expect_published(a, 3);
}

/* Whatever the cloud has told so far. */
static void a_home_that_is_not_served_any_more_is_removed(void **state)
{
	struct announcements *a = *state;

	start(a);
	a->not_served = "H1";
	cache_review_served(a->cache);
	announcements_pass(a, 3 * USEC_PER_SEC);
	assert_int_equal(announcements_kept(a, "H1"), 0);
	expect_published(a, 3);
}

/* Freed by the cache before its time has come. */
static void what_the_cache_has_forgotten_is_removed(void **state)
{
	struct announcements *a = *state;
	struct home *home = cache_find(a->cache, "H1");

	start(a);
	merge_without(a, 1, 1);
	home->changed = 0;
	home_each_device (home, device) {
		device->changed = 0;
		device_each_relay (device, relay)
			relay->changed = 0;
	}
	cache_sweep(a->cache, home);
	assert_null(home->devices->next);
	settle(a);
	assert_string_equal(announcements_text(a, MONITOR), "");
	assert_null(strstr(announcements_text(a, PHONE), "R2"));
}

static void a_connection_that_was_lost_changes_nothing(void **state)
{
	struct announcements *a = *state;

	start(a);
	announcements_lose(a);
	announcements_pass(a, HOUR);
	announcements_connect(a);
	settle(a);
	expect_published(a, 0);
}

static void what_the_broker_lost_is_told_again(void **state)
{
	struct announcements *a = *state;

	start(a);
	announcements_lose(a);
	announcements_clear(a);
	announcements_connect(a);
	settle(a);
	assert_int_equal(announcements_kept(a, ANNOUNCE_DIR), THINGS);
	expect_published(a, THINGS);
}

static void what_changed_meanwhile_is_told_after_the_connection(void **state)
{
	struct announcements *a = *state;

	start(a);
	announcements_lose(a);
	rename_phone(a, "Porch");
	merge_without(a, 1, 1);
	announcements_pass(a, HOUR);
	announcements_connect(a);
	settle(a);
	/* The phone in two steps, and the monitor is cleared. */
	expect_published(a, 3);
	assert_string_equal(announcements_text(a, MONITOR), "");
}

static void a_restart_says_nothing_new(void **state)
{
	struct announcements *a = *state;

	start(a);
	announcements_restart(a, true);
	settle(a);
	expect_published(a, 0);
	announcements_restart(a, false);
	announcements_pass(a, HOUR);
	announcements_merge(a);
	settle(a);
	expect_published(a, 0);
}

/* The broker is the memory of what an earlier run announced. */
static void what_went_before_a_restart_is_removed_in_two_steps(void **state)
{
	struct announcements *a = *state;

	start(a);
	a->settings.document.entities.allowed.groups = 1 << COMMAND_GROUP_READ;
	announcements_restart(a, true);
	announcements_pass(a, 2200 * USEC_PER_MSEC);
	assert_non_null(
		strstr(announcements_text(a, PHONE), "\"lock-R1\":{\"platform\":\"lock\"}"));
	assert_non_null(strstr(announcements_text(a, H1), "\"pin\":{\"platform\":\"text\"}"));
	/* Again, in the midst of it. */
	announcements_restart(a, true);
	settle(a);
	assert_int_equal(checker_count(a->checker, "lock"), 0);
	assert_int_equal(checker_count(a->checker, "text"), 0);
	assert_null(strstr(announcements_text(a, PHONE), "\"lock\""));
	assert_null(strstr(announcements_text(a, H1), "\"text\""));
}

/* A step that did not reach the broker counts for nothing. */
static void a_removal_that_was_lost_begins_anew(void **state)
{
	struct announcements *a = *state;
	const char *kept;

	start(a);
	kept = strdup(announcements_text(a, PHONE));
	merge_without(a, 1, 1);
	for (int i = 0; i < 22; i++)
		time_pass(a->event, 100 * USEC_PER_MSEC);
	assert_true(fake_mqtt_count(a->mqtt) > 0);
	fake_mqtt_forget(a->mqtt);
	announcements_lose(a);
	assert_string_equal(announcements_text(a, PHONE), kept);
	announcements_connect(a);
	announcements_pass(a, 2200 * USEC_PER_MSEC);
	assert_non_null(
		strstr(announcements_text(a, PHONE), "\"lock-R2\":{\"platform\":\"lock\"}"));
	settle(a);
	assert_null(strstr(announcements_text(a, PHONE), "R2"));
	free((char *)kept);
}

static void a_new_configuration_is_told(void **state)
{
	struct announcements *a = *state;

	start(a);
	a->settings.document.entities.met &= ~(unsigned)(NEED_CALLS | NEED_OPENINGS);
	announcements_set(a);
	settle(a);
	assert_int_equal(checker_count(a->checker, "event"), 0);
	assert_int_equal(checker_count(a->checker, "image"), 0);
	/* Both phones in two steps. */
	expect_published(a, 4);
}

/* A device that we do not know is gone once the cloud has left it out often enough. */
static void what_vanished_while_nobody_looked_is_removed(void **state)
{
	struct announcements *a = *state;
	struct device_record phone = announcements_phone();
	const struct family_record home = {"H1", "Lakeside", true, true};

	start(a);
	announcements_restart(a, false);
	announcements_pass(a, HOUR);
	expect_published(a, 0);
	for (int i = 0; i < CACHE_GONE_AFTER - 1; i++) {
		assert_int_equal(cache_merge_homes(a->cache, &home, 1), 0);
		announcements_merge_h1(a, &phone, 1);
		announcements_pass(a, HOUR);
		expect_published(a, 0);
	}
	assert_int_equal(cache_merge_homes(a->cache, &home, 1), 0);
	announcements_pass(a, HOUR);
	assert_int_equal(announcements_kept(a, "H2"), 0);
	assert_int_equal(announcements_kept(a, "H1"), 3);
	announcements_merge_h1(a, &phone, 1);
	announcements_pass(a, HOUR);
	assert_string_equal(announcements_text(a, MONITOR), "");
	assert_int_equal(announcements_kept(a, "H1"), 2);
}

static void what_others_wrote_stays(void **state)
{
	static const char *const topics[] = {ANNOUNCE_DIR "other/config",
		ANNOUNCE_DIR "home-H9/config", "homeassistant/lock/akuvox2mqtt/home-H9-x/config"};
	static const char text[] = "{\"origin\":{\"name\":\"other\"}}";
	struct announcements *a = *state;

	announcements_connect(a);
	for (size_t i = 0; i < ELEMENTS(topics); i++) {
		announcements_told(a, topics[i], text, true);
		announcements_told(a, topics[i], "no JSON", true);
		announcements_told(a, topics[i], "[]", true);
	}
	announcements_told(a, topics[0], "", false);
	announcements_told(a, ANNOUNCE_DIR "a/b/config", text, true);
	announcements_told(a, ANNOUNCE_DIR "config", text, true);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		announcements_merge(a);
	settle(a);
	expect_published(a, THINGS);
	announcements_set_mode(a, DISCOVERY_OFF);
	settle(a);
	expect_published(a, THINGS);
}

static void messages_on_other_topics_are_not_taken(void **state)
{
	static const char *const topics[] = {"homeassistant/device/other-x/config",
		"homeassistant//akuvox2mqtt/x/config", "homeassistant/status/x", "homeassistant",
		"home/H1/door/R1/open", "homeassistantx/device/akuvox2mqtt-x/config", ""};
	struct announcements *a = *state;
	struct mqtt_message message = {.payload = "x", .size = 1};

	for (size_t i = 0; i < ELEMENTS(topics); i++) {
		message.topic = topics[i];
		assert_false(discovery_message(a->discovery, &message));
	}
}

static void remove_outside(struct announcements *a, const char *topic)
{
	assert_null(checker_take(a->checker, topic, "", 0, clock_boot_usec()));
	(void)lh_table_delete(a->retained, topic);
	announcements_told(a, topic, "", false);
}

/* Home Assistant clears the topic when somebody deletes the device there. */
static void what_is_deleted_comes_back_ever_later(void **state)
{
	static const unsigned waits[] = {5, 10, 20, 40, 80, 160, 320, 640, 640};
	struct announcements *a = *state;

	start(a);
	for (size_t i = 0; i < ELEMENTS(waits); i++) {
		remove_outside(a, PHONE);
		announcements_pass(a, waits[i] * USEC_PER_SEC - 500 * USEC_PER_MSEC);
		assert_int_equal(a->published, 0);
		announcements_pass(a, USEC_PER_SEC);
		expect_published(a, 1);
		assert_string_not_equal(announcements_text(a, PHONE), "");
	}
	announcements_pass(a, HOUR);
	remove_outside(a, PHONE);
	announcements_pass(a, 6 * USEC_PER_SEC);
	expect_published(a, 1);
}

static void what_is_overwritten_comes_back(void **state)
{
	struct announcements *a = *state;

	start(a);
	announcements_told(a, PHONE, "{\"a\":1}", false);
	announcements_pass(a, 4 * USEC_PER_SEC);
	assert_int_equal(a->published, 0);
	settle(a);
	expect_published(a, 1);
	/* One that was kept from before, and comes late, says nothing. */
	announcements_told(a, PHONE, "{\"origin\":{\"name\":\"akuvox2mqtt\"}}", true);
	settle(a);
	expect_published(a, 0);
}

static void a_birth_has_all_sent_again_at_leisure(void **state)
{
	struct announcements *a = *state;

	start(a);
	announcements_told(a, STATUS, "online", true);
	announcements_told(a, STATUS, "offline", false);
	announcements_told(a, STATUS, "onlinex", false);
	announcements_told(a, STATUS, "", false);
	settle(a);
	expect_published(a, 0);
	for (int i = 0; i < 3; i++)
		announcements_told(a, STATUS, "online", false);
	announcements_pass(a, 900 * USEC_PER_MSEC);
	assert_int_equal(a->published, 0);
	settle(a);
	expect_published(a, THINGS);
}

static void what_comes_back_with_an_old_protocol_is_our_own(void **state)
{
	struct announcements *a = *state;

	a->echoes = true;
	announcements_connect(a);
	settle(a);
	expect_published(a, THINGS);
	announcements_set_mode(a, DISCOVERY_COMPONENT);
	settle(a);
	announcements_forget(a);
	announcements_set_mode(a, DISCOVERY_OFF);
	settle(a);
	assert_int_equal(announcements_kept(a, ""), 0);
	announcements_forget(a);
	announcements_pass(a, HOUR);
	expect_published(a, 0);
}

/* So long that the connection keeps it from us. */
static void a_document_that_cannot_be_read_is_sent_once(void **state)
{
	struct announcements *a = *state;
	struct device_record phone = announcements_phone();
	char names[RECORDS_RELAYS_MAX][CACHE_TEXT_MAX + 1], ids[RECORDS_RELAYS_MAX][128];
	struct json_object *component;

	a->echoes = true;
	phone.n_relays = RECORDS_RELAYS_MAX;
	for (size_t i = 0; i < RECORDS_RELAYS_MAX; i++) {
		memset(names[i], 'a', CACHE_TEXT_MAX);
		names[i][CACHE_TEXT_MAX] = '\0';
		(void)snprintf(ids[i], sizeof(ids[i]), "relay%0100zu", i);
		phone.relays[i] = (struct relay_record){ids[i], names[i], "#", false};
	}
	announcements_merge_h1(a, &phone, 1);
	start(a);
	assert_true(strlen(announcements_text(a, PHONE)) > MQTT_PAYLOAD_MAX);
	component = announcements_component(a, PHONE, "connection");
	assert_non_null(component);
	(void)json_object_put(component);
	announcements_lose(a);
	announcements_connect(a);
	settle(a);
	expect_published(a, 1);
}

static void the_window_of_the_connection_is_left_to_doors(void **state)
{
	struct announcements *a = *state;

	fake_mqtt_hold_acknowledgements(a->mqtt, true);
	announcements_connect(a);
	fake_mqtt_set_online(a->mqtt, true);
	announcements_pass(a, HOUR);
	assert_int_equal(a->published, THINGS);
	announcements_set_mode(a, DISCOVERY_COMPONENT);
	announcements_pass(a, HOUR);
	assert_in_range(a->published, MQTT_WINDOW / 2, MQTT_WINDOW - 4);
	fake_mqtt_hold_acknowledgements(a->mqtt, false);
	fake_mqtt_acknowledge(a->mqtt, mqtt_unacknowledged(a->mqtt));
	settle(a);
	assert_int_equal(announcements_kept(a, "/device/"), 0);
}

static void nothing_more_after_the_end(void **state)
{
	struct announcements *a = *state;

	start(a);
	rename_phone(a, "Porch");
	discovery_stop(a->discovery);
	fake_mqtt_set_online(a->mqtt, false);
	rename_phone(a, "Yard");
	fake_mqtt_set_online(a->mqtt, true);
	announcements_pass(a, HOUR);
	expect_published(a, 0);
}

static void what_cannot_be_published_stops_nothing(void **state)
{
	struct announcements *a = *state;

	announcements_connect(a);
	fake_mqtt_fail(a->mqtt, MQTT_TOO_LARGE);
	announcements_pass(a, HOUR);
	assert_int_equal(time_armed("discovery"), 0);
	fake_mqtt_fail(a->mqtt, 0);
	announcements_lose(a);
	announcements_connect(a);
	settle(a);
	expect_published(a, THINGS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANNOUNCE_TEST(all_is_told_once),
		ANNOUNCE_TEST(a_change_is_told_when_it_has_settled),
		ANNOUNCE_TEST(what_changes_all_the_time_is_told_in_between),
		ANNOUNCE_TEST(what_no_document_tells_is_no_change),
		ANNOUNCE_TEST(a_door_that_goes_is_removed_in_two_steps),
		ANNOUNCE_TEST(a_home_that_goes_takes_its_devices_along),
		ANNOUNCE_TEST(a_home_that_is_not_served_any_more_is_removed),
		ANNOUNCE_TEST(what_the_cache_has_forgotten_is_removed),
		ANNOUNCE_TEST(a_connection_that_was_lost_changes_nothing),
		ANNOUNCE_TEST(what_the_broker_lost_is_told_again),
		ANNOUNCE_TEST(what_changed_meanwhile_is_told_after_the_connection),
		ANNOUNCE_TEST(a_restart_says_nothing_new),
		ANNOUNCE_TEST(what_went_before_a_restart_is_removed_in_two_steps),
		ANNOUNCE_TEST(a_removal_that_was_lost_begins_anew),
		ANNOUNCE_TEST(a_new_configuration_is_told),
		ANNOUNCE_TEST(what_vanished_while_nobody_looked_is_removed),
		ANNOUNCE_TEST(what_others_wrote_stays),
		ANNOUNCE_TEST(messages_on_other_topics_are_not_taken),
		ANNOUNCE_TEST(what_is_deleted_comes_back_ever_later),
		ANNOUNCE_TEST(what_is_overwritten_comes_back),
		ANNOUNCE_TEST(a_birth_has_all_sent_again_at_leisure),
		ANNOUNCE_TEST(what_comes_back_with_an_old_protocol_is_our_own),
		ANNOUNCE_TEST(a_document_that_cannot_be_read_is_sent_once),
		ANNOUNCE_TEST(the_window_of_the_connection_is_left_to_doors),
		ANNOUNCE_TEST(nothing_more_after_the_end),
		ANNOUNCE_TEST(what_cannot_be_published_stops_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
