#include "tests/unit/cmocka-all.h"

#include <string.h>
#include <time.h>

#include "util/clock.h"
#include "util/timer.h"

struct fixture {
	sd_event *event;
	sd_event_source *source;
	unsigned fired;
	uint64_t at;
	unsigned again;
};

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct fixture *f = userdata;

	assert_ptr_equal(source, f->source);
	f->fired++;
	f->at = clock_boot_usec();
	if (f->again > 0) {
		f->again--;
		assert_int_equal(
			timer_arm(f->event, &f->source, 0, TIMER_EXACT, on_time, f, "t"), 0);
	}
	return 0;
}

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){0};
	*state = &fixture;
	return sd_event_new(&fixture.event) < 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)sd_event_source_disable_unref(f->source);
	(void)sd_event_unref(f->event);
	return 0;
}

static void arm(struct fixture *f, uint64_t wait_usec)
{
	assert_true(timer_arm(f->event, &f->source, wait_usec, TIMER_EXACT, on_time, f, "t") >= 0);
}

static void run(struct fixture *f, uint64_t usec)
{
	assert_true(sd_event_run(f->event, usec) >= 0);
}

static void fires_once_in_time(void **state)
{
	struct fixture *f = *state;
	uint64_t begin = clock_boot_usec();
	const char *name = NULL;
	clockid_t clock;

	arm(f, 400 * USEC_PER_MSEC);
	assert_true(sd_event_source_get_description(f->source, &name) >= 0);
	assert_string_equal(name, "t");
	assert_true(sd_event_source_get_time_clock(f->source, &clock) >= 0);
	assert_int_equal(clock, CLOCK_BOOTTIME);
	run(f, 0);
	assert_int_equal(f->fired, 0);
	run(f, 10 * USEC_PER_SEC);
	assert_int_equal(f->fired, 1);
	assert_true(f->at >= begin + 400 * USEC_PER_MSEC);
	run(f, 0);
	assert_int_equal(f->fired, 1);
}

static void is_wound_up_again(void **state)
{
	struct fixture *f = *state;
	sd_event_source *first;

	arm(f, 3600 * USEC_PER_SEC);
	first = f->source;
	arm(f, 0);
	assert_ptr_equal(f->source, first);
	run(f, 10 * USEC_PER_SEC);
	assert_int_equal(f->fired, 1);
	/* Also after it fired, and from its own handler. */
	f->again = 2;
	arm(f, 0);
	for (int i = 0; i < 3; i++)
		run(f, 10 * USEC_PER_SEC);
	assert_int_equal(f->fired, 4);
	assert_ptr_equal(f->source, first);
	run(f, 0);
	assert_int_equal(f->fired, 4);
}

static void is_as_exact_as_asked_for_last(void **state)
{
	struct fixture *f = *state;
	uint64_t accuracy = 0;

	arm(f, 1000000);
	assert_int_equal(timer_arm(f->event, &f->source, 1000000, TIMER_LAZY, on_time, f, "t"), 0);
	assert_true(sd_event_source_get_time_accuracy(f->source, &accuracy) >= 0);
	assert_int_equal(accuracy, TIMER_LAZY);
}

static void can_be_stopped(void **state)
{
	struct fixture *f = *state;

	timer_stop(NULL);
	arm(f, 0);
	timer_stop(f->source);
	run(f, 0);
	assert_int_equal(f->fired, 0);
	timer_stop(f->source);
	arm(f, 0);
	run(f, 10 * USEC_PER_SEC);
	assert_int_equal(f->fired, 1);
}

static void endless_waits_do_not_fire(void **state)
{
	struct fixture *f = *state;

	arm(f, UINT64_MAX);
	run(f, 0);
	assert_int_equal(f->fired, 0);
	arm(f, UINT64_MAX - 1);
	run(f, 0);
	assert_int_equal(f->fired, 0);
	/* So far that 32 bits of seconds do not reach. */
	arm(f, UINT64_C(100) * 365 * 86400 * USEC_PER_SEC);
	run(f, 0);
	assert_int_equal(f->fired, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(fires_once_in_time),
		TEST(is_wound_up_again),
		TEST(is_as_exact_as_asked_for_last),
		TEST(can_be_stopped),
		TEST(endless_waits_do_not_fire),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
