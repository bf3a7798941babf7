#include "util/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"

#define YEAR_MIN 1970
#define YEAR_MAX 9999

/* Guest keys may end behind 2038. */
_Static_assert(sizeof(time_t) == 8, "build with -D_TIME_BITS=64");

/* Microseconds since the machine booted, time asleep included: for timers and deadlines. */
uint64_t clock_boot_usec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* The same without the time asleep: what systemd wants to hear of a reload. */
uint64_t clock_monotonic_usec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* Milliseconds since 1970 by the wall clock: for the world, which may set it. */
int64_t clock_epoch_msec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Writes epoch (seconds since 1970) as RFC 3339 in the local zone with its offset; returns text,
 * which is empty for a time that has no such form. */
char *clock_rfc3339(char text[static CLOCK_TEXT_MAX], int64_t epoch)
{
	time_t t = (time_t)epoch;
	struct tm tm = {0};
	size_t n;

	text[0] = '\0';
	if (!localtime_r(&t, &tm) || tm.tm_year + 1900 < 0 || tm.tm_year + 1900 > YEAR_MAX)
		return text;
	n = strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S%z", &tm);
	/* strftime writes +0100, RFC 3339 wants +01:00. */
	memmove(text + n - 1, text + n - 2, 3);
	text[n - 2] = ':';
	return text;
}

/* strptime takes "1-2-3" and rolls 31 February over; a time from outside must be as written. */
static int exact_tm(const struct tm *tm, int64_t *ret_epoch)
{
	struct tm copy = *tm;
	time_t t;

	if (tm->tm_year + 1900 < YEAR_MIN || tm->tm_year + 1900 > YEAR_MAX)
		return -EINVAL;
	t = timegm(&copy);
	if (copy.tm_mon != tm->tm_mon || copy.tm_sec != tm->tm_sec)
		return -EINVAL;
	*ret_epoch = t;
	return 0;
}

static bool has_shape(const char *text, const char *shape)
{
	for (; *shape; text++, shape++)
		if (*shape == '0' ? *text < '0' || *text > '9' : *text != *shape)
			return false;
	return true;
}

/* Reads "2026-11-21T19:30:00Z", with a fraction or a numeric offset if there is one. Gives
 * milliseconds since 1970. -EINVAL: not such a time, or a day that does not exist. */
int clock_parse_rfc3339(const char *text, int64_t *ret_epoch_msec)
{
	int64_t epoch, msec = 0, offset = 0;
	struct tm tm = {0};
	const char *rest;
	int r;

	if (!has_shape(text, "0000-00-00") || !(text[10] && strchr("Tt ", text[10])) ||
		!has_shape(text + 11, "00:00:00"))
		return -EINVAL;
	if (strptime(text, "%Y-%m-%d", &tm) != text + 10)
		return -EINVAL;
	rest = strptime(text + 11, "%H:%M:%S", &tm);
	if (rest != text + 19)
		return -EINVAL;
	if (*rest == '.') {
		char *end;
		double fraction = strtod(rest, &end);

		if (end == rest + 1 || strspn(rest + 1, "0123456789") != (size_t)(end - rest - 1))
			return -EINVAL;
		msec = (int64_t)(fraction * 1000);
		rest = end;
	}
	if (*rest == '+' || *rest == '-') {
		if (!has_shape(rest + 1, "00:00") || rest[6])
			return -EINVAL;
		if (atoi(rest + 1) > 23 || atoi(rest + 4) > 59)
			return -EINVAL;
		offset = (atoi(rest + 1) * 60 + atoi(rest + 4)) * 60;
		if (*rest == '-')
			offset = -offset;
	} else if (!((*rest == 'Z' || *rest == 'z') && !rest[1])) {
		return -EINVAL;
	}
	r = exact_tm(&tm, &epoch);
	if (r < 0)
		return r;
	*ret_epoch_msec = (epoch - offset) * 1000 + msec;
	return 0;
}

