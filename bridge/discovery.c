#define LOG_TOKEN "discovery"

#include "bridge/discovery.h"

#include <errno.h>
#include <string.h>

#include "util/backoff.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/timer.h"

/* After the last change, before it is told: Home Assistant loses one of two that come close. A thing
 * that changes all the time is told of after the second. */
#define SETTLE_USEC      (2 * USEC_PER_SEC)
#define SETTLE_MOST_USEC (20 * USEC_PER_SEC)

/* Home Assistant gets so long for one step of a migration or a removal. */
#define STEP_USEC (5 * USEC_PER_SEC)

/* The broker is asked what it holds so long after we connected, for it may be much, and who wants a
 * door open now would have to wait for it. It has told all when nothing came for so long. */
#define SUBSCRIBE_USEC   (100 * USEC_PER_MSEC)
#define LISTEN_USEC      (1 * USEC_PER_SEC)
#define LISTEN_MOST_USEC (30 * USEC_PER_SEC)

/* So many documents at a time, and this often. */
#define TICK_USEC   (100 * USEC_PER_MSEC)
#define TICK_BUDGET 5

/* Nor are more things compared at a time: each may take half a millisecond of a small machine, and
 * an opening would wait for all of them. */
#define TICK_THINGS 40

/* What somebody else removes or replaces comes back after this, later each time. */
#define HEAL_USEC      (5 * USEC_PER_SEC)
#define HEAL_DOUBLED   7
#define HEAL_CALM_USEC (3600 * USEC_PER_SEC)

/* Is there such a thing? Ask again. */
#define UNSURE_USEC (10 * USEC_PER_SEC)

/* Home Assistant has just started, and has much else to do. */
#define BIRTH_USEC (2 * USEC_PER_SEC)

/* Records in the order in which they were asked for. */
struct line_up {
	struct record *first, **end;
};

struct discovery {
	sd_event *event;
	struct mqtt *mqtt;
	const struct cache *cache;
	const char *status_topic;
	struct announcer announcer;
	struct documents *documents;
	struct announced *announced;
	struct line_up ready;   /* may be told of now, unless they were asked for again */
	struct line_up resting; /* not due yet */
	uint64_t rested_usec;   /* none of those is due before */
	sd_event_source *timer;
	bool is_subscribed, is_listening;
	uint64_t armed_usec;        /* when it runs next; UINT64_MAX: not at all */
	uint64_t listen_until_usec; /* at most */
};

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void arm(struct discovery *d, uint64_t wait_usec)
{
	int r;

	d->armed_usec = clock_boot_usec() + wait_usec;
	r = timer_arm(d->event, &d->timer, wait_usec, TICK_USEC, on_timer, d, "discovery");
	if (r < 0)
		(void)log_error_errno(r, "Cannot plan what to tell Home Assistant: %m");
}

static void append(struct line_up *to, struct record *record)
{
	record->next = NULL;
	*to->end = record;
	to->end = &record->next;
}

static struct record *take_first(struct line_up *from)
{
	struct record *record = from->first;

	from->first = record->next;
	if (!from->first)
		from->end = &from->first;
	return record;
}

static void rest(struct discovery *d, struct record *record)
{
	append(&d->resting, record);
	if (record->due_usec < d->rested_usec)
		d->rested_usec = record->due_usec;
}

/* Not before wait_usec from now. */
static void ask(struct discovery *d, struct record *record, uint64_t wait_usec)
{
	uint64_t now = clock_boot_usec();
	bool is_new = !record->is_pending;

	if (is_new)
		record->asked_usec = now;
	record->is_pending = true;
	record->due_usec = now + wait_usec;
	if (record->due_usec > record->asked_usec + wait_usec + SETTLE_MOST_USEC)
		record->due_usec = record->asked_usec + wait_usec + SETTLE_MOST_USEC;
	if (is_new)
		rest(d, record);
	else if (record->due_usec < d->rested_usec)
		d->rested_usec = record->due_usec;
	if (!d->is_listening && mqtt_online(d->mqtt) && d->armed_usec > now + TICK_USEC)
		arm(d, TICK_USEC);
}

static struct record *record_of(struct discovery *d, const struct thing *thing, bool is_gone)
{
	struct record *record = NULL;
	thing_id_t id;

	if (thing_id(id, thing, documents_node(d->documents)) < 0)
		return NULL;
	if (is_gone)
		return announced_find(d->announced, id);
	return announced_add(d->announced, id, &record) == 0 ? record : NULL;
}

static void ask_thing(
	struct discovery *d, const struct thing *thing, bool is_gone, uint64_t wait_usec)
{
	struct record *record = record_of(d, thing, is_gone);

	if (record)
		ask(d, record, wait_usec);
}

