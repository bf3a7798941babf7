#pragma once

#include <systemd/sd-event.h>

#include "util/cleanup.h"

/* A call that may block, made on a thread of its own; the answer comes back by the loop. */
struct errand;

struct errand_work {
	int (*call)(void *load);  /* on the thread, which alone may touch the load meanwhile */
	void (*drop)(void *load); /* on either side, when nobody waits for the answer any more */
	void *load;
	/* On the loop. The load belongs to the receiver again; errand is for errand_free(). */
	void (*done)(struct errand *errand, void *load, int result, void *userdata);
	void *userdata;
	const char *name; /* of the thread, at most 15 letters */
};

int errand_start(struct errand **ret, sd_event *event, const struct errand_work *work);
struct errand *errand_free(struct errand *errand);

unsigned errands_out(void);

DEFINE_CLEANUP(struct errand *, errand_free);
