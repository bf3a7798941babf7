#include "tests/unit/cmocka-all.h"

#include <inttypes.h>
#include <stdlib.h>

#include "util/backoff.h"
#include "util/cleanup.h"
#include "util/clock.h"

static uint32_t chance;
static bool fixed;

uint32_t __real_arc4random(void);
uint32_t __wrap_arc4random(void);

uint32_t __wrap_arc4random(void)
{
	return fixed ? chance : __real_arc4random();
}

static int let_chance_be(void **state)
{
	fixed = false;
	return 0;
}

static void doubles_up_to_the_most(void **state)
{
	static const uint64_t longest[] = {1000, 2000, 4000, 8000, 10000, 10000, 10000};
	struct backoff low = {.first_usec = 1000, .most_usec = 10000};
	struct backoff high = low;

	fixed = true;
	for (size_t i = 0; i < ELEMENTS(longest); i++) {
		chance = 0;
		assert_int_equal(backoff_next(&low), longest[i] / 2);
		chance = UINT32_MAX;
		assert_int_equal(backoff_next(&high), longest[i]);
	}
	assert_int_equal(low.failures, ELEMENTS(longest));
	backoff_reset(&low);
	chance = UINT32_MAX;
	assert_int_equal(backoff_next(&low), longest[0]);
}

static void stays_in_its_upper_half(void **state)
{
	for (int round = 0; round < 200; round++) {
		struct backoff b = {
			.first_usec = 500 * USEC_PER_MSEC, .most_usec = 600 * USEC_PER_SEC};
		uint64_t longest = b.first_usec;

		for (int i = 0; i < 20; i++) {
			uint64_t wait = backoff_next(&b);

			assert_true(wait >= longest / 2);
			assert_true(wait <= longest);
			longest = 2 * longest < b.most_usec ? 2 * longest : b.most_usec;
		}
	}
}

static void extremes_do_not_overflow(void **state)
{
	struct backoff none = {0};
	struct backoff small = {.first_usec = 5000, .most_usec = 1000};
	struct backoff many = {.first_usec = 1, .most_usec = USEC_PER_SEC, .failures = 4000000};

	fixed = true;
	chance = UINT32_MAX;
	assert_int_equal(backoff_next(&none), 0);
	assert_int_equal(backoff_next(&small), 1000);
	assert_int_equal(backoff_next(&many), USEC_PER_SEC);
}

static void jitter_spans_both_sides(void **state)
{
	static const struct {
		uint32_t chance;
		uint64_t usec;
	} rows[] = {{0, 900}, {UINT32_MAX, 1100}, {UINT32_MAX / 2, 1000}};

	fixed = true;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		chance = rows[i].chance;
		assert_in_range(backoff_jitter(1000, 10), rows[i].usec - 1, rows[i].usec);
	}
	chance = 0;
	assert_int_equal(backoff_jitter(1000, 100), 0);
	assert_int_equal(backoff_jitter(1000, 0), 1000);
	assert_int_equal(backoff_jitter(0, 50), 0);
}

static void two_waits_differ(void **state)
{
	uint64_t first = backoff_jitter(USEC_PER_SEC, 100);
	bool differ = false;

	for (int i = 0; i < 20; i++)
		differ = differ || backoff_jitter(USEC_PER_SEC, 100) != first;
	assert_true(differ);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(doubles_up_to_the_most, let_chance_be),
		cmocka_unit_test_setup(stays_in_its_upper_half, let_chance_be),
		cmocka_unit_test_setup(extremes_do_not_overflow, let_chance_be),
		cmocka_unit_test_setup(jitter_spans_both_sides, let_chance_be),
		cmocka_unit_test_setup(two_waits_differ, let_chance_be),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
