#include "cloud/alarm.h"

#include <errno.h>
#include <stdlib.h>

#include "util/clock.h"
#include "util/timer.h"

struct alarm {
	sd_event *event;
	sd_event_source *source;
	uint64_t due;   /* clock_boot_usec(); UINT64_MAX: never */
	uint64_t armed; /* when the event loop wakes us, to look at due again */
	void (*ring)(void *userdata);
	void *userdata;
};

static int on_armed(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct alarm *alarm = userdata;

	alarm->armed = UINT64_MAX;
	if (clock_boot_usec() < alarm->due)
		return alarm_wind(alarm);
	alarm->due = UINT64_MAX;
	alarm->ring(alarm->userdata);
	return 0;
}

/* ring is called from the loop, once for each time that is set. */
int alarm_new(struct alarm **ret, sd_event *event, void (*ring)(void *userdata), void *userdata)
{
	struct alarm *alarm = calloc(1, sizeof(*alarm));

	if (!alarm)
		return -ENOMEM;
	*alarm = (struct alarm){.event = sd_event_ref(event),
		.due = UINT64_MAX,
		.armed = UINT64_MAX,
		.ring = ring,
		.userdata = userdata};
	*ret = alarm;
	return 0;
}

struct alarm *alarm_free(struct alarm *alarm)
{
	if (!alarm)
		return NULL;
	sd_event_source_disable_unref(alarm->source);
	sd_event_unref(alarm->event);
	free(alarm);
	return NULL;
}

/* Instead of any time set before; UINT64_MAX: never. Holds from alarm_wind() on, so that a time which
 * is replaced at once costs nothing. */
void alarm_set(struct alarm *alarm, uint64_t wait_usec)
{
	uint64_t now = clock_boot_usec();

	alarm->due = wait_usec < UINT64_MAX - now ? now + wait_usec : UINT64_MAX;
}

/* True if its time has come: then it does not ring for it. */
bool alarm_take(struct alarm *alarm)
{
	if (clock_boot_usec() < alarm->due)
		return false;
	alarm->due = UINT64_MAX;
	return true;
}

/* Sees to it that the event loop wakes up in time. */
int alarm_wind(struct alarm *alarm)
{
	uint64_t now = clock_boot_usec();
	int r;

	if (alarm->due == UINT64_MAX) {
		timer_stop(alarm->source);
		alarm->armed = UINT64_MAX;
	}
	if (alarm->due >= alarm->armed)
		return 0;
	r = timer_arm(alarm->event, &alarm->source, alarm->due > now ? alarm->due - now : 0,
		TIMER_EXACT, on_armed, alarm, "alarm");
	if (r >= 0)
		alarm->armed = alarm->due;
	return r;
}
