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

/* n homes "h0000"… with a device of two relays each, all of that name. */
static void merge_homes(struct cache *cache, size_t n, const char *name)
{
	_cleanup_free_ struct family_record *families = calloc(n, sizeof(*families));
	_cleanup_free_ char(*ids)[8] = calloc(n, sizeof(*ids));
	struct device_record device = homes_device("0C1105000001", "r1");

	device.name = name;
	device.relays[1] = (struct relay_record){"r0", name, "2", true};
	device.n_relays = 2;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "h%04u", (unsigned)i % 10000);
		families[i] = (struct family_record){ids[i], name, i % 2 == 0, true};
	}
	assert_int_equal(cache_merge_homes(cache, families, n), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
			cache_merge_devices(cache, cache_find(cache, ids[i]), &device, 1), 0);
}

static void save_all(struct cache *cache)
{
	while (cache_save(cache))
		;
}

/* Fails if the file does not hold just what the cache does. */
static void assert_saved(const struct scratch *scratch, const struct cache *cache)
{
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *other = homes_cache(scratch->file, &seen);
	_cleanup_free_ char *expected = homes_dump(cache), *found = homes_dump(other);

	assert_string_equal(found, expected);
	assert_false(cache_unsaved(other));
	assert_int_equal(seen.changed, 0);
}

