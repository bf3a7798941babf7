#pragma once

#include "bridge/request.h"
#include "bridge/retained.h"
#include "bridge/topic.h"

/* Inside of the requests: what is done for each kind of them. */

#define OPENING_COMMAND "trigger_akuvox_remote_open_door"

struct requests {
	struct requests_parts parts;
	struct requests_settings settings;
	struct requests_hooks hooks;
	void *userdata;
	struct retained *retained;
	struct open_requests open;
};

/* 0: on its way, or waiting for its twin; 1: answered, and q is gone; -EINVAL: to be refused with
 * *fault. */
typedef int (*handler_t)(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);

int handle_open(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);
int handle_request(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault);

int fault_at_once(int r, struct fault *fault);
