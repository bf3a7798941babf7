#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "cache/store.h"
#include "tests/unit/scratch.h"

static const char *const steps[] = {
	"CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT, bytes BLOB);",
	"ALTER TABLE thing ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';"
	"INSERT INTO thing (id, name) VALUES (100, 'made by step 2');",
};
static const struct store_schema first = {steps, 1}, both = {steps, 2};

static const char *const bad_steps[] = {
	"CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT, bytes BLOB);",
	"CREATE TABLE other (id INTEGER); CREATE TABLE thing (id INTEGER);",
};
static const struct store_schema bad = {bad_steps, 2};

static int keep_number(const struct store_row *row, void *userdata)
{
	*(int64_t *)userdata = store_number(row, 0);
	return 0;
}

static int64_t number(struct store *store, const char *sql)
{
	int64_t value = -1;

	assert_int_equal(store_each(store, sql, keep_number, &value, ""), 0);
	return value;
}

static struct store *opened(const struct scratch *scratch, const struct store_schema *schema)
{
	struct store *store = NULL;

	assert_int_equal(store_open(&store, scratch->file, schema), 0);
	return store;
}

static void add(struct store *store, int64_t id, const char *name)
{
	assert_int_equal(
		store_run(store, "INSERT INTO thing (id, name) VALUES (?, ?)", "is", id, name), 0);
}

static int check_row(const struct store_row *row, void *userdata)
{
	const char *bytes;
	size_t size;

	assert_int_equal(store_number(row, 0), INT64_C(-9000000000000000000));
	assert_string_equal(store_text(row, 1), "t\xc3\xbcr'; DROP TABLE thing; --");
	bytes = store_bytes(row, 2, &size);
	assert_int_equal(size, 5);
	assert_memory_equal(bytes, "a\0b\0c", 5);
	assert_null(store_text(row, 3));
	(*(int *)userdata)++;
	return 0;
}

static void keeps_values(void **state)
{
	_cleanup_(store_closep) struct store *store = opened(*state, &first);
	static const char again[] = "SELECT count(*) FROM thing";
	int rows = 0;

	assert_int_equal(store_run(store, "INSERT INTO thing VALUES (?, ?, ?)", "isb",
				 INT64_C(-9000000000000000000), "t\xc3\xbcr'; DROP TABLE thing; --",
				 "a\0b\0c", (size_t)5),
		0);
	store = store_close(store);
	store = opened(*state, &first);
	assert_int_equal(
		store_each(store, "SELECT id, name, bytes, NULL FROM thing", check_row, &rows, ""),
		0);
	assert_int_equal(rows, 1);
	assert_int_equal(store_run(store, "UPDATE thing SET name = ?, bytes = ?", "sb", NULL, NULL,
				 (size_t)0),
		0);
	assert_int_equal(number(store, "SELECT count(*) FROM thing WHERE name IS NULL"), 1);
	/* The same text at another address is the same statement. */
	assert_int_equal(number(store, "SELECT count(*) FROM thing"), 1);
	assert_int_equal(number(store, again), 1);
}

static int stop_at_two(const struct store_row *row, void *userdata)
{
	int *rows = userdata;

	return ++*rows == 2 ? -EINTR : 0;
}

struct nested {
	struct store *store;
	const char *sql;
	int r;
};

static int run_nested(const struct store_row *row, void *userdata)
{
	struct nested *nested = userdata;

	nested->r = store_each(nested->store, nested->sql, stop_at_two, &(int){0}, "");
	return 0;
}

static void callback_may_stop_and_nest(void **state)
{
	_cleanup_(store_closep) struct store *store = opened(*state, &first);
	static const char all[] = "SELECT id FROM thing", any[] = "SELECT id FROM thing LIMIT 1";
	struct nested nested = {.store = store, .sql = any};
	int rows = 0;

	for (int64_t id = 1; id <= 3; id++)
		add(store, id, "x");
	assert_int_equal(store_each(store, all, stop_at_two, &rows, ""), -EINTR);
	assert_int_equal(rows, 2);
	assert_int_equal(store_each(store, all, run_nested, &nested, ""), 0);
	assert_int_equal(nested.r, 0);
	nested.sql = all;
	assert_int_equal(store_each(store, all, run_nested, &nested, ""), 0);
	assert_int_equal(nested.r, -EINVAL);
}

