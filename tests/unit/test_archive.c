#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/schema.h"
#include "tests/unit/histories.h"

/* The first letters of the names of the rows found. */
struct letters {
	char text[64];
	size_t n;
	int64_t last_row;
};

static int on_row(const struct archive_row *row, void *userdata)
{
	struct letters *letters = userdata;

	if (letters->n == sizeof(letters->text) - 1)
		return -E2BIG;
	letters->text[letters->n++] = row->name[0];
	if (row->row > letters->last_row)
		letters->last_row = row->row;
	return 0;
}

static const char *find(struct histories *h, const struct archive_query *query)
{
	static struct letters letters;

	letters = (struct letters){.n = 0};
	assert_int_equal(history_find(h->history, query, on_row, &letters), 0);
	return letters.text;
}

/* Two homes, both with calls and openings. */
static void fill(struct histories *h)
{
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 10, "b"), ROW(NOW + 20, "c"));
	(void)MERGE(h, HISTORY_CALL, ROW(NOW + 5, "d"), ROW(NOW + 10, "e"));
	h->id[1] = '2';
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 7, "f"));
	(void)MERGE(h, HISTORY_CALL, ROW(NOW + 30, "g"));
	h->id[1] = '1';
}

static void queries(void **state)
{
	struct histories *h = *state;
	static const struct {
		struct archive_query query;
		const char *found;
	} samples[] = {
		{{NULL, -1, INT64_MIN, INT64_MAX, 0, 100}, "gcebfda"},
		{{"r1", -1, INT64_MIN, INT64_MAX, 0, 100}, "cebda"},
		{{"r1", HISTORY_DOOR, INT64_MIN, INT64_MAX, 0, 100}, "cba"},
		{{NULL, HISTORY_CALL, INT64_MIN, INT64_MAX, 0, 100}, "ged"},
		{{"r1", -1, NOW + 5, NOW + 20, 0, 100}, "ebd"},
		{{"r1", -1, INT64_MIN, INT64_MAX, 0, 3}, "ceb"},
		{{"r1", HISTORY_DOOR, INT64_MIN, INT64_MAX, 0, 1}, "c"},
		{{NULL, -1, INT64_MIN, INT64_MAX, 0, 2}, "gc"},
		{{NULL, -1, INT64_MIN, INT64_MAX, 4, 100}, "gef"},
		{{"r1", -1, INT64_MIN, INT64_MAX, 0, 0}, ""},
		{{"r3", -1, INT64_MIN, INT64_MAX, 0, 100}, ""},
		{{"", -1, INT64_MIN, INT64_MAX, 0, 100}, ""},
	};
	struct letters letters = {.n = sizeof(letters.text) - 3};

	fill(h);
	for (size_t i = 0; i < ELEMENTS(samples); i++)
		assert_string_equal(find(h, &samples[i].query), samples[i].found);
	/* The callback may stop it; the file is not to blame. */
	assert_int_equal(history_find(h->history, &samples[0].query, on_row, &letters), -E2BIG);
	assert_non_null(cache_file_store(h->file));
}

static int check_row(const struct archive_row *row, void *userdata)
{
	assert_string_equal(row->residence_id, "r1");
	assert_int_equal(row->kind, HISTORY_DOOR);
	assert_int_equal(row->type, EVENT_DENIED);
	assert_int_equal(strlen(row->event_id), 32);
	assert_string_equal(row->time, "2026-03-01 12:00:00");
	assert_int_equal(row->epoch, NOW);
	assert_string_equal(row->mac, "0C1105000001");
	assert_string_equal(row->name, "J\xc3\xb6rg");
	assert_string_equal(row->sip, "");
	assert_string_equal(row->device, "Front Door");
	assert_string_equal(row->door_type, "");
	assert_string_equal(row->picture, "https://p");
	assert_string_equal(row->thumbnail, "");
	assert_false(row->told);
	++*(int *)userdata;
	return 0;
}

static void keeps_all_of_a_row(void **state)
{
	struct histories *h = *state;
	const struct archive_query query = {"r1", -1, NOW, NOW + 1, 0, 1};
	int n = 0;

	(void)MERGE(h, HISTORY_DOOR, {NOW, "J\xc3\xb6rg", "https://p", "Front Door", true});
	assert_int_equal(history_find(h->history, &query, check_row, &n), 0);
	assert_int_equal(n, 1);
}

