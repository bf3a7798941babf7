#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "cache/home.h"
#include "tests/unit/homes.h"

/* Lists without the device, as many as it takes, but for the last. */
static void miss_all_but_once(struct cache *cache, struct home *home)
{
	for (int i = 1; i < CACHE_GONE_AFTER; i++) {
		assert_int_equal(cache_merge_devices(cache, home, NULL, 0), 0);
		assert_false(home->devices->gone);
		assert_int_equal(home->devices->changed, 0);
	}
}

static void device_goes_after_three_lists(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	const struct device_record device = homes_device("m1", "r1");
	struct home *home = homes_merge(cache, "a", &device, 1);
	bool ambiguous;

	homes_publish(cache);
	seen.changed = 0;
	miss_all_but_once(cache, home);
	assert_non_null(home_find_relay(home, "r1", &ambiguous));
	/* Back in time: it starts from the beginning. */
	assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
	miss_all_but_once(cache, home);
	assert_int_equal(seen.changed, 0);
	assert_int_equal(cache_merge_devices(cache, home, NULL, 0), 0);
	assert_int_equal(seen.changed, 1);
	assert_true(home->devices->gone);
	assert_int_equal(home->devices->changed, CHANGED_ALL);
	assert_true(home->devices->relays->gone);
	assert_int_equal(home->devices->relays->changed, CHANGED_ALL);
	assert_null(home_find_device(home, "m1"));
	assert_null(home_find_relay(home, "r1", &ambiguous));
	assert_false(ambiguous);
	/* Its topics are not cleared yet, so it stays. */
	cache_sweep(cache, home);
	assert_non_null(home->devices);
	home->devices->relays->changed = 0;
	cache_sweep(cache, home);
	assert_non_null(home->devices);
	assert_null(home->devices->relays);
	assert_int_equal(seen.forgotten_relays, 1);
	home->devices->changed = 0;
	cache_sweep(cache, home);
	assert_null(home->devices);
	assert_int_equal(seen.forgotten, 0);
	assert_ptr_equal(cache_find(cache, "a"), home);
}

static void device_comes_back_before_the_sweep(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	const struct device_record device = homes_device("m1", "r1");
	struct home *home = homes_merge(cache, "a", &device, 1);

	for (int i = 0; i < 7; i++)
		assert_int_equal(cache_merge_devices(cache, home, NULL, 0), 0);
	assert_true(home->devices->gone);
	homes_publish(cache);
	seen.changed = 0;
	assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
	assert_int_equal(seen.changed, 1);
	assert_false(home->devices->gone);
	assert_int_equal(home->devices->changed, CHANGED_ALL);
	assert_false(home->devices->relays->gone);
	assert_int_equal(home->devices->relays->changed, CHANGED_ALL);
	homes_publish(cache);
	cache_sweep(cache, home);
	assert_non_null(home_find_device(home, "M1"));
	miss_all_but_once(cache, home);
}

static void relay_goes_alone(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	struct device_record device = homes_device("m1", "r1");
	struct home *home;
	struct relay *second;

	device.relays[1] = (struct relay_record){"r2", "", "", true};
	device.n_relays = 2;
	home = homes_merge(cache, "a", &device, 1);
	second = home->devices->relays->next;
	homes_publish(cache);
	seen.changed = 0;
	device.n_relays = 1;
	for (int i = 1; i <= CACHE_GONE_AFTER; i++) {
		assert_false(second->gone);
		assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
	}
	assert_true(second->gone);
	assert_int_equal(seen.changed, 1);
	assert_int_equal(second->changed, CHANGED_ALL);
	assert_int_equal(home->devices->changed, CHANGED_INFO);
	assert_int_equal(home->devices->relays->changed, 0);
	homes_publish(cache);
	cache_sweep(cache, home);
	assert_int_equal(seen.forgotten_relays, 1);
	assert_null(home->devices->relays->next);
}

/* A list without the device says nothing of its relays. */
static void missing_device_keeps_its_relays(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	struct device_record device = homes_device("m1", "r1");
	struct home *home = homes_merge(cache, "a", &device, 1);

	assert_int_equal(cache_merge_devices(cache, home, NULL, 0), 0);
	assert_int_equal(cache_merge_devices(cache, home, NULL, 0), 0);
	device.n_relays = 0;
	assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
	assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
	assert_false(home->devices->relays->gone);
	assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
	assert_true(home->devices->relays->gone);
}

