#include "tests/unit/cmocka-all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "cache/home.h"
#include "tests/unit/homes.h"
#include "tests/unit/scratch.h"

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
	homes_merge_many(cache, 250, "t\xc3\xbcr '\"");
	cache_merge_members(cache, cache_find(cache, "h0003"), 5);
	assert_true(cache_unsaved(cache));
	/* A hundred homes at a time. */
	assert_true(cache_save(cache));
	assert_true(cache_save(cache));
	assert_false(cache_save(cache));
	assert_false(cache_unsaved(cache));
	homes_check_file(scratch->file, cache);
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
	homes_merge_many(cache, 250, "t\xc3\xbcr '\"");
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
		homes_check_file(scratch->file, cache);
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

	homes_merge_many(cache, 3, "x");
	assert_false(cache_save(cache));
	assert_int_equal(sqlite3_open(scratch->file, &other), SQLITE_OK);
	version = data_version(other);
	homes_merge_many(cache, 3, "x");
	assert_int_equal(cache_merge_homes(cache, NULL, 0), 0);
	assert_false(cache_unsaved(cache));
	assert_false(cache_save(cache));
	assert_int_equal(data_version(other), version);
	homes_merge_many(cache, 3, "y");
	assert_false(cache_save(cache));
	assert_int_not_equal(data_version(other), version);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	/* Nor does a restart. */
	cache = cache_free(cache);
	assert_int_equal(utimensat(AT_FDCWD, scratch->file, long_ago, 0), 0);
	cache = homes_cache(scratch->file, &seen);
	homes_merge_many(cache, 3, "y");
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

	homes_merge_many(cache, 2, "x");
	home = cache_find(cache, "h0001");
	for (int i = 0; i < CACHE_GONE_AFTER; i++) {
		assert_int_equal(
			cache_merge_devices(cache, cache_find(cache, "h0000"), NULL, 0), 0);
		assert_int_equal(cache_merge_homes(cache, &family, 1), 0);
	}
	assert_true(home->gone);
	homes_save(cache);
	homes_check_file(scratch->file, cache);
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
	homes_save(cache);
	assert_int_equal(cache_count(cache), 1);
	homes_check_file(scratch->file, cache);
}

static void refused_home_of_the_file_is_gone(void **state)
{
	const struct scratch *scratch = *state;
	struct seen seen = {0};
	_cleanup_(cache_freep) struct cache *cache = homes_cache(scratch->file, &seen);

	homes_merge_many(cache, 2, "x");
	homes_save(cache);
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

	homes_merge_many(cache, 3, "findable");
	homes_save(cache);
	cache = cache_free(cache);
	fd = open(scratch->file, O_RDONLY | O_CLOEXEC);
	size = read(fd, bytes, sizeof(bytes));
	assert_true(size > 0);
	assert_non_null(memmem(bytes, (size_t)size, "findable", 8));
	assert_null(memmem(bytes, (size_t)size, "hidden", 6));
	assert_null(memmem(bytes, (size_t)size, "rtsp", 4));
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
