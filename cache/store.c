#define LOG_TOKEN "store"

#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/linkhash.h>
#include <sqlite3.h>

#include "util/log.h"

/* How long the event loop may stand still for another process's lock, in milliseconds. */
#define BUSY_MSEC 100

/* Statements expected; the table grows by itself. */
#define STATEMENTS_HINT 64

/* The write-ahead log goes into the file every 256 pages (1 MiB) and is cut back to that, so it
 * stays small on a small disk. 512 KiB of cache: a save touches few pages. */
static const char settings[] = "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;"
			       "PRAGMA foreign_keys = ON;"
			       "PRAGMA wal_autocheckpoint = 256;"
			       "PRAGMA journal_size_limit = 1048576;"
			       "PRAGMA cache_size = -512;";

struct store {
	sqlite3 *db;
	struct lh_table *statements; /* SQL text -> sqlite3_stmt */
	bool ready;                  /* the schema is ours */
};

struct store_row {
	sqlite3_stmt *statement;
};

/* What a code of SQLite means to us, see store.h. All SQL is constant and tested: what does not
 * fit it is the file, so SQLITE_ERROR counts as damage. */
static int fold(struct store *store, int code)
{
	int error = 0;

	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_ERROR:
	case SQLITE_SCHEMA:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		error = EUCLEAN;
		break;
	case SQLITE_FULL:
		error = ENOSPC;
		break;
	case SQLITE_READONLY:
		error = EROFS;
		break;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		error = EACCES;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		error = EBUSY;
		break;
	case SQLITE_CONSTRAINT:
		error = EEXIST;
		break;
	case SQLITE_NOMEM:
		error = ENOMEM;
		break;
	case SQLITE_TOOBIG:
		error = E2BIG;
		break;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		error = EINVAL;
		break;
	case SQLITE_IOERR:
		if (code == SQLITE_IOERR_NOMEM)
			error = ENOMEM;
		else if (code == SQLITE_IOERR_SHORT_READ)
			error = EUCLEAN;
		break;
	}
	if (!error) {
		error = store->db ? sqlite3_system_errno(store->db) : 0;
		/* A damaged file system is not a damaged file. */
		if (error <= 0 || error == EUCLEAN)
			error = EIO;
	}
	log_debug("%s (%d)", store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code), code);
	return -error;
}

static void statement_entry_free(struct lh_entry *entry)
{
	(void)sqlite3_finalize(lh_entry_v(entry));
}

