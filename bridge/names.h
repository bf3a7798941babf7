#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#include "bridge/mqtt.h"
#include "cache/home.h"
#include "util/cleanup.h"

/* How homes, devices and relays are called in topics: by alias, or by an id made safe. */
struct names;

struct residence_settings {
	const char *id;
	const char *alias; /* NULL or "": none */
};

struct relay_settings {
	const char *id;
	const char *alias; /* NULL or "": none */
	bool allow;
	uint64_t hold_usec; /* 0: as the others */
};

/* The arrays must outlive the names. */
struct names_settings {
	const char *base_topic;
	const struct residence_settings *residences;
	size_t n_residences;
	const struct relay_settings *relays;
	size_t n_relays;
};

typedef char topic_t[MQTT_TOPIC_MAX];

int names_new(struct names **ret, const struct names_settings *settings);
struct names *names_free(struct names *names);
void names_swap(struct names *names, struct names *other);

const char *names_base(const struct names *names);
const struct residence_settings *names_residence(const struct names *names, const char *id);
const struct relay_settings *names_relay(const struct names *names, const char *id);

int topic_bridge(const struct names *names, topic_t ret, const char *rest);
int topic_home(const struct names *names, topic_t ret, const struct home *home, const char *rest);
int topic_device(
	const struct names *names, topic_t ret, const struct device *device, const char *rest);
int topic_home_id(const struct names *names, topic_t ret, const char *id, const char *rest);
int topic_device_mac(const struct names *names, topic_t ret, const char *home_id, const char *mac,
	const char *rest);
int topic_relay(
	const struct names *names, topic_t ret, const struct relay *relay, const char *rest);

struct home *names_find_home(
	const struct names *names, const struct cache *cache, const char *level);
struct relay *names_find_relay(
	const struct names *names, const struct home *home, const char *level, bool *ret_ambiguous);

DEFINE_CLEANUP(struct names *, names_free);
