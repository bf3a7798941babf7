#include "tests/integration/scene.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ways to the broker, and what happens when there is none. */

/* The gateway serves by whatever way was set up, with MQTT 5 and then with 3.1.1. */
static void serve_with_both_protocols(struct harness *h)
{
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	(void)client_await(h->client, harness_door(h, "state"), "LOCKED");
	assert_int_equal(process_stop(h->gateway), 0);
	(void)client_await(h->client, "home/bridge/state", "offline");
	harness_set(h, "mqtt.protocol", "3.1.1");
	scene_restart_gateway(h);
	expect_success(scene_open(h, "UNLOCK"));
	(void)client_await(h->client, harness_door(h, "state"), "UNLOCKED");
	(void)client_await(h->client, harness_door(h, "state"), "LOCKED");
	scene_expect_openings(h, 2);
	process_kill(h->gateway);
	(void)client_await(h->client, "home/bridge/state", "offline");
}

HARNESS_TEST(by_a_unix_socket)
{
	serve_with_both_protocols(h);
}

HARNESS_TEST(by_tcp)
{
	harness_broker_tcp(h);
	serve_with_both_protocols(h);
}

HARNESS_TEST(by_tcp_with_user_and_password)
{
	harness_broker_tcp(h);
	harness_broker_user(h, "gateway", "a pass word, \xc3\xa9#;");
	serve_with_both_protocols(h);
	assert_null(strstr(process_log(h->gateway), "pass word"));
}

HARNESS_TEST(by_tls)
{
	harness_broker_tls(h);
	serve_with_both_protocols(h);
}

HARNESS_TEST(by_tls_with_user_and_password)
{
	harness_broker_tls(h);
	harness_broker_user(h, "gateway", "secret");
	serve_with_both_protocols(h);
}

HARNESS_TEST(by_tls_with_a_certificate_of_its_own)
{
	harness_broker_tls(h);
	harness_set(h, "mqtt.cert_file", h->certificate);
	harness_set(h, "mqtt.key_file", harness_text(h, "%s/tls.key", h->dir));
	serve_with_both_protocols(h);
}

static void expect_trouble(struct harness *h, const char *log)
{
	harness_start_broker(h);
	harness_start_sim(h);
	harness_start_client(h);
	harness_start_gateway(h);
	process_await_log(h->gateway, log);
	process_await_notify(h->gateway, "broker offline");
	assert_int_equal(client_count(h->client, "home/#"), 0);
}

HARNESS_TEST(a_wrong_password_is_told)
{
	harness_broker_user(h, "gateway", "right");
	harness_set(h, "mqtt.password_file", harness_file(h, "wrong", "not right\n", 0600));
	expect_trouble(h, "The broker refuses us: ");
	process_await_log(h->gateway, "check mqtt.username");
	assert_null(strstr(process_log(h->gateway), "not right"));
}

HARNESS_TEST(a_wrong_password_is_told_under_mqtt_3)
{
	harness_broker_user(h, "gateway", "right");
	harness_set(h, "mqtt.protocol", "3.1.1");
	harness_set(h, "mqtt.username", NULL);
	harness_set(h, "mqtt.password_file", NULL);
	expect_trouble(h, "The broker refuses us: ");
	process_await_log(h->gateway, "check mqtt.username");
}

HARNESS_TEST(a_certificate_of_nobody_known_is_refused)
{
	harness_broker_tls(h);
	harness_set(h, "mqtt.ca_file", NULL);
	expect_trouble(h, "The broker is away: ");
	process_await_log(h->gateway, "certificate");
}

HARNESS_TEST(a_certificate_for_another_name_is_refused)
{
	harness_broker_tls(h);
	harness_set(h, "mqtt.host", "127.0.0.2");
	harness_broker_line(h, harness_text(h, "listener %u 127.0.0.2", h->port));
	harness_broker_line(h, harness_text(h, "certfile %s", h->certificate));
	harness_broker_line(h, harness_text(h, "keyfile %s/tls.key", h->dir));
	expect_trouble(h, "The broker is away: ");
	process_await_log(h->gateway, "certificate");
}

