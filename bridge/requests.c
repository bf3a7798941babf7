#define LOG_TOKEN "request"

#include "bridge/requests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/answer.h"
#include "bridge/payload.h"
#include "bridge/seen.h"
#include "bridge/topic.h"
#include "cloud/param.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/text.h"

#define OPENING_COMMAND "trigger_akuvox_remote_open_door"

/* Correlation data up to this length tell a repeated message from a new one. */
#define CORRELATION_ID_MAX 256

/* Requests that may be on their way; one more is busy. */
#define REQUESTS_MAX 512

/* Retained messages that are remembered as answered. */
#define REPLAYED_MAX 256

struct request {
	struct request *prev, *next;
	struct requests *requests;
	struct address address;
	struct json_object *id;
	char *key;  /* topic and id, in `seen`; NULL: no id */
	bool twin;  /* of one with the same key, which is to be answered first */
	char *name; /* of the command, as the answer names it */
	const struct command *command;
	char *residence; /* id of the home; NULL: the whole account */
	uint64_t arrived;
	struct cloud_call *call;
	struct opening *opening;
	char *door; /* an opening's, as the log names it */
};

struct requests {
	struct requests_parts parts;
	struct requests_settings settings;
	struct requests_hooks hooks;
	void *userdata;
	struct seen *seen;
	struct json_object *replayed; /* an object used as a set */
	struct request *first;
	size_t n;
	struct request_counts counts;
};

static struct request *request_free(struct request *q)
{
	struct requests *all;

	if (!q)
		return NULL;
	all = q->requests;
	*(q->prev ? &q->prev->next : &all->first) = q->next;
	if (q->next)
		q->next->prev = q->prev;
	all->n--;
	(void)opening_cancel(q->opening);
	(void)cloud_cancel(q->call);
	(void)json_object_put(q->id);
	address_done(&q->address);
	free(q->door);
	free(q->residence);
	free(q->name);
	free(q->key);
	free(q);
	return NULL;
}

DEFINE_CLEANUP(struct request *, request_free);

static uint64_t elapsed(const struct request *q)
{
	return clock_boot_usec() - q->arrived;
}

static void answer_twin(struct request *q, struct json_object *first)
{
	_cleanup_(json_freep) struct json_object *answer =
		answer_refusal(q->id, q->name, REFUSAL_DUPLICATE,
			"a request with this id was seen in the last 5 minutes", NULL, elapsed(q));

	if (answer)
		(void)json_set(json_get(answer, "error"), "first", json_object_get(first));
	answer_send(q->requests->parts.mqtt, &q->address, answer);
	q->requests->counts.refused++;
	(void)request_free(q);
}

/* Sends the one answer of a request, consumed, and frees the request. */
static void request_answer(struct request *q, struct json_object *answer)
{
	_cleanup_(json_freep) struct json_object *owned = answer;
	_cleanup_free_ char *key = TAKE_PTR(q->key);
	struct requests *all = q->requests;
	struct request *next;

	answer_send(all->parts.mqtt, &q->address, answer);
	(void)request_free(q);
	if (!key || !answer)
		return;
	seen_answer(all->seen, key, answer);
	for (q = all->first; q; q = next) {
		next = q->next;
		if (q->twin && strcmp(q->key, key) == 0)
			answer_twin(q, answer);
	}
}

static void request_refuse(struct request *q, const struct fault *fault)
{
	q->requests->counts.refused++;
	log_info("Refused %s on %s: %s%s%s", q->name, q->address.topic, fault->param,
		*fault->param ? " " : "", fault->why);
	request_answer(q, answer_refusal(q->id, q->name, fault->refusal, fault->why,
				  *fault->param ? fault->param : NULL, elapsed(q)));
}

static void request_log_opening(const struct request *q, const struct cloud_answer *cloud)
{
	double msec = (double)elapsed(q) / 1e3;

	if (cloud->error == CLOUD_OK)
		log_notice("Opened %s in %.1f ms", q->door, msec);
	else
		log_warning("%s %s: %s (%s, %.1f ms)",
			cloud->error == CLOUD_OUTCOME_UNKNOWN ? "Perhaps opened" : "Did not open",
			q->door, cloud->why, cloud_error_name(cloud->error), msec);
}

static void on_answer(const struct cloud_answer *cloud, void *userdata)
{
	struct request *q = userdata;
	struct requests *all = q->requests;
	const struct command *command = q->command;
	struct home *home = q->residence ? cache_find(all->parts.cache, q->residence) : NULL;
	bool opened = command->flags & COMMAND_OPENS;

	q->call = NULL;
	q->opening = NULL;
	if (opened)
		request_log_opening(q, cloud);
	if (cloud->error == CLOUD_OK) {
		all->counts.ok++;
		all->counts.opens += opened;
	} else {
		all->counts.failed++;
	}
	request_answer(q, answer_cloud(q->id, q->name, cloud, elapsed(q)));
	if (cloud->error == CLOUD_OK || cloud->error == CLOUD_OUTCOME_UNKNOWN)
		all->hooks.done(home, command, all->userdata);
}

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

