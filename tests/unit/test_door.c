#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/clock.h"

#define OPENING    "trigger_akuvox_remote_open_door"
#define STATE      "home/H1/door/R1/state"
#define MSEC       USEC_PER_MSEC
#define SEC        USEC_PER_SEC
#define A_MOMENT   (29 * MSEC)
#define A_WHILE    (31 * MSEC)
#define AFTER_HOLD (WORLD_HOLD_USEC + MSEC)

struct asked {
	struct opening *opening;
	unsigned answered;
	enum cloud_error error;
	enum door_state state; /* when the answer came */
	struct relay *relay;
};

static void on_done(const struct cloud_answer *answer, void *userdata)
{
	struct asked *asked = userdata;

	asked->answered++;
	asked->error = answer->error;
	asked->state = door_state(asked->relay);
	asked->opening = NULL;
}

static void ask_to_open(struct world *w, struct relay *relay, struct asked *ret)
{
	*ret = (struct asked){.relay = relay};
	assert_int_equal(door_open(w->doors, &ret->opening, relay, clock_boot_usec() + 5 * SEC,
				 on_done, ret),
		0);
}

/* Opens R1 of H1; the answer is still to come. */
static struct relay *open_r1(struct world *w, struct asked *ret)
{
	struct relay *relay = world_relay(w, "H1", "R1");

	ask_to_open(w, relay, ret);
	return relay;
}

static void answer(struct world *w, enum cloud_error error)
{
	struct cloud_call *call = fake_cloud_oldest(w->cloud);

	if (error == CLOUD_OK)
		fake_cloud_succeed(call, "null");
	else
		fake_cloud_end(call, error);
}

static void expect_states(struct world *w, const char *const *states)
{
	for (; *states; states++) {
		fake_mqtt_expect(w->mqtt, STATE, *states);
		assert_true(fake_mqtt_last(w->mqtt, STATE)->retain);
	}
	fake_mqtt_expect_nothing(w->mqtt);
}

#define expect(w, ...) expect_states(w, (const char *const[]){__VA_ARGS__, NULL})

static int set_relays(struct world *w, const struct relay_settings *relays)
{
	const struct names_settings settings = {
		.base_topic = "home", .relays = relays, .n_relays = 1};
	struct names *next;
	int r = names_new(&next, &settings);

	if (r < 0)
		return r;
	names_swap(w->names, next);
	(void)names_free(next);
	return 0;
}

static int guard(const struct world *w, const struct relay *relay, bool has_id)
{
	const char *why = NULL;
	int r = door_guard(w->doors, relay, has_id, &why);

	if (r >= 0)
		assert_true(strlen(why) > 0);
	else
		assert_null(why);
	return r;
}

static void an_opening_is_one_call(void **state)
{
	struct world *w = *state;
	const struct cloud_call *call;
	struct asked asked;

	(void)open_r1(w, &asked);
	assert_int_equal(fake_cloud_started(w->cloud), 1);
	call = fake_cloud_oldest(w->cloud);
	assert_string_equal(call->command->name, OPENING);
	assert_string_equal(call->param,
		"{\"residence_id\":\"H1\",\"mac\":\"0C1105AAAAAA\",\"relay_id\":\"R1\"}");
	assert_int_equal(call->priority, CLOUD_DOOR);
	assert_int_equal(call->deadline, clock_boot_usec() + 5 * SEC);
	answer(w, CLOUD_OK);
	assert_int_equal(asked.answered, 1);
}

/* With a quick answer all states come after it, so that nothing stands between. */
static void a_quick_answer(void **state)
{
	struct world *w = *state;
	struct asked asked;

	(void)open_r1(w, &asked);
	time_pass(w->event, A_MOMENT);
	fake_mqtt_expect_nothing(w->mqtt);
	answer(w, CLOUD_OK);
	assert_int_equal(asked.state, DOOR_LOCKED);
	expect(w, "UNLOCKING", "UNLOCKED");
	time_pass(w->event, WORLD_HOLD_USEC - 1);
	fake_mqtt_expect_nothing(w->mqtt);
	time_pass(w->event, 1);
	expect(w, "LOCKED");
	assert_int_equal(time_next_due(), UINT64_MAX);
}

static void a_slow_answer(void **state)
{
	struct world *w = *state;
	struct asked asked;

	(void)open_r1(w, &asked);
	time_pass(w->event, A_WHILE);
	expect(w, "UNLOCKING");
	time_pass(w->event, 8 * SEC);
	fake_mqtt_expect_nothing(w->mqtt);
	answer(w, CLOUD_OK);
	assert_int_equal(asked.state, DOOR_UNLOCKING);
	expect(w, "UNLOCKED");
	time_pass(w->event, AFTER_HOLD);
	expect(w, "LOCKED");
}

