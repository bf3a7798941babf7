#include "tests/integration/history_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

#define CALLS "get_akuvox_call_history"

static const char *call_topic(struct harness *h)
{
	return scene_home(h, 0, "event/call");
}

static const char *door_topic(struct harness *h)
{
	return scene_home(h, 0, "event/door");
}

static bool has_text(const struct message *m, void *userdata)
{
	return strstr(m->payload, userdata);
}

/* What is retained once that name is in it, parsed. */
static const struct message *await_retained(struct harness *h, const char *topic, const char *name)
{
	const struct message *m = client_await_if(
		h->client, topic, has_text, (void *)harness_text(h, "\"%s\"", name));

	assert_true(m->retain);
	assert_true(json_object_is_type(m->json, json_type_array));
	return m;
}

HARNESS_TEST(what_was_there_before_is_no_event)
{
	history_scene_start(h);
	control_await_requests(h, CALLS, control_request_count(h, CALLS) + 4);
	client_settle(h->client);
	assert_int_equal(client_count(h->client, "home/+/event/#"), 0);
	assert_int_equal(client_count(h->client, "home/+/device/+/event/#"), 0);
	history_ring(h, "first", "");
	(void)history_await_event(h, call_topic(h), "first");
}

HARNESS_TEST(a_ring_and_a_call)
{
	const struct message *m, *twin;
	const char *device;

	history_scene_start(h);
	device = scene_device(h, 0, 0, "event/call");
	history_ring(h, "Front", "");
	m = history_await_event(h, call_topic(h), "Front");
	assert_string_equal(message_get(m, "event_type"), "ring");
	assert_string_equal(message_get(m, "mac"), scene_mac(h, 0, 0));
	assert_string_equal(message_get(m, "call_sip"), control_text(h, "homes.0.devices.0.sip"));
	assert_true(llabs(atoll(message_get(m, "epoch")) - clock_epoch_msec() / 1000) < 300);
	assert_int_equal(strlen(message_get(m, "time")), strlen("2030-05-01T08:00:00+02:00"));
	twin = history_await_event(h, device, "Front");
	assert_string_equal(m->payload, twin->payload);
	history_ring(h, "Stranger", ",'call_sip':'4711'");
	m = history_await_event(h, call_topic(h), "Stranger");
	assert_string_equal(message_get(m, "event_type"), "call");
	assert_string_equal(message_get(m, "mac"), "");
	client_settle(h->client);
	assert_int_equal(client_count(h->client, "home/+/device/+/event/call"), 1);
}

HARNESS_TEST(an_opening_is_an_event)
{
	const struct message *m;

	history_scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	m = history_await_event(h, door_topic(h), "Sim User");
	assert_string_equal(message_get(m, "event_type"), "opened");
	assert_string_equal(message_get(m, "open_door_type"), "Remote unlock");
	assert_string_equal(
		message_get(m, "device_name"), control_text(h, "homes.0.devices.0.name"));
	assert_string_equal(message_get(m, "mac"), scene_mac(h, 0, 0));
	(void)history_await_event(h, scene_device(h, 0, 0, "event/door"), "Sim User");
	history_opening(h, "Thief", ",'open_door':false,'open_door_type':'PIN unlock'");
	m = history_await_event(h, door_topic(h), "Thief");
	assert_string_equal(message_get(m, "event_type"), "denied");
}

HARNESS_TEST(a_picture_may_come_later)
{
	const struct message *event, *picture;

	harness_set(h, "history.pictures", "url");
	history_scene_start(h);
	(void)control_post(h, "/picture_delay", "{'polls':3}");
	history_opening(h, "Ann", "");
	event = history_await_event(h, door_topic(h), "Ann");
	assert_string_equal(message_get(event, "capture_picture_url"), "");
	picture = history_await_event(h, scene_home(h, 0, "event/picture"), "Ann");
	assert_string_equal(message_get(picture, "event_id"), message_get(event, "event_id"));
	assert_non_null(strstr(message_get(picture, "capture_picture_url"), "/pictures/"));
	assert_non_null(strstr(message_get(picture, "capture_thumbnail_url"), "-small"));
	client_settle(h->client);
	assert_int_equal(client_count(h->client, door_topic(h)), 1);
	assert_int_equal(client_count(h->client, "home/+/event/picture"), 1);
}

