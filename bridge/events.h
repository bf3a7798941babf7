#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "bridge/mqtt.h"
#include "bridge/names.h"
#include "cache/history.h"
#include "util/cleanup.h"

/* Publishes what waits in the outbox: in its order, each until the broker has acknowledged it. */
struct events;

/* Publications on their way; the other half of the window is for states. */
#define EVENTS_WINDOW (MQTT_WINDOW / 2)

/* All of it must outlive the events. */
struct events_parts {
	struct mqtt *mqtt;
	const struct names *names;
	struct history *history;
};

struct events_hooks {
	bool (*served)(const char *residence_id, void *userdata); /* by the configuration */
	bool (*busy)(void *userdata); /* no writes to disk now, if they can wait */
};

int events_new(struct events **ret, sd_event *event, const struct events_parts *parts,
	const struct events_hooks *hooks, void *userdata);
struct events *events_free(struct events *events);

void events_connected(struct events *events);
void events_lost(struct events *events);
void events_acknowledged(struct events *events, int id);
void events_go_on(struct events *events);
void events_news(struct events *events);
void events_flush(struct events *events);
uint64_t events_count(const struct events *events);

DEFINE_CLEANUP(struct events *, events_free);
