#pragma once

#include <stdint.h>

#include "util/cleanup.h"

/* A time zone other than our own: local time to time since 1970, also in the hour that a clock
 * shows twice in autumn and in the one that it skips in spring. */
struct zone;

/* How far the clock of a device may be ahead of ours, in seconds. */
#define ZONE_SLACK 60

int zone_new(struct zone **ret, const char *name);
struct zone *zone_free(struct zone *zone);

int64_t zone_epoch(const struct zone *zone, int64_t local, int64_t now);

DEFINE_CLEANUP(struct zone *, zone_free);
