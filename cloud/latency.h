#pragma once

#include <stddef.h>
#include <stdint.h>

/* How long the cloud took for the last calls, from sending to answer. A value of fixed size. */
#define LATENCY_SAMPLES 256

struct latency {
	uint32_t msec[LATENCY_SAMPLES];
	size_t n; /* ever added */
};

void latency_add(struct latency *latency, uint64_t usec);
unsigned latency_percentile(const struct latency *latency, unsigned percent);
