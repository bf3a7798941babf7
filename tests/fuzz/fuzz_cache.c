#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "cache/history.h"
#include "cache/home.h"
#include "util/log.h"

/* What may stand in the cache file: it is read as far as it goes, or set aside, and then works.
 * After the byte 'F' come the bytes of a file; after any other byte, values for its tables. */

#define TABLES_MAX  32
#define COLUMNS_MAX 32

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

static int on_entry(const struct outbox_entry *entry, void *userdata)
{
	size_t *sum = userdata;

	*sum += strlen(entry->row.event_id) + strlen(entry->row.name) + strlen(entry->row.mac);
	return 0;
}

static int on_row(const struct archive_row *row, void *userdata)
{
	size_t *sum = userdata;

	*sum += strlen(row->time) + strlen(row->device) + strlen(row->picture);
	return event_type_name(row->type) ? 0 : -EINVAL;
}

static void use(const char *path)
{
	static const struct cache_handlers handlers = {.served = on_served};
	static const struct family_record home = {"H", "home", true, true};
	static const struct history_record opening = {.time = "2030-03-17 17:46:40",
		.name = "Ann",
		.sip = "",
		.opened = true,
		.device = "Front",
		.type = "Face",
		.picture = "",
		.thumbnail = ""};
	const struct archive_query query = {
		.kind = -1, .since = INT64_MIN, .until = INT64_MAX, .limit = 100};
	struct history_settings settings = {
		.keep_sec = 86400, .max_event_age_sec = 600, .pictures = true};
	_cleanup_(cache_freep) struct cache *cache = NULL;
	_cleanup_(zone_freep) struct zone *zone = NULL;
	struct history *history = NULL;
	struct history_news news;
	size_t sum = 0;

	if (cache_new(&cache, path, &handlers, NULL) < 0 || zone_new(&zone, "UTC") < 0)
		return;
	settings.zone = zone;
	if (history_new(&history, cache_file(cache), &settings) < 0)
		return;
	(void)history_pending(history, 0, 100, on_entry, &sum);
	(void)history_find(history, &query, on_row, &sum);
	if (cache_merge_homes(cache, &home, 1) < 0)
		abort();
	if (cache_find(cache, "H"))
		(void)history_merge(history, cache_find(cache, "H"), HISTORY_DOOR, &opening, 1,
			1900000010, &news);
	(void)history_tend(history, 1900000020);
	(void)cache_save(cache);
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

	log_set_level(LOG_EMERG);
	if (!mkdtemp(directory))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/cache.db", directory);
	if (in.size > 0 && take_byte(&in) == 'F') {
		write_file(path, &in);
	} else {
		use(path);
		fill(path, &in);
	}
	use(path);
	remove_all(directory);
	return 0;
}
