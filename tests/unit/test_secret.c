#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/scratch.h"
#include "util/secret.h"

/* What explicit_bzero() was given last. */
static void *wiped;
static size_t wiped_size;

void __real_explicit_bzero(void *memory, size_t size);
void __wrap_explicit_bzero(void *memory, size_t size);

void __wrap_explicit_bzero(void *memory, size_t size)
{
	wiped = memory;
	wiped_size = size;
	__real_explicit_bzero(memory, size);
}

/* What _FORTIFY_SOURCE makes of it. */
void __wrap___explicit_bzero_chk(void *memory, size_t size, size_t room);

void __wrap___explicit_bzero_chk(void *memory, size_t size, size_t room)
{
	assert_true(size <= room);
	__wrap_explicit_bzero(memory, size);
}

static void reads_one_line(void **state)
{
	const struct scratch *scratch = *state;
	static const struct {
		const char *bytes, *secret;
	} rows[] = {
		{"hunter2", "hunter2"},
		{"hunter2\n", "hunter2"},
		{"hunter2\r\n", "hunter2"},
		{"hunter2\n\n", "hunter2"},
		{" with spaces \n", " with spaces "},
		{"p\xc3\xa4ss\n", "p\xc3\xa4ss"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_secret_ char *secret = NULL;
		const char *why;

		scratch_write(scratch->file, rows[i].bytes, strlen(rows[i].bytes));
		wiped_size = 0;
		assert_int_equal(secret_read(&secret, scratch->file, &why), 0);
		assert_string_equal(secret, rows[i].secret);
		/* The buffer is not left behind. */
		assert_true(wiped_size > SECRET_SIZE_MAX);
	}
}

static void refuses_other_contents(void **state)
{
	const struct scratch *scratch = *state;
	static const struct {
		const char *bytes;
		size_t size;
		const char *why;
	} rows[] = {
		{"", 0, "it is empty"},
		{"\n", 1, "it is empty"},
		{"\r\n\r\n", 4, "it is empty"},
		{"one\ntwo\n", 8, "it must hold one line of text"},
		{"one\rtwo", 7, "it must hold one line of text"},
		{"\none", 4, "it must hold one line of text"},
		{"o\0ne\n", 5, "it must hold one line of text"},
		{"\0", 1, "it must hold one line of text"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		char *secret = (char *)scratch;
		const char *why = NULL;

		scratch_write(scratch->file, rows[i].bytes, rows[i].size);
		assert_int_equal(secret_read(&secret, scratch->file, &why), -EINVAL);
		assert_ptr_equal(secret, scratch);
		assert_string_equal(why, rows[i].why);
	}
}

static void length_is_bounded(void **state)
{
	const struct scratch *scratch = *state;
	char bytes[SECRET_SIZE_MAX + 20];
	const struct {
		size_t letters;
		const char *end;
		int result;
	} rows[] = {
		{SECRET_SIZE_MAX, "", 0},
		{SECRET_SIZE_MAX, "\n", 0},
		{SECRET_SIZE_MAX, "\r\n", 0},
		{SECRET_SIZE_MAX, "\nmore", -EINVAL},
		{SECRET_SIZE_MAX, "\r\nmore", -EINVAL},
		{SECRET_SIZE_MAX, "\n\n\n\nmore", -EINVAL},
		{SECRET_SIZE_MAX + 1, "", -EINVAL},
		{SECRET_SIZE_MAX + 1, "\n", -EINVAL},
		{SECRET_SIZE_MAX + 10, "", -EINVAL},
	};

	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_secret_ char *secret = NULL;
		const char *why = NULL;

		memset(bytes, 'x', sizeof(bytes));
		memcpy(bytes + rows[i].letters, rows[i].end, strlen(rows[i].end));
		scratch_write(scratch->file, bytes, rows[i].letters + strlen(rows[i].end));
		if (secret_read(&secret, scratch->file, &why) != rows[i].result)
			fail_msg("row %zu", i);
		if (rows[i].result == 0)
			assert_int_equal(strlen(secret), SECRET_SIZE_MAX);
	}
}

static void refuses_files_that_others_can_use(void **state)
{
	const struct scratch *scratch = *state;
	static const struct {
		mode_t mode;
		int result;
	} rows[] = {
		{0400, 0},
		{0600, 0},
		{0440, 0},
		{0640, 0},
		{0604, -EPERM},
		{0602, -EPERM},
		{0644, -EPERM},
		{0660, -EPERM},
		{0666, -EPERM},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_secret_ char *secret = NULL;
		const char *why = NULL;

		scratch_write(scratch->file, "hunter2", 7);
		assert_int_equal(chmod(scratch->file, rows[i].mode), 0);
		if (secret_read(&secret, scratch->file, &why) != rows[i].result)
			fail_msg("mode %o", rows[i].mode);
		assert_int_equal(secret == NULL, rows[i].result != 0);
		if (rows[i].result != 0)
			assert_non_null(strstr(why, "chmod 0600"));
		assert_int_equal(unlink(scratch->file), 0);
	}
}

static void refuses_what_is_no_file(void **state)
{
	const struct scratch *scratch = *state;
	char *secret = NULL;
	const char *why = NULL;

	assert_int_equal(secret_read(&secret, scratch->file, &why), -ENOENT);
	assert_string_equal(why, "it cannot be read");
	assert_int_equal(secret_read(&secret, scratch->dir, &why), -EINVAL);
	assert_string_equal(why, "it is not a file");
	/* Without a writer, which must not make it wait for one. */
	assert_int_equal(mkfifo(scratch->file, 0600), 0);
	(void)alarm(120);
	assert_int_equal(secret_read(&secret, scratch->file, &why), -EINVAL);
	(void)alarm(0);
	assert_string_equal(why, "it is not a file");
	assert_null(secret);
}

static void wipes_before_freeing(void **state)
{
	char *secret = NULL;

	assert_int_equal(secret_new(&secret, "hunter2 and more", 7), 0);
	assert_string_equal(secret, "hunter2");
	wiped = NULL;
	{
		const void *memory = secret;

		assert_null(secret_free(secret));
		assert_ptr_equal(wiped, memory);
		assert_int_equal(wiped_size, 7);
	}
	assert_null(secret_free(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(reads_one_line),
		TEST(refuses_other_contents),
		TEST(length_is_bounded),
		TEST(refuses_files_that_others_can_use),
		TEST(refuses_what_is_no_file),
		cmocka_unit_test(wipes_before_freeing),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