static int store_exec(struct store *store, const char *sql)
{
	return fold(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

/* The statement for that SQL, prepared the first time. sql: must live as long as the store. */
static int find_statement(struct store *store, const char *sql, sqlite3_stmt **ret)
{
	sqlite3_stmt *statement;
	void *kept;
	int r;

	if (lh_table_lookup_ex(store->statements, sql, &kept)) {
		if (sqlite3_stmt_busy(kept))
			return -EINVAL;
		*ret = kept;
		return 0;
	}
	r = fold(store, sqlite3_prepare_v3(
				store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL));
	if (r < 0)
		return r;
	if (lh_table_insert(store->statements, sql, statement) < 0) {
		(void)sqlite3_finalize(statement);
		return -ENOMEM;
	}
	*ret = statement;
	return 0;
}

/* The caller keeps texts and bytes alive until the statement is released. */
static int bind(struct store *store, sqlite3_stmt *statement, const char *types, va_list ap)
{
	int r = 0;

	if (sqlite3_bind_parameter_count(statement) != (int)strlen(types))
		return -EINVAL;
	for (int i = 1; types[i - 1] && r == 0; i++) {
		const void *bytes;

		switch (types[i - 1]) {
		case 's':
			r = sqlite3_bind_text(
				statement, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
			break;
		case 'i':
			r = sqlite3_bind_int64(statement, i, va_arg(ap, int64_t));
			break;
		case 'b':
			bytes = va_arg(ap, const void *);
			r = sqlite3_bind_blob64(
				statement, i, bytes, va_arg(ap, size_t), SQLITE_STATIC);
			break;
		default:
			return -EINVAL;
		}
	}
	return fold(store, r);
}

static int step(struct store *store, sqlite3_stmt *statement, store_row_t each, void *userdata)
{
	const struct store_row row = {statement};
	int code, r;

	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		r = each ? each(&row, userdata) : 0;
		if (r < 0)
			return r;
	}
	return fold(store, code);
}

static int query(struct store *store, const char *sql, store_row_t each, void *userdata,
	const char *types, va_list ap)
{
	sqlite3_stmt *statement;
	int r;

	r = find_statement(store, sql, &statement);
	if (r < 0)
		return r;
	r = bind(store, statement, types, ap);
	if (r == 0)
		r = step(store, statement, each, userdata);
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return r;
}

/* Runs one statement to its end. sql: a constant, which must live as long as the store. types: a
 * letter for each placeholder, "" for none: 's' const char * (NULL is SQL's NULL), 'i' int64_t
 * (cast what is shorter), 'b' const void * and size_t. Outside a transaction it is one of its own. */
int store_run(struct store *store, const char *sql, const char *types, ...)
{
	va_list ap;
	int r;

	va_start(ap, types);
	r = query(store, sql, NULL, NULL, types, ap);
	va_end(ap);
	return r;
}

/* Like store_run(), and calls each for every row; its negative return is passed on. each may run
 * other statements, but not the one it is called from: that is -EINVAL. */
int store_each(struct store *store, const char *sql, store_row_t each, void *userdata,
	const char *types, ...)
{
	va_list ap;
	int r;

	va_start(ap, types);
	r = query(store, sql, each, userdata, types, ap);
	va_end(ap);
	return r;
}

/* Begins a transaction. They do not nest: -EINVAL. */
int store_begin(struct store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		return -EINVAL;
	return store_run(store, "BEGIN IMMEDIATE", "");
}

/* On failure everything since store_begin() is undone. -EINVAL: there is no transaction. */
int store_commit(struct store *store)
{
	int r;

	if (sqlite3_get_autocommit(store->db))
		return -EINVAL;
	r = store_run(store, "COMMIT", "");
	if (r < 0)
		store_rollback(store);
	return r;
}

/* Undoes everything since store_begin(). Does nothing without a transaction, as SQLite ends it by
 * itself on some errors. */
void store_rollback(struct store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		(void)store_run(store, "ROLLBACK", "");
}

/* Borrowed until the row's callback returns; NULL for SQL's NULL. */
const char *store_text(const struct store_row *row, int column)
{
	return (const char *)sqlite3_column_text(row->statement, column);
}

/* 0 for SQL's NULL. */
int64_t store_number(const struct store_row *row, int column)
{
	return sqlite3_column_int64(row->statement, column);
}

/* Borrowed until the row's callback returns; NULL if there are none. */
const void *store_bytes(const struct store_row *row, int column, size_t *ret_size)
{
	const void *bytes = sqlite3_column_blob(row->statement, column);

	*ret_size = (size_t)sqlite3_column_bytes(row->statement, column);
	return bytes;
}

static int on_version(const struct store_row *row, void *userdata)
{
	*(int64_t *)userdata = store_number(row, 0);
	return 0;
}

static int read_version(struct store *store, const struct store_schema *schema, int64_t *ret)
{
	int64_t version = -1;
	int r;

	r = store_each(store, "PRAGMA user_version", on_version, &version, "");
	if (r < 0)
		return r;
	if (version < 0)
		return -EUCLEAN;
	*ret = version;
	return version > (int64_t)schema->n ? STORE_NEWER : 0;
}

/* One step of the schema; another process may have been quicker. */
static int migrate_once(struct store *store, const struct store_schema *schema, int64_t *ret)
{
	char sql[64];
	int64_t version;
	int r;

	r = store_begin(store);
	if (r < 0)
		return r;
	r = read_version(store, schema, &version);
	if (r == 0 && version < (int64_t)schema->n) {
		(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %" PRIi64, version + 1);
		r = store_exec(store, schema->steps[version]);
		if (r == 0)
			r = store_exec(store, sql);
		version++;
	}
	if (r == 0)
		r = store_commit(store);
	if (r != 0) {
		store_rollback(store);
		return r;
	}
	*ret = version;
	return 0;
}

static int set_up(struct store *store, const struct store_schema *schema)
{
	int64_t version;
	int r;

	/* A newer file must stay as it is, so look before touching. */
	r = read_version(store, schema, &version);
	if (r != 0)
		return r;
	r = store_exec(store, settings);
	while (r == 0 && version < (int64_t)schema->n)
		r = migrate_once(store, schema, &version);
	return r;
}

/* SQLite would make the file readable by all, as far as the umask allows. Its side files take
 * over the mode of the first. */
static int touch(const char *path)
{
	_cleanup_close_ int fd = open(
		path, O_RDONLY | O_CREAT | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, S_IRUSR | S_IWUSR);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) ? 0 : -ENXIO;
}

static int store_new(struct store **ret, const char *path, int flags)
{
	_cleanup_(store_closep) struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	/* Pages of its cache one by one, when they are needed: else SQLite takes dozens at once and
	 * touches them all, a third of the work of reading a small file. It hears this before its first
	 * file only. */
	(void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
	store->statements = lh_kchar_table_new(STATEMENTS_HINT, statement_entry_free);
	if (!store->statements)
		return -ENOMEM;
	r = fold(store, sqlite3_open_v2(path, &store->db,
				flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL));
	if (r < 0)
		return r;
	(void)sqlite3_busy_timeout(store->db, BUSY_MSEC);
	*ret = TAKE_PTR(store);
	return 0;
}

/* Opens the file, or makes it with mode 0600, and brings its schema up to date: each step in a
 * transaction of its own. schema: must live as long as the store. STORE_NEWER: the file was left as
 * it is. -EUCLEAN: it is damaged, or something else than what schema describes. At most one store
 * of a process may have a file open. */
int store_open(struct store **ret, const char *path, const struct store_schema *schema)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int r;

	r = touch(path);
	if (r == 0)
		r = store_new(&store, path, SQLITE_OPEN_READWRITE);
	if (r == 0)
		r = set_up(store, schema);
	if (r != 0)
		return r;
	store->ready = true;
	*ret = TAKE_PTR(store);
	return 0;
}

/* Opens a file for reading while another process may write to it. It is not made, not brought up
 * to date and not mended, whatever is the matter with it. STORE_NEWER, STORE_OLDER: its tables are
 * not those of schema. Errors: as for store_open(), and -ENOENT. */
int store_open_read_only(struct store **ret, const char *path, const struct store_schema *schema)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int64_t version;
	int r;

	r = store_new(&store, path, SQLITE_OPEN_READONLY);
	if (r == 0)
		r = read_version(store, schema, &version);
	if (r != 0)
		return r;
	if (version < (int64_t)schema->n)
		return STORE_OLDER;
	*ret = TAKE_PTR(store);
	return 0;
}

/* A new store without a file; what is in it ends with it. */
int store_open_memory(struct store **ret, const struct store_schema *schema)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int r;

	r = store_new(&store, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY);
	if (r == 0)
		r = set_up(store, schema);
	if (r != 0)
		return r;
	*ret = TAKE_PTR(store);
	return 0;
}

/* Brings the write-ahead log into the file. Takes NULL, returns NULL. */
struct store *store_close(struct store *store)
{
	if (!store)
		return NULL;
	if (store->statements)
		lh_table_free(store->statements);
	/* Also when a reader elsewhere keeps closing from doing it. */
	if (store->ready)
		(void)sqlite3_wal_checkpoint_v2(
			store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	(void)sqlite3_close(store->db);
	free(store);
	return NULL;
}
