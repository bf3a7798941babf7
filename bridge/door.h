#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "bridge/answer.h"
#include "bridge/names.h"
#include "cache/home.h"
#include "cloud/client.h"
#include "util/cleanup.h"

/* Doors: the guards of an opening, the opening itself, and the state that follows from it. */
struct doors;
struct opening;

enum door_state {
	DOOR_LOCKED,
	DOOR_UNLOCKING, /* an opening is on its way */
	DOOR_UNLOCKED,  /* the cloud accepted one; back to locked after the hold time */
};

/* The highest cap of openings a minute. */
#define DOOR_MOST_PER_MINUTE 600

struct door_settings {
	uint64_t hold_usec;
	uint64_t repeat_after_usec;
	unsigned max_per_minute; /* 1 to DOOR_MOST_PER_MINUTE */
};

/* Called when the state of a relay is another one: publish it now. */
typedef void (*door_changed_t)(struct relay *relay, void *userdata);

int doors_new(struct doors **ret, sd_event *event, struct cloud *cloud, const struct names *names,
	const struct door_settings *settings, door_changed_t changed, void *userdata);
struct doors *doors_free(struct doors *doors);
void doors_set(struct doors *doors, const struct door_settings *settings);
void doors_rest(struct doors *doors);

int door_guard(
	const struct doors *doors, const struct relay *relay, bool has_id, const char **ret_why);
int door_open(struct doors *doors, struct opening **ret, struct relay *relay, uint64_t deadline,
	cloud_done_t done, void *userdata);
struct opening *opening_cancel(struct opening *opening);

bool door_never_left(enum cloud_error error);
enum door_state door_state(const struct relay *relay);
const char *door_state_name(enum door_state state);
void door_forget(struct relay *relay);

DEFINE_CLEANUP(struct doors *, doors_free);
