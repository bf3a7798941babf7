#define LOG_TOKEN "publish"

#include "bridge/publish.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bridge/access_topics.h"
#include "bridge/door.h"
#include "bridge/events.h"
#include "bridge/picture.h"
#include "util/deferred.h"
#include "util/json.h"
#include "util/log.h"

struct publisher {
	struct mqtt *mqtt;
	const struct names *names;
	struct cache *cache;
	struct history_view histories;
	struct home *first, *last; /* homes with something to publish, by home->next_changed */
	sd_event_source *work;     /* enabled while there are some */
	bool later;                /* histories are due once all else is published */
	bool no_pictures;          /* devices have none */
	bool gone;                 /* topics were cleared; what they belonged to can be forgotten */
	bool moves;                /* homes get other topics, once the present ones are cleared */
	void (*moved)(void *userdata);
	void *userdata;
};

#define CHANGED_HISTORY (CHANGED_CALLS | CHANGED_OPENINGS)

/* Publishes text, retained; "" clears the topic. 0, or MQTT_OFFLINE, or negative errno. */
int publish_retained(struct mqtt *mqtt, const char *topic, const char *text)
{
	struct mqtt_message message = {
		.topic = topic,
		.payload = text,
		.size = strlen(text),
		.qos = 1,
		.retain = true,
	};

	return mqtt_publish(mqtt, &message, NULL);
}

static struct json_object *home_info(const struct home *home)
{
	_cleanup_(json_freep) struct json_object *info = json_object_new_object();

	if (json_set(info, "residence_id", json_object_new_string(home->id)) < 0 ||
		json_set(info, "family_name", json_object_new_string(home->name)) < 0 ||
		json_set(info, "online", json_object_new_boolean(home->online)) < 0 ||
		json_set(info, "installed", json_object_new_boolean(home->installed)) < 0 ||
		(home->members >= 0 &&
			json_set(info, "members", json_object_new_int(home->members)) < 0))
		return NULL;
	return TAKE_PTR(info);
}

static int set_relay(struct json_object *info, const struct relay *relay)
{
	if (json_set(info, "relay_id", json_object_new_string(relay->id)) < 0 ||
		json_set(info, "relay_name", json_object_new_string(relay->name)) < 0 ||
		json_set(info, "relay_number", json_object_new_string(relay->number)) < 0)
		return -ENOMEM;
	return json_set(info, "security", json_object_new_boolean(relay->security));
}

static struct json_object *relay_info(const struct relay *relay)
{
	_cleanup_(json_freep) struct json_object *info = json_object_new_object();

	if (!info || set_relay(info, relay) < 0 ||
		json_set(info, "mac", json_object_new_string(relay->device->mac)) < 0 ||
		json_set(info, "device_name", json_object_new_string(relay->device->name)) < 0)
		return NULL;
	return TAKE_PTR(info);
}

static struct json_object *device_info(const struct device *device)
{
	_cleanup_(json_freep) struct json_object *info = json_object_new_object();
	struct json_object *relays = json_object_new_array();

	if (json_set(info, "mac", json_object_new_string(device->mac)) < 0 ||
		json_set(info, "device_name", json_object_new_string(device->name)) < 0 ||
		json_set(info, "device_type", json_object_new_string(device->type)) < 0 ||
		json_set(info, "sip", json_object_new_string(device->sip)) < 0 ||
		json_set(info, "is_public", json_object_new_boolean(device->is_public)) < 0 ||
		json_set(info, "online", json_object_new_boolean(device->online)) < 0) {
		(void)json_object_put(relays);
		return NULL;
	}
	if (json_set(info, "relays", relays) < 0)
		return NULL;
	device_each_relay (device, relay) {
		_cleanup_(json_freep) struct json_object *item = NULL;

		if (relay->gone)
			continue;
		item = json_object_new_object();
		if (!item || set_relay(item, relay) < 0 || json_object_array_add(relays, item) < 0)
			return NULL;
		item = NULL;
	}
	return TAKE_PTR(info);
}

static int publish_online(struct publisher *p, const char *topic, bool gone, bool online)
{
	return publish_retained(p->mqtt, topic, gone ? "" : online ? "online" : "offline");
}

/* info: consumed; NULL: memory ran out where it was made. */
static int publish_info(struct publisher *p, const char *topic, bool gone, struct json_object *info)
{
	_cleanup_(json_freep) struct json_object *owned = info;
	const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text = "";

	if (!gone)
		text = owned ? json_object_to_json_string_ext(owned, flags) : NULL;
	return text ? publish_retained(p->mqtt, topic, text) : -ENOMEM;
}

static int publish_home_itself(struct publisher *p, const struct home *home)
{
	topic_t topic;
	int r = 0;

	if (home->changed & CHANGED_ONLINE)
		r = topic_home(p->names, topic, home, "availability")
		            ?: publish_online(p, topic, home_leaves(home), home->online);
	if (r == 0 && home->changed & CHANGED_INFO)
		r = topic_home(p->names, topic, home, "info")
		            ?: publish_info(p, topic, home_leaves(home), home_info(home));
	if (r == 0)
		r = publish_access(p->mqtt, p->names, home);
	return r ?: publish_history(p->mqtt, p->names, &p->histories, home);
}

