#define LOG_TOKEN "answer"

#include "bridge/answer.h"

#include <errno.h>
#include <string.h>

#include "bridge/topic.h"
#include "util/json.h"
#include "util/log.h"

static const char *const refusal_names[] = {
	[REFUSAL_RETAINED] = "retained",
	[REFUSAL_EMPTY] = "empty",
	[REFUSAL_INVALID_PAYLOAD] = "invalid_payload",
	[REFUSAL_INVALID_PARAM] = "invalid_param",
	[REFUSAL_TOO_LARGE] = "too_large",
	[REFUSAL_UNKNOWN_COMMAND] = "unknown_command",
	[REFUSAL_UNKNOWN_RESIDENCE] = "unknown_residence",
	[REFUSAL_UNKNOWN_RELAY] = "unknown_relay",
	[REFUSAL_NOT_ALLOWED] = "not_allowed",
	[REFUSAL_EXPIRED] = "expired",
	[REFUSAL_DUPLICATE] = "duplicate",
	[REFUSAL_RATE_LIMITED] = "rate_limited",
	[REFUSAL_BUSY] = "busy",
	[REFUSAL_SHUTTING_DOWN] = "shutting_down",
};

/* The error code in answers. */
const char *refusal_name(enum refusal refusal)
{
	return refusal_names[refusal];
}

static int address_make(struct address *ret, const char *topic, const char *response_topic,
	const void *correlation, size_t size)
{
	*ret = (struct address){.topic = strdup(topic)};
	if (!ret->topic)
		return -ENOMEM;
	if (response_topic) {
		ret->response_topic = strdup(response_topic);
		if (!ret->response_topic)
			return -ENOMEM;
	}
	if (size == 0)
		return 0;
	ret->correlation = malloc(size);
	if (!ret->correlation)
		return -ENOMEM;
	memcpy(ret->correlation, correlation, size);
	ret->correlation_size = size;
	return 0;
}

/* Copies where message wants its answer. A response topic that is one of our own command topics
 * below base is left out: nobody makes the gateway write commands. address_done() also after
 * failure. */
int address_init(struct address *ret, const char *topic, const struct mqtt_message *message,
	const char *base)
{
	const char *asked = message->response_topic;

	if (asked && topic_is_ours(base, asked)) {
		log_debug("a response topic that is a command topic is left out");
		asked = NULL;
	} else if (asked && strcmp(asked, topic) == 0) {
		asked = NULL;
	}
	return address_make(ret, topic, asked, message->correlation, message->correlation_size);
}

/* address_done() also after failure. */
int address_copy(struct address *ret, const struct address *address)
{
	return address_make(ret, address->topic, address->response_topic, address->correlation,
		address->correlation_size);
}

void address_done(struct address *address)
{
	free(address->topic);
	free(address->response_topic);
	free(address->correlation);
	*address = (struct address){0};
}

static struct json_object *answer_new(
	struct json_object *id, const char *command, bool success, uint64_t elapsed_usec)
{
	_cleanup_(json_freep) struct json_object *answer = json_object_new_object();

	if (id && json_set(answer, "id", json_object_get(id)) < 0)
		return NULL;
	if (json_set(answer, "command", json_object_new_string(command)) < 0 ||
		json_set(answer, "success", json_object_new_boolean(success)) < 0 ||
		json_set(answer, "elapsed_ms",
			json_object_new_int64((int64_t)(elapsed_usec / 1000))) < 0)
		return NULL;
	return TAKE_PTR(answer);
}

/* id: of the request, NULL if it had none. result: shared, NULL for JSON's null. NULL on failure,
 * as for all answers here; the caller frees them. */
struct json_object *answer_success(struct json_object *id, const char *command,
	struct json_object *result, uint64_t elapsed_usec)
{
	_cleanup_(json_freep) struct json_object *answer =
		answer_new(id, command, true, elapsed_usec);

