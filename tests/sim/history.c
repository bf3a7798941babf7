#include "tests/sim/history.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/must.h"

static void row_done(struct row *row)
{
	free(row->text);
	free(row->later);
}

/* Frees the rows; the history is then empty and may be used again. */
void history_done(struct history *h)
{
	for (size_t i = 0; i < h->count; i++)
		row_done(&h->rows[i]);
	free(h->rows);
	*h = (struct history){0};
}

static void forget_oldest_half(struct history *h)
{
	size_t half = h->count / 2;

	for (size_t i = 0; i < half; i++)
		row_done(&h->rows[i]);
	memmove(h->rows, h->rows + half, (h->count - half) * sizeof(*h->rows));
	h->count -= half;
}

/* Adds a row at its place in time (seconds since 1970). text and later (may be NULL) are JSON and
 * consumed; the first polls answers that show the row give text, the others later. */
void history_add(struct history *h, int64_t epoch, char *text, char *later, unsigned polls)
{
	size_t at;

	if (h->count == HISTORY_KEEP_MAX)
		forget_oldest_half(h);
	if (h->count == h->room) {
		h->room = h->room ? h->room * 2 : 16;
		h->rows = must(reallocarray(h->rows, h->room, sizeof(*h->rows)));
	}
	at = h->count++;
	for (; at > 0 && h->rows[at - 1].epoch > epoch; at--)
		h->rows[at] = h->rows[at - 1];
	h->rows[at] = (struct row){
		.epoch = epoch,
		.text = text,
		.later = later,
		.polls_left = polls,
	};
}

/* Adds a second row that is equal to the newest one in everything. */
void history_repeat_newest(struct history *h)
{
	struct row *newest;

	if (h->count == 0)
		return;
	newest = &h->rows[h->count - 1];
	history_add(h, newest->epoch, must(strdup(newest->text)),
		newest->later ? must(strdup(newest->later)) : NULL, newest->polls_left);
}

static const char *row_show(struct row *row)
{
	if (row->later && row->polls_left == 0) {
		free(row->text);
		row->text = row->later;
		row->later = NULL;
	} else if (row->later) {
		row->polls_left--;
	}
	return row->text;
}

static void shuffle(size_t *order, size_t count, uint64_t seed)
{
	for (size_t i = count; i > 1; i--) {
		size_t other, kept = order[i - 1];

		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		other = (size_t)((seed >> 33) % i);
		order[i - 1] = order[other];
		order[other] = kept;
	}
}

/* Appends the window as a JSON array, newest first unless the knobs want otherwise. */
void history_write(
	struct history *h, const struct history_knobs *knobs, uint64_t seed, struct printbuf *out)
{
	size_t count = h->count < knobs->window ? h->count : knobs->window;
	size_t *order = must(malloc((count + 1) * sizeof(*order)));

	for (size_t i = 0; i < count; i++)
		order[i] = knobs->oldest_first ? h->count - count + i : h->count - 1 - i;
	if (knobs->shuffle)
		shuffle(order, count, seed);
	printbuf_strappend(out, "[");
	for (size_t i = 0; i < count; i++) {
		const char *text = row_show(&h->rows[order[i]]);
		int size = (int)strlen(text);

		if (i > 0)
			printbuf_strappend(out, ",");
		printbuf_memappend_fast(out, text, size);
	}
	printbuf_strappend(out, "]");
	free(order);
}

/* Writes epoch the way the cloud writes times: UTC, without a zone. Returns text. */
char *history_time(char text[static HISTORY_TIME_MAX], int64_t epoch)
{
	time_t t = (time_t)epoch;
	struct tm tm = {0};

	(void)gmtime_r(&t, &tm);
	(void)strftime(text, HISTORY_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	return text;
}
