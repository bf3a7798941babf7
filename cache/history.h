#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/archive.h"
#include "cache/file.h"
#include "cache/home.h"
#include "cache/outbox.h"
#include "util/zone.h"

/* The histories of all homes: what the cloud shows becomes events, none lost and none twice. They
 * live in the cache file; while there is none, as well as can be in memory.
 *
 * All times are seconds since 1970. now is what the cloud's answers say: our own clock may be
 * years behind before the network has set it. */
struct history;

/* Rows of one history that are kept; a home has two. */
#define HISTORY_ROWS_MAX        50000
#define HISTORY_MEMORY_ROWS_MAX 500 /* while there is no file */

struct history_settings {
	const struct zone *zone;   /* of the cloud's times; outlives the history */
	int64_t keep_sec;          /* rows in the archive */
	int64_t max_event_age_sec; /* an older row is no event any more */
	bool pictures;             /* keep and tell addresses of pictures */
};

/* What an answer brought. */
struct history_news {
	size_t rows;     /* new in the archive */
	size_t events;   /* of these */
	size_t pictures; /* that came later, of rows that were events */
	size_t filled;   /* and those of other rows, which nobody is told of as an event */
	size_t late;     /* rows that are too old to be events */
	size_t bad;      /* rows whose time cannot be read */
	int64_t before;  /* of rows: number of the last archived before them, by any history */
};

int history_new(
	struct history **ret, struct cache_file *file, const struct history_settings *settings);
struct history *history_free(struct history *history);
void history_set(struct history *history, const struct history_settings *settings);

int history_merge(struct history *history, const struct home *home, enum history_kind kind,
	const struct history_record *records, size_t n, int64_t now, struct history_news *ret);
void history_forget(struct history *history, const char *residence_id);

int history_pending(
	struct history *history, int64_t after, size_t limit, outbox_each_t each, void *userdata);
int history_done(struct history *history, const int64_t *entries, size_t n);
size_t history_count_pending(struct history *history);

int history_find(struct history *history, const struct archive_query *query, archive_row_t each,
	void *userdata);

bool history_tend(struct history *history, int64_t now);

DEFINE_CLEANUP(struct history *, history_free);
