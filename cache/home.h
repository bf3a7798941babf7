#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cache/store.h"
#include "cloud/records.h"
#include "util/cleanup.h"

/* What we know of homes, devices and relays. Read the structs; only the functions below write
 * them, but for the fields that say so. */

/* What differs from what was last published; a bit each. */
enum changed {
	CHANGED_INFO = 1 << 0,
	CHANGED_ONLINE = 1 << 1,
	CHANGED_DOOR = 1 << 2, /* a relay's momentary state */
	CHANGED_ALL = CHANGED_INFO | CHANGED_ONLINE | CHANGED_DOOR,
};

/* The cloud must leave a thing out of so many lists in a row before it counts as gone. */
#define CACHE_GONE_AFTER 3

struct cache;
struct home;
struct device;

struct relay {
	struct relay *next;
	struct device *device;
	char *id;
	char *name;
	char *number;
	bool security;
	bool gone;
	unsigned misses;
	unsigned changed; /* enum changed; cleared by the publisher */
	void *door;       /* the bridge's own */
};

struct device {
	struct device *next;
	struct home *home;
	char *mac; /* as the cloud writes it */
	char *name;
	char *type;
	char *sip;
	bool is_public;
	bool online;
	bool gone; /* kept until its topics are cleared, see cache_sweep() */
	unsigned misses;
	unsigned changed;
	struct relay *relays;
};

struct home {
	struct home *next;
	char *id;
	char *name;
	bool online;
	bool installed;
	int members; /* -1: not known */
	bool gone;
	unsigned misses;
	unsigned changed;
	struct device *devices;
	struct home *next_changed; /* the publisher's own */
	bool queued;               /* the publisher's own */
	void *poll;                /* the poller's own */
};

#define cache_each_home(cache, h)    for (struct home *h = cache_homes(cache); h; h = h->next)
#define home_each_device(home, d)    for (struct device *d = (home)->devices; d; d = d->next)
#define device_each_relay(device, r) for (struct relay *r = (device)->relays; r; r = r->next)

struct cache_handlers {
	bool (*served)(const char *residence_id, void *userdata); /* NULL: every home */
	void (*changed)(
		struct home *home, void *userdata); /* once for each merge with differences */
	void (*forget)(struct home *home, void *userdata); /* the home is about to be freed */
	void (*forget_relay)(struct relay *relay, void *userdata);
};

int cache_new(struct cache **ret, const char *file, const struct cache_handlers *handlers,
	void *userdata);
struct cache *cache_free(struct cache *cache);

int cache_merge_homes(struct cache *cache, const struct family_record *records, size_t n);
int cache_merge_devices(
	struct cache *cache, struct home *home, const struct device_record *records, size_t n);
void cache_merge_members(struct cache *cache, struct home *home, unsigned members);

void cache_sweep(struct cache *cache, struct home *home);
void cache_save(struct cache *cache);

struct home *cache_homes(const struct cache *cache);
size_t cache_count(const struct cache *cache);
struct home *cache_find(const struct cache *cache, const char *residence_id);

DEFINE_CLEANUP(struct cache *, cache_free);
