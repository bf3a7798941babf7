#include "cache/archive_walk.h"

#include <errno.h>

#define DAY      INT64_C(86400)
#define STEP_MAX (3650 * DAY)

/* What a query asks for, but the times. */
#define WANTED "(?1 IS NULL OR s.residence_id = ?1) AND (?2 < 0 OR s.kind = ?2)"

struct page {
	archive_row_t each;
	void *userdata;
	size_t n;
	int64_t epoch, row; /* of the last */
};

static int on_row(const struct store_row *row, void *userdata)
{
	struct page *page = userdata;
	struct archive_row archived;

	archive_read(row, &archived);
	page->n++;
	page->epoch = archived.epoch;
	page->row = archived.row;
	return page->each(&archived, page->userdata);
}

static int keep_number(const struct store_row *row, void *userdata)
{
	*(int64_t *)userdata = store_number(row, 0);
	return 0;
}

/* Begins at the oldest row of what is asked for; query's after and limit do not count, its texts
 * must outlive the walk. Errors here and below are those of the store. */
int archive_walk(struct archive_walk *ret, struct store *store, const struct archive_query *query)
{
	int64_t last = 0;
	int r;

	r = store_each(
		store, "SELECT row FROM history ORDER BY row DESC LIMIT 1", keep_number, &last, "");
	if (r < 0)
		return r;
	*ret = (struct archive_walk){
		.query = *query, .since = query->since, .step = DAY, .last_row = last};
	return 0;
}

/* The time of the first row from since on, found by each history's index; INT64_MAX: none. */
static int next_epoch(const struct archive_walk *walk, struct store *store, int64_t *ret)
{
	*ret = INT64_MAX;
	return store_each(store,
		"SELECT first FROM (SELECT (SELECT epoch FROM history WHERE source = s.source "
		"AND epoch >= ?3 ORDER BY epoch LIMIT 1) AS first "
		"FROM history_source s WHERE " WANTED ") "
		"WHERE first IS NOT NULL ORDER BY first LIMIT 1",
		keep_number, ret, "sii", walk->query.residence_id, (int64_t)walk->query.kind,
		walk->since);
}

/* Calls each for the next rows, at most ARCHIVE_PAGE_MAX, perhaps for none. The pages cover as much
 * time as gives a good page, so that one costs as much with thousands of homes as with one.
 * ARCHIVE_NONE: there are no more. each must not query the same store's archive. */
int archive_page(struct archive_walk *walk, struct store *store, archive_row_t each, void *userdata)
{
	struct page page = {.each = each, .userdata = userdata};
	int64_t first, end;
	int r;

	r = next_epoch(walk, store, &first);
	if (r < 0)
		return r;
	if (first >= walk->query.until)
		return ARCHIVE_NONE;
	end = first < walk->query.until - walk->step ? first + walk->step : walk->query.until;
	r = store_each(store,
		"SELECT " ARCHIVE_COLUMNS " FROM history_source s CROSS JOIN history h "
		"ON h.source = s.source AND h.epoch >= ?3 AND h.epoch < ?4 WHERE " WANTED
		" AND (h.epoch > ?3 OR h.row > ?5) AND h.row <= ?6 "
		"ORDER BY h.epoch, h.row LIMIT ?7",
		on_row, &page, "siiiiii", walk->query.residence_id, (int64_t)walk->query.kind,
		walk->since, end, walk->row, walk->last_row, (int64_t)ARCHIVE_PAGE_MAX);
	if (r < 0)
		return r;
	if (page.n == ARCHIVE_PAGE_MAX) {
		walk->since = page.epoch;
		walk->row = page.row;
		walk->step = walk->step / 2 + 1;
	} else {
		walk->since = end;
		walk->row = 0;
		if (page.n < ARCHIVE_PAGE_MAX / 4 && walk->step < STEP_MAX)
			walk->step *= 2;
	}
	return 0;
}

/* Calls each for rows that were added since, in the order in which they were: at most
 * ARCHIVE_PAGE_MAX at a time. ARCHIVE_NONE: there are none. */
int archive_added(
	struct archive_walk *walk, struct store *store, archive_row_t each, void *userdata)
{
	struct page page = {.each = each, .userdata = userdata};
	int r;

	r = store_each(store,
		"SELECT " ARCHIVE_COLUMNS " FROM history h JOIN history_source s USING (source) "
		"WHERE " WANTED " AND h.epoch >= ?3 AND h.epoch < ?4 AND h.row > ?5 "
		"ORDER BY h.row LIMIT ?6",
		on_row, &page, "siiiii", walk->query.residence_id, (int64_t)walk->query.kind,
		walk->query.since, walk->query.until, walk->last_row, (int64_t)ARCHIVE_PAGE_MAX);
	if (r < 0)
		return r;
	if (page.n == 0)
		return ARCHIVE_NONE;
	walk->last_row = page.row;
	return 0;
}
