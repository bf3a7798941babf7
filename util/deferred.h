#pragma once

#include <stdint.h>

#include <systemd/sd-event.h>

/* Work that is done by the event loop once it is asked for, and not inside the call that asks. */

int deferred_new(sd_event_source **ret, sd_event *event, sd_event_handler_t handler, void *userdata,
	const char *name, int64_t priority);
void deferred_wake(sd_event_source *source);
void deferred_rest(sd_event_source *source);
