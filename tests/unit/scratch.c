#include "tests/unit/cmocka-all.h"

#include "tests/unit/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>

#include "util/cleanup.h"

int scratch_setup(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	const char *base = getenv("TMPDIR");

	(void)snprintf(scratch->dir, sizeof(scratch->dir), "%s/cache-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(scratch->dir))
		return -1;
	(void)snprintf(scratch->file, sizeof(scratch->file), "%s/cache.db", scratch->dir);
	*state = scratch;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	return remove(path);
}

int scratch_teardown(void **state)
{
	struct scratch *scratch = *state;

	(void)nftw(scratch->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(scratch);
	return 0;
}

/* How many names in the folder begin with prefix. */
size_t scratch_count(const struct scratch *scratch, const char *prefix)
{
	DIR *dir = opendir(scratch->dir);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	(void)closedir(dir);
	return n;
}

/* Makes or replaces a file. */
void scratch_write(const char *path, const void *bytes, size_t size)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
}
