#include "tests/unit/cmocka-all.h"

#include "tests/unit/confirm_scene.h"

#include <string.h>

static void a_row_confirms(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	assert_true(confirm_awaits(w->confirm, world_home(w, "H1")));
	assert_false(confirm_awaits(w->confirm, world_home(w, "H2")));
	time_pass(w->event, SEC);
	scene_hear(w);
	assert_string_equal(scene_said(w, GATE), "");
	HEAR(w, FRONT(0));
	assert_string_equal(scene_said(w, GATE), SAYS("a", "true"));
	assert_false(confirm_awaits(w->confirm, world_home(w, "H1")));
	/* Once. */
	fake_mqtt_forget(w->mqtt);
	scene_pass_and_hear(w, 60);
	HEAR(w, FRONT(0), FRONT(50));
	assert_string_equal(scene_said(w, GATE), "");
}

static void it_goes_where_the_answer_went(void **state)
{
	struct world *w = *state;
	const struct sent *sent;

	world_send_message(w, "home/H1/request/" COMMAND,
		"{\"mac\":\"0C1105AAAAAA\",\"relay_id\":\"R1\",\"id\":7}",
		(struct mqtt_message){.expiry_sec = -1,
			.response_topic = "me/answers",
			.correlation = "xyz",
			.correlation_size = 3});
	scene_end(w, CLOUD_OUTCOME_UNKNOWN);
	HEAR(w, FRONT(0));
	for (int i = 0; i < 2; i++) {
		sent = fake_mqtt_last(w->mqtt, i == 0 ? "home/H1/response/" COMMAND : "me/answers");
		assert_non_null(sent);
		assert_string_equal(
			sent->text, "{\"id\":7,\"command\":\"" COMMAND "\",\"confirmed\":true}");
		assert_int_equal(sent->qos, 1);
		assert_false(sent->retain);
		assert_int_equal(sent->correlation_size, 3);
		assert_memory_equal(sent->correlation, "xyz", 3);
	}
	fake_mqtt_forget(w->mqtt);
	time_pass(w->event, 3 * SEC);
	world_send(w, GATE "open", "OPEN");
	scene_end(w, CLOUD_OUTCOME_UNKNOWN);
	HEAR(w, FRONT(0), FRONT(3));
	assert_string_equal(
		scene_said(w, GATE), "{\"command\":\"" COMMAND "\",\"confirmed\":true}");
}

static void without_a_row_it_did_not_open(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	scene_pass_and_hear(w, 25);
	assert_string_equal(scene_said(w, GATE), "");
	/* Other doors and refusals are no proof, and no doubt either. */
	HEAR(w, {1, "Back", "", false}, {1, "Front", "", true});
	scene_hear_rows(w, "H2", (const struct row[]){{1, "Hall", "", false}}, 1);
	time_pass(w->event, 5 * SEC - MSEC);
	scene_hear(w);
	assert_string_equal(scene_said(w, GATE), "");
	assert_true(confirm_awaits(w->confirm, world_home(w, "H1")));
	time_pass(w->event, MSEC);
	assert_false(confirm_awaits(w->confirm, world_home(w, "H1")));
	scene_hear(w);
	assert_string_equal(scene_said(w, GATE), SAYS("a", "false"));
	fake_mqtt_forget(w->mqtt);
	/* That is the last word. */
	HEAR(w, FRONT(32));
	assert_string_equal(scene_said(w, GATE), "");
}

static void silence_is_no_proof(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	time_pass(w->event, 100 * SEC);
	assert_false(confirm_awaits(w->confirm, world_home(w, "H1")));
	scene_hear(w);
	time_pass(w->event, 100 * SEC);
	scene_hear(w);
	/* Asked before the answer was there. */
	asked_ago = 201 * SEC;
	scene_hear(w);
	asked_ago = 0;
	assert_string_equal(scene_said(w, GATE), "");
	scene_hear(w);
	assert_string_equal(scene_said(w, GATE), SAYS("a", "false"));
	/* Too late to tell. */
	fake_mqtt_forget(w->mqtt);
	scene_open_unknown(w, GATE, "b");
	time_pass(w->event, 601 * SEC);
	scene_pass_and_hear(w, 60);
	HEAR(w, FRONT(202));
	assert_string_equal(scene_said(w, GATE), "");
}

static void only_what_stayed_out_is_confirmed(void **state)
{
	static const enum cloud_error ends[] = {CLOUD_OK, CLOUD_REFUSED, CLOUD_UNREACHABLE,
		CLOUD_EXPIRED, CLOUD_AUTH_FAILED, CLOUD_SHUTTING_DOWN};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(ends); i++) {
		char id[2] = {(char)('a' + (char)i)};

		scene_open_door(w, GATE, id);
		scene_end(w, ends[i]);
		time_pass(w->event, 2 * SEC);
		assert_int_equal(confirm_awaits(w->confirm, world_home(w, "H1")),
			ends[i] == CLOUD_OK || ends[i] == CLOUD_REFUSED);
		if (i % 2 == 0)
			HEAR(w, FRONT((int64_t)i * 52));
		scene_pass_and_hear(w, 50);
		assert_string_equal(scene_said(w, GATE), "");
	}
}