static void mistakes_are_errors(void **state)
{
	_cleanup_(store_closep) struct store *store = opened(*state, &first);

	assert_int_equal(store_run(store, "DELETE FROM thing WHERE id = ?", ""), -EINVAL);
	assert_int_equal(store_run(store, "DELETE FROM thing WHERE id = ?", "x", 1), -EINVAL);
	assert_int_equal(store_run(store, "DELETE FROM nothing", ""), -EUCLEAN);
	add(store, 1, "x");
	assert_int_equal(
		store_run(store, "INSERT INTO thing (id) VALUES (?)", "i", INT64_C(1)), -EEXIST);
	assert_int_equal(number(store, "SELECT count(*) FROM thing"), 1);
}

static void transactions_are_whole(void **state)
{
	_cleanup_(store_closep) struct store *store = opened(*state, &first);

	assert_int_equal(store_begin(store), 0);
	add(store, 1, "kept");
	assert_int_equal(store_begin(store), -EINVAL);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(store_commit(store), -EINVAL);
	store_rollback(store);
	assert_int_equal(store_begin(store), 0);
	add(store, 2, "undone");
	store_rollback(store);
	store_rollback(store);
	assert_int_equal(store_begin(store), 0);
	add(store, 3, "not committed");
	store = store_close(store);
	store = opened(*state, &first);
	assert_int_equal(number(store, "SELECT count(*) FROM thing"), 1);
	assert_int_equal(number(store, "SELECT id FROM thing"), 1);
}

static void settings_hold(void **state)
{
	const struct scratch *scratch = *state;
	_cleanup_(store_closep) struct store *store = opened(scratch, &first);
	char path[320];
	struct stat st;

	add(store, 1, "x");
	for (const char *const *suffix = (const char *const[]){"", "-wal", "-shm", NULL}; *suffix;
		suffix++) {
		(void)snprintf(path, sizeof(path), "%s%s", scratch->file, *suffix);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	assert_int_equal(number(store, "PRAGMA synchronous"), 1);
	assert_int_equal(number(store, "PRAGMA foreign_keys"), 1);
	assert_int_equal(number(store, "PRAGMA journal_size_limit"), 1048576);
	assert_int_equal(number(store, "PRAGMA busy_timeout"), 100);
	store = store_close(store);
	assert_int_equal(scratch_count(scratch, "cache.db"), 1);
}

static void journal_stays_small(void **state)
{
	const struct scratch *scratch = *state;
	_cleanup_(store_closep) struct store *store = opened(scratch, &first);
	char path[320];
	struct stat st;

	for (int64_t round = 0; round < 20; round++) {
		assert_int_equal(store_begin(store), 0);
		for (int64_t i = 0; i < 200; i++)
			assert_int_equal(
				store_run(store, "REPLACE INTO thing VALUES (?, ?, zeroblob(2000))",
					"is", i, "x"),
				0);
		assert_int_equal(store_commit(store), 0);
	}
	(void)snprintf(path, sizeof(path), "%s-wal", scratch->file);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size <= 2 * 1048576);
}

static void migrates_from_each_version(void **state)
{
	const struct scratch *scratch = *state;
	_cleanup_(store_closep) struct store *store = opened(scratch, &first);

	assert_int_equal(number(store, "PRAGMA user_version"), 1);
	add(store, 1, "old");
	store = store_close(store);
	store = opened(scratch, &both);
	assert_int_equal(number(store, "PRAGMA user_version"), 2);
	assert_int_equal(number(store, "SELECT count(*) FROM thing WHERE colour = 'red'"), 2);
	store = store_close(store);
	store = opened(scratch, &both);
	assert_int_equal(number(store, "SELECT count(*) FROM thing"), 2);
	store = store_close(store);
	assert_int_equal(unlink(scratch->file), 0);
	store = opened(scratch, &both);
	assert_int_equal(number(store, "PRAGMA user_version"), 2);
	assert_int_equal(number(store, "SELECT id FROM thing"), 100);
}

static void failed_step_leaves_the_version_before(void **state)
{
	_cleanup_(store_closep) struct store *store = NULL;
	const struct scratch *scratch = *state;

	assert_int_equal(store_open(&store, scratch->file, &bad), -EUCLEAN);
	assert_null(store);
	store = opened(scratch, &first);
	assert_int_equal(number(store, "PRAGMA user_version"), 1);
	assert_int_equal(
		number(store, "SELECT count(*) FROM sqlite_schema WHERE name = 'other'"), 0);
}

