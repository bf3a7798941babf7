#pragma once

#include "bridge/mqtt.h"
#include "bridge/names.h"
#include "cache/history.h"

/* The retained topics of a home's newest calls and openings. */

/* How many there are. */
#define HISTORY_TOPICS HISTORY_KIND_MAX

/* What they are made of; history must outlive its users. */
struct history_view {
	struct history *history;
	unsigned rows; /* at most; 0: there are no such topics */
};

int publish_history(struct mqtt *mqtt, const struct names *names, const struct history_view *view,
	const struct home *home);
