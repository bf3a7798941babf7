#pragma once

#include <systemd/sd-event.h>

#include "bridge/history_topics.h"
#include "bridge/mqtt.h"
#include "bridge/names.h"
#include "cache/home.h"
#include "util/cleanup.h"

/* The retained topics of homes, devices and doors: publishes what changed, as fast as the broker
 * takes it, and clears what is gone. */
struct publisher;

/* Its topics are to be cleared: it is gone, or gets others. */
static inline bool home_leaves(const struct home *home)
{
	return home->gone || home->moving;
}

int publisher_new(struct publisher **ret, sd_event *event, struct mqtt *mqtt,
	const struct names *names, struct cache *cache, const struct history_view *histories);
struct publisher *publisher_free(struct publisher *publisher);

void publisher_set_pictures(struct publisher *publisher, bool wanted);
void publisher_everything(struct publisher *publisher);
void publisher_lost(struct publisher *publisher);
void publisher_home(struct publisher *publisher, struct home *home);
void publisher_door(struct publisher *publisher, struct relay *relay);
void publisher_go_on(struct publisher *publisher);
void publisher_forget(struct publisher *publisher, struct home *home);

bool publisher_move(struct publisher *publisher, const struct names *next,
	void (*moved)(void *userdata), void *userdata);
void publisher_moved(struct publisher *publisher);
void publisher_rows(struct publisher *publisher, unsigned rows);

int publish_retained(struct mqtt *mqtt, const char *topic, const char *text);

DEFINE_CLEANUP(struct publisher *, publisher_free);
