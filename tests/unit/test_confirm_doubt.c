#include "tests/unit/cmocka-all.h"

#include "tests/unit/confirm_scene.h"

static void one_row_is_one_opening(void **state)
{
	struct world *w = *state;

	/* No later one can have made a row that is older than it. */
	scene_open_unknown(w, GATE, "a");
	time_pass(w->event, 3 * SEC);
	scene_open_unknown(w, GATE, "b");
	HEAR(w, FRONT(0));
	assert_string_equal(scene_said(w, GATE), SAYS("a", "true"));
	fake_mqtt_forget(w->mqtt);
	HEAR(w, FRONT(0), FRONT(3));
	assert_string_equal(scene_said(w, GATE), SAYS("b", "true"));
}

static void one_row_for_two_openings_tells_nothing(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	time_pass(w->event, 3 * SEC);
	scene_open_unknown(w, GATE, "b");
	HEAR(w, FRONT(3));
	scene_pass_and_hear(w, 90);
	assert_string_equal(scene_said(w, GATE), "");
	/* Two rows tell of both, whoever made which. */
	scene_open_unknown(w, GATE, "c");
	time_pass(w->event, 3 * SEC);
	scene_open_unknown(w, GARAGE, "d");
	HEAR(w, FRONT(3), FRONT(96));
	assert_string_equal(scene_said(w, GATE), "");
	HEAR(w, FRONT(3), FRONT(96), FRONT(97));
	assert_string_equal(scene_said(w, GATE), SAYS("c", "true"));
	assert_string_equal(scene_said(w, GARAGE), SAYS("d", "true"));
}

/* Rows name the device, not the relay. */
static void relays_of_one_device_share_rows(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	scene_open_unknown(w, GARAGE, "b");
	HEAR(w, FRONT(0));
	scene_pass_and_hear(w, 60);
	assert_string_equal(scene_said(w, GATE), "");
	assert_string_equal(scene_said(w, GARAGE), "");
	/* Another device has its own. */
	scene_open_unknown(w, GATE, "c");
	scene_open_unknown(w, BACK, "d");
	HEAR(w, {60, "Back", "", false});
	assert_string_equal(scene_said(w, GATE), "");
	assert_string_equal(scene_said(w, BACK), SAYS("d", "true"));
}

/* Pressed again, and that worked: the row is of the second. */
static void an_answered_opening_takes_its_row(void **state)
{
	struct world *w = *state;

	scene_open_door(w, GATE, "a");
	time_pass(w->event, 10 * SEC);
	scene_end(w, CLOUD_OUTCOME_UNKNOWN);
	scene_open_door(w, GATE, "b");
	scene_end(w, CLOUD_OK);
	HEAR(w, FRONT(10));
	assert_string_equal(scene_said(w, GATE), "");
	scene_pass_and_hear(w, 25);
	assert_string_equal(scene_said(w, GATE), "");
	scene_pass_and_hear(w, 5);
	assert_string_equal(scene_said(w, GATE), SAYS("a", "false"));
	/* Answered before the first was: its time is over earlier. */
	fake_mqtt_forget(w->mqtt);
	time_pass(w->event, 301 * SEC);
	scene_hear(w);
	scene_open_door(w, GATE, "a");
	scene_open_door(w, GATE, "b");
	fake_cloud_end(fake_cloud_oldest(w->cloud)->next, CLOUD_OK);
	HEAR(w, FRONT(341));
	time_pass(w->event, 20 * SEC);
	scene_end(w, CLOUD_OUTCOME_UNKNOWN);
	scene_pass_and_hear(w, 25);
	assert_string_equal(scene_said(w, GATE), "");
	scene_pass_and_hear(w, 5);
	assert_string_equal(scene_said(w, GATE), SAYS("a", "false"));
	/* Two rows are one too many for the second alone. */
	fake_mqtt_forget(w->mqtt);
	time_pass(w->event, 301 * SEC);
	scene_open_unknown(w, GATE, "a");
	scene_open_door(w, GATE, "b");
	scene_end(w, CLOUD_OK);
	HEAR(w, FRONT(692), FRONT(692));
	assert_string_equal(scene_said(w, GATE), SAYS("a", "true"));
}

/* What was sent before it may be late. */
static void an_answered_one_before_takes_its_row_first(void **state)
{
	struct world *w = *state;

	scene_open_door(w, GATE, "a");
	scene_end(w, CLOUD_OK);
	time_pass(w->event, 5 * SEC);
	scene_open_unknown(w, GATE, "b");
	HEAR(w, FRONT(5));
	assert_string_equal(scene_said(w, GATE), "");
	scene_pass_and_hear(w, 60);
	assert_string_equal(scene_said(w, GATE), "");
}

