#pragma once

#include "bridge/announced.h"
#include "bridge/document.h"
#include "bridge/mqtt.h"
#include "cache/home.h"

/* Brings what the broker holds of one thing closer to what is wanted: documents that are new or
 * differ, removals in their two steps, the way from one kind of document to the other. */

enum discovery_mode {
	DISCOVERY_DEVICE,    /* one document a thing */
	DISCOVERY_COMPONENT, /* one an entity */
	DISCOVERY_OFF,
};

struct announcer {
	enum discovery_mode mode;
	struct mqtt *mqtt;
	struct announced *announced;
	const struct documents *documents;
	const struct cache *cache;
	unsigned budget; /* documents that may still be published now */
};

enum announce_result {
	ANNOUNCE_DONE,
	ANNOUNCE_NEXT,    /* Home Assistant needs time before the next step */
	ANNOUNCE_FULL,    /* no budget, or no connection */
	ANNOUNCE_UNSURE,  /* the cloud has not told yet whether there is such a thing */
	ANNOUNCE_NOTHING, /* neither wanted nor there: the record can be forgotten */
};

enum announce_result announce(struct announcer *a, struct record *record);
