#pragma once

#include "cache/model.h"

/* Homes as rows of the cache file. */
int rows_restore(struct store *store, struct cache *cache);
int rows_write(struct store *store, const struct home *home);
int rows_find_name(struct store *store, const char *residence_id, char **ret);
int rows_purge(struct store *store, const struct cache *cache);
