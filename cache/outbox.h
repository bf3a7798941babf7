#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/archive.h"

/* What is to be published and was not acknowledged yet, in a store. Errors are those of the
 * store. */

struct outbox_entry {
	int64_t entry;          /* they go out in the order of this number */
	bool picture;           /* a picture came later; else it is the event itself */
	struct archive_row row; /* as it is now */
};

/* A negative return ends it and is passed on. */
typedef int (*outbox_each_t)(const struct outbox_entry *entry, void *userdata);

/* The row that archive_add() added last. */
#define OUTBOX_ROW_ADDED INT64_C(0)

int outbox_add(struct store *store, int64_t entry, int64_t row, bool picture);
int outbox_remove(struct store *store, int64_t entry);
int outbox_each(struct store *store, int64_t after, outbox_each_t each, void *userdata);
int outbox_count(struct store *store, size_t *ret, int64_t *ret_last);