static int check_allowed(const struct request *q, struct fault *fault)
{
	if (allowed_command(&q->requests->settings.allowed, q->command))
		return 0;
	return fault_set(fault, REFUSAL_NOT_ALLOWED, NULL,
		"commands.allow has neither the group \"%s\" nor this command",
		command_group_name(q->command->group));
}

static int fault_of_cloud(int cloud_error, struct fault *fault)
{
	if (cloud_error == CLOUD_SHUTTING_DOWN)
		return fault_set(fault, REFUSAL_SHUTTING_DOWN, NULL, "the gateway is stopping");
	return fault_set(fault, REFUSAL_BUSY, NULL, "too many requests are waiting");
}

static int find_home(struct request *q, const char *level, struct home **ret, struct fault *fault)
{
	const struct requests_parts *parts = &q->requests->parts;
	struct home *home = names_find_home(parts->names, parts->cache, level);

	if (!home)
		return fault_set(fault, REFUSAL_UNKNOWN_RESIDENCE, NULL,
			"no home of this account is called \"%.64s\"", level);
	q->residence = strdup(home->id);
	if (!q->residence)
		return fault_of_cloud(-ENOMEM, fault);
	*ret = home;
	return 0;
}

static int find_relay(struct request *q, struct home *home, const char *level, struct relay **ret,
	struct fault *fault)
{
	bool ambiguous;
	struct relay *relay = names_find_relay(q->requests->parts.names, home, level, &ambiguous);

	if (ambiguous)
		return fault_set(fault, REFUSAL_UNKNOWN_RELAY, NULL,
			"two devices of this home have a relay \"%.64s\": name the device too, by "
			"a request " OPENING_COMMAND,
			level);
	if (!relay)
		return fault_set(fault, REFUSAL_UNKNOWN_RELAY, NULL,
			"no door of this home is called \"%.64s\"", level);
	*ret = relay;
	return 0;
}

/* Registers the request's id: the one in its payload, else its correlation data. 1: it was seen
 * before, and the request is answered, or waits for the answer of the first one. */
static int check_seen(struct request *q, const struct mqtt_message *message, struct fault *fault)
{
	_cleanup_free_ char *hex = NULL;
	struct json_object *first = NULL;
	int r;

	if (!q->id &&
		(message->correlation_size == 0 || message->correlation_size > CORRELATION_ID_MAX))
		return 0;
	if (!q->id && text_hex(&hex, message->correlation, message->correlation_size) < 0)
		return fault_of_cloud(-ENOMEM, fault);
	if (asprintf(&q->key, "%s\n%s", message->topic,
		    q->id ? json_object_to_json_string(q->id) : hex) < 0) {
		q->key = NULL;
		return fault_of_cloud(-ENOMEM, fault);
	}
	r = seen_check(q->requests->seen, q->key, &first);
	if (r < 0)
		return fault_of_cloud(r, fault);
	if (r == 0)
		return 0;
	if (first)
		answer_twin(q, first);
	else
		q->twin = true;
	return 1;
}

/* The last steps of every opening, whichever topic it came by. */
static int open_relay(
	struct request *q, struct relay *relay, uint64_t deadline, struct fault *fault)
{
	struct doors *doors = q->requests->parts.doors;
	int r;

	r = door_guard(doors, relay, q->key != NULL, fault->why, sizeof(fault->why));
	if (r >= 0)
		return fault_set(fault, (enum refusal)r, NULL, "%s", strdupa(fault->why));
	if (deadline <= clock_boot_usec())
		return fault_set(
			fault, REFUSAL_EXPIRED, NULL, "its time was over before it could be sent");
	if (asprintf(&q->door, "%s of %s", relay->name, relay->device->home->name) < 0) {
		q->door = NULL;
		return fault_of_cloud(-ENOMEM, fault);
	}
	r = door_open(doors, &q->opening, relay, deadline, on_answer, q);
	return r == 0 ? 0 : fault_of_cloud(r, fault);
}

static int answer_lock(struct request *q, const struct relay *relay)
{
	_cleanup_(json_freep) struct json_object *state = json_object_new_object();

	(void)json_set(state, "state", json_object_new_string(door_state_name(door_state(relay))));
	request_answer(q, answer_success(q->id, q->name, state, elapsed(q)));
	return 1;
}

/* Handlers: 0: on its way, or waiting for its twin; 1: answered, and q is gone; -EINVAL: to be
 * refused with *fault. */

