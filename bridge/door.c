#define LOG_TOKEN "door"

#include "bridge/door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/timer.h"

/* UNLOCKING is published only when the answer takes longer than this, so that publishing it does
 * not stand between the opening and its answer. */
#define UNLOCKING_AFTER_USEC (30 * USEC_PER_MSEC)

/* All doors are looked at together for what is due: so often at most, so many changes at a time, and
 * never before an opening. */
#define LOOK_PAUSE_USEC (20 * USEC_PER_MSEC)
#define LOOK_CHANGES    8
#define LOOK_PRIORITY   (SD_EVENT_PRIORITY_NORMAL + 10)

#define OPENING_COMMAND "trigger_akuvox_remote_open_door"

/* What happens at a relay; made with its first opening. */
struct door {
	struct door *prev, *next;
	struct doors *doors;
	struct relay *relay;
	enum door_state state;
	struct opening *openings; /* on their way */
	uint64_t last_left;       /* the last that was answered and perhaps opened it */
	uint64_t hold_until;      /* while unlocked */
	unsigned n_opened;        /* ever */
	uint64_t opened[DOOR_MOST_PER_MINUTE]; /* when, a ring of the last ones */
};

struct opening {
	struct opening *next;
	struct door *door; /* NULL: the relay is gone */
	uint64_t started;  /* clock_boot_usec() */
	struct cloud_call *call;
	cloud_done_t done;
	void *userdata;
};

struct doors {
	sd_event *event;
	struct cloud *cloud;
	const struct names *names;
	struct door_settings settings;
	door_changed_t changed;
	void *userdata;
	const struct command *command;
	struct door *first;
	sd_event_source *look;
	uint64_t look_at; /* clock_boot_usec() of the next look; UINT64_MAX: none is planned */
	uint64_t looked;  /* and of the last */
};

static void set_state(struct door *door, enum door_state state)
{
	if (door->state == state)
		return;
	door->state = state;
	door->doors->changed(door->relay, door->doors->userdata);
}

/* When the door's state changes by itself; UINT64_MAX: never. */
static uint64_t due(const struct door *door)
{
	uint64_t since = UINT64_MAX;

	switch (door->state) {
	case DOOR_LOCKED:
		for (const struct opening *o = door->openings; o; o = o->next)
			if (o->started < since)
				since = o->started;
		return since < UINT64_MAX ? since + UNLOCKING_AFTER_USEC : UINT64_MAX;
	case DOOR_UNLOCKING:
		return UINT64_MAX;
	case DOOR_UNLOCKED:
		break;
	}
	return door->hold_until;
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata);

/* Sees to it that what is due then is looked for. */
static int look_at(struct doors *doors, uint64_t when)
{
	uint64_t now = clock_boot_usec(), soonest = doors->looked + LOOK_PAUSE_USEC;
	int r;

	if (when < soonest)
		when = soonest;
	if (when >= doors->look_at)
		return 0;
	r = timer_arm(doors->event, &doors->look, when > now ? when - now : 0, TIMER_EXACT, on_look,
		doors, "doors");
	if (r < 0)
		return r;
	doors->look_at = when;
	return sd_event_source_set_priority(doors->look, LOOK_PRIORITY);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct doors *doors = userdata;
	uint64_t now = clock_boot_usec(), next = UINT64_MAX;
	unsigned n = 0;

	doors->look_at = UINT64_MAX;
	for (struct door *door = doors->first; door; door = door->next) {
		if (due(door) <= now && n < LOOK_CHANGES) {
			n++;
			set_state(door, door->state == DOOR_LOCKED || door->openings
						? DOOR_UNLOCKING
						: DOOR_LOCKED);
		}
		if (due(door) < next)
			next = due(door);
	}
	if (n < LOOK_CHANGES)
		doors->looked = now;
	if (next < UINT64_MAX)
		(void)look_at(doors, next);
	return 0;
}

static int door_of(struct doors *doors, struct relay *relay, struct door **ret)
{
	struct door *door = relay->door;

	if (!door) {
		door = calloc(1, sizeof(*door));
		if (!door)
			return -ENOMEM;
		door->doors = doors;
		door->relay = relay;
		door->next = doors->first;
		if (door->next)
			door->next->prev = door;
		doors->first = door;
		relay->door = door;
	}
	*ret = door;
	return 0;
}

