#include "tests/integration/scene.h"

#include <string.h>

/* From a capture in the cloud to the device's picture. */

#define OPENINGS "get_akuvox_open_door_history"

static bool is_picture(const struct message *m, void *userdata)
{
	return m->size > 100 && memcmp(m->payload, "\xff\xd8", 2) == 0 &&
	       memcmp(m->payload + m->size - 2, "\xff\xd9", 2) == 0;
}

static const struct message *await_picture(struct harness *h)
{
	return client_await_if(h->client, scene_device(h, 0, 0, "picture"), is_picture, NULL);
}

static bool is_opening(const struct message *m, void *userdata)
{
	return strcmp(message_get(m, "account_name"), userdata) == 0;
}

/* Somebody opens; gives the event's id. The first device of the first home has a camera. */
static const char *open_door(struct harness *h, const char *who)
{
	const struct message *event;

	(void)control_post(h, "/opening", "{'account_name':'%s'}", who);
	event = client_await_if(
		h->client, harness_home(h, "event/door"), is_opening, (void *)(uintptr_t)who);
	return harness_text(h, "%s", message_get(event, "event_id"));
}

static void await_polls(struct harness *h)
{
	control_await_requests(h, OPENINGS, control_request_count(h, OPENINGS) + 2);
}

static void start(struct harness *h)
{
	harness_set(h, "poll.history", "0.1");
	scene_start(h);
	await_polls(h);
}

/* How often the simulator was asked for that picture. */
static unsigned fetched(struct harness *h, const char *name)
{
	const char *at = process_log(h->sim);
	unsigned n = 0;

	for (; (at = strstr(at, name)); at++)
		n++;
	return n;
}

HARNESS_TEST(a_capture_becomes_the_picture)
{
	const struct message *m;
	struct client *late;
	const char *id;

	start(h);
	id = open_door(h, "Ann");
	m = await_picture(h);
	assert_string_equal(m->event_id, id);
	assert_string_equal(m->content_type, "image/jpeg");
	assert_int_equal(m->qos, 1);
	id = open_door(h, "Bob");
	m = await_picture(h);
	assert_string_equal(m->event_id, id);
	late = client_retained(h, scene_device(h, 0, 0, "picture"));
	assert_int_equal(client_count(late, "#"), 1);
	assert_string_equal(client_last(late, "#")->event_id, id);
	(void)client_free(late);
	/* Each was fetched once. */
	await_polls(h);
	assert_int_equal(fetched(h, "picture capture-0.jpg"), 1);
	assert_int_equal(fetched(h, "picture capture-1.jpg"), 1);
	assert_int_equal(fetched(h, "small"), 0);
}

/* Of an opening that was there before the first poll, and so is no event. */
HARNESS_TEST(of_an_opening_before_the_start)
{
	harness_set(h, "poll.history", "0.1");
	harness_start_broker(h);
	harness_start_sim(h);
	harness_start_client(h);
	(void)control_post(h, "/picture_delay", "{'polls':5}");
	(void)control_post(h, "/opening", "{'account_name':'Ann'}");
	harness_start_gateway(h);
	(void)await_picture(h);
	client_expect_none(h->client, harness_home(h, "event/door"));
}

HARNESS_TEST(of_each_device)
{
	start(h);
	for (unsigned i = 0; i < 4; i++) {
		unsigned home = i / 2, device = i % 2;

		(void)control_post(h, "/opening", "{'residence_id':'%s','mac':'%s'}",
			scene_residence(h, home), scene_mac(h, home, device));
		(void)client_await_if(
			h->client, scene_device(h, home, device, "picture"), is_picture, NULL);
	}
}

HARNESS_TEST(over_tls)
{
	static const char *const polls[] = {
		"poll.devices", "poll.history", "poll.access", "poll.family"};

	harness_sim_tls(h);
	for (size_t i = 0; i < ELEMENTS(polls); i++)
		harness_set(h, polls[i], "60");
	scene_start(h);
	control_await_requests(h, OPENINGS, 1);
	client_settle(h->client);
	(void)control_post(h, "/picture_delay", "{'polls':0}");
	(void)control_post(h, "/opening", "{}");
	client_publish(h->client, harness_home(h, "request/refresh"), "");
	(void)await_picture(h);
}

