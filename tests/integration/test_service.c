#include "tests/integration/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the service manager sees of "akuvox2mqtt run". */

#define OPENING "trigger_akuvox_remote_open_door"

HARNESS_TEST(ready_does_not_wait_for_the_cloud)
{
	scene_prepare(h);
	process_kill(h->sim);
	harness_start_gateway(h);
	(void)client_await(h->client, "home/bridge/state", "online");
	(void)client_await(h->client, "home/bridge/cloud", "offline");
	process_await_notify(h->gateway, "cloud offline, broker online; last success never");
	harness_start_sim(h);
	scene_await_doors(h);
	expect_success(scene_open(h, "OPEN"));
}

HARNESS_TEST(ready_does_not_wait_for_a_cloud_that_hangs)
{
	scene_prepare(h);
	(void)control_post(h, "/fault", "{'on':'*','kind':'hang','count':-1}");
	harness_start_gateway(h);
	(void)client_await(h->client, "home/bridge/state", "online");
	(void)control_delete(h, "/fault");
}

HARNESS_TEST(ready_comes_once_the_broker_was_tried)
{
	harness_start_sim(h);
	harness_start_gateway(h);
	process_await_notify(h->gateway, "broker offline");
	harness_start_broker(h);
	harness_start_client(h);
	scene_await_doors(h);
	scene_await_broker(h);
	expect_success(scene_open(h, "OPEN"));
	process_await_notify(h->gateway, "broker online");
	assert_int_equal(process_count_notify(h->gateway, "READY=1"), 1);
}

HARNESS_TEST(ready_without_cloud_and_broker)
{
	harness_start_sim(h);
	process_kill(h->sim);
	harness_start_gateway(h);
	process_await_notify(h->gateway, "cloud offline, broker offline");
}

HARNESS_TEST(the_status_is_one_line)
{
	scene_start(h);
	process_await_notify(h->gateway,
		"STATUS=2 homes, 6 of 6 devices online, 8 doors; cloud online, broker online; "
		"last success 20");
	process_await_log(h->gateway, " doors; cloud online, broker online; last success 20");
	(void)control_post(h, "/device", "{'mac':'%s','online':false}", scene_mac(h, 0, 0));
	process_await_notify(h->gateway, "STATUS=2 homes, 5 of 6 devices online");
	process_kill(h->broker);
	process_await_notify(h->gateway, "cloud online, broker offline");
	process_kill(h->sim);
	process_await_notify(h->gateway, "cloud offline, broker offline");
}

static void await_pings(struct harness *h)
{
	unsigned before = process_count_notify(h->gateway, "WATCHDOG=1");

	while (process_count_notify(h->gateway, "WATCHDOG=1") < before + 3)
		process_await_notify(h->gateway, "WATCHDOG=1");
}

HARNESS_TEST(the_watchdog_hears_from_it_whatever_hangs)
{
	harness_setenv(h, "WATCHDOG_USEC", "200000");
	scene_start(h);
	await_pings(h);
	(void)control_post(h, "/fault", "{'on':'*','kind':'hang','count':-1}");
	client_publish(h->client, harness_door(h, "open"), "OPEN");
	control_await_requests(h, OPENING, 1);
	await_pings(h);
	process_signal(h->broker, SIGSTOP);
	await_pings(h);
	process_signal(h->broker, SIGCONT);
	(void)control_delete(h, "/fault");
	process_kill(h->broker);
	await_pings(h);
}

static void reload(struct harness *h)
{
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	process_await_notify(h->gateway, "RELOADING=1");
	process_await_notify(h->gateway, "READY=1");
	assert_int_equal(process_count_notify(h->gateway, "MONOTONIC_USEC="),
		process_count_notify(h->gateway, "RELOADING=1"));
}

HARNESS_TEST(a_reload_takes_the_new_file)
{
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	harness_set(h, "commands.allow", "read");
	reload(h);
	expect_error(scene_open(h, "OPEN"), "not_allowed");
	harness_set(h, "commands.allow", "read door");
	harness_set(h, "door.max_per_minute", "2");
	harness_set(h, "door.hold_time", "600");
	reload(h);
	expect_success(scene_open(h, "OPEN"));
	expect_error(scene_open(h, "OPEN"), "rate_limited");
	client_forget(h->client);
	client_expect_none(h->client, harness_door(h, "state"));
	scene_expect_openings(h, 2);
}

