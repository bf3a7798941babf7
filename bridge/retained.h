#pragma once

#include <stdbool.h>

#include "bridge/mqtt.h"
#include "bridge/payload.h"
#include "util/cleanup.h"

/* Retained messages on command topics: refused whatever they say, since the broker would send them
 * again at each start and open the door. */
struct retained;

/* Most that are remembered as answered; more are answered each time they are replayed. */
#define RETAINED_MAX 256

int retained_new(struct retained **ret);
struct retained *retained_free(struct retained *retained);

bool retained_ignores(struct retained *retained, const struct mqtt_message *message, bool replays);
int retained_refuse(const struct mqtt_message *message, struct fault *ret);

DEFINE_CLEANUP(struct retained *, retained_free);
