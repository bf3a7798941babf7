#pragma once

#include <stdbool.h>

#include "cache/store.h"
#include "util/cleanup.h"

/* The cache file and its troubles. A damaged file is set aside and begun anew; while there is none
 * to be had (disk full, folder read-only, card gone) the cache lives in memory. */
struct cache_file;

/* The file is about to be closed because of an error; what can still be read of store may be saved.
 * Must not call the functions below. */
typedef void (*cache_file_failing_t)(struct store *store, void *userdata);

int cache_file_new(struct cache_file **ret, const char *path, const struct store_schema *schema);
struct cache_file *cache_file_free(struct cache_file *file);

struct store *cache_file_open(struct cache_file *file);
struct store *cache_file_store(const struct cache_file *file);
bool cache_file_wanted(const struct cache_file *file);
unsigned cache_file_generation(const struct cache_file *file);

void cache_file_watch(struct cache_file *file, cache_file_failing_t failing, void *userdata);
void cache_file_failed(struct cache_file *file, int error);
void cache_file_worked(struct cache_file *file);

DEFINE_CLEANUP(struct cache_file *, cache_file_free);