static struct door *door_free(struct door *door)
{
	for (struct opening *o = door->openings; o; o = o->next)
		o->door = NULL;
	*(door->prev ? &door->prev->next : &door->doors->first) = door->next;
	if (door->next)
		door->next->prev = door->prev;
	door->relay->door = NULL;
	free(door);
	return NULL;
}

/* When the last opening began that may have moved the relay; 0: there was none. */
static uint64_t last_opened(const struct door *door)
{
	uint64_t last = door->last_left;

	for (const struct opening *o = door->openings; o; o = o->next)
		if (o->started > last)
			last = o->started;
	return last;
}

static bool opened_too_often(const struct door *door, unsigned most, uint64_t now)
{
	return door->n_opened >= most &&
	       now - door->opened[(door->n_opened - most) % DOOR_MOST_PER_MINUTE] <
	               60 * USEC_PER_SEC;
}

/* Whether this door may be opened now: -1 if so, else the enum refusal, with a sentence in *ret_why.
 * has_id: the request can be told from its repetition, so that two soon after each other are meant. */
int door_guard(
	const struct doors *doors, const struct relay *relay, bool has_id, const char **ret_why)
{
	const struct relay_settings *settings = names_relay(doors->names, relay->id);
	const struct door *door = relay->door;
	uint64_t now = clock_boot_usec(), last = door ? last_opened(door) : 0;

	if (settings && !settings->allow) {
		*ret_why = "this door may not be opened from here: its [door] section says "
			   "allow = no";
		return REFUSAL_NOT_ALLOWED;
	}
	if (!has_id && last && now - last < doors->settings.repeat_after_usec) {
		*ret_why = "the same door was opened a moment ago (door.repeat_after); an id in "
			   "the request tells a second opening from a repeated message";
		return REFUSAL_DUPLICATE;
	}
	if (door && opened_too_often(door, doors->settings.max_per_minute, now)) {
		*ret_why = "this door was opened too often in the last minute "
			   "(door.max_per_minute)";
		return REFUSAL_RATE_LIMITED;
	}
	return -1;
}

static void opening_unlink(struct opening *opening)
{
	struct opening **p;

	if (!opening->door)
		return;
	for (p = &opening->door->openings; *p != opening; p = &(*p)->next)
		;
	*p = opening->next;
}

static void door_accepted(struct door *door)
{
	const struct relay_settings *settings = names_relay(door->doors->names, door->relay->id);
	uint64_t hold = settings && settings->hold_usec ? settings->hold_usec
	                                                : door->doors->settings.hold_usec;

	if (door->state == DOOR_LOCKED)
		set_state(door, DOOR_UNLOCKING);
	set_state(door, DOOR_UNLOCKED);
	door->hold_until = clock_boot_usec() + hold;
	if (look_at(door->doors, door->hold_until) < 0)
		set_state(door, DOOR_LOCKED);
}

/* True if the opening certainly did not move the relay: pressing again is then no repetition. */
bool door_never_left(enum cloud_error error)
{
	return error == CLOUD_UNREACHABLE || error == CLOUD_EXPIRED || error == CLOUD_AUTH_FAILED ||
	       error == CLOUD_SHUTTING_DOWN;
}

/* The asker hears first, the states follow. */
static void on_answer(const struct cloud_answer *answer, void *userdata)
{
	struct opening *opening = userdata;
	struct door *door;

	opening->call = NULL;
	opening->done(answer, opening->userdata);
	door = opening->door;
	opening_unlink(opening);
	if (door && !door_never_left(answer->error) && opening->started > door->last_left)
		door->last_left = opening->started;
	free(opening);
	if (!door)
		return;
	if (answer->error == CLOUD_OK)
		door_accepted(door);
	else if (door->state == DOOR_UNLOCKING && !door->openings)
		set_state(door, DOOR_LOCKED);
}

