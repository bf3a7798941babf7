#include "cache/rows.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Where rows go that are being read. */
struct reading {
	struct cache *cache;
	struct home *home;
	struct device *device;
};

/* A file that lost its column constraints to damage still gives no NULL. */
static const char *text_of(const struct store_row *row, int column)
{
	const char *text = store_text(row, column);

	return text ? text : "";
}

static unsigned misses_of(const struct store_row *row, int column)
{
	return store_number(row, column) ? CACHE_GONE_AFTER : 0;
}

static int read_home(const struct store_row *row, void *userdata)
{
	struct cache *cache = userdata;
	_cleanup_(home_freep) struct home *home = NULL;
	int64_t members = store_number(row, 4);
	unsigned changed = 0;
	int r;

	if (!*text_of(row, 0) || cache_any_home(cache, text_of(row, 0)))
		return 0;
	home = home_new(text_of(row, 0));
	if (!home)
		return -ENOMEM;
	r = set_text(&home->name, text_of(row, 1), 0, &changed);
	if (r < 0)
		return r;
	home->online = store_number(row, 2);
	home->installed = store_number(row, 3);
	home->members = members < -1 || members > INT_MAX ? -1 : (int)members;
	home->misses = misses_of(row, 5);
	home->gone = home->misses > 0;
	home->differs = true;
	r = cache_add_home(cache, home);
	if (r == 0)
		TAKE_PTR(home);
	return r;
}

/* The home of a row; NULL if it is not to be read. */
static struct home *home_of(struct reading *reading, const struct store_row *row)
{
	const char *id = text_of(row, 0);

	if (!reading->home || strcmp(reading->home->id, id) != 0) {
		reading->home = cache_any_home(reading->cache, id);
		reading->device = NULL;
	}
	return reading->home;
}

static int read_device(const struct store_row *row, void *userdata)
{
	struct reading *reading = userdata;
	struct home *home = home_of(reading, row);
	_cleanup_(device_freep) struct device *device = NULL;
	unsigned changed = 0;
	size_t others;
	int r;

	if (!home || !*text_of(row, 1) || home_any_device(home, text_of(row, 1), &others))
		return 0;
	device = device_new(text_of(row, 1));
	if (!device)
		return -ENOMEM;
	r = set_text(&device->name, text_of(row, 2), 0, &changed);
	if (r == 0)
		r = set_text(&device->type, text_of(row, 3), 0, &changed);
	if (r == 0)
		r = set_text(&device->sip, text_of(row, 4), 0, &changed);
	if (r < 0)
		return r;
	device->is_public = store_number(row, 5);
	device->online = store_number(row, 6);
	device->misses = misses_of(row, 7);
	device->gone = home->gone || device->misses > 0;
	home->differs = true;
	home_add_device(home, TAKE_PTR(device));
	return 0;
}

static int read_relay(const struct store_row *row, void *userdata)
{
	struct reading *reading = userdata;
	struct home *home = home_of(reading, row);
	_cleanup_(relay_freep) struct relay *relay = NULL;
	bool security = store_number(row, 5);
	unsigned changed = 0;
	size_t others;
	int r;

	if (home && (!reading->device || strcmp(reading->device->mac, text_of(row, 1)) != 0))
		reading->device = home_any_device(home, text_of(row, 1), &others);
	if (!home || !reading->device || !*text_of(row, 2) ||
		device_any_relay(reading->device, text_of(row, 2), security, &others))
		return 0;
	relay = relay_new(text_of(row, 2), security);
	if (!relay)
		return -ENOMEM;
	r = set_text(&relay->name, text_of(row, 3), 0, &changed);
	if (r == 0)
		r = set_text(&relay->number, text_of(row, 4), 0, &changed);
	if (r < 0)
		return r;
	relay->misses = misses_of(row, 6);
	relay->gone = reading->device->gone || relay->misses > 0;
	home->differs = true;
	device_add_relay(reading->device, TAKE_PTR(relay));
	return 0;
}

/* Adds what the file holds and memory does not. On failure what was read until then is there.
 * Errors: those of the store, and -ENOMEM. */
int rows_restore(struct store *store, struct cache *cache)
{
	struct reading reading = {.cache = cache};
	int r;

	r = store_each(store,
		"SELECT id, name, online, installed, members, gone FROM residence ORDER BY id",
		read_home, cache, "");
	if (r == 0)
		r = store_each(store,
			"SELECT residence_id, mac, name, type, sip, is_public, online, gone "
			"FROM device ORDER BY residence_id, device",
			read_device, &reading, "");
	reading = (struct reading){.cache = cache};
	if (r == 0)
		r = store_each(store,
			"SELECT r.residence_id, d.mac, r.id, r.name, r.number, r.security, r.gone "
			"FROM relay r JOIN device d USING (residence_id, device) "
			"ORDER BY r.residence_id, r.device, r.relay",
			read_relay, &reading, "");
	return r;
}

static int write_relays(struct store *store, const struct device *device, int64_t number)
{
	int64_t i = 0;
	int r = 0;

	device_each_relay (device, relay) {
		r = store_run(store, "INSERT INTO relay VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			"siisssii", device->home->id, number, i++, relay->id, relay->name,
			relay->number, (int64_t)relay->security,
			(int64_t)(relay->misses >= CACHE_GONE_AFTER));
		if (r < 0)
			break;
	}
	return r;
}

/* Replaces the rows of a home. A thing is written as gone only if it is by itself: who went along
 * with its home comes back with it. */
int rows_write(struct store *store, const struct home *home)
{
	int64_t i = 0;
	int r;

	r = store_run(store, "DELETE FROM residence WHERE id = ?", "s", home->id);
	if (r == 0)
		r = store_run(store, "INSERT INTO residence VALUES (?, ?, ?, ?, ?, ?)", "ssiiii",
			home->id, home->name, (int64_t)home->online, (int64_t)home->installed,
			(int64_t)home->members, (int64_t)(home->misses >= CACHE_GONE_AFTER));
	home_each_device (home, device) {
		if (r < 0)
			break;
		r = store_run(store, "INSERT INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			"sissssiii", home->id, i, device->mac, device->name, device->type,
			device->sip, (int64_t)device->is_public, (int64_t)device->online,
			(int64_t)(device->misses >= CACHE_GONE_AFTER));
		if (r == 0)
			r = write_relays(store, device, i++);
	}
	return r;
}

struct purging {
	struct store *store;
	const struct cache *cache;
};

static int purge_home(const struct store_row *row, void *userdata)
{
	const struct purging *purging = userdata;

	if (cache_any_home(purging->cache, text_of(row, 0)))
		return 0;
	return store_run(
		purging->store, "DELETE FROM residence WHERE id = ?", "s", store_text(row, 0));
}

/* Deletes the homes that memory does not have. */
int rows_purge(struct store *store, const struct cache *cache)
{
	struct purging purging = {store, cache};

	return store_each(store, "SELECT id FROM residence", purge_home, &purging, "");
}

static int keep_name(const struct store_row *row, void *userdata)
{
	char **name = userdata;

	free(*name);
	*name = strdup(text_of(row, 0));
	return *name ? 0 : -ENOMEM;
}

/* How the home is called; NULL: it is not in the file. The caller frees it. */
int rows_find_name(struct store *store, const char *residence_id, char **ret)
{
	_cleanup_free_ char *name = NULL;
	int r = store_each(store, "SELECT name FROM residence WHERE id = ?", keep_name, &name, "s",
		residence_id);

	if (r < 0)
		return r;
	*ret = TAKE_PTR(name);
	return 0;
}
