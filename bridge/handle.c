#define LOG_TOKEN "request"

#include "bridge/handle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloud/param.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

static void log_opening(const char *door, uint64_t age_usec, const struct cloud_answer *cloud)
{
	double msec = (double)age_usec / 1e3;
	/* Behind a server's error the door may have moved all the same. */
	bool perhaps = cloud->error == CLOUD_OUTCOME_UNKNOWN || cloud->http_status >= 500;

	if (cloud->error == CLOUD_OK)
		log_notice("Opened %s in %.1f ms", door, msec);
	else
		log_warning("%s %s: %s (%s, %.1f ms)", perhaps ? "Perhaps opened" : "Did not open",
			door, cloud->why, cloud_error_name(cloud->error), msec);
}

/* Has looked at what the command of a request changed. */
void handle_done(const struct request *q)
{
	const struct requests *all = q->requests;
	struct home *home = q->residence ? cache_find(all->parts.cache, q->residence) : NULL;

	all->hooks.done(home, q->command, all->userdata);
}

/* Answers an opening. If the answer stayed out the asker is told more, when the history shows it. */
static void settle_opening(struct request *q, const struct cloud_answer *cloud)
{
	struct confirm *confirm = q->requests->parts.confirm;
	_cleanup_(address_done) struct address address = {0};
	_cleanup_(json_freep) struct json_object *id = json_object_get(q->id);
	_cleanup_free_ char *door = TAKE_PTR(q->door);
	struct confirm_asker asker = {&address, id, q->command->name, door};
	uint64_t awaited = q->awaited, age = request_age(q);

	if (cloud->error == CLOUD_OUTCOME_UNKNOWN && address_copy(&address, &q->address) < 0)
		asker.address = NULL;
	request_settle(q, cloud);
	log_opening(door, age, cloud);
	confirm_answered(confirm, awaited, cloud, &asker);
}

/* Answers with what came of the call, and has looked at what it changed. */
void handle_answered(struct request *q, const struct cloud_answer *cloud)
{
	struct requests *all = q->requests;
	const struct command *command = q->command;
	struct home *home = q->residence ? cache_find(all->parts.cache, q->residence) : NULL;

	if (command->flags & COMMAND_OPENS)
		settle_opening(q, cloud);
	else
		request_settle(q, cloud);
	if (cloud->error == CLOUD_OK || cloud->error == CLOUD_OUTCOME_UNKNOWN)
		all->hooks.done(home, command, all->userdata);
}

static void on_answer(const struct cloud_answer *cloud, void *userdata)
{
	handle_answered(userdata, cloud);
}

/* Whether the configuration allows what command stands for. */
int handle_allowed(const struct request *q, const struct command *command, struct fault *fault)
{
	if (allowed_command(&q->requests->settings.allowed, command))
		return 0;
	return fault_set(fault, REFUSAL_NOT_ALLOWED, NULL,
		"commands.allow has neither \"%s\" nor \"%s\"", command_group_name(command->group),
		command->name);
}

/* The fault of what is known at once. r: a positive enum cloud_error, or negative errno. */
int fault_at_once(int r, struct fault *fault)
{
	if (r == CLOUD_SHUTTING_DOWN)
		return fault_set(fault, REFUSAL_SHUTTING_DOWN, NULL, "the gateway is stopping");
	return fault_set(fault, REFUSAL_BUSY, NULL, "too many requests are waiting");
}

static int find_home(struct request *q, const char *level, struct home **ret, struct fault *fault)
{
	const struct requests_parts *parts = &q->requests->parts;
	struct home *home = names_find_home(parts->names, parts->cache, level);

	if (!home)
		return fault_set(
			fault, REFUSAL_UNKNOWN_RESIDENCE, NULL, "this account has no such home");
	q->residence = strdup(home->id);
	if (!q->residence)
		return fault_at_once(-ENOMEM, fault);
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
			"two devices of this home have a relay of this id: name the device too, by "
			"a request " OPENING_COMMAND);
	if (!relay)
		return fault_set(fault, REFUSAL_UNKNOWN_RELAY, NULL, "this home has no such door");
	*ret = relay;
	return 0;
}

/* As request_seen(). */
static int check_seen(struct request *q, const struct mqtt_message *message, struct fault *fault)
{
	int r = request_seen(q, message);

	return r < 0 ? fault_at_once(r, fault) : r;
}

static int check_deadline(uint64_t deadline, struct fault *fault)
{
	if (deadline > clock_boot_usec())
		return 0;
	return fault_set(fault, REFUSAL_EXPIRED, NULL, "its time was over before it could be sent");
}

/* The last steps of every opening, whichever topic it came by. */
static int open_relay(struct request *q, struct relay *relay, struct fault *fault)
{
	struct doors *doors = q->requests->parts.doors;
	const char *why;
	int r;

	r = door_guard(doors, relay, q->key != NULL, &why);
	if (r >= 0)
		return fault_set(fault, (enum refusal)r, NULL, "%s", why);
	r = check_deadline(q->deadline, fault);
	if (r < 0)
		return r;
	if (asprintf(&q->door, "%s of %s", relay->name, relay->device->home->name) < 0) {
		q->door = NULL;
		return fault_at_once(-ENOMEM, fault);
	}
	r = door_open(doors, &q->opening, relay, q->deadline, on_answer, q);
	if (r != 0)
		return fault_at_once(r, fault);
	q->awaited = confirm_sent(q->requests->parts.confirm, relay);
	return 0;
}