static void a_failure(void **state)
{
	static const enum cloud_error errors[] = {CLOUD_EXPIRED, CLOUD_UNREACHABLE,
		CLOUD_OUTCOME_UNKNOWN, CLOUD_AUTH_FAILED, CLOUD_REFUSED, CLOUD_SHUTTING_DOWN};
	struct world *w = *state;
	struct asked asked;

	for (size_t i = 0; i < ELEMENTS(errors); i++) {
		const struct relay *relay = open_r1(w, &asked);

		time_pass(w->event, A_MOMENT);
		answer(w, errors[i]);
		assert_int_equal(asked.answered, 1);
		assert_int_equal(asked.error, errors[i]);
		time_pass(w->event, AFTER_HOLD);
		fake_mqtt_expect_nothing(w->mqtt);
		assert_int_equal(door_state(relay), DOOR_LOCKED);

		(void)open_r1(w, &asked);
		time_pass(w->event, A_WHILE);
		answer(w, errors[i]);
		expect(w, "UNLOCKING", "LOCKED");
		time_pass(w->event, 20 * SEC);
	}
}

static void what_is_known_at_once_is_no_opening(void **state)
{
	struct world *w = *state;
	struct relay *relay = world_relay(w, "H1", "R1");
	struct opening *opening = NULL;

	fake_cloud_refuse(w->cloud, CLOUD_SHUTTING_DOWN);
	assert_int_equal(
		door_open(w->doors, &opening, relay, 1, on_done, NULL), CLOUD_SHUTTING_DOWN);
	assert_null(opening);
	assert_int_equal(guard(w, relay, false), -1);
	time_pass(w->event, SEC);
	fake_mqtt_expect_nothing(w->mqtt);
}

/* The second begins while the first holds the door: no flicker, and the hold time starts again. */
static void a_second_opening_extends_the_first(void **state)
{
	struct world *w = *state;
	struct asked first, second;

	(void)open_r1(w, &first);
	answer(w, CLOUD_OK);
	expect(w, "UNLOCKING", "UNLOCKED");
	time_pass(w->event, WORLD_HOLD_USEC - 10 * MSEC);
	(void)open_r1(w, &second);
	answer(w, CLOUD_OK);
	time_pass(w->event, WORLD_HOLD_USEC - 1);
	fake_mqtt_expect_nothing(w->mqtt);
	time_pass(w->event, 1);
	expect(w, "LOCKED");
}

static void a_slow_second_opening_outlasts_the_hold_time(void **state)
{
	struct world *w = *state;
	struct asked first, second;

	(void)open_r1(w, &first);
	answer(w, CLOUD_OK);
	(void)open_r1(w, &second);
	expect(w, "UNLOCKING", "UNLOCKED");
	time_pass(w->event, AFTER_HOLD);
	expect(w, "UNLOCKING");
	answer(w, CLOUD_OUTCOME_UNKNOWN);
	expect(w, "LOCKED");
}

/* The patience for the first ends when that is accepted already, and only the second is out. */
static void one_of_two_overlapping_openings_holds_the_door(void **state)
{
	struct world *w = *state;
	struct asked first, second;

	(void)open_r1(w, &first);
	(void)open_r1(w, &second);
	time_pass(w->event, 10 * MSEC);
	answer(w, CLOUD_OK);
	expect(w, "UNLOCKING", "UNLOCKED");
	time_pass(w->event, 100 * MSEC);
	answer(w, CLOUD_REFUSED);
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(first.answered + second.answered, 2);
	time_pass(w->event, WORLD_HOLD_USEC - 101 * MSEC);
	fake_mqtt_expect_nothing(w->mqtt);
	time_pass(w->event, MSEC);
	expect(w, "LOCKED");
}

static void the_failure_of_one_leaves_the_other_unlocking(void **state)
{
	struct world *w = *state;
	struct asked first, second;

	(void)open_r1(w, &first);
	(void)open_r1(w, &second);
	time_pass(w->event, A_WHILE);
	expect(w, "UNLOCKING");
	answer(w, CLOUD_UNREACHABLE);
	fake_mqtt_expect_nothing(w->mqtt);
	answer(w, CLOUD_UNREACHABLE);
	expect(w, "LOCKED");
}

