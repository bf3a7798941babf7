#include "tests/unit/cmocka-all.h"

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mosquitto.h>

#include "bridge/confirm.h"
#include "bridge/topic.h"
#include "cloud/param.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/clock.h"
#include "util/json.h"

/* Messages of anybody on the broker, with SEPARATOR between them: each is flags, a topic, a line
 * break, the payload. Whatever they say, they move no door that may not be opened, and each has one
 * answer at the end. The same one again and again opens a door once. */

#define SEPARATOR    "\n--\n"
#define MESSAGES_MAX 48

/* Guest keys that the cloud knows: more than go into one call that deletes them. All but the first
 * are over. */
#define KEYS (FIELD_ITEMS_MAX + 2)

/* Where answers go besides their own topics, if they were asked for there. */
#define ASKER "asker/answers"

enum {
	FLAG_RETAIN = 1 << 0,
	FLAG_REPLAYS = 1 << 1, /* MQTT 3.1.1 */
	FLAG_CORRELATION = 1 << 2,
	FLAG_EXPIRY = 1 << 3,
	FLAG_TOO_LARGE = 1 << 4,
	FLAG_CLOUD_FAILS = 1 << 5,
	FLAG_EVERYTHING_ALLOWED = 1 << 6,
	/* The cloud answers when all have come. */
	FLAG_HELD = 1 << 7,
};

struct input {
	unsigned flags;
	char *topic, *payload;
	size_t size; /* of the payload */
};

static struct world *w;
static unsigned openings;
static char keys[KEYS * 128]; /* what the cloud answers */

/* What goes to the cloud is read there as it was meant here. As fake_cloud.c prints it. */
static void check_param(const char *param)
{
	_cleanup_(json_freep) struct json_object *object = NULL;
	const char *text;
	size_t size;

	if (json_parse_exact(&object, param, strlen(param)) < 0 ||
		json_print(object, JSON_C_TO_STRING_PLAIN, &text, &size) < 0 ||
		strcmp(text, param) != 0)
		abort();
}

static void check_call(const struct cloud_call *call)
{
	check_param(call->param);
	if (!(call->command->flags & COMMAND_OPENS))
		return;
	if (strstr(call->param, "\"relay_id\":\"NO\""))
		abort();
	openings++;
	if (call->priority != CLOUD_DOOR || call->deadline == 0)
		abort();
}

static void answer_calls(unsigned flags)
{
	while (fake_cloud_open(w->cloud) > 0) {
		struct cloud_call *call = fake_cloud_oldest(w->cloud);

		check_call(call);
		if (flags & FLAG_CLOUD_FAILS)
			fake_cloud_end(call, CLOUD_OUTCOME_UNKNOWN);
		else
			fake_cloud_succeed(call, keys);
		time_settle(w->event);
	}
}

/* Every answer says whether it is a success. */
static void check_answer(const struct sent *sent)
{
	_cleanup_(json_freep) struct json_object *answer = NULL;

	if (json_parse(&answer, sent->text, strlen(sent->text)) < 0 ||
		json_flag(answer, "success") < 0)
		abort();
}

/* Answers are the publications that are not retained. */
static unsigned count_answers(void)
{
	const struct sent *sent;
	unsigned n = 0;

	while ((sent = fake_mqtt_next(w->mqtt))) {
		if (sent->retain || strstr(sent->text, "\"confirmed\""))
			continue;
		check_answer(sent);
		n += strcmp(sent->topic, ASKER) != 0;
	}
	fake_mqtt_forget(w->mqtt);
	return n;
}

/* Retained, or what clears a retained one, is answered once and then never again. */
static bool may_be_ignored(const struct input *in)
{
	return in->flags & FLAG_RETAIN || (in->flags & FLAG_REPLAYS && in->size == 0);
}

static void send(const struct input *in)
{
	const unsigned started = fake_cloud_started(w->cloud);
	struct requests_settings settings = w->settings;
	struct mqtt_message message = {
		.topic = in->topic,
		.payload = in->payload,
		.size = in->size,
		.qos = 1,
		.retain = in->flags & FLAG_RETAIN,
		.expiry_sec = in->flags & FLAG_EXPIRY ? 3 : -1,
		.arrived_usec = clock_boot_usec(),
	};

	settings.replays = in->flags & FLAG_REPLAYS;
	if (in->flags & FLAG_EVERYTHING_ALLOWED)
		settings.allowed.groups = (1 << COMMAND_GROUP_MAX) - 1;
	requests_set(w->requests, &settings);
	if (in->flags & FLAG_CORRELATION) {
		message.correlation = in->topic;
		message.correlation_size = strlen(in->topic) % 16;
		message.response_topic = strlen(in->topic) % 2 ? in->topic : ASKER;
	}
	if (in->flags & FLAG_TOO_LARGE) {
		message.payload = NULL;
		message.size = MQTT_PAYLOAD_MAX + 1;
	}
	requests_message(w->requests, &message);
	/* What is retained asks the cloud for nothing. */
	if (message.retain && fake_cloud_started(w->cloud) != started)
		abort();
	time_settle(w->event);
	if (!(in->flags & FLAG_HELD))
		answer_calls(in->flags);
}

static bool are_equal(const struct input *a, const struct input *b)
{
	return a->flags == b->flags && strcmp(a->topic, b->topic) == 0 && a->size == b->size &&
	       memcmp(a->payload, b->payload, a->size) == 0;
}