HARNESS_TEST(a_broker_without_tls_is_not_spoken_to_in_the_clear)
{
	const char *certificate;

	harness_sim_tls(h);
	harness_set(h, "poll.devices", "10");
	harness_set(h, "poll.history", "10");
	harness_set(h, "poll.access", "10");
	harness_set(h, "poll.family", "10");
	certificate = h->certificate;
	harness_broker_tcp(h);
	harness_set(h, "mqtt.host", "localhost");
	harness_set(h, "mqtt.tls", "yes");
	harness_set(h, "mqtt.ca_file", certificate);
	expect_trouble(h, "The broker is away: ");
}

HARNESS_TEST(a_name_that_nobody_knows_is_told_and_polling_goes_on)
{
	scene_prepare(h);
	harness_set(h, "mqtt.socket", NULL);
	harness_set(h, "mqtt.host", "broker.invalid");
	harness_start_gateway(h);
	process_await_log(h->gateway, "The broker is away: its name cannot be resolved");
	process_await_notify(h->gateway, "STATUS=2 homes, 6 of 6 devices online");
}

HARNESS_TEST(a_broker_that_says_nothing_keeps_nobody_from_polling)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(mute, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(mute, 8), 0);
	assert_int_equal(getsockname(mute, (struct sockaddr *)&address, &size), 0);
	scene_prepare(h);
	harness_set(h, "mqtt.socket", NULL);
	harness_set(h, "mqtt.host", "127.0.0.1");
	harness_set(h, "mqtt.port", harness_text(h, "%u", ntohs(address.sin_port)));
	harness_launch_gateway(h);
	process_await_notify(h->gateway, "STATUS=2 homes, 6 of 6 devices online");
	assert_int_equal(process_count_notify(h->gateway, "READY=1"), 0);
	(void)close(mute);
}

HARNESS_TEST(what_changes_while_the_broker_is_away_is_told_when_it_is_back)
{
	scene_start(h);
	process_kill(h->broker);
	(void)control_post(h, "/device", "{'mac':'%s','online':false}", scene_mac(h, 0, 0));
	process_await_notify(h->gateway, "5 of 6 devices online");
	client_forget(h->client);
	harness_start_broker(h);
	(void)client_await(h->client, scene_device(h, 0, 0, "availability"), "offline");
	(void)client_await(h->client, scene_device(h, 0, 1, "availability"), "online");
	process_await_log(h->gateway, "The broker is back");
}

HARNESS_TEST(a_door_that_opened_before_the_broker_went_is_locked_when_it_is_back)
{
	harness_set(h, "door.hold_time", "1");
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	(void)client_await(h->client, harness_door(h, "state"), "UNLOCKED");
	process_kill(h->broker);
	client_forget(h->client);
	harness_start_broker(h);
	scene_await_broker(h);
	(void)client_await(h->client, harness_door(h, "state"), "LOCKED");
	client_settle(h->client);
	assert_string_equal(client_last(h->client, harness_door(h, "state"))->payload, "LOCKED");
}

HARNESS_TEST(an_outage_is_two_lines_in_the_log)
{
	const char *log, *first;

	harness_set(h, "log.level", "info");
	scene_start(h);
	process_kill(h->broker);
	process_await_log(h->gateway, "The broker is away");
	client_forget(h->client);
	harness_start_broker(h);
	scene_await_broker(h);
	process_await_log(h->gateway, "The broker is back");
	log = process_log(h->gateway);
	first = strstr(log, "The broker is away");
	assert_null(strstr(first + 1, "The broker is away"));
}

HARNESS_TEST(thrown_out_by_another_client_of_its_name_it_comes_back)
{
	scene_start(h);
	(void)client_free(client_new(h, "akuvox2mqtt", 5));
	process_await_log(h->gateway, "The broker is away");
	scene_await_broker(h);
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
}

