#pragma once

#include <json-c/json.h>

#include "bridge/bridge.h"

/* What the gateway tells of itself: the payloads of <base>/bridge/info and <base>/bridge/health. */

struct tally {
	size_t homes;
	size_t devices;
	size_t devices_online;
	size_t doors;
};

struct tally tally_of(const struct cache *cache);
bool status_is_known(const struct cache *cache);

const char *cloud_state_name(enum cloud_state state);
struct json_object *status_info(
	const struct bridge_settings *settings, const struct tally *tally, int64_t started);
struct json_object *status_health(uint64_t uptime_usec, const struct poll_counts *polls,
	const struct request_counts *requests, uint64_t events, const struct cloud *cloud);
