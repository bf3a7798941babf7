#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "bridge/answer.h"
#include "bridge/mqtt.h"

/* What a message to us says. Everything in it is hostile until checked here. */

struct payload {
	bool lock;                 /* an opening's payload that asks for the opposite */
	char *text;                /* of those that are plain text */
	struct json_object *param; /* an object: the members that are not the gateway's own */
	struct json_object *id;    /* string or number; NULL: none */
	uint64_t deadline;         /* clock_boot_usec() by which it must have been sent */
};

/* Why it was refused. why never holds a value of the payload; it has room for a whole topic. */
struct fault {
	enum refusal refusal;
	char param[96]; /* "": none in particular */
	char why[MQTT_TOPIC_MAX + 128];
};

/* Longest plain text: a word, a PIN or a key. */
#define PAYLOAD_TEXT_MAX 64
#define PAYLOAD_ID_MAX   128

int payload_open(struct payload *p, const struct mqtt_message *message, uint64_t patience_usec,
	struct fault *fault);
int payload_request(struct payload *p, const struct mqtt_message *message, uint64_t patience_usec,
	struct fault *fault);
int payload_text(struct payload *p, const struct mqtt_message *message, uint64_t patience_usec,
	struct fault *fault);
int payload_text_or_object(struct payload *p, const struct mqtt_message *message,
	uint64_t patience_usec, struct fault *fault);
void payload_done(struct payload *payload);

int payload_time(
	struct json_object *value, const char *name, int64_t *ret_msec, struct fault *fault);
int fault_set(struct fault *ret, enum refusal refusal, const char *param, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