/* Changes whenever another connection writes to the file. */
static int64_t data_version(sqlite3 *db)
{
	sqlite3_stmt *statement;
	int64_t version;

	assert_int_equal(
		sqlite3_prepare_v2(db, "PRAGMA data_version", -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	version = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	return version;
}

static void restores_what_was_saved(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);

	assert_false(cache_unsaved(cache));
	merge_homes(cache, 250, "t\xc3\xbcr '\"");
	cache_merge_members(cache, cache_find(cache, "h0003"), 5);
	assert_true(cache_unsaved(cache));
	/* A hundred homes at a time. */
	assert_true(cache_save(cache));
	assert_true(cache_save(cache));
	assert_false(cache_save(cache));
	assert_false(cache_unsaved(cache));
	assert_saved(scratch, cache);
	cache = cache_free(cache);
	cache = homes_cache(scratch->file, &seen);
	cache_each_home (cache, home) {
		assert_int_equal(home->changed, CHANGED_ALL);
		assert_int_equal(home->devices->changed, CHANGED_ALL);
		assert_int_equal(home->devices->relays->changed, CHANGED_ALL);
		assert_string_equal(home->devices->relays->id, "r1");
	}
	assert_int_equal(cache_find(cache, "h0003")->members, 5);
	/* What the cloud then lists again is no difference. */
	homes_publish(cache);
	seen.changed = 0;
	merge_homes(cache, 250, "t\xc3\xbcr '\"");
	assert_int_equal(seen.changed, 0);
	assert_false(cache_unsaved(cache));
}

static void follows_each_difference(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	struct device_record device = homes_device("m1", "r1");
	struct home *home = homes_merge(cache, "a", &device, 1);
	struct family_record family = {"a", "home", true, true};

	for (int i = 0; i < 9; i++) {
		switch (i) {
		case 0:
			family.online = false;
			break;
		case 1:
			family.name = "other";
			break;
		case 2:
			device.online = false;
			break;
		case 3:
			device.relays[0].name = "other";
			break;
		case 4:
			device.mac = "M1";
			break;
		case 5:
			cache_merge_members(cache, home, 7);
			break;
		case 6:
			device.n_relays = 0;
			assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
			assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
			break;
		case 7:
			homes_publish(cache);
			cache_sweep(cache, home);
			assert_null(home->devices->relays);
			break;
		case 8:
			family.installed = false;
			break;
		}
		assert_int_equal(cache_merge_homes(cache, &family, 1), 0);
		assert_int_equal(cache_merge_devices(cache, home, &device, 1), 0);
		assert_true(cache_unsaved(cache));
		assert_false(cache_save(cache));
		assert_false(cache_unsaved(cache));
		assert_saved(scratch, cache);
	}
}

static void writes_nothing_without_a_difference(void **state)
{
	static const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	struct stat st;
	sqlite3 *other;
	int64_t version;

	merge_homes(cache, 3, "x");
	assert_false(cache_save(cache));
	assert_int_equal(sqlite3_open(scratch->file, &other), SQLITE_OK);
	version = data_version(other);
	merge_homes(cache, 3, "x");
	assert_int_equal(cache_merge_homes(cache, NULL, 0), 0);
	assert_false(cache_unsaved(cache));
	assert_false(cache_save(cache));
	assert_int_equal(data_version(other), version);
	merge_homes(cache, 3, "y");
	assert_false(cache_save(cache));
	assert_int_not_equal(data_version(other), version);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	/* Nor does a restart. */
	cache = cache_free(cache);
	assert_int_equal(utimensat(AT_FDCWD, scratch->file, long_ago, 0), 0);
	cache = homes_cache(scratch->file, &seen);
	merge_homes(cache, 3, "y");
	assert_false(cache_save(cache));
	cache = cache_free(cache);
	assert_int_equal(stat(scratch->file, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
}

/* Who is gone must be known after a restart too: somebody has to clear its topics. */
static void remembers_who_is_gone(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	const struct family_record family = {"h0000", "x", true, true};
	struct home *home;

	merge_homes(cache, 2, "x");
	home = cache_find(cache, "h0001");
	for (int i = 0; i < CACHE_GONE_AFTER; i++) {
		assert_int_equal(
			cache_merge_devices(cache, cache_find(cache, "h0000"), NULL, 0), 0);
		assert_int_equal(cache_merge_homes(cache, &family, 1), 0);
	}
	assert_true(home->gone);
	save_all(cache);
	assert_saved(scratch, cache);
	cache = cache_free(cache);

	cache = homes_cache(scratch->file, &seen);
	assert_null(cache_find(cache, "h0001"));
	assert_true(cache_homes(cache)->devices->gone);
	assert_true(cache_homes(cache)->devices->relays->gone);
	home = cache_homes(cache)->next;
	assert_true(home->gone);
	assert_int_equal(home->changed, CHANGED_ALL);
	/* It comes back with its device, which was gone for its sake only. */
	assert_int_equal(cache_merge_homes(cache,
				 (struct family_record[]){family, {"h0001", "x", true, true}}, 2),
		0);
	assert_false(home->gone);
	assert_false(home->devices->relays->gone);
	assert_true(cache_homes(cache)->devices->gone);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_homes(cache, &family, 1), 0);
	homes_publish(cache);
	cache_sweep(cache, home);
	assert_true(cache_unsaved(cache));
	save_all(cache);
	assert_int_equal(cache_count(cache), 1);
	assert_saved(scratch, cache);
}

static void refused_home_of_the_file_is_gone(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);

	merge_homes(cache, 2, "x");
	save_all(cache);
	cache = cache_free(cache);
	seen = (struct seen){.refused = "h0000"};
	cache = homes_cache(scratch->file, &seen);
	assert_int_equal(seen.changed, 0);
	assert_int_equal(cache_count(cache), 1);
	assert_true(cache_homes(cache)->gone);
	assert_true(cache_homes(cache)->devices->relays->gone);
}

static void no_secret_in_the_file(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	_cleanup_close_ int fd = -1;
	static char bytes[1 << 20];
	ssize_t size;

	merge_homes(cache, 3, "findable");
	save_all(cache);
	cache = cache_free(cache);
	fd = open(scratch->file, O_RDONLY | O_CLOEXEC);
	size = read(fd, bytes, sizeof(bytes));
	assert_true(size > 0);
	assert_non_null(memmem(bytes, (size_t)size, "findable", 8));
	assert_null(memmem(bytes, (size_t)size, "hidden", 6));
	assert_null(memmem(bytes, (size_t)size, "rtsp", 4));
}

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
				merge_homes(cache, 90, name);
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
		merge_homes(cache, 2, "x");
		save_all(cache);
		assert_saved(scratch, cache);
	}
}

