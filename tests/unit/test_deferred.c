#include "tests/unit/cmocka-all.h"

#include "util/deferred.h"

#include <string.h>

static char order[8];

static int on_late(sd_event_source *source, void *userdata)
{
	strcat(order, "l");
	return 0;
}

static int on_soon(sd_event_source *source, void *userdata)
{
	strcat(order, "s");
	return 0;
}

static void run(sd_event *event)
{
	while (sd_event_run(event, 0) > 0)
		;
}

static void runs_when_it_is_woken(void **state)
{
	sd_event_source *late = NULL, *soon = NULL;
	const char *name = NULL;
	sd_event *event;

	assert_true(sd_event_new(&event) >= 0);
	assert_int_equal(deferred_new(&late, event, on_late, NULL, "late", 10), 0);
	assert_int_equal(deferred_new(&soon, event, on_soon, NULL, "soon", 0), 0);
	assert_true(sd_event_source_get_description(late, &name) >= 0);
	assert_string_equal(name, "late");
	run(event);
	assert_string_equal(order, "");
	deferred_wake(late);
	deferred_wake(soon);
	deferred_wake(soon);
	assert_string_equal(order, "");
	run(event);
	assert_string_equal(order, "sl");
	deferred_wake(soon);
	run(event);
	assert_string_equal(order, "sls");
	(void)sd_event_source_disable_unref(late);
	(void)sd_event_source_disable_unref(soon);
	(void)sd_event_unref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(runs_when_it_is_woken)};

	return cmocka_run_group_tests_name("deferred", tests, NULL, NULL);
}
