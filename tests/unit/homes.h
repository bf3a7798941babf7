#pragma once

#include "cache/home.h"

/* Records and caches for tests of the cache. */

/* What the handlers saw. */
struct seen {
	unsigned changed;
	unsigned forgotten;
	unsigned forgotten_relays;
	struct home *last;
	const char *refused; /* a home that is not served, or NULL */
	struct cache *sweep; /* the handler clears and sweeps at once, or NULL */
};

struct cache *homes_cache(const char *file, struct seen *seen);
void homes_publish(struct cache *cache);
struct home *homes_merge(struct cache *cache, const char *residence_id,
	const struct device_record *records, size_t n);
struct device_record homes_device(const char *mac, const char *relay_id);
void homes_merge_many(struct cache *cache, size_t n, const char *name);
char *homes_dump(const struct cache *cache);
void homes_save(struct cache *cache);
void homes_check_file(const char *file, const struct cache *cache);
