#define LOG_TOKEN "bridge"

#include "bridge/bridge.h"

#include <errno.h>
#include <string.h>

#include "bridge/confirm.h"
#include "bridge/document.h"
#include "bridge/events.h"
#include "bridge/picture.h"
#include "bridge/publish.h"
#include "bridge/status.h"
#include "bridge/topic.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/timer.h"

#define HEALTH_USEC  (60 * USEC_PER_SEC)
#define RECOUNT_USEC (500 * USEC_PER_MSEC)
#define SOON_USEC    (10 * USEC_PER_MSEC)

/* Who asked gets his answer where he asked: so long requests that are open keep us from going to
 * another broker, or from another base topic, which nobody of the former one hears of. */
#define ANSWERS_USEC      USEC_PER_SEC
#define ANSWERS_LOOK_USEC (20 * USEC_PER_MSEC)

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
	struct confirm *confirm;
	struct requests *requests;
	struct publisher *publisher;
	struct events *events;
	struct discovery *discovery;
	struct pictures *pictures; /* NULL: none are wanted */
	struct names *next; /* those after bridge_set(), while topics of the present are cleared */
	bool moves;         /* then on to another broker, or by another base topic */
	uint64_t answers_until; /* clock_boot_usec() up to which that waits for answers */
	sd_event_source *answers;
	char *former_state; /* topic to be cleared on the next connection */
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

/* report: consumed; NULL: memory ran out where it was made. */
static void publish_report(struct bridge *b, const char *rest, struct json_object *report)
{
	_cleanup_(json_freep) struct json_object *owned = report;

	publish_about(b, rest, owned ? document_text(owned) : NULL);
}

static void publish_info(struct bridge *b)
{
	struct tally tally = tally_of(b->cache);

	publish_report(b, "info", status_info(&b->settings, &tally, b->started));
}

static int on_recount(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bridge *b = userdata;

	if (mqtt_online(b->mqtt))
		publish_info(b);
	return 0;
}

static int on_health(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bridge *b = userdata;

	publish_report(b, "health",
		status_health(clock_boot_usec() - b->started_usec, b->hooks.polls(b->userdata),
			requests_counts(b->requests), events_count(b->events), b->cloud));
	return timer_arm(b->event, &b->health, HEALTH_USEC, TIMER_LAZY, on_health, b, "health");
}

/* Who waits for a door comes before what is told about the gateway itself. */
static void publish_soon(struct bridge *b)
{
	(void)timer_arm(b->event, &b->recount, SOON_USEC, TIMER_EXACT, on_recount, b, "recount");
	(void)timer_arm(b->event, &b->health, SOON_USEC, TIMER_EXACT, on_health, b, "health");
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
	r = mqtt_subscribe(b->mqtt, (const char *const *)patterns, n, MQTT_COMMANDS);
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
	b->hooks.connected(b->userdata);
	if (b->former_state) {
		(void)publish_retained(b->mqtt, b->former_state, "");
		free(b->former_state);
		b->former_state = NULL;
	}
	bridge_cloud_changed(b);
	publish_soon(b);
	publisher_everything(b->publisher);
	events_connected(b->events);
	discovery_connected(b->discovery);
	pictures_connected(b->pictures);
	b->hooks.broker_changed(b->userdata);
}

static void on_lost(const char *why, void *userdata)
{
	struct bridge *b = userdata;

	timer_stop(b->health);
	events_lost(b->events);
	discovery_lost(b->discovery);
	pictures_lost(b->pictures);
	publisher_lost(b->publisher);
	b->hooks.broker_changed(b->userdata);
}

static void on_message(const struct mqtt_message *message, void *userdata)
{
	struct bridge *b = userdata;

	if (!discovery_message(b->discovery, message))
		requests_message(b->requests, message);
}

static void on_acknowledged(int id, void *userdata)
{
	struct bridge *b = userdata;

	events_acknowledged(b->events, id);
	pictures_acknowledged(b->pictures, id);
}

