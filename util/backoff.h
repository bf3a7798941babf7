#pragma once

#include <stdint.h>

/* How long to wait before the next try. A value: copy it, no need to free it. */
struct backoff {
	uint64_t first_usec; /* wait after the first failure */
	uint64_t most_usec;  /* never longer than this */
	unsigned failures;   /* in a row */
};

uint64_t backoff_next(struct backoff *b);
void backoff_reset(struct backoff *b);

uint64_t backoff_jitter(uint64_t usec, unsigned percent);
