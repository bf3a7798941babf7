#include "tests/integration/harness.h"

#include <stdio.h>
#include <string.h>

/* The harness itself: what it builds on must hold before another test can be believed. */

HARNESS_TEST(a_message_keeps_its_properties)
{
	_cleanup_(client_freep) struct client *sender = NULL;
	const struct message *m;

	harness_start_broker(h);
	harness_start_client(h);
	sender = client_new(h, "sender", 5);
	client_publish(sender, "a/b", "{\"x\":[{\"y\":null},12]}", .retain = true, .expiry = 60,
		.response_topic = "a/answer", .correlation = "k1", .content_type = "json");
	m = client_await(h->client, "a/+", NULL);
	assert_string_equal(m->topic, "a/b");
	assert_true(m->retain);
	assert_int_equal(m->qos, 1);
	assert_in_range(m->expiry, 1, 60);
	assert_string_equal(m->response_topic, "a/answer");
	assert_string_equal(m->correlation, "k1");
	assert_string_equal(m->content_type, "json");
	assert_string_equal(message_get(m, "x.0.y"), "null");
	assert_string_equal(message_get(m, "x.1"), "12");
	assert_string_equal(message_get(m, "x.2"), "");
	assert_string_equal(message_get(m, "z"), "");
}

HARNESS_TEST(messages_are_read_in_order)
{
	_cleanup_(client_freep) struct client *sender = NULL;
	const struct message *m;

	harness_start_broker(h);
	harness_start_client(h);
	sender = client_new(h, NULL, 4);
	client_publish(sender, "door", "LOCKED");
	client_publish(sender, "other", "1");
	client_publish(sender, "door", "UNLOCKED");
	client_publish(sender, "door", "LOCKED");
	(void)client_await(h->client, "door", "UNLOCKED");
	m = client_await(h->client, "door", "LOCKED");
	assert_ptr_equal(m, client_last(h->client, "door"));
	assert_false(m->retain);
	(void)client_await(h->client, "other", NULL);
	assert_int_equal(client_count(h->client, "door"), 3);
	assert_string_equal(client_last(h->client, "#")->payload, "LOCKED");
	assert_null(client_last(h->client, "none"));
}

HARNESS_TEST(a_client_outlives_its_broker)
{
	_cleanup_(client_freep) struct client *sender = NULL;
	_cleanup_(client_freep) struct client *retained = NULL;

	harness_start_broker(h);
	harness_start_client(h);
	sender = client_new(h, NULL, 5);
	client_publish(sender, "kept", "1", .retain = true);
	client_publish(sender, "passing", "1");
	retained = client_retained(h, "#");
	assert_int_equal(client_count(retained, "#"), 1);
	assert_string_equal(client_last(retained, "kept")->payload, "1");
	process_kill(h->broker);
	harness_start_broker(h);
	client_publish(sender, "back", "1");
	(void)client_await(h->client, "back", NULL);
}

static int publish_by_tls(struct harness *h, const char *password)
{
	process_exec(h->gateway, "mosquitto_pub", "-h", "localhost", "-p",
		harness_text(h, "%u", h->port), "--cafile", h->certificate, "-u", "gateway", "-P",
		password, "-t", "by/tls", "-m", password);
	return process_wait(h->gateway);
}

HARNESS_TEST(a_broker_with_tls_and_users)
{
	char text[512] = "";
	const char *path;
	FILE *file;

	harness_broker_tls(h);
	harness_broker_user(h, "gateway", "gateway-password");
	harness_start_broker(h);
	harness_start_client(h);
	assert_int_not_equal(publish_by_tls(h, "wrong"), 0);
	assert_int_equal(publish_by_tls(h, "gateway-password"), 0);
	(void)client_await(h->client, "by/tls", "gateway-password");
	assert_int_equal(client_count(h->client, "by/tls"), 1);
	harness_set(h, "door r1.alias", "front");
	harness_set(h, "mqtt.client_id", "first");
	harness_set(h, "mqtt.client_id", "second");
	path = harness_write_config(h);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	(void)fclose(file);
	assert_non_null(strstr(text, "[door r1]\nalias = front\n"));
	assert_non_null(strstr(text, "client_id = second\n"));
	assert_null(strstr(text, "first"));
	assert_null(strstr(text, "socket"));
}