static void on_room(void *userdata)
{
	struct bridge *b = userdata;

	events_go_on(b->events);
	publisher_go_on(b->publisher);
	pictures_room(b->pictures);
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

/* topic: where the one for online and offline is kept, which has to stand before the connection. */
static int mqtt_settings(const struct bridge *b, struct mqtt_settings *ret, topic_t topic)
{
	int r = topic_bridge(b->names, topic, "state");

	if (r < 0)
		return r;
	*ret = b->settings.mqtt;
	ret->state_topic = topic;
	return 0;
}

static int new_mqtt(struct bridge *b)
{
	static const struct mqtt_handlers handlers = {
		.connected = on_connected,
		.lost = on_lost,
		.message = on_message,
		.acknowledged = on_acknowledged,
		.room = on_room,
	};
	struct mqtt_settings settings;
	topic_t topic;
	int r;

	r = mqtt_settings(b, &settings, topic);
	if (r < 0)
		return r;
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

/* What it has to know of the settings of others. */
static struct discovery_settings discovery_settings(
	const struct bridge *b, const struct discovery_settings *own)
{
	struct discovery_settings settings = *own;

	settings.document.client_id = b->settings.mqtt.client_id;
	settings.document.version = b->settings.version;
	settings.document.entities.allowed = b->settings.requests.allowed;
	settings.document.entities.opening_usec = b->settings.requests.door_patience_usec;
	settings.document.entities.command_usec = b->settings.requests.patience_usec;
	return settings;
}

static int new_discovery(struct bridge *b)
{
	const struct discovery_settings settings = discovery_settings(b, &b->settings.discovery);

	return discovery_new(&b->discovery, b->event, &settings, b->mqtt, b->names, b->cache);
}

static int new_pictures(struct bridge *b)
{
	const struct pictures_parts parts = {
		.http = b->settings.http,
		.cloud = b->cloud,
		.mqtt = b->mqtt,
		.names = b->names,
		.cache = b->cache,
		.history = b->settings.history,
		.cloud_url = b->settings.cloud_url,
	};

	publisher_set_pictures(b->publisher, parts.http);
	return parts.http ? pictures_new(&b->pictures, b->event, &parts) : 0;
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
	r = new_discovery(b);
	if (r < 0)
		return r;
	r = confirm_new(&b->confirm, b->mqtt, settings->history);
	if (r < 0)
		return r;
	r = new_pictures(b);
	if (r < 0)
		return r;
	parts = (struct requests_parts){
		b->mqtt, cache, cloud, b->names, b->doors, b->settings.history, b->confirm};
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
	(void)sd_event_source_disable_unref(b->answers);
	(void)requests_free(b->requests);
	(void)confirm_free(b->confirm);
	(void)events_free(b->events);
	(void)discovery_free(b->discovery);
	(void)pictures_free(b->pictures);
	(void)publisher_free(b->publisher);
	(void)doors_free(b->doors);
	(void)mqtt_free(b->mqtt);
	(void)names_free(b->names);
	(void)names_free(b->next);
	free(b->former_state);
	(void)sd_event_unref(b->event);
	free(b);
	return NULL;
}

/* What was told of pictures so far is forgotten: their topics, or the way to them, are others. */
static int renew_pictures(struct bridge *b)
{
	int r;

	b->pictures = pictures_free(b->pictures);
	r = new_pictures(b);
	if (r >= 0 && mqtt_online(b->mqtt))
		pictures_connected(b->pictures);
	return r;
}

/* The gateway's own topics below a base that is left. */
static void leave_base(struct bridge *b)
{
	static const char *const own[] = {"cloud", "info", "health"};
	topic_t topic;

	for (size_t i = 0; i < ELEMENTS(own); i++)
		publish_about(b, own[i], "");
	if (topic_bridge(b->names, topic, "state") < 0)
		return;
	free(b->former_state);
	b->former_state = strdup(topic);
}

static void move_on(struct bridge *b)
{
	struct mqtt_settings settings;
	topic_t topic;
	int r;

	r = mqtt_settings(b, &settings, topic);
	if (r >= 0)
		r = mqtt_move(b->mqtt, &settings);
	if (r < 0)
		(void)log_error_errno(r, "Cannot go to another broker: %m");
}

/* Nothing is left below the former names. */
static void take_names(struct bridge *b)
{
	struct discovery_settings told;
	int r;

	if (strcmp(names_base(b->names), names_base(b->next)) != 0)
		leave_base(b);
	names_swap(b->names, b->next);
	b->next = names_free(b->next);
	publisher_moved(b->publisher);
	if (b->moves)
		move_on(b);
	else if (mqtt_online(b->mqtt))
		publish_info(b);
	told = discovery_settings(b, &b->settings.discovery);
	r = discovery_set(b->discovery, &told);
	if (r < 0)
		(void)log_error_errno(r, "Cannot tell Home Assistant of the new settings: %m");
}

static int on_answers(sd_event_source *source, uint64_t usec, void *userdata);

static bool waits_for_answers(struct bridge *b)
{
	return b->moves && bridge_open_requests(b) > 0 && clock_boot_usec() < b->answers_until &&
	       timer_arm(b->event, &b->answers, ANSWERS_LOOK_USEC, TIMER_EXACT, on_answers, b,
		       "answers") == 0;
}

static void on_moved(void *userdata)
{
	struct bridge *b = userdata;

	if (waits_for_answers(b))
		return;
	take_names(b);
	if (renew_pictures(b) < 0)
		log_warning("There is no memory for pictures");
	b->hooks.moved(b->userdata);
}

static int on_answers(sd_event_source *source, uint64_t usec, void *userdata)
{
	on_moved(userdata);
	return 0;
}

/* Other settings, while the bridge works. What they point to must outlive the bridge or the next
 * ones, and what the former ones point to must stay until BRIDGE_MOVING has led to the hook moved.
 * Not to be called before that again. -ENOMEM: all is as before. */
int bridge_set(struct bridge *b, const struct bridge_settings *settings, bool other_broker)
{
	bool other_pictures = !settings->http != !b->pictures;
	int r;

	r = names_new(&b->next, &settings->names);
	if (r < 0)
		return r;
	b->moves = other_broker || strcmp(names_base(b->names), names_base(b->next)) != 0;
	b->settings = *settings;
	b->settings.requests.replays = settings->mqtt.version != 5;
	doors_set(b->doors, &b->settings.door);
	requests_set(b->requests, &b->settings.requests);
	publisher_rows(b->publisher, settings->history_rows);
	if (other_pictures && renew_pictures(b) < 0)
		log_warning("There is no memory for pictures");
	b->answers_until = clock_boot_usec() + ANSWERS_USEC;
	if (publisher_move(b->publisher, b->next, on_moved, b) || waits_for_answers(b))
		return BRIDGE_MOVING;
	take_names(b);
	return 0;
}

/* The way to the cloud is another one. NULL: no pictures are fetched. */
int bridge_set_http(struct bridge *b, struct http *http, const char *cloud_url)
{
	b->settings.http = http;
	b->settings.cloud_url = cloud_url;
	if (mqtt_online(b->mqtt))
		publish_info(b);
	return renew_pictures(b);
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
	timer_stop(b->answers);
	discovery_stop(b->discovery);
	requests_give_up(b->requests);
	confirm_clear(b->confirm);
	doors_rest(b->doors);
	b->stopped = stopped;
	mqtt_stop(b->mqtt, on_stopped);
}

/* Something in that home differs from what was published. */
void bridge_home_changed(struct bridge *b, struct home *home)
{
	publisher_home(b->publisher, home);
	discovery_home(b->discovery, home);
	/* Counting all homes for each one that changes would be too much for thousands. */
	if (mqtt_online(b->mqtt) && !timer_armed(b->recount))
		(void)timer_arm(
			b->event, &b->recount, RECOUNT_USEC, TIMER_LAZY, on_recount, b, "recount");
}

/* The home is about to be freed. */
void bridge_forget_home(struct bridge *b, struct home *home)
{
	publisher_forget(b->publisher, home);
	pictures_forget_home(b->pictures, home);
}

/* An answer brought new rows or pictures of that home's history; they are in the history. */
void bridge_history_changed(struct bridge *b, struct home *home, enum history_kind kind,
	const struct history_news *news)
{
	if (news->rows > 0 || news->pictures > 0 || news->filled > 0) {
		home->changed |= CHANGED_CALLS << kind;
		publisher_home(b->publisher, home);
	}
	if (news->events > 0 || news->pictures > 0)
		events_news(b->events);
	pictures_news(b->pictures, home, kind);
}

/* That history of the home was answered, with or without news, of which bridge_history_changed() was
 * told before. now_msec: the time of the answer by the cloud's clock, milliseconds since 1970; asked:
 * clock_boot_usec() of the question. */
void bridge_history_heard(struct bridge *b, struct home *home, enum history_kind kind,
	const struct history_news *news, int64_t now_msec, uint64_t asked)
{
	if (kind == HISTORY_DOOR)
		confirm_heard(b->confirm, home, news, now_msec, asked);
}

/* True while an opening's row is to come in the door history of that home. */
bool bridge_awaits_row(const struct bridge *b, const struct home *home)
{
	return confirm_awaits(b->confirm, home);
}

/* The cloud's state is another one. */
void bridge_cloud_changed(struct bridge *b)
{
	if (mqtt_online(b->mqtt) && cloud_state(b->cloud) != CLOUD_STATE_UNKNOWN)
		publish_about(b, "cloud", cloud_state_name(cloud_state(b->cloud)));
	pictures_go_on(b->pictures);
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
