#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "cache/archive_walk.h"
#include "cache/history.h"
#include "cache/home.h"
#include "cache/rows.h"
#include "cache/schema.h"
#include "cache/store.h"
#include "util/log.h"

/* What may stand in the cache file: it is read as far as it goes, or set aside, and then works.
 * After the byte 'F' come the bytes of a file; after any other byte, values for its tables. After 'D'
 * the next two bytes say how a write fails, and which; values follow. */

#define TABLES_MAX  32
#define COLUMNS_MAX 32

/* The disk: SQLite's own, but that one write, or all from there on, fails with a code. */
static const int disk_codes[] = {SQLITE_FULL, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH,
	SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CONSTRAINT, SQLITE_NOMEM, SQLITE_TOOBIG, SQLITE_RANGE,
	SQLITE_CORRUPT, SQLITE_IOERR, SQLITE_IOERR_WRITE, SQLITE_IOERR_NOMEM,
	SQLITE_IOERR_SHORT_READ, SQLITE_CANTOPEN};

static struct {
	sqlite3_vfs vfs, *usual;
	sqlite3_io_methods methods;
	const sqlite3_io_methods *usual_methods;
	unsigned left; /* writes until then, 0: none fails */
	bool for_good;
	int code;
} disk;

static int disk_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
	if (disk.left > 0 && --disk.left == 0) {
		disk.left = disk.for_good;
		return disk.code;
	}
	return disk.usual_methods->xWrite(file, data, size, at);
}

static int disk_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	int r = disk.usual->xOpen(disk.usual, name, file, flags, ret_flags);

	if (r != SQLITE_OK || !file->pMethods)
		return r;
	if (!disk.usual_methods) {
		disk.usual_methods = file->pMethods;
		disk.methods = *file->pMethods;
		disk.methods.xWrite = disk_write;
	}
	if (file->pMethods == disk.usual_methods)
		file->pMethods = &disk.methods;
	return r;
}

static void disk_begin(void)
{
	if (disk.usual)
		return;
	disk.usual = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.usual;
	disk.vfs.zName = "fuzz";
	disk.vfs.xOpen = disk_open;
	if (sqlite3_vfs_register(&disk.vfs, 1) != SQLITE_OK)
		abort();
}

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t take_byte(struct input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

/* Any value that SQLite can hold, of any type whatever the column says. */
static void bind_value(sqlite3_stmt *statement, int column, struct input *in)
{
	uint8_t kind = take_byte(in);
	size_t size = take_byte(in);
	int64_t number = 0;

	if (size > in->size)
		size = in->size;
	memcpy(&number, in->data, size < sizeof(number) ? size : sizeof(number));
	switch (kind % 6) {
	case 0:
		(void)sqlite3_bind_text(
			statement, column, (const char *)in->data, (int)size, SQLITE_TRANSIENT);
		break;
	case 1:
		(void)sqlite3_bind_int64(statement, column, number);
		break;
	case 2:
		(void)sqlite3_bind_int64(statement, column, kind / 6);
		return;
	case 3:
		(void)sqlite3_bind_text(statement, column, "H", 1, SQLITE_STATIC);
		return;
	case 4:
		(void)sqlite3_bind_blob(statement, column, in->data, (int)size, SQLITE_TRANSIENT);
		break;
	default:
		(void)sqlite3_bind_double(statement, column, (double)number * 0.5);
	}
	in->data += size;
	in->size -= size;
}

static int on_table(void *userdata, int n, char **values, char **names)
{
	char(*tables)[64] = userdata;
	size_t i = 0;

	while (i < TABLES_MAX - 1 && *tables[i])
		i++;
	(void)snprintf(tables[i], sizeof(tables[i]), "%s", values[0]);
	return 0;
}

static void fill_row(sqlite3 *db, const char *table, struct input *in)
{
	static const char holes[] =
		"?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?";
	sqlite3_stmt *statement = NULL;
	char sql[256];
	int columns;

	(void)snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\"", table);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		abort();
	columns = sqlite3_column_count(statement);
	(void)sqlite3_finalize(statement);
	if (columns > COLUMNS_MAX)
		abort();
	(void)snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO \"%s\" VALUES(%.*s)", table,
		2 * columns - 1, holes);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		abort();
	for (int i = 1; i <= columns; i++)
		bind_value(statement, i, in);
	(void)sqlite3_step(statement);
	(void)sqlite3_finalize(statement);
}

