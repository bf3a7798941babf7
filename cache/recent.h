#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/window.h"

/* What a history showed lately, in memory: an answer that shows nothing else needs no look into the
 * file, and the newest rows stay known should the file be lost. A value; zeroed it knows nothing. */

/* Rows that are remembered, the newest. */
#define RECENT_MAX 32

struct recent {
	bool known;      /* an answer was taken over */
	bool incomplete; /* older rows were forgotten */
	unsigned generation;
	uint64_t print;
	int64_t now; /* of the last answer */
	size_t n;
	struct recent_row *rows; /* by time */
};

struct recent_row {
	int64_t epoch;
	uint64_t id; /* struct window_row */
	bool told;
};

void recent_done(struct recent *recent);
int recent_add(struct recent *recent, const struct window *window);
bool recent_has(const struct recent *recent, const struct window_row *row, bool *ret_told);
bool recent_forgot(const struct recent *recent, const struct window_row *row);
