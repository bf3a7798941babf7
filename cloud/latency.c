#include "cloud/latency.h"

#include <stdlib.h>
#include <string.h>

/* usec: how long one call took. Forgets the oldest sample when there are LATENCY_SAMPLES. */
void latency_add(struct latency *latency, uint64_t usec)
{
	uint64_t msec = (usec + 500) / 1000;

	latency->msec[latency->n++ % LATENCY_SAMPLES] =
		msec < UINT32_MAX ? (uint32_t)msec : UINT32_MAX;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The shortest time, in milliseconds, that so many percent of the samples did not exceed; 0 without
 * any. */
unsigned latency_percentile(const struct latency *latency, unsigned percent)
{
	size_t n = latency->n < LATENCY_SAMPLES ? latency->n : LATENCY_SAMPLES;
	size_t rank = (n * percent + 99) / 100;
	uint32_t sorted[LATENCY_SAMPLES];

	if (n == 0)
		return 0;
	memcpy(sorted, latency->msec, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), compare);
	return sorted[rank > 0 ? rank - 1 : 0];
}
