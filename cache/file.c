#define LOG_TOKEN "store"

#include "cache/file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/outage.h"

struct cache_file {
	char *path;
	const struct store_schema *schema;
	struct store *store; /* NULL: not open */
	unsigned generation; /* how often it was opened */
	bool refused;        /* not ours to write; not tried again */
	struct outage outage;
	cache_file_failing_t failing; /* may be NULL */
	void *userdata;
};

/* path: NULL or empty for no file. schema: must live as long as this. Opens nothing yet. */
int cache_file_new(struct cache_file **ret, const char *path, const struct store_schema *schema)
{
	_cleanup_(cache_file_freep) struct cache_file *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	file->schema = schema;
	file->outage.what = "the cache file";
	if (path && *path) {
		file->path = strdup(path);
		if (!file->path)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(file);
	return 0;
}

/* Takes NULL, returns NULL. */
struct cache_file *cache_file_free(struct cache_file *file)
{
	if (!file)
		return NULL;
	file->store = store_close(file->store);
	free(file->path);
	free(file);
	return NULL;
}

/* Removes "<path>.broken-…" of earlier: one is enough to look at, and disks are small. */
static void remove_older(const char *path)
{
	_cleanup_free_ char *folder = strdup(path), *prefix = NULL;
	char *slash = folder ? strrchr(folder, '/') : NULL;
	struct dirent *entry;
	DIR *dir;

	if (!folder)
		return;
	if (slash)
		*slash = '\0';
	if (asprintf(&prefix, "%s.broken-", slash ? slash + 1 : path) < 0) {
		prefix = NULL;
		return;
	}
	dir = opendir(!slash ? "." : *folder ? folder : "/");
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
}

static int move_aside(const char *path, const char *suffix, const char *broken)
{
	_cleanup_free_ char *from = NULL, *to = NULL;

	if (asprintf(&from, "%s%s", path, suffix) < 0) {
		from = NULL;
		return -ENOMEM;
	}
	if (asprintf(&to, "%s%s", broken, suffix) < 0) {
		to = NULL;
		return -ENOMEM;
	}
	return rename(from, to) < 0 ? -errno : 0;
}

/* The write-ahead log goes along: without it nobody could rescue the file. */
static int set_aside(struct cache_file *file)
{
	_cleanup_free_ char *broken = NULL;
	int r;

	if (asprintf(&broken, "%s.broken-%" PRIi64, file->path, clock_epoch_msec() / 1000) < 0) {
		broken = NULL;
		return -ENOMEM;
	}
	remove_older(file->path);
	r = move_aside(file->path, "", broken);
	if (r < 0)
		return r;
	(void)move_aside(file->path, "-wal", broken);
	(void)move_aside(file->path, "-shm", broken);
	log_warning("the cache file %s is damaged; it is now %s, and a new one is begun",
		file->path, broken);
	return 0;
}

/* The store, opened now if it is not. NULL: there is none now; try again later, at the pace of a
 * timer. A damaged file is set aside and a new one opened. */
struct store *cache_file_open(struct cache_file *file)
{
	int r = -EUCLEAN;

	if (file->store || !cache_file_wanted(file))
		return file->store;
	for (int attempt = 0; attempt < 2 && r == -EUCLEAN; attempt++) {
		r = store_open(&file->store, file->path, file->schema);
		if (r == STORE_NEWER) {
			log_warning("the cache file %s was written by a newer version of this "
				    "program; it is left alone, and nothing is kept over a restart",
				file->path);
			file->refused = true;
			return NULL;
		}
		if (r < 0)
			cache_file_failed(file, r);
	}
	if (r < 0)
		return NULL;
	file->generation++;
	return file->store;
}

/* The store if it is open, else NULL. Ask each time: it changes in times of trouble. */
struct store *cache_file_store(const struct cache_file *file)
{
	return file->store;
}

/* False if there is no file and will be none. */
bool cache_file_wanted(const struct cache_file *file)
{
	return file->path && !file->refused;
}

/* Changes each time the file was opened: what was written before may then be lost, so compare and
 * write everything again. */
unsigned cache_file_generation(const struct cache_file *file)
{
	return file->generation;
}

/* For one who keeps in the file what the cloud does not show again. failing: NULL for none. */
void cache_file_watch(struct cache_file *file, cache_file_failing_t failing, void *userdata)
{
	file->failing = failing;
	file->userdata = userdata;
}

/* Call with the error of any store function, after which the store is closed: the next
 * cache_file_open() finds out what is the matter. error: -EUCLEAN sets the file aside. */
void cache_file_failed(struct cache_file *file, int error)
{
	if (file->store && file->failing)
		file->failing(file->store, file->userdata);
	file->store = store_close(file->store);
	if (error == -EUCLEAN)
		error = set_aside(file);
	if (error < 0)
		outage_failed(&file->outage, strerror(-error));
}

/* Call after all there was to write was written. */
void cache_file_worked(struct cache_file *file)
{
	outage_over(&file->outage);
}