/* mktime() rolls what does not exist over, and of an hour that occurs twice takes whichever it met
 * last: it is asked for both and must give back what was written. */
static int local_epoch(const struct tm *wanted, int64_t *ret_epoch)
{
	int64_t first = -1;

	for (int dst = 0; dst <= 1; dst++) {
		struct tm tm = *wanted;
		time_t t;

		tm.tm_isdst = dst;
		t = mktime(&tm);
		if (t < 0 || tm.tm_year + 1900 > YEAR_MAX || tm.tm_mon != wanted->tm_mon ||
			tm.tm_mday != wanted->tm_mday || tm.tm_hour != wanted->tm_hour ||
			tm.tm_min != wanted->tm_min || tm.tm_sec != wanted->tm_sec)
			continue;
		if (first < 0 || t < first)
			first = t;
	}
	if (first < 0)
		return -EINVAL;
	*ret_epoch = first;
	return 0;
}

/* Reads what people write: RFC 3339, or without an offset and perhaps without seconds the time on
 * the clock of this machine's zone, "2026-11-21T18:00" or "2026-11-21 18:00:00". Gives seconds since
 * 1970; of an hour that occurs twice, the first. -EINVAL: another form, or a day
 * or time that does not exist. */
int clock_parse_local(const char *text, int64_t *ret_epoch)
{
	struct tm tm = {0};
	const char *end;
	int64_t msec;

	if (clock_parse_rfc3339(text, &msec) == 0) {
		*ret_epoch = msec / 1000;
		return 0;
	}
	if (!has_shape(text, "0000-00-00") || !(text[10] && strchr("Tt ", text[10])) ||
		!has_shape(text + 11, "00:00"))
		return -EINVAL;
	if (strptime(text, "%Y-%m-%d", &tm) != text + 10)
		return -EINVAL;
	end = strptime(text + 11, has_shape(text + 16, ":00") ? "%H:%M:%S" : "%H:%M", &tm);
	if (!end || *end)
		return -EINVAL;
	return local_epoch(&tm, ret_epoch);
}

/* Writes epoch (seconds since 1970, before the year 10000) as the cloud wants it: "2020-03-12
 * 17:32:43", in UTC; returns text. */
char *clock_cloud(char text[static CLOCK_TEXT_MAX], int64_t epoch)
{
	time_t t = (time_t)epoch;
	struct tm tm = {0};

	(void)gmtime_r(&t, &tm);
	(void)strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	return text;
}

/* Reads the cloud's "2020-03-12 17:32:43" as UTC. Gives seconds since 1970. -EINVAL: any other
 * form, or a time that does not exist. Source: the vendor's command pages. */
int clock_parse_cloud(const char *text, int64_t *ret_epoch)
{
	struct tm tm = {0};
	const char *end;

	if (!has_shape(text, "0000-00-00 00:00:00"))
		return -EINVAL;
	end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	if (!end || *end)
		return -EINVAL;
	return exact_tm(&tm, ret_epoch);
}

/* Reads a duration: seconds, or a number with s, m, h or d behind it; may be a fraction. Gives
 * microseconds, at most 100 years. -EINVAL: not a duration; -ERANGE: negative or longer. */
int clock_parse_duration(const char *text, uint64_t *ret_usec)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	const double longest = 100 * 365.25 * 86400;
	char *end;
	double value;

	if (strspn(text, "0123456789.") == 0)
		return *text == '-' ? -ERANGE : -EINVAL;
	value = strtod(text, &end);
	if (end != text + strspn(text, "0123456789."))
		return -EINVAL;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < ELEMENTS(units); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		value *= units[i].seconds;
		if (!isfinite(value) || value > longest)
			return -ERANGE;
		*ret_usec = (uint64_t)(value * 1e6 + 0.5);
		return 0;
	}
	return -EINVAL;
}
