#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/store.h"
#include "cloud/records.h"

/* Rows of the histories in a store: that of the daemon, or one that is open for reading only.
 * Errors are those of the store. */

enum archive_result {
	ARCHIVE_NONE = 1,   /* there is none (any more) */
	ARCHIVE_PRUNED = 2, /* rows were deleted, and there may be more */
};

/* The numbers stand in the cache file. */
enum event_type { EVENT_CALL, EVENT_RING, EVENT_OPENED, EVENT_DENIED, EVENT_TYPE_MAX };

/* Longest address of a picture that is kept, in bytes; names are cut at CACHE_TEXT_MAX. */
#define ARCHIVE_ADDRESS_MAX 2048

/* Most rows one query gives. */
#define ARCHIVE_LIMIT_MAX 1000

/* Texts are never NULL, and live as long as the callback that is given the row. */
struct archive_row {
	int64_t row; /* grows with each row that is added */
	const char *residence_id;
	enum history_kind kind;
	enum event_type type;
	const char *event_id;
	const char *time; /* as the cloud wrote it */
	int64_t epoch;    /* seconds since 1970 */
	const char *mac;  /* of the one device it can be traced to; empty: there is none */
	const char *name; /* who called, or the account that opened */
	const char *sip;
	const char *device;
	const char *door_type;
	const char *picture;
	const char *thumbnail;
	bool told; /* it was made an event */
};

/* What is asked for: since <= epoch < until, newest first. */
struct archive_query {
	const char *residence_id; /* NULL: all homes */
	int kind;                 /* enum history_kind; -1: both */
	int64_t since, until;
	int64_t after; /* only rows added later than that row; 0: all */
	size_t limit;  /* at most ARCHIVE_LIMIT_MAX */
};

/* One of the two histories of a home, as the store knows it. */
struct archive_source {
	int64_t source;
	bool seeded;
	int64_t pruned;
};

/* A negative return ends the query and is passed on. */
typedef int (*archive_row_t)(const struct archive_row *row, void *userdata);
typedef int (*archive_source_t)(const char *residence_id, enum history_kind kind,
	const struct archive_source *source, void *userdata);

const char *event_type_name(enum event_type type);

int archive_find(
	struct store *store, const struct archive_query *query, archive_row_t each, void *userdata);
int archive_last(struct store *store, int64_t *ret_row);

int archive_find_source(struct store *store, const char *residence_id, enum history_kind kind,
	struct archive_source *ret);
int archive_set_source(struct store *store, const char *residence_id, enum history_kind kind,
	struct archive_source *source);
int archive_each_at(
	struct store *store, int64_t source, const char *time, archive_row_t each, void *userdata);
int archive_each_source(struct store *store, archive_source_t each, void *userdata);
int archive_each_row(struct store *store, archive_row_t each, void *userdata);
int archive_add(struct store *store, int64_t source, const struct archive_row *row);
int archive_update(struct store *store, const struct archive_row *row);
int archive_prune(struct store *store, int64_t *cursor, int64_t horizon, size_t most);

/* For those who read archive rows from a query of their own. */
#define ARCHIVE_COLUMNS                                                               \
	"h.row, s.residence_id, s.kind, h.type, h.event_id, h.time, h.epoch, h.mac, " \
	"h.name, h.sip, h.device, h.door_type, h.picture, h.thumbnail, h.told"
#define ARCHIVE_N_COLUMNS 15
void archive_read(const struct store_row *row, struct archive_row *ret);
