#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "cache/home.h"
#include "tests/unit/homes.h"
#include "tests/unit/scratch.h"

/* A child that saves all the time is killed in the middle; each save gives all homes a new name. */
static void killed_while_saving(void **state)
{
	const struct scratch *scratch = *state;

	for (int round = 0; round < 8; round++) {
		_cleanup_(cache_freep) struct cache *cache = NULL;
		struct seen seen = {0};
		int fds[2], status;
		char byte;
		pid_t child;

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		child = fork();
		if (child == 0) {
			cache = homes_cache(scratch->file, &seen);
			for (unsigned i = 0;; i++) {
				char name[16];

				(void)snprintf(name, sizeof(name), "name %u", i);
				homes_merge_many(cache, 90, name);
				(void)!write(fds[1], "", 1);
				(void)cache_save(cache);
			}
		}
		(void)close(fds[1]);
		for (int i = 0; i <= round; i++)
			assert_int_equal(read(fds[0], &byte, 1), 1);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		(void)close(fds[0]);
		cache = homes_cache(scratch->file, &seen);
		if (round > 0)
			assert_int_equal(cache_count(cache), 90);
		cache_each_home (cache, home) {
			assert_string_equal(home->name, cache_homes(cache)->name);
			assert_string_equal(home->devices->name, home->name);
			assert_string_equal(home->devices->relays->next->name, home->name);
		}
	}
	assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 0);
}

static void broken_file_is_set_aside(void **state)
{
	const struct scratch *scratch = *state;
	char garbage[5000], older[340];

	memset(garbage, 'x', sizeof(garbage));
	(void)snprintf(older, sizeof(older), "%s.broken-123", scratch->file);
	for (size_t size = 2; size < sizeof(garbage); size *= 7) {
		_cleanup_(cache_freep) struct cache *cache = NULL;
		struct seen seen = {0};

		scratch_write(older, "x", 1);
		scratch_write(scratch->file, garbage, size);
		cache = homes_cache(scratch->file, &seen);
		assert_non_null(cache_file_store(cache_file(cache)));
		/* Only the newest is kept. */
		assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 1);
		assert_int_equal(access(older, F_OK), -1);
		homes_merge_many(cache, 2, "x");
		homes_save(cache);
		homes_check_file(scratch->file, cache);
	}
}

static void truncated_file_is_set_aside(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	struct stat st;

	homes_merge_many(cache, 500, "x");
	homes_save(cache);
	cache = cache_free(cache);
	assert_int_equal(stat(scratch->file, &st), 0);
	assert_int_equal(truncate(scratch->file, st.st_size / 2 + 100), 0);
	cache = homes_cache(scratch->file, &seen);
	assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 1);
	homes_merge_many(cache, 500, "x");
	assert_true(cache_unsaved(cache));
	homes_save(cache);
	assert_int_equal(cache_count(cache), 500);
	homes_check_file(scratch->file, cache);
}

/* Only the devices' pages are damaged: the homes were read before, and go into the new file. */
static void what_could_be_read_is_kept(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	sqlite3 *other;

	homes_merge_many(cache, 5, "x");
	homes_save(cache);
	cache = cache_free(cache);
	assert_int_equal(sqlite3_open(scratch->file, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "DROP TABLE device", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	cache = homes_cache(scratch->file, &seen);
	assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 1);
	assert_int_equal(cache_count(cache), 5);
	assert_true(cache_unsaved(cache));
	homes_save(cache);
	homes_check_file(scratch->file, cache);
}

static void breaks_while_running(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	static const char garbage[1 << 20] = "garbage";
	_cleanup_close_ int fd = -1;
	struct stat st;

	/* More than SQLite keeps in memory. */
	homes_merge_many(cache, 6000, "x");
	homes_save(cache);
	fd = open(scratch->file, O_WRONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 4096; at < st.st_size; at += (off_t)sizeof(garbage))
		assert_true(
			pwrite(fd, garbage,
				st.st_size - at < (off_t)sizeof(garbage) ? (size_t)(st.st_size - at)
									 : sizeof(garbage),
				at) > 0);
	homes_merge_many(cache, 6000, "y");
	homes_save(cache);
	assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 1);
	assert_false(cache_unsaved(cache));
	homes_check_file(scratch->file, cache);
}

