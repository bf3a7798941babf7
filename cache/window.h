#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/archive.h"
#include "cache/home.h"
#include "util/hash.h"
#include "util/zone.h"

/* One answer of the cloud: some of the rows of a history, in any order, and how they differ from
 * those that are archived. */

/* 128 bits in hex and a NUL. */
#define EVENT_ID_SIZE 33

/* The two addresses of a row. */
enum window_address { WINDOW_PICTURE, WINDOW_THUMBNAIL, WINDOW_ADDRESS_MAX };

struct window_row {
	struct archive_row row; /* of one that is not new only row, told and what came are set */
	char event_id[EVENT_ID_SIZE];
	uint64_t id;     /* a part of event_id, to compare quickly */
	bool is_new;     /* the archive lacks it */
	bool is_updated; /* the archive has it, but not the addresses that are in row */
	bool is_event;   /* the history's own, as is the next */
	bool is_news;    /* nobody knew it, be it an event or too late for one */

	/* The window's own. */
	size_t index;
	size_t n_archived; /* as many equal rows; of the first of them */
	struct {
		const char *shown; /* by the cloud */
		bool taken;        /* an archived row has it */
		bool filled;       /* the archived row of this place has one */
		size_t others;     /* archived addresses that are not shown; of the first */
	} addresses[WINDOW_ADDRESS_MAX];
};

struct window {
	struct window_row *rows; /* in order of time */
	size_t n;
	size_t bad; /* left out, as their time cannot be read */
	char **owned;
	size_t n_owned;
};

struct window_settings {
	const struct zone *zone;
	bool pictures; /* keep their addresses */
	int64_t now;   /* seconds since 1970, by the cloud's clock */
};

uint64_t window_print(const struct history_record *records, size_t n, struct hash_key key);

int window_new(struct window **ret, const struct home *home, enum history_kind kind,
	const struct history_record *records, size_t n, const struct window_settings *settings);
struct window *window_free(struct window *window);

int window_compare(struct window *window, struct store *store, int64_t source);

DEFINE_CLEANUP(struct window *, window_free);