static void a_door_has_its_own_hold_time(void **state)
{
	struct world *w = *state;
	struct asked asked;

	ask_to_open(w, world_relay(w, "H1", "R2"), &asked);
	answer(w, CLOUD_OK);
	fake_mqtt_expect(w->mqtt, "home/H1/door/garage/state", "UNLOCKING");
	fake_mqtt_expect(w->mqtt, "home/H1/door/garage/state", "UNLOCKED");
	time_pass(w->event, 20 * SEC - 1);
	fake_mqtt_expect_nothing(w->mqtt);
	time_pass(w->event, 1);
	fake_mqtt_expect(w->mqtt, "home/H1/door/garage/state", "LOCKED");
}

#define MANY 20

/* Home H2 gets more doors than are looked after at once. */
static void build_doors(struct world *w, struct relay *ret[static MANY])
{
	struct device_record hall = {
		.mac = "0C1105CCCCCC", .name = "Hall", .type = "", .sip = "", .rtsp = ""};
	static char ids[MANY][8];

	for (; hall.n_relays < MANY; hall.n_relays++) {
		(void)snprintf(ids[hall.n_relays], sizeof(ids[0]), "D%zu", hall.n_relays);
		hall.relays[hall.n_relays] =
			(struct relay_record){ids[hall.n_relays], "Door", "#", false};
	}
	assert_int_equal(cache_merge_devices(w->cache, world_home(w, "H2"), &hall, 1), 0);
	for (size_t i = 0; i < MANY; i++)
		ret[i] = world_relay(w, "H2", ids[i]);
	time_settle(w->event);
	fake_mqtt_forget(w->mqtt);
}

static void expect_all(struct world *w, struct relay *relays[static MANY], enum door_state wanted)
{
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(door_state(relays[i]), wanted);
	assert_int_equal(fake_mqtt_count(w->mqtt), MANY);
	fake_mqtt_forget(w->mqtt);
}

static void many_doors_are_due_together(void **state)
{
	struct world *w = *state;
	struct relay *relays[MANY];
	struct asked asked[MANY];

	build_doors(w, relays);
	for (size_t i = 0; i < MANY; i++)
		ask_to_open(w, relays[i], &asked[i]);
	time_pass(w->event, A_WHILE);
	expect_all(w, relays, DOOR_UNLOCKING);
	for (size_t i = 0; i < MANY; i++) {
		answer(w, CLOUD_OK);
		time_pass(w->event, MSEC);
	}
	expect_all(w, relays, DOOR_UNLOCKED);
	/* None is told early, nor much later, however soon one follows another. */
	time_pass(w->event, WORLD_HOLD_USEC - MANY * MSEC - 1);
	fake_mqtt_expect_nothing(w->mqtt);
	time_pass(w->event, 1);
	assert_int_equal(fake_mqtt_count(w->mqtt), 1);
	time_pass(w->event, (MANY + 1) * MSEC);
	expect_all(w, relays, DOOR_LOCKED);
	assert_int_equal(time_next_due(), UINT64_MAX);
}

/* Without an id a repeated message cannot be told from a second opening. */
static void soon_again_needs_an_id(void **state)
{
	struct world *w = *state;
	struct asked asked;
	const struct relay *relay = world_relay(w, "H1", "R1");

	assert_int_equal(guard(w, relay, false), -1);
	(void)open_r1(w, &asked);
	assert_int_equal(guard(w, relay, false), REFUSAL_DUPLICATE);
	assert_int_equal(guard(w, relay, true), -1);
	answer(w, CLOUD_OK);
	time_pass(w->event, WORLD_REPEAT_USEC - 1);
	assert_int_equal(guard(w, relay, false), REFUSAL_DUPLICATE);
	/* Other doors have nothing to do with it, be it one of the same id. */
	assert_int_equal(guard(w, world_relay(w, "H1", "R2"), false), -1);
	assert_int_equal(guard(w, world_relay(w, "H2", "R1"), false), -1);
	time_pass(w->event, 1);
	assert_int_equal(guard(w, relay, false), -1);
}

static void again_is_no_repetition_if_it_never_left(void **state)
{
	static const struct {
		enum cloud_error error;
		int guard;
	} cases[] = {
		{CLOUD_UNREACHABLE, -1},
		{CLOUD_EXPIRED, -1},
		{CLOUD_AUTH_FAILED, -1},
		{CLOUD_SHUTTING_DOWN, -1},
		{CLOUD_OK, REFUSAL_DUPLICATE},
		{CLOUD_OUTCOME_UNKNOWN, REFUSAL_DUPLICATE},
		{CLOUD_REFUSED, REFUSAL_DUPLICATE},
	};
	struct world *w = *state;
	struct asked asked;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct relay *relay = open_r1(w, &asked);

		answer(w, cases[i].error);
		assert_int_equal(guard(w, relay, false), cases[i].guard);
		time_pass(w->event, 61 * SEC);
	}
}

