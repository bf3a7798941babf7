#include "util/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY INT64_C(86400)

/* Years that are looked at, as seconds since 1970: to 2100, or as far as a short time_t goes. What
 * lies outside has the offset of the nearest. */
#define SCAN_FIRST INT64_C(0)
#define SCAN_LAST  (sizeof(time_t) > 4 ? INT64_C(4102444800) : (int64_t)INT32_MAX)

/* No zone changes its offset twice within so short a time for good. */
#define SCAN_STEP (7 * DAY)

#define ZONE_FOLDER "/usr/share/zoneinfo"

/* From then on local time is so many seconds ahead of UTC. */
struct change {
	int64_t at;
	int64_t offset;
};

struct zone {
	size_t n;
	size_t room;
	struct change *changes; /* by time; the first is at INT64_MIN */
};

static int add_change(struct zone *zone, int64_t at, int64_t offset)
{
	if (zone->n == zone->room) {
		size_t room = zone->room ? 2 * zone->room : 16;
		struct change *changes = reallocarray(zone->changes, room, sizeof(*changes));

		if (!changes)
			return -ENOMEM;
		zone->changes = changes;
		zone->room = room;
	}
	zone->changes[zone->n++] = (struct change){at, offset};
	return 0;
}

static int64_t local_offset(int64_t epoch)
{
	time_t t = (time_t)epoch;
	struct tm tm = {0};

	(void)localtime_r(&t, &tm);
	return tm.tm_gmtoff;
}

/* The first second after t, and not after end, with another offset than t has. */
static int64_t find_change(int64_t t, int64_t end)
{
	int64_t offset = local_offset(t);

	while (end - t > 1) {
		int64_t middle = t + (end - t) / 2;

		if (local_offset(middle) == offset)
			t = middle;
		else
			end = middle;
	}
	return end;
}

static int scan(struct zone *zone)
{
	int r = add_change(zone, INT64_MIN, local_offset(SCAN_FIRST));

	for (int64_t t = SCAN_FIRST; r == 0 && t < SCAN_LAST;) {
		int64_t next = t + SCAN_STEP < SCAN_LAST ? t + SCAN_STEP : SCAN_LAST;

		if (local_offset(next) != zone->changes[zone->n - 1].offset) {
			next = find_change(t, next);
			r = add_change(zone, next, local_offset(next));
		}
		t = next;
	}
	return r;
}

/* glibc takes a zone that it does not know for UTC, so look whether there is such a file. */
static bool is_known(const char *name)
{
	const char *folder = getenv("TZDIR");
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	char magic[4];

	if (strcmp(name, "UTC") == 0)
		return true;
	if (!*name || *name == '/' || *name == '.' || strstr(name, "/."))
		return false;
	if (asprintf(&path, "%s/%s", folder && *folder ? folder : ZONE_FOLDER, name) < 0) {
		path = NULL;
		return false;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "TZif", sizeof(magic)) == 0;
}

static int scan_as(struct zone *zone, const char *name)
{
	const char *kept = getenv("TZ");
	_cleanup_free_ char *before = kept ? strdup(kept) : NULL, *value = NULL;
	int r;

	if (kept && !before)
		return -ENOMEM;
	if (asprintf(&value, ":%s", name) < 0) {
		value = NULL;
		return -ENOMEM;
	}
	if (setenv("TZ", value, 1) < 0)
		return -ENOMEM;
	tzset();
	r = scan(zone);
	/* Cannot fail for lack of memory where it is unset; else the old value was there before. */
	if (before)
		(void)setenv("TZ", before, 1);
	else
		(void)unsetenv("TZ");
	tzset();
	return r;
}

/* Reads the zone of that IANA name from the system's zone files; UTC is known without them. Sets
 * $TZ for a moment, so call it only while the process has no other thread that may read the
 * environment: at the start, or while no name is looked up. -ENOENT: there is no such zone. */
int zone_new(struct zone **ret, const char *name)
{
	_cleanup_(zone_freep) struct zone *zone = NULL;
	int r;

	if (!is_known(name))
		return -ENOENT;
	zone = calloc(1, sizeof(*zone));
	if (!zone)
		return -ENOMEM;
	r = strcmp(name, "UTC") == 0 ? add_change(zone, INT64_MIN, 0) : scan_as(zone, name);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(zone);
	return 0;
}

/* Takes NULL, returns NULL. */
struct zone *zone_free(struct zone *zone)
{
	if (!zone)
		return NULL;
	free(zone->changes);
	free(zone);
	return NULL;
}

/* Index of what holds at that time. */
static size_t find(const struct zone *zone, int64_t epoch)
{
	size_t low = 0, high = zone->n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (zone->changes[middle].at <= epoch)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Seconds since 1970 of a local time, which is given as if it were UTC, and years 1970 to 9999. Of
 * the two times that a clock showed it in autumn it is the latest that is not after now, for what
 * is told of has happened; if both are, the first. An hour that was skipped in spring is read by
 * a clock that missed it: 02:30 is half an hour after the change. Reads only: any thread may. */
int64_t zone_epoch(const struct zone *zone, int64_t local, int64_t now)
{
	/* No offset is as long as a day, and no two changes are as close. */
	size_t i = find(zone, local - DAY), last = find(zone, local + DAY);
	int64_t epoch = 0, skipped = local - zone->changes[i].offset;
	bool found = false;

	for (; i <= last; i++) {
		int64_t t = local - zone->changes[i].offset;

		if (t < zone->changes[i].at)
			break;
		if (i + 1 < zone->n && t >= zone->changes[i + 1].at)
			continue;
		if (!found || t <= now + ZONE_SLACK)
			epoch = t;
		found = true;
	}
	return found ? epoch : skipped;
}
