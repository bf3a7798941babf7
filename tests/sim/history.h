#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/printbuf.h>

/* More rows than this are forgotten, the oldest first. */
#define HISTORY_KEEP_MAX 10000

/* How the answers look: order and size of the window. */
struct history_knobs {
	unsigned window;        /* at most so many rows in an answer */
	unsigned picture_polls; /* so many answers show a new picture's address empty */
	bool shuffle, oldest_first;
};

/* One row, as JSON text. later: the text once the picture is there, or NULL. */
struct row {
	int64_t epoch;
	char *text, *later;
	unsigned polls_left;
};

/* Oldest first; rows of one second in the order of their arrival. Starts as all zero. */
struct history {
	struct row *rows;
	size_t count, room;
};

void history_done(struct history *h);
void history_add(struct history *h, int64_t epoch, char *text, char *later, unsigned polls);
void history_repeat_newest(struct history *h);
void history_write(
	struct history *h, const struct history_knobs *knobs, uint64_t seed, struct printbuf *out);

#define HISTORY_TIME_MAX 24
char *history_time(char text[static HISTORY_TIME_MAX], int64_t epoch);
