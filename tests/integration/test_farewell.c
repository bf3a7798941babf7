#include "tests/integration/scene.h"

#include <stdlib.h>

#include "util/clock.h"

/* How the gateway ends, and what is then on the broker. */

#define OPENING   "trigger_akuvox_remote_open_door"
#define READING   "get_family_remote_connect"
#define SOON_USEC (8 * USEC_PER_SEC)

/* Long before the time-outs of cloud and broker, 10 and 15 s. */
static void expect_end_soon(struct harness *h)
{
	uint64_t start = clock_boot_usec();

	process_signal(h->gateway, SIGTERM);
	assert_int_equal(process_wait(h->gateway), 0);
	if (!getenv("HARNESS_WRAP"))
		assert_true(clock_boot_usec() - start < SOON_USEC);
}

HARNESS_TEST(it_says_offline_and_leaves)
{
	scene_start(h);
	expect_end_soon(h);
	assert_true(client_await(h->client, "home/bridge/state", "offline")->retain);
	assert_int_equal(client_count_payload(h->client, "home/bridge/state", "offline"), 1);
	process_await_notify(h->gateway, "STOPPING=1");
}

HARNESS_TEST(a_sudden_end_is_told_by_the_broker)
{
	scene_start(h);
	process_kill(h->gateway);
	assert_true(client_await(h->client, "home/bridge/state", "offline")->retain);
	harness_start_gateway(h);
	(void)client_await(h->client, "home/bridge/state", "online");
}

HARNESS_TEST(an_interrupt_is_as_good)
{
	scene_start(h);
	process_signal(h->gateway, SIGINT);
	assert_int_equal(process_wait(h->gateway), 0);
	(void)client_await(h->client, "home/bridge/state", "offline");
}

HARNESS_TEST(it_does_not_wait_for_a_cloud_that_hangs)
{
	const char *open, *result, *response;

	scene_start(h);
	open = harness_door(h, "open");
	result = harness_door(h, "result");
	response = harness_home(h, "response/" READING);
	(void)control_post(h, "/fault", "{'on':'" READING "','kind':'hang','count':-1}");
	(void)control_post(h, "/fault", "{'on':'" OPENING "','kind':'hang','count':-1}");
	client_publish(h->client, harness_home(h, "request/" READING), "{\"id\":1}");
	control_await_requests(h, READING, 1);
	client_publish(h->client, open, "OPEN");
	control_await_requests(h, OPENING, 1);
	(void)control_post(h, "/fault", "{'on':'*','kind':'hang','count':-1}");
	expect_end_soon(h);
	expect_error(client_await(h->client, result, NULL), "outcome_unknown");
	expect_error(client_await(h->client, response, NULL), "outcome_unknown");
	(void)client_await(h->client, "home/bridge/state", "offline");
	(void)control_delete(h, "/fault");
	assert_int_equal(control_opening_count(h), 0);
}

HARNESS_TEST(an_answer_on_its_way_is_waited_for)
{
	scene_start(h);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'delay','ms':600000}", OPENING);
	client_publish(h->client, harness_door(h, "open"), "OPEN");
	control_await_requests(h, OPENING, 1);
	process_signal(h->gateway, SIGTERM);
	process_await_notify(h->gateway, "STOPPING=1");
	(void)control_delete(h, "/fault");
	expect_success(client_await(h->client, harness_door(h, "result"), NULL));
	(void)client_await(h->client, "home/bridge/state", "offline");
	assert_int_equal(process_wait(h->gateway), 0);
	(void)control_await_openings(h, 1);
}

HARNESS_TEST(nothing_is_begun_while_it_stops)
{
	scene_start(h);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'hang'}", OPENING);
	client_publish(h->client, harness_door(h, "open"), "OPEN");
	control_await_requests(h, OPENING, 1);
	process_signal(h->gateway, SIGTERM);
	process_await_notify(h->gateway, "STOPPING=1");
	client_publish(h->client, scene_door(h, 0, 0, 1, "open"), "OPEN");
	expect_error(
		client_await(h->client, scene_door(h, 0, 0, 1, "result"), NULL), "shutting_down");
	assert_int_equal(process_wait(h->gateway), 0);
	assert_int_equal(control_opening_count(h), 0);
}

HARNESS_TEST(it_does_not_wait_for_a_broker_that_hangs)
{
	scene_start(h);
	process_signal(h->broker, SIGSTOP);
	expect_end_soon(h);
	process_signal(h->broker, SIGCONT);
	(void)client_await(h->client, "home/bridge/state", "offline");
}

HARNESS_TEST(it_ends_without_broker_and_cloud)
{
	scene_start(h);
	process_kill(h->broker);
	process_kill(h->sim);
	expect_end_soon(h);
	client_forget(h->client);
	harness_start_broker(h);
}

HARNESS_TEST(it_ends_while_it_looks_for_the_broker)
{
	scene_prepare(h);
	harness_set(h, "mqtt.socket", NULL);
	harness_set(h, "mqtt.host", "192.0.2.1");
	harness_launch_gateway(h);
	process_await_log(h->gateway, "connecting");
	expect_end_soon(h);
}

HARNESS_TEST(it_ends_at_once_when_it_is_asked_twice)
{
	scene_start(h);
	(void)control_post(h, "/fault", "{'on':'*','kind':'hang','count':-1}");
	client_publish(h->client, harness_door(h, "open"), "OPEN");
	control_await_requests(h, OPENING, 1);
	process_signal(h->gateway, SIGTERM);
	process_await_notify(h->gateway, "STOPPING=1");
	expect_end_soon(h);
	(void)control_delete(h, "/fault");
}

HARNESS_MAIN(HARNESS_RUN(it_says_offline_and_leaves),
	HARNESS_RUN(a_sudden_end_is_told_by_the_broker), HARNESS_RUN(an_interrupt_is_as_good),
	HARNESS_RUN(it_does_not_wait_for_a_cloud_that_hangs),
	HARNESS_RUN(an_answer_on_its_way_is_waited_for),
	HARNESS_RUN(nothing_is_begun_while_it_stops),
	HARNESS_RUN(it_does_not_wait_for_a_broker_that_hangs),
	HARNESS_RUN(it_ends_without_broker_and_cloud),
	HARNESS_RUN(it_ends_while_it_looks_for_the_broker),
	HARNESS_RUN(it_ends_at_once_when_it_is_asked_twice))
