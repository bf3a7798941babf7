#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "util/cleanup.h"

/* A timer that is moved with each step of a request, and nearly always to later: the event loop is
 * told only of what is sooner than what it waits for already. */
struct alarm;

int alarm_new(struct alarm **ret, sd_event *event, void (*ring)(void *userdata), void *userdata);
struct alarm *alarm_free(struct alarm *alarm);

void alarm_set(struct alarm *alarm, uint64_t wait_usec);
bool alarm_take(struct alarm *alarm);
int alarm_wind(struct alarm *alarm);

DEFINE_CLEANUP(struct alarm *, alarm_free);
