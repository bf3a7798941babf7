#include "tests/unit/cmocka-all.h"

#include <string.h>

#include "tests/unit/homes.h"
#include "util/clock.h"

/* How a home's doors may be opened besides by us, in memory. */

struct place {
	struct seen seen;
	struct cache *cache;
	struct home *home;
	int64_t now; /* seconds since 1970 */
};

static int setup(void **state)
{
	static struct place p;

	p = (struct place){.now = clock_epoch_msec() / 1000};
	p.cache = homes_cache(NULL, &p.seen);
	p.home = homes_merge(p.cache, "H1", NULL, 0);
	homes_publish(p.cache);
	p.seen.changed = 0;
	*state = &p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	(void)cache_free(p->cache);
	return 0;
}

/* Told once, with that mark and no other. */
static void expect_changed(struct place *p, unsigned changed)
{
	assert_int_equal(p->seen.changed, changed ? 1 : 0);
	assert_int_equal(p->home->changed, changed);
	p->seen.changed = 0;
	p->home->changed = 0;
}

static void switches_are_told_when_they_differ(void **state)
{
	static const unsigned marks[] = {CHANGED_NFC, CHANGED_BLE, CHANGED_FACE};
	struct place *p = *state;

	for (int kind = 0; kind < ACCESS_KIND_MAX; kind++) {
		enum access_kind k = (enum access_kind)kind;

		assert_int_equal(p->home->access.on[kind], ACCESS_UNKNOWN);
		cache_merge_access(p->cache, p->home, k, false);
		assert_int_equal(p->home->access.on[kind], 0);
		expect_changed(p, marks[kind]);
		cache_merge_access(p->cache, p->home, k, false);
		expect_changed(p, 0);
		cache_merge_access(p->cache, p->home, k, true);
		assert_int_equal(p->home->access.on[kind], 1);
		expect_changed(p, marks[kind]);
		cache_drop_access(p->cache, p->home, k);
		assert_int_equal(p->home->access.on[kind], ACCESS_DROPPED);
		expect_changed(p, marks[kind]);
		cache_drop_access(p->cache, p->home, k);
		expect_changed(p, 0);
		cache_merge_access(p->cache, p->home, k, true);
		expect_changed(p, marks[kind]);
	}
}

static void merge(struct place *p, const struct temp_key_record *records, size_t n, bool with_codes)
{
	assert_int_equal(cache_merge_temp_keys(p->cache, p->home, records, n, with_codes), 0);
}

static void keys_are_sorted_and_those_that_ended_left_out(void **state)
{
	struct place *p = *state;
	const struct temp_key_record records[] = {
		{"late", "l", p->now - 10, p->now + 3000, 1},
		{"ended", "e", p->now - 10, p->now - 1, 2},
		{"soon", "s", p->now - 5, p->now + 1000, 3},
		{"early", "b", p->now - 9, p->now + 1000, 4},
	};
	const struct access *a = &p->home->access;

	assert_int_equal(a->keys_known, ACCESS_UNKNOWN);
	merge(p, records, ELEMENTS(records), true);
	expect_changed(p, CHANGED_KEYS);
	assert_int_equal(a->keys_known, 1);
	assert_int_equal(a->n_keys, 3);
	assert_string_equal(a->keys[0].code, "early");
	assert_string_equal(a->keys[1].code, "soon");
	assert_string_equal(a->keys[2].code, "late");
	assert_string_equal(a->keys[2].qr_code_url, "l");
	assert_int_equal(a->keys[2].finish, p->now + 3000);
	assert_int_equal(a->keys[2].count, 1);
	/* None at all is something to tell, once. */
	merge(p, NULL, 0, true);
	assert_int_equal(a->n_keys, 0);
	expect_changed(p, CHANGED_KEYS);
	merge(p, records + 1, 1, true);
	expect_changed(p, 0);
}

static void no_keys_are_told_too(void **state)
{
	struct place *p = *state;

	merge(p, NULL, 0, false);
	assert_int_equal(p->home->access.keys_known, 1);
	expect_changed(p, CHANGED_KEYS);
}