HARNESS_TEST(a_reload_with_a_bad_file_keeps_the_old_one)
{
	scene_start(h);
	harness_set(h, "commands.allow", "read");
	harness_set(h, "door.max_per_hour", "1");
	reload(h);
	process_await_log(h->gateway, "max_per_hour");
	process_await_log(h->gateway, "stays in force");
	expect_success(scene_open(h, "OPEN"));
	assert_int_equal(unlink(harness_text(h, "%s/akuvox2mqtt.conf", h->dir)), 0);
	process_signal(h->gateway, SIGHUP);
	process_await_notify(h->gateway, "READY=1");
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, 2);
}

HARNESS_TEST(a_reload_loses_no_command)
{
	const char *result;

	scene_start(h);
	result = harness_door(h, "result");
	(void)control_post(h, "/fault", "{'on':'%s','kind':'delay','ms':600000}", OPENING);
	client_publish(h->client, harness_door(h, "open"), "{\"id\":1}");
	control_await_requests(h, OPENING, 1);
	reload(h);
	(void)control_delete(h, "/fault");
	expect_success(client_await(h->client, result, NULL));
	process_signal(h->gateway, SIGHUP);
	client_publish(h->client, harness_door(h, "open"), "{\"id\":2}");
	process_signal(h->gateway, SIGHUP);
	expect_success(client_await(h->client, result, NULL));
	/* It stayed connected, and remembers what it has done. */
	expect_error(scene_open(h, "{\"id\":2}"), "duplicate");
	assert_int_equal(client_count_payload(h->client, "home/bridge/state", "offline"), 0);
	scene_expect_openings(h, 2);
}

HARNESS_TEST(a_second_gateway_on_the_same_folder_is_refused)
{
	const char *errors;

	scene_start(h);
	assert_int_equal(
		harness_verb(h, NULL, &errors, "run", "-c", harness_write_config(h), NULL), 1);
	assert_non_null(strstr(errors, "Another gateway is running"));
	expect_success(scene_open(h, "OPEN"));
	process_kill(h->gateway);
	/* A gateway that was killed is in nobody's way. */
	scene_restart_gateway(h);
	expect_success(scene_open(h, "OPEN"));
}

HARNESS_TEST(two_gateways_side_by_side)
{
	const char *build = getenv("TOP_BUILDDIR"), *folder = harness_text(h, "%s/second", h->dir);
	struct process *second = process_new(h->dir, "other");

	scene_start(h);
	assert_int_equal(mkdir(folder, 0700), 0);
	process_setenv(second, "STATE_DIRECTORY", folder);
	harness_set(h, "mqtt.client_id", "other");
	harness_set(h, "mqtt.base_topic", "other");
	process_exec(second, harness_text(h, "%s/akuvox2mqtt", build ? build : "."), "run", "-c",
		harness_write_config(h));
	harness_set(h, "mqtt.base_topic", "home");
	process_await_notify(second, "READY=1");
	(void)client_await(h->client, "other/+/door/+/state", "LOCKED");
	expect_success(scene_open(h, "OPEN"));
	client_expect_none(h->client, "other/+/door/+/result");
	scene_expect_openings(h, 1);
	assert_int_equal(process_stop(second), 0);
	(void)client_await(h->client, "other/bridge/state", "offline");
	client_expect_none(h->client, "home/bridge/state");
	(void)process_free(second);
}

HARNESS_MAIN(HARNESS_RUN(ready_does_not_wait_for_the_cloud),
	HARNESS_RUN(ready_does_not_wait_for_a_cloud_that_hangs),
	HARNESS_RUN(ready_comes_once_the_broker_was_tried),
	HARNESS_RUN(ready_without_cloud_and_broker), HARNESS_RUN(the_status_is_one_line),
	HARNESS_RUN(the_watchdog_hears_from_it_whatever_hangs),
	HARNESS_RUN(a_reload_takes_the_new_file),
	HARNESS_RUN(a_reload_with_a_bad_file_keeps_the_old_one),
	HARNESS_RUN(a_reload_loses_no_command),
	HARNESS_RUN(a_second_gateway_on_the_same_folder_is_refused),
	HARNESS_RUN(two_gateways_side_by_side))
