#include <stdio.h>
#include <string.h>

#include "tests/sim/fields.h"
#include "tests/sim/world.h"
#include "util/clock.h"

/* /openings lists at most so many; the newer half stays when it is full. */
#define OPENINGS_KEEP_MAX 100000

/* Milliseconds since 1970 by the clock of the cloud. */
int64_t world_clock_msec(const struct world *w)
{
	return clock_epoch_msec() + w->clock_ahead * 1000;
}

/* Adds a row to the call history. epoch: seconds since 1970. */
void world_call(struct home *h, const char *name, const char *sip, int64_t epoch)
{
	struct json_object *row = must(json_object_new_object());
	char time[HISTORY_TIME_MAX];

	add_text(row, "call_name", name);
	add_text(row, "call_sip", sip);
	add_text(row, "call_time", history_time(time, epoch));
	history_add(&h->calls, epoch, into_text(row), NULL, 0);
}

/* Adds a row to the open-door history. If there is a picture, its addresses come later, after as
 * many answers as the knobs say. */
void world_open(struct world *w, struct home *h, const struct door_event *event)
{
	struct json_object *row = must(json_object_new_object());
	char time[HISTORY_TIME_MAX];
	char *text, *later = NULL;

	add_flag(row, "open_door", event->success);
	add_text(row, "account_name", event->account_name);
	add_text(row, "device_name", event->device_name);
	add_text(row, "capture_thumbnail_url", "");
	add_text(row, "open_door_type", event->open_door_type);
	add_text(row, "capture_picture_url", "");
	add_text(row, "open_door_time", history_time(time, event->epoch));
	text = into_text(json_object_get(row));
	if (event->picture) {
		char *picture = world_picture_url(w, "capture", "");
		char *thumbnail = world_picture_url(w, "capture", "-small");

		w->picture_serial++;
		add_text(row, "capture_thumbnail_url", thumbnail);
		add_text(row, "capture_picture_url", picture);
		later = into_text(json_object_get(row));
		free(picture);
		free(thumbnail);
	}
	history_add(&h->doors, event->epoch, text, later, w->knobs.picture_polls);
	(void)json_object_put(row);
}

/* So many rows more in each of the home's histories, a second apart, the newest of now. */
void world_fill(struct world *w, struct home *h, unsigned rows)
{
	int64_t now = world_clock_msec(w) / 1000;
	char name[32];

	for (unsigned i = 0; i < rows; i++) {
		struct door_event event = {
			.account_name = name,
			.device_name = "Front Door",
			.open_door_type = "Face unlock",
			.success = true,
			.epoch = now - rows + 1 + i,
		};

		(void)snprintf(name, sizeof(name), "row-%u", i);
		world_call(h, name, "", event.epoch);
		world_open(w, h, &event);
	}
}

/* The address of the next picture; the caller frees it. */
char *world_picture_url(const struct world *w, const char *kind, const char *suffix)
{
	char *url;

	if (asprintf(&url, "%s/pictures/%s-%u%s.jpg", w->base_url, kind, w->picture_serial,
		    suffix) < 0)
		abort();
	return url;
}

/* A relay moves because the API was told so: noted for good, and a row in the history. */
void world_api_opening(
	struct world *w, struct home *h, const struct device *d, const struct relay *relay)
{
	struct opening *o = must(calloc(1, sizeof(*o)));
	struct door_event event = {
		.account_name = "Sim User",
		.device_name = d->name,
		.open_door_type = "Remote unlock",
		.success = true,
		.picture = true,
	};

	o->time_msec = clock_epoch_msec();
	world_set(&o->residence_id, h->id);
	world_set(&o->mac, d->mac);
	world_set(&o->relay_id, relay->id);
	if (array_list_length(w->openings) == OPENINGS_KEEP_MAX)
		(void)array_list_del_idx(w->openings, 0, OPENINGS_KEEP_MAX / 2);
	(void)array_list_add(w->openings, o);
	w->openings_total++;
	event.epoch = world_clock_msec(w) / 1000;
	world_open(w, h, &event);
}

/* Something that happens by itself: a ring, an opening at the door, or a device that drops off the
 * net or comes back. Returns what it was, for people. */
const char *world_live(struct world *w)
{
	static const char *const ways[] = {"Face unlock", "RF card unlock", "PIN unlock",
		"Bluetooth unlock", "NFC unlock", "Temp key unlock"};
	struct home *h;
	struct device *d;
	struct member *m;
	size_t homes = array_list_length(w->homes);
	int64_t now = world_clock_msec(w) / 1000;

	if (homes == 0)
		return "nothing, there is no home";
	h = array_list_get_idx(w->homes, (size_t)(world_random(w) % homes));
	if (array_list_length(h->devices) == 0 || array_list_length(h->members) == 0)
		return "nothing, the home is empty";
	d = array_list_get_idx(
		h->devices, (size_t)(world_random(w) % array_list_length(h->devices)));
	m = array_list_get_idx(
		h->members, (size_t)(world_random(w) % array_list_length(h->members)));
	if (!d->online || world_random(w) % 8 == 0) {
		d->online = !d->online;
		device_forget_text(d);
		return d->online ? "a device is back" : "a device dropped off";
	}
	if (array_list_length(d->relays) == 0 || world_random(w) % 2 == 0) {
		world_call(h, d->name, d->sip, now);
		return "a ring";
	}
	world_open(w, h,
		&(struct door_event){
			.account_name = m->first_name,
			.device_name = d->name,
			.open_door_type = ways[world_random(w) % (sizeof(ways) / sizeof(*ways))],
			.success = world_random(w) % 6 != 0,
			.picture = true,
			.epoch = now,
		});
	return "an opening at the door";
}