static int opening_param(struct json_object **ret, const struct relay *relay)
{
	_cleanup_(json_freep) struct json_object *param = json_object_new_object();

	if (json_set(param, "residence_id", json_object_new_string(relay->device->home->id)) < 0 ||
		json_set(param, "mac", json_object_new_string(relay->device->mac)) < 0 ||
		json_set(param, "relay_id", json_object_new_string(relay->id)) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(param);
	return 0;
}

/* Sends one opening of a relay that door_guard() let pass. deadline: clock_boot_usec() after which
 * it must not leave any more. done is called exactly once, from the loop; *ret is then gone.
 * A positive return is the enum cloud_error known at once, without a callback. */
int door_open(struct doors *doors, struct opening **ret, struct relay *relay, uint64_t deadline,
	cloud_done_t done, void *userdata)
{
	_cleanup_(json_freep) struct json_object *param = NULL;
	_cleanup_free_ struct opening *opening = NULL;
	struct door *door;
	int r;

	r = door_of(doors, relay, &door);
	if (r < 0)
		return r;
	r = opening_param(&param, relay);
	if (r < 0)
		return r;
	opening = calloc(1, sizeof(*opening));
	if (!opening)
		return -ENOMEM;
	opening->done = done;
	opening->userdata = userdata;
	r = cloud_start(doors->cloud, &opening->call, doors->command, param, CLOUD_DOOR, deadline,
		on_answer, opening);
	if (r != 0)
		return r;
	opening->door = door;
	opening->started = clock_boot_usec();
	opening->next = door->openings;
	door->openings = opening;
	door->opened[door->n_opened++ % DOOR_MOST_PER_MINUTE] = opening->started;
	if (door->state == DOOR_LOCKED)
		(void)look_at(doors, opening->started + UNLOCKING_AFTER_USEC);
	*ret = TAKE_PTR(opening);
	return 0;
}

/* Forgets an opening: done is not called any more. What has left has left. Takes NULL. */
struct opening *opening_cancel(struct opening *opening)
{
	if (!opening)
		return NULL;
	(void)cloud_cancel(opening->call);
	opening_unlink(opening);
	free(opening);
	return NULL;
}

/* changed is called from the loop and from within on_answer; cloud and names must outlive doors. */
int doors_new(struct doors **ret, sd_event *event, struct cloud *cloud, const struct names *names,
	const struct door_settings *settings, door_changed_t changed, void *userdata)
{
	struct doors *doors = calloc(1, sizeof(*doors));

	if (!doors)
		return -ENOMEM;
	doors->event = sd_event_ref(event);
	doors->cloud = cloud;
	doors->names = names;
	doors->settings = *settings;
	doors->changed = changed;
	doors->userdata = userdata;
	doors->command = catalog_find(OPENING_COMMAND);
	doors->look_at = UINT64_MAX;
	*ret = doors;
	return 0;
}

/* Before the cache, whose relays point here. */
struct doors *doors_free(struct doors *doors)
{
	if (!doors)
		return NULL;
	while (doors->first)
		(void)door_free(doors->first);
	(void)sd_event_source_disable_unref(doors->look);
	(void)sd_event_unref(doors->event);
	free(doors);
	return NULL;
}

/* Settings that hold from the next opening on. */
void doors_set(struct doors *doors, const struct door_settings *settings)
{
	doors->settings = *settings;
}

/* The gateway stops, and nobody will end the hold time: no door is left unlocked on the broker. */
void doors_rest(struct doors *doors)
{
	timer_stop(doors->look);
	for (struct door *door = doors->first; door; door = door->next)
		set_state(door, DOOR_LOCKED);
}

enum door_state door_state(const struct relay *relay)
{
	const struct door *door = relay->door;

	return door ? door->state : DOOR_LOCKED;
}

/* The payload of the state topic. */
const char *door_state_name(enum door_state state)
{
	switch (state) {
	case DOOR_LOCKED:
		return "LOCKED";
	case DOOR_UNLOCKING:
		return "UNLOCKING";
	case DOOR_UNLOCKED:
		break;
	}
	return "UNLOCKED";
}

/* The relay is about to be freed. Openings on their way are still answered. */
void door_forget(struct relay *relay)
{
	if (relay->door)
		(void)door_free(relay->door);
}
