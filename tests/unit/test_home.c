#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/home.h"
#include "tests/unit/homes.h"
#include "util/clock.h"

#define ONLINE_TOO (CHANGED_INFO | CHANGED_ONLINE)

static void nothing_to_something(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	const struct device_record device = homes_device("0C1105000001", "r1");
	struct home *home;

	assert_null(cache_homes(cache));
	assert_int_equal(cache_count(cache), 0);
	assert_false(cache_unsaved(cache));
	home = homes_merge(cache, "a", &device, 1);
	assert_int_equal(seen.changed, 2);
	assert_ptr_equal(seen.last, home);
	assert_int_equal(cache_count(cache), 1);
	assert_int_equal(home->changed, CHANGED_ALL);
	assert_int_equal(home->members, -1);
	assert_int_equal(home->devices->changed, CHANGED_ALL);
	assert_ptr_equal(home->devices->home, home);
	assert_int_equal(home->devices->relays->changed, CHANGED_ALL);
	assert_ptr_equal(home->devices->relays->device, home->devices);
	homes_publish(cache);
	assert_ptr_equal(homes_merge(cache, "a", &device, 1), home);
	assert_int_equal(seen.changed, 2);
	assert_int_equal(home->changed, 0);
	assert_int_equal(home->devices->changed, 0);
	assert_int_equal(home->devices->relays->changed, 0);
	/* Without a file there is nothing to save. */
	assert_false(cache_unsaved(cache));
	assert_false(cache_save(cache));
}

static void home_fields_differ_one_by_one(void **state)
{
	static const struct {
		struct family_record record;
		unsigned changed;
	} cases[] = {
		{{"a", "home", true, true}, 0},
		{{"a", "Home", true, true}, CHANGED_INFO},
		{{"a", "", true, true}, CHANGED_INFO},
		{{"a", "home", false, true}, ONLINE_TOO},
		{{"a", "home", true, false}, CHANGED_INFO},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct seen seen = {0};
		_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
		struct home *home = homes_merge(cache, "a", NULL, 0);

		homes_publish(cache);
		seen.changed = 0;
		assert_int_equal(cache_merge_homes(cache, &cases[i].record, 1), 0);
		assert_int_equal(home->changed, cases[i].changed);
		assert_int_equal(seen.changed, cases[i].changed ? 1 : 0);
		assert_string_equal(home->name, cases[i].record.name);
		assert_int_equal(home->online, cases[i].record.online);
		assert_int_equal(home->installed, cases[i].record.installed);
	}
}

static void members_differ(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	struct home *home = homes_merge(cache, "a", NULL, 0);

	homes_publish(cache);
	seen.changed = 0;
	cache_merge_members(cache, home, 4);
	assert_int_equal(home->members, 4);
	assert_int_equal(home->changed, CHANGED_INFO);
	cache_merge_members(cache, home, 4);
	assert_int_equal(seen.changed, 1);
	cache_merge_members(cache, home, UINT32_MAX);
	assert_true(home->members > 0);
}

/* Each case changes one thing of a device with one relay. */
struct device_case {
	const char *what;
	void (*edit)(struct device_record *record);
	unsigned device, relay;
};

static void edit_nothing(struct device_record *d)
{
}

static void edit_name(struct device_record *d)
{
	d->name = "Back Door";
}

static void edit_spelling(struct device_record *d)
{
	d->mac = "0c1105000001";
}

static void edit_type(struct device_record *d)
{
	d->type = "Indoor Monitor";
}

static void edit_sip(struct device_record *d)
{
	d->sip = "124";
}

static void edit_rtsp(struct device_record *d)
{
	d->rtsp = "";
}

static void edit_public(struct device_record *d)
{
	d->is_public = true;
}

static void edit_online(struct device_record *d)
{
	d->online = false;
}

static void edit_relay_name(struct device_record *d)
{
	d->relays[0].name = "";
}

static void edit_relay_number(struct device_record *d)
{
	d->relays[0].number = "0";
}

static void edit_no_relay(struct device_record *d)
{
	d->n_relays = 0;
}

static void edit_twice_the_relay(struct device_record *d)
{
	d->relays[1] = d->relays[0];
	d->relays[1].name = "the first counts";
	d->n_relays = 2;
}

static void edit_new_relay(struct device_record *d)
{
	d->relays[1] = d->relays[0];
	d->relays[1].security = true;
	d->n_relays = 2;
}

