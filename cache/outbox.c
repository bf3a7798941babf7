#include "cache/outbox.h"

/* Call it in the transaction that adds or updates the row. entry: a number that was never used; for
 * a row that is named, one that is there already is left as it is, so that copying may be done
 * again. */
int outbox_add(struct store *store, int64_t entry, int64_t row, bool picture)
{
	if (row == OUTBOX_ROW_ADDED)
		return store_run(store, "INSERT INTO outbox VALUES (?, last_insert_rowid(), ?)",
			"ii", entry, (int64_t)picture);
	return store_run(store, "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?)", "iii", entry, row,
		(int64_t)picture);
}

/* The broker has it. Nothing happens if there is no such entry. */
int outbox_remove(struct store *store, int64_t entry)
{
	return store_run(store, "DELETE FROM outbox WHERE entry = ?", "i", entry);
}

struct reader {
	outbox_each_t each;
	void *userdata;
};

static int on_entry(const struct store_row *row, void *userdata)
{
	const struct reader *reader = userdata;
	struct outbox_entry entry = {
		.entry = store_number(row, ARCHIVE_N_COLUMNS),
		.picture = store_number(row, ARCHIVE_N_COLUMNS + 1) != 0,
	};

	archive_read(row, &entry.row);
	return reader->each(&entry, reader->userdata);
}

/* Calls each for the entries behind that number, in their order. */
int outbox_each(struct store *store, int64_t after, outbox_each_t each, void *userdata)
{
	struct reader reader = {each, userdata};

	return store_each(store,
		"SELECT " ARCHIVE_COLUMNS ", o.entry, o.picture FROM outbox o "
		"JOIN history h USING (row) JOIN history_source s USING (source) "
		"WHERE o.entry > ? ORDER BY o.entry",
		on_entry, &reader, "i", after);
}

static int on_count(const struct store_row *row, void *userdata)
{
	int64_t *numbers = userdata;

	numbers[0] = store_number(row, 0);
	numbers[1] = store_number(row, 1);
	return 0;
}

/* How many entries there are, and the number of the last; 0: there is none. */
int outbox_count(struct store *store, size_t *ret, int64_t *ret_last)
{
	int64_t numbers[2] = {0};
	int r;

	r = store_each(store, "SELECT count(*), max(entry) FROM outbox", on_count, numbers, "");
	if (r < 0)
		return r;
	*ret = (size_t)numbers[0];
	*ret_last = numbers[1];
	return 0;
}