/* The history shows an opening, which may prove one whose answer stayed out. */
static void hear(void)
{
	char time[CLOCK_TEXT_MAX];
	struct history_news news = WORLD_ROWS(w, "H1", HISTORY_DOOR,
		{clock_cloud(time, clock_epoch_msec() / 1000), "Ann", "", true, "Front", "", "",
			""});

	confirm_heard(
		w->confirm, world_home(w, "H1"), &news, clock_epoch_msec(), clock_boot_usec());
}

/* All requests that have been answered, by the gateway's own count. */
static uint64_t counted(void)
{
	const struct request_counts *counts = requests_counts(w->requests);

	return counts->ok + counts->failed + counts->refused;
}

static void run(const struct input *inputs, size_t n)
{
	unsigned answers, most = 0, least = 0;
	bool same = true, fails;
	uint64_t before;

	openings = 0;
	before = counted();
	for (size_t i = 0; i < n; i++) {
		struct topic parsed;

		topic_parse(&parsed, "home", inputs[i].topic);
		most += parsed.kind != TOPIC_NONE;
		least += parsed.kind != TOPIC_NONE && !may_be_ignored(&inputs[i]);
		same = same && are_equal(&inputs[0], &inputs[i]);
		send(&inputs[i]);
	}
	fails = n > 0 && inputs[n - 1].flags & FLAG_CLOUD_FAILS;
	answer_calls(fails ? FLAG_CLOUD_FAILS : 0);
	if (fails)
		hear();
	answers = count_answers();
	if (requests_open(w->requests) > 0 || answers > most || answers < least)
		abort();
	if (counted() - before != answers)
		abort();
	if (same && openings > 1)
		abort();
}

/* 0: it is one that a broker passes on. */
static int read_input(struct input *ret, const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;
	size_t topic_size;

	if (!end)
		return -1;
	topic_size = (size_t)(end - data) - 1;
	if (topic_size == 0 || topic_size >= MQTT_TOPIC_MAX || memchr(data + 1, 0, topic_size) ||
		memchr(data + 1, '+', topic_size) || memchr(data + 1, '#', topic_size) ||
		mosquitto_validate_utf8((const char *)data + 1, (int)topic_size) !=
			MOSQ_ERR_SUCCESS)
		return -1;
	ret->flags = data[0];
	ret->size = size - topic_size - 2;
	ret->topic = fuzz_text(data + 1, topic_size);
	/* No byte behind it, so that the sanitizers see a step beyond. */
	ret->payload = malloc(ret->size + !ret->size);
	if (!ret->topic || !ret->payload)
		return -1;
	memcpy(ret->payload, end + 1, ret->size);
	return 0;
}

static void begin(void)
{
	static const struct command *allowed[1];
	char *patterns[TOPIC_PATTERNS_MAX];
	size_t n = (size_t)snprintf(keys, sizeof(keys), "{\"list\":["), n_patterns;

	for (int i = 0; i < KEYS; i++)
		n += (size_t)snprintf(keys + n, sizeof(keys) - n,
			"%s{\"temp_key\":\"%d\",\"start_time\":\"2020-01-01 00:00:00\","
			"\"finish_time\":\"20%d-01-02 00:00:00\"}",
			i > 0 ? "," : "", i, i > 0 ? 20 : 99);
	(void)snprintf(keys + n, sizeof(keys) - n, "]}");
	if (world_setup((void **)&w) != 0 || topic_patterns("home", patterns, &n_patterns) < 0)
		abort();
	/* A home whose id is a word of ours. */
	world_merge_homes(w, (const char *const[]){"H1", "H2", "bridge", NULL});
	/* Whatever is subscribed to is read. */
	for (size_t i = 0; i < n_patterns; i++) {
		for (char *plus = patterns[i]; (plus = strchr(plus, '+'));)
			*plus = 'x';
		if (!topic_is_ours("home", patterns[i]))
			abort();
		free(patterns[i]);
	}
	allowed[0] = catalog_find("update_family_info");
	w->settings.allowed.commands = allowed;
	w->settings.allowed.n = 1;
}

/* The gateway stops with an opening on its way, and one that waits for the same answer. */
static void end(void)
{
	char topic[] = "home/H1/door/R1/open", payload[] = "{\"id\":1}";
	const struct input opening = {FLAG_HELD, topic, payload, strlen(payload)};

	send(&opening);
	send(&opening);
	requests_give_up(w->requests);
	if (requests_open(w->requests) > 0 || count_answers() != 2)
		abort();
	(void)world_teardown((void **)&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input inputs[MESSAGES_MAX] = {{0}};
	int r = 0;
	size_t n = 0;

	if (!w) {
		begin();
		(void)atexit(end);
	}
	while (n < MESSAGES_MAX && size > 0 && r == 0) {
		const uint8_t *end = memmem(data, size, SEPARATOR, strlen(SEPARATOR));
		size_t part = end ? (size_t)(end - data) : size;

		r = read_input(&inputs[n++], data, part);
		data += part + (end ? strlen(SEPARATOR) : 0);
		size -= part + (end ? strlen(SEPARATOR) : 0);
	}
	if (r == 0)
		run(inputs, n);
	for (size_t i = 0; i < n; i++) {
		free(inputs[i].topic);
		free(inputs[i].payload);
	}
	/* Long enough for every guard to have forgotten. */
	time_pass(w->event, 3600 * USEC_PER_SEC);
	(void)count_answers();
	return 0;
}
