#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"
#include "util/zone.h"

static struct zone *opened(const char *name)
{
	struct zone *zone = NULL;

	assert_int_equal(zone_new(&zone, name), 0);
	return zone;
}

static int64_t local(const char *text)
{
	int64_t epoch;

	assert_int_equal(clock_parse_cloud(text, &epoch), 0);
	return epoch;
}

static void assert_epoch(
	const struct zone *zone, const char *text, int64_t now, const char *expected)
{
	int64_t msec;

	assert_int_equal(clock_parse_rfc3339(expected, &msec), 0);
	assert_int_equal(zone_epoch(zone, local(text), now), msec / 1000);
}

static void plain_times(void **state)
{
	static const struct {
		const char *zone, *text, *utc;
	} samples[] = {
		{"UTC", "2026-07-01 12:00:00", "2026-07-01T12:00:00Z"},
		{"Europe/Berlin", "2026-01-15 12:00:00", "2026-01-15T11:00:00Z"},
		{"Europe/Berlin", "2026-07-15 00:30:00", "2026-07-14T22:30:00Z"},
		{"Asia/Shanghai", "2020-03-12 17:32:43", "2020-03-12T09:32:43Z"},
		{"America/New_York", "2026-12-31 23:59:59", "2027-01-01T04:59:59Z"},
		{"Asia/Kathmandu", "2026-07-01 12:00:00", "2026-07-01T06:15:00Z"},
		{"Pacific/Kiritimati", "2026-07-01 12:00:00", "2026-06-30T22:00:00Z"},
		{"Pacific/Niue", "2026-07-01 12:00:00", "2026-07-01T23:00:00Z"},
		{"Australia/Lord_Howe", "2026-01-01 12:00:00", "2026-01-01T01:00:00Z"},
		/* Clocks stand differently for one month of the year only. */
		{"Africa/Casablanca", "2026-03-01 12:00:00", "2026-03-01T12:00:00Z"},
		{"Africa/Casablanca", "2026-05-01 12:00:00", "2026-05-01T11:00:00Z"},
	};

	for (size_t i = 0; i < ELEMENTS(samples); i++) {
		_cleanup_(zone_freep) struct zone *zone = opened(samples[i].zone);

		assert_epoch(zone, samples[i].text, INT64_MAX - 1000, samples[i].utc);
	}
}

/* 02:00 to 03:00 comes twice: at 00:00Z and at 01:00Z. */
static void autumn(void **state)
{
	_cleanup_(zone_freep) struct zone *zone = opened("Europe/Berlin");
	const int64_t first = local("2026-10-25 00:30:00"), second = first + 3600;

	assert_epoch(zone, "2026-10-25 01:59:59", second, "2026-10-24T23:59:59Z");
	assert_int_equal(zone_epoch(zone, local("2026-10-25 02:30:00"), first), first);
	assert_int_equal(zone_epoch(zone, local("2026-10-25 02:30:00"), first + 1800), first);
	/* The device's clock may be a little ahead. */
	assert_int_equal(
		zone_epoch(zone, local("2026-10-25 02:30:00"), second - ZONE_SLACK - 1), first);
	assert_int_equal(
		zone_epoch(zone, local("2026-10-25 02:30:00"), second - ZONE_SLACK), second);
	assert_int_equal(zone_epoch(zone, local("2026-10-25 02:30:00"), second + 86400), second);
	/* A clock that knows no better. */
	assert_int_equal(zone_epoch(zone, local("2026-10-25 02:30:00"), 0), first);
	assert_epoch(zone, "2026-10-25 02:00:00", first, "2026-10-25T00:00:00Z");
	assert_epoch(zone, "2026-10-25 02:00:00", second, "2026-10-25T01:00:00Z");
	assert_epoch(zone, "2026-10-25 02:59:59", second + 3600, "2026-10-25T01:59:59Z");
	assert_epoch(zone, "2026-10-25 03:00:00", 0, "2026-10-25T02:00:00Z");
}

