#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "cache/history.h"
#include "daemon/config.h"
#include "util/cleanup.h"

/* Keeps the histories: their settings, the zone of their times, and their chores. */
struct keeper;

/* True while somebody waits for an answer: nothing is written then. */
typedef bool (*keeper_busy_t)(void *userdata);

int keeper_new(struct keeper **ret, sd_event *event, struct cache_file *file,
	const struct config *config, keeper_busy_t busy, void *userdata);
struct keeper *keeper_free(struct keeper *keeper);

struct history *keeper_history(const struct keeper *keeper);
void keeper_set(struct keeper *keeper, const struct config *config);
void keeper_heard(struct keeper *keeper, int64_t now_msec);
int keeper_start(struct keeper *keeper);
void keeper_finish(struct keeper *keeper);

DEFINE_CLEANUP(struct keeper *, keeper_free);