HARNESS_TEST(no_addresses_where_pictures_are_off)
{
	const struct message *m;

	harness_set(h, "history.pictures", "off");
	history_scene_start(h);
	(void)control_post(h, "/picture_delay", "{'polls':0}");
	history_opening(h, "Ann", "");
	m = history_await_event(h, door_topic(h), "Ann");
	assert_string_equal(message_get(m, "capture_picture_url"), "");
	assert_string_equal(message_get(m, "capture_thumbnail_url"), "");
}

HARNESS_TEST(what_is_too_old_is_history_only)
{
	history_scene_start(h);
	history_ring(h, "late",
		harness_text(h, ",'time':'%s'", history_time(h, clock_epoch_msec() / 1000 - 700)));
	(void)await_retained(h, scene_home(h, 0, "history/call"), "late");
	history_ring(h, "new", "");
	(void)history_await_event(h, call_topic(h), "new");
	assert_int_equal(client_count(h->client, call_topic(h)), 1);
}

HARNESS_TEST(the_newest_rows_are_retained)
{
	_cleanup_(client_freep) struct client *late = NULL;
	const struct message *m;
	const char *topic;

	harness_set(h, "history.publish", "3");
	history_scene_start(h);
	topic = scene_home(h, 0, "history/door");
	for (int i = 1; i <= 4; i++) {
		const char *name = harness_text(h, "n%d", i);

		history_opening(h, name,
			harness_text(h, ",'picture':false,'time':'%s'",
				history_time(h, clock_epoch_msec() / 1000 - 100 + i)));
		m = await_retained(h, topic, name);
	}
	assert_int_equal(json_object_array_length(m->json), 3);
	assert_string_equal(message_get(m, "0.account_name"), "n4");
	assert_string_equal(message_get(m, "2.account_name"), "n2");
	assert_string_equal(message_get(m, "0.event_type"), "opened");
	assert_string_equal(message_get(m, "0.event_id"),
		message_get(history_await_event(h, door_topic(h), "n4"), "event_id"));
	/* A new broker has it from the archive, before the cloud is asked. */
	assert_int_equal(process_stop(h->gateway), 0);
	(void)control_post(h, "/fault", "{'on':'*','kind':'status','status':500,'count':-1}");
	process_kill(h->broker);
	client_forget(h->client);
	harness_start_broker(h);
	harness_start_gateway(h);
	m = await_retained(h, topic, "n4");
	assert_int_equal(json_object_array_length(m->json), 3);
	late = client_retained(h, topic);
	assert_int_equal(client_count(late, topic), 1);
}

HARNESS_TEST(events_wait_for_the_broker)
{
	static const char *const names[] = {"w1", "w2", "w3"};

	history_scene_start(h);
	assert_int_equal(process_stop(h->broker), 0);
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		history_ring(h, names[i], "");
		control_await_requests(h, CALLS, control_request_count(h, CALLS) + 4);
	}
	client_forget(h->client);
	harness_start_broker(h);
	for (size_t i = 0; i < ELEMENTS(names); i++)
		(void)history_await_event(h, call_topic(h), names[i]);
	assert_int_equal(client_count(h->client, call_topic(h)), 3);
}

HARNESS_TEST(a_killed_gateway_loses_nothing)
{
	const struct message *m;
	const char *id;

	history_scene_start(h);
	history_ring(h, "k1", "");
	m = history_await_event(h, call_topic(h), "k1");
	id = harness_text(h, "%s", message_get(m, "event_id"));
	process_kill(h->gateway);
	history_ring(h, "k2", "");
	harness_start_gateway(h);
	(void)history_await_event(h, call_topic(h), "k2");
	client_settle(h->client);
	/* It may have come twice, but as the same. */
	while ((m = client_last(h->client, call_topic(h))) && !m->spent)
		assert_string_equal(
			message_get(history_await_event(h, call_topic(h), "k1"), "event_id"), id);
}

