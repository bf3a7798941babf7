#include "cache/home.h"

#include <errno.h>
#include <string.h>

#include "cache/model.h"
#include "cache/rows.h"
#include "cache/schema.h"

/* Homes the hash table is made for; it grows by itself. */
#define HOMES_HINT 64

/* Homes that one cache_save() writes, so that it never keeps a door waiting for long. */
#define SAVE_MAX 100

static void mark_all_unsaved(struct cache *cache)
{
	cache_each_home (cache, home)
		home->unsaved = true;
	cache->unsaved = true;
	cache->purge = true;
}

/* The store, once what it holds is in memory too: before that, a save would wipe it. NULL: there
 * is none now. */
static struct store *ready_store(struct cache *cache)
{
	int r = -EUCLEAN;

	for (int attempt = 0; attempt < 2 && r == -EUCLEAN; attempt++) {
		struct store *store = cache_file_open(cache->file);

		if (!store)
			return NULL;
		if (cache->restored)
			return store;
		r = rows_restore(store, cache);
		cache_review(cache);
		if (r == 0) {
			cache->restored = true;
			cache->generation = cache_file_generation(cache->file);
			return store;
		}
		/* What could be read of a damaged file goes into the new one. */
		mark_all_unsaved(cache);
		cache_file_failed(cache->file, r);
	}
	return NULL;
}

/* file: NULL for none; it is not read yet. handlers: copied. */
int cache_new(
	struct cache **ret, const char *file, const struct cache_handlers *handlers, void *userdata)
{
	_cleanup_(cache_freep) struct cache *cache = calloc(1, sizeof(*cache));
	int r;

	if (!cache)
		return -ENOMEM;
	cache->tail = &cache->homes;
	cache->handlers = *handlers;
	cache->userdata = userdata;
	cache->by_id = lh_kchar_table_new(HOMES_HINT, NULL);
	if (!cache->by_id)
		return -ENOMEM;
	r = cache_file_new(&cache->file, file, cache_schema());
	if (r < 0)
		return r;
	*ret = TAKE_PTR(cache);
	return 0;
}

/* Reads what the file holds, before anything is merged: all that counts as changed, and
 * handlers.changed() is not called for it. A file that cannot be used is logged and lived without. */
void cache_load(struct cache *cache)
{
	(void)ready_store(cache);
	cache_each_home (cache, home)
		home->differs = false;
}

/* Closes the file without saving. No handler is called: whoever hung something of its own below a
 * home or relay has taken it back before. Takes NULL, returns NULL. */
struct cache *cache_free(struct cache *cache)
{
	if (!cache)
		return NULL;
	for (struct home *next; cache->homes; cache->homes = next) {
		next = cache->homes->next;
		home_free(cache->homes);
	}
	if (cache->by_id)
		lh_table_free(cache->by_id);
	cache->file = cache_file_free(cache->file);
	free(cache);
	return NULL;
}

/* The first home, in the order in which they came up. */
struct home *cache_homes(const struct cache *cache)
{
	return cache->homes;
}

/* How many homes there are, without those gone. */
size_t cache_count(const struct cache *cache)
{
	size_t n = 0;

	cache_each_home (cache, home)
		n += !home->gone;
	return n;
}

/* NULL: there is none, or it is gone. */
struct home *cache_find(const struct cache *cache, const char *residence_id)
{
	struct home *home = cache_any_home(cache, residence_id);

	return home && !home->gone ? home : NULL;
}

/* mac: upper and lower case alike. NULL: there is none, or it is gone. */
struct device *home_find_device(const struct home *home, const char *mac)
{
	size_t others;
	struct device *device = home_any_device(home, mac, &others);

	return device && !device->gone ? device : NULL;
}

/* The relay of that id, security relays too. NULL: there is none, it is gone, or there are several
 * of which none may be guessed; *ret_ambiguous tells which. */
struct relay *home_find_relay(const struct home *home, const char *relay_id, bool *ret_ambiguous)
{
	struct relay *found = NULL;
	size_t n = 0;

	home_each_device (home, device)
		device_each_relay (device, relay)
			if (!relay->gone && strcmp(relay->id, relay_id) == 0) {
				found = relay;
				n++;
			}
	*ret_ambiguous = n > 1;
	return n == 1 ? found : NULL;
}