static int handle_open(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault)
{
	struct relay *relay = NULL;
	struct home *home = NULL;
	int r;

	q->command = catalog_find(OPENING_COMMAND);
	r = find_home(q, topic->residence, &home, fault);
	if (r < 0)
		return r;
	r = find_relay(q, home, topic->thing, &relay, fault);
	if (r < 0)
		return r;
	if (payload->lock)
		return answer_lock(q, relay);
	r = check_seen(q, message, fault);
	if (r != 0)
		return r < 0 ? r : 1;
	r = check_allowed(q, fault);
	return r < 0 ? r : open_relay(q, relay, payload->deadline, fault);
}

static int handle_refresh(struct request *q, struct home *home)
{
	struct requests *all = q->requests;

	all->counts.ok++;
	all->hooks.refresh(home, all->userdata);
	request_answer(q, answer_success(q->id, q->name, NULL, elapsed(q)));
	return 1;
}

/* Puts the topic's home into param, which may name the same one or none. */
static int set_residence(struct request *q, struct json_object *param, struct fault *fault)
{
	struct json_object *named;

	if (json_object_object_get_ex(param, "residence_id", &named)) {
		size_t size;
		const char *id = json_plain(named, &size);

		if (!q->residence || !id || strcmp(id, q->residence) != 0)
			return fault_set(fault, REFUSAL_INVALID_PARAM, "residence_id",
				"must be the home of the topic, or be left out");
		json_object_object_del(param, "residence_id");
	}
	if (!command_needs_residence(q->command))
		return 0;
	if (!q->residence)
		return fault_set(fault, REFUSAL_INVALID_PARAM, "residence_id",
			"is missing: send this to <base>/<residence>/request/%s", q->command->name);
	if (json_set(param, "residence_id", json_object_new_string(q->residence)) < 0)
		return fault_of_cloud(-ENOMEM, fault);
	return 0;
}

/* The generic form of an opening is one like any other: its relay must be of that device. */
static int open_by_param(
	struct request *q, struct home *home, const struct payload *payload, struct fault *fault)
{
	const struct device *device = home_find_device(home, json_text(payload->param, "mac"));
	const char *id = json_text(payload->param, "relay_id");

	if (device)
		device_each_relay (device, relay)
			if (!relay->gone && strcmp(relay->id, id) == 0)
				return open_relay(q, relay, payload->deadline, fault);
	return fault_set(
		fault, REFUSAL_UNKNOWN_RELAY, NULL, "this home has no such relay on such a device");
}

static int handle_request(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault)
{
	struct param_fault wrong;
	struct home *home = NULL;
	int r;

	if (strcmp(topic->residence, "bridge") != 0) {
		r = find_home(q, topic->residence, &home, fault);
		if (r < 0)
			return r;
	}
	r = check_seen(q, message, fault);
	if (r != 0)
		return r < 0 ? r : 1;
	if (strcmp(topic->thing, "refresh") == 0)
		return handle_refresh(q, home);
	q->command = catalog_find(topic->thing);
	if (!q->command)
		return fault_set(fault, REFUSAL_UNKNOWN_COMMAND, NULL,
			"there is no such command; see akuvox2mqtt commands");
	r = check_allowed(q, fault);
	if (r < 0)
		return r;
	r = set_residence(q, payload->param, fault);
	if (r < 0)
		return r;
	if (param_check(q->command, payload->param, &wrong) < 0)
		return fault_set(fault, REFUSAL_INVALID_PARAM, wrong.param, "%s", wrong.why);
	if (q->command->flags & COMMAND_OPENS)
		return open_by_param(q, home, payload, fault);
	r = cloud_start(q->requests->parts.cloud, &q->call, q->command, payload->param,
		CLOUD_COMMAND, payload->deadline, on_answer, q);
	return r == 0 ? 0 : fault_of_cloud(r, fault);
}

/* What each kind of topic needs; it is answered on <base>/<residence>/<before><thing><after>. */
static const struct {
	int (*read)(struct payload *, const struct mqtt_message *, uint64_t, struct fault *);
	int (*handle)(struct request *, const struct topic *, struct payload *,
		const struct mqtt_message *, struct fault *);
	const char *before;  /* the thing of the topic */
	const char *after;   /* it */
	const char *command; /* as answers name it; NULL: the thing of the topic */
} kinds[TOPIC_KIND_MAX] = {
	[TOPIC_OPEN] = {payload_open, handle_open, "door/", "/result", OPENING_COMMAND},
	[TOPIC_REQUEST] = {payload_request, handle_request, "response/", "", NULL},
};

