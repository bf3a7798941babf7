#pragma once

#include <sys/queue.h>

#include "bridge/mqtt.h"

#define INBOX_MAX 256 /* messages */

/* Arrived messages that wait for their turn, oldest first. Embedded: inbox_init(), inbox_clear(). */
struct inbox_item {
	STAILQ_ENTRY(inbox_item) next;
	struct mqtt_message message;
	char bytes[]; /* what the message points to */
};

struct inbox {
	STAILQ_HEAD(, inbox_item) items;
	unsigned count;
};

void inbox_init(struct inbox *inbox);
void inbox_clear(struct inbox *inbox);
int inbox_put(struct inbox *inbox, const struct mqtt_message *message);
struct inbox_item *inbox_take(struct inbox *inbox);