static const struct device_case device_cases[] = {
	{"nothing", edit_nothing, 0, 0},
	{"name", edit_name, CHANGED_INFO, CHANGED_INFO},
	{"mac in lower case", edit_spelling, CHANGED_INFO, CHANGED_INFO},
	{"type", edit_type, CHANGED_INFO, 0},
	{"sip", edit_sip, CHANGED_INFO, 0},
	{"rtsp", edit_rtsp, 0, 0},
	{"is_public", edit_public, CHANGED_INFO, 0},
	{"online", edit_online, ONLINE_TOO, 0},
	{"relay's name", edit_relay_name, CHANGED_INFO, CHANGED_INFO},
	{"relay's number", edit_relay_number, CHANGED_INFO, CHANGED_INFO},
	{"relay left out once", edit_no_relay, 0, 0},
	{"relay listed twice", edit_twice_the_relay, 0, 0},
	{"one relay more", edit_new_relay, CHANGED_INFO, 0},
};

static void device_fields_differ_one_by_one(void **state)
{
	for (size_t i = 0; i < ELEMENTS(device_cases); i++) {
		const struct device_case *c = &device_cases[i];
		struct seen seen = {0};
		_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
		struct device_record record = homes_device("0C1105000001", "r1");
		struct home *home = homes_merge(cache, "a", &record, 1);

		homes_publish(cache);
		seen.changed = 0;
		c->edit(&record);
		assert_int_equal(cache_merge_devices(cache, home, &record, 1), 0);
		if (home->devices->changed != c->device ||
			home->devices->relays->changed != c->relay ||
			seen.changed != (c->device ? 1 : 0))
			fail_msg("%s: device %x, relay %x, told %u times", c->what,
				home->devices->changed, home->devices->relays->changed,
				seen.changed);
		assert_int_equal(home->changed, 0);
		assert_null(home->devices->next);
		assert_string_equal(home->devices->name, record.name);
		assert_string_equal(home->devices->mac, record.mac);
		assert_string_equal(home->devices->type, record.type);
		assert_string_equal(home->devices->sip, record.sip);
		assert_int_equal(home->devices->is_public, record.is_public);
		assert_int_equal(home->devices->online, record.online);
		assert_string_equal(home->devices->relays->number, record.relays[0].number);
	}
}

static void order_is_no_difference(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	const struct family_record there[] = {{"a", "", true, true}, {"b", "", true, true}};
	const struct family_record back[] = {there[1], there[0]};
	struct device_record devices[] = {homes_device("m1", "r1"), homes_device("m2", "r2")};
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct home *home;

	devices[0].relays[1] = (struct relay_record){"r3", "x", "y", true};
	devices[0].n_relays = 2;
	assert_int_equal(cache_merge_homes(cache, there, 2), 0);
	home = cache_find(cache, "a");
	assert_int_equal(cache_merge_devices(cache, home, devices, 2), 0);
	before = homes_dump(cache);
	homes_publish(cache);
	seen.changed = 0;
	assert_int_equal(cache_merge_homes(cache, back, 2), 0);
	devices[0].relays[1] = devices[0].relays[0];
	devices[0].relays[0] = (struct relay_record){"r3", "x", "y", true};
	assert_int_equal(cache_merge_devices(
				 cache, home, (struct device_record[]){devices[1], devices[0]}, 2),
		0);
	after = homes_dump(cache);
	assert_int_equal(seen.changed, 0);
	assert_string_equal(before, after);
}

static void first_of_two_alike_counts(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	const struct family_record homes[] = {{"a", "first", true, true}, {"a", "second", 0, 0}};
	struct device_record devices[] = {homes_device("AA", "r1"), homes_device("aa", "r2")};
	struct home *home;

	devices[1].name = "second";
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cache_merge_homes(cache, homes, 2), 0);
		home = cache_find(cache, "a");
		assert_int_equal(cache_merge_devices(cache, home, devices, 2), 0);
		assert_int_equal(cache_count(cache), 1);
		assert_string_equal(home->name, "first");
		assert_string_equal(home->devices->name, "Front Door");
		assert_null(home->devices->next);
		assert_null(home->devices->relays->next);
	}
	assert_int_equal(seen.changed, 2);
}

