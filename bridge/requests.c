#define LOG_TOKEN "request"

#include "bridge/requests.h"

#include <errno.h>
#include <stdio.h>

#include "bridge/handle.h"
#include "util/log.h"

/* True for a command of an allowed group, or allowed by name. */
bool allowed_command(const struct allowed *allowed, const struct command *command)
{
	if (allowed->groups & 1u << command->group)
		return true;
	for (size_t i = 0; i < allowed->n; i++)
		if (allowed->commands[i] == command)
			return true;
	return false;
}

/* What each kind of topic needs; it is answered on <base>/<residence>/<before><thing><after>. */
static const struct {
	int (*read)(struct payload *, const struct mqtt_message *, uint64_t, struct fault *);
	handler_t handle;
	const char *before;  /* the thing of the topic */
	const char *after;   /* it */
	const char *command; /* as answers name it; NULL: the thing of the topic */
} kinds[TOPIC_KIND_MAX] = {
	[TOPIC_OPEN] = {payload_open, handle_open, "door/", "/result", OPENING_COMMAND},
	[TOPIC_REQUEST] = {payload_request, handle_request, "response/", "", NULL},
	[TOPIC_NFC] = {payload_text, handle_switch, "response/" NFC_COMMAND, "", NFC_COMMAND},
	[TOPIC_BLE] = {payload_text, handle_switch, "response/" BLE_COMMAND, "", BLE_COMMAND},
	[TOPIC_PIN] = {payload_text, handle_pin, "response/" PIN_COMMAND, "", PIN_COMMAND},
	[TOPIC_KEY_CREATE] = {payload_request, handle_key_create, "temp_key/result", "",
		KEY_CREATE_COMMAND},
	[TOPIC_KEY_DELETE] = {payload_text_or_object, handle_key_delete, "temp_key/result", "",
		KEY_DELETE_COMMAND},
};

static int begin(struct request **ret, struct requests *all, const struct topic *topic,
	const struct mqtt_message *message)
{
	const char *base = names_base(all->parts.names);
	const char *command = kinds[topic->kind].command;
	topic_t answer;
	int r;

	r = snprintf(answer, sizeof(answer), "%s/%s/%s%s%s", base, topic->residence,
		kinds[topic->kind].before, topic->thing ? topic->thing : "",
		kinds[topic->kind].after);
	if (r < 0 || r >= (int)sizeof(answer))
		return -ENAMETOOLONG;
	r = request_new(ret, &all->open, command ? command : topic->thing, answer, message, base);
	if (r == 0)
		(*ret)->requests = all;
	return r;
}

/* Reads the message and hands it on; returns as a handler. What it says is read even where it is
 * refused in any case, so that the refusal has its id. */
static int handle(struct request *q, const struct topic *topic, const struct mqtt_message *message,
	struct fault *fault)
{
	_cleanup_(payload_done) struct payload payload = {0};
	const struct requests *all = q->requests;
	uint64_t patience = topic->kind == TOPIC_OPEN ? all->settings.door_patience_usec
	                                              : all->settings.patience_usec;
	int r, read;

	read = kinds[topic->kind].read(&payload, message, patience, fault);
	q->id = TAKE_PTR(payload.id);
	q->deadline = payload.deadline;
	r = retained_refuse(message, fault);
	if (r == 0 && all->open.n > REQUESTS_MAX)
		r = fault_at_once(CLOUD_BUSY, fault);
	if (r == 0)
		r = read;
	return r < 0 ? r : kinds[topic->kind].handle(q, topic, &payload, message, fault);
}

/* Takes one message: answers it now, or when the cloud has answered. Messages on other topics are
 * left alone, and so is the empty retained one that clears a topic. */
void requests_message(struct requests *all, const struct mqtt_message *message)
{
	struct topic topic;
	struct request *q;
	struct fault fault;
	int r;

	topic_parse(&topic, names_base(all->parts.names), message->topic);
	if (topic.kind == TOPIC_NONE)
		return;
	if (retained_ignores(all->retained, message, all->settings.replays))
		return;
	r = begin(&q, all, &topic, message);
	if (r < 0) {
		log_errno(LOG_WARNING, r, "A request on %s is dropped: %m", message->topic);
		return;
	}
	if (handle(q, &topic, message, &fault) < 0)
		request_refuse(q, &fault);
}

/* How many are not answered yet. */
size_t requests_open(const struct requests *all)
{
	return all->open.n;
}

/* Answers what the cloud has not answered, at the end of the gateway's life. */
void requests_give_up(struct requests *all)
{
	open_requests_give_up(&all->open);
}

/* Settings that hold from the next request on. */
void requests_set(struct requests *all, const struct requests_settings *settings)
{
	all->settings = *settings;
}

/* For the health topic. */
const struct request_counts *requests_counts(const struct requests *all)
{
	return &all->open.counts;
}

int requests_new(struct requests **ret, const struct requests_parts *parts,
	const struct requests_settings *settings, const struct requests_hooks *hooks,
	void *userdata)
{
	_cleanup_(requests_freep) struct requests *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	all->parts = *parts;
	all->settings = *settings;
	all->hooks = *hooks;
	all->userdata = userdata;
	r = retained_new(&all->retained);
	if (r < 0)
		return r;
	r = open_requests_init(&all->open, parts->mqtt);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(all);
	return 0;
}

/* What is open stays without an answer; see requests_give_up(). */
struct requests *requests_free(struct requests *all)
{
	if (!all)
		return NULL;
	open_requests_done(&all->open);
	(void)retained_free(all->retained);
	free(all);
	return NULL;
}
