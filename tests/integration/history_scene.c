#include "tests/integration/history_scene.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"

/* They belong to the harness. */
const char *history_time(struct harness *h, int64_t epoch)
{
	time_t t = (time_t)epoch;
	struct tm tm;
	char text[24];

	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", gmtime_r(&t, &tm));
	return harness_text(h, "%s", text);
}

void history_ring(struct harness *h, const char *name, const char *more)
{
	(void)control_post(h, "/ring", "{'call_name':'%s'%s}", name, more);
}

void history_opening(struct harness *h, const char *name, const char *more)
{
	(void)control_post(h, "/opening", "{'account_name':'%s'%s}", name, more);
}

static bool is_seeded(const struct message *m, void *userdata)
{
	return strstr(m->payload, "\"seed\"");
}

void history_scene_start(struct harness *h)
{
	static const char *const kinds[] = {"history/call", "history/door"};
	size_t homes;

	scene_prepare(h);
	homes = json_object_array_length(json_object_object_get(control_get(h, "/state"), "homes"));
	for (unsigned i = 0; i < homes; i++) {
		const char *more = harness_text(h, ",'residence_id':'%s','time':'%s'",
			scene_residence(h, i), history_time(h, clock_epoch_msec() / 1000 - 300));

		history_ring(h, "seed", more);
		history_opening(h, "seed", harness_text(h, "%s,'picture':false", more));
	}
	harness_start_gateway(h);
	scene_await_doors(h);
	for (unsigned i = 0; i < homes; i++)
		for (size_t kind = 0; kind < ELEMENTS(kinds); kind++)
			(void)client_await_if(
				h->client, scene_home(h, i, kinds[kind]), is_seeded, NULL);
	client_forget(h->client);
}

static bool is_named(const struct message *m, void *userdata)
{
	const char *name = userdata;

	return strcmp(message_get(m, "call_name"), name) == 0 ||
	       strcmp(message_get(m, "account_name"), name) == 0;
}

const struct message *history_await_event(struct harness *h, const char *topic, const char *name)
{
	const struct message *m = client_await_if(h->client, topic, is_named, (void *)name);

	assert_false(m->retain);
	assert_int_equal(m->qos, 1);
	assert_int_equal(strlen(message_get(m, "event_id")), 32);
	return m;
}
