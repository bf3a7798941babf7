#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/integration/scene.h"

/* Homes whose histories the gateway knows, each with one row of before its first start: by "seed".
 * What comes now is an event. */
void history_scene_start(struct harness *h);

/* Rows in the histories of the first home; more members as JSON, such as ",'call_sip':'1'". */
void history_ring(struct harness *h, const char *name, const char *more);
void history_opening(struct harness *h, const char *name, const char *more);

/* "YYYY-MM-DD HH:MM:SS" of the cloud. */
const char *history_time(struct harness *h, int64_t epoch);

/* The next event on a topic whose caller or account has that name. */
const struct message *history_await_event(struct harness *h, const char *topic, const char *name);
