#define LOG_TOKEN "cache"

#include <errno.h>
#include <limits.h>

#include "cache/model.h"
#include "util/log.h"

static bool is_served(const struct cache *cache, const char *id)
{
	return !cache->handlers.served || cache->handlers.served(id, cache->userdata);
}

/* Counts a list with or without a thing in it. */
static void count(bool seen, unsigned *misses)
{
	if (seen)
		*misses = 0;
	else if (*misses < CACHE_GONE_AFTER)
		++*misses;
}

static int update_home(struct cache *cache, struct home *home, const struct family_record *record)
{
	unsigned changed = 0;
	int r;

	r = set_text(&home->name, record->name, CHANGED_INFO, &changed);
	if (r < 0)
		return r;
	set_flag(&home->installed, record->installed, CHANGED_INFO, &changed);
	set_flag(&home->online, record->online, CHANGED_INFO | CHANGED_ONLINE, &changed);
	home->changed |= changed;
	home->seen = true;
	if (changed)
		cache_mark(cache, home);
	return 0;
}

static int merge_home(struct cache *cache, const struct family_record *record)
{
	_cleanup_(home_freep) struct home *made = NULL;
	struct home *home = cache_any_home(cache, record->residence_id);
	int r;

	if (!is_served(cache, record->residence_id))
		return 0;
	if (home)
		/* Named twice in one list: the first counts. */
		return home->seen ? 0 : update_home(cache, home, record);
	if (cache->n_homes >= CACHE_HOMES_MAX) {
		log_debug("no room for one more home");
		return 0;
	}
	made = home_new(record->residence_id);
	if (!made)
		return -ENOMEM;
	r = update_home(cache, made, record);
	if (r == 0)
		r = cache_add_home(cache, made);
	if (r == 0)
		TAKE_PTR(made);
	return r;
}

static void review_home(struct cache *cache, struct home *home)
{
	if (!is_served(cache, home->id))
		home->misses = CACHE_GONE_AFTER;
	if (home->gone != (home->misses >= CACHE_GONE_AFTER))
		cache_settle(cache, home);
}

/* Takes over a list of all homes of the account, which the cloud gave successfully. Takes time in
 * proportion to the homes. -ENOMEM: some of it was taken over, and nothing counts as missing. */
int cache_merge_homes(struct cache *cache, const struct family_record *records, size_t n)
{
	int r = 0;

	cache_each_home (cache, home)
		home->seen = false;
	for (size_t i = 0; i < n && r == 0; i++)
		r = merge_home(cache, &records[i]);
	if (r == 0) {
		count(false, &cache->lists);
		cache_each_home (cache, home) {
			count(home->seen, &home->misses);
			review_home(cache, home);
		}
	}
	cache_tell_all(cache);
	return r;
}

/* Asks handlers.served() for each home, and tells nobody. */
void cache_review(struct cache *cache)
{
	cache_each_home (cache, home)
		review_home(cache, home);
}

/* Asks handlers.served() again for each home, as after a new configuration. A home that is not
 * served any more is gone at once; one that now is comes with the next list. */
void cache_review_served(struct cache *cache)
{
	cache_review(cache);
	cache_tell_all(cache);
}

static int update_relay(struct relay *relay, const struct relay_record *record, unsigned *changed)
{
	int r;

	r = set_text(&relay->name, record->name, CHANGED_INFO, changed);
	if (r == 0)
		r = set_text(&relay->number, record->number, CHANGED_INFO, changed);
	/* On failure too: the name may be new already. */
	relay->changed |= *changed;
	relay->seen = true;
	return r;
}

/* What a relay's own document says, its device's says too. */
static int merge_relay(struct device *device, const struct relay_record *record, unsigned *changed)
{
	_cleanup_(relay_freep) struct relay *made = NULL;
	size_t others;
	struct relay *relay = device_any_relay(device, record->id, record->security, &others);
	int r;

	if (relay)
		return relay->seen ? 0 : update_relay(relay, record, changed);
	if (others >= CACHE_RELAYS_MAX) {
		log_debug("no room for one more relay of a device");
		return 0;
	}
	made = relay_new(record->id, record->security);
	if (!made)
		return -ENOMEM;
	r = update_relay(made, record, changed);
	if (r == 0)
		device_add_relay(device, TAKE_PTR(made));
	return r;
}

static int update_device(struct cache *cache, struct home *home, struct device *device,
	const struct device_record *record)
{
	unsigned named = 0, changed = 0;
	int r = 0;

	device_each_relay (device, relay)
		relay->seen = false;
	r = set_text(&device->mac, record->mac, CHANGED_INFO, &named);
	if (r == 0)
		r = set_text(&device->name, record->name, CHANGED_INFO, &named);
	if (r == 0)
		r = set_text(&device->type, record->type, CHANGED_INFO, &changed);
	if (r == 0)
		r = set_text(&device->sip, record->sip, CHANGED_INFO, &changed);
	set_flag(&device->is_public, record->is_public, CHANGED_INFO, &changed);
	set_flag(&device->online, record->online, CHANGED_INFO | CHANGED_ONLINE, &changed);
	for (size_t i = 0; i < record->n_relays && r == 0; i++) {
		unsigned relay_changed = 0;

		r = merge_relay(device, &record->relays[i], &relay_changed);
		changed |= relay_changed;
	}
	device_each_relay (device, relay) {
		/* A relay's document names its device. */
		relay->changed |= named;
		if (r == 0)
			count(relay->seen, &relay->misses);
	}
	device->changed |= changed | named;
	device->seen = true;
	if (changed | named)
		cache_mark(cache, home);
	return r;
}

static int merge_device(struct cache *cache, struct home *home, const struct device_record *record)
{
	_cleanup_(device_freep) struct device *made = NULL;
	size_t others;
	struct device *device = home_any_device(home, record->mac, &others);
	int r;

	if (device)
		return device->seen ? 0 : update_device(cache, home, device, record);
	if (others >= CACHE_DEVICES_MAX) {
		log_debug("no room for one more device of a home");
		return 0;
	}
	made = device_new(record->mac);
	if (!made)
		return -ENOMEM;
	r = update_device(cache, home, made, record);
	if (r < 0)
		return r;
	cache_mark(cache, home);
	home_add_device(home, TAKE_PTR(made));
	return 0;
}

/* Takes over a list of all devices of a home, which the cloud gave successfully. That of a home
 * that is gone changes nothing. -ENOMEM: as for homes. */
int cache_merge_devices(
	struct cache *cache, struct home *home, const struct device_record *records, size_t n)
{
	int r = 0;

	if (home->gone)
		return 0;
	home_each_device (home, device)
		device->seen = false;
	for (size_t i = 0; i < n && r == 0; i++)
		r = merge_device(cache, home, &records[i]);
	if (r == 0) {
		count(false, &home->lists);
		home_each_device (home, device)
			count(device->seen, &device->misses);
		cache_settle(cache, home);
	}
	cache_tell(cache, home);
	return r;
}

/* Takes over how many accounts a home has. */
void cache_merge_members(struct cache *cache, struct home *home, unsigned members)
{
	int value = members > INT_MAX ? INT_MAX : (int)members;

	if (home->gone || home->members == value)
		return;
	home->members = value;
	home->changed |= CHANGED_INFO;
	cache_mark(cache, home);
	cache_tell(cache, home);
}
