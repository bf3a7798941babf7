#include "cache/standin.h"

#include <stdbool.h>
#include <string.h>

#include "cache/outbox.h"

struct copying {
	struct store *to;
	size_t copied;
};

/* Looks for a row among those of its time. */
struct search {
	const struct archive_row *other;
	int64_t row; /* 0: not found */
	bool lacking;
};

static int on_candidate(const struct archive_row *row, void *userdata)
{
	struct search *search = userdata;

	if (strcmp(row->event_id, search->other->event_id) != 0)
		return 0;
	search->row = row->row;
	search->lacking = (!*row->picture && *search->other->picture) ||
	                  (!*row->thumbnail && *search->other->thumbnail) ||
	                  (!row->told && search->other->told);
	return 0;
}

/* Adds the row, or what it has more than the one there. */
static int copy_row(
	struct store *to, int64_t source, const struct archive_row *row, int64_t *ret_row)
{
	struct search search = {.other = row};
	int r;

	r = archive_each_at(to, source, row->time, on_candidate, &search);
	if (r == 0 && search.row == 0) {
		r = archive_add(to, source, row);
		if (r == 0)
			r = archive_each_at(to, source, row->time, on_candidate, &search);
	} else if (r == 0 && search.lacking) {
		struct archive_row lacking = *row;

		lacking.row = search.row;
		r = archive_update(to, &lacking);
	}
	if (r == 0)
		*ret_row = search.row;
	return r;
}

/* A row may come without its source being known as seeded. */
static int find_place(struct store *to, const struct archive_row *row, int64_t *ret_source)
{
	struct archive_source source = {.pruned = INT64_MIN};
	int r;

	r = archive_find_source(to, row->residence_id, row->kind, &source);
	if (r == ARCHIVE_NONE)
		r = archive_set_source(to, row->residence_id, row->kind, &source);
	if (r == 0)
		*ret_source = source.source;
	return r;
}

static int on_row(const struct archive_row *row, void *userdata)
{
	struct copying *copying = userdata;
	int64_t source, number;
	int r;

	r = find_place(copying->to, row, &source);
	if (r == 0)
		r = copy_row(copying->to, source, row, &number);
	copying->copied++;
	return r;
}

static int on_entry(const struct outbox_entry *entry, void *userdata)
{
	struct copying *copying = userdata;
	int64_t source, row;
	int r;

	r = find_place(copying->to, &entry->row, &source);
	if (r == 0)
		r = copy_row(copying->to, source, &entry->row, &row);
	if (r == 0)
		r = outbox_add(copying->to, entry->entry, row, entry->picture);
	copying->copied++;
	return r;
}

static int on_source(const char *residence_id, enum history_kind kind,
	const struct archive_source *source, void *userdata)
{
	struct copying *copying = userdata;
	struct archive_source copy = *source;

	copying->copied++;
	return archive_set_source(copying->to, residence_id, kind, &copy);
}

/* Copies what waits to be published from a file that fails, as far as it can be read. */
int standin_save(struct store *file, struct store *standin)
{
	struct copying copying = {.to = standin};

	return outbox_each(file, 0, on_entry, &copying);
}

/* Copies all of the stand-in into the file, in a transaction of the caller's. *ret_copied: how much
 * was written; 0 tells nothing about whether the file works. */
int standin_give_back(struct store *standin, struct store *file, size_t *ret_copied)
{
	struct copying copying = {.to = file};
	int r;

	r = archive_each_source(standin, on_source, &copying);
	if (r == 0)
		r = archive_each_row(standin, on_row, &copying);
	if (r == 0)
		r = outbox_each(standin, 0, on_entry, &copying);
	if (r == 0)
		*ret_copied = copying.copied;
	return r;
}
