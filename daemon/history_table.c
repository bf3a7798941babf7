#include "daemon/history_table.h"

#include <string.h>
#include <time.h>
#include <wchar.h>

#include "util/cleanup.h"

#define GAP 2

enum column { COLUMN_TIME, COLUMN_HOME, COLUMN_EVENT, COLUMN_WHO, COLUMN_DEVICE, COLUMN_HOW };

/* Cells, of which the wide columns of a narrow terminal have fewer. The last one takes the rest. */
static const struct {
	const char *head;
	unsigned width, narrow;
} columns[] = {
	[COLUMN_TIME] = {"TIME", 19, 19},
	[COLUMN_HOME] = {"HOME", 16, 10},
	[COLUMN_EVENT] = {"EVENT", 6, 6},
	[COLUMN_WHO] = {"WHO", 20, 13},
	[COLUMN_DEVICE] = {"DEVICE", 20, 11},
	[COLUMN_HOW] = {"HOW", 0, 0},
};

#define NARROW 110

#define DIM    "\033[2m"
#define BOLD   "\033[1m"
#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[1;33m"
#define PLAIN  "\033[0m"

/* Marks that turn the direction of writing, and would turn what stands beside them. */
static bool turns(wchar_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* The next character of a text and its cells. What is no text, or could do something to the terminal,
 * is one '?'. Returns its bytes, 0 at the end. */
static size_t next_character(
	const char *text, const char **ret, size_t *ret_size, unsigned *ret_cells)
{
	mbstate_t state = {0};
	size_t size;
	wchar_t c;
	int cells;

	if (!*text)
		return 0;
	size = mbrtowc(&c, text, strlen(text), &state);
	cells = size < (size_t)-2 ? wcwidth(c) : -1;
	if (size >= (size_t)-2)
		size = 1;
	if (cells < 0 || turns(c)) {
		*ret = "?";
		*ret_size = *ret_cells = 1;
		return size;
	}
	*ret = text;
	*ret_size = size;
	*ret_cells = (unsigned)cells;
	return size;
}

static unsigned count_cells(const char *text)
{
	unsigned all = 0, cells;
	const char *bytes;
	size_t size, step;

	for (; (step = next_character(text, &bytes, &size, &cells)); text += step)
		all += cells;
	return all;
}

/* Prints text into so many cells, cut with an ellipsis where it has more; 0: all of it. */
static unsigned print_cells(FILE *f, const char *text, unsigned width)
{
	bool cut = width > 0 && count_cells(text) > width;
	unsigned room = cut ? width - 1 : width, used = 0, cells;
	const char *bytes;
	size_t size, step;

	for (; (step = next_character(text, &bytes, &size, &cells)); text += step) {
		if (width > 0 && used + cells > room)
			break;
		(void)fwrite(bytes, 1, size, f);
		used += cells;
	}
	if (cut) {
		(void)fputs("\u2026", f);
		used++;
	}
	return used;
}

static unsigned width_of(const struct history_table *table, enum column column)
{
	bool narrow = table->width > 0 && table->width < NARROW;

	return narrow ? columns[column].narrow : columns[column].width;
}

/* What is left for the last column of a terminal; a cell at least. */
static unsigned rest_of(const struct history_table *table)
{
	unsigned used = 0;

	for (enum column c = COLUMN_TIME; c < COLUMN_HOW; c++)
		if (c != COLUMN_HOME || table->homes)
			used += width_of(table, c) + GAP;
	return table->width > used ? table->width - used : 1;
}

static void print_column(const struct history_table *table, FILE *f, enum column column,
	const char *colour, const char *text)
{
	unsigned width = width_of(table, column), limit = table->width > 0 ? width : 0, used;

	if (column == COLUMN_HOW)
		limit = table->width > 0 ? rest_of(table) : 0;
	if (table->colour && *colour)
		(void)fputs(colour, f);
	used = print_cells(f, text, limit);
	if (table->colour && *colour)
		(void)fputs(PLAIN, f);
	if (column != COLUMN_HOW)
		(void)fprintf(f, "%*s", (int)((used < width ? width - used : 0) + GAP), "");
}

static const char *colour_of(enum event_type type)
{
	switch (type) {
	case EVENT_RING:
		return YELLOW;
	case EVENT_OPENED:
		return GREEN;
	case EVENT_DENIED:
		return RED;
	case EVENT_CALL:
	case EVENT_TYPE_MAX:
		break;
	}
	return "";
}

static void print_line(const struct history_table *table, FILE *f,
	const char *const texts[static COLUMN_HOW + 1],
	const char *const colours[static COLUMN_HOW + 1])
{
	for (enum column c = COLUMN_TIME; c <= COLUMN_HOW; c++)
		if (c != COLUMN_HOME || table->homes)
			print_column(table, f, c, colours[c], texts[c]);
	(void)fputc('\n', f);
}

void history_table_head(const struct history_table *table, FILE *f)
{
	const char *texts[COLUMN_HOW + 1], *colours[COLUMN_HOW + 1];

	for (enum column c = COLUMN_TIME; c <= COLUMN_HOW; c++) {
		texts[c] = columns[c].head;
		colours[c] = BOLD;
	}
	print_line(table, f, texts, colours);
}

/* home: what it is called. */
void history_table_row(
	const struct history_table *table, FILE *f, const struct archive_row *row, const char *home)
{
	const char *texts[COLUMN_HOW + 1], *colours[COLUMN_HOW + 1] = {"", "", "", "", "", ""};
	time_t epoch = (time_t)row->epoch;
	char time[32] = "";
	struct tm tm;

	if (localtime_r(&epoch, &tm))
		(void)strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S", &tm);
	texts[COLUMN_TIME] = time;
	texts[COLUMN_HOME] = home;
	texts[COLUMN_EVENT] = event_type_name(row->type);
	texts[COLUMN_WHO] = row->name;
	texts[COLUMN_DEVICE] = row->device;
	texts[COLUMN_HOW] = row->kind == HISTORY_CALL ? row->sip : row->door_type;
	colours[COLUMN_TIME] = DIM;
	colours[COLUMN_EVENT] = colour_of(row->type);
	print_line(table, f, texts, colours);
}