HARNESS_TEST(what_the_broker_forbids_blocks_nothing)
{
	const char *rules =
		harness_text(h, "user " HARNESS_TESTER "\ntopic #\n"
				"user gateway\ntopic #\ntopic deny home/+/event/door\n");

	harness_broker_user(h, "gateway", "secret");
	harness_broker_line(h, harness_text(h, "acl_file %s", harness_file(h, "acl", rules, 0600)));
	history_scene_start(h);
	history_opening(h, "unheard", "");
	(void)history_await_event(h, scene_device(h, 0, 0, "event/door"), "unheard");
	history_ring(h, "heard", "");
	(void)history_await_event(h, call_topic(h), "heard");
	process_await_log(h->gateway, "does not take all we publish");
	assert_int_equal(client_count(h->client, door_topic(h)), 0);
}

static bool is_health(const struct message *m, void *userdata)
{
	return strcmp(message_get(m, "events"), userdata) == 0;
}

HARNESS_TEST(health_counts_events)
{
	history_scene_start(h);
	history_ring(h, "one", "");
	history_opening(h, "two", ",'picture':false");
	(void)history_await_event(h, call_topic(h), "one");
	(void)history_await_event(h, door_topic(h), "two");
	client_settle(h->client);
	/* The next one comes with the next connection. */
	process_kill(h->broker);
	client_forget(h->client);
	harness_start_broker(h);
	(void)client_await_if(h->client, "home/bridge/health", is_health, (void *)"2");
}

static const struct message *ask(struct harness *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static const struct message *ask(struct harness *h, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return client_ask(
		h->client, scene_home(h, 0, "request/history"), scene_json(h, "%s", text));
}

static size_t count_rows(const struct message *m)
{
	expect_success(m);
	return json_object_array_length(json_object_object_get(m->json, "result"));
}

HARNESS_TEST(requests_read_the_archive)
{
	int64_t now = clock_epoch_msec() / 1000;
	const struct message *m;

	history_scene_start(h);
	for (int i = 1; i <= 5; i++) {
		history_ring(h, harness_text(h, "c%d", i),
			harness_text(h, ",'time':'%s'", history_time(h, now - 100 + i)));
		history_opening(h, harness_text(h, "o%d", i),
			harness_text(
				h, ",'picture':false,'time':'%s'", history_time(h, now - 50 + i)));
	}
	(void)history_await_event(h, call_topic(h), "c5");
	(void)history_await_event(h, door_topic(h), "o5");
	/* The cloud forgets them. */
	(void)control_post(h, "/history", "{'clear':true}");
	control_await_requests(h, CALLS, control_request_count(h, CALLS) + 4);
	m = ask(h, "{}");
	assert_int_equal(count_rows(m), 12);
	assert_string_equal(message_get(m, "command"), "history");
	assert_string_equal(message_get(m, "result.0.account_name"), "o5");
	assert_string_equal(message_get(m, "result.5.call_name"), "c5");
	m = ask(h, "{'kind':'call','limit':2,'id':'x'}");
	assert_int_equal(count_rows(m), 2);
	assert_string_equal(message_get(m, "id"), "x");
	assert_string_equal(message_get(m, "result.1.call_name"), "c4");
	m = ask(h, "{'since':%lld,'until':%lld}", (long long)now - 98, (long long)now - 48);
	assert_int_equal(count_rows(m), 5);
	assert_string_equal(message_get(m, "result.0.account_name"), "o1");
	assert_string_equal(message_get(m, "result.4.call_name"), "c2");
	expect_error(ask(h, "{'kind':'calls'}"), "invalid_param");
	expect_error(ask(h, "{'id':'x'}"), "duplicate");
	expect_error(
		client_ask(h->client, scene_home(h, 0, "request/history"), "{}", .retain = true),
		"retained");
}

HARNESS_MAIN(HARNESS_RUN(what_was_there_before_is_no_event), HARNESS_RUN(a_ring_and_a_call),
	HARNESS_RUN(an_opening_is_an_event), HARNESS_RUN(a_picture_may_come_later),
	HARNESS_RUN(no_addresses_where_pictures_are_off),
	HARNESS_RUN(what_is_too_old_is_history_only), HARNESS_RUN(the_newest_rows_are_retained),
	HARNESS_RUN(events_wait_for_the_broker), HARNESS_RUN(a_killed_gateway_loses_nothing),
	HARNESS_RUN(what_the_broker_forbids_blocks_nothing), HARNESS_RUN(health_counts_events),
	HARNESS_RUN(requests_read_the_archive))
