#pragma once

#include "bridge/names.h"

/* The retained topics of how a home's doors may be opened besides by us. */

/* How many there are. */
#define ACCESS_TOPICS (ACCESS_KIND_MAX + 1)

int publish_access(struct mqtt *mqtt, const struct names *names, const struct home *home);
