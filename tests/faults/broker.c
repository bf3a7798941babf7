#include "tests/integration/history_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/faults/vitals.h"
#include "util/clock.h"

/* The broker is killed while a command is under way, of each kind, and starts again on its port. The
 * gateway comes back, what was asked for is done once at most, and the same request again, with its
 * id, is told of the first one and does nothing. What rings meanwhile is an event. */

#define OPENING "trigger_akuvox_remote_open_door"
#define DELETE  "delete_akuvox_open_door_temp_key_config"

/* The longest back-off, which follows many deaths, and half as much again for a busy machine. */
#define BACK_WITHIN (45 * USEC_PER_SEC)

/* An answer of the cloud takes so long that the broker is gone before it, in milliseconds. */
#define CLOUD_SLOW 1500

/* Deaths at any moment, for each kind; each is up to so many microseconds behind the request. Each
 * doubles the back-off. */
#define DEATHS    4
#define DEATH_MAX 6000

#define GROWTH_MAX       ((size_t)1024 * 1024)
#define DESCRIPTORS_MORE 8

/* The id is that of the correlation data, for some payloads have no place for one. */
static const struct kind {
	const char *name, *leaf; /* of the door or of the home */
	const char *payload;
	const char *command; /* of the cloud; NULL: the gateway answers by itself */
	bool is_of_door, opens;
} kinds[] = {
	{"read", "request/get_family_remote_connect", "", "get_family_remote_connect", false,
		false},
	{"long read", "request/get_akuvox_device_list", "{}", "get_akuvox_device_list", false,
		false},
	{"write", "nfc/set", "ON", "update_akuvox_open_door_nfc_config", false, false},
	{"PIN", "private_key/set", "246813", "update_akuvox_open_door_private_key_config", false,
		false},
	{"key", "temp_key/create", "{'valid_for':'4h'}", "create_akuvox_open_door_temp_key_config",
		false, false},
	{"opening", "open", "OPEN", OPENING, true, true},
	{"generic", "request/" OPENING, "{'mac':'%s','relay_id':'%s'}", OPENING, false, true},
	{"history", "request/history", "{'limit':5}", NULL, false, false},
	{"refresh", "request/refresh", "", NULL, false, false},
};

struct trial {
	const struct kind *kind;
	const char *topic, *payload, *id;
	size_t calls, openings; /* before it */
};

static const struct kind *current;
static unsigned serial;

static struct trial trial_new(struct harness *h)
{
	const struct kind *k = current;
	struct trial t = {.kind = k, .id = harness_text(h, "trial-%u", ++serial)};

	t.topic = k->is_of_door ? harness_door(h, k->leaf) : harness_home(h, k->leaf);
	t.payload = strstr(k->payload, "%s") ? scene_json(h, "{'mac':'%s','relay_id':'%s'}",
						       scene_mac(h, 0, 0), scene_relay(h, 0, 0, 0))
	                                     : scene_json(h, "%s", k->payload);
	t.openings = control_opening_count(h);
	t.calls = k->command ? control_request_count(h, k->command) : 0;
	return t;
}

static void start_broker(struct harness *h)
{
	uint64_t began;

	client_forget(h->client);
	harness_start_broker(h);
	began = clock_boot_usec();
	scene_await_broker(h);
	if (clock_boot_usec() - began > BACK_WITHIN)
		fail_msg("back only after %.1f s",
			(double)(clock_boot_usec() - began) / USEC_PER_SEC);
}

/* The same request again. It was seen before, if it must have been; it may have been otherwise, and
 * is done now if it was not. Once in all. */
