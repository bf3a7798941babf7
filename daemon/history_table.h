#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cache/archive.h"

/* The archive for people: a line for each row, with local times and cells of the same width. Names
 * are taken for UTF-8, as is what is written: LC_CTYPE must say so. */
struct history_table {
	unsigned width; /* of the terminal, in cells; 0: nothing is cut */
	bool colour;
	bool homes; /* with a column for the home */
};

void history_table_head(const struct history_table *table, FILE *f);
void history_table_row(const struct history_table *table, FILE *f, const struct archive_row *row,
	const char *home);
