#define LOG_TOKEN "events"

#include "bridge/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/event.h"
#include "util/clock.h"
#include "util/deferred.h"
#include "util/json.h"
#include "util/log.h"
#include "util/timer.h"

/* What was acknowledged is written together, so long after the first of it; what a crash leaves
 * unwritten is published once more. */
#define FLUSH_USEC (200 * USEC_PER_MSEC)

/* So often writing is put off for the sake of an opening, which is over by then. */
#define FLUSH_WAITS 50

/* Entries that are acknowledged and not written. */
#define DONE_MAX 512

/* After a failure of the file or of memory. */
#define AGAIN_USEC USEC_PER_SEC

/* Of an event: the home's and the device's. */
#define TOPICS_MAX 2

/* An entry, on its way to the broker. Topics are bits. */
struct flight {
	int64_t entry;
	bool is_event;
	unsigned waits_for;
	unsigned acked;
	int ids[TOPICS_MAX];
};

struct events {
	sd_event *event;
	struct events_parts parts;
	struct events_hooks hooks;
	void *userdata;
	bool online;
	bool more;     /* there may be entries behind after */
	int64_t after; /* the last entry that was published on this connection */
	struct flight flights[EVENTS_WINDOW];
	size_t n_flights;
	unsigned n_sent; /* publications of all flights */
	/* Entries of which a part was acknowledged on an earlier connection. */
	struct flight parts_done[EVENTS_WINDOW];
	size_t n_parts_done;
	int64_t done[DONE_MAX];
	size_t n_done;
	unsigned waits;
	bool complained; /* of what can never be published, on this connection */
	uint64_t count;
	sd_event_source *work;  /* enabled while there is something to publish */
	sd_event_source *again; /* the same, after a failure */
	sd_event_source *flush;
};

static void work(struct events *e)
{
	deferred_wake(e->work);
}

static int on_flush(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct events *e = userdata;

	if (e->hooks.busy(e->userdata) && e->waits++ < FLUSH_WAITS)
		return timer_arm(e->event, &e->flush, FLUSH_USEC, FLUSH_USEC / 2, on_flush, e,
			"events-flush");
	events_flush(e);
	return 0;
}

static void flush_soon(struct events *e)
{
	if (timer_armed(e->flush))
		return;
	e->waits = 0;
	(void)timer_arm(
		e->event, &e->flush, FLUSH_USEC, FLUSH_USEC / 2, on_flush, e, "events-flush");
}

/* Writes what was acknowledged, now. */
void events_flush(struct events *e)
{
	timer_stop(e->flush);
	if (e->n_done == 0)
		return;
	if (history_done(e->parts.history, e->done, e->n_done) < 0) {
		flush_soon(e);
		return;
	}
	e->n_done = 0;
	if (e->more)
		work(e);
}

static void finish(struct events *e, int64_t entry)
{
	e->done[e->n_done++] = entry;
	flush_soon(e);
}

static bool is_done(const struct events *e, int64_t entry)
{
	for (size_t i = 0; i < e->n_done; i++)
		if (e->done[i] == entry)
			return true;
	return false;
}

static bool has_room(const struct events *e, unsigned n)
{
	return mqtt_room(e->parts.mqtt) >= n && e->n_sent + n <= EVENTS_WINDOW &&
	       e->n_done + e->n_flights < DONE_MAX;
}

/* 0; -EAGAIN, -ENOMEM: not now; else never. */
static int publish(struct events *e, const char *topic, const char *text, size_t size, int *ret_id)
{
	const struct mqtt_message message = {
		.topic = topic,
		.payload = text,
		.size = size,
		.qos = 1,
	};
	int r = mqtt_publish(e->parts.mqtt, &message, ret_id);

	return r == MQTT_OFFLINE ? -EAGAIN : r == MQTT_TOO_LARGE ? -EMSGSIZE : r;
}

/* The topics of the entry, one behind the other; a picture is the home's only. */
static int find_topic(
	const struct events *e, topic_t topic, const struct outbox_entry *entry, unsigned i)
{
	const struct archive_row *row = &entry->row;
	const struct names *names = e->parts.names;
	char rest[32];

	(void)snprintf(rest, sizeof(rest), "event/%s",
		entry->picture ? "picture" : event_kind_name(row->kind));
	if (i == 0)
		return topic_home_id(names, topic, row->residence_id, rest);
	return topic_device_mac(names, topic, row->residence_id, row->mac, rest);
}

static unsigned count_topics(const struct outbox_entry *entry)
{
	return *entry->row.mac && !entry->picture ? 2 : 1;
}

/* One that can never be published must not stand in the way of those behind it. */
static void complain(struct events *e, const char *residence_id, int error)
{
	if (!e->complained)
		(void)log_errno(LOG_WARNING, error,
			"An event of %s can never be published and is left out: %m", residence_id);
	e->complained = true;
}

static unsigned acked_before(const struct events *e, int64_t entry)
{
	for (size_t i = 0; i < e->n_parts_done; i++)
		if (e->parts_done[i].entry == entry)
			return e->parts_done[i].acked;
	return 0;
}

