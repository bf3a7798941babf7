#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/archive_walk.h"
#include "cache/schema.h"
#include "tests/unit/histories.h"

/* What was seen, in its order. */
struct seen {
	int64_t rows[8000];
	int64_t epochs[8000];
	char letters[8000];
	size_t n;
	unsigned pages;
	size_t most; /* of a page */
};

static int on_row(const struct archive_row *row, void *userdata)
{
	struct seen *seen = userdata;

	assert_true(seen->n < ELEMENTS(seen->rows));
	seen->rows[seen->n] = row->row;
	seen->epochs[seen->n] = row->epoch;
	seen->letters[seen->n++] = row->name[0];
	return 0;
}

static struct store *open_store(struct histories *h)
{
	struct store *store = NULL;

	assert_int_equal(store_open_read_only(&store, h->scratch.file, cache_schema()), 0);
	return store;
}

static const struct seen *walk(struct store *store, const struct archive_query *query)
{
	static struct seen seen;
	struct archive_walk walk;
	int r = 0;

	seen = (struct seen){.n = 0};
	assert_int_equal(archive_walk(&walk, store, query), 0);
	while (r == 0) {
		size_t before = seen.n;

		r = archive_page(&walk, store, on_row, &seen);
		assert_true(++seen.pages < 1000);
		if (seen.n - before > seen.most)
			seen.most = seen.n - before;
	}
	assert_int_equal(r, ARCHIVE_NONE);
	seen.letters[seen.n] = '\0';
	return &seen;
}

static void fill(struct histories *h)
{
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 10, "b"), ROW(NOW + 20, "c"));
	(void)MERGE(h, HISTORY_CALL, ROW(NOW + 5, "d"), ROW(NOW + 10, "e"));
	h->id[1] = '2';
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 7, "f"));
	(void)MERGE(h, HISTORY_CALL, ROW(NOW + 30, "g"));
	h->id[1] = '1';
}

static void oldest_first(void **state)
{
	struct histories *h = *state;
	_cleanup_(store_closep) struct store *store = NULL;
	static const struct {
		struct archive_query query;
		const char *found;
	} samples[] = {
		{{NULL, -1, INT64_MIN, INT64_MAX, 0, 0}, "adfbecg"},
		{{"r1", -1, INT64_MIN, INT64_MAX, 0, 0}, "adbec"},
		{{"r1", HISTORY_DOOR, INT64_MIN, INT64_MAX, 0, 0}, "abc"},
		{{NULL, HISTORY_CALL, INT64_MIN, INT64_MAX, 0, 0}, "deg"},
		{{NULL, -1, NOW + 5, NOW + 20, 0, 0}, "dfbe"},
		{{NULL, -1, NOW + 31, INT64_MAX, 0, 0}, ""},
		{{NULL, -1, INT64_MIN, NOW, 0, 0}, ""},
		{{"r3", -1, INT64_MIN, INT64_MAX, 0, 0}, ""},
		{{"", -1, INT64_MIN, INT64_MAX, 0, 0}, ""},
	};

	fill(h);
	store = open_store(h);
	for (size_t i = 0; i < ELEMENTS(samples); i++)
		assert_string_equal(walk(store, &samples[i].query)->letters, samples[i].found);
}

static void nothing_there(void **state)
{
	struct histories *h = *state;
	_cleanup_(store_closep) struct store *store = NULL;
	const struct archive_query all = {NULL, -1, INT64_MIN, INT64_MAX, 0, 0};

	(void)histories_merge(h, HISTORY_DOOR, NULL, 0);
	store = open_store(h);
	assert_int_equal(walk(store, &all)->n, 0);
}

