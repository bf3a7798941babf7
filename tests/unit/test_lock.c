#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/lock.h"

static void test_one_at_a_time(void **state)
{
	char directory[64], path[80];
	int fd = -1, second = -1, status;
	struct stat st;
	pid_t child;

	(void)snprintf(
		directory, sizeof(directory), "%s/test_lock.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/lock", directory);
	assert_int_equal(lock_take(&fd, directory), 0);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(lock_take(&second, directory), LOCK_TAKEN);
	assert_int_equal(second, -1);
	(void)close(fd);
	/* The file a dead one left is no lock. */
	child = fork();
	if (child == 0)
		_exit(lock_take(&second, directory));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(lock_take(&fd, directory), 0);
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	/* Nobody leads us elsewhere. */
	assert_int_equal(symlink("/tmp/elsewhere", path), 0);
	assert_int_equal(lock_take(&fd, directory), -ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(lock_take(&fd, directory), -ENOENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
