#include "tests/integration/harness.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/integration/history_scene.h"
#include "tests/integration/scene.h"

/* What a reload takes over while the gateway works, and what it leaves alone. */

#define OPENING "trigger_akuvox_remote_open_door"

static void expect_connected_throughout(struct harness *h)
{
	assert_int_equal(client_count_payload(h->client, "home/bridge/state", "offline"), 0);
}

HARNESS_TEST(a_home_gets_an_alias)
{
	const char *old, *key;

	scene_start(h);
	old = harness_home(h, "info");
	key = harness_text(h, "residence %s.alias", scene_residence(h, 0));
	client_forget(h->client);
	harness_set(h, key, "villa");
	harness_set(h, harness_text(h, "residence %s.enabled", scene_residence(h, 1)), "yes");
	scene_reload(h);
	(void)client_await(h->client, old, "");
	(void)client_await(h->client, "home/villa/info", NULL);
	expect_connected_throughout(h);
	expect_success(client_ask(h->client,
		harness_text(h, "home/villa/door/%s/open", scene_relay(h, 0, 0, 0)), "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(a_home_comes_and_goes)
{
	const char *other;

	scene_prepare(h);
	harness_set(h, harness_text(h, "residence %s.enabled", scene_residence(h, 0)), "yes");
	harness_start_gateway(h);
	scene_await_broker(h);
	other = harness_text(h, "home/%s/info", scene_residence(h, 1));
	client_expect_none(h->client, other);
	harness_set(h, harness_text(h, "residence %s.enabled", scene_residence(h, 1)), "yes");
	scene_reload(h);
	(void)client_await(h->client, other, NULL);
	client_forget(h->client);
	harness_set(h, harness_text(h, "residence %s.enabled", scene_residence(h, 1)), "no");
	scene_reload(h);
	(void)client_await(h->client, other, "");
	expect_connected_throughout(h);
}

HARNESS_TEST(another_base_topic)
{
	const char *old;

	scene_start(h);
	old = harness_home(h, "info");
	client_forget(h->client);
	harness_set(h, "mqtt.base_topic", "haus/eins");
	scene_reload(h);
	(void)client_await(h->client, old, "");
	(void)client_await(h->client, "home/bridge/info", "");
	(void)client_await(h->client, "haus/eins/bridge/state", "online");
	(void)client_await(h->client, "home/bridge/state", "");
	(void)client_await(
		h->client, harness_text(h, "haus/eins/%s/info", scene_residence(h, 0)), NULL);
	expect_success(client_ask(h->client,
		harness_text(h, "haus/eins/%s/door/%s/open", scene_residence(h, 0),
			scene_relay(h, 0, 0, 0)),
		"OPEN"));
	scene_expect_openings(h, 1);
}

/* The cloud's settings change under an opening that is on its way: it is answered, once. */
HARNESS_TEST(an_opening_is_on_its_way)
{
	const char *result;

	scene_start(h);
	result = harness_door(h, "result");
	(void)control_post(h, "/fault", "{'on':'%s','kind':'delay','ms':600000}", OPENING);
	client_publish(h->client, harness_door(h, "open"), "{\"id\":1}");
	control_await_requests(h, OPENING, 1);
	harness_set(h, "cloud.max_in_flight", "3");
	scene_reload(h);
	expect_success(scene_open(h, "{\"id\":2}"));
	(void)control_delete(h, "/fault");
	assert_string_equal(message_get(client_await(h->client, result, NULL), "id"), "2");
	assert_string_equal(message_get(client_await(h->client, result, NULL), "id"), "1");
	expect_connected_throughout(h);
	scene_expect_openings(h, 2);
}

HARNESS_TEST(another_cloud)
{
	const char *file;

	scene_start(h);
	file = harness_file(h, "other-token", "not-the-token", 0600);
	harness_set(h, "cloud.access_token_file", file);
	scene_reload(h);
	(void)client_await(h->client, "home/bridge/cloud", "auth_failed");
	expect_error(scene_open(h, "OPEN"), "auth_failed");
	file = harness_file(h, "right-token", "sim-token", 0600);
	harness_set(h, "cloud.access_token_file", file);
	scene_reload(h);
	(void)client_await(h->client, "home/bridge/cloud", "online");
	expect_success(scene_open(h, "OPEN"));
	expect_connected_throughout(h);
	scene_expect_openings(h, 1);
}

HARNESS_TEST(another_client_id_leaves_nothing_behind)
{
	scene_start(h);
	client_forget(h->client);
	harness_set(h, "mqtt.client_id", "other");
	scene_reload(h);
	(void)client_await(h->client, "home/bridge/state", "offline");
	(void)client_await(h->client, "home/bridge/state", "online");
	scene_await_broker(h);
	expect_success(scene_open(h, "{\"id\":1}"));
	/* It remembers what it has done. */
	harness_set(h, "mqtt.client_id", "third");
	client_forget(h->client);
	scene_reload(h);
	scene_await_broker(h);
	expect_error(scene_open(h, "{\"id\":1}"), "duplicate");
	scene_expect_openings(h, 1);
}

static void expect_reloads(struct harness *h, unsigned n)
{
	while (process_count_notify(h->gateway, "RELOADING=1") < n)
		process_await_notify(h->gateway, "RELOADING=1");
}

/* The former connections are in use when the cloud's settings change once more. */
HARNESS_TEST(two_clouds_under_one_opening)
{
	scene_start(h);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'delay','ms':600000}", OPENING);
	client_publish(h->client, harness_door(h, "open"), "{\"id\":1}");
	control_await_requests(h, OPENING, 1);
	harness_set(h, "cloud.max_in_flight", "3");
	scene_reload(h);
	harness_set(h, "cloud.max_in_flight", "4");
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	expect_reloads(h, 2);
	expect_success(scene_open(h, "{\"id\":2}"));
	(void)control_delete(h, "/fault");
	while (process_count_notify(h->gateway, "READY=1") < 3)
		process_await_notify(h->gateway, "READY=1");
	expect_success(scene_open(h, "{\"id\":3}"));
	scene_expect_openings(h, 3);
	/* Nothing of it stands in the way of the next. */
	harness_set(h, "cloud.max_in_flight", "5");
	scene_reload(h);
}

/* Whoever asked by the former broker hears there what came of it. */
HARNESS_TEST(another_broker_under_an_opening)
{
	scene_start(h);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'delay','ms':600000}", OPENING);
	client_publish(h->client, harness_door(h, "open"), "{\"id\":1}");
	control_await_requests(h, OPENING, 1);
	harness_set(h, "mqtt.socket", harness_text(h, "%s/nobody", h->dir));
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	expect_reloads(h, 1);
	(void)control_delete(h, "/fault");
	expect_success(client_await(h->client, harness_door(h, "result"), NULL));
	(void)client_await(h->client, "home/bridge/state", "offline");
	while (process_count_notify(h->gateway, "READY=1") < 2)
		process_await_notify(h->gateway, "READY=1");
	assert_int_equal(control_opening_count(h), 1);
}

HARNESS_TEST(what_is_allowed)
{
	const char *door, *relay;

	scene_start(h);
	relay = scene_relay(h, 0, 0, 0);
	door = harness_text(h, "door %s.allow", relay);
	expect_success(scene_open(h, "{\"id\":1}"));
	harness_set(h, door, "no");
	scene_reload(h);
	expect_error(scene_open(h, "{\"id\":2}"), "not_allowed");
	harness_set(h, door, "yes");
	harness_set(h, "commands.allow", "read");
	scene_reload(h);
	expect_error(scene_open(h, "{\"id\":3}"), "not_allowed");
	expect_error(client_ask(h->client, harness_home(h, "nfc/set"), "ON"), "not_allowed");
	harness_set(h, "commands.allow", "read door");
	scene_reload(h);
	expect_success(scene_open(h, "{\"id\":4}"));
	expect_connected_throughout(h);
	scene_expect_openings(h, 2);
}

/* A reload with other names, as far as it comes with a broker that takes nothing. */
static void begin_move(struct harness *h)
{
	client_settle(h->client);
	process_signal(h->broker, SIGSTOP);
	harness_set(h, harness_text(h, "residence %s.alias", scene_residence(h, 0)), "villa");
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	expect_reloads(h, 1);
	assert_int_equal(process_count_notify(h->gateway, "READY=1"), 1);
}

HARNESS_TEST(the_broker_dies_while_names_move)
{
	const char *door;

	scene_start(h);
	door = harness_text(h, "home/villa/door/%s/open", scene_relay(h, 0, 0, 0));
	begin_move(h);
	process_kill(h->broker);
	while (process_count_notify(h->gateway, "READY=1") < 2)
		process_await_notify(h->gateway, "READY=1");
	h->client = client_free(h->client);
	harness_start_broker(h);
	harness_start_client(h);
	(void)client_await(h->client, "home/villa/info", NULL);
	scene_await_broker(h);
	expect_success(client_ask(h->client, door, "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(the_gateway_ends_while_names_move)
{
	scene_start(h);
	begin_move(h);
	process_signal(h->gateway, SIGTERM);
	assert_int_equal(process_wait(h->gateway), 0);
	assert_int_equal(process_count_notify(h->gateway, "READY=1"), 1);
	process_signal(h->broker, SIGCONT);
}

HARNESS_TEST(to_a_broker_that_is_not_there_and_back)
{
	scene_start(h);
	client_forget(h->client);
	harness_set(h, "mqtt.socket", harness_text(h, "%s/nobody", h->dir));
	scene_reload(h);
	(void)client_await(h->client, "home/bridge/state", "offline");
	process_await_notify(h->gateway, "broker offline");
	harness_set(h, harness_text(h, "residence %s.alias", scene_residence(h, 0)), "villa");
	scene_reload(h);
	harness_set(h, "mqtt.socket", h->socket);
	scene_reload(h);
	(void)client_await(h->client, "home/bridge/state", "online");
	(void)client_await(h->client, "home/villa/info", NULL);
	scene_await_broker(h);
	expect_success(client_ask(h->client,
		harness_text(h, "home/villa/door/%s/open", scene_relay(h, 0, 0, 0)), "OPEN"));
	scene_expect_openings(h, 1);
}

/* A reload of a service that has not started yet does not say that it has. */
HARNESS_TEST(before_the_broker_was_tried)
{
	scene_prepare(h);
	process_signal(h->broker, SIGSTOP);
	harness_launch_gateway(h);
	process_await_log(h->gateway, "starts with");
	process_signal(h->gateway, SIGHUP);
	process_await_log(h->gateway, "The configuration is reloaded");
	client_forget(h->client);
	assert_int_equal(process_count_notify(h->gateway, "READY=1"), 0);
	process_signal(h->broker, SIGCONT);
	process_await_notify(h->gateway, "READY=1");
	scene_await_broker(h);
}

/* Whoever reads the log learns why nothing has changed. */
HARNESS_TEST(a_file_that_is_not_there)
{
	const char *path;

	scene_start(h);
	path = harness_write_config(h);
	assert_int_equal(unlink(path), 0);
	process_signal(h->gateway, SIGHUP);
	process_await_log(h->gateway, harness_text(h, "%s: cannot be read: No such file", path));
	process_await_log(h->gateway, "the old one stays in force");
	harness_set(h, "commands.allow", "read");
	scene_reload(h);
	expect_error(scene_open(h, "OPEN"), "not_allowed");
	scene_expect_openings(h, 0);
}

static size_t count_refusals(struct harness *h)
{
	return process_count_notify(h->gateway, "STATUS=configuration not reloaded: ");
}

/* Whoever asks systemctl for the status learns it as well, until the file is right again. */
HARNESS_TEST(a_file_that_is_wrong)
{
	const char *why;

	scene_start(h);
	harness_set(h, "history.timezone", "Europe/Brelin");
	harness_set(h, "commands.allow", "read");
	scene_reload(h);
	why = harness_text(h, "\"Europe/Brelin\" is not a time zone like Europe/Berlin");
	process_await_log(h->gateway, why);
	process_await_log(h->gateway, "the old one stays in force");
	process_await_notify(h->gateway, why);
	assert_int_equal(count_refusals(h), 1);
	expect_success(scene_open(h, "OPEN"));
	expect_connected_throughout(h);
	harness_set(h, "history.timezone", "Europe/Berlin");
	harness_set(h, "commands.allow", NULL);
	scene_reload(h);
	expect_success(scene_open(h, "{\"id\":2}"));
	assert_int_equal(count_refusals(h), 1);
	scene_expect_openings(h, 2);
}

/* What is archived keeps its time, and is no event again; what is new goes by the new zone. */
HARNESS_TEST(another_time_zone)
{
	const char *topic;
	int64_t epoch;

	harness_set(h, "history.max_event_age", "1 d");
	history_scene_start(h);
	topic = harness_home(h, "event/call");
	history_ring(h, "first", "");
	epoch = atoll(message_get(client_await(h->client, topic, NULL), "epoch"));
	/* Always 9 hours ahead of UTC, which the simulator's times are in. */
	harness_set(h, "history.timezone", "Asia/Tokyo");
	scene_reload(h);
	process_await_log(h->gateway, "are now those of Asia/Tokyo");
	history_ring(h, "second", harness_text(h, ",'time':'%s'", history_time(h, epoch + 1)));
	epoch += 1 - 9 * 3600;
	assert_int_equal(atoll(message_get(client_await(h->client, topic, NULL), "epoch")), epoch);
	client_settle(h->client);
	client_expect_none(h->client, topic);
	expect_connected_throughout(h);
}

/* It holds what waits to be published: the gateway stays with it, and says so. */
HARNESS_TEST(another_cache_file)
{
	const char *file = harness_text(h, "%s/other.db", h->dir);

	scene_start(h);
	harness_set(h, "cache.file", file);
	scene_reload(h);
	process_await_log(h->gateway, "cache.file takes effect at the next restart only");
	process_await_notify(h->gateway, "STATUS=cache.file waits for a restart; ");
	assert_int_equal(access(file, F_OK), -1);
	harness_set(h, "cache.file", NULL);
	client_forget(h->client);
	scene_reload(h);
	assert_int_equal(process_stop(h->gateway), 0);
	assert_int_equal(access(file, F_OK), -1);
	harness_set(h, "cache.file", file);
	scene_restart_gateway(h);
	assert_int_equal(process_stop(h->gateway), 0);
	assert_int_equal(access(file, F_OK), 0);
	harness_start_gateway(h);
}

/* The last one counts, however many come while one is under way. */
HARNESS_TEST(reloads_in_a_row)
{
	static const char *const aliases[] = {"one", "two", "one", "two", "last"};

	scene_start(h);
	for (size_t i = 0; i < ELEMENTS(aliases); i++) {
		harness_set(h, harness_text(h, "residence %s.alias", scene_residence(h, 0)),
			aliases[i]);
		(void)harness_write_config(h);
		process_signal(h->gateway, SIGHUP);
	}
	(void)client_await(h->client, "home/last/info", NULL);
	expect_success(client_ask(h->client,
		harness_text(h, "home/last/door/%s/open", scene_relay(h, 0, 0, 0)), "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_MAIN(HARNESS_RUN(a_home_gets_an_alias), HARNESS_RUN(a_home_comes_and_goes),
	HARNESS_RUN(another_base_topic), HARNESS_RUN(an_opening_is_on_its_way),
	HARNESS_RUN(another_cloud), HARNESS_RUN(another_client_id_leaves_nothing_behind),
	HARNESS_RUN(two_clouds_under_one_opening), HARNESS_RUN(another_broker_under_an_opening),
	HARNESS_RUN(what_is_allowed), HARNESS_RUN(the_broker_dies_while_names_move),
	HARNESS_RUN(the_gateway_ends_while_names_move),
	HARNESS_RUN(to_a_broker_that_is_not_there_and_back),
	HARNESS_RUN(before_the_broker_was_tried), HARNESS_RUN(a_file_that_is_not_there),
	HARNESS_RUN(a_file_that_is_wrong), HARNESS_RUN(another_time_zone),
	HARNESS_RUN(another_cache_file), HARNESS_RUN(reloads_in_a_row))