static void one_that_never_left_does_not_excuse_another(void **state)
{
	struct world *w = *state;
	struct asked first, second;
	const struct relay *relay = open_r1(w, &first);

	/* Accepted before: */
	answer(w, CLOUD_OK);
	time_pass(w->event, SEC);
	(void)open_r1(w, &second);
	answer(w, CLOUD_UNREACHABLE);
	assert_int_equal(guard(w, relay, false), REFUSAL_DUPLICATE);
	time_pass(w->event, SEC);
	assert_int_equal(guard(w, relay, false), -1);
	/* On its way meanwhile: */
	time_pass(w->event, 10 * SEC);
	(void)open_r1(w, &first);
	(void)open_r1(w, &second);
	answer(w, CLOUD_UNREACHABLE);
	assert_int_equal(guard(w, relay, false), REFUSAL_DUPLICATE);
	answer(w, CLOUD_UNREACHABLE);
	assert_int_equal(guard(w, relay, false), -1);
}

static void open_and_answer(struct world *w, unsigned n)
{
	struct asked asked;

	while (n-- > 0) {
		assert_int_equal(guard(w, world_relay(w, "H1", "R1"), true), -1);
		(void)open_r1(w, &asked);
		answer(w, CLOUD_OK);
	}
}

static void the_cap_is_a_sliding_minute(void **state)
{
	struct world *w = *state;
	const struct relay *relay = world_relay(w, "H1", "R1");

	/* Three at 0 s, eight at 40 s. */
	open_and_answer(w, 3);
	time_pass(w->event, 40 * SEC);
	open_and_answer(w, 8);
	assert_int_equal(guard(w, relay, true), -1);
	open_and_answer(w, 1);
	assert_int_equal(guard(w, relay, true), REFUSAL_RATE_LIMITED);
	assert_int_equal(guard(w, world_relay(w, "H2", "R1"), true), -1);
	time_pass(w->event, 20 * SEC - 1);
	assert_int_equal(guard(w, relay, true), REFUSAL_RATE_LIMITED);
	time_pass(w->event, 1);
	/* Three of the twelve are over, and no more. */
	open_and_answer(w, 3);
	assert_int_equal(guard(w, relay, true), REFUSAL_RATE_LIMITED);
	time_pass(w->event, 40 * SEC);
	open_and_answer(w, 9);
	assert_int_equal(guard(w, relay, true), REFUSAL_RATE_LIMITED);
	assert_int_equal(guard(w, relay, false), REFUSAL_DUPLICATE);
}

static void the_highest_cap_holds(void **state)
{
	struct world *w = *state;
	const struct relay *relay = world_relay(w, "H1", "R1");

	w->door.max_per_minute = DOOR_MOST_PER_MINUTE;
	doors_set(w->doors, &w->door);
	for (int minute = 0; minute < 3; minute++) {
		open_and_answer(w, DOOR_MOST_PER_MINUTE);
		assert_int_equal(guard(w, relay, true), REFUSAL_RATE_LIMITED);
		time_pass(w->event, 60 * SEC);
	}
	assert_int_equal(guard(w, relay, true), -1);
}

static void openings_on_their_way_count(void **state)
{
	struct world *w = *state;
	struct asked asked[12];
	const struct relay *relay = world_relay(w, "H1", "R1");

	for (size_t i = 0; i < ELEMENTS(asked); i++)
		(void)open_r1(w, &asked[i]);
	assert_int_equal(guard(w, relay, true), REFUSAL_RATE_LIMITED);
	while (fake_cloud_open(w->cloud) > 0)
		answer(w, CLOUD_OK);
	for (size_t i = 0; i < ELEMENTS(asked); i++)
		assert_int_equal(asked[i].answered, 1);
}

static void a_door_may_be_forbidden(void **state)
{
	struct world *w = *state;

	assert_int_equal(guard(w, world_relay(w, "H1", "NO"), true), REFUSAL_NOT_ALLOWED);
	assert_int_equal(guard(w, world_relay(w, "H1", "R2"), true), -1);
}