static void home_goes_and_takes_all_along(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	const struct device_record device = homes_device("m1", "r1");
	const struct device_record late[] = {device, homes_device("m2", "r2")};
	const struct family_record family = {"a", "home", true, true};
	struct home *home = homes_merge(cache, "a", &device, 1);

	homes_publish(cache);
	seen.changed = 0;
	for (int i = 1; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_homes(cache, NULL, 0), 0);
	assert_false(home->gone);
	assert_int_equal(cache_merge_homes(cache, NULL, 0), 0);
	assert_int_equal(seen.changed, 1);
	assert_int_equal(home->changed, CHANGED_ALL);
	assert_true(home->devices->relays->gone);
	assert_null(cache_find(cache, "a"));
	assert_int_equal(cache_count(cache), 0);
	/* An answer that was still under way. */
	assert_int_equal(cache_merge_devices(cache, home, late, 2), 0);
	cache_merge_members(cache, home, 3);
	assert_true(home->devices->gone);
	assert_null(home->devices->next);
	assert_int_equal(home->members, -1);
	homes_publish(cache);
	assert_int_equal(cache_merge_homes(cache, &family, 1), 0);
	assert_ptr_equal(cache_find(cache, "a"), home);
	assert_int_equal(home->changed, CHANGED_ALL);
	assert_false(home->devices->gone);
	assert_int_equal(home->devices->changed, CHANGED_ALL);
	assert_false(home->devices->relays->gone);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_homes(cache, NULL, 0), 0);
	homes_publish(cache);
	cache_sweep(cache, home);
	assert_int_equal(seen.forgotten, 1);
	assert_int_equal(seen.forgotten_relays, 1);
	assert_null(cache_homes(cache));
	/* The list still has a proper end. */
	assert_non_null(homes_merge(cache, "b", &device, 1));
	assert_ptr_equal(cache_homes(cache), cache_find(cache, "b"));
}

static void refused_home_goes_at_once(void **state)
{
	struct seen seen = {.refused = "b"};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	const struct family_record both[] = {{"a", "", true, true}, {"b", "", true, true}};
	struct home *home;

	assert_int_equal(cache_merge_homes(cache, both, 2), 0);
	assert_null(cache_find(cache, "b"));
	assert_int_equal(cache_count(cache), 1);
	seen.refused = NULL;
	assert_int_equal(cache_merge_homes(cache, both, 2), 0);
	home = cache_find(cache, "b");
	assert_non_null(home);
	homes_publish(cache);
	seen.changed = 0;
	seen.refused = "b";
	cache_review_served(cache);
	assert_true(home->gone);
	assert_int_equal(seen.changed, 1);
	assert_int_equal(cache_merge_homes(cache, both, 2), 0);
	assert_true(home->gone);
	assert_int_equal(seen.changed, 1);
	seen.refused = "a";
	assert_int_equal(cache_merge_homes(cache, both, 2), 0);
	assert_false(home->gone);
	assert_null(cache_find(cache, "a"));
	assert_int_equal(seen.changed, 3);
}

static void handler_may_sweep(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	const struct family_record homes[] = {
		{"a", "", 0, 0}, {"b", "", 0, 0}, {"c", "", 0, 0}, {"d", "", 0, 0}};

	seen.sweep = cache;
	assert_int_equal(cache_merge_homes(cache, homes, 4), 0);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_homes(cache, &homes[1], 1), 0);
	assert_int_equal(seen.forgotten, 3);
	assert_int_equal(cache_count(cache), 1);
	assert_ptr_equal(cache_homes(cache), cache_find(cache, "b"));
	assert_int_equal(cache_merge_homes(cache, homes, 4), 0);
	assert_int_equal(cache_count(cache), 4);
}

/* A cloud that names other devices each time, and nobody who clears them. */
static void ever_new_things_have_an_end(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	struct home *home = homes_merge(cache, "a", NULL, 0);
	size_t n = 0, relays = 0;

	for (int i = 0; i < CACHE_DEVICES_MAX + CACHE_RELAYS_MAX; i++) {
		char mac[32];
		struct device_record device = homes_device(mac, mac);

		(void)snprintf(mac, sizeof(mac), "m%d", i);
		assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
		device = homes_device("m0", mac);
		assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
	}
	home_each_device (home, device) {
		n++;
		if (strcmp(device->mac, "m0") == 0)
			device_each_relay (device, relay)
				relays++;
	}
	assert_int_equal(n, CACHE_DEVICES_MAX);
	assert_int_equal(relays, CACHE_RELAYS_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_goes_after_three_lists),
		cmocka_unit_test(device_comes_back_before_the_sweep),
		cmocka_unit_test(relay_goes_alone),
		cmocka_unit_test(missing_device_keeps_its_relays),
		cmocka_unit_test(home_goes_and_takes_all_along),
		cmocka_unit_test(refused_home_goes_at_once),
		cmocka_unit_test(handler_may_sweep),
		cmocka_unit_test(ever_new_things_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