static void truncated_file_is_set_aside(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	struct stat st;

	merge_homes(cache, 500, "x");
	save_all(cache);
	cache = cache_free(cache);
	assert_int_equal(stat(scratch->file, &st), 0);
	assert_int_equal(truncate(scratch->file, st.st_size / 2 + 100), 0);
	cache = homes_cache(scratch->file, &seen);
	assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 1);
	merge_homes(cache, 500, "x");
	assert_true(cache_unsaved(cache));
	save_all(cache);
	assert_int_equal(cache_count(cache), 500);
	assert_saved(scratch, cache);
}

/* Only the devices' pages are damaged: the homes were read before, and go into the new file. */
static void what_could_be_read_is_kept(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	sqlite3 *other;

	merge_homes(cache, 5, "x");
	save_all(cache);
	cache = cache_free(cache);
	assert_int_equal(sqlite3_open(scratch->file, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "DROP TABLE device", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	cache = homes_cache(scratch->file, &seen);
	assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 1);
	assert_int_equal(cache_count(cache), 5);
	assert_true(cache_unsaved(cache));
	save_all(cache);
	assert_saved(scratch, cache);
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
	merge_homes(cache, 4000, "x");
	save_all(cache);
	fd = open(scratch->file, O_WRONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 4096; at < st.st_size; at += (off_t)sizeof(garbage))
		assert_true(
			pwrite(fd, garbage,
				st.st_size - at < (off_t)sizeof(garbage) ? (size_t)(st.st_size - at)
									 : sizeof(garbage),
				at) > 0);
	merge_homes(cache, 4000, "y");
	save_all(cache);
	assert_int_equal(scratch_count(scratch, "cache.db.broken-"), 1);
	assert_false(cache_unsaved(cache));
	assert_saved(scratch, cache);
}

static void newer_file_is_left_alone(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);
	sqlite3 *other;
	int64_t version;

	merge_homes(cache, 2, "x");
	save_all(cache);
	cache = cache_free(cache);
	assert_int_equal(sqlite3_open(scratch->file, &other), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(other, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	version = data_version(other);
	cache = homes_cache(scratch->file, &seen);
	assert_null(cache_homes(cache));
	merge_homes(cache, 3, "y");
	assert_false(cache_unsaved(cache));
	assert_false(cache_save(cache));
	assert_int_equal(data_version(other), version);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
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
	merge_homes(cache, 3, "in the file");
	save_all(cache);
	cache = cache_free(cache);
	assert_int_equal(rename(below.dir, away), 0);

	cache = homes_cache(below.file, &seen);
	merge_homes(cache, 2, "in memory");
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
	assert_saved(&below, cache);
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

		merge_homes(cache, 3, "x");
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

	merge_homes(cache, 120, "x");
	save_all(cache);
	/* Whoever else keeps tables in the file ran into trouble with it. */
	assert_int_equal(unlink(scratch->file), 0);
	cache_file_failed(cache_file(cache), -EIO);
	assert_true(cache_unsaved(cache));
	save_all(cache);
	assert_false(cache_unsaved(cache));
	assert_saved(scratch, cache);
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
	merge_homes(cache, 90, "x");
	save_all(cache);
	if (cache_unsaved(cache))
		_exit(2);
	merge_homes(cache, 900, "y");
	for (int i = 0; i < 3; i++) {
		save_all(cache);
		if (!cache_unsaved(cache))
			_exit(3);
	}
	if (cache_count(cache) != 900)
		_exit(4);
	limit.rlim_cur = RLIM_INFINITY;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	save_all(cache);
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
		FILE_TEST(restores_what_was_saved),
		FILE_TEST(follows_each_difference),
		FILE_TEST(writes_nothing_without_a_difference),
		FILE_TEST(remembers_who_is_gone),
		FILE_TEST(refused_home_of_the_file_is_gone),
		FILE_TEST(no_secret_in_the_file),
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
