#include "tests/unit/cmocka-all.h"

#include "tests/unit/world.h"

#include <string.h>

#include "tests/unit/fake_time.h"
#include "util/clock.h"
#include "util/log.h"

static const struct residence_settings residences[] = {{"H2", "flat"}};
static const struct relay_settings relays[] = {
	{"R2", "garage", true, 20 * USEC_PER_SEC},
	{"NO", NULL, false, 0},
	{"S1", "", true, 0},
};

static void on_changed(struct home *home, void *userdata)
{
	struct world *w = userdata;

	publisher_home(w->publisher, home);
}

static void on_forget(struct home *home, void *userdata)
{
	struct world *w = userdata;

	publisher_forget(w->publisher, home);
}

static void on_forget_relay(struct relay *relay, void *userdata)
{
	door_forget(relay);
}

static void on_door_changed(struct relay *relay, void *userdata)
{
	struct world *w = userdata;

	publisher_door(w->publisher, relay);
}

static void on_refresh(struct home *home, void *userdata)
{
	struct world *w = userdata;

	w->refreshed++;
	w->refreshed_home = home;
}

static void on_done(struct home *home, const struct command *command, void *userdata)
{
	struct world *w = userdata;

	w->done++;
	w->done_home = home;
	w->done_command = command;
}

static struct device_record device(const char *mac, const char *name)
{
	return (struct device_record){
		.mac = mac,
		.name = name,
		.type = "Guard Phone",
		.sip = "123",
		.rtsp = "rtsp://user:hidden@192.0.2.1/x",
		.online = true,
	};
}

static void add_relay(struct device_record *d, const char *id, const char *name, bool security)
{
	d->relays[d->n_relays++] = (struct relay_record){id, name, "#", security};
}

/* Those homes, without NULL at the end, are what the cloud lists now. */
void world_merge_homes(struct world *w, const char *const *ids)
{
	struct family_record records[8];
	size_t n = 0;

	for (; ids[n]; n++)
		records[n] = (struct family_record){
			ids[n], strcmp(ids[n], "H1") == 0 ? "Lakeside" : "Town", true, true};
	assert_int_equal(cache_merge_homes(w->cache, records, n), 0);
}

/* The homes and devices of the comment in the header. */
void world_merge(struct world *w)
{
	struct device_record front = device("0C1105AAAAAA", "Front");
	struct device_record lakeside[] = {front, device("0C1105BBBBBB", "Back")};
	struct device_record town[] = {device("0C1105CCCCCC", "Hall")};

	add_relay(&lakeside[0], "R1", "Gate", false);
	add_relay(&lakeside[0], "R2", "Garage", false);
	add_relay(&lakeside[0], "NO", "Safe", false);
	add_relay(&lakeside[0], "DUP", "Left", false);
	add_relay(&lakeside[1], "S1", "Shutter", true);
	add_relay(&lakeside[1], "DUP", "Right", false);
	add_relay(&town[0], "R1", "Entrance", false);
	world_merge_homes(w, (const char *const[]){"H1", "H2", NULL});
	assert_int_equal(cache_merge_devices(w->cache, world_home(w, "H1"), lakeside, 2), 0);
	assert_int_equal(cache_merge_devices(w->cache, world_home(w, "H2"), town, 1), 0);
}

