#define LOG_TOKEN "bridge"

#include "bridge/bridge.h"

#include <errno.h>
#include <string.h>

#include "bridge/events.h"
#include "bridge/publish.h"
#include "bridge/status.h"
#include "bridge/topic.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/timer.h"

#define HEALTH_USEC  (60 * USEC_PER_SEC)
#define RECOUNT_USEC (500 * USEC_PER_MSEC)

struct bridge {
	sd_event *event;
	struct bridge_settings settings;
	struct cache *cache;
	struct cloud *cloud;
	struct bridge_hooks hooks;
	void *userdata;
	struct names *names;
	struct mqtt *mqtt;
	struct doors *doors;
	struct requests *requests;
	struct publisher *publisher;
	struct events *events;
	void (*stopped)(void *userdata);
	sd_event_source *health;
	sd_event_source *recount; /* armed while bridge/info may be out of date */
	uint64_t started_usec;
	int64_t started;
};

static void publish_about(struct bridge *b, const char *rest, const char *text)
{
	topic_t topic;

	if (!text || topic_bridge(b->names, topic, rest) < 0 ||
		publish_retained(b->mqtt, topic, text) < 0)
		log_debug("%s could not be published", rest);
}

static void publish_info(struct bridge *b)
{
	struct tally tally = tally_of(b->cache);
	_cleanup_(json_freep) struct json_object *info =
		status_info(&b->settings, &tally, b->started);

	publish_about(b, "info",
		info ? json_object_to_json_string_ext(
			       info, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
		     : NULL);
}

static int on_recount(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bridge *b = userdata;

	if (mqtt_online(b->mqtt))
		publish_info(b);
	return 0;
}

static void publish_health(struct bridge *b)
{
	_cleanup_(json_freep) struct json_object *health =
		status_health(clock_boot_usec() - b->started_usec, b->hooks.polls(b->userdata),
			requests_counts(b->requests), events_count(b->events), b->cloud);

	publish_about(b, "health",
		health ? json_object_to_json_string_ext(health, JSON_C_TO_STRING_PLAIN) : NULL);
}

static int on_health(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bridge *b = userdata;

	publish_health(b);
	return timer_arm(b->event, &b->health, HEALTH_USEC, TIMER_LAZY, on_health, b, "health");
}

static void subscribe(struct bridge *b)
{
	char *patterns[TOPIC_PATTERNS_MAX];
	size_t n;
	int r;

	r = topic_patterns(names_base(b->names), patterns, &n);
	if (r < 0) {
		(void)log_error_errno(r, "Cannot subscribe to commands: %m");
		return;
	}
	r = mqtt_subscribe(b->mqtt, (const char *const *)patterns, n);
	if (r < 0)
		(void)log_error_errno(r, "Cannot subscribe to commands: %m");
	while (n > 0)
		free(patterns[--n]);
}

/* Every connection starts from nothing: the session is clean, and the broker may be a new one. */
static void on_connected(void *userdata)
{
	struct bridge *b = userdata;

	subscribe(b);
	bridge_cloud_changed(b);
	publish_info(b);
	(void)on_health(NULL, 0, b);
	publisher_everything(b->publisher);
	events_connected(b->events);
	b->hooks.broker_changed(b->userdata);
}

static void on_lost(const char *why, void *userdata)
{
	struct bridge *b = userdata;

	timer_stop(b->health);
	publisher_lost(b->publisher);
	events_lost(b->events);
	b->hooks.broker_changed(b->userdata);
}

static void on_message(const struct mqtt_message *message, void *userdata)
{
	struct bridge *b = userdata;

	requests_message(b->requests, message);
}

static void on_acknowledged(int id, void *userdata)
{
	struct bridge *b = userdata;

	events_acknowledged(b->events, id);
}

static void on_room(void *userdata)
{
	struct bridge *b = userdata;

	events_go_on(b->events);
	publisher_go_on(b->publisher);
}

static bool on_served(const char *residence_id, void *userdata)
{
	struct bridge *b = userdata;

	return !b->hooks.served || b->hooks.served(residence_id, b->userdata);
}

static bool on_busy(void *userdata)
{
	return bridge_open_requests(userdata) > 0;
}

static void on_door_changed(struct relay *relay, void *userdata)
{
	struct bridge *b = userdata;

	publisher_door(b->publisher, relay);
}

static void on_refresh(struct home *home, void *userdata)
{
	struct bridge *b = userdata;

	b->hooks.refresh(home, b->userdata);
}

static void on_done(struct home *home, const struct command *command, void *userdata)
{
	struct bridge *b = userdata;

	b->hooks.done(home, command, b->userdata);
}

static void on_stopped(void *userdata)
{
	struct bridge *b = userdata;

	events_flush(b->events);
	b->stopped(b->userdata);
}

/* The connection with its topic for online and offline, which has to stand before it. */
static int new_mqtt(struct bridge *b)
{
	static const struct mqtt_handlers handlers = {
		.connected = on_connected,
		.lost = on_lost,
		.message = on_message,
		.acknowledged = on_acknowledged,
		.room = on_room,
	};
	struct mqtt_settings settings = b->settings.mqtt;
	topic_t topic;
	int r;

	r = topic_bridge(b->names, topic, "state");
	if (r < 0)
		return r;
	settings.state_topic = topic;
	return mqtt_new(&b->mqtt, b->event, &settings, &handlers, b);
}

static int new_publishers(struct bridge *b)
{
	static const struct events_hooks hooks = {.served = on_served, .busy = on_busy};
	const struct history_view histories = {b->settings.history, b->settings.history_rows};
	const struct events_parts parts = {b->mqtt, b->names, b->settings.history};
	int r;

	r = publisher_new(&b->publisher, b->event, b->mqtt, b->names, b->cache, &histories);
	return r < 0 ? r : events_new(&b->events, b->event, &parts, &hooks, b);
}

/* settings' texts and arrays, cache and cloud must outlive the bridge. */
int bridge_new(struct bridge **ret, sd_event *event, const struct bridge_settings *settings,
	struct cache *cache, struct cloud *cloud, const struct bridge_hooks *hooks, void *userdata)
{
	static const struct requests_hooks requests_hooks = {
		.refresh = on_refresh, .done = on_done};
	_cleanup_(bridge_freep) struct bridge *b = calloc(1, sizeof(*b));
	struct requests_parts parts;
	int r;

	if (!b)
		return -ENOMEM;
	b->event = sd_event_ref(event);
	b->settings = *settings;
	b->cache = cache;
	b->cloud = cloud;
	b->hooks = *hooks;
	b->userdata = userdata;
	b->started_usec = clock_boot_usec();
	b->started = clock_epoch_msec() / 1000;
	b->settings.requests.replays = settings->mqtt.version != 5;
	r = names_new(&b->names, &settings->names);
	if (r < 0)
		return r;
	r = new_mqtt(b);
	if (r < 0)
		return r;
	r = doors_new(&b->doors, event, cloud, b->names, &settings->door, on_door_changed, b);
	if (r < 0)
		return r;
	r = new_publishers(b);
	if (r < 0)
		return r;
	parts = (struct requests_parts){
		b->mqtt, cache, cloud, b->names, b->doors, b->settings.history};
	r = requests_new(&b->requests, &parts, &b->settings.requests, &requests_hooks, b);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

/* Before cloud and cache. */
struct bridge *bridge_free(struct bridge *b)
{
	if (!b)
		return NULL;
	(void)sd_event_source_disable_unref(b->health);
	(void)sd_event_source_disable_unref(b->recount);
	(void)requests_free(b->requests);
	(void)events_free(b->events);
	(void)publisher_free(b->publisher);
	(void)doors_free(b->doors);
	(void)mqtt_free(b->mqtt);
	(void)names_free(b->names);
	(void)sd_event_unref(b->event);
	free(b);
	return NULL;
}

/* Settings that may change while the bridge works; of names it is what may be done to relays. What
 * they point to must outlive the bridge. -ENOMEM: all is as before. */
int bridge_set(struct bridge *b, const struct door_settings *door,
	const struct requests_settings *requests, const struct names_settings *names)
{
	int r = names_set_relays(b->names, names->relays, names->n_relays);

	if (r < 0)
		return r;
	b->settings.names.relays = names->relays;
	b->settings.names.n_relays = names->n_relays;
	b->settings.door = *door;
	b->settings.requests = *requests;
	b->settings.requests.replays = b->settings.mqtt.version != 5;
	doors_set(b->doors, &b->settings.door);
	requests_set(b->requests, &b->settings.requests);
	if (mqtt_online(b->mqtt))
		publish_info(b);
	return 0;
}

/* Starts to connect, and stays at it. */
int bridge_start(struct bridge *b)
{
	return mqtt_start(b->mqtt);
}

/* Requests that wait for the cloud. */
size_t bridge_open_requests(const struct bridge *b)
{
	return requests_open(b->requests);
}

/* Answers what is open, locks the doors' states, says offline and disconnects; stopped is called once, within 500 ms. */
void bridge_stop(struct bridge *b, void (*stopped)(void *userdata))
{
	timer_stop(b->health);
	timer_stop(b->recount);
	requests_give_up(b->requests);
	doors_rest(b->doors);
	b->stopped = stopped;
	mqtt_stop(b->mqtt, on_stopped);
}

/* Something in that home differs from what was published. */
void bridge_home_changed(struct bridge *b, struct home *home)
{
	publisher_home(b->publisher, home);
	/* Counting all homes for each one that changes would be too much for thousands. */
	if (mqtt_online(b->mqtt) &&
		(!b->recount || sd_event_source_get_enabled(b->recount, NULL) == 0))
		(void)timer_arm(
			b->event, &b->recount, RECOUNT_USEC, TIMER_LAZY, on_recount, b, "recount");
}

/* The home is about to be freed. */
void bridge_forget_home(struct bridge *b, struct home *home)
{
	publisher_forget(b->publisher, home);
}

/* An answer brought new rows or pictures of that home's history; they are in the history. */
void bridge_history_changed(struct bridge *b, struct home *home, enum history_kind kind,
	const struct history_news *news)
{
	if (news->rows > 0 || news->pictures > 0) {
		home->changed |= CHANGED_CALLS << kind;
		publisher_home(b->publisher, home);
	}
	if (news->events > 0 || news->pictures > 0)
		events_news(b->events);
}

/* The cloud's state is another one. */
void bridge_cloud_changed(struct bridge *b)
{
	if (mqtt_online(b->mqtt) && cloud_state(b->cloud) != CLOUD_STATE_UNKNOWN)
		publish_about(b, "cloud", cloud_state_name(cloud_state(b->cloud)));
}

/* Connected to the broker and accepted by it. */
bool bridge_online(const struct bridge *b)
{
	return mqtt_online(b->mqtt);
}

/* The first try to reach the broker has ended, well or not. */
bool bridge_tried(const struct bridge *b)
{
	return mqtt_tried(b->mqtt);
}

const struct names *bridge_names(const struct bridge *b)
{
	return b->names;
}