/* What of it was published when it fails comes again, with all of it. */
static int publish_entry(struct events *e, const struct outbox_entry *entry, struct flight *flight)
{
	_cleanup_(json_freep) struct json_object *object = event_object(&entry->row);
	size_t size;
	const char *text = object ? event_text(object, &size) : NULL;

	if (!text)
		return -ENOMEM;
	flight->acked = acked_before(e, entry->entry);
	for (unsigned i = 0; i < count_topics(entry); i++) {
		topic_t topic;
		int r;

		if (flight->acked & 1u << i)
			continue;
		r = find_topic(e, topic, entry, i);
		if (r == 0)
			r = publish(e, topic, text, size, &flight->ids[i]);
		if (r == -EAGAIN || r == -ENOMEM)
			return r;
		if (r < 0)
			complain(e, entry->row.residence_id, r);
		else
			flight->waits_for |= 1u << i;
	}
	return 0;
}

/* Whether anybody wants to hear of it: the configuration may have excluded the home since. */
static bool is_wanted(const struct events *e, const struct outbox_entry *entry)
{
	if (entry->picture && !*entry->row.picture && !*entry->row.thumbnail)
		return false;
	return e->hooks.served(entry->row.residence_id, e->userdata);
}

static int on_entry(const struct outbox_entry *entry, void *userdata)
{
	struct events *e = userdata;
	struct flight flight = {.entry = entry->entry, .is_event = !entry->picture};
	int r;

	if (!is_done(e, entry->entry)) {
		if (!has_room(e, count_topics(entry)))
			return -EAGAIN;
		r = is_wanted(e, entry) ? publish_entry(e, entry, &flight) : 0;
		if (r < 0)
			return r;
		if (flight.waits_for)
			e->flights[e->n_flights++] = flight;
		else
			finish(e, entry->entry);
		e->n_sent += (unsigned)__builtin_popcount(flight.waits_for);
	}
	e->after = entry->entry;
	return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	work(userdata);
	return 0;
}

static int on_work(sd_event_source *source, void *userdata)
{
	struct events *e = userdata;
	int64_t before = e->after;
	int r;

	if (!e->online || !e->more || !has_room(e, 1))
		return 0;
	r = history_pending(e->parts.history, e->after, EVENTS_WINDOW, on_entry, e);
	if (r == 0) {
		e->more = e->after != before;
		if (e->more)
			work(e);
	} else if (r != -EAGAIN) {
		(void)log_errno(LOG_DEBUG, r, "Cannot publish events now: %m");
		return timer_arm(
			e->event, &e->again, AGAIN_USEC, TIMER_LAZY, on_again, e, "events-again");
	}
	return 0;
}

/* There may be room for what waits. */
void events_go_on(struct events *e)
{
	if (e->more)
		work(e);
}

/* The outbox has new entries. */
void events_news(struct events *e)
{
	e->more = true;
	work(e);
}

/* A new connection: what was not acknowledged comes again, from the first. */
void events_connected(struct events *e)
{
	e->online = true;
	e->complained = false;
	events_news(e);
}

/* There are brokers that hang up on whoever publishes what their access list forbids: what they
 * acknowledged before must not be sent again, or nothing behind it would ever be. */
static void keep_parts(struct events *e)
{
	struct flight kept[EVENTS_WINDOW];
	size_t n = 0;

	for (size_t i = 0; i < e->n_flights; i++)
		if (e->flights[i].acked)
			kept[n++] = e->flights[i];
	for (size_t i = 0; i < e->n_parts_done && n < EVENTS_WINDOW; i++)
		if (e->parts_done[i].entry > e->after)
			kept[n++] = e->parts_done[i];
	memcpy(e->parts_done, kept, n * sizeof(*kept));
	e->n_parts_done = n;
}

void events_lost(struct events *e)
{
	keep_parts(e);
	e->online = false;
	e->after = 0;
	e->n_flights = e->n_sent = 0;
}

static void topic_acked(struct events *e, struct flight *flight, unsigned topic)
{
	e->n_sent--;
	flight->waits_for &= ~topic;
	flight->acked |= topic;
	if (flight->waits_for)
		return;
	e->count += flight->is_event;
	finish(e, flight->entry);
	e->n_flights--;
	memmove(flight, flight + 1, (size_t)(e->flights + e->n_flights - flight) * sizeof(*flight));
}

/* The broker has it, or will never take it: what its access list forbids is acknowledged too. */
void events_acknowledged(struct events *e, int id)
{
	for (size_t i = 0; i < e->n_flights; i++)
		for (unsigned k = 0; k < TOPICS_MAX; k++)
			if (e->flights[i].waits_for & 1u << k && e->flights[i].ids[k] == id) {
				topic_acked(e, &e->flights[i], 1u << k);
				return;
			}
}

/* Events that the broker has acknowledged since the start; for the health topic. */
uint64_t events_count(const struct events *e)
{
	return e->count;
}

/* Nothing is published before events_connected(). */
int events_new(struct events **ret, sd_event *event, const struct events_parts *parts,
	const struct events_hooks *hooks, void *userdata)
{
	_cleanup_(events_freep) struct events *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->event = sd_event_ref(event);
	e->parts = *parts;
	e->hooks = *hooks;
	e->userdata = userdata;
	/* After answers, before states. */
	r = deferred_new(&e->work, event, on_work, e, "events", SD_EVENT_PRIORITY_IDLE - 10);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(e);
	return 0;
}

/* Writes what was acknowledged. Takes NULL, returns NULL. */
struct events *events_free(struct events *e)
{
	if (!e)
		return NULL;
	events_flush(e);
	(void)sd_event_source_disable_unref(e->work);
	(void)sd_event_source_disable_unref(e->again);
	(void)sd_event_source_disable_unref(e->flush);
	(void)sd_event_unref(e->event);
	free(e);
	return NULL;
}
