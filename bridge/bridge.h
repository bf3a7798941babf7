#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "bridge/discovery.h"
#include "bridge/door.h"
#include "bridge/mqtt.h"
#include "bridge/names.h"
#include "bridge/requests.h"
#include "cache/history.h"
#include "cache/home.h"
#include "cloud/client.h"
#include "cloud/http.h"
#include "util/cleanup.h"

/* The MQTT side of the gateway as a whole. */
struct bridge;

struct bridge_settings {
	struct mqtt_settings mqtt; /* without state_topic, which follows from the base topic */
	struct names_settings names;
	struct door_settings door;
	struct requests_settings requests;
	struct discovery_settings discovery; /* without client id, version and what is allowed */
	struct history *history;             /* must outlive the bridge */
	unsigned history_rows;               /* in the retained topics */
	struct http *http;                   /* fetches pictures; NULL: none are fetched */
	const char *cloud_url;
	const char *version;
};

/* How the poller fares; asked for each health message. */
struct poll_counts {
	uint64_t ok;
	uint64_t failed;
};

enum bridge_result {
	/* Names change once the topics of the former ones are cleared, and another broker follows once
	 * open requests are answered, or a second later. */
	BRIDGE_MOVING = 1,
};

struct bridge_hooks {
	void (*refresh)(struct home *home, void *userdata); /* poll it, or all if NULL, now */
	void (*done)(struct home *home, const struct command *command, void *userdata);
	void (*connected)(
		void *userdata); /* the broker has to be told of all homes, and may send */
	void (*broker_changed)(void *userdata); /* came or went, or its first try has failed */
	const struct poll_counts *(*polls)(void *userdata);
	void (*moved)(void *userdata);                            /* after BRIDGE_MOVING */
	bool (*served)(const char *residence_id, void *userdata); /* NULL: every home */
};

int bridge_new(struct bridge **ret, sd_event *event, const struct bridge_settings *settings,
	struct cache *cache, struct cloud *cloud, const struct bridge_hooks *hooks, void *userdata);
struct bridge *bridge_free(struct bridge *bridge);

int bridge_set(struct bridge *bridge, const struct bridge_settings *settings, bool other_broker);
int bridge_set_http(struct bridge *bridge, struct http *http, const char *cloud_url);
int bridge_start(struct bridge *bridge);
size_t bridge_open_requests(const struct bridge *bridge);
void bridge_stop(struct bridge *bridge, void (*stopped)(void *userdata));

void bridge_home_changed(struct bridge *bridge, struct home *home);
void bridge_forget_home(struct bridge *bridge, struct home *home);
void bridge_history_changed(struct bridge *bridge, struct home *home, enum history_kind kind,
	const struct history_news *news);
void bridge_history_heard(struct bridge *bridge, struct home *home, enum history_kind kind,
	const struct history_news *news, int64_t now_msec, uint64_t asked);
bool bridge_awaits_row(const struct bridge *bridge, const struct home *home);
void bridge_cloud_changed(struct bridge *bridge);

bool bridge_online(const struct bridge *bridge);
bool bridge_tried(const struct bridge *bridge);
const struct names *bridge_names(const struct bridge *bridge);

DEFINE_CLEANUP(struct bridge *, bridge_free);