static void relays_are_found_within_their_home(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	const struct family_record homes[] = {{"a", "", 0, 0}, {"b", "", 0, 0}};
	struct device_record devices[] = {homes_device("m1", "0"), homes_device("m2", "0")};
	bool ambiguous = true;
	struct home *a, *b;

	assert_int_equal(cache_merge_homes(cache, homes, 2), 0);
	a = cache_find(cache, "a");
	b = cache_find(cache, "b");
	assert_int_equal(cache_merge_devices(cache, a, &devices[0], 1), 0);
	assert_int_equal(cache_merge_devices(cache, b, &devices[1], 1), 0);
	assert_ptr_equal(home_find_relay(a, "0", &ambiguous), a->devices->relays);
	assert_false(ambiguous);
	assert_ptr_equal(home_find_relay(b, "0", &ambiguous), b->devices->relays);
	assert_null(home_find_relay(a, "1", &ambiguous));
	assert_false(ambiguous);
	assert_null(home_find_device(a, "m2"));
	/* Two devices of one home. */
	assert_int_equal(cache_merge_devices(cache, a, devices, 2), 0);
	assert_null(home_find_relay(a, "0", &ambiguous));
	assert_true(ambiguous);
	/* One of them goes. */
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_devices(cache, a, &devices[1], 1), 0);
	assert_string_equal(home_find_relay(a, "0", &ambiguous)->device->mac, "m2");
	assert_false(ambiguous);
	/* A security relay of the same device. */
	devices[1].relays[1] = (struct relay_record){"0", "", "", true};
	devices[1].n_relays = 2;
	assert_int_equal(cache_merge_devices(cache, a, &devices[1], 1), 0);
	assert_null(home_find_relay(a, "0", &ambiguous));
	assert_true(ambiguous);
}

static void long_texts_are_cut_between_characters(void **state)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	struct device_record device = homes_device("m1", "r1");
	char name[CACHE_TEXT_MAX + 40];
	struct home *home;

	memset(name, 'x', sizeof(name));
	memcpy(name + CACHE_TEXT_MAX - 1, "\xe6\x9d\xb1", 3);
	name[sizeof(name) - 1] = '\0';
	device.name = name;
	home = homes_merge(cache, "a", &device, 1);
	assert_int_equal(strlen(home->devices->name), CACHE_TEXT_MAX - 1);
	homes_publish(cache);
	assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
	assert_int_equal(home->devices->changed, 0);
	name[CACHE_TEXT_MAX] = '\0';
	name[CACHE_TEXT_MAX - 1] = 'y';
	assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
	assert_int_equal(strlen(home->devices->name), CACHE_TEXT_MAX);
}

static uint64_t cpu_usec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* Twice the lists of n homes with 8 devices each, then all go. Gives microseconds of
 * this process, as others may keep the machine busy. */
static uint64_t life_of(size_t n)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(NULL, &seen);
	_cleanup_free_ struct family_record *families = calloc(n, sizeof(*families));
	_cleanup_free_ char(*ids)[32] = calloc(n, sizeof(*ids));
	struct device_record devices[8];
	uint64_t begin;

	for (size_t i = 0; i < ELEMENTS(devices); i++)
		devices[i] = homes_device(
			(const char *[]){"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"}[i], "r");
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "r31adc223cc4b3bedb6bd4742%zu", i);
		families[i] = (struct family_record){ids[i], "home", true, true};
	}
	begin = cpu_usec();
	for (int round = 0; round < 2; round++) {
		assert_int_equal(cache_merge_homes(cache, families, n), 0);
		assert_int_equal(cache_count(cache), n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(cache_merge_devices(cache, cache_find(cache, ids[i]),
						 devices, ELEMENTS(devices)),
				0);
		assert_int_equal(seen.changed, 2 * n);
		homes_publish(cache);
	}
	seen.sweep = cache;
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_homes(cache, NULL, 0), 0);
	assert_int_equal(seen.forgotten, n);
	assert_int_equal(seen.forgotten_relays, 8 * n);
	return cpu_usec() - begin;
}

/* Ten times the homes may take forty times as long, as more of them do not fit the processor's
 * cache; squared it would be a hundred. */
static void time_grows_with_the_homes_only(void **state)
{
	uint64_t few = UINT64_MAX, many = UINT64_MAX, took;

	for (int i = 0; i < 5 && (i == 0 || many / 40 >= few); i++) {
		for (int j = 0; j < 3; j++) {
			took = life_of(500);
			few = took < few ? took : few;
		}
		took = life_of(5000);
		many = took < many ? took : many;
	}
	print_message("# 500 homes: %ju us, 5000 homes: %ju us\n", (uintmax_t)few, (uintmax_t)many);
	assert_true(many / 40 < few);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_something),
		cmocka_unit_test(home_fields_differ_one_by_one),
		cmocka_unit_test(members_differ),
		cmocka_unit_test(device_fields_differ_one_by_one),
		cmocka_unit_test(order_is_no_difference),
		cmocka_unit_test(first_of_two_alike_counts),
		cmocka_unit_test(relays_are_found_within_their_home),
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(time_grows_with_the_homes_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