static void spring(void **state)
{
	_cleanup_(zone_freep) struct zone *zone = opened("Europe/Berlin");

	for (int64_t now = 0; now < INT64_C(3000000000); now += INT64_C(1000000000)) {
		assert_epoch(zone, "2026-03-29 01:59:59", now, "2026-03-29T00:59:59Z");
		assert_epoch(zone, "2026-03-29 02:00:00", now, "2026-03-29T01:00:00Z");
		assert_epoch(zone, "2026-03-29 02:30:00", now, "2026-03-29T01:30:00Z");
		assert_epoch(zone, "2026-03-29 03:00:00", now, "2026-03-29T01:00:00Z");
	}
}

/* A day that never was: Samoa went over the date line. */
static void skipped_day(void **state)
{
	_cleanup_(zone_freep) struct zone *zone = opened("Pacific/Apia");

	assert_epoch(zone, "2011-12-29 23:59:59", 0, "2011-12-30T09:59:59Z");
	assert_epoch(zone, "2011-12-30 12:00:00", 0, "2011-12-30T22:00:00Z");
	assert_epoch(zone, "2011-12-31 00:00:00", 0, "2011-12-30T10:00:00Z");
}

static void outside_of_the_table(void **state)
{
	_cleanup_(zone_freep) struct zone *zone = opened("Europe/Berlin");

	assert_epoch(zone, "1970-01-01 00:30:00", 0, "1970-01-01T00:00:00+00:30");
	assert_epoch(zone, "9999-01-01 01:00:00", 0, "9999-01-01T00:00:00Z");
}

/* Every half hour of some years agrees with what libc says. */
static void agrees_with_libc(void **state)
{
	static const char *const names[] = {"Europe/Berlin", "America/St_Johns",
		"Africa/Casablanca", "Australia/Lord_Howe", "Asia/Tehran"};

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		_cleanup_(zone_freep) struct zone *zone = opened(names[i]);

		assert_int_equal(setenv("TZ", names[i], 1), 0);
		tzset();
		for (int64_t t = 1700000000; t < 1900000000; t += 1800) {
			time_t value = (time_t)t;
			struct tm tm;

			assert_non_null(localtime_r(&value, &tm));
			/* Asked at once the answer is never the other of two. */
			assert_int_equal(zone_epoch(zone, timegm(&tm), t), t);
		}
		assert_int_equal(unsetenv("TZ"), 0);
		tzset();
	}
}

static void leaves_our_own_zone_alone(void **state)
{
	_cleanup_(zone_freep) struct zone *zone = NULL;
	char text[CLOCK_TEXT_MAX];

	assert_int_equal(setenv("TZ", "America/New_York", 1), 0);
	tzset();
	zone = opened("Asia/Shanghai");
	assert_string_equal(getenv("TZ"), "America/New_York");
	assert_string_equal(clock_rfc3339(text, 1700000000), "2023-11-14T17:13:20-05:00");
	assert_int_equal(unsetenv("TZ"), 0);
	tzset();
	zone = zone_free(zone);
	zone = opened("Asia/Shanghai");
	assert_null(getenv("TZ"));
}

static void unknown_names(void **state)
{
	static const char *const names[] = {"", "Mars/Olympus", "Europe", "Europe/", "/etc/passwd",
		"../zoneinfo/Europe/Berlin", "Europe/../Europe/Berlin", "tzdata.zi", "CET-1CEST",
		":UTC", "utc "};

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		struct zone *zone = NULL;

		assert_int_equal(zone_new(&zone, names[i]), -ENOENT);
		assert_null(zone);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_times),
		cmocka_unit_test(autumn),
		cmocka_unit_test(spring),
		cmocka_unit_test(skipped_day),
		cmocka_unit_test(outside_of_the_table),
		cmocka_unit_test(agrees_with_libc),
		cmocka_unit_test(leaves_our_own_zone_alone),
		cmocka_unit_test(unknown_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