static void fill(const char *path, struct input *in)
{
	char tables[TABLES_MAX][64] = {{0}};
	sqlite3 *db = NULL;
	unsigned n = 0;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		abort();
	(void)sqlite3_exec(db,
		"PRAGMA ignore_check_constraints=1; PRAGMA foreign_keys=0; PRAGMA synchronous=0; BEGIN",
		NULL, NULL, NULL);
	(void)sqlite3_exec(db,
		"SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' "
		"ORDER BY name",
		on_table, tables, NULL);
	while (n < TABLES_MAX && *tables[n])
		n++;
	while (n > 0 && in->size > 0)
		fill_row(db, tables[take_byte(in) % n], in);
	(void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	(void)sqlite3_close(db);
}

static bool on_served(const char *residence_id, void *userdata)
{
	return true;
}

struct pending {
	int64_t entries[100];
	size_t n, sum;
};

static int on_entry(const struct outbox_entry *entry, void *userdata)
{
	struct pending *pending = userdata;

	pending->sum += strlen(entry->row.event_id) + strlen(entry->row.name);
	pending->sum += strlen(entry->row.mac);
	if (pending->n < ELEMENTS(pending->entries))
		pending->entries[pending->n++] = entry->entry;
	return 0;
}

static int on_row(const struct archive_row *row, void *userdata)
{
	size_t *sum = userdata;

	*sum += strlen(row->time) + strlen(row->device) + strlen(row->picture);
	return event_type_name(row->type) ? 0 : -EINVAL;
}

/* As the verb history reads it, beside the gateway; a row is added meanwhile. */
static void read_beside(const char *path, const struct archive_query *query,
	struct history *history, const struct home *home)
{
	static const struct history_record late = {
		"2030-03-17 17:46:45", "Ann", "", true, "Front", "Face", "", ""};
	struct history_news news;
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_free_ char *name = NULL;
	struct archive_walk walk;
	size_t sum = 0;

	if (store_open_read_only(&store, path, cache_schema()) != 0)
		return;
	(void)rows_find_name(store, "H", &name);
	if (archive_walk(&walk, store, query) < 0)
		return;
	for (int i = 0; i < 8 && archive_page(&walk, store, on_row, &sum) > 0; i++)
		;
	if (home)
		(void)history_merge(history, home, HISTORY_DOOR, &late, 1, 1900000020, &news);
	(void)archive_added(&walk, store, on_row, &sum);
}

/* What a history says one poll after the other: a row of before, one that is an event, a picture
 * that came later for it, and a call. */
static void take_rows(struct history *history, const struct home *home)
{
	static const struct history_record rows[] = {
		{"2030-03-17 17:46:40", "Ann", "", true, "Front", "Face", "", ""},
		{"2030-03-17 17:46:41", "Bob", "", false, "Front", "Face", "", ""},
		{"2030-03-17 17:46:41", "Bob", "", false, "Front", "Face", "https://h/p", ""},
		{"2030-03-17 17:46:42", "Gate", "62", false, "", "", "", ""},
	};
	static const enum history_kind kinds[] = {
		HISTORY_DOOR, HISTORY_DOOR, HISTORY_DOOR, HISTORY_CALL};
	struct history_news news;

	for (size_t i = 0; home && i < ELEMENTS(rows); i++)
		(void)history_merge(
			history, home, kinds[i], &rows[i], 1, 1900000010 + (int64_t)i, &news);
}

static void use(const char *path)
{
	static const struct cache_handlers handlers = {.served = on_served};
	static const struct family_record home = {"H", "home", true, true};
	struct archive_query query = {
		.kind = -1, .since = INT64_MIN, .until = INT64_MAX, .limit = 100};
	struct pending pending = {0};
	struct history_settings settings = {
		.keep_sec = 86400, .max_event_age_sec = 600, .pictures = true};
	_cleanup_(cache_freep) struct cache *cache = NULL;
	_cleanup_(zone_freep) struct zone *zone = NULL;
	struct history *history = NULL;
	size_t sum = 0;

	if (cache_new(&cache, path, &handlers, NULL) < 0 || zone_new(&zone, "UTC") < 0)
		return;
	cache_load(cache);
	settings.zone = zone;
	if (history_new(&history, cache_file(cache), &settings) < 0)
		return;
	(void)history_count_pending(history);
	(void)history_pending(history, 0, 100, on_entry, &pending);
	(void)history_find(history, &query, on_row, &sum);
	query.residence_id = "H";
	query.kind = HISTORY_DOOR;
	(void)history_find(history, &query, on_row, &sum);
	if (cache_merge_homes(cache, &home, 1) < 0)
		abort();
	take_rows(history, cache_find(cache, "H"));
	(void)history_done(history, pending.entries, pending.n);
	(void)history_tend(history, 1900000020);
	(void)cache_save(cache);
	read_beside(path, &query, history, cache_find(cache, "H"));
	/* Of the homes that it knew the cloud says nothing any more, and all rows are too old. */
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		(void)cache_merge_homes(cache, NULL, 0);
	(void)cache_save(cache);
	while (history_tend(history, INT64_C(4000000000)))
		;
	(void)history_free(history);
}

/* All that lies there, be it set aside under another name. */
static void remove_all(const char *directory)
{
	DIR *d = opendir(directory);
	const struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (*entry->d_name != '.')
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	if (!d || closedir(d) < 0 || rmdir(directory) < 0)
		abort();
}

static void write_file(const char *path, const struct input *in)
{
	FILE *f = fopen(path, "we");

	if (!f || fwrite(in->data, 1, in->size, f) != in->size || fclose(f) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char directory[] = "/dev/shm/fuzz-cache-XXXXXX", path[64];
	struct input in = {data, size};
	uint8_t kind;

	log_set_level(LOG_EMERG);
	if (!mkdtemp(directory))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/cache.db", directory);
	disk_begin();
	kind = take_byte(&in);
	if (kind == 'F') {
		/* The second time there is one already that was set aside. */
		write_file(path, &in);
		use(path);
		write_file(path, &in);
	} else {
		if (kind == 'D') {
			uint8_t how = take_byte(&in);

			disk.left = take_byte(&in);
			disk.code = disk_codes[how % ELEMENTS(disk_codes)];
			disk.for_good = how & 0x80;
		}
		use(path);
		disk.left = 0;
		fill(path, &in);
	}
	use(path);
	/* Whatever stood there, and whatever failed: it works. */
	use(path);
	remove_all(directory);
	return 0;
}
