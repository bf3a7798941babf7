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