static int request_new(struct request **ret, struct requests *all, const struct topic *topic,
	const struct mqtt_message *message)
{
	_cleanup_(request_freep) struct request *q = calloc(1, sizeof(*q));
	const char *base = names_base(all->parts.names);
	topic_t answer;
	int r;

	if (!q)
		return -ENOMEM;
	q->requests = all;
	q->next = all->first;
	if (q->next)
		q->next->prev = q;
	all->first = q;
	all->n++;
	q->arrived = message->arrived_usec;
	q->name = strdup(kinds[topic->kind].command ? kinds[topic->kind].command : topic->thing);
	if (!q->name)
		return -ENOMEM;
	r = snprintf(answer, sizeof(answer), "%s/%s/%s%s%s", base, topic->residence,
		kinds[topic->kind].before, topic->thing, kinds[topic->kind].after);
	if (r < 0 || r >= (int)sizeof(answer))
		return -ENAMETOOLONG;
	r = address_init(&q->address, answer, message, base);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(q);
	return 0;
}

/* Under MQTT 3.1.1 a retained message comes again with each connection, and is answered only once.
 * (Under MQTT 5 the broker does not send it again, so each one is new.) */
static bool is_replay(struct requests *all, const struct mqtt_message *message)
{
	_cleanup_free_ char *key = NULL;
	struct json_object *first;

	if (!all->settings.replays)
		return false;
	if (asprintf(&key, "%s\n%.*s", message->topic, message->payload ? (int)message->size : 0,
		    (const char *)message->payload) < 0) {
		key = NULL;
		return false;
	}
	if (json_object_object_get_ex(all->replayed, key, &first))
		return true;
	if (json_object_object_length(all->replayed) < REPLAYED_MAX)
		(void)json_object_object_add(all->replayed, key, NULL);
	return false;
}

/* A retained message is refused whatever it says: it would open the door at each start. */
static int check_retained(const struct mqtt_message *message, struct fault *fault)
{
	if (!message->retain)
		return 0;
	log_warning("A retained command stands on %s: clear it with mosquitto_pub -r -n -t '%s'",
		message->topic, message->topic);
	return fault_set(fault, REFUSAL_RETAINED, NULL,
		"commands must not be retained; clear it with: mosquitto_pub -r -n -t '%.150s'",
		message->topic);
}

/* Takes one message: answers it now, or when the cloud has answered. Messages on other topics are
 * left alone, and so is the empty retained one that clears a topic. */
void requests_message(struct requests *all, const struct mqtt_message *message)
{
	struct payload payload = {0};
	struct topic topic;
	struct request *q;
	struct fault fault;
	int r;

	topic_parse(&topic, names_base(all->parts.names), message->topic);
	if (topic.kind == TOPIC_NONE)
		return;
	if (message->retain && (message->size == 0 || is_replay(all, message)))
		return;
	r = request_new(&q, all, &topic, message);
	if (r < 0) {
		log_errno(LOG_WARNING, r, "A request on %s is dropped: %m", message->topic);
		return;
	}
	r = check_retained(message, &fault);
	if (r == 0 && all->n > REQUESTS_MAX)
		r = fault_of_cloud(CLOUD_BUSY, &fault);
	if (r == 0) {
		r = kinds[topic.kind].read(&payload, message,
			topic.kind == TOPIC_OPEN ? all->settings.door_patience_usec
						 : all->settings.patience_usec,
			&fault);
		q->id = TAKE_PTR(payload.id);
	}
	if (r == 0)
		r = kinds[topic.kind].handle(q, &topic, &payload, message, &fault);
	if (r < 0)
		request_refuse(q, &fault);
	payload_done(&payload);
}

/* How many are not answered yet. */
size_t requests_open(const struct requests *all)
{
	return all->n;
}

/* Answers what the cloud has not answered, at the end of the gateway's life. */
void requests_give_up(struct requests *all)
{
	const struct cloud_answer unknown = {
		.error = CLOUD_OUTCOME_UNKNOWN,
		.why = "the gateway stopped before the cloud answered",
	};

	while (all->first) {
		struct request *q = all->first;

		all->counts.failed++;
		request_answer(q, answer_cloud(q->id, q->name, &unknown, elapsed(q)));
	}
}

/* Settings that hold from the next request on. */
void requests_set(struct requests *all, const struct requests_settings *settings)
{
	all->settings = *settings;
}

/* For the health topic. */
const struct request_counts *requests_counts(const struct requests *all)
{
	return &all->counts;
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
	all->replayed = json_object_new_object();
	if (!all->replayed)
		return -ENOMEM;
	r = seen_new(&all->seen);
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
	while (all->first)
		(void)request_free(all->first);
	(void)seen_free(all->seen);
	(void)json_object_put(all->replayed);
	free(all);
	return NULL;
}