static void world_build(struct world *w)
{
	static const struct requests_hooks hooks = {.refresh = on_refresh, .done = on_done};
	static const struct cache_handlers handlers = {
		.changed = on_changed,
		.forget = on_forget,
		.forget_relay = on_forget_relay,
	};
	const struct names_settings names = {
		.base_topic = "home",
		.residences = residences,
		.n_residences = ELEMENTS(residences),
		.relays = relays,
		.n_relays = ELEMENTS(relays),
	};
	struct history_view view = {.rows = 20};
	struct requests_parts parts;

	assert_int_equal(sd_event_new(&w->event), 0);
	w->mqtt = fake_mqtt_new();
	w->cloud = fake_cloud_new();
	assert_int_equal(cache_new(&w->cache, NULL, &handlers, w), 0);
	assert_int_equal(names_new(&w->names, &names), 0);
	assert_int_equal(zone_new(&w->zone, "UTC"), 0);
	w->histories = (struct history_settings){.zone = w->zone,
		.keep_sec = 90 * 86400,
		.max_event_age_sec = 600,
		.pictures = true};
	assert_int_equal(history_new(&w->history, cache_file(w->cache), &w->histories), 0);
	view.history = w->history;
	assert_int_equal(
		publisher_new(&w->publisher, w->event, w->mqtt, w->names, w->cache, &view), 0);
	assert_int_equal(
		doors_new(&w->doors, w->event, w->cloud, w->names, &w->door, on_door_changed, w),
		0);
	assert_int_equal(confirm_new(&w->confirm, w->mqtt, w->history), 0);
	parts = (struct requests_parts){
		w->mqtt, w->cache, w->cloud, w->names, w->doors, w->history, w->confirm};
	assert_int_equal(requests_new(&w->requests, &parts, &w->settings, &hooks, w), 0);
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	log_set_level(LOG_ERR);
	time_start(WORLD_EPOCH_MSEC);
	w->door = (struct door_settings){WORLD_HOLD_USEC, WORLD_REPEAT_USEC, 12};
	w->settings = (struct requests_settings){
		.allowed.groups = 1 << COMMAND_GROUP_READ | 1 << COMMAND_GROUP_DOOR |
	                          1 << COMMAND_GROUP_ACCESS,
		.door_patience_usec = 5 * USEC_PER_SEC,
		.patience_usec = 10 * USEC_PER_SEC,
	};
	world_build(w);
	world_merge(w);
	time_settle(w->event);
	fake_mqtt_forget(w->mqtt);
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	(void)requests_free(w->requests);
	(void)confirm_free(w->confirm);
	(void)publisher_free(w->publisher);
	(void)doors_free(w->doors);
	(void)names_free(w->names);
	(void)history_free(w->history);
	(void)zone_free(w->zone);
	(void)cache_free(w->cache);
	assert_int_equal(fake_cloud_open(w->cloud), 0);
	(void)cloud_free(w->cloud);
	(void)mqtt_free(w->mqtt);
	time_end();
	(void)sd_event_unref(w->event);
	free(w);
	return 0;
}

struct home *world_home(const struct world *w, const char *id)
{
	struct home *home = cache_find(w->cache, id);

	assert_non_null(home);
	return home;
}

struct relay *world_relay(const struct world *w, const char *home_id, const char *relay_id)
{
	bool ambiguous;
	struct relay *relay = home_find_relay(world_home(w, home_id), relay_id, &ambiguous);

	assert_non_null(relay);
	return relay;
}

/* An answer of the cloud to that home's history; text members may be NULL. The first one makes no
 * events. */
struct history_news world_rows(struct world *w, const char *home, enum history_kind kind,
	const struct history_record *records, size_t n)
{
	_cleanup_free_ struct history_record *copies = calloc(n + 1, sizeof(*copies));
	struct history_news news = {0};

	assert_non_null(copies);
	for (size_t i = 0; i < n; i++)
		copies[i] = (struct history_record){
			.time = records[i].time,
			.name = records[i].name ? records[i].name : "",
			.sip = records[i].sip ? records[i].sip : "",
			.opened = records[i].opened,
			.device = records[i].device ? records[i].device : "",
			.type = records[i].type ? records[i].type : "",
			.picture = records[i].picture ? records[i].picture : "",
			.thumbnail = records[i].thumbnail ? records[i].thumbnail : "",
		};
	assert_int_equal(history_merge(w->history, world_home(w, home), kind, copies, n,
				 WORLD_EPOCH_MSEC / 1000, &news),
		0);
	return news;
}

/* A message arrives, with what message says besides topic and text. text NULL: too long to keep. */
void world_send_message(
	struct world *w, const char *topic, const char *text, struct mqtt_message message)
{
	message.topic = topic;
	message.payload = text;
	message.size = text ? strlen(text) : MQTT_PAYLOAD_MAX + 1;
	message.qos = 1;
	message.arrived_usec = clock_boot_usec();
	requests_message(w->requests, &message);
	time_settle(w->event);
}

void world_send(struct world *w, const char *topic, const char *text)
{
	world_send_message(w, topic, text, (struct mqtt_message){.expiry_sec = -1});
}
