#pragma once

#include <json-c/linkhash.h>

#include "cache/home.h"

/* Inside of the cache: what its own files need of each other. */

struct cache {
	struct home *homes;
	struct home **tail;
	size_t n_homes;
	unsigned lists;         /* of homes that were taken over; not beyond CACHE_GONE_AFTER */
	struct lh_table *by_id; /* residence id -> struct home */
	struct cache_handlers handlers;
	void *userdata;

	struct cache_file *file;
	unsigned generation; /* of the file, when all that is not marked was in it */
	bool restored;       /* what the file had is in memory */
	bool unsaved;        /* some home is */
	bool purge;          /* the file has homes that are not in memory */
};

struct home *home_new(const char *id);
struct home *home_free(struct home *home);
struct device *device_new(const char *mac);
struct device *device_free(struct device *device);
struct relay *relay_new(const char *id, bool security);
struct relay *relay_free(struct relay *relay);

DEFINE_CLEANUP(struct home *, home_free);
DEFINE_CLEANUP(struct device *, device_free);
DEFINE_CLEANUP(struct relay *, relay_free);

int cache_add_home(struct cache *cache, struct home *home);
void home_add_device(struct home *home, struct device *device);
void device_add_relay(struct device *device, struct relay *relay);

struct home *cache_any_home(const struct cache *cache, const char *id);
struct device *home_any_device(const struct home *home, const char *mac, size_t *ret_n);
struct relay *device_any_relay(
	const struct device *device, const char *id, bool security, size_t *ret_n);

int set_text(char **field, const char *text, unsigned bits, unsigned *changed);
void set_flag(bool *field, bool value, unsigned bits, unsigned *changed);

void cache_mark(struct cache *cache, struct home *home);
void cache_review(struct cache *cache);
void cache_settle(struct cache *cache, struct home *home);
void cache_tell(struct cache *cache, struct home *home);
void cache_tell_all(struct cache *cache);