/* More rows than a page has: some far apart, thousands in a burst, 1500 in one second. */
static void many_pages(void **state)
{
	struct histories *h = *state;
	static const char names[12][2] = {
		"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
	static struct sample samples[6000];
	_cleanup_(store_closep) struct store *store = NULL;
	const struct archive_query all = {NULL, -1, INT64_MIN, INT64_MAX, 0, 0};
	const struct seen *seen;

	for (size_t i = 0; i < ELEMENTS(samples); i++) {
		int64_t epoch = NOW - 80 * 86400 + (int64_t)i * 3600;

		if (i >= 1000)
			epoch = NOW - 20 * 86400 + (int64_t)(i - 1000);
		if (i >= 4500)
			epoch = NOW - 10 * 86400;
		samples[i] = (struct sample){.epoch = epoch, .name = names[i / 500]};
	}
	for (size_t i = 0; i < ELEMENTS(samples); i += 500)
		(void)histories_merge(h, i % 1000 ? HISTORY_CALL : HISTORY_DOOR, samples + i, 500);
	store = open_store(h);
	seen = walk(store, &all);
	assert_int_equal(seen->n, ELEMENTS(samples));
	for (size_t i = 1; i < seen->n; i++)
		assert_true(seen->epochs[i] > seen->epochs[i - 1] ||
			    (seen->epochs[i] == seen->epochs[i - 1] &&
				    seen->rows[i] > seen->rows[i - 1]));
	assert_int_equal(seen->most, ARCHIVE_PAGE_MAX);
	/* Neither one row a page nor all in one. */
	assert_in_range(seen->pages, 6, 30);
}

/* Years of nothing cost a page, not one for each day. */
static void far_apart(void **state)
{
	struct histories *h = *state;
	_cleanup_(store_closep) struct store *store = NULL;
	const struct archive_query all = {NULL, -1, INT64_MIN, INT64_MAX, 0, 0};
	const struct seen *seen;

	h->settings.keep_sec = INT64_C(40) * 366 * 86400;
	history_set(h->history, &h->settings);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW - 1000000000, "a"), ROW(NOW - 500000000, "b"),
		ROW(NOW, "c"));
	store = open_store(h);
	seen = walk(store, &all);
	assert_string_equal(seen->letters, "abc");
	assert_in_range(seen->pages, 2, 5);
}

static void what_is_added_meanwhile(void **state)
{
	struct histories *h = *state;
	_cleanup_(store_closep) struct store *store = NULL;
	static struct seen seen;
	const struct archive_query query = {"r1", -1, NOW + 5, NOW + 1000, 0, 0};
	struct archive_walk walk;

	seen = (struct seen){.n = 0};
	fill(h);
	store = open_store(h);
	assert_int_equal(archive_walk(&walk, store, &query), 0);
	/* By the service, while we read: late ones, too. */
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 15, "h"), ROW(NOW + 1, "i"), ROW(NOW + 2000, "j"));
	(void)MERGE(h, HISTORY_CALL, ROW(NOW + 40, "k"));
	h->id[1] = '2';
	(void)MERGE(h, HISTORY_CALL, ROW(NOW + 50, "l"));
	h->id[1] = '1';
	while (archive_page(&walk, store, on_row, &seen) == 0)
		;
	assert_string_equal(seen.letters, "dbec");
	seen.n = 0;
	assert_int_equal(archive_added(&walk, store, on_row, &seen), 0);
	assert_int_equal(archive_added(&walk, store, on_row, &seen), ARCHIVE_NONE);
	seen.letters[seen.n] = '\0';
	assert_string_equal(seen.letters, "hk");
}

static void many_are_added(void **state)
{
	struct histories *h = *state;
	static struct sample samples[ARCHIVE_PAGE_MAX + 10];
	_cleanup_(store_closep) struct store *store = NULL;
	static struct seen seen;
	const struct archive_query all = {NULL, -1, INT64_MIN, INT64_MAX, 0, 0};
	struct archive_walk walk;

	seen = (struct seen){.n = 0};
	for (size_t i = 0; i < ELEMENTS(samples); i++)
		samples[i] = (struct sample){.epoch = NOW - (int64_t)i, .name = "x"};
	histories_seed(h);
	store = open_store(h);
	assert_int_equal(archive_walk(&walk, store, &all), 0);
	(void)histories_merge(h, HISTORY_DOOR, samples, ELEMENTS(samples));
	assert_int_equal(archive_added(&walk, store, on_row, &seen), 0);
	assert_int_equal(seen.n, ARCHIVE_PAGE_MAX);
	assert_int_equal(archive_added(&walk, store, on_row, &seen), 0);
	assert_int_equal(seen.n, ELEMENTS(samples));
	assert_int_equal(archive_added(&walk, store, on_row, &seen), ARCHIVE_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, histories_setup, histories_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(oldest_first),
		TEST(nothing_there),
		TEST(many_pages),
		TEST(far_apart),
		TEST(what_is_added_meanwhile),
		TEST(many_are_added),
	};

	return cmocka_run_group_tests_name("archive walk", tests, NULL, NULL);
}
