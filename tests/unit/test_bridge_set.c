#include "tests/unit/cmocka-all.h"

#include <string.h>

#include "tests/unit/fake_cloud.h"
#include "tests/unit/fake_mqtt.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/whole.h"
#include "util/clock.h"

/* Other settings, while the bridge works. */

static void new_settings_are_told(void **state)
{
	static const struct relay_settings relays[] = {{"R1", NULL, false, 0}};
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);

	whole_connect(w);
	fake_mqtt_forget(w->mqtt);
	s.requests.allowed.groups = 1 << COMMAND_GROUP_DOOR;
	s.names.relays = relays;
	s.names.n_relays = 1;
	assert_int_equal(bridge_set(w->bridge, &s, false), 0);
	assert_non_null(strstr(fake_mqtt_last(w->mqtt, "home/bridge/info")->text,
		"[\"trigger_akuvox_remote_open_door\"]"));
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R1/open", "OPEN");
	assert_non_null(
		strstr(fake_mqtt_last(w->mqtt, "home/H1/door/R1/result")->text, "not_allowed"));
	fake_mqtt_arrive(w->mqtt, "home/H1/request/get_family_info", "");
	assert_int_equal(fake_cloud_started(w->cloud), 0);
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R2/open", "OPEN");
	assert_int_equal(fake_cloud_started(w->cloud), 1);
}

static void acknowledge_all(struct whole *w)
{
	while (mqtt_unacknowledged(w->mqtt) > 0) {
		fake_mqtt_tell_acknowledged(w->mqtt, 1);
		time_settle(w->event);
	}
}

/* The old topics are cleared first, while the old names still hold. */
static void other_names_are_taken(void **state)
{
	static const struct residence_settings residences[] = {{"H1", "lake"}};
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);

	whole_connect(w);
	time_settle(w->event);
	s.names.residences = residences;
	s.names.n_residences = 1;
	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	fake_mqtt_forget(w->mqtt);
	assert_int_equal(bridge_set(w->bridge, &s, false), BRIDGE_MOVING);
	time_settle(w->event);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/H1/availability")->text, "");
	assert_null(fake_mqtt_last(w->mqtt, "home/lake/info"));
	assert_int_equal(w->moved, 0);
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R1/open", "OPEN");
	assert_int_equal(fake_cloud_started(w->cloud), 1);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	acknowledge_all(w);
	assert_int_equal(w->moved, 1);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/H1/door/R1/state")->text, "");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/lake/door/R1/state")->text, "UNLOCKED");
	assert_string_equal(
		fake_mqtt_last(w->mqtt, "home/lake/device/0C1105AAAAAA/availability")->text,
		"online");
	fake_mqtt_arrive(w->mqtt, "home/lake/door/R2/open", "OPEN");
	assert_int_equal(fake_cloud_started(w->cloud), 2);
	assert_null(fake_mqtt_moved(w->mqtt));
}

/* Nobody is there to whom the old topics could be cleared. */
static void other_names_without_a_broker(void **state)
{
	static const struct residence_settings residences[] = {{"H1", "lake"}};
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);

	s.names.residences = residences;
	s.names.n_residences = 1;
	assert_int_equal(bridge_set(w->bridge, &s, false), 0);
	whole_connect(w);
	time_settle(w->event);
	assert_non_null(fake_mqtt_last(w->mqtt, "home/lake/info"));
	assert_null(fake_mqtt_last(w->mqtt, "home/H1/info"));
}

/* What the broker does not hear any more does not keep anybody from the new names. */
static void other_names_and_the_broker_goes(void **state)
{
	static const struct residence_settings residences[] = {{"H1", "lake"}};
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);

	whole_connect(w);
	time_settle(w->event);
	s.names.residences = residences;
	s.names.n_residences = 1;
	s.mqtt.host = "other";
	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	assert_int_equal(bridge_set(w->bridge, &s, true), BRIDGE_MOVING);
	time_settle(w->event);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/H1/info")->text, "");
	assert_int_equal(w->moved, 0);
	assert_null(fake_mqtt_moved(w->mqtt));
	fake_mqtt_lose(w->mqtt);
	assert_int_equal(w->moved, 1);
	assert_string_equal(fake_mqtt_moved(w->mqtt), "other home/bridge/state");
	fake_mqtt_hold_acknowledgements(w->mqtt, false);
	fake_mqtt_forget(w->mqtt);
	whole_connect(w);
	time_settle(w->event);
	assert_non_null(fake_mqtt_last(w->mqtt, "home/lake/info"));
	assert_null(fake_mqtt_last(w->mqtt, "home/H1/info"));
	fake_mqtt_lose(w->mqtt);
	assert_int_equal(w->moved, 1);
}

