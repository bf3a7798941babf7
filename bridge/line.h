#pragma once

#include <stdbool.h>

#include "bridge/line_refusal.h"
#include "bridge/mqtt.h"

/* One connection to the broker, from the look-up of its name to its end. It is never used again:
 * what it had still to send dies with it. */
struct line;

struct line_handlers {
	void (*accepted)(struct line *line, void *userdata);
	/* The last word of a line, free it: what it was asked to send may not have arrived. refused:
	 * 0, or what trying again soon will not heal, by MQTT 5's numbers. */
	void (*ended)(struct line *line, int refused, const char *why, void *userdata);
	/* In the midst of the library's work: only take notes. */
	void (*arrived)(const struct mqtt_message *message, void *userdata);
	void (*acknowledged)(int id, void *userdata); /* 0: nobody asked for its id */
	/* Optional: the library's work is done for now. Anything may be done here, also to the line. */
	void (*turned)(struct line *line, void *userdata);
	/* Optional, and notes only, too. Without them the line logs what the broker does not allow:
	 * topics that it lets us not subscribe to, "" if it lets us all; before acknowledged(), a
	 * publication that it does not take, which only MQTT 5 tells. */
	void (*subscribed)(const char *denied, void *userdata);
	void (*rejected)(int id, void *userdata);
};

/* handlers must outlive the line. */
int line_new(struct line **ret, sd_event *event, const struct mqtt_settings *settings,
	const struct line_handlers *handlers, void *userdata);
struct line *line_free(struct line *line);

bool line_give_up(struct line *line);
void line_pause(struct line *line, bool pause);
void line_leave(struct line *line);
unsigned line_unacknowledged(const struct line *line);

int line_publish(struct line *line, const struct mqtt_message *message, int *ret_id);
int line_subscribe(
	struct line *line, const char *const *topics, size_t n, enum mqtt_interest interest);

DEFINE_CLEANUP(struct line *, line_free);