static void ask_home(struct discovery *d, const struct home *home, uint64_t wait_usec)
{
	ask_thing(d, &(struct thing){.home = home}, home->gone, wait_usec);
	home_each_device (home, device)
		ask_thing(d, &(struct thing){home, device}, device->gone, wait_usec);
}

struct wish {
	struct discovery *d;
	uint64_t wait_usec;
	bool again;
};

static void ask_record(struct record *record, void *userdata)
{
	const struct wish *wish = userdata;

	for (struct paper *paper = record->papers; paper && wish->again; paper = paper->next)
		paper->again = paper->hash != 0 && !paper->is_marked;
	ask(wish->d, record, wish->wait_usec);
}

/* A thing that others are said to be behind comes before them. What is not in the cache is last. */
static void ask_all(struct discovery *d, uint64_t wait_usec, bool again)
{
	struct wish wish = {d, wait_usec, again};

	ask_thing(d, &(struct thing){0}, false, wait_usec);
	cache_each_home (d->cache, home)
		ask_home(d, home, wait_usec);
	announced_each(d->announced, ask_record, &wish);
}

static void settle(struct discovery *d, struct record *record, enum announce_result result)
{
	switch (result) {
	case ANNOUNCE_DONE:
		record->is_healing = false;
		break;
	case ANNOUNCE_NOTHING:
		announced_forget(d->announced, record);
		break;
	case ANNOUNCE_NEXT:
		ask(d, record, STEP_USEC);
		break;
	case ANNOUNCE_UNSURE:
		ask(d, record, UNSURE_USEC);
		break;
	case ANNOUNCE_FULL:
		break;
	}
}

/* Those that are due are ready. Looks at all that rest, so only if one of them may be due. */
static void wake_rested(struct discovery *d, uint64_t now)
{
	struct line_up all = d->resting;

	if (d->rested_usec > now)
		return;
	d->resting.end = &d->resting.first;
	d->resting.first = NULL;
	d->rested_usec = UINT64_MAX;
	while (all.first) {
		struct record *record = all.first;

		all.first = record->next;
		if (record->due_usec <= now)
			append(&d->ready, record);
		else
			rest(d, record);
	}
}

/* Takes so many of the records that are due. Returns when the next one is, or UINT64_MAX. What waits
 * for its turn is not looked at: there may be tens of thousands, for many minutes. */
static uint64_t go_on(struct discovery *d)
{
	uint64_t now = clock_boot_usec();

	wake_rested(d, now);
	for (unsigned taken = 0; d->ready.first && taken < TICK_THINGS; taken++) {
		enum announce_result result;

		if (d->ready.first->due_usec > now) {
			rest(d, take_first(&d->ready));
			continue;
		}
		if (d->announcer.budget == 0)
			break;
		result = announce(&d->announcer, d->ready.first);
		if (result == ANNOUNCE_FULL)
			break;
		d->ready.first->is_pending = false;
		settle(d, take_first(&d->ready), result);
	}
	return d->ready.first ? now : d->rested_usec;
}

/* Subscribes to what was announced, by earlier runs too and where it was before. */
static void subscribe(struct discovery *d)
{
	const char *const *patterns;
	int r = 0;

	for (size_t i = 0; r == 0 && (patterns = announced_patterns(d->announced, i)); i++)
		r = mqtt_subscribe(d->mqtt, patterns, ANNOUNCED_PATTERNS, MQTT_KEPT);
	if (r == 0)
		r = mqtt_subscribe(d->mqtt, &d->status_topic, 1, MQTT_KEPT);
	if (r != 0)
		log_debug("cannot subscribe to discovery");
	d->is_subscribed = true;
	d->listen_until_usec = clock_boot_usec() + LISTEN_MOST_USEC;
	arm(d, 2 * LISTEN_USEC);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct discovery *d = userdata;
	uint64_t next, now;

	d->armed_usec = UINT64_MAX;
	if (!mqtt_online(d->mqtt))
		return 0;
	if (!d->is_subscribed) {
		subscribe(d);
		return 0;
	}
	if (d->is_listening) {
		d->is_listening = false;
		log_debug("the broker has told what it holds");
		announced_missing(d->announced);
		ask_all(d, 0, false);
	}
	/* Half of the window is left to what is told of doors. */
	d->announcer.budget = mqtt_room(d->mqtt) > MQTT_WINDOW / 2 ? TICK_BUDGET : 0;
	next = go_on(d);
	now = clock_boot_usec();
	if (next < UINT64_MAX)
		arm(d, next > now + TICK_USEC ? next - now : TICK_USEC);
	return 0;
}

/* What the broker holds is not known, and nothing is told to it before it has told that. */
static void listen(struct discovery *d)
{
	announced_doubt(d->announced);
	d->is_listening = true;
}

