#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Something that can be away: one line in the log when it goes, one when it comes back. */
struct outage {
	const char *what; /* "the cloud", "the broker" */
	uint64_t since;   /* clock_boot_usec() of its beginning, 0: there is none */
	unsigned tries;   /* failures since then */
};

void outage_failed(struct outage *o, const char *why);
void outage_over(struct outage *o);