HARNESS_TEST(a_broker_that_forbids_our_topics_is_told_of)
{
	harness_broker_user(h, "gateway", "right");
	harness_broker_line(h, harness_text(h, "acl_file %s",
				       harness_file(h, "acl",
					       "user " HARNESS_TESTER "\ntopic #\nuser gateway\n"
					       "topic write home/bridge/#\n",
					       0600)));
	scene_prepare(h);
	harness_start_gateway(h);
	(void)client_await(h->client, "home/bridge/state", "online");
	process_await_log(h->gateway, "The broker does not take all we publish");
	assert_int_equal(client_count(h->client, "home/+/door/#"), 0);
}

HARNESS_TEST(a_broker_that_takes_one_message_at_a_time)
{
	harness_broker_line(h, "max_inflight_messages 1");
	harness_sim_options(h, "--homes 20");
	harness_set(h, "poll.history", "60");
	harness_set(h, "poll.access", "0");
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
}

HARNESS_TEST(a_broker_that_takes_small_messages_only)
{
	harness_broker_line(h, "max_packet_size 300");
	scene_prepare(h);
	harness_start_gateway(h);
	(void)client_await(h->client, harness_door(h, "state"), "LOCKED");
	expect_success(scene_open(h, "OPEN"));
	(void)client_await(h->client, harness_door(h, "state"), "UNLOCKED");
	(void)control_await_openings(h, 1);
	assert_int_equal(client_count(h->client, "home/bridge/info"), 0);
}

HARNESS_TEST(hundreds_of_devices_are_told_of)
{
	harness_sim_options(h, "--homes 60 --devices 4");
	/* So many homes leave no time for anything else if they are asked for more each second. */
	harness_set(h, "poll.devices", "60");
	harness_set(h, "poll.history", "60");
	harness_set(h, "poll.access", "0");
	harness_set(h, "poll.family", "0");
	scene_start(h);
	assert_int_equal(client_count(h->client, "home/+/availability"), 60);
	assert_int_equal(client_count(h->client, "home/+/device/+/availability"), 240);
	process_kill(h->broker);
	client_forget(h->client);
	harness_start_broker(h);
	scene_await_doors(h);
}

HARNESS_MAIN(HARNESS_RUN(by_a_unix_socket), HARNESS_RUN(by_tcp),
	HARNESS_RUN(by_tcp_with_user_and_password), HARNESS_RUN(by_tls),
	HARNESS_RUN(by_tls_with_user_and_password),
	HARNESS_RUN(by_tls_with_a_certificate_of_its_own), HARNESS_RUN(a_wrong_password_is_told),
	HARNESS_RUN(a_wrong_password_is_told_under_mqtt_3),
	HARNESS_RUN(a_certificate_of_nobody_known_is_refused),
	HARNESS_RUN(a_certificate_for_another_name_is_refused),
	HARNESS_RUN(a_broker_without_tls_is_not_spoken_to_in_the_clear),
	HARNESS_RUN(a_name_that_nobody_knows_is_told_and_polling_goes_on),
	HARNESS_RUN(a_broker_that_says_nothing_keeps_nobody_from_polling),
	HARNESS_RUN(what_changes_while_the_broker_is_away_is_told_when_it_is_back),
	HARNESS_RUN(a_door_that_opened_before_the_broker_went_is_locked_when_it_is_back),
	HARNESS_RUN(an_outage_is_two_lines_in_the_log),
	HARNESS_RUN(thrown_out_by_another_client_of_its_name_it_comes_back),
	HARNESS_RUN(a_broker_that_forbids_our_topics_is_told_of),
	HARNESS_RUN(a_broker_that_takes_one_message_at_a_time),
	HARNESS_RUN(a_broker_that_takes_small_messages_only),
	HARNESS_RUN(hundreds_of_devices_are_told_of))