static void newer_file_is_left_alone(void **state)
{
	static const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	struct stat st;
	sqlite3 *other;

	homes_merge_many(cache, 2, "x");
	homes_save(cache);
	cache = cache_free(cache);
	assert_int_equal(sqlite3_open(scratch->file, &other), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(other, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(utimensat(AT_FDCWD, scratch->file, long_ago, 0), 0);
	cache = homes_cache(scratch->file, &seen);
	assert_null(cache_homes(cache));
	homes_merge_many(cache, 3, "y");
	assert_false(cache_unsaved(cache));
	assert_false(cache_save(cache));
	assert_int_equal(stat(scratch->file, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
	assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 0);
}

/* The folder is not there at first, as when a card is mounted late. */
static void file_comes_later(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = NULL;
	struct scratch below;
	char away[300];

	below = *scratch;
	(void)snprintf(below.dir, sizeof(below.dir), "%.200s/card", scratch->dir);
	(void)snprintf(below.file, sizeof(below.file), "%s/cache.db", below.dir);
	(void)snprintf(away, sizeof(away), "%.200s/away", scratch->dir);
	assert_int_equal(mkdir(below.dir, 0700), 0);
	cache = homes_cache(below.file, &seen);
	homes_merge_many(cache, 3, "in the file");
	homes_save(cache);
	cache = cache_free(cache);
	assert_int_equal(rename(below.dir, away), 0);

	cache = homes_cache(below.file, &seen);
	homes_merge_many(cache, 2, "in memory");
	assert_true(cache_unsaved(cache));
	assert_false(cache_save(cache));
	assert_true(cache_unsaved(cache));
	assert_int_equal(rename(away, below.dir), 0);
	seen.changed = 0;
	assert_false(cache_save(cache));
	assert_false(cache_unsaved(cache));
	/* What the file had comes in addition, and somebody hears of it. */
	assert_int_equal(seen.changed, 1);
	assert_ptr_equal(seen.last, cache_find(cache, "h0002"));
	assert_string_equal(cache_find(cache, "h0001")->name, "in memory");
	assert_string_equal(cache_find(cache, "h0002")->devices->name, "in the file");
	homes_check_file(below.file, cache);
}

/* Below a file no file can be: that stops root, too. */
static void hopeless_places(void **state)
{
	const struct scratch *scratch = *state;
	char below[340];
	const char *const places[] = {below, scratch->dir, "/dev/null", "", "/proc/cache.db"};

	scratch_write(scratch->file, "x", 1);
	(void)snprintf(below, sizeof(below), "%s/cache.db", scratch->file);
	for (size_t i = 0; i < ELEMENTS(places); i++) {
		struct seen seen = {0};
		_cleanup_(cache_freep) struct cache *cache = homes_cache(places[i], &seen);

		homes_merge_many(cache, 3, "x");
		assert_int_equal(cache_unsaved(cache), *places[i] != '\0');
		assert_false(cache_save(cache));
		assert_int_equal(cache_count(cache), 3);
	}
}

static void removed_while_running(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);

	homes_merge_many(cache, 120, "x");
	homes_save(cache);
	/* Whoever else keeps tables in the file ran into trouble with it. */
	assert_int_equal(unlink(scratch->file), 0);
	cache_file_failed(cache_file(cache), -EIO);
	assert_true(cache_unsaved(cache));
	homes_save(cache);
	assert_false(cache_unsaved(cache));
	homes_check_file(scratch->file, cache);
}

/* The child's log is to have one line for the outage and one for its end. */
static void count_log_lines(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[200];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n++;
	if (n != 2)
		_exit(6);
}

static void child_fills_the_disk(const struct scratch *scratch)
{
	/* Large enough for the tables, not for the homes. */
	struct rlimit limit = {70000, RLIM_INFINITY};
	struct seen seen = {0};
	struct cache *cache;
	char log[320];

	(void)snprintf(log, sizeof(log), "%s/log", scratch->dir);
	if (!freopen(log, "we", stderr) || dup2(fileno(stderr), STDERR_FILENO) < 0)
		_exit(7);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	cache = homes_cache(scratch->file, &seen);
	if (!cache_file_store(cache_file(cache)))
		_exit(1);
	homes_merge_many(cache, 90, "x");
	homes_save(cache);
	if (cache_unsaved(cache))
		_exit(2);
	homes_merge_many(cache, 900, "y");
	for (int i = 0; i < 3; i++) {
		homes_save(cache);
		if (!cache_unsaved(cache))
			_exit(3);
	}
	if (cache_count(cache) != 900)
		_exit(4);
	limit.rlim_cur = RLIM_INFINITY;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	homes_save(cache);
	if (cache_unsaved(cache))
		_exit(5);
	cache_free(cache);
	count_log_lines(log);
	_exit(0);
}

static void full_disk_and_room_again(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = NULL;
	pid_t child = fork();
	int status;

	if (child == 0)
		child_fills_the_disk(scratch);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	cache = homes_cache(scratch->file, &seen);
	assert_int_equal(cache_count(cache), 900);
	cache_each_home (cache, home)
		assert_string_equal(home->name, "y");
	assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 0);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FILE_TEST(killed_while_saving),
		FILE_TEST(broken_file_is_set_aside),
		FILE_TEST(truncated_file_is_set_aside),
		FILE_TEST(what_could_be_read_is_kept),
		FILE_TEST(breaks_while_running),
		FILE_TEST(newer_file_is_left_alone),
		FILE_TEST(file_comes_later),
		FILE_TEST(hopeless_places),
		FILE_TEST(removed_while_running),
		FILE_TEST(full_disk_and_room_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
