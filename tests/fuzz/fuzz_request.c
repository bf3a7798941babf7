#include "tests/unit/cmocka-all.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/topic.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/clock.h"

/* A message of anybody on the broker: flags, a topic, a line break, the payload. Whatever it says,
 * it moves no door that may not be opened, asks the cloud for one thing at most but for lists of
 * keys, and has one answer at the end. */

enum {
	FLAG_RETAIN = 1 << 0,
	FLAG_REPLAYS = 1 << 1, /* MQTT 3.1.1 */
	FLAG_CORRELATION = 1 << 2,
	FLAG_EXPIRY = 1 << 3,
	FLAG_TOO_LARGE = 1 << 4,
	FLAG_CLOUD_FAILS = 1 << 5,
	FLAG_EVERYTHING_ALLOWED = 1 << 6,
};

static struct world *w;

static void check_call(const struct cloud_call *call, unsigned flags)
{
	if (!(call->command->flags & COMMAND_OPENS))
		return;
	if (flags & FLAG_RETAIN || strstr(call->param, "\"relay_id\":\"NO\""))
		abort();
	if (call->priority != CLOUD_DOOR || call->deadline == 0)
		abort();
}

static void answer_calls(unsigned flags)
{
	while (fake_cloud_open(w->cloud) > 0) {
		struct cloud_call *call = fake_cloud_oldest(w->cloud);

		check_call(call, flags);
		if (flags & FLAG_CLOUD_FAILS)
			fake_cloud_end(call, CLOUD_OUTCOME_UNKNOWN);
		else
			fake_cloud_succeed(call, "{\"list\":[]}");
		time_settle(w->event);
	}
}

/* Answers are the publications that are not retained. */
static unsigned count_answers(void)
{
	const struct sent *sent;
	unsigned n = 0;

	while ((sent = fake_mqtt_next(w->mqtt)))
		n += !sent->retain;
	fake_mqtt_forget(w->mqtt);
	return n;
}

static void run(char *topic, char *payload, size_t size, unsigned flags)
{
	struct mqtt_message message = {
		.topic = topic,
		.payload = payload,
		.size = size,
		.qos = 1,
		.retain = flags & FLAG_RETAIN,
		.expiry_sec = flags & FLAG_EXPIRY ? 3 : -1,
		.arrived_usec = clock_boot_usec(),
	};
	/* Retained, or what clears a retained one, is answered once and then never again. */
	bool may_ignore = flags & FLAG_RETAIN || (flags & FLAG_REPLAYS && size == 0);
	struct topic parsed;
	unsigned answers;

	if (flags & FLAG_CORRELATION) {
		message.correlation = topic;
		message.correlation_size = strlen(topic) % 16;
	}
	if (flags & FLAG_TOO_LARGE) {
		message.payload = NULL;
		message.size = MQTT_PAYLOAD_MAX + 1;
	}
	topic_parse(&parsed, "home", topic);
	requests_message(w->requests, &message);
	time_settle(w->event);
	answer_calls(flags);
	answers = count_answers();
	if (requests_open(w->requests) > 0 || answers > 1 ||
		(parsed.kind == TOPIC_NONE && answers > 0) ||
		(parsed.kind != TOPIC_NONE && answers == 0 && !may_ignore))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;
	_cleanup_free_ char *topic = NULL, *payload = NULL;
	struct requests_settings settings;
	size_t topic_size, payload_size;
	unsigned flags;

	if (!end)
		return 0;
	topic_size = (size_t)(end - data) - 1;
	payload_size = size - topic_size - 2;
	/* A broker passes no such topic on. */
	if (topic_size == 0 || topic_size >= MQTT_TOPIC_MAX || memchr(data + 1, 0, topic_size) ||
		memchr(data + 1, '+', topic_size) || memchr(data + 1, '#', topic_size))
		return 0;
	if (!w && world_setup((void **)&w) != 0)
		abort();
	flags = data[0];
	topic = fuzz_text(data + 1, topic_size);
	payload = malloc(payload_size + 1);
	if (!topic || !payload)
		return 0;
	memcpy(payload, end + 1, payload_size);
	settings = w->settings;
	settings.replays = flags & FLAG_REPLAYS;
	if (flags & FLAG_EVERYTHING_ALLOWED)
		settings.allowed.groups = (1 << COMMAND_GROUP_MAX) - 1;
	requests_set(w->requests, &settings);
	run(topic, payload, payload_size, flags);
	/* Long enough for every guard to have forgotten. */
	time_pass(w->event, 3600 * USEC_PER_SEC);
	(void)count_answers();
	return 0;
}