/* Soon asks the broker what was announced, and is silent until it has told. */
void discovery_connected(struct discovery *d)
{
	listen(d);
	d->is_subscribed = false;
	arm(d, SUBSCRIBE_USEC);
}

void discovery_lost(struct discovery *d)
{
	d->armed_usec = UINT64_MAX;
	timer_stop(d->timer);
}

static void listen_on(struct discovery *d)
{
	uint64_t now = clock_boot_usec();

	if (now + LISTEN_USEC < d->listen_until_usec)
		arm(d, LISTEN_USEC);
}

/* Somebody removed or replaced what we announced, perhaps for a reason. */
static void heal(struct discovery *d, struct record *record)
{
	uint64_t now = clock_boot_usec();

	if (record->is_healing)
		return;
	if (now - record->healed_usec > HEAL_CALM_USEC)
		record->healed = 0;
	record->is_healing = true;
	record->healed_usec = now;
	ask(d, record, HEAL_USEC << record->healed);
	if (record->healed < HEAL_DOUBLED)
		record->healed++;
}

/* Home Assistant has started. One that is retained was told to us when we connected, and so were
 * the documents. */
static void on_status(struct discovery *d, const struct mqtt_message *message)
{
	static const char birth[] = "online";

	if (message->retain || message->size != strlen(birth) ||
		memcmp(message->payload, birth, message->size) != 0)
		return;
	ask_all(d, backoff_jitter(BIRTH_USEC, 50), true);
}

/* True if the message was for discovery. */
bool discovery_message(struct discovery *d, const struct mqtt_message *message)
{
	struct record *record = NULL;

	if (strcmp(message->topic, d->status_topic) == 0) {
		on_status(d, message);
		return true;
	}
	if (!announced_is_ours(d->announced, message->topic))
		return false;
	if (d->is_listening)
		listen_on(d);
	switch (announced_told(d->announced, message, &record)) {
	case ANNOUNCED_KNOWN:
		break;
	case ANNOUNCED_FOUND:
		if (!d->is_listening)
			ask(d, record, SETTLE_USEC);
		break;
	case ANNOUNCED_CHANGED:
		if (!d->is_listening)
			heal(d, record);
		break;
	}
	return true;
}

/* Something of that home differs. */
void discovery_home(struct discovery *d, const struct home *home)
{
	ask_home(d, home, SETTLE_USEC);
}

/* Another configuration, from now on. Documents that are to be elsewhere move, unless the broker
 * that holds them is left as well. What nobody needs any more stays subscribed up to the next
 * connection, and is not taken. -ENOMEM: documents stay where they are. */
int discovery_set(struct discovery *d, const struct discovery_settings *settings)
{
	bool other_status = strcmp(d->status_topic, settings->status_topic) != 0;
	int r;

	r = documents_set(d->documents, &settings->document);
	if (r < 0)
		return r;
	d->status_topic = settings->status_topic;
	d->announcer.mode = settings->mode;
	r = announced_move(d->announced, settings->prefix, documents_node(d->documents));
	ask_all(d, SETTLE_USEC, false);
	if ((other_status || r == 0) && mqtt_online(d->mqtt)) {
		listen(d);
		subscribe(d);
	}
	return r < 0 ? r : 0;
}

/* Announces nothing more; what was announced stays, for the next run. */
void discovery_stop(struct discovery *d)
{
	timer_stop(d->timer);
}

/* mqtt, names and cache must outlive it; settings: see discovery_set(). */
int discovery_new(struct discovery **ret, sd_event *event,
	const struct discovery_settings *settings, struct mqtt *mqtt, const struct names *names,
	const struct cache *cache)
{
	_cleanup_(discovery_freep) struct discovery *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->event = sd_event_ref(event);
	d->mqtt = mqtt;
	d->cache = cache;
	d->status_topic = settings->status_topic;
	d->ready.end = &d->ready.first;
	d->resting.end = &d->resting.first;
	d->rested_usec = UINT64_MAX;
	d->armed_usec = UINT64_MAX;
	r = documents_new(&d->documents, &settings->document, names);
	if (r < 0)
		return r;
	r = announced_new(&d->announced, settings->prefix, documents_node(d->documents));
	if (r < 0)
		return r;
	d->announcer =
		(struct announcer){settings->mode, mqtt, d->announced, d->documents, cache, 0};
	/* The others are said to be behind it. */
	ask_thing(d, &(struct thing){0}, false, 0);
	*ret = TAKE_PTR(d);
	return 0;
}

struct discovery *discovery_free(struct discovery *d)
{
	if (!d)
		return NULL;
	(void)sd_event_source_disable_unref(d->timer);
	(void)announced_free(d->announced);
	(void)documents_free(d->documents);
	(void)sd_event_unref(d->event);
	free(d);
	return NULL;
}
