#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "cache/schema.h"
#include "tests/unit/histories.h"

static void assert_pending(struct histories *h, const char *names)
{
	const struct all_told *all = histories_pending(h, 0);

	assert_int_equal(all->n, strlen(names));
	for (size_t i = 0; i < all->n; i++)
		assert_int_equal(all->items[i].name[0], names[i]);
	assert_int_equal(history_count_pending(h->history), strlen(names));
}

static void reopen(struct histories *h)
{
	histories_close(h);
	histories_open(h, h->scratch.file);
}

/* So much of the file as there is now must do. The next that opens it has room again. */
static void fill_disk(struct histories *h)
{
	struct store *store = cache_file_store(h->file);

	assert_int_equal(store_each(store, "PRAGMA max_page_count = 1", NULL, NULL, ""), 0);
	assert_int_equal(store_each(store, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, ""), 0);
}

#define C100                                                                                     \
	"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" \
	"cccccccccccccc"
static const char long_name[] = C100 C100 C100 C100 C100;

static void without_a_file(void **state)
{
	struct histories *h = *state;
	char below[340];
	const char *const places[] = {NULL, "", "/dev/null", h->scratch.dir, below};

	(void)snprintf(below, sizeof(below), "%s/no/such/folder", h->scratch.dir);
	for (size_t i = 0; i < ELEMENTS(places); i++) {
		histories_close(h);
		histories_open(h, places[i]);
		histories_seed(h);
		for (int k = 0; k < 2; k++) {
			(void)MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"), ROW(NOW, "a"));
			assert_pending(h, "a");
			assert_false(history_tend(h->history, 100));
		}
		histories_all_done(h);
		assert_pending(h, "");
		(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 1, "b"), ROW(NOW, "a"));
		assert_pending(h, "b");
		assert_int_equal(histories_count(h, HISTORY_DOOR), 3);
	}
}

/* In memory less is kept, and what went does not come back as news. */
static void memory_is_bounded(void **state)
{
	static struct sample many[3 * HISTORY_MEMORY_ROWS_MAX];
	struct histories *h = *state;
	struct history_news news;

	histories_close(h);
	histories_open(h, NULL);
	for (size_t i = 0; i < ELEMENTS(many); i++)
		many[i] = (struct sample){.epoch = NOW - (int64_t)i, .name = "x"};
	(void)histories_merge(h, HISTORY_DOOR, many, ELEMENTS(many) / 2);
	(void)histories_merge(h, HISTORY_DOOR, many, ELEMENTS(many));
	histories_all_done(h);
	while (history_tend(h->history, NOW))
		;
	assert_in_range(histories_count(h, HISTORY_DOOR), 1, HISTORY_MEMORY_ROWS_MAX);
	news = histories_merge(h, HISTORY_DOOR, many, ELEMENTS(many) - 1);
	assert_int_equal(news.rows, 0);
	news = MERGE(h, HISTORY_DOOR, ROW(NOW + 1, "new"));
	assert_int_equal(news.events, 1);
}

/* What waited in the file is told while the disk is full, and what comes then is kept for it. */
static void disk_is_full(void **state)
{
	struct histories *h = *state;
	int64_t a;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 1, "b"));
	a = histories_pending(h, 0)->items[0].entry;
	fill_disk(h);
	for (int i = 0; i < 30; i++)
		(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 2 + i, long_name));
	assert_null(cache_file_store(h->file));
	assert_pending(h, "abcccccccccccccccccccccccccccccc");
	/* Acknowledged while nothing can be written. */
	assert_int_equal(history_done(h->history, &a, 1), 0);
	assert_pending(h, "bcccccccccccccccccccccccccccccc");
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 50, "d"), ROW(NOW - 3600, "old"));
	assert_pending(h, "bccccccccccccccccccccccccccccccd");
	assert_false(history_tend(h->history, 100));
	assert_non_null(cache_file_store(h->file));
	assert_pending(h, "bccccccccccccccccccccccccccccccd");
	reopen(h);
	assert_pending(h, "bccccccccccccccccccccccccccccccd");
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 50, "d")).rows, 0);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 34);
	assert_int_equal(scratch_count(&h->scratch, "cache.db.broken-"), 0);
}

static void folder_is_away(void **state)
{
	struct histories *h = *state;
	char away[300];

	(void)snprintf(away, sizeof(away), "%s.away", h->scratch.dir);
	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"));
	assert_int_equal(rename(h->scratch.dir, away), 0);
	cache_file_failed(h->file, -EIO);
	for (int i = 0; i < 3; i++) {
		(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 1, "b"));
		assert_pending(h, "ab");
		assert_false(history_tend(h->history, 100));
		assert_null(cache_file_store(h->file));
	}
	histories_all_done(h);
	/* A picture of a row that only the file knows. */
	assert_int_equal(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p")).pictures, 1);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 2, "c"));
	assert_int_equal(rename(away, h->scratch.dir), 0);
	assert_false(history_tend(h->history, 100));
	assert_non_null(cache_file_store(h->file));
	assert_pending(h, "ac");
	reopen(h);
	assert_pending(h, "ac");
	assert_string_equal(histories_pending(h, 0)->items[0].address, "p");
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"), SHOWN(NOW, "a", "p"),
				 ROW(NOW + 1, "b"), ROW(NOW + 2, "c"))
				 .rows,
		0);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 4);
}