static bool device_leaves(const struct device *device)
{
	return device->gone || device->home->moving;
}

static bool relay_leaves(const struct relay *relay)
{
	return relay->gone || relay->device->home->moving;
}

/* What an earlier run, or the device before it went, may have left. */
static bool clears_picture(const struct publisher *p, const struct device *device)
{
	return device->changed & CHANGED_PICTURE && (device_leaves(device) || p->no_pictures);
}

static int publish_device_itself(struct publisher *p, const struct device *device)
{
	topic_t topic;
	int r = 0;

	if (device->changed & CHANGED_ONLINE)
		r = topic_device(p->names, topic, device, "availability")
		            ?: publish_online(p, topic, device_leaves(device), device->online);
	if (r == 0 && device->changed & CHANGED_INFO)
		r = topic_device(p->names, topic, device, "info")
		            ?: publish_info(p, topic, device_leaves(device), device_info(device));
	if (r == 0 && clears_picture(p, device))
		r = topic_device(p->names, topic, device, "picture")
		            ?: publish_retained(p->mqtt, topic, "");
	return r;
}

/* A new device may have a relay of the same id as the one that it replaces. */
static bool is_replaced(const struct relay *relay)
{
	bool ambiguous;

	return relay->gone &&
	       (home_find_relay(relay->device->home, relay->id, &ambiguous) || ambiguous);
}

static int publish_state(struct publisher *p, const struct relay *relay)
{
	topic_t topic;

	return topic_relay(p->names, topic, relay, "state")
	               ?: publish_retained(p->mqtt, topic,
				  relay_leaves(relay) ? "" : door_state_name(door_state(relay)));
}

static int publish_relay_itself(struct publisher *p, const struct relay *relay)
{
	topic_t topic;
	int r = 0;

	if (is_replaced(relay))
		return 0;
	if (relay->changed & CHANGED_INFO)
		r = topic_relay(p->names, topic, relay, "info")
		            ?: publish_info(p, topic, relay_leaves(relay), relay_info(relay));
	if (r == 0 && relay->changed & CHANGED_DOOR)
		r = publish_state(p, relay);
	return r;
}

/* True when the object's topics are with the broker, or never can be: then it is done. */
static bool published(struct publisher *p, int r, unsigned *changed, bool gone)
{
	if (r == MQTT_OFFLINE)
		return false;
	if (r != 0)
		log_debug("a topic cannot be published: %s", r < 0 ? strerror(-r) : "too large");
	*changed = 0;
	p->gone = p->gone || gone;
	return true;
}

/* How many topics each has: it is published as a whole or not yet. */
#define HOME_TOPICS   (2 + ACCESS_TOPICS + HISTORY_TOPICS)
#define DEVICE_TOPICS 2 /* and perhaps its picture */
#define RELAY_TOPICS  2

static_assert(HOME_TOPICS <= MQTT_WINDOW - EVENTS_WINDOW, "events may leave no room for a home");

static bool has_room(const struct publisher *p, unsigned topics)
{
	return mqtt_room(p->mqtt) >= topics;
}

static bool publish_device(struct publisher *p, struct device *device)
{
	if (device->changed) {
		if (!has_room(p, DEVICE_TOPICS + clears_picture(p, device)))
			return false;
		if (device_leaves(device))
			picture_forget(device);
		if (!published(p, publish_device_itself(p, device), &device->changed, device->gone))
			return false;
	}
	device_each_relay (device, relay) {
		if (!relay->changed)
			continue;
		if (!has_room(p, RELAY_TOPICS))
			return false;
		if (!published(p, publish_relay_itself(p, relay), &relay->changed, relay->gone))
			return false;
	}
	return true;
}

/* False when the broker takes no more for now. */
static bool publish_home(struct publisher *p, struct home *home)
{
	if (home->changed) {
		if (!has_room(p, HOME_TOPICS))
			return false;
		if (!published(p, publish_home_itself(p, home), &home->changed, home->gone))
			return false;
	}
	home_each_device (home, device) {
		if (!publish_device(p, device))
			return false;
	}
	return true;
}

/* They are the bulk of it, and nobody waits for them. */
static void begin_histories(struct publisher *p)
{
	p->later = false;
	cache_each_home (p->cache, home) {
		if (home->gone)
			continue;
		home->changed |= CHANGED_HISTORY;
		publisher_home(p, home);
	}
}

static int on_work(sd_event_source *source, void *userdata)
{
	struct publisher *p = userdata;

	while (p->first && publish_home(p, p->first))
		publisher_forget(p, p->first);
	if (!p->first && p->later)
		begin_histories(p);
	return 0;
}

static void work(struct publisher *p)
{
	deferred_wake(p->work);
}

/* Publishes what changed in that home, soon. */
void publisher_home(struct publisher *p, struct home *home)
{
	if (!home->queued) {
		home->queued = true;
		home->next_changed = NULL;
		*(p->last ? &p->last->next_changed : &p->first) = home;
		p->last = home;
	}
	work(p);
}

