#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "bridge/bridge.h"
#include "cache/home.h"
#include "cloud/client.h"
#include "util/cleanup.h"

/* The schedule of polls: asks the cloud for each home's state and merges it into the cache. */
struct poller;

/* Each interval in microseconds, 0: off. */
struct poller_settings {
	uint64_t devices_usec;
	uint64_t family_usec;
	uint64_t access_usec;
	/* Borrowed. What nobody may read or change from here is not asked for. */
	struct allowed allowed;
	bool key_codes; /* keep what opens of guest keys, to publish it */
};

int poller_new(struct poller **ret, sd_event *event, struct cloud *cloud, struct cache *cache,
	const struct poller_settings *settings);
struct poller *poller_free(struct poller *poller);

void poller_set(struct poller *poller, const struct poller_settings *settings);
int poller_start(struct poller *poller);
void poller_stop(struct poller *poller);
void poller_refresh(struct poller *poller, struct home *home);
void poller_after(struct poller *poller, struct home *home, const struct command *command);
void poller_forget(struct poller *poller, struct home *home);
void poller_cloud_changed(struct poller *poller);

const struct poll_counts *poller_counts(const struct poller *poller);

DEFINE_CLEANUP(struct poller *, poller_free);