static void another_base_topic(void **state)
{
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);

	whole_connect(w);
	time_settle(w->event);
	fake_mqtt_forget(w->mqtt);
	s.names.base_topic = "house";
	fake_mqtt_hold_acknowledgements(w->mqtt, true);
	assert_int_equal(bridge_set(w->bridge, &s, false), BRIDGE_MOVING);
	time_settle(w->event);
	acknowledge_all(w);
	assert_int_equal(w->moved, 1);
	fake_mqtt_hold_acknowledgements(w->mqtt, false);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/H1/info")->text, "");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/bridge/info")->text, "");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/bridge/health")->text, "");
	assert_string_equal(fake_mqtt_moved(w->mqtt), "localhost house/bridge/state");
	fake_mqtt_lose(w->mqtt);
	fake_mqtt_forget(w->mqtt);
	whole_connect(w);
	time_settle(w->event);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/bridge/state")->text, "");
	assert_non_null(fake_mqtt_last(w->mqtt, "house/H1/info"));
	assert_non_null(strstr(fake_mqtt_subscribed(w->mqtt), "house/+/door/+/open"));
}

/* Home Assistant gets the new topics, and none of the old ones. */
static void another_base_topic_in_documents(void **state)
{
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);
	const struct sent *sent;
	unsigned n = 0;

	s.discovery.mode = DISCOVERY_DEVICE;
	s.names.base_topic = "house";
	assert_int_equal(bridge_set(w->bridge, &s, true), 0);
	whole_connect(w);
	time_pass(w->event, 10 * USEC_PER_SEC);
	while ((sent = fake_mqtt_next(w->mqtt))) {
		if (strncmp(sent->topic, "homeassistant/", strlen("homeassistant/")) != 0)
			continue;
		assert_non_null(strstr(sent->text, "house/bridge/state"));
		assert_null(strstr(sent->text, "home/"));
		n++;
	}
	assert_int_equal(n, 4);
}

static void another_broker(void **state)
{
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);

	whole_connect(w);
	s.mqtt.host = "other";
	assert_int_equal(bridge_set(w->bridge, &s, true), 0);
	assert_string_equal(fake_mqtt_moved(w->mqtt), "other home/bridge/state");
}

/* Whoever asked hears of it where he asked, if it takes no more than a second. */
static void another_broker_waits_for_an_answer(void **state)
{
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);

	whole_connect(w);
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R1/open", "OPEN");
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R2/open", "OPEN");
	s.mqtt.host = "other";
	assert_int_equal(bridge_set(w->bridge, &s, true), BRIDGE_MOVING);
	time_pass(w->event, 300 * USEC_PER_MSEC);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	time_pass(w->event, 300 * USEC_PER_MSEC);
	assert_null(fake_mqtt_moved(w->mqtt));
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	assert_non_null(fake_mqtt_last(w->mqtt, "home/H1/door/R2/result"));
	assert_int_equal(w->moved, 0);
	time_pass(w->event, 100 * USEC_PER_MSEC);
	assert_string_equal(fake_mqtt_moved(w->mqtt), "other home/bridge/state");
	assert_int_equal(w->moved, 1);
	time_pass(w->event, 2 * USEC_PER_SEC);
	assert_int_equal(w->moved, 1);
}

static void another_broker_does_not_wait_for_ever(void **state)
{
	struct whole *w = *state;
	struct bridge_settings s = whole_settings(5);

	whole_connect(w);
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R1/open", "OPEN");
	s.mqtt.host = "other";
	assert_int_equal(bridge_set(w->bridge, &s, true), BRIDGE_MOVING);
	time_pass(w->event, 900 * USEC_PER_MSEC);
	assert_int_equal(w->moved, 0);
	time_pass(w->event, 200 * USEC_PER_MSEC);
	assert_int_equal(w->moved, 1);
	assert_non_null(fake_mqtt_moved(w->mqtt));
	fake_mqtt_arrive(w->mqtt, "home/H1/door/R2/open", "OPEN");
	assert_int_equal(bridge_set(w->bridge, &s, true), BRIDGE_MOVING);
	bridge_stop(w->bridge, whole_stopped);
	time_pass(w->event, 2 * USEC_PER_SEC);
	assert_int_equal(w->moved, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WHOLE_TEST(new_settings_are_told),
		WHOLE_TEST(other_names_are_taken),
		WHOLE_TEST(other_names_without_a_broker),
		WHOLE_TEST(other_names_and_the_broker_goes),
		WHOLE_TEST(another_base_topic),
		WHOLE_TEST(another_base_topic_in_documents),
		WHOLE_TEST(another_broker),
		WHOLE_TEST(another_broker_waits_for_an_answer),
		WHOLE_TEST(another_broker_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
