#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cache/access.h"
#include "cache/file.h"
#include "cloud/records.h"
#include "util/cleanup.h"

/* What we know of homes, devices and relays. Read the structs; only the functions below write
 * them, but for the fields that say so. Texts are never NULL. */

/* What differs from what was last published; a bit each. */
enum changed {
	CHANGED_INFO = 1 << 0,
	CHANGED_ONLINE = 1 << 1,
	CHANGED_DOOR = 1 << 2, /* a relay's momentary state */
	CHANGED_NFC = 1 << 3,  /* and two more in the order of enum access_kind */
	CHANGED_BLE = 1 << 4,
	CHANGED_FACE = 1 << 5,
	CHANGED_KEYS = 1 << 6,
	CHANGED_CALLS = 1 << 7, /* its history; and one more in the order of enum history_kind */
	CHANGED_OPENINGS = 1 << 8,
	CHANGED_PICTURE = 1 << 9, /* a device's, where there is to be none */
	CHANGED_ALL = (1 << 10) - 1,
};

/* The cloud must leave a thing out of so many lists in a row before it counts as gone. */
#define CACHE_GONE_AFTER 3

/* Longest name or other text that is kept, in bytes. */
#define CACHE_TEXT_MAX 512

/* Most homes, devices of a home and relays of a device that are kept, those gone included. */
#define CACHE_HOMES_MAX   (2 * RECORDS_HOMES_MAX)
#define CACHE_DEVICES_MAX (2 * RECORDS_DEVICES_MAX)
#define CACHE_RELAYS_MAX  (2 * RECORDS_RELAYS_MAX)

struct cache;
struct home;
struct device;

/* Within its device a relay is known by id and security. */
struct relay {
	struct relay *next;
	struct device *device;
	char *id;
	char *name;
	char *number;
	bool security;
	bool gone; /* also when its device is */
	bool seen; /* the cache's own, as in the structs below */
	unsigned misses;
	unsigned changed; /* enum changed; cleared by the publisher */
	void *door;       /* the bridge's own */
};

/* Within its home a device is known by mac, upper and lower case alike. */
struct device {
	struct device *next;
	struct home *home;
	char *mac; /* as the cloud writes it */
	char *name;
	char *type;
	char *sip;
	bool is_public;
	bool online;
	bool gone; /* also when its home is; kept until its topics are cleared, see cache_sweep() */
	bool seen;
	unsigned misses;
	unsigned changed;
	struct relay *relays;
	void *picture; /* the bridge's own; taken back before the device goes */
};

struct home {
	struct home *next;
	struct home **link; /* the cache's own */
	char *id;
	char *name;
	bool online;
	bool installed;
	int members; /* -1: not known */
	struct access access;
	bool gone;
	bool seen;
	bool differs;
	bool unsaved;
	unsigned misses;
	unsigned changed;
	unsigned
		lists; /* of its devices that were taken over in this run; not beyond CACHE_GONE_AFTER */
	struct device *devices;
	struct home *next_changed; /* the publisher's own */
	bool queued;               /* the publisher's own */
	bool moving;               /* the publisher's own: it gets other topics */
	void *poll;                /* the poller's own */
};

/* All of them, those gone included. */
#define cache_each_home(cache, h)    for (struct home *h = cache_homes(cache); h; h = h->next)
#define home_each_device(home, d)    for (struct device *d = (home)->devices; d; d = d->next)
#define device_each_relay(device, r) for (struct relay *r = (device)->relays; r; r = r->next)

/* Any may be NULL. They may call cache_sweep() for the home they are given, and merge nothing. */
struct cache_handlers {
	bool (*served)(const char *residence_id, void *userdata); /* NULL: every home */
	void (*changed)(
		struct home *home, void *userdata); /* once for each merge with differences */
	void (*forget)(struct home *home, void *userdata); /* the home is about to be freed */
	void (*forget_relay)(struct relay *relay, void *userdata);
};

int cache_new(struct cache **ret, const char *file, const struct cache_handlers *handlers,
	void *userdata);
void cache_load(struct cache *cache);
struct cache *cache_free(struct cache *cache);

int cache_merge_homes(struct cache *cache, const struct family_record *records, size_t n);
int cache_merge_devices(
	struct cache *cache, struct home *home, const struct device_record *records, size_t n);
void cache_merge_members(struct cache *cache, struct home *home, unsigned members);
void cache_review_served(struct cache *cache);

void cache_sweep(struct cache *cache, struct home *home);
bool cache_save(struct cache *cache);
bool cache_unsaved(const struct cache *cache);
struct cache_file *cache_file(const struct cache *cache);

struct home *cache_homes(const struct cache *cache);
size_t cache_count(const struct cache *cache);
bool cache_has_listed(const struct cache *cache, const struct home *home);
struct home *cache_find(const struct cache *cache, const char *residence_id);
struct device *home_find_device(const struct home *home, const char *mac);
bool device_is_door_phone(const struct device *device);
struct relay *home_find_relay(const struct home *home, const char *relay_id, bool *ret_ambiguous);

DEFINE_CLEANUP(struct cache *, cache_free);
