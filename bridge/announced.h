#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "bridge/mqtt.h"
#include "bridge/names.h"
#include "bridge/thing.h"
#include "util/cleanup.h"

/* What the broker holds of our discovery documents, as far as we know: by what we published, and by
 * what it told us, of earlier runs too. It is the only memory of what was announced. */
struct announced;

/* The message that has Home Assistant let go of a document and keep what it knows of its entities,
 * for a document on another topic that takes them over. */
#define MARKER "{\"migrate_discovery\":true}"

#define ANNOUNCED_PATTERNS 2 /* of a place */

#define WHOLE_DEVICE "device" /* the name of a document about a whole thing */

/* The prefix and the name of the gateway that topics of documents have. */
struct place;

/* One document. */
struct paper {
	struct paper *next;
	struct place *place;
	uint64_t hash;   /* 0: the broker has none */
	bool is_marked;  /* it is the MARKER */
	bool is_checked; /* on this connection: the broker told it, or we did */
	bool again;      /* to be published even if it is the same */
	char name[];     /* WHOLE_DEVICE, or "<platform>/<key>" */
};

/* All about one thing. */
struct record {
	struct record *next; /* the schedule's own, as are the next fields */
	bool is_pending;
	uint64_t asked_usec, due_usec;
	bool is_healing;
	unsigned healed; /* in a row */
	uint64_t healed_usec;
	bool is_alive; /* the cache had it in this run */

	struct paper *papers;
	char *components; /* that WHOLE_DEVICE names: "<platform>/<key> <platform>/<key> ", or NULL */
	char id[];
};

enum announced_news {
	ANNOUNCED_KNOWN,   /* or of no interest */
	ANNOUNCED_FOUND,   /* it is there from before */
	ANNOUNCED_CHANGED, /* somebody else removed or replaced it */
};

enum announced_result {
	ANNOUNCED_SAME = 1, /* documents are there already */
};

int announced_new(struct announced **ret, const char *prefix, const char *node);
struct announced *announced_free(struct announced *announced);

int announced_move(struct announced *announced, const char *prefix, const char *node);
struct place *announced_here(const struct announced *announced);

const char *const *announced_patterns(const struct announced *announced, size_t place);
int announced_topic(const struct announced *announced, topic_t ret, const struct record *record,
	const struct paper *paper);
bool announced_is_ours(const struct announced *announced, const char *topic);
enum announced_news announced_told(
	struct announced *announced, const struct mqtt_message *message, struct record **ret);

void announced_doubt(struct announced *announced);
void announced_missing(struct announced *announced);

void announced_each(const struct announced *announced,
	void (*each)(struct record *record, void *userdata), void *userdata);
struct record *announced_find(const struct announced *announced, const char *id);
int announced_add(struct announced *announced, const char *id, struct record **ret);
void announced_forget(struct announced *announced, struct record *record);

struct paper *record_find(const struct record *record, const struct place *place, const char *name);
int record_add(struct record *record, struct place *place, const char *name, struct paper **ret);
void record_drop(struct record *record, struct paper *paper);
int record_set_components(struct record *record, struct json_object *components);

uint64_t paper_hash(const char *text, size_t size);

DEFINE_CLEANUP(struct announced *, announced_free);
