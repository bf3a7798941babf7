#include "tests/integration/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/discovery_checker.h"
#include "util/clock.h"
#include "util/json.h"

/* What Home Assistant is told, by the gateway as built and a real broker; without Home Assistant. */

#define DEVICES "homeassistant/device/+/config"
#define THINGS  9 /* of the simulator's world: the gateway, two homes, six devices */
#define LOCKS   8

struct scene {
	struct harness *h;
	struct discovery_checker *checker;
	size_t commands, states;
};

static void take(struct discovery_checker *checker, const struct message *m)
{
	/* How soon a document may change again is seen by a clock that nobody holds up, in the unit tests. */
	static uint64_t seconds;
	const char *why =
		checker_take(checker, m->topic, m->payload, m->size, ++seconds * USEC_PER_SEC);

	if (why)
		fail_msg("%s %s: %s", m->topic, why, m->payload);
	assert_int_equal(m->qos, 1);
}

/* All that comes goes through the checker, until as much is there. */
static void await_entities(struct scene *s, const char *platform, size_t n)
{
	while (checker_count(s->checker, platform) != n)
		take(s->checker, client_await(s->h->client, "homeassistant/+/#", NULL));
}

static void await_devices(struct scene *s)
{
	for (int i = 0; i < THINGS; i++)
		take(s->checker, client_await(s->h->client, DEVICES, NULL));
	assert_int_equal(checker_count(s->checker, "lock"), LOCKS);
}

/* What comes before the doors are known is not forgotten: on a slow machine that may be all. */
static struct scene begin(struct harness *h)
{
	harness_start(h);
	scene_await_doors(h);
	return (struct scene){h, checker_new("homeassistant"), 0, 0};
}

/* Each is kept by the broker: Home Assistant reads it when it starts. */
static void expect_kept(struct scene *s, const char *topic)
{
	const struct message *m = client_last(s->h->client, topic);

	if (!m)
		m = client_await(s->h->client, topic, NULL);
	if (!m->retain)
		fail_msg("%s is not retained", topic);
	s->states++;
}

/* Payloads that Home Assistant may send; each is answered with success. */
static void expect_heard(struct scene *s, const char *platform, struct json_object *component)
{
	static const struct {
		const char *platform, *member, *text;
	} sent[] = {
		{"button", "payload_press", NULL},
		{"lock", "payload_lock", NULL},
		{"lock", "payload_unlock", NULL},
		{"switch", NULL, "ON"},
		{"text", NULL, "2468"},
	};
	const char *topic = json_text(component, "command_topic");

	for (size_t i = 0; i < ELEMENTS(sent); i++) {
		const char *text = sent[i].text;

		if (strcmp(sent[i].platform, platform) != 0)
			continue;
		if (sent[i].member)
			text = json_text(component, sent[i].member);
		assert_non_null(text);
		expect_success(client_ask(s->h->client, topic, text));
		s->commands++;
	}
}

static void check_entity(const char *platform, struct json_object *component, void *userdata)
{
	static const char *const topics[] = {"state_topic", "image_topic", "json_attributes_topic"};
	struct json_object *available = json_get(component, "availability");
	struct scene *s = userdata;

	for (size_t i = 0; i < ELEMENTS(topics); i++)
		if (json_text(component, topics[i]) && strcmp(platform, "event") != 0)
			expect_kept(s, json_text(component, topics[i]));
	for (size_t i = 0; available && i < json_object_array_length(available); i++)
		expect_kept(s, json_text(json_object_array_get_idx(available, i), "topic"));
	if (json_text(component, "command_topic"))
		expect_heard(s, platform, component);
}

/* A picture of each door phone. */
static void ring_and_open(struct harness *h)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < 2; k++) {
			(void)control_post(h, "/ring", "{'residence_id':'%s','mac':'%s'}",
				scene_residence(h, i), scene_mac(h, i, k));
			(void)control_post(h, "/opening",
				"{'residence_id':'%s','mac':'%s','picture':true}",
				scene_residence(h, i), scene_mac(h, i, k));
		}
}

HARNESS_TEST(what_is_told_is_right_and_works)
{
	struct scene s;

	/* Lock and button of one door are both tried. */
	harness_set(h, "door.repeat_after", "0");
	s = begin(h);
	ring_and_open(h);
	await_devices(&s);
	checker_each(s.checker, check_entity, &s);
	/* Lock, unlock and button of each door; two switches, PIN and refresh of each home. */
	assert_int_equal(s.commands, LOCKS * 3 + 2 * 4);
	assert_true(s.states > 50);
	(void)control_await_openings(h, LOCKS * 2);
	s.checker = checker_free(s.checker);
}

/* No entity is lost, and what the broker keeps is known after a restart. */
HARNESS_TEST(from_one_kind_to_the_other_over_a_restart)
{
	struct scene s = begin(h);
	size_t entities;

	await_devices(&s);
	entities = checker_count(s.checker, NULL);
	assert_int_equal(process_stop(h->gateway), 0);
	harness_set(h, "homeassistant.discovery", "component");
	harness_start_gateway(h);
	await_entities(&s, NULL, 0);
	await_entities(&s, NULL, entities);
	for (int i = 0; i < THINGS; i++)
		(void)client_await(h->client, DEVICES, "");
	assert_int_equal(process_stop(h->gateway), 0);
	harness_set(h, "homeassistant.discovery", "off");
	harness_start_gateway(h);
	await_entities(&s, NULL, 0);
	s.checker = checker_free(s.checker);
}

static size_t count_in_log(struct harness *h, const char *text)
{
	size_t n = 0;

	for (const char *at = process_log(h->gateway); (at = strstr(at, text)); at++)
		n++;
	return n;
}

/* The gateway starts anew, and has heard what the broker keeps. */
static void restart(struct harness *h)
{
	static const char text[] = "the broker has told what it holds";
	size_t before = count_in_log(h, text);
	uint64_t deadline = test_deadline();

	assert_int_equal(process_stop(h->gateway), 0);
	scene_restart_gateway(h);
	while (count_in_log(h, text) == before) {
		assert_true(clock_boot_usec() < deadline);
		test_pause();
	}
	client_settle_local(h->client);
}

HARNESS_TEST(what_is_told_again_and_when)
{
	struct scene s = begin(h);

	await_devices(&s);
	/* The broker has them all. */
	restart(h);
	client_expect_none(h->client, DEVICES);
	/* Home Assistant starts. */
	client_publish(h->client, "homeassistant/status", "online");
	await_devices(&s);
	s.checker = checker_free(s.checker);
}

/* With MQTT 3.1.1 what the gateway publishes comes back to it: it must not take it for another's, and
 * heal it, before it heals what was deleted after it. */
HARNESS_TEST(what_is_deleted_comes_back)
{
	struct scene s;
	const char *topic;

	harness_set(h, "mqtt.protocol", "3.1.1");
	s = begin(h);
	topic = harness_text(h, "homeassistant/device/akuvox2mqtt-home-%s-%s/config",
		scene_residence(h, 0), scene_mac(h, 0, 0));
	await_devices(&s);
	client_publish(h->client, topic, "", .retain = true);
	assert_true(client_await(h->client, DEVICES, NULL)->size > 0);
	assert_string_equal(client_last(h->client, DEVICES)->topic, topic);
	s.checker = checker_free(s.checker);
}

HARNESS_MAIN(HARNESS_RUN(what_is_told_is_right_and_works),
	HARNESS_RUN(from_one_kind_to_the_other_over_a_restart),
	HARNESS_RUN(what_is_told_again_and_when), HARNESS_RUN(what_is_deleted_comes_back))