/* The daemon starts without its file; when that comes it has news of its own. */
static void file_comes_later(void **state)
{
	struct histories *h = *state;
	char away[300];
	int64_t a;

	(void)snprintf(away, sizeof(away), "%s.away", h->scratch.dir);
	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW, "b"));
	a = histories_pending(h, 0)->items[0].entry;
	histories_close(h);
	assert_int_equal(rename(h->scratch.dir, away), 0);
	histories_open(h, h->scratch.file);
	/* Nobody knows that it is not the first. */
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW + 1, "c")).events, 0);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 2, "d"));
	(void)histories_merge(h, HISTORY_CALL, NULL, 0);
	assert_pending(h, "d");
	assert_int_equal(rename(away, h->scratch.dir), 0);
	assert_false(history_tend(h->history, 100));
	assert_pending(h, "abd");
	assert_true(histories_pending(h, 0)->items[2].entry > a);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 5);
	reopen(h);
	assert_pending(h, "abd");
	/* The empty first answer is remembered, too. */
	assert_int_equal(MERGE(h, HISTORY_CALL, ROW(NOW, "e")).events, 1);
}

/* Somebody else's trouble with the file; the tables are whole. */
static void closed_by_another(void **state)
{
	struct histories *h = *state;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"));
	cache_file_failed(h->file, -ENOMEM);
	assert_pending(h, "a");
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"), ROW(NOW, "a")).events, 0);
	histories_all_done(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 1, "b"));
	(void)history_tend(h->history, 100);
	assert_pending(h, "b");
	reopen(h);
	assert_pending(h, "b");
	assert_int_equal(histories_count(h, HISTORY_DOOR), 3);
}

/* The file is set aside; what is known by heart and what could be read goes into the new one. */
static void file_is_damaged(void **state)
{
	struct histories *h = *state;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 1, "b"));
	cache_file_failed(h->file, -EUCLEAN);
	assert_int_equal(scratch_count(&h->scratch, "cache.db.broken-"), 1);
	assert_pending(h, "ab");
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"), ROW(NOW, "a"),
				 ROW(NOW + 1, "b"), ROW(NOW + 2, "c"))
				 .events,
		1);
	/* All of it is in the new file already. */
	reopen(h);
	assert_pending(h, "abc");
	assert_int_equal(histories_count(h, HISTORY_DOOR), 4);
}

static void file_is_garbage(void **state)
{
	struct histories *h = *state;
	static const char garbage[1 << 16] = "garbage";
	_cleanup_close_ int fd = -1;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"));
	histories_all_done(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 1, "b"));
	reopen(h);
	/* Memory knows of it from here on. */
	assert_int_equal(
		MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"), ROW(NOW, "a"), ROW(NOW + 1, "b"))
			.rows,
		0);
	fd = open(h->scratch.file, O_WRONLY | O_CLOEXEC);
	assert_true(pwrite(fd, garbage, sizeof(garbage), 0) > 0);
	/* Pages that SQLite still has in memory would hide it. */
	assert_int_equal(
		store_each(cache_file_store(h->file), "PRAGMA cache_size = 0", NULL, NULL, ""), 0);
	for (int i = 0; i < 3; i++)
		(void)MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"), ROW(NOW, "a"),
			ROW(NOW + 1, "b"), ROW(NOW + 2, "c"));
	assert_int_equal(scratch_count(&h->scratch, "cache.db.broken-"), 1);
	assert_string_equal(
		histories_pending(h, 0)->items[histories_pending(h, 0)->n - 1].name, "c");
	assert_non_null(cache_file_store(h->file));
	for (size_t i = 0; i < histories_pending(h, 0)->n; i++)
		assert_string_not_equal(histories_pending(h, 0)->items[i].name, "a");
	reopen(h);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 4);
}

/* Only the newest rows are known by heart. What is older than all of them is no news. */
static void more_than_memory_knows(void **state)
{
	struct histories *h = *state;
	struct sample many[100];

	for (size_t i = 0; i < ELEMENTS(many); i++)
		many[i] = (struct sample){.epoch = NOW - (int64_t)i, .name = "x"};
	histories_seed(h);
	(void)histories_merge(h, HISTORY_DOOR, many + 1, ELEMENTS(many) - 1);
	histories_all_done(h);
	assert_int_equal(truncate(h->scratch.file, 0), 0);
	cache_file_failed(h->file, -EUCLEAN);
	assert_int_equal(histories_merge(h, HISTORY_DOOR, many, ELEMENTS(many)).events, 1);
	assert_int_equal(histories_pending(h, 0)->items[0].epoch, NOW);
	reopen(h);
	assert_int_equal(histories_merge(h, HISTORY_DOOR, many, ELEMENTS(many)).rows, 0);
}

