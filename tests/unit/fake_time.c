#include "tests/unit/cmocka-all.h"

#include "tests/unit/fake_time.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"
#include "util/timer.h"

/* So far ahead that the event loop never finds a timer due by itself. */
#define START_USEC UINT64_C(1000000000000000)
#define TIMERS_MAX 4096

struct timer {
	sd_event_source *source;
	uint64_t due;
	uint64_t accuracy;
	sd_event_time_handler_t handler;
	void *userdata;
};

static uint64_t now;
static int64_t epoch;
static struct timer timers[TIMERS_MAX];
static size_t n_timers;

uint64_t __wrap_clock_boot_usec(void);
int64_t __wrap_clock_epoch_msec(void);
int __wrap_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name);

uint64_t __wrap_clock_boot_usec(void)
{
	return now;
}

int64_t __wrap_clock_epoch_msec(void)
{
	return epoch;
}

static bool is_enabled(const struct timer *t)
{
	return sd_event_source_get_enabled(t->source, NULL) > 0;
}

int __wrap_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name)
{
	uint64_t due = now + wait_usec;
	size_t i = 0;

	if (!*source) {
		assert_true(n_timers < TIMERS_MAX);
		assert_true(sd_event_add_time(event, source, CLOCK_BOOTTIME, due, accuracy_usec,
				    handler, userdata) >= 0);
		assert_true(sd_event_source_set_description(*source, name) >= 0);
		timers[n_timers++].source = sd_event_source_ref(*source);
	}
	while (timers[i].source != *source)
		assert_true(++i < n_timers);
	timers[i].due = due;
	timers[i].accuracy = accuracy_usec;
	timers[i].handler = handler;
	timers[i].userdata = userdata;
	assert_true(sd_event_source_set_time(*source, due) >= 0);
	return sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
}

void time_start(int64_t epoch_msec)
{
	now = START_USEC;
	epoch = epoch_msec;
}

/* Steps the wall clock alone. */
void time_set_epoch(int64_t epoch_msec)
{
	epoch = epoch_msec;
}

/* Lets the loop do what it can do now. */
void time_settle(sd_event *event)
{
	int r;

	do
		r = sd_event_run(event, 0);
	while (r > 0);
	assert_int_equal(r, 0);
}

static struct timer *first_due(void)
{
	struct timer *first = NULL;

	for (size_t i = 0; i < n_timers; i++)
		if (is_enabled(&timers[i]) && (!first || timers[i].due < first->due))
			first = &timers[i];
	return first;
}

/* Microseconds until the next timer; UINT64_MAX: there is none. */
uint64_t time_next_due(void)
{
	const struct timer *t = first_due();

	return t ? t->due - now : UINT64_MAX;
}

static bool has_name(const struct timer *t, const char *name)
{
	const char *description;

	return sd_event_source_get_description(t->source, &description) >= 0 &&
	       strcmp(description, name) == 0;
}

/* How many timers of that name are armed. */
unsigned time_armed(const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < n_timers; i++)
		n += is_enabled(&timers[i]) && has_name(&timers[i], name);
	return n;
}

static const struct timer *find_armed(const char *name)
{
	for (size_t i = 0; i < n_timers; i++)
		if (is_enabled(&timers[i]) && has_name(&timers[i], name))
			return &timers[i];
	fail_msg("no %s is armed", name);
	return NULL;
}

/* Microseconds until the timer of that name, and how late it may be. */
uint64_t time_due(const char *name)
{
	return find_armed(name)->due - now;
}

uint64_t time_accuracy(const char *name)
{
	return find_armed(name)->accuracy;
}

/* Calls the timers that become due meanwhile, in their order. */
void time_pass(sd_event *event, uint64_t usec)
{
	uint64_t target = now + usec;
	int64_t epoch_then = epoch + (int64_t)(usec / 1000);
	struct timer *t;

	time_settle(event);
	while ((t = first_due()) && t->due <= target) {
		now = t->due > now ? t->due : now;
		assert_true(sd_event_source_set_enabled(t->source, SD_EVENT_OFF) >= 0);
		assert_true(t->handler(t->source, t->due, t->userdata) >= 0);
		time_settle(event);
	}
	now = target;
	epoch = epoch_then;
}

void time_end(void)
{
	while (n_timers > 0)
		(void)sd_event_source_unref(timers[--n_timers].source);
}
