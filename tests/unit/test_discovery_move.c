#include "tests/unit/cmocka-all.h"

#include <string.h>

#include "tests/unit/announcements.h"
#include "util/json.h"

/* Documents that are to be elsewhere: below another prefix, or under another name of the gateway.
 * That no entity is ever on two topics is what the checker watches in all of them. */

#define PHONE_ID    "home-H1-0C1105AAAAAA"
#define PHONE       ANNOUNCE_DIR PHONE_ID "/config"
#define SECOND_DIR  ANNOUNCE_PREFIX "/device/second-"
#define OTHER_DIR   ANNOUNCE_OTHER "/device/akuvox2mqtt-"
#define OTHER_PHONE OTHER_DIR PHONE_ID "/config"
#define ENTITIES    (3 + 2 * 8 + 2 * (6 + 2 * 2) + 1)
#define THINGS      6

static void settle(struct announcements *a)
{
	announcements_pass(a, 60 * USEC_PER_SEC);
}

static void start(struct announcements *a)
{
	announcements_connect(a);
	settle(a);
	assert_int_equal(announcements_kept(a, ANNOUNCE_DIR), THINGS);
}

static void reconnect(struct announcements *a)
{
	announcements_lose(a);
	announcements_connect(a);
}

static void set_prefix(struct announcements *a, const char *prefix)
{
	a->settings.prefix = prefix;
	announcements_set(a);
}

/* Documents of that many kinds are at one place only. */
static void expect_only(struct announcements *a, const char *directory, size_t n)
{
	assert_int_equal(announcements_kept(a, directory), n);
	assert_int_equal(announcements_kept(a, ""), n);
	assert_int_equal(checker_count(a->checker, NULL) + checker_count(a->other, NULL), ENTITIES);
}

/* Marked, so that Home Assistant lets go and forgets nothing; then there; then cleared here. */
static void another_prefix(void **state)
{
	struct announcements *a = *state;

	start(a);
	set_prefix(a, ANNOUNCE_OTHER);
	announcements_pass(a, 3 * USEC_PER_SEC);
	assert_string_equal(announcements_text(a, PHONE), MARKER);
	assert_string_equal(announcements_text(a, OTHER_PHONE), "");
	announcements_pass(a, 5 * USEC_PER_SEC);
	assert_string_equal(announcements_text(a, PHONE), MARKER);
	assert_string_not_equal(announcements_text(a, OTHER_PHONE), "");
	settle(a);
	expect_only(a, OTHER_DIR, THINGS);
	announcements_forget(a);
	settle(a);
	announcements_restart(a, true);
	settle(a);
	assert_int_equal(a->published, 0);
}

/* Homes and devices are the same to Home Assistant; the gateway is another, and the former one is
 * removed. */
static void another_client_id(void **state)
{
	static const char former[] = ANNOUNCE_DIR "gateway-akuvox2mqtt/config";
	_cleanup_(json_freep) struct json_object *before = NULL, *after = NULL;
	struct announcements *a = *state;

	start(a);
	before = announcements_component(a, PHONE, "lock-R1");
	a->settings.document.client_id = "second";
	announcements_set(a);
	reconnect(a);
	announcements_pass(a, 3 * USEC_PER_SEC);
	assert_string_equal(announcements_text(a, PHONE), MARKER);
	assert_string_equal(announcements_text(a, former), "");
	assert_string_not_equal(announcements_text(a, SECOND_DIR "gateway-second/config"), "");
	assert_string_equal(announcements_text(a, SECOND_DIR PHONE_ID "/config"), "");
	settle(a);
	after = announcements_component(a, SECOND_DIR PHONE_ID "/config", "lock-R1");
	assert_non_null(before);
	assert_true(json_object_equal(before, after));
	expect_only(a, SECOND_DIR, THINGS);
	assert_non_null(
		strstr(announcements_text(a, SECOND_DIR "home-H1/config"), "gateway-second"));
}

static void another_kind_as_well(void **state)
{
	struct announcements *a = *state;

	start(a);
	a->settings.mode = DISCOVERY_COMPONENT;
	set_prefix(a, ANNOUNCE_OTHER);
	settle(a);
	expect_only(a, ANNOUNCE_OTHER, ENTITIES);
	a->settings.mode = DISCOVERY_DEVICE;
	a->settings.document.client_id = "second";
	set_prefix(a, ANNOUNCE_PREFIX);
	reconnect(a);
	settle(a);
	expect_only(a, SECOND_DIR, THINGS);
}

static void single_documents(void **state)
{
	struct announcements *a = *state;

	a->settings.mode = DISCOVERY_COMPONENT;
	announcements_restart(a, true);
	settle(a);
	expect_only(a, ANNOUNCE_PREFIX, ENTITIES);
	set_prefix(a, ANNOUNCE_OTHER);
	settle(a);
	expect_only(a, ANNOUNCE_OTHER, ENTITIES);
}

static void off_clears_where_it_was(void **state)
{
	struct announcements *a = *state;

	start(a);
	a->settings.mode = DISCOVERY_OFF;
	set_prefix(a, ANNOUNCE_OTHER);
	settle(a);
	assert_int_equal(announcements_kept(a, ""), 0);
}