HARNESS_TEST(with_mqtt_3)
{
	const struct message *m;

	harness_set(h, "mqtt.protocol", "3.1.1");
	start(h);
	(void)open_door(h, "Ann");
	m = await_picture(h);
	assert_null(m->event_id);
	assert_null(m->content_type);
}

HARNESS_TEST(what_is_no_picture_is_not_published)
{
	static const char *const faults[] = {"'wrong_json'", "'huge'", "'status','status':403"};

	start(h);
	for (size_t i = 0; i < ELEMENTS(faults); i++) {
		(void)control_post(h, "/fault", "{'on':'picture','kind':%s}", faults[i]);
		(void)open_door(h, harness_text(h, "who %zu", i));
		await_polls(h);
		while (fetched(h, "picture capture-") <= i)
			await_polls(h);
	}
	client_settle_local(h->client);
	client_expect_none(h->client, scene_device(h, 0, 0, "picture"));
	/* Too large is too large, and said; the others are tried again later. */
	assert_non_null(strstr(process_log(h->gateway), "is given up"));
	assert_null(strstr(process_log(h->gateway), "capture-"));
	(void)open_door(h, "Ann");
	(void)await_picture(h);
}

/* The next run knows of no picture; the next broker has none. */
HARNESS_TEST(shown_again)
{
	const char *id;

	start(h);
	id = open_door(h, "Ann");
	(void)await_picture(h);
	process_kill(h->broker);
	harness_start_broker(h);
	client_resume(h->client);
	assert_string_equal(await_picture(h)->event_id, id);
	assert_int_equal(fetched(h, "picture capture-0.jpg"), 1);
	assert_int_equal(process_stop(h->gateway), 0);
	scene_restart_gateway(h);
	assert_string_equal(await_picture(h)->event_id, id);
	assert_int_equal(fetched(h, "picture capture-0.jpg"), 2);
}

HARNESS_TEST(not_wanted)
{
	const char *topic;
	struct client *late;

	harness_set(h, "history.pictures", "url");
	harness_set(h, "poll.history", "0.1");
	scene_prepare(h);
	topic = scene_device(h, 0, 0, "picture");
	client_publish(h->client, topic, "of an earlier run", .retain = true);
	client_forget(h->client);
	harness_start_gateway(h);
	(void)client_await(h->client, topic, "");
	await_polls(h);
	(void)open_door(h, "Ann");
	(void)client_await(h->client, harness_home(h, "event/picture"), NULL);
	await_polls(h);
	late = client_retained(h, topic);
	assert_int_equal(client_count(late, "#"), 0);
	(void)client_free(late);
	assert_int_equal(fetched(h, "picture "), 0);
}

static void reload(struct harness *h, const char *pictures)
{
	unsigned ready = process_count_notify(h->gateway, "READY=1");

	harness_set(h, "history.pictures", pictures);
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	while (process_count_notify(h->gateway, "READY=1") == ready)
		test_pause();
}

HARNESS_TEST(switched_off_and_on)
{
	const char *topic;

	start(h);
	topic = scene_device(h, 0, 0, "picture");
	(void)open_door(h, "Ann");
	(void)await_picture(h);
	reload(h, "url");
	(void)client_await(h->client, topic, "");
	(void)open_door(h, "Bob");
	(void)client_await(h->client, harness_home(h, "event/picture"), NULL);
	client_settle_local(h->client);
	client_expect_none(h->client, topic);
	reload(h, "image");
	(void)await_picture(h);
	(void)open_door(h, "Cid");
	(void)await_picture(h);
}

HARNESS_MAIN(HARNESS_RUN(a_capture_becomes_the_picture),
	HARNESS_RUN(of_an_opening_before_the_start), HARNESS_RUN(of_each_device),
	HARNESS_RUN(over_tls), HARNESS_RUN(with_mqtt_3),
	HARNESS_RUN(what_is_no_picture_is_not_published), HARNESS_RUN(shown_again),
	HARNESS_RUN(not_wanted), HARNESS_RUN(switched_off_and_on))
