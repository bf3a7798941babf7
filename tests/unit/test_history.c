#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/histories.h"

static void first_answer_is_silent(void **state)
{
	struct histories *h = *state;

	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW, "b"), ROW(NOW - 1, "a")), .rows = 2);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 2);
	assert_int_equal(histories_pending(h, 0)->n, 0);
	/* Calls are another history. */
	assert_news(MERGE(h, HISTORY_CALL, ROW(NOW, "b")), .rows = 1);
	assert_int_equal(histories_pending(h, 0)->n, 0);
	/* It is remembered in the file. */
	histories_close(h);
	histories_open(h, h->scratch.file);
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW, "b"), ROW(NOW, "c")), .rows = 1, .events = 1);
	assert_news(MERGE(h, HISTORY_CALL, ROW(NOW, "c")), .rows = 1, .events = 1);
}

/* A new home: its very first ring must be told. */
static void first_answer_may_be_empty(void **state)
{
	struct histories *h = *state;

	assert_news(histories_merge(h, HISTORY_CALL, NULL, 0), );
	histories_close(h);
	histories_open(h, h->scratch.file);
	assert_news(MERGE(h, HISTORY_CALL, ROW(NOW, "first")), .rows = 1, .events = 1);
}

static void a_row_is_one_event(void **state)
{
	struct histories *h = *state;
	char event_id[64];
	const struct all_told *all;
	struct stat st;

	histories_seed(h);
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"),
			    {NOW, "tom", "", "Front Door", false}),
		.rows = 1, .events = 1);
	all = histories_pending(h, 0);
	assert_int_equal(all->n, 1);
	assert_int_equal(strlen(all->items[0].event_id), 32);
	assert_int_equal(all->items[0].epoch, NOW);
	assert_string_equal(all->items[0].name, "tom");
	assert_string_equal(all->items[0].mac, "0C1105000001");
	assert_int_equal(all->items[0].type, EVENT_OPENED);
	memcpy(event_id, all->items[0].event_id, sizeof(event_id));
	/* Whatever part of it is shown, and nothing at all. */
	assert_news(MERGE(h, HISTORY_DOOR, {NOW, "tom", "", "Front Door", false}), );
	assert_news(histories_merge(h, HISTORY_DOOR, NULL, 0), );
	assert_news(MERGE(h, HISTORY_DOOR, {NOW, "tom", "", "Front Door", false},
			    ROW(NOW - 3600, "old")), );
	/* It stays until it is done, also after a crash. */
	for (int i = 0; i < 2; i++) {
		all = histories_pending(h, 0);
		assert_int_equal(all->n, 1);
		assert_string_equal(all->items[0].event_id, event_id);
		histories_close(h);
		histories_open(h, h->scratch.file);
	}
	histories_all_done(h);
	histories_close(h);
	histories_open(h, h->scratch.file);
	assert_int_equal(histories_pending(h, 0)->n, 0);
	assert_news(MERGE(h, HISTORY_DOOR, {NOW, "tom", "", "Front Door", false},
			    ROW(NOW - 3600, "old")), );
	assert_int_equal(histories_count(h, HISTORY_DOOR), 2);
	assert_int_equal(stat(h->scratch.file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* The same row always has the same id, even in a new file. */
	histories_close(h);
	assert_int_equal(unlink(h->scratch.file), 0);
	histories_open(h, h->scratch.file);
	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, {NOW, "tom", "", "Front Door", false});
	assert_string_equal(histories_pending(h, 0)->items[0].event_id, event_id);
}

static void what_tells_rows_apart(void **state)
{
	struct histories *h = *state;
	const struct sample samples[] = {
		{NOW, "a", NULL, "x", false},
		{NOW + 1, "a", NULL, "x", false},
		{NOW, "b", NULL, "x", false},
		{NOW, "a", NULL, "y", false},
		{NOW, "a", NULL, "x", true},
		{NOW, "ax", NULL, "", false},
		{NOW, "", NULL, "ax", false},
	};
	const struct all_told *all;

	histories_seed(h);
	for (size_t i = 0; i < ELEMENTS(samples); i++)
		assert_news(
			histories_merge(h, HISTORY_DOOR, &samples[i], 1), .rows = 1, .events = 1);
	assert_news(histories_merge(h, HISTORY_DOOR, samples, ELEMENTS(samples)), );
	/* So are calls. */
	(void)MERGE(h, HISTORY_CALL, ROW(NOW - 3600, "old"));
	for (size_t i = 0; i < 4; i++)
		assert_news(
			histories_merge(h, HISTORY_CALL, &samples[i], 1), .rows = 1, .events = 1);
	assert_news(histories_merge(h, HISTORY_CALL, samples, 4), );
	/* So are homes. */
	h->id[1] = '2';
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"));
	assert_news(histories_merge(h, HISTORY_DOOR, samples, 1), .rows = 1, .events = 1);
	all = histories_pending(h, 0);
	assert_int_equal(all->n, 12);
	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(all->items[i].event_id, all->items[k].event_id);
}

