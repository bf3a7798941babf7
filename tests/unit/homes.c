#include "tests/unit/cmocka-all.h"

#include "tests/unit/homes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool on_served(const char *residence_id, void *userdata)
{
	const struct seen *seen = userdata;

	return !seen->refused || strcmp(seen->refused, residence_id) != 0;
}

static void on_changed(struct home *home, void *userdata)
{
	struct seen *seen = userdata;

	seen->changed++;
	seen->last = home;
	if (!seen->sweep)
		return;
	home->changed = 0;
	home_each_device (home, device) {
		device->changed = 0;
		device_each_relay (device, relay)
			relay->changed = 0;
	}
	cache_sweep(seen->sweep, home);
}

static void on_forget(struct home *home, void *userdata)
{
	struct seen *seen = userdata;

	assert_true(home->gone);
	assert_null(home->devices);
	seen->forgotten++;
}

static void on_forget_relay(struct relay *relay, void *userdata)
{
	struct seen *seen = userdata;

	assert_true(relay->gone);
	assert_non_null(relay->device->home);
	seen->forgotten_relays++;
}

/* seen: zeroed by the caller. */
struct cache *homes_cache(const char *file, struct seen *seen)
{
	static const struct cache_handlers handlers = {
		.served = on_served,
		.changed = on_changed,
		.forget = on_forget,
		.forget_relay = on_forget_relay,
	};
	struct cache *cache = NULL;

	assert_int_equal(cache_new(&cache, file, &handlers, seen), 0);
	cache_load(cache);
	return cache;
}

/* As if all were published. */
void homes_publish(struct cache *cache)
{
	cache_each_home (cache, home) {
		home->changed = 0;
		home_each_device (home, device) {
			device->changed = 0;
			device_each_relay (device, relay)
				relay->changed = 0;
		}
	}
}

/* Merges a list with that home alone, then its devices. */
struct home *homes_merge(struct cache *cache, const char *residence_id,
	const struct device_record *records, size_t n)
{
	const struct family_record family = {residence_id, "home", true, true};
	struct home *home;

	assert_int_equal(cache_merge_homes(cache, &family, 1), 0);
	home = cache_find(cache, residence_id);
	assert_non_null(home);
	assert_int_equal(cache_merge_devices(cache, home, records, n), 0);
	return home;
}

/* A device with one relay. */
struct device_record homes_device(const char *mac, const char *relay_id)
{
	return (struct device_record){
		.mac = mac,
		.name = "Front Door",
		.type = "Guard Phone",
		.sip = "123",
		.rtsp = "rtsp://user:hidden@192.0.2.1/x",
		.is_public = false,
		.online = true,
		.relays = {{.id = relay_id, .name = "Gate", .number = "#", .security = false}},
		.n_relays = 1,
	};
}

/* All of the model as text; the caller frees it. */
char *homes_dump(const struct cache *cache)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	cache_each_home (cache, h) {
		(void)fprintf(f, "%s '%s' %d%d %d %d\n", h->id, h->name, h->online, h->installed,
			h->members, h->gone);
		home_each_device (h, d) {
			(void)fprintf(f, "  %s '%s' '%s' '%s' %d%d %d\n", d->mac, d->name, d->type,
				d->sip, d->is_public, d->online, d->gone);
			device_each_relay (d, r)
				(void)fprintf(f, "    %s '%s' '%s' %d %d\n", r->id, r->name,
					r->number, r->security, r->gone);
		}
	}
	(void)fclose(f);
	return text;
}

/* n homes "h0000"… with a device of two relays each, all of that name. */
void homes_merge_many(struct cache *cache, size_t n, const char *name)
{
	_cleanup_free_ struct family_record *families = calloc(n, sizeof(*families));
	_cleanup_free_ char(*ids)[8] = calloc(n, sizeof(*ids));
	struct device_record device = homes_device("0C1105000001", "r1");

	device.name = name;
	device.relays[1] = (struct relay_record){"r0", name, "2", true};
	device.n_relays = 2;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "h%04u", (unsigned)i % 10000);
		families[i] = (struct family_record){ids[i], name, i % 2 == 0, true};
	}
	assert_int_equal(cache_merge_homes(cache, families, n), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
			cache_merge_devices(cache, cache_find(cache, ids[i]), &device, 1), 0);
}

/* As the daemon does at its end. */
void homes_save(struct cache *cache)
{
	while (cache_save(cache))
		;
}

/* Fails if the file does not hold just what the cache does. */
void homes_check_file(const char *file, const struct cache *cache)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *other = homes_cache(file, &seen);
	_cleanup_free_ char *expected = homes_dump(cache), *found = homes_dump(other);

	assert_string_equal(found, expected);
	assert_false(cache_unsaved(other));
	assert_int_equal(seen.changed, 0);
}
