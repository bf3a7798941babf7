#pragma once

#include "cache/archive.h"

/* Reads an archive in the order of time, page by page, and what is added meanwhile: for somebody
 * who does not own it. Between two pages nothing is held in the file. */

/* Rows of a page. */
#define ARCHIVE_PAGE_MAX 1000

/* Where a walk is. Begin with archive_walk(). */
struct archive_walk {
	struct archive_query query;
	int64_t since, row; /* rows up to that one are done */
	int64_t step;       /* seconds that the next page is to cover */
	int64_t last_row;   /* rows that were added later belong to archive_added() */
};

int archive_walk(struct archive_walk *ret, struct store *store, const struct archive_query *query);
int archive_page(
	struct archive_walk *walk, struct store *store, archive_row_t each, void *userdata);
int archive_added(
	struct archive_walk *walk, struct store *store, archive_row_t each, void *userdata);