/* What was published stays so, though the stand-in never saw it at first. */
static void known_by_heart(void **state)
{
	struct histories *h = *state;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"));
	histories_all_done(h);
	fill_disk(h);
	for (int i = 0; i < 30; i++)
		(void)MERGE(h, HISTORY_DOOR, ROW(NOW + 2 + i, long_name));
	assert_null(cache_file_store(h->file));
	histories_all_done(h);
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 40, "b")).events, 1);
	assert_pending(h, "b");
	assert_int_equal(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p")).pictures, 1);
	assert_false(history_tend(h->history, 100));
	reopen(h);
	assert_pending(h, "ba");
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old"), ROW(NOW, "a")).rows, 0);
}

static void file_was_removed(void **state)
{
	struct histories *h = *state;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"));
	assert_int_equal(unlink(h->scratch.file), 0);
	cache_file_failed(h->file, -EIO);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 1, "b"));
	(void)history_tend(h->history, 100);
	assert_pending(h, "ab");
	reopen(h);
	assert_pending(h, "ab");
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW + 2, "c")).events, 1);
}

static void file_of_a_newer_version(void **state)
{
	static const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct histories *h = *state;
	struct stat st;

	histories_seed(h);
	assert_int_equal(
		store_each(cache_file_store(h->file), "PRAGMA user_version = 99", NULL, NULL, ""),
		0);
	histories_close(h);
	assert_int_equal(utimensat(AT_FDCWD, h->scratch.file, long_ago, 0), 0);
	histories_open(h, h->scratch.file);
	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"));
	(void)history_tend(h->history, 100);
	assert_pending(h, "a");
	histories_close(h);
	assert_int_equal(stat(h->scratch.file, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
	histories_open(h, NULL);
}

/* A file of the version before there were histories keeps what it has. */
static void file_of_the_older_version(void **state)
{
	struct histories *h = *state;
	const struct store_schema older = {cache_schema()->steps, 1};
	struct store *store = NULL;

	histories_close(h);
	assert_int_equal(store_open(&store, h->scratch.file, &older), 0);
	assert_int_equal(
		store_run(store, "INSERT INTO residence VALUES ('r1', 'n', 1, 1, 1, 0)", ""), 0);
	store = store_close(store);
	assert_int_equal(
		store_open_read_only(&store, h->scratch.file, cache_schema()), STORE_OLDER);
	histories_open(h, h->scratch.file);
	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"));
	/* The home's row may be written anew. */
	store = cache_file_store(h->file);
	assert_int_equal(store_run(store, "DELETE FROM residence", ""), 0);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 2);
	assert_pending(h, "a");
}

static void another_process_writes(void **state)
{
	struct histories *h = *state;
	const struct history_record record = {"2026-03-01 12:00:01", "b", "", true, "", "", "", ""};
	struct history_news news = {.rows = 99};
	sqlite3 *other;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"));
	assert_int_equal(sqlite3_open(h->scratch.file, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
		history_merge(h->history, &h->home, HISTORY_DOOR, &record, 1, NOW, &news), -EBUSY);
	assert_int_equal(news.rows, 99);
	/* What brings nothing new needs no lock. */
	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW - 3600, "old")).rows, 0);
	/* It is over, though that cannot be written now. */
	assert_int_equal(history_done(h->history, &histories_pending(h, 0)->items[0].entry, 1), 0);
	assert_int_equal(histories_pending(h, 0)->n, 0);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(
		history_merge(h->history, &h->home, HISTORY_DOOR, &record, 1, NOW, &news), 0);
	assert_int_equal(news.events, 1);
	assert_false(history_tend(h->history, 100));
	assert_pending(h, "b");
	reopen(h);
	assert_pending(h, "b");
}

#define HISTORY_TEST(f) cmocka_unit_test_setup_teardown(f, histories_setup, histories_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		HISTORY_TEST(without_a_file),
		HISTORY_TEST(memory_is_bounded),
		HISTORY_TEST(disk_is_full),
		HISTORY_TEST(folder_is_away),
		HISTORY_TEST(file_comes_later),
		HISTORY_TEST(closed_by_another),
		HISTORY_TEST(file_is_damaged),
		HISTORY_TEST(file_is_garbage),
		HISTORY_TEST(more_than_memory_knows),
		HISTORY_TEST(known_by_heart),
		HISTORY_TEST(file_was_removed),
		HISTORY_TEST(file_of_a_newer_version),
		HISTORY_TEST(file_of_the_older_version),
		HISTORY_TEST(another_process_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
