#pragma once

#include <stddef.h>

/* What is asked of the cloud while a fault strikes. */
enum column {
	COLUMN_READ,
	COLUMN_WRITE,
	COLUMN_KEY,
	COLUMN_OPENING,
	COLUMN_GENERIC, /* an opening as a request */
	COLUMN_POLL,
	COLUMN_HISTORY,
	COLUMN_TOKEN,
	COLUMN_MAX,
};

/* Every fault the simulator knows, as it strikes until it is taken away again. The codes are those
 * of answers, "" is success; one of several, with a bar between them, where chance decides. */
struct row {
	const char *name;
	const char *fault; /* as the simulator wants it, behind "on" */
	const char *read;  /* of a read */
	const char *write; /* of a write, a guest key, an opening */
	const char *token; /* of an opening that needs a new token */
	size_t acts;       /* 1: what was asked for is done all the same */
};

extern const struct row fault_rows[];
extern const size_t fault_rows_count;
