#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

/* The SQLite file below the cache. No other file knows SQLite: those above write SQL with
 * placeholders and read rows through here. Statements are prepared once and kept. */
struct store;
struct store_row;

/* One row of a query; negative return ends it. */
typedef int (*store_row_t)(const struct store_row *row, void *userdata);

int store_open(struct store **ret, const char *path);
struct store *store_close(struct store *store);

int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

int store_run(struct store *store, const char *sql, const char *types, ...);
int store_each(struct store *store, const char *sql, store_row_t each, void *userdata,
	const char *types, ...);

const char *store_text(const struct store_row *row, int column);
int64_t store_number(const struct store_row *row, int column);

DEFINE_CLEANUP(struct store *, store_close);
