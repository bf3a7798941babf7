#include "tests/integration/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/discovery_checker.h"
#include "util/json.h"

/* A reload that has what Home Assistant is told elsewhere: by the gateway as built and a real broker;
 * without Home Assistant. */

#define DEVICES      "homeassistant/device/"
#define OWN          "akuvox2mqtt-"
#define THINGS       9 /* of the simulator's world: the gateway, two homes, six devices */
#define MARKER       "{\"migrate_discovery\":true}"
#define DOCUMENT_MAX 32

/* What has become of the documents of one thing. */
struct document {
	char *name; /* behind the name of the gateway */
	bool is_marked, is_there, is_cleared;
};

struct move {
	struct harness *h;
	const char *from, *to; /* what topics begin with */
	struct discovery_checker *from_checker, *to_checker;
	struct document documents[DOCUMENT_MAX];
	size_t n;
};

static const char *behind(const char *topic, const char *start)
{
	return strncmp(topic, start, strlen(start)) == 0 ? topic + strlen(start) : NULL;
}

static void take(struct discovery_checker *checker, const struct message *m)
{
	const char *why = checker_take(checker, m->topic, m->payload, m->size, m->time_usec);

	if (why)
		fail_msg("%s %s: %s", m->topic, why, m->payload);
	assert_true(m->retain);
}

static struct document *document_of(struct move *move, const char *name)
{
	for (size_t i = 0; i < move->n; i++)
		if (strcmp(move->documents[i].name, name) == 0)
			return &move->documents[i];
	assert_true(move->n < DOCUMENT_MAX);
	move->documents[move->n].name = strdup(name);
	return &move->documents[move->n++];
}

/* The gateway itself is another one under another name: its former documents just go. */
static void take_former(struct move *move, struct document *d, const struct message *m)
{
	take(move->from_checker, m);
	if (m->size > 0) {
		assert_string_equal(m->payload, MARKER);
		assert_false(d->is_there);
		d->is_marked = true;
		return;
	}
	assert_true((d->is_marked && d->is_there) || behind(d->name, "gateway-"));
	d->is_cleared = true;
}

static void take_new(struct move *move, struct document *d, const struct message *m)
{
	take(move->to_checker, m);
	assert_true(m->size > 0);
	assert_true(d->is_marked || behind(d->name, "gateway-"));
	assert_false(d->is_cleared);
	d->is_there = true;
}

static size_t count(const struct move *move, bool cleared)
{
	size_t n = 0;

	for (size_t i = 0; i < move->n; i++)
		n += cleared ? move->documents[i].is_cleared : move->documents[i].is_there;
	return n;
}

/* Each document is marked where it was, is where it should be, and cleared where it was. */
static void await_move(struct move *move)
{
	while (count(move, true) < THINGS || count(move, false) < THINGS) {
		const struct message *m = client_await(move->h->client, "+/device/+/config", NULL);
		const char *name = behind(m->topic, move->from);

		if (name) {
			take_former(move, document_of(move, name), m);
			continue;
		}
		name = behind(m->topic, move->to);
		assert_non_null(name);
		take_new(move, document_of(move, name), m);
	}
	while (move->n > 0)
		free(move->documents[--move->n].name);
}

static void await_devices(struct harness *h, struct discovery_checker *checker, const char *filter)
{
	for (int i = 0; i < THINGS; i++)
		take(checker, client_await(h->client, filter, NULL));
}

static void expect_connected_throughout(struct harness *h)
{
	assert_int_equal(client_count_payload(h->client, "home/bridge/state", "offline"), 0);
}

HARNESS_TEST(another_prefix_and_status_topic)
{
	struct discovery_checker *former = checker_new("homeassistant"), *new = checker_new("ha");
	struct move move = {h, DEVICES OWN, "ha/device/" OWN, former, new, {{0}}, 0};
	size_t entities;

	scene_start(h);
	await_devices(h, former, DEVICES "+/config");
	entities = checker_count(former, NULL);
	harness_set(h, "homeassistant.prefix", "ha");
	harness_set(h, "homeassistant.status_topic", "ha/state");
	scene_reload(h);
	expect_success(scene_open(h, "OPEN"));
	await_move(&move);
	assert_int_equal(checker_count(former, NULL), 0);
	assert_int_equal(checker_count(new, NULL), entities);
	/* Home Assistant starts. */
	client_publish(h->client, "ha/state", "online");
	await_devices(h, new, "ha/device/+/config");
	expect_connected_throughout(h);
	scene_expect_openings(h, 1);
	(void)checker_free(former);
	(void)checker_free(new);
}

static struct json_object *components(struct harness *h, const char *gateway)
{
	const char *topic = harness_text(h, DEVICES "%s-home-%s-%s/config", gateway,
		scene_residence(h, 0), scene_mac(h, 0, 0));
	struct json_object *all = NULL;

	for (size_t i = 0; i < client_count(h->client, "#"); i++) {
		const struct message *m = client_message(h->client, i);

		if (strcmp(m->topic, topic) == 0 && json_get(m->json, "components"))
			all = json_get(m->json, "components");
	}
	assert_non_null(all);
	return all;
}

/* One Home Assistant sees both: no entity may be there twice, and each is the one it was. */
HARNESS_TEST(another_client_id)
{
	struct discovery_checker *checker = checker_new("homeassistant");
	struct move move = {h, DEVICES OWN, DEVICES "second-", checker, checker, {{0}}, 0};
	size_t entities;

	scene_start(h);
	await_devices(h, checker, DEVICES "+/config");
	entities = checker_count(checker, NULL);
	harness_set(h, "mqtt.client_id", "second");
	scene_reload(h);
	await_move(&move);
	assert_int_equal(checker_count(checker, NULL), entities);
	assert_true(json_object_equal(components(h, "akuvox2mqtt"), components(h, "second")));
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, 1);
	(void)checker_free(checker);
}

HARNESS_MAIN(HARNESS_RUN(another_prefix_and_status_topic), HARNESS_RUN(another_client_id))