static void new_settings_hold_from_the_next_opening(void **state)
{
	static const struct relay_settings relays[] = {{"R1", NULL, true, 7 * SEC}};
	static const struct relay_settings forbidden[] = {{"R1", NULL, false, 0}};
	struct world *w = *state;
	struct asked asked;
	struct relay *relay = open_r1(w, &asked);

	answer(w, CLOUD_OK);
	expect(w, "UNLOCKING", "UNLOCKED");
	w->door = (struct door_settings){SEC, 0, 2};
	doors_set(w->doors, &w->door);
	assert_int_equal(guard(w, relay, false), -1);
	/* The hold time that runs is the old one. */
	time_pass(w->event, WORLD_HOLD_USEC - 1);
	fake_mqtt_expect_nothing(w->mqtt);
	time_pass(w->event, 1);
	expect(w, "LOCKED");
	(void)open_r1(w, &asked);
	answer(w, CLOUD_OK);
	assert_int_equal(guard(w, relay, false), REFUSAL_RATE_LIMITED);
	time_pass(w->event, SEC);
	expect(w, "UNLOCKING", "UNLOCKED", "LOCKED");
	assert_int_equal(set_relays(w, relays), 0);
	time_pass(w->event, 60 * SEC);
	(void)open_r1(w, &asked);
	answer(w, CLOUD_OK);
	time_pass(w->event, 7 * SEC - 1);
	expect(w, "UNLOCKING", "UNLOCKED");
	time_pass(w->event, 1);
	expect(w, "LOCKED");
	assert_int_equal(set_relays(w, forbidden), 0);
	assert_int_equal(guard(w, relay, true), REFUSAL_NOT_ALLOWED);
	assert_int_equal(guard(w, world_relay(w, "H1", "NO"), true), -1);
}

static void a_relay_may_go_while_it_is_opened(void **state)
{
	struct world *w = *state;
	struct asked first, second;
	struct relay *relay = open_r1(w, &first);

	(void)open_r1(w, &second);
	time_pass(w->event, A_WHILE);
	expect(w, "UNLOCKING");
	door_forget(relay);
	assert_null(relay->door);
	assert_int_equal(time_next_due(), UINT64_MAX);
	answer(w, CLOUD_OK);
	answer(w, CLOUD_REFUSED);
	assert_int_equal(first.answered, 1);
	assert_int_equal(second.answered, 1);
	fake_mqtt_expect_nothing(w->mqtt);
	door_forget(relay);
}

static void a_cancelled_opening_is_not_answered(void **state)
{
	struct world *w = *state;
	struct asked first, second;

	(void)open_r1(w, &first);
	(void)open_r1(w, &second);
	assert_null(opening_cancel(first.opening));
	assert_null(opening_cancel(NULL));
	assert_int_equal(fake_cloud_open(w->cloud), 1);
	answer(w, CLOUD_OK);
	assert_int_equal(first.answered, 0);
	assert_int_equal(second.answered, 1);
}

/* At the end no door is left unlocked on the broker. */
static void doors_rest_locked(void **state)
{
	struct world *w = *state;
	struct asked held, waiting;

	(void)open_r1(w, &held);
	answer(w, CLOUD_OK);
	ask_to_open(w, world_relay(w, "H2", "R1"), &waiting);
	time_pass(w->event, A_WHILE);
	fake_mqtt_forget(w->mqtt);
	doors_rest(w->doors);
	assert_string_equal(fake_mqtt_last(w->mqtt, STATE)->text, "LOCKED");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/door/R1/state")->text, "LOCKED");
	assert_int_equal(fake_mqtt_count(w->mqtt), 2);
	assert_int_equal(time_next_due(), UINT64_MAX);
	assert_null(opening_cancel(waiting.opening));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_opening_is_one_call),
		TEST(a_quick_answer),
		TEST(a_slow_answer),
		TEST(a_failure),
		TEST(what_is_known_at_once_is_no_opening),
		TEST(a_second_opening_extends_the_first),
		TEST(a_slow_second_opening_outlasts_the_hold_time),
		TEST(one_of_two_overlapping_openings_holds_the_door),
		TEST(the_failure_of_one_leaves_the_other_unlocking),
		TEST(a_door_has_its_own_hold_time),
		TEST(many_doors_are_due_together),
		TEST(soon_again_needs_an_id),
		TEST(again_is_no_repetition_if_it_never_left),
		TEST(one_that_never_left_does_not_excuse_another),
		TEST(the_cap_is_a_sliding_minute),
		TEST(the_highest_cap_holds),
		TEST(openings_on_their_way_count),
		TEST(a_door_may_be_forbidden),
		TEST(new_settings_hold_from_the_next_opening),
		TEST(a_relay_may_go_while_it_is_opened),
		TEST(a_cancelled_opening_is_not_answered),
		TEST(doors_rest_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