HARNESS_TEST(a_process_is_watched)
{
	harness_setenv(h, "GREETING", "hello");
	process_setenv(h->gateway, "GREETING", "ready");
	process_exec(h->gateway, "sh", "-c", "echo one; printf two; echo $GREETING >&2; exit 3");
	assert_string_equal(process_line(h->gateway), "one");
	assert_string_equal(process_line(h->gateway), "two");
	assert_int_equal(process_wait(h->gateway), 3);
	assert_string_equal(process_output(h->gateway), "one\ntwo\n");
	assert_string_equal(process_log(h->gateway), "ready\n");

	process_exec(h->gateway, "sh", "-c", "systemd-notify --status=busy; exec sleep 60");
	process_await_notify(h->gateway, "STATUS=busy");
	assert_int_equal(process_count_notify(h->gateway, "STATUS="), 1);
	process_signal(h->gateway, SIGSTOP);
	assert_int_equal(process_stop(h->gateway), 128 + SIGTERM);
	process_exec(h->gateway, "sleep", "60");
	process_kill(h->gateway);
	assert_int_equal(process_wait(h->gateway), 128 + SIGKILL);
	assert_false(process_vanished(h->gateway));
	process_exec(h->gateway, "true");
	while (process_running(h->gateway))
		test_pause();
	assert_true(process_vanished(h->gateway));
	assert_int_equal(process_wait(h->gateway), 0);
}

/* A few lines of shell answer in the gateway's place. */
HARNESS_TEST(a_question_is_answered)
{
	static const char script[] =
		"stdbuf -oL mosquitto_sub --unix $0 -V 5 -t home/# -T home/+/response -F '%R %D "
		"%p' |"
		"while read -r topic correlation text; do"
		" mosquitto_pub --unix $0 -V 5 -t home/answered -m \"$text\";"
		" mosquitto_pub --unix $0 -V 5 -t $topic -m \"{\\\"said\\\":\\\"$text\\\"}\""
		" -D publish correlation-data $correlation; done";
	const struct message *m;

	harness_start_broker(h);
	harness_start_client(h);
	client_publish(h->client, "home/ready", "?", .retain = true, .response_topic = "t/ready",
		.correlation = "c");
	process_exec(h->gateway, "sh", "-c", script, h->socket);
	(void)client_await(h->client, "t/ready", NULL);
	m = client_ask(h->client, "home/r1/request/get_info", "hello");
	assert_string_equal(message_get(m, "said"), "hello");
	(void)client_await(h->client, "home/answered", "hello");
	client_expect_none(h->client, "home/r1/#");
	client_settle(h->client);
	process_kill(h->gateway);
}

HARNESS_TEST(the_simulator_is_controlled)
{
	harness_sim_options(h, "--homes 3");
	harness_start_sim(h);
	assert_string_equal(json_at(control_get(h, "/state"), "homes.3.residence_id"), "");
	(void)control_post(h, "/fault", "{'on':'get_family_list','kind':'delay','ms':%d}", 1);
	(void)control_delete(h, "/fault");
	assert_string_equal(json_at(cloud_open_door(h), "success"), "true");
	assert_string_equal(json_at(control_await_openings(h, 1), "0.how"), "api");
	process_signal(h->sim, SIGSTOP);
	process_signal(h->sim, SIGCONT);
	assert_string_equal(json_at(cloud_open_door(h), "success"), "true");
	(void)control_await_openings(h, 2);
	control_await_requests(h, "trigger_akuvox_remote_open_door", 2);
	assert_int_equal(control_request_count(h, "get_family_list"), 0);
}

HARNESS_TEST(the_simulator_comes_back_at_its_address)
{
	const char *before;

	harness_start_sim(h);
	before = harness_text(h, "%s", h->cloud_url);
	(void)cloud_call(h, "get_family_list", "{}");
	process_kill(h->sim);
	harness_start_sim(h);
	assert_string_equal(h->cloud_url, before);
	assert_int_equal(control_request_count(h, "get_family_list"), 0);
	assert_non_null(strstr(harness_door(h, "open"), "/door/r"));
	(void)cloud_call(h, "no_such_command", "{}");
	assert_string_not_equal(control_text(h, "wrong_requests.0"), "");
	h->wrong_requests_allowed = true;
}

HARNESS_MAIN(HARNESS_RUN(a_message_keeps_its_properties), HARNESS_RUN(messages_are_read_in_order),
	HARNESS_RUN(a_client_outlives_its_broker), HARNESS_RUN(a_broker_with_tls_and_users),
	HARNESS_RUN(a_process_is_watched), HARNESS_RUN(a_question_is_answered),
	HARNESS_RUN(the_simulator_is_controlled),
	HARNESS_RUN(the_simulator_comes_back_at_its_address))
