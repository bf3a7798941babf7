#include "util/backoff.h"

#include <stdlib.h>

/* Counts one more failure and gives the wait in microseconds: doubled each time up to the most,
 * then spread over its upper half, so that gateways behind one router do not come back together. */
uint64_t backoff_next(struct backoff *b)
{
	uint64_t wait = b->first_usec;

	for (unsigned i = 0; i < b->failures && wait < b->most_usec; i++)
		wait *= 2;
	if (wait > b->most_usec)
		wait = b->most_usec;
	b->failures++;
	return wait / 2 + backoff_jitter(wait / 2, 100) / 2;
}

/* Call after a useful success only: an accepted connection, a valid answer. */
void backoff_reset(struct backoff *b)
{
	b->failures = 0;
}

/* usec give or take up to percent of it, which is at most 100. Another one in each process, even
 * where many start at once. */
uint64_t backoff_jitter(uint64_t usec, unsigned percent)
{
	double span = (double)usec * percent / 100;
	double share = (double)arc4random() / UINT32_MAX;

	return (uint64_t)((double)usec - span + 2 * span * share);
}