/* Each thing that differs is noticed, and the order in which the cloud lists them is not. */
static void keys_are_told_when_they_differ(void **state)
{
	struct place *p = *state;
	const struct temp_key_record first[] = {
		{"a", "x", p->now, p->now + 1000, 1},
		{"b", "y", p->now, p->now + 2000, 1},
	};
	const struct temp_key_record turned[] = {first[1], first[0]};
	const struct temp_key_record others[] = {
		{"c", "x", p->now, p->now + 1000, 1},
		{"c", "z", p->now, p->now + 1000, 1},
		{"c", "z", p->now + 1, p->now + 1000, 1},
		{"c", "z", p->now + 1, p->now + 1001, 1},
		{"c", "z", p->now + 1, p->now + 1001, 2},
	};

	merge(p, first, 2, true);
	expect_changed(p, CHANGED_KEYS);
	merge(p, first, 2, true);
	expect_changed(p, 0);
	merge(p, turned, 2, true);
	expect_changed(p, 0);
	merge(p, first, 1, true);
	expect_changed(p, CHANGED_KEYS);
	for (size_t i = 0; i < ELEMENTS(others); i++) {
		merge(p, &others[i], 1, true);
		expect_changed(p, CHANGED_KEYS);
	}
}

static void codes_are_kept_only_on_demand(void **state)
{
	struct place *p = *state;
	const struct temp_key_record key = {"code", "qr", p->now, p->now + 1000, 1};
	const struct temp_key_record other = {"other", "qr2", p->now, p->now + 1000, 1};

	merge(p, &key, 1, false);
	assert_null(p->home->access.keys[0].code);
	assert_null(p->home->access.keys[0].qr_code_url);
	expect_changed(p, CHANGED_KEYS);
	/* Nobody is told of what nobody is to know. */
	merge(p, &other, 1, false);
	expect_changed(p, 0);
	merge(p, &key, 1, true);
	assert_string_equal(p->home->access.keys[0].code, "code");
	expect_changed(p, CHANGED_KEYS);
	merge(p, &key, 1, false);
	assert_null(p->home->access.keys[0].code);
	expect_changed(p, CHANGED_KEYS);
}

static void dropped_keys_are_unknown(void **state)
{
	struct place *p = *state;
	const struct temp_key_record key = {"code", "qr", p->now, p->now + 1000, 1};

	merge(p, &key, 1, true);
	expect_changed(p, CHANGED_KEYS);
	cache_drop_temp_keys(p->cache, p->home);
	assert_int_equal(p->home->access.keys_known, ACCESS_DROPPED);
	assert_int_equal(p->home->access.n_keys, 0);
	assert_null(p->home->access.keys);
	expect_changed(p, CHANGED_KEYS);
	cache_drop_temp_keys(p->cache, p->home);
	expect_changed(p, 0);
	merge(p, NULL, 0, true);
	expect_changed(p, CHANGED_KEYS);
}

static void a_home_that_is_gone_learns_nothing(void **state)
{
	struct place *p = *state;
	const struct temp_key_record key = {"code", "qr", p->now, p->now + 1000, 1};

	p->home->gone = true;
	cache_merge_access(p->cache, p->home, ACCESS_NFC, true);
	cache_drop_access(p->cache, p->home, ACCESS_BLE);
	merge(p, &key, 1, true);
	cache_drop_temp_keys(p->cache, p->home);
	expect_changed(p, 0);
	assert_int_equal(p->home->access.keys_known, ACCESS_UNKNOWN);
	p->home->gone = false;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(switches_are_told_when_they_differ),
		TEST(keys_are_sorted_and_those_that_ended_left_out),
		TEST(no_keys_are_told_too),
		TEST(keys_are_told_when_they_differ),
		TEST(codes_are_kept_only_on_demand),
		TEST(dropped_keys_are_unknown),
		TEST(a_home_that_is_gone_learns_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