/* The command line looks into the file while the daemon writes to it. */
static void read_from_outside(void **state)
{
	const struct archive_query query = {"r1", -1, INT64_MIN, INT64_MAX, 0, 100};
	struct histories *h = *state;
	_cleanup_(store_closep) struct store *store = NULL;
	const struct store_schema newer = {cache_schema()->steps, cache_schema()->n + 1};
	struct letters letters = {.n = 0};

	assert_int_equal(store_open_read_only(&store, h->scratch.file, cache_schema()), -ENOENT);
	assert_int_equal(access(h->scratch.file, F_OK), -1);
	fill(h);
	assert_int_equal(store_open_read_only(&store, h->scratch.file, cache_schema()), 0);
	assert_int_equal(archive_find(store, &query, on_row, &letters), 0);
	assert_string_equal(letters.text, "cebda");
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 40, "x"));
	/* What came since. */
	letters = (struct letters){.n = 0};
	assert_int_equal(
		archive_find(store, &(struct archive_query){"r1", -1, INT64_MIN, INT64_MAX, 7, 100},
			on_row, &letters),
		0);
	assert_string_equal(letters.text, "x");
	assert_true(store_begin(store) < 0 || outbox_remove(store, 1) < 0);
	store_rollback(store);
	store = store_close(store);
	assert_int_equal(store_open_read_only(&store, h->scratch.file, &newer), STORE_OLDER);
	assert_null(store);
	assert_int_equal(store_open_read_only(&store, h->scratch.file,
				 &(struct store_schema){cache_schema()->steps, 1}),
		STORE_NEWER);
	/* With the daemon at rest it works as well, and garbage stays where it is. */
	histories_close(h);
	assert_int_equal(store_open_read_only(&store, h->scratch.file, cache_schema()), 0);
	store = store_close(store);
	scratch_write(h->scratch.file, "garbage in the file", 19);
	assert_int_equal(store_open_read_only(&store, h->scratch.file, cache_schema()), -EUCLEAN);
	assert_int_equal(scratch_count(&h->scratch, "cache.db.broken-"), 0);
	histories_open(h, NULL);
}

static int count_tends(struct histories *h, int64_t now)
{
	int n = 1;

	while (history_tend(h->history, now))
		n++;
	return n;
}

static void old_rows_go(void **state)
{
	struct histories *h = *state;
	const struct archive_query query = {"r1", -1, INT64_MIN, INT64_MAX, 0, 100};
	const int64_t day = 86400, later = NOW + 90 * day + 5;
	int64_t version;

	fill(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 1, "p"));
	(void)MERGE_AT(h, HISTORY_DOOR, NOW + 1000, ROW(NOW + 2, "q"));
	assert_false(history_tend(h->history, NOW));
	assert_string_equal(find(h, &query), "cebdqpa");
	/* p waits to be published. */
	assert_true(count_tends(h, later) > 1);
	assert_string_equal(find(h, &query), "cebdp");
	histories_all_done(h);
	/* At most every six hours, and then without a write if there is nothing. */
	assert_false(history_tend(h->history, later + 6 * 3600 - 1));
	assert_string_equal(find(h, &query), "cebdp");
	assert_true(count_tends(h, later + 6 * 3600) > 1);
	assert_string_equal(find(h, &query), "");
	version = histories_version(h);
	assert_int_equal(count_tends(h, later + 12 * 3600), 1);
	assert_int_equal(histories_version(h), version);
	/* The cloud still shows them. */
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 20, "c")).rows, 0);
	assert_int_equal(histories_version(h), version);
	/* A row that came to light only now is news all the same. */
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW + 21, "n")).events, 1);
}

static int64_t add_rows(struct histories *h, size_t n, int64_t epoch)
{
	static struct sample many[10000];

	while (n > 0) {
		size_t now = n < ELEMENTS(many) ? n : ELEMENTS(many);

		for (size_t i = 0; i < now; i++)
			many[i] = (struct sample){.epoch = epoch++, .name = "x"};
		(void)histories_merge_at(h, HISTORY_DOOR, many, now, epoch);
		n -= now;
	}
	return epoch;
}

static int on_number(const struct store_row *row, void *userdata)
{
	*(int64_t *)userdata = store_number(row, 0);
	return 0;
}

static void too_many_rows_go(void **state)
{
	struct histories *h = *state;
	int64_t epoch, n = 0;

	h->settings.max_event_age_sec = 1000000;
	history_set(h->history, &h->settings);
	epoch = add_rows(h, 10, NOW);
	/* All of them wait to be published; that does not make the file grow without end. */
	epoch = add_rows(h, HISTORY_ROWS_MAX, epoch);
	(void)count_tends(h, epoch);
	assert_int_equal(store_each(cache_file_store(h->file), "SELECT count(*) FROM history",
				 on_number, &n, ""),
		0);
	assert_int_equal(n, HISTORY_ROWS_MAX - 490);
	assert_int_equal(history_count_pending(h->history), n);
	/* The oldest went. */
	assert_int_equal(store_each(cache_file_store(h->file), "SELECT min(epoch) FROM history",
				 on_number, &n, ""),
		0);
	assert_int_equal(n, NOW + 500);
	assert_int_equal(
		histories_merge_at(h, HISTORY_DOOR,
			(const struct sample[]){{.epoch = NOW + 499, .name = "x"}}, 1, epoch)
			.rows,
		0);
}

#define ARCHIVE_TEST(f) cmocka_unit_test_setup_teardown(f, histories_setup, histories_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ARCHIVE_TEST(queries),
		ARCHIVE_TEST(keeps_all_of_a_row),
		ARCHIVE_TEST(read_from_outside),
		ARCHIVE_TEST(old_rows_go),
		ARCHIVE_TEST(too_many_rows_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
