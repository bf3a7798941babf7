#include "tests/unit/cmocka-all.h"

#include "tests/unit/histories.h"

#include <string.h>
#include <time.h>

#include "cache/schema.h"

int histories_setup(void **state)
{
	static char mac[][13] = {"0C1105000001", "0C1105000002", "0C1105000003", "0C1105000004"};
	static char names[][12] = {"Front Door", "Garage", "Garage", "Desk"};
	static char types[][24] = {"Multi-tenants Doorphone", "single-tenant doorphone",
		"Access Control", "Guard Phone"};
	static char sips[][4] = {"101", "102", "102", "104"};
	struct histories *h = calloc(1, sizeof(*h));
	void *scratch;

	assert_int_equal(scratch_setup(&scratch), 0);
	h->scratch = *(struct scratch *)scratch;
	free(scratch);
	assert_int_equal(zone_new(&h->zone, "UTC"), 0);
	h->settings = (struct history_settings){.zone = h->zone,
		.keep_sec = 90 * 86400,
		.max_event_age_sec = 600,
		.pictures = true};
	memcpy(h->id, "r1", 3);
	h->home.id = h->id;
	h->home.devices = h->devices;
	for (size_t i = 0; i < ELEMENTS(h->devices); i++)
		h->devices[i] = (struct device){
			.next = i + 1 < ELEMENTS(h->devices) ? &h->devices[i + 1] : NULL,
			.home = &h->home,
			.mac = mac[i],
			.name = names[i],
			.type = types[i],
			.sip = sips[i],
		};
	histories_open(h, h->scratch.file);
	*state = h;
	return 0;
}

int histories_teardown(void **state)
{
	struct histories *h = *state;
	struct scratch *scratch = malloc(sizeof(*scratch));

	*scratch = h->scratch;
	histories_close(h);
	h->zone = zone_free(h->zone);
	free(h);
	return scratch_teardown((void **)&scratch);
}

/* As the daemon does at its start, which never comes in the millisecond of its end: numbers of
 * entries begin with the clock. */
void histories_open(struct histories *h, const char *path)
{
	struct timespec before, now;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &before), 0);
	do
		assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	while (now.tv_sec == before.tv_sec && now.tv_nsec - before.tv_nsec < 1000000);
	assert_int_equal(cache_file_new(&h->file, path, cache_schema()), 0);
	assert_int_equal(history_new(&h->history, h->file, &h->settings), 0);
}

/* As kill -9 does, but for the log that is brought into the file. */
void histories_close(struct histories *h)
{
	h->history = history_free(h->history);
	h->file = cache_file_free(h->file);
}

/* The first answer of the door history, with one row of an hour ago. */
void histories_seed(struct histories *h)
{
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old")), .rows = 1);
	assert_int_equal(histories_pending(h, 0)->n, 0);
}

struct history_news histories_merge_at(struct histories *h, enum history_kind kind,
	const struct sample *samples, size_t n, int64_t now)
{
	_cleanup_free_ struct history_record *records = calloc(n + 1, sizeof(*records));
	_cleanup_free_ char(*times)[20] = calloc(n + 1, sizeof(*times));
	struct history_news news = {.rows = 99};

	for (size_t i = 0; i < n; i++) {
		const struct sample *s = &samples[i];
		time_t t = (time_t)s->epoch;
		struct tm tm;

		(void)strftime(times[i], sizeof(*times), "%Y-%m-%d %H:%M:%S", gmtime_r(&t, &tm));
		records[i] = (struct history_record){
			.time = times[i],
			.name = s->name ? s->name : "",
			.sip = kind == HISTORY_CALL && s->device ? s->device : "",
			.device = kind == HISTORY_DOOR && s->device ? s->device : "",
			.type = "",
			.opened = kind == HISTORY_DOOR && !s->denied,
			.picture = s->picture ? s->picture : "",
			.thumbnail = "",
		};
	}
	assert_int_equal(history_merge(h->history, &h->home, kind, records, n, now, &news), 0);
	return news;
}

struct history_news histories_merge(
	struct histories *h, enum history_kind kind, const struct sample *samples, size_t n)
{
	return histories_merge_at(h, kind, samples, n, NOW);
}

static int on_entry(const struct outbox_entry *entry, void *userdata)
{
	struct all_told *all = userdata;
	struct told *told = &all->items[all->n++];

	assert_true(all->n < ELEMENTS(all->items));
	assert_true(entry->row.told);
	told->entry = entry->entry;
	told->epoch = entry->row.epoch;
	told->picture = entry->picture;
	told->type = entry->row.type;
	(void)snprintf(told->event_id, sizeof(told->event_id), "%s", entry->row.event_id);
	(void)snprintf(told->name, sizeof(told->name), "%.60s", entry->row.name);
	(void)snprintf(told->mac, sizeof(told->mac), "%s", entry->row.mac);
	(void)snprintf(told->address, sizeof(told->address), "%.60s", entry->row.picture);
	(void)snprintf(told->thumbnail, sizeof(told->thumbnail), "%.60s", entry->row.thumbnail);
	return 0;
}

/* Valid until the next call. */
const struct all_told *histories_pending(struct histories *h, int64_t after)
{
	static struct all_told all;

	all.n = 0;
	assert_int_equal(history_pending(h->history, after, SIZE_MAX, on_entry, &all), 0);
	for (size_t i = 1; i < all.n; i++)
		assert_true(all.items[i].entry > all.items[i - 1].entry);
	return &all;
}

void histories_all_done(struct histories *h)
{
	const struct all_told *all = histories_pending(h, 0);

	for (size_t i = 0; i < all->n; i++)
		assert_int_equal(history_done(h->history, &all->items[i].entry, 1), 0);
	assert_int_equal(history_count_pending(h->history), 0);
}

static int on_row(const struct archive_row *row, void *userdata)
{
	++*(size_t *)userdata;
	return 0;
}

size_t histories_count(struct histories *h, enum history_kind kind)
{
	const struct archive_query query = {.residence_id = h->home.id,
		.kind = (int)kind,
		.since = INT64_MIN,
		.until = INT64_MAX,
		.limit = SIZE_MAX};
	size_t n = 0;

	assert_int_equal(history_find(h->history, &query, on_row, &n), 0);
	return n;
}

static int on_number(const struct store_row *row, void *userdata)
{
	*(int64_t *)userdata = store_number(row, 0);
	return 0;
}

/* How many rows were ever changed by the open file; reading does not change it. */
int64_t histories_version(const struct histories *h)
{
	int64_t changes = -1;

	assert_non_null(cache_file_store(h->file));
	assert_int_equal(store_each(cache_file_store(h->file), "SELECT total_changes()", on_number,
				 &changes, ""),
		0);
	return changes;
}