/* The row is there before the answer has stayed out. */
static void a_row_may_come_before_the_answer(void **state)
{
	struct world *w = *state;

	scene_open_door(w, GATE, "a");
	time_pass(w->event, SEC);
	HEAR(w, FRONT(0));
	time_pass(w->event, 9 * SEC);
	scene_hear(w);
	assert_string_equal(scene_said(w, GATE), "");
	fake_mqtt_forget(w->mqtt);
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_OUTCOME_UNKNOWN);
	/* Behind the answer. */
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "outcome_unknown"));
	assert_string_equal(scene_said(w, GATE), SAYS("a", "true"));
	/* Or was answered at last: then there is nothing to say. */
	fake_mqtt_forget(w->mqtt);
	scene_open_door(w, GATE, "b");
	HEAR(w, FRONT(0), FRONT(10));
	scene_end(w, CLOUD_OK);
	scene_pass_and_hear(w, 60);
	assert_string_equal(scene_said(w, GATE), "");
}

static void rows_from_before_are_no_proof(void **state)
{
	struct world *w = *state;

	/* Somebody at the door, a second before; seen only now. */
	time_pass(w->event, SEC);
	scene_open_unknown(w, GATE, "a");
	HEAR(w, FRONT(0));
	assert_string_equal(scene_said(w, GATE), "");
	/* Or it was ours, by a clock that is behind: neither can be told. */
	scene_pass_and_hear(w, 60);
	assert_string_equal(scene_said(w, GATE), "");
	/* One that had been seen before the opening is neither proof nor doubt. */
	HEAR(w, FRONT(0), FRONT(61));
	scene_open_unknown(w, GATE, "b");
	HEAR(w, FRONT(0), FRONT(61));
	assert_string_equal(scene_said(w, GATE), "");
	scene_pass_and_hear(w, 30);
	HEAR(w, FRONT(0), FRONT(61));
	assert_string_equal(scene_said(w, GATE), SAYS("b", "false"));
}

/* The history's answer was on its way already when the opening left. */
static void what_was_asked_before_proves_nothing(void **state)
{
	struct world *w = *state;

	time_pass(w->event, SEC);
	scene_open_unknown(w, GATE, "a");
	time_pass(w->event, 5 * SEC);
	asked_ago = 7 * SEC;
	HEAR(w, FRONT(1));
	assert_string_equal(scene_said(w, GATE), "");
	asked_ago = 0;
	scene_pass_and_hear(w, 60);
	assert_string_equal(scene_said(w, GATE), "");
}

/* Only the cloud's clock counts. */
static void our_clock_may_be_wrong(void **state)
{
	struct world *w = *state;

	skew_msec = 86400000;
	scene_hear(w);
	scene_open_unknown(w, GATE, "a");
	time_pass(w->event, SEC);
	HEAR(w, FRONT(86400 - 1));
	assert_string_equal(scene_said(w, GATE), "");
	HEAR(w, FRONT(86400));
	assert_string_equal(scene_said(w, GATE), SAYS("a", "true"));
	fake_mqtt_forget(w->mqtt);
	/* It jumps while the row is looked for. */
	scene_open_unknown(w, GATE, "b");
	time_set_epoch(WORLD_EPOCH_MSEC + 86401000);
	skew_msec = 0;
	HEAR(w, FRONT(86401));
	assert_string_equal(scene_said(w, GATE), SAYS("b", "true"));
	/* Nobody knows the time. */
	fake_mqtt_forget(w->mqtt);
	time_set_epoch(60000);
	scene_open_unknown(w, GATE, "c");
	HEAR(w, FRONT(86500));
	scene_pass_and_hear(w, 60);
	assert_string_equal(scene_said(w, GATE), "");
}

/* A wrong zone, or a door's clock that is ahead. */
static void rows_of_the_future_are_no_proof(void **state)
{
	struct world *w = *state;

	scene_open_unknown(w, GATE, "a");
	HEAR(w, FRONT(3600));
	assert_string_equal(scene_said(w, GATE), "");
	scene_pass_and_hear(w, 60);
	assert_string_equal(scene_said(w, GATE), "");
}

static void somebody_at_the_door(void **state)
{
	static const char *const local[] = {"Face unlock", "RF card unlock", "PIN unlock",
		"Bluetooth unlock", "nfc", "QR code", "Temp key unlock", "unlock:CARD"};
	static const char *const others[] = {
		"Remote unlock", "", "Opening", "call", "discard", "surface"};
	struct world *w = *state;
	int64_t second = 0;

	for (size_t i = 0; i < ELEMENTS(local); i++) {
		scene_open_unknown(w, GATE, local[i]);
		HEAR(w, {second, "Front", local[i], false});
		scene_pass_and_hear(w, 40);
		second += 40;
		assert_string_equal(scene_said(w, GATE), "");
	}
	for (size_t i = 0; i < ELEMENTS(others); i++) {
		scene_open_unknown(w, GATE, i % 2 ? "x" : others[i]);
		HEAR(w, {second, "Front", others[i], false});
		if (!strstr(scene_said(w, GATE), "true"))
			fail_msg("%s is no proof", others[i]);
		time_pass(w->event, 301 * SEC);
		second += 301;
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_confirms),
		TEST(it_goes_where_the_answer_went),
		TEST(without_a_row_it_did_not_open),
		TEST(silence_is_no_proof),
		TEST(only_what_stayed_out_is_confirmed),
		TEST(a_row_may_come_before_the_answer),
		TEST(rows_from_before_are_no_proof),
		TEST(what_was_asked_before_proves_nothing),
		TEST(our_clock_may_be_wrong),
		TEST(rows_of_the_future_are_no_proof),
		TEST(somebody_at_the_door),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