static int answer_lock(struct request *q, const struct relay *relay)
{
	struct json_object *state = json_object_new_object();

	(void)json_set(state, "state", json_object_new_string(door_state_name(door_state(relay))));
	request_succeed(q, state);
	return 1;
}

/* An opening by its own topic. */
int handle_open(struct request *q, const struct topic *topic, struct payload *payload,
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
	r = handle_allowed(q, q->command, fault);
	return r < 0 ? r : open_relay(q, relay, fault);
}

/* A request may name the home of its topic, and no other. Takes it out of param. */
int handle_residence(const struct request *q, struct json_object *param, struct fault *fault)
{
	struct json_object *named;
	const char *id;
	size_t size;

	if (!json_object_object_get_ex(param, "residence_id", &named))
		return 0;
	id = json_plain(named, &size);
	if (!q->residence || !id || strcmp(id, q->residence) != 0)
		return fault_set(fault, REFUSAL_INVALID_PARAM, "residence_id",
			"must be the home of the topic, or be left out");
	json_object_object_del(param, "residence_id");
	return 0;
}

/* Makes param what the cloud wants. */
static int complete_param(const struct request *q, const struct command *command,
	struct json_object *param, struct fault *fault)
{
	struct param_fault wrong;
	int r;

	r = handle_residence(q, param, fault);
	if (r < 0)
		return r;
	if (command_needs_residence(command)) {
		if (!q->residence)
			return fault_set(fault, REFUSAL_INVALID_PARAM, "residence_id",
				"is missing: send this to <base>/<residence>/request/%s",
				command->name);
		if (json_set(param, "residence_id", json_object_new_string(q->residence)) < 0)
			return fault_at_once(-ENOMEM, fault);
	}
	if (param_check(command, param, &wrong) < 0)
		return fault_set(fault, REFUSAL_INVALID_PARAM, wrong.param, "%s", wrong.why);
	return 0;
}

/* What is left of param was asked for by mistake. */
int handle_rest(struct json_object *param, struct fault *fault)
{
	json_object_object_foreach (param, name, value) {
		(void)value;
		return fault_set(fault, REFUSAL_INVALID_PARAM, name, "is not known");
	}
	return 0;
}

/* home NULL: all of them. */
static int handle_refresh(
	struct request *q, struct home *home, struct json_object *param, struct fault *fault)
{
	struct requests *all = q->requests;
	int r;

	r = handle_residence(q, param, fault);
	if (r == 0)
		r = handle_rest(param, fault);
	if (r < 0)
		return r;
	all->hooks.refresh(home, all->userdata);
	request_succeed(q, NULL);
	return 1;
}

/* The first steps of a request that stands for one command of a home. Returns as a handler, with 0
 * to go on. */
int handle_home(struct request *q, const struct topic *topic, const char *command,
	const struct mqtt_message *message, struct fault *fault)
{
	struct home *home;
	int r;

	q->command = catalog_find(command);
	r = find_home(q, topic->residence, &home, fault);
	return r < 0 ? r : check_seen(q, message, fault);
}

/* The last steps of every request but openings: sends command, if q->command is allowed. param is
 * completed. done: NULL to answer with what the cloud says; else it must see to the answer. */
int handle_send(struct request *q, const struct command *command, struct json_object *param,
	cloud_done_t done, struct fault *fault)
{
	int r;

	r = handle_allowed(q, q->command, fault);
	if (r == 0)
		r = complete_param(q, command, param, fault);
	if (r == 0)
		r = check_deadline(q->deadline, fault);
	if (r < 0)
		return r;
	r = cloud_start(q->requests->parts.cloud, &q->call, command, param, CLOUD_COMMAND,
		q->deadline, done ? done : on_answer, q);
	return r == 0 ? 0 : fault_at_once(r, fault);
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
				return open_relay(q, relay, fault);
	return fault_set(
		fault, REFUSAL_UNKNOWN_RELAY, NULL, "this home has no such relay on such a device");
}

/* Any other request; a generic opening too. */
int handle_request(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault)
{
	struct home *home = NULL;
	int r;

	if (strcmp(topic->residence, TOPIC_BRIDGE) != 0) {
		r = find_home(q, topic->residence, &home, fault);
		if (r < 0)
			return r;
	}
	r = check_seen(q, message, fault);
	if (r != 0)
		return r < 0 ? r : 1;
	if (strcmp(topic->thing, "refresh") == 0)
		return handle_refresh(q, home, payload->param, fault);
	if (strcmp(topic->thing, "history") == 0)
		return handle_history(q, home, payload->param, fault);
	q->command = catalog_find(topic->thing);
	if (!q->command)
		return fault_set(fault, REFUSAL_UNKNOWN_COMMAND, NULL,
			"there is no such command; see akuvox2mqtt commands");
	if (!(q->command->flags & COMMAND_OPENS))
		return handle_send(q, q->command, payload->param, NULL, fault);
	r = handle_allowed(q, q->command, fault);
	if (r == 0)
		r = complete_param(q, q->command, payload->param, fault);
	return r < 0 ? r : open_by_param(q, home, payload, fault);
}
