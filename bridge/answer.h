#pragma once

#include <json-c/json.h>

#include "bridge/mqtt.h"
#include "cloud/client.h"
#include "util/cleanup.h"

/* Answers to requests: what they say and where they go. */

/* Why a request was refused before it reached the cloud. */
enum refusal {
	REFUSAL_RETAINED,
	REFUSAL_EMPTY,
	REFUSAL_INVALID_PAYLOAD,
	REFUSAL_INVALID_PARAM,
	REFUSAL_TOO_LARGE,
	REFUSAL_UNKNOWN_COMMAND,
	REFUSAL_UNKNOWN_RESIDENCE,
	REFUSAL_UNKNOWN_RELAY,
	REFUSAL_NOT_ALLOWED,
	REFUSAL_EXPIRED,
	REFUSAL_DUPLICATE,
	REFUSAL_RATE_LIMITED,
	REFUSAL_BUSY,
	REFUSAL_SHUTTING_DOWN,
	REFUSAL_MAX,
};

/* Where the answer to one request goes: its default topic and, under MQTT 5, where it asked for. */
struct address {
	char *topic;
	char *response_topic;
	void *correlation;
	size_t correlation_size;
};

int address_init(struct address *ret, const char *topic, const struct mqtt_message *message,
	const char *base);
int address_copy(struct address *ret, const struct address *address);
void address_done(struct address *address);

const char *refusal_name(enum refusal refusal);

struct json_object *answer_success(struct json_object *id, const char *command,
	struct json_object *result, uint64_t elapsed_usec);
struct json_object *answer_refusal(struct json_object *id, const char *command,
	enum refusal refusal, const char *message, const char *param, uint64_t elapsed_usec);
struct json_object *answer_cloud(struct json_object *id, const char *command,
	const struct cloud_answer *cloud, uint64_t elapsed_usec);
struct json_object *answer_confirmed(struct json_object *id, const char *command, bool confirmed);

const char *answer_send(
	struct mqtt *mqtt, const struct address *address, struct json_object *answer);
