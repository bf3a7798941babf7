#include "tests/unit/mqtt-client.h"

/* To another broker, or by another name, while the connection works. The other one is the same
 * broker by its port: what tells the two apart is the state topic. */

#define OTHER "house/bridge/state"

static struct mqtt_settings settings_of_other(void)
{
	struct mqtt_settings s = settings_of_port();

	s.state_topic = OTHER;
	return s;
}

static void says_goodbye_and_goes(void **state)
{
	const struct mqtt_settings s = settings_of_us(), invalid = {.host = "localhost"};
	char id[] = "moved";
	struct mqtt_settings other;

	broker_start(&t.broker, "allow_anonymous true");
	other = settings_of_other();
	other.client_id = id;
	t.is_patient = true;
	client_connect(&t.us, &s);
	watch("+/bridge/state");
	run_until(t.watcher.messages == 1);
	for (int i = 0, n; i < 50; i++)
		assert_int_equal(publish(&t.us, "a", "", &n), 0);
	assert_int_equal(mqtt_move(t.us.mqtt, &invalid), -EINVAL);
	assert_int_equal(mqtt_move(t.us.mqtt, &other), 0);
	/* They are copied. */
	memset(id, 0, sizeof(id));
	assert_int_equal(t.us.lost, 0);
	assert_false(mqtt_online(t.us.mqtt));
	run_until(t.us.connected == 2);
	assert_int_equal(t.us.lost, 1);
	assert_int_equal(t.us.acknowledged, 50);
	run_until(strstr(t.watcher.log, OTHER "=online;"));
	assert_non_null(strstr(t.watcher.log, STATE "=offline;"));
	mqtt_stop(t.us.mqtt, client_stopped);
	run_until(t.us.stopped);
	assert_int_equal(t.us.lost, 1);
}

static void goes_from_a_frozen_broker(void **state)
{
	const struct mqtt_settings s = settings_of_us();
	struct mqtt_settings other;
	struct broker second;

	broker_start(&t.broker, "allow_anonymous true");
	client_connect(&t.us, &s);
	run_until(mqtt_unacknowledged(t.us.mqtt) == 0);
	broker_new(&second);
	broker_start(&second, "");
	other = settings_of_us();
	other.socket = second.socket;
	broker_signal(&t.broker, SIGSTOP);
	assert_int_equal(mqtt_move(t.us.mqtt, &other), 0);
	run_until(t.us.connected == 2);
	assert_int_equal(t.us.lost, 1);
	broker_signal(&t.broker, SIGCONT);
	mqtt_stop(t.us.mqtt, client_stopped);
	run_until(t.us.stopped);
	broker_kill(&second);
	broker_free(&second);
}

/* The first broker is not there, and not waited for. */
static void goes_without_a_connection(void **state)
{
	const struct mqtt_settings s = settings_of_us();
	struct mqtt_settings other;

	client_start(&t.us, &s);
	run_until(mqtt_tried(t.us.mqtt));
	run_until(t.us.lost == 1);
	broker_start(&t.broker, "allow_anonymous true");
	other = settings_of_other();
	/* On the way to one is no better than waiting for the next try. */
	assert_int_equal(mqtt_move(t.us.mqtt, &s), 0);
	assert_int_equal(mqtt_move(t.us.mqtt, &other), 0);
	watch(OTHER);
	run_until(t.us.connected == 1);
	run_until(t.watcher.messages == 1);
	assert_non_null(strstr(t.watcher.log, OTHER "=online;"));
	assert_int_equal(t.us.lost, 1);
}

/* The last one counts, and whoever stops goes nowhere any more. */
static void changes_its_mind(void **state)
{
	const struct mqtt_settings s = settings_of_us();
	struct mqtt_settings nowhere = settings_of_us(), other;

	nowhere.socket = "/nowhere";
	broker_start(&t.broker, "allow_anonymous true");
	other = settings_of_other();
	client_connect(&t.us, &s);
	assert_int_equal(mqtt_move(t.us.mqtt, &nowhere), 0);
	assert_int_equal(mqtt_move(t.us.mqtt, &other), 0);
	run_until(t.us.connected == 2);
	run_until(mqtt_unacknowledged(t.us.mqtt) == 0);
	assert_int_equal(mqtt_move(t.us.mqtt, &s), 0);
	mqtt_stop(t.us.mqtt, client_stopped);
	run_until(t.us.stopped);
	run_for(100 * USEC_PER_MSEC);
	assert_int_equal(t.us.stopped, 1);
	assert_int_equal(t.us.connected, 2);
	assert_false(mqtt_online(t.us.mqtt));
	/* And is freed in the midst of it. */
	assert_int_equal(mqtt_start(t.us.mqtt), 0);
	run_until(t.us.connected == 3);
	assert_int_equal(mqtt_move(t.us.mqtt, &other), 0);
	t.us.mqtt = mqtt_free(t.us.mqtt);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(says_goodbye_and_goes),
		TEST(goes_from_a_frozen_broker),
		TEST(goes_without_a_connection),
		TEST(changes_its_mind),
	};

	return cmocka_run_group_tests_name("mqtt-move", tests, NULL, NULL);
}