/* What goes at the same time, and what an earlier run left where they are to be. */
static void all_at_once(void **state)
{
	struct announcements *a = *state;
	struct device_record phone = announcements_phone();

	a->settings.prefix = ANNOUNCE_OTHER;
	announcements_restart(a, true);
	settle(a);
	expect_only(a, OTHER_DIR, THINGS);
	a->settings.prefix = ANNOUNCE_PREFIX;
	announcements_restart(a, true);
	/* It did not know of the others, and Home Assistant sees one of them. */
	settle(a);
	assert_int_equal(announcements_kept(a, ""), 2 * THINGS);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		announcements_merge_h1(a, &phone, 1);
	set_prefix(a, ANNOUNCE_OTHER);
	settle(a);
	assert_int_equal(announcements_kept(a, ANNOUNCE_DIR), 0);
	assert_int_equal(announcements_kept(a, OTHER_DIR), THINGS - 1);
}

/* Another reload or another connection at any moment of the way. */
static void any_step_can_be_interrupted(void **state)
{
	struct announcements *a = *state;

	start(a);
	for (unsigned ticks = 0; ticks < 200; ticks += 7) {
		set_prefix(a, ANNOUNCE_OTHER);
		announcements_pass(a, ticks * 100 * USEC_PER_MSEC);
		set_prefix(a, ANNOUNCE_PREFIX);
		settle(a);
		expect_only(a, ANNOUNCE_DIR, THINGS);
		set_prefix(a, ANNOUNCE_OTHER);
		announcements_pass(a, ticks * 100 * USEC_PER_MSEC);
		reconnect(a);
		settle(a);
		expect_only(a, OTHER_DIR, THINGS);
		set_prefix(a, "third");
		set_prefix(a, ANNOUNCE_PREFIX);
		announcements_pass(a, ticks * 100 * USEC_PER_MSEC);
		a->settings.document.client_id = "second";
		announcements_set(a);
		reconnect(a);
		settle(a);
		expect_only(a, SECOND_DIR, THINGS);
		a->settings.document.client_id = "akuvox2mqtt";
		announcements_set(a);
		reconnect(a);
		settle(a);
		expect_only(a, ANNOUNCE_DIR, THINGS);
	}
}

static bool clears(const struct announcements *a)
{
	const struct sent *s = fake_mqtt_last(a->mqtt, PHONE);

	return s && s->size == 0;
}

/* The broker is told again what it did not hear: all of the last step. */
static void a_step_that_was_lost(void **state)
{
	struct announcements *a = *state;
	unsigned tries = 0;

	start(a);
	set_prefix(a, ANNOUNCE_OTHER);
	while (!clears(a)) {
		assert_true(tries++ < 1000);
		announcements_pass(a, 0);
		time_pass(a->event, 100 * USEC_PER_MSEC);
	}
	time_pass(a->event, 2 * USEC_PER_SEC);
	assert_int_equal(fake_mqtt_count(a->mqtt), THINGS);
	fake_mqtt_forget(a->mqtt);
	assert_int_equal(announcements_kept(a, ANNOUNCE_DIR), THINGS);
	reconnect(a);
	settle(a);
	expect_only(a, OTHER_DIR, THINGS);
}

static void nobody_listens_where_nothing_is(void **state)
{
	struct announcements *a = *state;

	start(a);
	set_prefix(a, ANNOUNCE_OTHER);
	settle(a);
	for (int i = 0; i < 2; i++) {
		reconnect(a);
		assert_non_null(strstr(fake_mqtt_subscribed(a->mqtt), ANNOUNCE_OTHER "/+/"));
		settle(a);
	}
	assert_null(strstr(fake_mqtt_subscribed(a->mqtt), ANNOUNCE_PREFIX "/+/"));
}

static void another_status_topic(void **state)
{
	const struct mqtt_message birth = {.topic = "homeassistant/status",
		.payload = "online",
		.size = 6,
		.qos = 1,
		.expiry_sec = -1};
	struct announcements *a = *state;

	start(a);
	announcements_forget(a);
	a->settings.status_topic = "ha/state";
	announcements_set(a);
	assert_non_null(strstr(fake_mqtt_subscribed(a->mqtt), "ha/state"));
	settle(a);
	assert_int_equal(a->published, 0);
	assert_false(discovery_message(a->discovery, &birth));
	settle(a);
	assert_int_equal(a->published, 0);
	announcements_told(a, "ha/state", "online", false);
	settle(a);
	assert_int_equal(a->published, THINGS);
}

/* Nothing of it is subscribed to anew. */
static void the_same_settings(void **state)
{
	struct announcements *a = *state;
	size_t subscribed;

	start(a);
	announcements_forget(a);
	subscribed = strlen(fake_mqtt_subscribed(a->mqtt));
	announcements_set(a);
	settle(a);
	assert_int_equal(strlen(fake_mqtt_subscribed(a->mqtt)), subscribed);
	assert_int_equal(a->published, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANNOUNCE_TEST(another_prefix),
		ANNOUNCE_TEST(another_client_id),
		ANNOUNCE_TEST(another_kind_as_well),
		ANNOUNCE_TEST(single_documents),
		ANNOUNCE_TEST(off_clears_where_it_was),
		ANNOUNCE_TEST(all_at_once),
		ANNOUNCE_TEST(any_step_can_be_interrupted),
		ANNOUNCE_TEST(a_step_that_was_lost),
		ANNOUNCE_TEST(nobody_listens_where_nothing_is),
		ANNOUNCE_TEST(another_status_topic),
		ANNOUNCE_TEST(the_same_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
