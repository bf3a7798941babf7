#include "cache/recent.h"

#include <errno.h>
#include <string.h>

/* Forgets all. */
void recent_done(struct recent *recent)
{
	free(recent->rows);
	*recent = (struct recent){0};
}

static struct recent_row *find(const struct recent *recent, const struct window_row *row)
{
	for (size_t i = 0; i < recent->n; i++)
		if (recent->rows[i].id == row->id)
			return &recent->rows[i];
	return NULL;
}

static void insert(struct recent *recent, const struct window_row *w)
{
	const struct recent_row row = {w->row.epoch, w->id, w->row.told};
	size_t i;

	if (recent->n == RECENT_MAX) {
		recent->incomplete = true;
		if (row.epoch < recent->rows[0].epoch)
			return;
		recent->n--;
		memmove(recent->rows, recent->rows + 1, recent->n * sizeof(row));
	}
	for (i = recent->n++; i > 0 && recent->rows[i - 1].epoch > row.epoch; i--)
		recent->rows[i] = recent->rows[i - 1];
	recent->rows[i] = row;
}

/* Takes the rows of a window over that was written. -ENOMEM: they are not known. */
int recent_add(struct recent *recent, const struct window *window)
{
	size_t room = recent->n + window->n < RECENT_MAX ? recent->n + window->n : RECENT_MAX;

	if (room > recent->n) {
		struct recent_row *rows = reallocarray(recent->rows, room, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		recent->rows = rows;
	}
	for (size_t i = 0; i < window->n; i++) {
		struct recent_row *row = find(recent, &window->rows[i]);

		if (row)
			row->told |= window->rows[i].row.told;
		else
			insert(recent, &window->rows[i]);
	}
	recent->known = true;
	return 0;
}

/* Whether the row is one of the newest that were seen before, and whether it was made an event. */
bool recent_has(const struct recent *recent, const struct window_row *row, bool *ret_told)
{
	const struct recent_row *found = find(recent, row);

	*ret_told = found && found->told;
	return found;
}

/* Whether the row is older than all that is remembered, so that nobody can tell. */
bool recent_forgot(const struct recent *recent, const struct window_row *row)
{
	return recent->incomplete && row->row.epoch < recent->rows[0].epoch;
}