static void refuses_a_newer_schema(void **state)
{
	const struct scratch *scratch = *state;
	_cleanup_(store_closep) struct store *store = opened(scratch, &both);
	struct stat before, after;

	store = store_close(store);
	assert_int_equal(stat(scratch->file, &before), 0);
	assert_int_equal(store_open(&store, scratch->file, &first), STORE_NEWER);
	assert_null(store);
	assert_int_equal(stat(scratch->file, &after), 0);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	store = opened(scratch, &both);
}

static void knows_what_is_no_store(void **state)
{
	const struct scratch *scratch = *state;
	_cleanup_(store_closep) struct store *store = NULL;
	char garbage[8192], header[8192] = "SQLite format 3", path[340];

	memset(garbage, 'x', sizeof(garbage));
	{
		_cleanup_(store_closep) struct store *whole = opened(scratch, &first);
		_cleanup_close_ int fd = -1;

		whole = store_close(whole);
		fd = open(scratch->file, O_RDONLY | O_CLOEXEC);
		assert_int_equal(read(fd, header, sizeof(header)), sizeof(header));
	}
	const struct {
		const void *bytes;
		size_t size;
	} files[] = {{garbage, 10}, {garbage, sizeof(garbage)}, {header, 50}, {header, 100},
		{header, 4095}, {header, 4096}};

	for (size_t i = 0; i < ELEMENTS(files); i++) {
		scratch_write(scratch->file, files[i].bytes, files[i].size);
		assert_int_equal(store_open(&store, scratch->file, &first), -EUCLEAN);
		assert_null(store);
	}
	assert_int_equal(store_open(&store, scratch->dir, &first), -EISDIR);
	(void)snprintf(path, sizeof(path), "%s/below", scratch->file);
	assert_int_equal(store_open(&store, path, &first), -ENOTDIR);
	(void)snprintf(path, sizeof(path), "%s/no/such", scratch->dir);
	assert_int_equal(store_open(&store, path, &first), -ENOENT);
	assert_int_equal(store_open(&store, "/dev/null", &first), -ENXIO);
	/* Nothing at all is a new file. */
	scratch_write(scratch->file, "", 0);
	store = opened(scratch, &first);
	add(store, 1, "x");
}

static void another_process_holds_it(void **state)
{
	const struct scratch *scratch = *state;
	_cleanup_(store_closep) struct store *store = opened(scratch, &first);
	sqlite3 *other;

	assert_int_equal(sqlite3_open(scratch->file, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_begin(store), -EBUSY);
	assert_int_equal(number(store, "SELECT count(*) FROM thing"), 0);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

static void full_file_is_an_error(void **state)
{
	_cleanup_(store_closep) struct store *store = opened(*state, &first);

	assert_true(number(store, "PRAGMA max_page_count = 10") > 0);
	assert_int_equal(
		store_run(store, "INSERT INTO thing VALUES (1, 'x', zeroblob(100000))", ""),
		-ENOSPC);
	add(store, 1, "fits");
}

/* In a process of its own, as the limit cannot be taken back. */
static void full_disk_is_an_error(void **state)
{
	const struct scratch *scratch = *state;
	pid_t child = fork();
	int status, r = 0;

	if (child == 0) {
		const struct rlimit limit = {100000, 100000};
		struct store *store = NULL;

		(void)signal(SIGXFSZ, SIG_IGN);
		(void)setrlimit(RLIMIT_FSIZE, &limit);
		if (store_open(&store, scratch->file, &first) != 0)
			_exit(1);
		r = store_begin(store);
		for (int64_t i = 0; i < 1000 && r == 0; i++)
			r = store_run(store, "INSERT INTO thing VALUES (?, ?, zeroblob(2000))",
				"is", i, "x");
		if (r == 0)
			r = store_commit(store);
		store_rollback(store);
		if (number(store, "SELECT count(*) FROM thing") != 0)
			_exit(2);
		if (store_run(store, "INSERT INTO thing (id) VALUES (1)", "") != 0)
			_exit(3);
		store_close(store);
		_exit(r == -EFBIG || r == -ENOSPC || r == -EIO ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_TEST(keeps_values),
		STORE_TEST(callback_may_stop_and_nest),
		STORE_TEST(mistakes_are_errors),
		STORE_TEST(transactions_are_whole),
		STORE_TEST(settings_hold),
		STORE_TEST(journal_stays_small),
		STORE_TEST(migrates_from_each_version),
		STORE_TEST(failed_step_leaves_the_version_before),
		STORE_TEST(refuses_a_newer_schema),
		STORE_TEST(knows_what_is_no_store),
		STORE_TEST(another_process_holds_it),
		STORE_TEST(full_file_is_an_error),
		STORE_TEST(full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
