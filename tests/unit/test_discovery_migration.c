#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/announcements.h"
#include "util/json.h"

/* From one kind of documents to the other, and to none. That no entity is ever on two topics is what
 * the checker watches in all of them. */

#define PHONE_ID     "home-H1-0C1105AAAAAA"
#define PHONE        ANNOUNCE_DIR PHONE_ID "/config"
#define PHONE_SINGLE "homeassistant/lock/akuvox2mqtt/" PHONE_ID "-lock-R1/config"
#define ENTITIES     (3 + 2 * 8 + 2 * (6 + 2 * 2) + 1)

static void settle(struct announcements *a)
{
	announcements_pass(a, 60 * USEC_PER_SEC);
}

static void expect_devices(struct announcements *a)
{
	assert_int_equal(announcements_kept(a, "/device/"), 6);
	assert_int_equal(announcements_kept(a, ""), 6);
	assert_int_equal(checker_count(a->checker, NULL), ENTITIES);
}

static void expect_singles(struct announcements *a)
{
	assert_int_equal(announcements_kept(a, "/device/"), 0);
	assert_int_equal(announcements_kept(a, ""), ENTITIES);
	assert_int_equal(checker_count(a->checker, NULL), ENTITIES);
}

/* Marked, then taken over, then cleared, and time for Home Assistant in between. */
static void each_step_has_its_time(void **state)
{
	struct announcements *a = *state;

	announcements_connect(a);
	settle(a);
	expect_devices(a);
	announcements_set_mode(a, DISCOVERY_COMPONENT);
	announcements_pass(a, 3 * USEC_PER_SEC);
	assert_string_equal(announcements_text(a, PHONE), MARKER);
	assert_string_equal(announcements_text(a, PHONE_SINGLE), "");
	announcements_pass(a, 5 * USEC_PER_SEC);
	assert_string_not_equal(announcements_text(a, PHONE_SINGLE), "");
	assert_string_equal(announcements_text(a, PHONE), MARKER);
	settle(a);
	assert_string_equal(announcements_text(a, PHONE), "");
	expect_singles(a);
	announcements_set_mode(a, DISCOVERY_DEVICE);
	announcements_pass(a, 5 * USEC_PER_SEC);
	assert_string_equal(announcements_text(a, PHONE_SINGLE), MARKER);
	assert_string_equal(announcements_text(a, PHONE), "");
	announcements_pass(a, 4 * USEC_PER_SEC);
	assert_string_not_equal(announcements_text(a, PHONE), "");
	assert_string_equal(announcements_text(a, PHONE_SINGLE), MARKER);
	settle(a);
	expect_devices(a);
}

/* The same things under the same ids: Home Assistant keeps names, areas and history. */
static void entities_keep_their_ids(void **state)
{
	struct announcements *a = *state;
	_cleanup_(json_freep) struct json_object *component = NULL, *single = NULL;
	const char *text;

	announcements_connect(a);
	settle(a);
	component = announcements_component(a, PHONE, "lock-R1");
	announcements_set_mode(a, DISCOVERY_COMPONENT);
	settle(a);
	text = announcements_text(a, PHONE_SINGLE);
	assert_int_equal(json_parse(&single, text, strlen(text)), 0);
	assert_non_null(json_text(component, "unique_id"));
	json_object_object_foreach (component, key, value) {
		if (strcmp(key, "platform") != 0)
			assert_true(json_object_equal(json_get(single, key), value));
	}
	assert_non_null(json_get(single, "device"));
	assert_non_null(json_get(single, "origin"));
	assert_null(json_get(single, "platform"));
}

static void off_removes_everything(void **state)
{
	struct announcements *a = *state;

	announcements_connect(a);
	settle(a);
	announcements_set_mode(a, DISCOVERY_OFF);
	settle(a);
	assert_int_equal(announcements_kept(a, ""), 0);
	announcements_set_mode(a, DISCOVERY_COMPONENT);
	settle(a);
	expect_singles(a);
	announcements_set_mode(a, DISCOVERY_OFF);
	settle(a);
	assert_int_equal(announcements_kept(a, ""), 0);
	announcements_forget(a);
	announcements_restart(a, true);
	settle(a);
	assert_int_equal(a->published, 0);
}

/* Configured while the gateway was down, its cache lost on top. */
static void off_after_a_restart_needs_no_cache(void **state)
{
	struct announcements *a = *state;

	announcements_connect(a);
	settle(a);
	a->settings.mode = DISCOVERY_OFF;
	announcements_restart(a, false);
	settle(a);
	assert_int_equal(announcements_kept(a, ""), 0);
}

