#include "bridge/status.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cloud/catalog.h"
#include "util/clock.h"
#include "util/json.h"

/* Counts what is there; what is gone but not yet cleared does not count. */
struct tally tally_of(const struct cache *cache)
{
	struct tally tally = {0};

	cache_each_home (cache, home) {
		if (home->gone)
			continue;
		tally.homes++;
		home_each_device (home, device) {
			if (device->gone)
				continue;
			tally.devices++;
			tally.devices_online += device->online;
			device_each_relay (device, relay)
				tally.doors += !relay->gone;
		}
	}
	return tally;
}

/* True once the cloud has listed, in this run, homes and the devices of each. */
bool status_is_known(const struct cache *cache)
{
	size_t homes = 0;

	cache_each_home (cache, home) {
		if (home->gone)
			continue;
		if (home->lists == 0)
			return false;
		homes++;
	}
	return homes > 0;
}

/* The payload of <base>/bridge/cloud. */
const char *cloud_state_name(enum cloud_state state)
{
	switch (state) {
	case CLOUD_STATE_ONLINE:
		return "online";
	case CLOUD_STATE_AUTH_FAILED:
		return "auth_failed";
	case CLOUD_STATE_UNKNOWN:
	case CLOUD_STATE_OFFLINE:
		break;
	}
	return "offline";
}

static struct json_object *allowed_names(const struct allowed *allowed)
{
	_cleanup_(json_freep) struct json_object *names = json_object_new_array();
	const struct command *command;

	for (size_t i = 0; names && (command = catalog_at(i)); i++) {
		struct json_object *name;

		if (!allowed_command(allowed, command))
			continue;
		name = json_object_new_string(command->name);
		if (!name || json_object_array_add(names, name) < 0) {
			(void)json_object_put(name);
			return NULL;
		}
	}
	return TAKE_PTR(names);
}

static struct json_object *new_count(size_t n)
{
	return json_object_new_int64((int64_t)n);
}

/* started: seconds since 1970. NULL when memory ran out; the caller frees it. */
struct json_object *status_info(
	const struct bridge_settings *settings, const struct tally *tally, int64_t started)
{
	_cleanup_(json_freep) struct json_object *info = json_object_new_object();
	char time[CLOCK_TEXT_MAX];

	if (json_set(info, "version", json_object_new_string(settings->version)) < 0 ||
		json_set(info, "started", json_object_new_string(clock_rfc3339(time, started))) <
			0 ||
		json_set(info, "cloud_url", json_object_new_string(settings->cloud_url)) < 0 ||
		json_set(info, "residences", new_count(tally->homes)) < 0 ||
		json_set(info, "devices", new_count(tally->devices)) < 0 ||
		json_set(info, "doors", new_count(tally->doors)) < 0 ||
		json_set(info, "commands_allowed", allowed_names(&settings->requests.allowed)) < 0)
		return NULL;
	return TAKE_PTR(info);
}

/* Resident memory by the kernel's account, 0 if it does not tell. */
static int64_t rss_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long long size = 0, resident = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lld %lld", &size, &resident) != 2)
		resident = 0;
	(void)fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

/* The last member of a list ends with NULL. NULL when memory ran out. */
static struct json_object *new_counts(const char *const *names, const uint64_t *values)
{
	_cleanup_(json_freep) struct json_object *counts = json_object_new_object();

	for (; *names; names++, values++)
		if (json_set(counts, *names, json_object_new_int64((int64_t)*values)) < 0)
			return NULL;
	return TAKE_PTR(counts);
}

/* NULL when memory ran out; the caller frees it. */
struct json_object *status_health(uint64_t uptime_usec, const struct poll_counts *polls,
	const struct request_counts *requests, uint64_t events, const struct cloud *cloud)
{
	_cleanup_(json_freep) struct json_object *health = json_object_new_object();
	const struct latency *latency = cloud_latency(cloud);
	int64_t last = cloud_last_success(cloud);
	char time[CLOCK_TEXT_MAX];

	if (json_set(health, "uptime_s",
		    json_object_new_int64((int64_t)(uptime_usec / USEC_PER_SEC))) < 0 ||
		json_set(health, "rss_bytes", json_object_new_int64(rss_bytes())) < 0 ||
		json_set(health, "polls",
			new_counts((const char *[]){"ok", "failed", NULL},
				(uint64_t[]){polls->ok, polls->failed})) < 0 ||
		json_set(health, "commands",
			new_counts((const char *[]){"ok", "failed", "refused", NULL},
				(uint64_t[]){requests->ok, requests->failed, requests->refused})) <
			0 ||
		json_set(health, "opens", json_object_new_int64((int64_t)requests->opens)) < 0 ||
		json_set(health, "events", json_object_new_int64((int64_t)events)) < 0 ||
		json_set(health, "cloud_latency_ms",
			new_counts((const char *[]){"p50", "p95", NULL},
				(uint64_t[]){latency_percentile(latency, 50),
					latency_percentile(latency, 95)})) < 0 ||
		(last && json_set(health, "last_success",
				 json_object_new_string(clock_rfc3339(time, last))) < 0))
		return NULL;
	return TAKE_PTR(health);
}
