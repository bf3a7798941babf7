#pragma once

#include <systemd/sd-event.h>

#include "bridge/door.h"
#include "bridge/names.h"
#include "bridge/publish.h"
#include "bridge/requests.h"
#include "cache/history.h"
#include "cache/home.h"
#include "tests/unit/fake_cloud.h"
#include "tests/unit/fake_mqtt.h"

/* Two homes on a bridge between a fake broker and a fake cloud, for tests of bridge/.
 *
 * "H1", Lakeside: device 0C1105AAAAAA "Front" with relays "R1" Gate, "R2" Garage, "NO", "DUP";
 *                 device 0C1105BBBBBB "Back" with security relay "S1", and one more "DUP".
 * "H2", alias "flat": device 0C1105CCCCCC "Hall" with relay "R1".
 * Relay "R2" has the alias "garage" and a hold time of 20 s, "NO" may not be opened. */
struct world {
	sd_event *event;
	struct mqtt *mqtt;
	struct cloud *cloud;
	struct cache *cache;
	struct zone *zone; /* UTC */
	struct history_settings histories;
	struct history *history;
	struct names *names;
	struct doors *doors;
	struct confirm *confirm;
	struct publisher *publisher;
	struct requests *requests;
	struct door_settings door;
	struct requests_settings settings;

	unsigned refreshed, done;
	struct home *refreshed_home, *done_home;
	const struct command *done_command;
};

/* 2030-03-17 17:46:40 UTC. */
#define WORLD_EPOCH_MSEC  INT64_C(1900000000000)
#define WORLD_HOLD_USEC   (5 * USEC_PER_SEC)
#define WORLD_REPEAT_USEC (2 * USEC_PER_SEC)

int world_setup(void **state);
int world_teardown(void **state);

struct home *world_home(const struct world *w, const char *id);
struct relay *world_relay(const struct world *w, const char *home_id, const char *relay_id);
void world_merge(struct world *w);
void world_merge_homes(struct world *w, const char *const *ids);

struct history_news world_rows(struct world *w, const char *home, enum history_kind kind,
	const struct history_record *records, size_t n);
#define WORLD_ROWS(w, home, kind, ...)                                          \
	world_rows(w, home, kind, (const struct history_record[]){__VA_ARGS__}, \
		sizeof((const struct history_record[]){__VA_ARGS__}) /          \
			sizeof(struct history_record))

void world_send(struct world *w, const char *topic, const char *text);
void world_send_message(
	struct world *w, const char *topic, const char *text, struct mqtt_message message);
