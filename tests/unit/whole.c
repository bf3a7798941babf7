#include "tests/unit/cmocka-all.h"

#include "tests/unit/whole.h"

#include <stdlib.h>

#include "tests/unit/fake_cloud.h"
#include "tests/unit/fake_mqtt.h"
#include "tests/unit/fake_time.h"
#include "util/clock.h"
#include "util/log.h"

static void on_home_changed(struct home *home, void *userdata)
{
	struct whole *w = userdata;

	bridge_home_changed(w->bridge, home);
}

static void on_forget_relay(struct relay *relay, void *userdata)
{
	door_forget(relay);
}

static void on_refresh(struct home *home, void *userdata)
{
	((struct whole *)userdata)->refreshed++;
}

static void on_done(struct home *home, const struct command *command, void *userdata)
{
}

static void on_connected(void *userdata)
{
	((struct whole *)userdata)->connected++;
}

static void on_broker_changed(void *userdata)
{
	((struct whole *)userdata)->broker_changed++;
}

static const struct poll_counts *on_polls(void *userdata)
{
	return &((struct whole *)userdata)->polls;
}

static bool on_served(const char *residence_id, void *userdata)
{
	return !((struct whole *)userdata)->unserved;
}

static void on_moved(void *userdata)
{
	((struct whole *)userdata)->moved++;
}

/* For bridge_stop(). */
void whole_stopped(void *userdata)
{
	((struct whole *)userdata)->stopped++;
}

/* What a bridge is made with. */
struct bridge_settings whole_settings(int version)
{
	return (struct bridge_settings){
		.mqtt = {.host = "localhost", .client_id = "x", .version = version},
		.names = {.base_topic = "home"},
		.door = {5 * USEC_PER_SEC, 2 * USEC_PER_SEC, 12},
		.requests = {.allowed.groups = 1 << COMMAND_GROUP_READ | 1 << COMMAND_GROUP_DOOR,
			.door_patience_usec = 5 * USEC_PER_SEC,
			.patience_usec = 10 * USEC_PER_SEC},
		.discovery = {.mode = DISCOVERY_OFF,
			.prefix = "homeassistant",
			.status_topic = "homeassistant/status"},
		.cloud_url = "https://api.example.com",
		.version = "1.2.3",
	};
}

/* The home "H1" with two devices; online: the first of them, which has two relays. */
void whole_merge(struct whole *w, bool online)
{
	const struct family_record family = {"H1", "Lakeside", true, true};
	const struct device_record devices[] = {
		{.mac = "0C1105AAAAAA",
			.name = "Front",
			.type = "",
			.sip = "",
			.online = online,
			.relays = {{"R1", "Gate", "#", false}, {"R2", "Garage", "#", false}},
			.n_relays = 2},
		{.mac = "0C1105BBBBBB", .name = "Back", .type = "", .sip = "", .online = true},
	};

	assert_int_equal(cache_merge_homes(w->cache, &family, 1), 0);
	assert_int_equal(cache_merge_devices(w->cache, cache_find(w->cache, "H1"), devices, 2), 0);
}

static int setup_version(void **state, int version)
{
	static const struct cache_handlers handlers = {
		.changed = on_home_changed, .forget_relay = on_forget_relay};
	static const struct bridge_hooks hooks = {
		.refresh = on_refresh,
		.done = on_done,
		.connected = on_connected,
		.broker_changed = on_broker_changed,
		.polls = on_polls,
		.served = on_served,
		.moved = on_moved,
	};
	struct history_settings histories = {.keep_sec = 86400, .max_event_age_sec = 600};
	struct bridge_settings s = whole_settings(version);
	struct whole *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	log_set_level(LOG_ERR);
	/* Texts hold the local time. */
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	time_start(INT64_C(1900000000000));
	assert_int_equal(sd_event_new(&w->event), 0);
	w->cloud = fake_cloud_new();
	assert_int_equal(cache_new(&w->cache, NULL, &handlers, w), 0);
	assert_int_equal(zone_new(&w->zone, "UTC"), 0);
	histories.zone = w->zone;
	assert_int_equal(history_new(&w->history, cache_file(w->cache), &histories), 0);
	s.history = w->history;
	s.history_rows = 20;
	assert_int_equal(bridge_new(&w->bridge, w->event, &s, w->cache, w->cloud, &hooks, w), 0);
	w->mqtt = fake_mqtt_made();
	assert_int_equal(bridge_start(w->bridge), 0);
	whole_merge(w, true);
	time_settle(w->event);
	fake_mqtt_expect_nothing(w->mqtt);
	*state = w;
	return 0;
}

int whole_setup(void **state)
{
	return setup_version(state, 5);
}

int whole_setup_mqtt_3(void **state)
{
	return setup_version(state, 3);
}

int whole_teardown(void **state)
{
	struct whole *w = *state;

	(void)bridge_free(w->bridge);
	(void)history_free(w->history);
	(void)zone_free(w->zone);
	(void)cache_free(w->cache);
	(void)cloud_free(w->cloud);
	time_end();
	(void)sd_event_unref(w->event);
	free(w);
	return 0;
}

void whole_connect(struct whole *w)
{
	fake_mqtt_connect(w->mqtt);
	time_settle(w->event);
}
