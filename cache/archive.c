#include "cache/archive.h"

#include <errno.h>

/* Rows that one call of archive_prune() deletes: some 10 ms on a small machine. */
#define PRUNE_ROWS 500

#define FROM_HISTORY "FROM history h JOIN history_source s USING (source) "

/* What the topics call it. */
const char *event_type_name(enum event_type type)
{
	switch (type) {
	case EVENT_CALL:
		return "call";
	case EVENT_RING:
		return "ring";
	case EVENT_OPENED:
		return "opened";
	case EVENT_DENIED:
		return "denied";
	case EVENT_TYPE_MAX:
		break;
	}
	return "unknown";
}

/* A file that lost its column constraints to damage still gives no NULL. */
static const char *text_of(const struct store_row *row, int column)
{
	const char *text = store_text(row, column);

	return text ? text : "";
}

/* Reads a row of a query that begins with ARCHIVE_COLUMNS; texts are borrowed as for
 * store_text(). */
void archive_read(const struct store_row *row, struct archive_row *ret)
{
	*ret = (struct archive_row){
		.row = store_number(row, 0),
		.residence_id = text_of(row, 1),
		.kind = store_number(row, 2) == HISTORY_DOOR ? HISTORY_DOOR : HISTORY_CALL,
		.type = (enum event_type)(store_number(row, 3) & 3),
		.event_id = text_of(row, 4),
		.time = text_of(row, 5),
		.epoch = store_number(row, 6),
		.mac = text_of(row, 7),
		.name = text_of(row, 8),
		.sip = text_of(row, 9),
		.device = text_of(row, 10),
		.door_type = text_of(row, 11),
		.picture = text_of(row, 12),
		.thumbnail = text_of(row, 13),
		.told = store_number(row, 14) != 0,
	};
}

struct reader {
	archive_row_t each;
	void *userdata;
};

static int on_row(const struct store_row *row, void *userdata)
{
	const struct reader *reader = userdata;
	struct archive_row archived;

	archive_read(row, &archived);
	return reader->each(&archived, reader->userdata);
}

/* Calls each for the rows asked for, newest first; of one second the one added last comes first.
 * Reads at most limit rows of each history by its index, so it is cheap for one home. each must
 * not query the same store. */
int archive_find(
	struct store *store, const struct archive_query *query, archive_row_t each, void *userdata)
{
	struct reader reader = {each, userdata};
	int64_t limit =
		query->limit < ARCHIVE_LIMIT_MAX ? (int64_t)query->limit : ARCHIVE_LIMIT_MAX;

#define FIND(residence)                                                                     \
	"SELECT " ARCHIVE_COLUMNS " FROM history_source s JOIN history h ON h.row IN ("     \
	"  SELECT row FROM history WHERE source = s.source AND epoch >= ?3 AND epoch < ?4 " \
	"  AND row > ?5 ORDER BY epoch DESC, row DESC LIMIT ?6) "                           \
	"WHERE " residence " AND (?2 < 0 OR s.kind = ?2) "                                  \
	"ORDER BY h.epoch DESC, h.row DESC LIMIT ?6"

	return store_each(store,
		query->residence_id ? FIND("s.residence_id = ?1") : FIND("?1 IS NULL"), on_row,
		&reader, "siiiii", query->residence_id, (int64_t)query->kind, query->since,
		query->until, query->after, limit);
#undef FIND
}

static int keep_number(const struct store_row *row, void *userdata)
{
	*(int64_t *)userdata = store_number(row, 0);
	return 0;
}

/* The number of the row that was added last; 0: there is none. */
int archive_last(struct store *store, int64_t *ret_row)
{
	return store_each(store, "SELECT max(row) FROM history", keep_number, ret_row, "");
}

static int on_source(const struct store_row *row, void *userdata)
{
	*(struct archive_source *)userdata = (struct archive_source){
		.source = store_number(row, 0),
		.seeded = store_number(row, 1) != 0,
		.pruned = store_number(row, 2),
	};
	return 0;
}

/* ARCHIVE_NONE: the store never heard of it. */
int archive_find_source(struct store *store, const char *residence_id, enum history_kind kind,
	struct archive_source *ret)
{
	struct archive_source found = {0};
	int r;

	r = store_each(store,
		"SELECT source, seeded, pruned FROM history_source "
		"WHERE residence_id = ? AND kind = ?",
		on_source, &found, "si", residence_id, (int64_t)kind);
	if (r < 0)
		return r;
	if (found.source == 0)
		return ARCHIVE_NONE;
	*ret = found;
	return 0;
}

struct source_reader {
	archive_source_t each;
	void *userdata;
};

static int on_each_source(const struct store_row *row, void *userdata)
{
	const struct source_reader *reader = userdata;
	struct archive_source source;
	int r;

	r = on_source(row, &source);
	if (r < 0)
		return r;
	return reader->each(text_of(row, 3),
		store_number(row, 4) == HISTORY_DOOR ? HISTORY_DOOR : HISTORY_CALL, &source,
		reader->userdata);
}

int archive_each_source(struct store *store, archive_source_t each, void *userdata)
{
	struct source_reader reader = {each, userdata};

	return store_each(store,
		"SELECT source, seeded, pruned, residence_id, kind FROM history_source",
		on_each_source, &reader, "");
}

/* Adds the source, or raises what is known of it; sets source->source. */
int archive_set_source(struct store *store, const char *residence_id, enum history_kind kind,
	struct archive_source *source)
{
	return store_each(store,
		"INSERT INTO history_source (residence_id, kind, seeded, pruned) "
		"VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
		"seeded = max(seeded, excluded.seeded), pruned = max(pruned, excluded.pruned) "
		"RETURNING source",
		keep_number, &source->source, "siii", residence_id, (int64_t)kind,
		(int64_t)source->seeded, source->pruned);
}