static void tell_moved(struct publisher *p)
{
	if (!p->moves)
		return;
	p->moves = false;
	p->moved(p->userdata);
}

/* The connection is lost, and with it acknowledgements: nothing counts as cleared. Names do not wait
 * for the next one, which may never come: the other broker may be what the new names came with. */
void publisher_lost(struct publisher *p)
{
	p->gone = false;
	tell_moved(p);
}

static void publish_all_of(struct publisher *p, struct home *home)
{
	home->changed = CHANGED_ALL;
	home_each_device (home, device) {
		device->changed = CHANGED_ALL;
		device_each_relay (device, relay)
			relay->changed = CHANGED_ALL;
	}
	publisher_home(p, home);
}

/* Publishes everything again: the broker is a new one, or has forgotten. */
void publisher_everything(struct publisher *p)
{
	p->later = true;
	cache_each_home (p->cache, home) {
		publish_all_of(p, home);
		if (!home_leaves(home))
			home->changed &= ~CHANGED_HISTORY;
	}
}

static bool differs(const struct names *a, const struct names *b, const struct home *home)
{
	topic_t one, other;

	if (topic_home(a, one, home, "info") < 0 || topic_home(b, other, home, "info") < 0 ||
		strcmp(one, other) != 0)
		return true;
	home_each_device (home, device)
		device_each_relay (device, relay)
			if (topic_relay(a, one, relay, "info") < 0 ||
				topic_relay(b, other, relay, "info") < 0 || strcmp(one, other) != 0)
				return true;
	return false;
}

/* Clears the topics of homes that get other ones by those names. False: there are none, or nobody
 * is there to tell. Else moved is called when the broker has done it, or is lost, and
 * publisher_moved() is to follow. */
bool publisher_move(struct publisher *p, const struct names *next, void (*moved)(void *userdata),
	void *userdata)
{
	if (!mqtt_online(p->mqtt))
		return false;
	p->moved = moved;
	p->userdata = userdata;
	cache_each_home (p->cache, home) {
		if (home->gone || !differs(p->names, next, home))
			continue;
		home->moving = true;
		publish_all_of(p, home);
		p->moves = true;
	}
	return p->moves;
}

/* The names are new ones now: what was cleared is published there. */
void publisher_moved(struct publisher *p)
{
	cache_each_home (p->cache, home) {
		if (!home->moving)
			continue;
		home->moving = false;
		publish_all_of(p, home);
	}
}

/* How many rows the retained histories have, from now on. */
void publisher_rows(struct publisher *p, unsigned rows)
{
	if (p->histories.rows == rows)
		return;
	p->histories.rows = rows;
	p->later = true;
	work(p);
}

/* Publishes the state of a door at once; later, if there is no connection. */
void publisher_door(struct publisher *p, struct relay *relay)
{
	if (is_replaced(relay) || publish_state(p, relay) == 0)
		return;
	relay->changed |= CHANGED_DOOR;
	publisher_home(p, relay->device->home);
}

/* The broker took something: publish more, and forget what is gone once it knows of that. */
void publisher_go_on(struct publisher *p)
{
	struct home *home, *next;

	if (p->first)
		work(p);
	if (p->first || mqtt_unacknowledged(p->mqtt) > 0)
		return;
	tell_moved(p);
	if (!p->gone)
		return;
	p->gone = false;
	for (home = cache_homes(p->cache); home; home = next) {
		next = home->next;
		cache_sweep(p->cache, home);
	}
}

/* Whether devices have pictures; unless said otherwise they do. If not, what is left of earlier ones
 * is cleared. */
void publisher_set_pictures(struct publisher *p, bool wanted)
{
	p->no_pictures = !wanted;
	if (wanted)
		return;
	cache_each_home (p->cache, home) {
		home_each_device (home, device)
			device->changed |= CHANGED_PICTURE;
		publisher_home(p, home);
	}
}

/* Takes a home out of the queue. */
void publisher_forget(struct publisher *p, struct home *home)
{
	struct home **at = &p->first, *before = NULL;

	if (!home->queued)
		return;
	for (; *at != home; at = &(*at)->next_changed)
		before = *at;
	*at = home->next_changed;
	if (p->last == home)
		p->last = before;
	home->queued = false;
}

/* mqtt, names, cache and the history must outlive the publisher. */
int publisher_new(struct publisher **ret, sd_event *event, struct mqtt *mqtt,
	const struct names *names, struct cache *cache, const struct history_view *histories)
{
	_cleanup_(publisher_freep) struct publisher *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->mqtt = mqtt;
	p->names = names;
	p->cache = cache;
	p->histories = *histories;
	/* After everything that may still change a home. */
	r = deferred_new(&p->work, event, on_work, p, "publish", SD_EVENT_PRIORITY_IDLE);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

struct publisher *publisher_free(struct publisher *p)
{
	if (!p)
		return NULL;
	(void)sd_event_source_disable_unref(p->work);
	free(p);
	return NULL;
}
