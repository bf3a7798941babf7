#include "tests/unit/cmocka-all.h"

#include "cloud/alarm.h"
#include "tests/unit/fake_time.h"
#include "util/clock.h"

#define MSEC USEC_PER_MSEC

struct fixture {
	sd_event *event;
	struct alarm *alarm;
	unsigned rung;
};

static void on_ring(void *userdata)
{
	struct fixture *f = userdata;

	f->rung++;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	time_start(INT64_C(1900000000000));
	assert_int_equal(sd_event_new(&f->event), 0);
	assert_int_equal(alarm_new(&f->alarm, f->event, on_ring, f), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_null(alarm_free(f->alarm));
	assert_null(alarm_free(NULL));
	sd_event_unref(f->event);
	free(f);
	return 0;
}

static void set(struct fixture *f, uint64_t wait_usec)
{
	alarm_set(f->alarm, wait_usec);
	assert_int_equal(alarm_wind(f->alarm), 0);
}

static void rings_once(void **state)
{
	struct fixture *f = *state;

	set(f, 10 * MSEC);
	time_pass(f->event, 9 * MSEC);
	assert_int_equal(f->rung, 0);
	time_pass(f->event, 1 * MSEC);
	assert_int_equal(f->rung, 1);
	time_pass(f->event, 100 * MSEC);
	assert_int_equal(f->rung, 1);
}

static void may_be_moved(void **state)
{
	struct fixture *f = *state;

	/* To later, */
	set(f, 10 * MSEC);
	set(f, 30 * MSEC);
	time_pass(f->event, 29 * MSEC);
	assert_int_equal(f->rung, 0);
	time_pass(f->event, 1 * MSEC);
	assert_int_equal(f->rung, 1);
	/* to sooner, */
	set(f, 30 * MSEC);
	set(f, 10 * MSEC);
	time_pass(f->event, 10 * MSEC);
	assert_int_equal(f->rung, 2);
	time_pass(f->event, 100 * MSEC);
	assert_int_equal(f->rung, 2);
	/* and to never; then a new time holds, be it later or sooner than what the loop waits for. */
	set(f, 10 * MSEC);
	set(f, UINT64_MAX);
	time_pass(f->event, 5 * MSEC);
	set(f, 2 * MSEC);
	time_pass(f->event, 2 * MSEC);
	assert_int_equal(f->rung, 3);
	set(f, 10 * MSEC);
	set(f, UINT64_MAX);
	set(f, 50 * MSEC);
	time_pass(f->event, 49 * MSEC);
	assert_int_equal(f->rung, 3);
	time_pass(f->event, 1 * MSEC);
	assert_int_equal(f->rung, 4);
}

static void what_is_not_wound_does_not_wake_the_loop(void **state)
{
	struct fixture *f = *state;

	alarm_set(f->alarm, 0);
	time_pass(f->event, 0);
	assert_int_equal(f->rung, 0);
	alarm_set(f->alarm, 10 * MSEC);
	assert_int_equal(alarm_wind(f->alarm), 0);
	time_pass(f->event, 0);
	assert_int_equal(f->rung, 0);
	time_pass(f->event, 10 * MSEC);
	assert_int_equal(f->rung, 1);
}

static void set_to_never_it_wakes_nobody(void **state)
{
	struct fixture *f = *state;

	set(f, 10 * MSEC);
	assert_int_equal(time_armed("alarm"), 1);
	set(f, UINT64_MAX);
	assert_int_equal(time_armed("alarm"), 0);
	set(f, 10 * MSEC);
	time_pass(f->event, 10 * MSEC);
	assert_int_equal(f->rung, 1);
}

static void what_is_taken_does_not_ring(void **state)
{
	struct fixture *f = *state;

	assert_false(alarm_take(f->alarm));
	set(f, 10 * MSEC);
	assert_false(alarm_take(f->alarm));
	alarm_set(f->alarm, 0);
	assert_true(alarm_take(f->alarm));
	assert_false(alarm_take(f->alarm));
	time_pass(f->event, 10 * MSEC);
	assert_int_equal(f->rung, 0);
	/* The next one does. */
	set(f, 10 * MSEC);
	time_pass(f->event, 10 * MSEC);
	assert_int_equal(f->rung, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rings_once, setup, teardown),
		cmocka_unit_test_setup_teardown(may_be_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_not_wound_does_not_wake_the_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(set_to_never_it_wakes_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_taken_does_not_ring, setup, teardown),
	};

	return cmocka_run_group_tests_name("alarm", tests, NULL, NULL);
}
