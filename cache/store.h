#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

/* The SQLite file below the cache. No other file knows SQLite: those above write SQL with
 * placeholders and read rows through here. Statements are prepared once and kept.
 *
 * Errors of SQLite come as: -EUCLEAN the file is damaged or not ours; -ENOSPC, -EROFS, -EACCES,
 * -EIO and other errnos of the file system; -EBUSY another process holds it; -EEXIST a constraint
 * of the schema; -ENOMEM; -EINVAL a mistake of the caller. */
struct store;
struct store_row;

enum store_result {
	STORE_NEWER = 1, /* the file has a newer schema than this program knows */
	STORE_OLDER = 2, /* only where it may not be brought up to date */
};

/* steps[n] is SQL that brings a file of schema version n to n + 1; a new file has version 0. */
struct store_schema {
	const char *const *steps;
	size_t n;
};

/* One row of a query; negative return ends it. */
typedef int (*store_row_t)(const struct store_row *row, void *userdata);

int store_open(struct store **ret, const char *path, const struct store_schema *schema);
int store_open_read_only(struct store **ret, const char *path, const struct store_schema *schema);
int store_open_memory(struct store **ret, const struct store_schema *schema);
struct store *store_close(struct store *store);

int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

int store_run(struct store *store, const char *sql, const char *types, ...);
int store_each(struct store *store, const char *sql, store_row_t each, void *userdata,
	const char *types, ...);

const char *store_text(const struct store_row *row, int column);
int64_t store_number(const struct store_row *row, int column);
const void *store_bytes(const struct store_row *row, int column, size_t *ret_size);

DEFINE_CLEANUP(struct store *, store_close);
