#include "tests/unit/cmocka-all.h"

#include "cloud/latency.h"
#include "util/cleanup.h"

static void percentiles(void **state)
{
	static const struct {
		unsigned n, p0, p50, p95, p100;
	} rows[] = {
		{1, 1, 1, 1, 1},
		{2, 1, 1, 2, 2},
		{3, 1, 2, 3, 3},
		{10, 1, 5, 10, 10},
		{20, 1, 10, 19, 20},
		{100, 1, 50, 95, 100},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct latency latency = {0};

		assert_int_equal(latency_percentile(&latency, 50), 0);
		/* From the longest to the shortest: order is not taken for granted. */
		for (unsigned k = rows[i].n; k > 0; k--)
			latency_add(&latency, k * 1000);
		assert_int_equal(latency_percentile(&latency, 0), rows[i].p0);
		assert_int_equal(latency_percentile(&latency, 50), rows[i].p50);
		assert_int_equal(latency_percentile(&latency, 95), rows[i].p95);
		assert_int_equal(latency_percentile(&latency, 100), rows[i].p100);
	}
}

static void forgets_the_oldest(void **state)
{
	struct latency latency = {0};

	for (unsigned i = 0; i < LATENCY_SAMPLES; i++)
		latency_add(&latency, 7000);
	for (unsigned i = 0; i < LATENCY_SAMPLES - 1; i++)
		latency_add(&latency, 9000);
	assert_int_equal(latency_percentile(&latency, 0), 7);
	assert_int_equal(latency_percentile(&latency, 1), 9);
	latency_add(&latency, 9000);
	assert_int_equal(latency_percentile(&latency, 0), 9);
	assert_int_equal(latency_percentile(&latency, 100), 9);
}

static void rounds_and_saturates(void **state)
{
	static const struct {
		uint64_t usec;
		unsigned msec;
	} rows[] = {{0, 0}, {499, 0}, {500, 1}, {1499, 1},
		{UINT64_C(4294967295) * 1000, UINT32_MAX},
		{UINT64_C(4294967300) * 1000, UINT32_MAX}, {UINT64_MAX - 1000, UINT32_MAX}};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct latency latency = {0};

		latency_add(&latency, rows[i].usec);
		assert_int_equal(latency_percentile(&latency, 50), rows[i].msec);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles),
		cmocka_unit_test(forgets_the_oldest),
		cmocka_unit_test(rounds_and_saturates),
	};

	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