/* The first is given up while one row waits for two: that row proves nothing of the second. */
static void who_is_given_up_leaves_a_doubt(void **state)
{
	static const enum cloud_error firsts[] = {CLOUD_OUTCOME_UNKNOWN, CLOUD_OK, CLOUD_REFUSED};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(firsts); i++) {
		int64_t second = (int64_t)i * 390;

		scene_open_door(w, GATE, "a");
		scene_end(w, firsts[i]);
		scene_pass_and_hear(w, 25);
		scene_open_door(w, GATE, "b");
		HEAR(w, FRONT(second + 25));
		scene_pass_and_hear(w, 5);
		scene_end(w, CLOUD_OUTCOME_UNKNOWN);
		scene_pass_and_hear(w, 60);
		assert_string_equal(scene_said(w, GATE), "");
		time_pass(w->event, 300 * SEC);
	}
}

/* The second is given up first; the row in its place may be of the first. */
static void a_row_behind_is_a_doubt_too(void **state)
{
	struct world *w = *state;

	scene_open_door(w, GATE, "a");
	time_pass(w->event, SEC);
	scene_open_door(w, GATE, "b");
	fake_cloud_end(fake_cloud_oldest(w->cloud)->next, CLOUD_OUTCOME_UNKNOWN);
	HEAR(w, FRONT(1));
	scene_pass_and_hear(w, 10);
	scene_end(w, CLOUD_OUTCOME_UNKNOWN);
	scene_pass_and_hear(w, 60);
	assert_string_equal(scene_said(w, GATE), "");
}

/* Without any row there is no doubt. */
static void who_is_given_up_in_time_leaves_none(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	scene_pass_and_hear(w, 25);
	scene_open_unknown(w, GATE, "b");
	scene_pass_and_hear(w, 5);
	assert_string_equal(scene_said(w, GATE), SAYS("a", "false"));
	HEAR(w, FRONT(26));
	assert_string_equal(scene_said(w, GATE), SAYS("b", "true"));
}

/* An answer that was long on its way says less about the time than the one before. */
static void the_best_time_counts(void **state)
{
	struct world *w = *state;

	time_pass(w->event, 2 * SEC);
	scene_open_unknown(w, GATE, "a");
	scene_hear(w);
	time_pass(w->event, 2 * SEC);
	skew_msec = -2000;
	HEAR(w, FRONT(1));
	assert_string_equal(scene_said(w, GATE), "");
}

/* One that never left makes no row: what is there is of the one before. */
static void an_opening_that_never_left_leaves_its_rows(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	time_pass(w->event, SEC);
	scene_open_door(w, GATE, "b");
	HEAR(w, FRONT(1));
	assert_string_equal(scene_said(w, GATE), "");
	fake_mqtt_forget(w->mqtt);
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_UNREACHABLE);
	assert_string_equal(scene_said(w, GATE), SAYS("a", "true"));
}

/* Two devices of one name: their rows are of no use, and a doubt. */
static void rows_that_cannot_be_traced(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	HEAR(w, {0, "Nobody", "", false});
	assert_string_equal(scene_said(w, GATE), "");
	scene_pass_and_hear(w, 60);
	assert_string_equal(scene_said(w, GATE), "");
}

static void only_so_many_are_followed(void **state)
{
	struct world *w = *state;
	const struct confirm_asker nobody = {0};
	const struct cloud_answer ok = {.error = CLOUD_OK, .why = ""};
	uint64_t first = confirm_sent(w->confirm, world_relay(w, "H2", "R1"));

	assert_true(first > 0);
	confirm_answered(w->confirm, first, &ok, &nobody);
	assert_true(confirm_awaits(w->confirm, world_home(w, "H2")));
	for (int i = 0; i < CONFIRM_MAX - 1; i++)
		(void)confirm_sent(w->confirm, world_relay(w, "H1", "R1"));
	assert_true(confirm_awaits(w->confirm, world_home(w, "H2")));
	(void)confirm_sent(w->confirm, world_relay(w, "H1", "R1"));
	assert_false(confirm_awaits(w->confirm, world_home(w, "H2")));
	confirm_answered(w->confirm, first, &ok, &nobody);
	confirm_answered(w->confirm, 0, &ok, &nobody);
}

static void at_the_end_all_are_dropped(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	confirm_clear(w->confirm);
	HEAR(w, FRONT(0));
	assert_string_equal(scene_said(w, GATE), "");
	scene_open_unknown(w, GATE, "b");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_row_is_one_opening),
		TEST(one_row_for_two_openings_tells_nothing),
		TEST(relays_of_one_device_share_rows),
		TEST(an_answered_opening_takes_its_row),
		TEST(an_answered_one_before_takes_its_row_first),
		TEST(who_is_given_up_leaves_a_doubt),
		TEST(a_row_behind_is_a_doubt_too),
		TEST(who_is_given_up_in_time_leaves_none),
		TEST(the_best_time_counts),
		TEST(an_opening_that_never_left_leaves_its_rows),
		TEST(rows_that_cannot_be_traced),
		TEST(only_so_many_are_followed),
		TEST(at_the_end_all_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
