#pragma once

#include "cloud/client.h"
#include "util/outage.h"

/* How the cloud is as a whole, judged by the answers to calls. A value: name its outage, no need to
 * free it. */
struct health {
	enum cloud_state state;
	struct outage outage;
	unsigned strikes;
	uint64_t refused_since; /* clock_boot_usec() of the first CLOUD_AUTH_FAILED, 0: accepted */
};

void health_note(struct health *h, const struct cloud_answer *answer, uint64_t sent_usec);