static void a_door_that_goes_is_cleared(void **state)
{
	struct announcements *a = *state;
	struct device_record phone = announcements_phone();

	a->settings.mode = DISCOVERY_COMPONENT;
	announcements_restart(a, true);
	settle(a);
	expect_singles(a);
	announcements_forget(a);
	phone.n_relays = 1;
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		announcements_merge_h1(a, &phone, 1);
	settle(a);
	/* Lock and button, and the monitor. */
	assert_int_equal(a->published, 3);
	assert_int_equal(checker_count(a->checker, NULL), ENTITIES - 3);
}

static void what_is_deleted_comes_back(void **state)
{
	struct announcements *a = *state;

	a->settings.mode = DISCOVERY_COMPONENT;
	announcements_restart(a, true);
	settle(a);
	announcements_forget(a);
	for (int i = 0; i < 3; i++) {
		announcements_told(a, PHONE_SINGLE, "", false);
		announcements_pass(a, 11 * USEC_PER_SEC << i);
		assert_int_equal(a->published, i + 1);
	}
}

/* Home Assistant has had its time for the marks while the gateway was away. */
static void what_is_marked_is_not_marked_again(void **state)
{
	struct announcements *a = *state;

	announcements_connect(a);
	settle(a);
	announcements_set_mode(a, DISCOVERY_COMPONENT);
	announcements_pass(a, 3 * USEC_PER_SEC);
	assert_int_equal(checker_count(a->checker, NULL), 0);
	announcements_restart(a, true);
	announcements_pass(a, 4 * USEC_PER_SEC);
	assert_int_equal(checker_count(a->checker, NULL), ENTITIES);
}

/* A device with all its entities: one deletion. */
static void what_is_deleted_at_once_counts_once(void **state)
{
	static const char *const topics[] = {PHONE_SINGLE,
		"homeassistant/event/akuvox2mqtt/" PHONE_ID "-doorbell/config",
		"homeassistant/button/akuvox2mqtt/" PHONE_ID "-open-R1/config"};
	struct announcements *a = *state;

	a->settings.mode = DISCOVERY_COMPONENT;
	announcements_restart(a, true);
	settle(a);
	announcements_forget(a);
	for (unsigned wait = 6; wait < 30; wait *= 2) {
		for (size_t i = 0; i < ELEMENTS(topics); i++)
			announcements_told(a, topics[i], "", false);
		announcements_pass(a, wait * USEC_PER_SEC);
		assert_int_equal(a->published, ELEMENTS(topics));
		announcements_forget(a);
	}
}

/* The gateway ends at any moment of the way there and back, also with another mode asked for. */
static void any_step_can_be_interrupted(void **state)
{
	static const enum discovery_mode ways[][3] = {
		{DISCOVERY_DEVICE, DISCOVERY_COMPONENT, DISCOVERY_COMPONENT},
		{DISCOVERY_COMPONENT, DISCOVERY_DEVICE, DISCOVERY_DEVICE},
		{DISCOVERY_DEVICE, DISCOVERY_COMPONENT, DISCOVERY_DEVICE},
		{DISCOVERY_COMPONENT, DISCOVERY_DEVICE, DISCOVERY_COMPONENT},
		{DISCOVERY_DEVICE, DISCOVERY_COMPONENT, DISCOVERY_OFF},
		{DISCOVERY_COMPONENT, DISCOVERY_DEVICE, DISCOVERY_OFF},
	};
	struct announcements *a = *state;

	for (size_t way = 0; way < ELEMENTS(ways); way++)
		for (unsigned ticks = 20; ticks < 200; ticks += 7) {
			a->settings.mode = ways[way][0];
			announcements_restart(a, true);
			settle(a);
			a->settings.mode = ways[way][1];
			announcements_restart(a, true);
			announcements_pass(a, ticks * 100 * USEC_PER_MSEC);
			a->settings.mode = ways[way][2];
			announcements_restart(a, true);
			settle(a);
			if (ways[way][2] == DISCOVERY_DEVICE)
				expect_devices(a);
			else if (ways[way][2] == DISCOVERY_COMPONENT)
				expect_singles(a);
			else
				assert_int_equal(announcements_kept(a, ""), 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANNOUNCE_TEST(each_step_has_its_time),
		ANNOUNCE_TEST(entities_keep_their_ids),
		ANNOUNCE_TEST(off_removes_everything),
		ANNOUNCE_TEST(off_after_a_restart_needs_no_cache),
		ANNOUNCE_TEST(a_door_that_goes_is_cleared),
		ANNOUNCE_TEST(what_is_deleted_comes_back),
		ANNOUNCE_TEST(what_is_marked_is_not_marked_again),
		ANNOUNCE_TEST(what_is_deleted_at_once_counts_once),
		ANNOUNCE_TEST(any_step_can_be_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