static void equal_rows_are_counted(void **state)
{
	struct histories *h = *state;
	const struct sample equal[4] = {ROW(NOW, "a"), ROW(NOW, "a"), ROW(NOW, "a"), ROW(NOW, "a")};
	const struct all_told *all;

	histories_seed(h);
	assert_news(histories_merge(h, HISTORY_DOOR, equal, 2), .rows = 2, .events = 2);
	assert_news(histories_merge(h, HISTORY_DOOR, equal, 1), );
	assert_news(histories_merge(h, HISTORY_DOOR, equal, 3), .rows = 1, .events = 1);
	assert_news(histories_merge(h, HISTORY_DOOR, equal, 2), );
	histories_all_done(h);
	histories_close(h);
	histories_open(h, h->scratch.file);
	assert_news(histories_merge(h, HISTORY_DOOR, equal, 4), .rows = 1, .events = 1);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 5);
	(void)histories_merge(h, HISTORY_CALL, NULL, 0);
	(void)histories_merge(h, HISTORY_CALL, equal, 4);
	all = histories_pending(h, 0);
	assert_int_equal(all->n, 5);
	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(all->items[i].event_id, all->items[k].event_id);
}

static void events_are_in_order_of_time(void **state)
{
	struct histories *h = *state;
	const struct all_told *all;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW - 2, "c"), ROW(NOW - 5, "b"), ROW(NOW, "d"),
		ROW(NOW - 9, "a"));
	/* One that came late is behind those told before. */
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 1, "f"), ROW(NOW - 7, "e"));
	all = histories_pending(h, 0);
	assert_int_equal(all->n, 6);
	for (size_t i = 0; i < all->n; i++)
		assert_int_equal(all->items[i].name[0], 'a' + (int)i);
	/* From the middle on. */
	all = histories_pending(h, all->items[3].entry);
	assert_int_equal(all->n, 2);
	assert_string_equal(all->items[0].name, "e");
}

/* The clock may have been set back since the entries before were numbered. */
static void order_survives_a_restart(void **state)
{
	struct histories *h = *state;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"));
	assert_int_equal(store_run(cache_file_store(h->file),
				 "UPDATE outbox SET entry = entry + 1000000000000000", ""),
		0);
	histories_close(h);
	histories_open(h, h->scratch.file);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 1, "b"));
	assert_int_equal(histories_pending(h, 0)->n, 2);
	assert_string_equal(histories_pending(h, 0)->items[1].name, "b");
}

static void old_rows_are_no_events(void **state)
{
	struct histories *h = *state;

	histories_seed(h);
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW - 601, "late"), ROW(NOW - 600, "just"),
			    ROW(NOW + 9999, "x"), ROW(NOW - 90 * 86400 - 1, "gone")),
		.rows = 3, .events = 2, .late = 1);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 4);
	/* Once known it does not become one. */
	assert_news(MERGE_AT(h, HISTORY_DOOR, NOW - 600, ROW(NOW - 601, "late")), );
}

/* A machine that booted in 1970: the newest row is the best clock there is. */
static void clock_that_was_never_set(void **state)
{
	struct histories *h = *state;

	histories_seed(h);
	assert_news(MERGE_AT(h, HISTORY_DOOR, 100, ROW(NOW, "new"), ROW(NOW - 601, "late")),
		.rows = 2, .events = 1, .late = 1);
	assert_false(history_tend(h->history, 100));
	assert_int_equal(histories_count(h, HISTORY_DOOR), 3);
}

