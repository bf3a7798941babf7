#pragma once

#include <stdbool.h>

#include "bridge/subscription.h"
#include "daemon/config.h"

/* What one try found out about the broker. */
struct broker_probe {
	bool accepted;
	int version; /* of MQTT that it accepted: 5 or 3 (3.1.1) */
	int refused; /* enum line_refusal, 0: no such word came */
	char why[256];
	bool answered;                          /* to what we asked to publish and to subscribe */
	char no_publish[SUBSCRIPTION_TEXT_MAX]; /* topics that it does not take; MQTT 5 only */
	char no_subscribe[SUBSCRIPTION_TEXT_MAX];
};

int broker_probe(struct broker_probe *ret, const struct config *config);
