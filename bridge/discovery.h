#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "bridge/announce.h"
#include "bridge/document.h"
#include "bridge/mqtt.h"
#include "bridge/names.h"
#include "cache/home.h"
#include "util/cleanup.h"

/* Tells Home Assistant by MQTT discovery what there is: when, and how much at a time. */
struct discovery;

/* The texts must outlive it, or the next discovery_set(). */
struct discovery_settings {
	enum discovery_mode mode;
	const char *prefix;
	const char *status_topic;
	struct document_settings document;
};

int discovery_new(struct discovery **ret, sd_event *event,
	const struct discovery_settings *settings, struct mqtt *mqtt, const struct names *names,
	const struct cache *cache);
struct discovery *discovery_free(struct discovery *discovery);
int discovery_set(struct discovery *discovery, const struct discovery_settings *settings);

void discovery_connected(struct discovery *discovery);
void discovery_lost(struct discovery *discovery);
bool discovery_message(struct discovery *discovery, const struct mqtt_message *message);
void discovery_home(struct discovery *discovery, const struct home *home);
void discovery_stop(struct discovery *discovery);

DEFINE_CLEANUP(struct discovery *, discovery_free);