/* Frees the relays of a device that are gone and cleared. */
static bool sweep_relays(struct cache *cache, struct device *device)
{
	bool swept = false;

	for (struct relay **link = &device->relays; *link;) {
		struct relay *relay = *link;

		if (!relay->gone || relay->changed) {
			link = &relay->next;
			continue;
		}
		if (cache->handlers.forget_relay)
			cache->handlers.forget_relay(relay, cache->userdata);
		*link = relay->next;
		relay_free(relay);
		swept = true;
	}
	return swept;
}

static void drop_home(struct cache *cache, struct home *home)
{
	if (cache->handlers.forget)
		cache->handlers.forget(home, cache->userdata);
	(void)lh_table_delete(cache->by_id, home->id);
	*home->link = home->next;
	if (home->next)
		home->next->link = home->link;
	else
		cache->tail = home->link;
	cache->n_homes--;
	cache->purge = true;
	home_free(home);
}

/* Frees what of the home is gone and has nothing left to publish, the home itself included: the
 * publisher calls it after it cleared their topics. The file follows with the next cache_save(). */
void cache_sweep(struct cache *cache, struct home *home)
{
	bool swept = false;

	for (struct device **link = &home->devices; *link;) {
		struct device *device = *link;

		swept |= sweep_relays(cache, device);
		if (!device->gone || device->changed || device->relays) {
			link = &device->next;
			continue;
		}
		*link = device->next;
		device_free(device);
		swept = true;
	}
	if (swept) {
		home->unsaved = true;
		cache->unsaved = true;
	}
	if (home->gone && !home->changed && !home->devices)
		drop_home(cache, home);
}

/* True once as many lists were taken over in this run as it takes to call something gone: what the
 * cache does not have then, is not there. Of a home's devices, or with NULL of homes. */
bool cache_has_listed(const struct cache *cache, const struct home *home)
{
	return (home ? home->lists : cache->lists) >= CACHE_GONE_AFTER;
}

/* Writes up to SAVE_MAX homes; *ret_last is the last of them, NULL if there are no more. */
static int write_some(struct cache *cache, struct store *store, struct home **ret_last)
{
	struct home *last = NULL;
	size_t n = 0;
	int r;

	r = store_begin(store);
	if (r < 0)
		return r;
	if (cache->purge)
		r = rows_purge(store, cache);
	cache_each_home (cache, home) {
		if (r < 0 || n == SAVE_MAX)
			break;
		if (!home->unsaved)
			continue;
		r = rows_write(store, home);
		last = home;
		n++;
	}
	if (r == 0)
		r = store_commit(store);
	if (r < 0) {
		store_rollback(store);
		return r;
	}
	*ret_last = n == SAVE_MAX ? last : NULL;
	return 0;
}

static int save(struct cache *cache, struct store *store)
{
	struct home *last;
	int r;

	if (!cache->unsaved && !cache->purge)
		return 0;
	r = write_some(cache, store, &last);
	if (r < 0)
		return r;
	cache->purge = false;
	cache->unsaved = last != NULL;
	cache_each_home (cache, home) {
		home->unsaved = false;
		if (home == last)
			break;
	}
	return 0;
}

/* Writes what differs from the file, at most some homes in one transaction. Writes nothing if
 * nothing differs. Also tries a file again that could not be used before, so call it at the pace of
 * a lazy timer while cache_unsaved(). True: there is more to write and the file works, so call it
 * again soon; at the end of the program, until it is false. */
bool cache_save(struct cache *cache)
{
	int r = -EUCLEAN;

	if (!cache_unsaved(cache))
		return false;
	for (int attempt = 0; attempt < 2 && r == -EUCLEAN; attempt++) {
		struct store *store = ready_store(cache);

		if (!store)
			break;
		if (cache->generation != cache_file_generation(cache->file)) {
			cache->generation = cache_file_generation(cache->file);
			mark_all_unsaved(cache);
		}
		r = save(cache, store);
		/* A part may fit where all does not. */
		if (r < 0)
			cache_file_failed(cache->file, r);
		else if (!cache->unsaved)
			cache_file_worked(cache->file);
	}
	cache_tell_all(cache);
	return r == 0 && cache->unsaved;
}

/* True while the file lacks something, or cannot be used; false if there is to be no file. */
bool cache_unsaved(const struct cache *cache)
{
	if (!cache_file_wanted(cache->file))
		return false;
	return cache->unsaved || cache->purge || !cache->restored ||
	       cache->generation != cache_file_generation(cache->file) ||
	       !cache_file_store(cache->file);
}

/* The file, for those who keep other tables in it. */
struct cache_file *cache_file(const struct cache *cache)
{
	return cache->file;
}
