#include "util/timer.h"

#include <time.h>

#include "util/clock.h"

/* After so many seconds since boot nothing is due any more: the libsystemd of a 32-bit Debian 12 keeps
 * seconds in 32 bits, and a timer beyond that would end its event loop. */
#define DUE_MAX_SEC UINT64_C(2000000000)

/* Makes *source the first time and winds it up again later: the handler runs once, wait_usec from
 * now; with UINT64_MAX, and beyond some 60 years, never. Runs on CLOCK_BOOTTIME. 0, or negative errno. */
int timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec, uint64_t accuracy_usec,
	sd_event_time_handler_t handler, void *userdata, const char *name)
{
	uint64_t now = clock_boot_usec();
	uint64_t due = UINT64_MAX;
	int r;

	if (wait_usec < DUE_MAX_SEC * USEC_PER_SEC - now)
		due = now + wait_usec;
	if (!*source) {
		r = sd_event_add_time(
			event, source, CLOCK_BOOTTIME, due, accuracy_usec, handler, userdata);
		if (r < 0)
			return r;
		r = sd_event_source_set_description(*source, name);
		return r < 0 ? r : 0;
	}
	r = sd_event_source_set_time(*source, due);
	if (r < 0)
		return r;
	r = sd_event_source_set_time_accuracy(*source, accuracy_usec);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
	return r < 0 ? r : 0;
}

/* Takes NULL. The source stays for timer_arm(). */
void timer_stop(sd_event_source *source)
{
	if (source)
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

/* True from timer_arm() until it runs or is stopped. Takes NULL. */
bool timer_armed(sd_event_source *source)
{
	return source && sd_event_source_get_enabled(source, NULL) > 0;
}
