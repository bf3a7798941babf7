#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/home.h"
#include "tests/unit/homes.h"

/* Allocations until one fails; negative: none does. The linker lets the cache's own pass here. */
static int left = -1;

void *__real_calloc(size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

static bool fails(void)
{
	if (left < 0)
		return false;
	return left-- == 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
	return fails() ? NULL : __real_strndup(text, size);
}

static int merge(struct cache *cache, const char *name)
{
	const struct family_record families[] = {{"a", name, true, true}, {"b", name, true, true}};
	struct device_record devices[] = {homes_device("m1", "r1"), homes_device("m2", "r2")};
	int r;

	devices[1].name = devices[0].relays[0].name = devices[0].relays[0].number = name;
	r = cache_merge_homes(cache, families, 2);
	cache_each_home (cache, home)
		if (r == 0)
			r = cache_merge_devices(cache, home, devices, 2);
	return r;
}

/* Whatever cannot be had: the model stays sound, nothing counts as missing, and the next list
 * sets all right. */
static void merges_survive_lack_of_memory(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *whole = homes_cache(NULL, &seen);
	_cleanup_free_ char *expected = NULL;
	int n;

	assert_int_equal(merge(whole, "new"), 0);
	expected = homes_dump(whole);
	for (n = 0;; n++) {
		_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
		_cleanup_free_ char *found = NULL;
		int r = 0;

		if (n % 2)
			assert_int_equal(merge(cache, "old"), 0);
		cache_each_home (cache, home)
			home_each_device (home, device)
				device_each_relay (device, relay)
					relay->changed = 0;
		for (int i = 0; i <= CACHE_GONE_AFTER && r == 0; i++) {
			left = n / 2;
			r = merge(cache, i % 2 ? "new" : "newer");
			left = -1;
		}
		cache_each_home (cache, home) {
			assert_int_equal(home->misses, 0);
			home_each_device (home, device) {
				assert_int_equal(device->misses, 0);
				assert_non_null(device->sip);
				device_each_relay (device, relay) {
					assert_int_equal(relay->misses, 0);
					/* What is new is to be published. */
					if (strncmp(relay->name, "new", 3) == 0)
						assert_true(relay->changed & CHANGED_INFO);
					assert_non_null(relay->number);
				}
			}
		}
		assert_int_equal(merge(cache, "new"), 0);
		found = homes_dump(cache);
		assert_string_equal(found, expected);
		if (r == 0 && n % 2 == 0)
			break;
		assert_true(r == 0 || r == -ENOMEM);
	}
	/* Two homes with two devices and relays each, and their texts. */
	assert_true(n / 2 > 40);
}

static void construction_survives_lack_of_memory(void **state)
{
	static const struct cache_handlers handlers = {0};

	for (int i = 0;; i++) {
		struct cache *cache = NULL;
		int r;

		left = i;
		r = cache_new(&cache, "/dev/null", &handlers, NULL);
		left = -1;
		if (r == 0) {
			assert_true(i >= 3);
			cache_free(cache);
			break;
		}
		assert_int_equal(r, -ENOMEM);
		assert_null(cache);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_survive_lack_of_memory),
		cmocka_unit_test(construction_survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
