#include "cache/model.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "util/text.h"

/* A home, device or relay of its own, in no list yet; all of it still to be published. The caller
 * sets its texts before adding it. NULL: out of memory. */
struct home *home_new(const char *id)
{
	_cleanup_(home_freep) struct home *home = calloc(1, sizeof(*home));

	if (!home)
		return NULL;
	home->id = strdup(id);
	if (!home->id)
		return NULL;
	home->members = -1;
	access_init(&home->access);
	home->changed = CHANGED_ALL;
	return TAKE_PTR(home);
}

struct device *device_new(const char *mac)
{
	_cleanup_(device_freep) struct device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->mac = strdup(mac);
	if (!device->mac)
		return NULL;
	device->changed = CHANGED_ALL;
	return TAKE_PTR(device);
}

struct relay *relay_new(const char *id, bool security)
{
	_cleanup_(relay_freep) struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay)
		return NULL;
	relay->id = strdup(id);
	if (!relay->id)
		return NULL;
	relay->security = security;
	relay->changed = CHANGED_ALL;
	return TAKE_PTR(relay);
}

/* These free what hangs below, too. They take NULL and return NULL. */
struct relay *relay_free(struct relay *relay)
{
	if (!relay)
		return NULL;
	free(relay->id);
	free(relay->name);
	free(relay->number);
	free(relay);
	return NULL;
}

struct device *device_free(struct device *device)
{
	if (!device)
		return NULL;
	for (struct relay *next; device->relays; device->relays = next) {
		next = device->relays->next;
		relay_free(device->relays);
	}
	free(device->mac);
	free(device->name);
	free(device->type);
	free(device->sip);
	free(device);
	return NULL;
}

struct home *home_free(struct home *home)
{
	if (!home)
		return NULL;
	for (struct device *next; home->devices; home->devices = next) {
		next = home->devices->next;
		device_free(home->devices);
	}
	access_done(&home->access);
	free(home->id);
	free(home->name);
	free(home);
	return NULL;
}

/* Puts the home, then owned by the cache, at the end. -ENOMEM: it stays the caller's. */
int cache_add_home(struct cache *cache, struct home *home)
{
	if (lh_table_insert(cache->by_id, home->id, home) < 0)
		return -ENOMEM;
	home->link = cache->tail;
	*cache->tail = home;
	cache->tail = &home->next;
	cache->n_homes++;
	return 0;
}

/* Puts the device, then owned by the home, at the end. */
void home_add_device(struct home *home, struct device *device)
{
	struct device **end = &home->devices;

	while (*end)
		end = &(*end)->next;
	*end = device;
	device->home = home;
}

void device_add_relay(struct device *device, struct relay *relay)
{
	struct relay **end = &device->relays;

	while (*end)
		end = &(*end)->next;
	*end = relay;
	relay->device = device;
}

/* Those gone included. */
struct home *cache_any_home(const struct cache *cache, const char *id)
{
	void *home;

	return lh_table_lookup_ex(cache->by_id, id, &home) ? home : NULL;
}

/* Those gone included. If there is none, *ret_n says how many others there are. */
struct device *home_any_device(const struct home *home, const char *mac, size_t *ret_n)
{
	*ret_n = 0;
	home_each_device (home, device) {
		if (strcasecmp(device->mac, mac) == 0)
			return device;
		++*ret_n;
	}
	return NULL;
}

struct relay *device_any_relay(
	const struct device *device, const char *id, bool security, size_t *ret_n)
{
	*ret_n = 0;
	device_each_relay (device, relay) {
		if (relay->security == security && strcmp(relay->id, id) == 0)
			return relay;
		++*ret_n;
	}
	return NULL;
}

/* Sets a text, which may be NULL before. Adds bits to *changed if it differs. -ENOMEM: nothing was
 * done. */
int set_text(char **field, const char *text, unsigned bits, unsigned *changed)
{
	size_t size = text_cut(text, CACHE_TEXT_MAX);
	char *copy;

	if (*field && strncmp(*field, text, size) == 0 && (*field)[size] == '\0')
		return 0;
	copy = strndup(text, size);
	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	*changed |= bits;
	return 0;
}

void set_flag(bool *field, bool value, unsigned bits, unsigned *changed)
{
	if (*field == value)
		return;
	*field = value;
	*changed |= bits;
}

/* Something of the home differs: it is to be told of and to be saved. */
void cache_mark(struct cache *cache, struct home *home)
{
	home->differs = true;
	home->unsaved = true;
	cache->unsaved = true;
}

/* Who is gone takes those below along. All of what goes or comes back is to be published. */
static bool settle(bool *gone, unsigned *changed, bool value)
{
	if (*gone == value)
		return false;
	*gone = value;
	*changed = CHANGED_ALL;
	return true;
}

/* Derives who is gone from the misses of each and of those above. */
void cache_settle(struct cache *cache, struct home *home)
{
	bool differs = settle(&home->gone, &home->changed, home->misses >= CACHE_GONE_AFTER);

	home_each_device (home, device) {
		differs |= settle(&device->gone, &device->changed,
			home->gone || device->misses >= CACHE_GONE_AFTER);
		device_each_relay (device, relay) {
			if (!settle(&relay->gone, &relay->changed,
				    device->gone || relay->misses >= CACHE_GONE_AFTER))
				continue;
			device->changed |= CHANGED_INFO;
			differs = true;
		}
	}
	if (differs)
		cache_mark(cache, home);
}

/* Calls the handler if the home differs. */
void cache_tell(struct cache *cache, struct home *home)
{
	if (!home->differs)
		return;
	home->differs = false;
	if (cache->handlers.changed)
		cache->handlers.changed(home, cache->userdata);
}

/* Calls the handler for each home that differs; it may free the home it is called for. */
void cache_tell_all(struct cache *cache)
{
	for (struct home *home = cache->homes, *next; home; home = next) {
		next = home->next;
		cache_tell(cache, home);
	}
}

/* Types of devices whose call means that somebody stands at a door. A guard's phone or an indoor
 * monitor may call too, and what we do not know must not ring. Source: the vendor's device list. */
bool device_is_door_phone(const struct device *device)
{
	static const char *const types[] = {"Multi-tenants Doorphone", "Single-tenant Doorphone"};

	for (size_t i = 0; i < ELEMENTS(types); i++)
		if (strcasecmp(device->type, types[i]) == 0)
			return true;
	return false;
}