/* Calls each for the rows of a source with just that time, in the order in which they came. */
int archive_each_at(
	struct store *store, int64_t source, const char *time, archive_row_t each, void *userdata)
{
	struct reader reader = {each, userdata};

	return store_each(store,
		"SELECT " ARCHIVE_COLUMNS " " FROM_HISTORY
		"WHERE h.source = ? AND h.time = ? ORDER BY h.row",
		on_row, &reader, "is", source, time);
}

/* Calls each for all rows there are, in the order in which they came. */
int archive_each_row(struct store *store, archive_row_t each, void *userdata)
{
	struct reader reader = {each, userdata};

	return store_each(store, "SELECT " ARCHIVE_COLUMNS " " FROM_HISTORY "ORDER BY h.row",
		on_row, &reader, "");
}

/* Adds a row; its residence and kind are those of the source. outbox_add() may then name it as the
 * row that was added last. */
int archive_add(struct store *store, int64_t source, const struct archive_row *row)
{
	return store_run(store,
		"INSERT INTO history (source, time, epoch, event_id, type, told, mac, name, sip, "
		"device, door_type, picture, thumbnail) "
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"isisiisssssss", source, row->time, row->epoch, row->event_id, (int64_t)row->type,
		(int64_t)row->told, row->mac, row->name, row->sip, row->device, row->door_type,
		row->picture, row->thumbnail);
}

/* Adds to a row what it may lack: addresses, where row has one, and that it was told. */
int archive_update(struct store *store, const struct archive_row *row)
{
	return store_run(store,
		"UPDATE history SET picture = iif(?1 = '', picture, ?1), "
		"thumbnail = iif(?2 = '', thumbnail, ?2), told = max(told, ?3) WHERE row = ?4",
		"ssii", row->picture, row->thumbnail, (int64_t)row->told, row->row);
}

/* The newest of the oldest rows that are to go; INT64_MIN: none are. */
static int find_cutoff(
	struct store *store, int64_t source, int64_t horizon, size_t most, int64_t *ret)
{
	int64_t over = INT64_MIN, cutoff = INT64_MIN;
	int64_t rows = most / 10 < PRUNE_ROWS ? (int64_t)most / 10 + 1 : PRUNE_ROWS;
	int r;

	r = store_each(store,
		"SELECT epoch FROM history WHERE source = ? ORDER BY epoch DESC LIMIT 1 OFFSET ?",
		keep_number, &over, "ii", source, (int64_t)most);
	if (r < 0)
		return r;
	if (over != INT64_MIN)
		r = store_each(store,
			"SELECT epoch FROM (SELECT epoch FROM history WHERE source = ? "
			"ORDER BY epoch LIMIT ?) ORDER BY epoch DESC LIMIT 1",
			keep_number, &cutoff, "ii", source, rows);
	else
		r = store_each(store,
			"SELECT epoch FROM (SELECT epoch FROM history h WHERE source = ? "
			"AND epoch < ? AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.row = h.row) "
			"ORDER BY epoch LIMIT ?) ORDER BY epoch DESC LIMIT 1",
			keep_number, &cutoff, "iii", source, horizon, rows);
	if (r < 0)
		return r;
	*ret = cutoff;
	return over != INT64_MIN;
}

/* -EUCLEAN: it finds none, although some were found just now. */
static int delete_rows(struct store *store, int64_t source, int64_t cutoff, bool pending_too)
{
	int r = store_begin(store);
	int64_t n = 0;

	if (r < 0)
		return r;
	if (pending_too)
		r = store_run(store, "DELETE FROM history WHERE source = ? AND epoch <= ?", "ii",
			source, cutoff);
	else
		r = store_run(store,
			"DELETE FROM history WHERE source = ? AND epoch <= ? "
			"AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.row = history.row)",
			"ii", source, cutoff);
	if (r == 0)
		r = store_each(store, "SELECT changes()", keep_number, &n, "");
	if (r == 0 && n == 0)
		r = -EUCLEAN;
	if (r == 0)
		r = store_run(store,
			"UPDATE history_source SET pruned = max(pruned, ?) WHERE source = ?", "ii",
			cutoff, source);
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		store_rollback(store);
	return r;
}

/* Looks at the next source after *cursor, 0 for the first. Deletes some of its oldest rows if they
 * are older than horizon, or more than most; in whole seconds, and remembers up to when, so that a
 * row which the cloud still shows is not taken for a new one. What waits in the outbox goes only
 * where there are too many. Writes only if there is something to delete; then the answer is
 * ARCHIVE_PRUNED, and *cursor stays for one more call. ARCHIVE_NONE: no source is left. -EUCLEAN: the
 * file is damaged, and it would go on for ever. */
int archive_prune(struct store *store, int64_t *cursor, int64_t horizon, size_t most)
{
	int64_t source = 0, cutoff;
	int over, r;

	r = store_each(store,
		"SELECT source FROM history_source WHERE source > ? ORDER BY source LIMIT 1",
		keep_number, &source, "i", *cursor);
	if (r < 0)
		return r;
	if (source == 0)
		return ARCHIVE_NONE;
	if (source <= *cursor)
		return -EUCLEAN;
	over = find_cutoff(store, source, horizon, most, &cutoff);
	if (over < 0)
		return over;
	if (cutoff == INT64_MIN) {
		*cursor = source;
		return 0;
	}
	r = delete_rows(store, source, cutoff, over);
	return r < 0 ? r : ARCHIVE_PRUNED;
}
