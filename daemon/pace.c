#include "daemon/pace.h"

#include <stdlib.h>
#include <sys/param.h>

#include "util/backoff.h"
#include "util/clock.h"
#include "util/timer.h"

/* An interval is the longest that may pass: a poll comes so much earlier, give or take the jitter,
 * and the timer may be late by less than what is left. It is more than the jitters of two polls are
 * apart, so that those of a home which were asked for together stay together: that saves wake-ups. */
#define EARLIER(interval) ((interval) / 100 * 84)
#define JITTER_PERCENT    3
#define ACCURACY(wait)    ((wait) / 7)

/* So many homes may be late by TIMER_LAZY, fewer by more and more by less: their polls would come in
 * bursts otherwise, which an opening would wait for. */
#define LAZY_HOMES 20

/* Microseconds from an answer to the next poll. sooner: the part of the interval that is left out. */
uint64_t pace_wait(uint64_t interval_usec, double sooner)
{
	uint64_t wait = backoff_jitter(EARLIER(interval_usec), JITTER_PERCENT);

	return wait - (uint64_t)((double)wait * sooner);
}

/* How late a poll may be that is due after wait_usec, one of those of so many homes. */
uint64_t pace_accuracy(uint64_t wait_usec, size_t homes)
{
	uint64_t lazy = TIMER_LAZY * LAZY_HOMES / MAX(homes, 1);

	if (wait_usec < USEC_PER_SEC)
		return TIMER_EXACT;
	return MIN(ACCURACY(wait_usec), lazy);
}

/* Homes that were polled one behind the other go apart, over all of the interval, if each leaves out
 * another part of its first: one for pace_wait(), by chance. A home that is alone leaves out none. */
double pace_part(size_t homes)
{
	double share = (double)arc4random() / UINT32_MAX;

	return homes > 1 ? share * (double)(homes - 1) / (double)homes : 0;
}
