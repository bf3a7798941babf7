#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

/* Accuracies, in microseconds. sd-event takes 0 for 250 ms. */
#define TIMER_EXACT UINT64_C(1)
#define TIMER_LAZY  UINT64_C(1000000)

int timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec, uint64_t accuracy_usec,
	sd_event_time_handler_t handler, void *userdata, const char *name);
void timer_stop(sd_event_source *source);
bool timer_armed(sd_event_source *source);
