#pragma once

#include <stdint.h>

#include <systemd/sd-event.h>

/* Time that passes only where a test says so. A program that links fake_time.c wraps
 * clock_boot_usec, clock_epoch_msec and timer_arm; the event loop itself is the real one. */

void time_start(int64_t epoch_msec);
void time_pass(sd_event *event, uint64_t usec);
void time_set_epoch(int64_t epoch_msec);
void time_settle(sd_event *event);
uint64_t time_next_due(void);
unsigned time_armed(const char *name);
uint64_t time_due(const char *name);
uint64_t time_accuracy(const char *name);
void time_end(void);