static void ask_again(struct harness *h, const struct trial *t, bool was_seen)
{
	const struct message *m;
	const char *code;

	client_publish(h->client, t->topic, t->payload, .correlation = t->id,
		.response_topic = "faults/again");
	m = client_await(h->client, "faults/again", NULL);
	code = message_get(m, "error.code");
	assert_string_equal(m->correlation, t->id);
	if (strcmp(code, "duplicate") == 0) {
		if (strcmp(message_get(m, "error.first.success"), "true") != 0)
			fail_msg("the first one failed: %s", m->payload);
	} else if (was_seen || *code) {
		fail_msg("not a duplicate: %s", m->payload);
	}
	client_settle(h->client);
	if (t->kind->command)
		assert_int_equal(control_request_count(h, t->kind->command), t->calls + 1);
	assert_int_equal(control_opening_count(h), t->openings + (t->kind->opens ? 1 : 0));
}

/* The cloud has acted and is about to answer: before the broker is back, or behind that. */
static void die_in_flight(struct harness *h, bool is_answered_before)
{
	const char *caller = harness_text(h, "caller-%u", serial);
	struct trial t = trial_new(h);

	if (t.kind->command)
		(void)control_post(h, "/fault", "{'on':'%s','kind':'delay','ms':%d}",
			t.kind->command, CLOUD_SLOW);
	client_publish(h->client, t.topic, t.payload, .correlation = t.id,
		.response_topic = "faults/first");
	if (t.kind->command)
		control_await_requests(h, t.kind->command, t.calls + 1);
	else
		(void)client_await(h->client, "faults/first", NULL);
	process_kill(h->broker);
	history_ring(h, caller, "");
	if (is_answered_before) {
		(void)control_delete(h, "/fault");
		process_await_log(h->gateway, "The broker is away");
	}
	start_broker(h);
	(void)history_await_event(h, scene_home(h, 0, "event/call"), caller);
	ask_again(h, &t, true);
	(void)control_delete(h, "/fault");
}

/* On its way to the gateway, or to the cloud, or back: nobody knows. */
static void die_at_any_moment(struct harness *h)
{
	struct trial t = trial_new(h);

	client_publish(h->client, t.topic, t.payload, .correlation = t.id,
		.response_topic = "faults/first", .unacknowledged = true);
	(void)usleep((useconds_t)random() % DEATH_MAX);
	process_kill(h->broker);
	start_broker(h);
	ask_again(h, &t, false);
}

static void kind(void **state)
{
	struct harness *h = *state;
	struct vitals first, last;
	pid_t gateway;

	harness_broker_tcp(h);
	harness_set(h, "log.level", "info");
	harness_set(h, "door.max_per_minute", "600");
	harness_set(h, "history.max_event_age", "1 h");
	/* Lists that the gateway asks for by itself would be counted, too. */
	harness_set(h, "poll.devices", "600");
	harness_set(h, "poll.access", "600");
	harness_set(h, "poll.family", "600");
	harness_set(h, "poll.history", "0.2");
	history_scene_start(h);
	client_settle(h->client);
	gateway = process_pid(h->gateway);

	die_in_flight(h, false);
	die_in_flight(h, true);
	first = vitals_of(gateway);
	for (int i = 0; i < DEATHS; i++)
		die_at_any_moment(h);
	last = vitals_of(gateway);
	print_message("# %s: memory %zu kB, then %zu kB; descriptors %zu, then %zu\n",
		current->name, first.memory / 1024, last.memory / 1024, first.descriptors,
		last.descriptors);
	assert_true(last.memory <= first.memory + GROWTH_MAX);
	assert_true(last.descriptors <= first.descriptors + DESCRIPTORS_MORE);
	assert_int_equal(process_pid(h->gateway), gateway);
	harness_finish(h);
}

static int setup(void **state)
{
	current = *state;
	return harness_setup(state);
}

int main(void)
{
	struct CMUnitTest tests[ELEMENTS(kinds)];

	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		tests[i] = (struct CMUnitTest){
			kinds[i].name, kind, setup, harness_teardown, (void *)&kinds[i]};
	return _cmocka_run_group_tests("broker", tests, ELEMENTS(tests), NULL, NULL);
}