/* The clock jumps ahead for a moment and back: nothing is told twice, and what is new is told. */
static void clock_that_jumps(void **state)
{
	struct histories *h = *state;
	const int64_t far = NOW + INT64_C(80) * 365 * 86400;

	histories_seed(h);
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW, "a")), .rows = 1, .events = 1);
	assert_news(MERGE_AT(h, HISTORY_DOOR, far, ROW(NOW, "a"), ROW(NOW + 1, "b")), );
	while (history_tend(h->history, far))
		;
	/* What waits to be published is not deleted. */
	assert_int_equal(histories_count(h, HISTORY_DOOR), 1);
	histories_all_done(h);
	history_set(h->history, &h->settings);
	while (history_tend(h->history, far))
		;
	assert_int_equal(histories_count(h, HISTORY_DOOR), 0);
	histories_close(h);
	histories_open(h, h->scratch.file);
	assert_news(
		MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"), ROW(NOW, "a"), ROW(NOW + 1, "b")),
		.rows = 1, .events = 1);
	assert_string_equal(histories_pending(h, 0)->items[0].name, "b");
}

static void writes_nothing_without_news(void **state)
{
	struct histories *h = *state;
	int64_t version;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p"), ROW(NOW, "b"));
	histories_all_done(h);
	version = histories_version(h);
	for (int i = 0; i < 2; i++) {
		(void)MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p"), ROW(NOW, "b"));
		(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "b"), SHOWN(NOW, "a", "p"));
		(void)MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "q"));
		(void)histories_merge(h, HISTORY_DOOR, NULL, 0);
		assert_false(history_tend(h->history, NOW));
		(void)histories_pending(h, 0);
		assert_int_equal(histories_version(h), version);
		histories_close(h);
		histories_open(h, h->scratch.file);
		(void)histories_pending(h, 0);
		version = histories_version(h);
	}
}

/* Not even a look into the file is spent on an answer that shows what the last one did. */
static void same_answer_costs_nothing(void **state)
{
	struct histories *h = *state;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW, "b"), SHOWN(NOW, "b", "p"));
	assert_int_equal(store_run(cache_file_store(h->file), "DELETE FROM history", ""), 0);
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "b", "p"), ROW(NOW, "b"), ROW(NOW, "a")), );
	assert_int_equal(histories_count(h, HISTORY_DOOR), 0);
}

static int refuse(const struct outbox_entry *entry, void *userdata)
{
	return ++*(int *)userdata == 2 ? -EINTR : 0;
}

static int count(const struct outbox_entry *entry, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

static void handing_out_may_stop(void **state)
{
	struct histories *h = *state;
	int64_t entries[3];
	int n = 0;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 1, "b"), ROW(NOW + 2, "c"));
	assert_int_equal(history_pending(h->history, 0, SIZE_MAX, refuse, &n), -EINTR);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(history_pending(h->history, 0, 2, count, &n), 0);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(history_pending(h->history, 0, 0, count, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(history_count_pending(h->history), 3);
	/* Acknowledgements come in any order, twice, and for what never was. */
	for (size_t i = 0; i < 3; i++)
		entries[i] = histories_pending(h, 0)->items[i].entry;
	assert_int_equal(
		history_done(h->history, (int64_t[]){entries[2], entries[0], entries[2], 7}, 4), 0);
	assert_int_equal(history_done(h->history, NULL, 0), 0);
	assert_int_equal(histories_pending(h, 0)->n, 1);
	assert_int_equal(histories_pending(h, 0)->items[0].entry, entries[1]);
}

static void a_home_may_be_forgotten(void **state)
{
	struct histories *h = *state;

	histories_seed(h);
	history_forget(h->history, "r1");
	history_forget(h->history, "r1");
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"), ROW(NOW, "new")), .rows = 1,
		.events = 1);
}

#define HISTORY_TEST(f) cmocka_unit_test_setup_teardown(f, histories_setup, histories_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		HISTORY_TEST(first_answer_is_silent),
		HISTORY_TEST(first_answer_may_be_empty),
		HISTORY_TEST(a_row_is_one_event),
		HISTORY_TEST(what_tells_rows_apart),
		HISTORY_TEST(equal_rows_are_counted),
		HISTORY_TEST(events_are_in_order_of_time),
		HISTORY_TEST(order_survives_a_restart),
		HISTORY_TEST(old_rows_are_no_events),
		HISTORY_TEST(clock_that_was_never_set),
		HISTORY_TEST(clock_that_jumps),
		HISTORY_TEST(writes_nothing_without_news),
		HISTORY_TEST(same_answer_costs_nothing),
		HISTORY_TEST(handing_out_may_stop),
		HISTORY_TEST(a_home_may_be_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
