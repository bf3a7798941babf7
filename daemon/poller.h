#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "bridge/bridge.h"
#include "cache/history.h"
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
	uint64_t history_usec;
	/* Borrowed. What nobody may read or change from here is not asked for. */
	struct allowed allowed;
	bool key_codes; /* keep what opens of guest keys, to publish it */
};

/* What polls work on; all of it must outlive the poller. */
struct poller_parts {
	struct cloud *cloud;
	struct cache *cache;
	struct history *history;
};

struct poller_hooks {
	/* Somebody waits for an answer, and nothing should be written meanwhile. */
	bool (*busy)(void *userdata);
	/* A history was answered and taken over, also if it brought no news. now_msec: the time
	 * by the cloud's clock, if it told, else by ours. asked: clock_boot_usec() of the
	 * question. */
	void (*heard)(struct home *home, enum history_kind kind, const struct history_news *news,
		int64_t now_msec, uint64_t asked, void *userdata);
	/* A row of its door history is to come soon. */
	bool (*awaits)(const struct home *home, void *userdata);
};

int poller_new(struct poller **ret, sd_event *event, const struct poller_parts *parts,
	const struct poller_settings *settings, const struct poller_hooks *hooks, void *userdata);
struct poller *poller_free(struct poller *poller);

void poller_set(struct poller *poller, const struct poller_settings *settings);
void poller_start(struct poller *poller, uint64_t wait_usec);
void poller_stop(struct poller *poller);
void poller_refresh(struct poller *poller, struct home *home);
void poller_after(struct poller *poller, struct home *home, const struct command *command);
void poller_forget(struct poller *poller, struct home *home);
void poller_cloud_changed(struct poller *poller);

const struct poll_counts *poller_counts(const struct poller *poller);

DEFINE_CLEANUP(struct poller *, poller_free);