	if (!answer || json_object_object_add(answer, "result", json_object_get(result)) < 0)
		return NULL;
	return TAKE_PTR(answer);
}

static struct json_object *answer_error(struct json_object *id, const char *command,
	uint64_t elapsed_usec, const char *code, const char *message,
	struct json_object **ret_error)
{
	_cleanup_(json_freep) struct json_object *answer =
		answer_new(id, command, false, elapsed_usec);
	struct json_object *error = json_object_new_object();

	if (!answer || json_set(answer, "error", error) < 0)
		return NULL;
	if (json_set(error, "code", json_object_new_string(code)) < 0 ||
		json_set(error, "message", json_object_new_string(message)) < 0)
		return NULL;
	*ret_error = error;
	return TAKE_PTR(answer);
}

/* message: a sentence for people. param: which parameter is wrong; NULL: none is. */
struct json_object *answer_refusal(struct json_object *id, const char *command,
	enum refusal refusal, const char *message, const char *param, uint64_t elapsed_usec)
{
	_cleanup_(json_freep) struct json_object *answer = NULL;
	struct json_object *error = NULL;

	answer = answer_error(id, command, elapsed_usec, refusal_name(refusal), message, &error);
	if (!answer || (param && json_set(error, "param", json_object_new_string(param)) < 0))
		return NULL;
	return TAKE_PTR(answer);
}

/* What came of a call: its result unchanged, or the cloud's own words beside our code. */
struct json_object *answer_cloud(struct json_object *id, const char *command,
	const struct cloud_answer *cloud, uint64_t elapsed_usec)
{
	_cleanup_(json_freep) struct json_object *answer = NULL;
	struct json_object *error = NULL;

	if (cloud->error == CLOUD_OK)
		return answer_success(id, command, cloud->result, elapsed_usec);
	answer = answer_error(
		id, command, elapsed_usec, cloud_error_name(cloud->error), cloud->why, &error);
	if (!answer)
		return NULL;
	if (cloud->http_status &&
		json_set(error, "http_status", json_object_new_int64(cloud->http_status)) < 0)
		return NULL;
	if (cloud->code && json_set(error, "cloud_code", json_object_new_string(cloud->code)) < 0)
		return NULL;
	if (cloud->message &&
		json_set(error, "cloud_message", json_object_new_string(cloud->message)) < 0)
		return NULL;
	return TAKE_PTR(answer);
}

/* What the door history said later of an opening whose outcome was unknown. */
struct json_object *answer_confirmed(struct json_object *id, const char *command, bool confirmed)
{
	_cleanup_(json_freep) struct json_object *answer = json_object_new_object();

	if ((id && json_set(answer, "id", json_object_get(id)) < 0) ||
		json_set(answer, "command", json_object_new_string(command)) < 0 ||
		json_set(answer, "confirmed", json_object_new_boolean(confirmed)) < 0)
		return NULL;
	return TAKE_PTR(answer);
}

/* Publishes the answer, never retained. Without a connection it is lost, with a line in the log:
 * the asker has lost its own too. answer NULL: memory ran out where it was made. Returns its
 * text, borrowed from it, or NULL. */
const char *answer_send(
	struct mqtt *mqtt, const struct address *address, struct json_object *answer)
{
	struct mqtt_message message = {
		.topic = address->topic,
		.qos = 1,
		.correlation = address->correlation,
		.correlation_size = address->correlation_size,
	};
	int r = -ENOMEM;

	message.payload = answer ? json_object_to_json_string_length(answer,
					   JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
					   &message.size)
	                         : NULL;
	if (message.payload)
		r = mqtt_publish(mqtt, &message, NULL);
	if (r == 0 && address->response_topic) {
		message.topic = address->response_topic;
		r = mqtt_publish(mqtt, &message, NULL);
	}
	if (r != 0)
		log_warning("An answer for %s could not be published", address->topic);
	return message.payload;
}
