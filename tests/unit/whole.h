#pragma once

#include "bridge/bridge.h"

struct whole {
	sd_event *event;
	struct cache *cache;
	struct zone *zone;
	struct history *history;
	struct cloud *cloud;
	struct bridge *bridge;
	struct mqtt *mqtt;
	struct poll_counts polls;
	unsigned connected, broker_changed, stopped, moved, refreshed;
	bool unserved;
};

struct bridge_settings whole_settings(int version);
int whole_setup(void **state);
int whole_setup_mqtt_3(void **state);
int whole_teardown(void **state);
void whole_merge(struct whole *w, bool online);
void whole_connect(struct whole *w);
void whole_stopped(void *userdata);

#define WHOLE_TEST(f) cmocka_unit_test_setup_teardown(f, whole_setup, whole_teardown)
