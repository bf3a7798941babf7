#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bridge/mqtt.h"

/* The topics that people and programs write to, as one table: what we subscribe to and how an
 * arrived topic is taken apart. */

enum topic_kind {
	TOPIC_NONE, /* not one of ours */
	TOPIC_OPEN,
	TOPIC_REQUEST,
	TOPIC_NFC,
	TOPIC_BLE,
	TOPIC_PIN,
	TOPIC_KEY_CREATE,
	TOPIC_KEY_DELETE,
	TOPIC_KIND_MAX,
};

#define TOPIC_PATTERNS_MAX 16

/* Below the base, in the place of a home: what is the gateway's own. */
#define TOPIC_BRIDGE "bridge"

/* Levels borrowed from text, which is a copy of the topic. */
struct topic {
	enum topic_kind kind;
	const char *residence;
	const char *thing; /* the relay or the command; NULL where the pattern has none */
	char text[MQTT_TOPIC_MAX];
};

void topic_parse(struct topic *ret, const char *base, const char *text);
bool topic_is_ours(const char *base, const char *text);
int topic_patterns(const char *base, char *ret[static TOPIC_PATTERNS_MAX], size_t *ret_n);
