#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "bridge/confirm.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/clock.h"

#define SEC  USEC_PER_SEC
#define MSEC USEC_PER_MSEC

#define GATE   "home/H1/door/R1/"
#define GARAGE "home/H1/door/garage/"
#define BACK   "home/H1/door/S1/"

#define COMMAND       "trigger_akuvox_remote_open_door"
#define SAYS(id, yes) "{\"id\":\"" id "\",\"command\":\"" COMMAND "\",\"confirmed\":" yes "}"

/* A row of the door history of H1; seconds are those of the wall clock at the start of the test. */
struct row {
	int64_t second;
	const char *device, *type;
	bool denied;
};

#define FRONT(second)                        \
	{                                    \
		(second), "Front", "", false \
	}

/* The answer of the history says that much more than our clock, and was asked for so long ago. */
static int64_t skew_msec;
static uint64_t asked_ago;

static void hear_rows(struct world *w, const char *home, const struct row *rows, size_t n)
{
	struct history_record records[16];
	char times[16][CLOCK_TEXT_MAX];
	int64_t now_msec = clock_epoch_msec() + skew_msec;
	struct history_news news;

	assert_true(n <= ELEMENTS(records));
	for (size_t i = 0; i < n; i++)
		records[i] = (struct history_record){
			.time = clock_cloud(times[i], WORLD_EPOCH_MSEC / 1000 + rows[i].second),
			.name = "Ann",
			.sip = "",
			.opened = !rows[i].denied,
			.device = rows[i].device,
			.type = rows[i].type,
			.picture = "",
			.thumbnail = "",
		};
	assert_int_equal(history_merge(w->history, world_home(w, home), HISTORY_DOOR, records, n,
				 now_msec / 1000, &news),
		0);
	confirm_heard(
		w->confirm, world_home(w, home), &news, now_msec, clock_boot_usec() - asked_ago);
}

static void hear(struct world *w)
{
	hear_rows(w, "H1", NULL, 0);
}

#define HEAR(w, ...)                                          \
	hear_rows(w, "H1", (const struct row[]){__VA_ARGS__}, \
		sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row))

static void open_door(struct world *w, const char *door, const char *id)
{
	char topic[64], payload[64];

	(void)snprintf(topic, sizeof(topic), "%sopen", door);
	(void)snprintf(payload, sizeof(payload), "{\"id\":\"%s\"}", id);
	world_send(w, topic, payload);
}

/* Ends the opening that was sent first. */
static void end(struct world *w, enum cloud_error error)
{
	fake_cloud_end(fake_cloud_oldest(w->cloud), error);
	fake_mqtt_forget(w->mqtt);
}

static void open_unknown(struct world *w, const char *door, const char *id)
{
	open_door(w, door, id);
	end(w, CLOUD_OUTCOME_UNKNOWN);
}

static const char *said(const struct world *w, const char *door)
{
	char topic[64];
	const struct sent *sent;

	(void)snprintf(topic, sizeof(topic), "%sresult", door);
	sent = fake_mqtt_last(w->mqtt, topic);
	return sent ? sent->text : "";
}

/* Time passes, and the history is heard again and again without a row. */
static void pass_and_hear(struct world *w, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i += 5) {
		time_pass(w->event, 5 * SEC);
		hear(w);
	}
}

/* The history was heard once, the wall clock is at second 0 again. */
static int setup(void **state)
{
	int r = world_setup(state);

	skew_msec = 0;
	asked_ago = 0;
	hear(*state);
	hear_rows(*state, "H2", NULL, 0);
	return r;
}

static void a_row_confirms(void **state)
{
	struct world *w = *state;

	open_unknown(w, GATE, "a");
	assert_true(confirm_awaits(w->confirm, world_home(w, "H1")));
	assert_false(confirm_awaits(w->confirm, world_home(w, "H2")));
	time_pass(w->event, SEC);
	hear(w);
	assert_string_equal(said(w, GATE), "");
	HEAR(w, FRONT(0));
	assert_string_equal(said(w, GATE), SAYS("a", "true"));
	assert_false(confirm_awaits(w->confirm, world_home(w, "H1")));
	/* Once. */
	fake_mqtt_forget(w->mqtt);
	pass_and_hear(w, 60);
	HEAR(w, FRONT(0), FRONT(50));
	assert_string_equal(said(w, GATE), "");
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
	end(w, CLOUD_OUTCOME_UNKNOWN);
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
	end(w, CLOUD_OUTCOME_UNKNOWN);
	HEAR(w, FRONT(0), FRONT(3));
	assert_string_equal(said(w, GATE), "{\"command\":\"" COMMAND "\",\"confirmed\":true}");
}

static void without_a_row_it_did_not_open(void **state)
{
	struct world *w = *state;

	open_unknown(w, GATE, "a");
	pass_and_hear(w, 25);
	assert_string_equal(said(w, GATE), "");
	/* Other doors and refusals are no proof, and no doubt either. */
	HEAR(w, {1, "Back", "", false}, {1, "Front", "", true});
	hear_rows(w, "H2", (const struct row[]){{1, "Hall", "", false}}, 1);
	time_pass(w->event, 5 * SEC - MSEC);
	hear(w);
	assert_string_equal(said(w, GATE), "");
	assert_true(confirm_awaits(w->confirm, world_home(w, "H1")));
	time_pass(w->event, MSEC);
	assert_false(confirm_awaits(w->confirm, world_home(w, "H1")));
	hear(w);
	assert_string_equal(said(w, GATE), SAYS("a", "false"));
	fake_mqtt_forget(w->mqtt);
	/* That is the last word. */
	HEAR(w, FRONT(32));
	assert_string_equal(said(w, GATE), "");
}

static void silence_is_no_proof(void **state)
{
	struct world *w = *state;

	open_unknown(w, GATE, "a");
	time_pass(w->event, 100 * SEC);
	assert_false(confirm_awaits(w->confirm, world_home(w, "H1")));
	hear(w);
	time_pass(w->event, 100 * SEC);
	hear(w);
	/* Asked before the answer was there. */
	asked_ago = 201 * SEC;
	hear(w);
	asked_ago = 0;
	assert_string_equal(said(w, GATE), "");
	hear(w);
	assert_string_equal(said(w, GATE), SAYS("a", "false"));
	/* Too late to tell. */
	fake_mqtt_forget(w->mqtt);
	open_unknown(w, GATE, "b");
	time_pass(w->event, 601 * SEC);
	pass_and_hear(w, 60);
	HEAR(w, FRONT(202));
	assert_string_equal(said(w, GATE), "");
}

static void only_what_stayed_out_is_confirmed(void **state)
{
	static const enum cloud_error ends[] = {CLOUD_OK, CLOUD_REFUSED, CLOUD_UNREACHABLE,
		CLOUD_EXPIRED, CLOUD_AUTH_FAILED, CLOUD_SHUTTING_DOWN};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(ends); i++) {
		char id[2] = {(char)('a' + (char)i)};

		open_door(w, GATE, id);
		end(w, ends[i]);
		time_pass(w->event, 2 * SEC);
		assert_int_equal(confirm_awaits(w->confirm, world_home(w, "H1")),
			ends[i] == CLOUD_OK || ends[i] == CLOUD_REFUSED);
		if (i % 2 == 0)
			HEAR(w, FRONT((int64_t)i * 52));
		pass_and_hear(w, 50);
		assert_string_equal(said(w, GATE), "");
	}
}

/* The row is there before the answer has stayed out. */
static void a_row_may_come_before_the_answer(void **state)
{
	struct world *w = *state;

	open_door(w, GATE, "a");
	time_pass(w->event, SEC);
	HEAR(w, FRONT(0));
	time_pass(w->event, 9 * SEC);
	hear(w);
	assert_string_equal(said(w, GATE), "");
	fake_mqtt_forget(w->mqtt);
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_OUTCOME_UNKNOWN);
	/* Behind the answer. */
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "outcome_unknown"));
	assert_string_equal(said(w, GATE), SAYS("a", "true"));
	/* Or was answered at last: then there is nothing to say. */
	fake_mqtt_forget(w->mqtt);
	open_door(w, GATE, "b");
	HEAR(w, FRONT(0), FRONT(10));
	end(w, CLOUD_OK);
	pass_and_hear(w, 60);
	assert_string_equal(said(w, GATE), "");
}

static void rows_from_before_are_no_proof(void **state)
{
	struct world *w = *state;

	/* Somebody at the door, a second before; seen only now. */
	time_pass(w->event, SEC);
	open_unknown(w, GATE, "a");
	HEAR(w, FRONT(0));
	assert_string_equal(said(w, GATE), "");
	/* Or it was ours, by a clock that is behind: neither can be told. */
	pass_and_hear(w, 60);
	assert_string_equal(said(w, GATE), "");
	/* One that had been seen before the opening is neither proof nor doubt. */
	HEAR(w, FRONT(0), FRONT(61));
	open_unknown(w, GATE, "b");
	HEAR(w, FRONT(0), FRONT(61));
	assert_string_equal(said(w, GATE), "");
	pass_and_hear(w, 30);
	HEAR(w, FRONT(0), FRONT(61));
	assert_string_equal(said(w, GATE), SAYS("b", "false"));
}

/* The history's answer was on its way already when the opening left. */
static void what_was_asked_before_proves_nothing(void **state)
{
	struct world *w = *state;

	time_pass(w->event, SEC);
	open_unknown(w, GATE, "a");
	time_pass(w->event, 5 * SEC);
	asked_ago = 7 * SEC;
	HEAR(w, FRONT(1));
	assert_string_equal(said(w, GATE), "");
	asked_ago = 0;
	pass_and_hear(w, 60);
	assert_string_equal(said(w, GATE), "");
}

/* Only the cloud's clock counts. */
static void our_clock_may_be_wrong(void **state)
{
	struct world *w = *state;

	skew_msec = 86400000;
	hear(w);
	open_unknown(w, GATE, "a");
	time_pass(w->event, SEC);
	HEAR(w, FRONT(86400 - 1));
	assert_string_equal(said(w, GATE), "");
	HEAR(w, FRONT(86400));
	assert_string_equal(said(w, GATE), SAYS("a", "true"));
	fake_mqtt_forget(w->mqtt);
	/* It jumps while the row is looked for. */
	open_unknown(w, GATE, "b");
	time_set_epoch(WORLD_EPOCH_MSEC + 86401000);
	skew_msec = 0;
	HEAR(w, FRONT(86401));
	assert_string_equal(said(w, GATE), SAYS("b", "true"));
	/* Nobody knows the time. */
	fake_mqtt_forget(w->mqtt);
	time_set_epoch(60000);
	open_unknown(w, GATE, "c");
	HEAR(w, FRONT(86500));
	pass_and_hear(w, 60);
	assert_string_equal(said(w, GATE), "");
}

/* A wrong zone, or a door's clock that is ahead. */
static void rows_of_the_future_are_no_proof(void **state)
{
	struct world *w = *state;

	open_unknown(w, GATE, "a");
	HEAR(w, FRONT(3600));
	assert_string_equal(said(w, GATE), "");
	pass_and_hear(w, 60);
	assert_string_equal(said(w, GATE), "");
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
		open_unknown(w, GATE, local[i]);
		HEAR(w, {second, "Front", local[i], false});
		pass_and_hear(w, 40);
		second += 40;
		assert_string_equal(said(w, GATE), "");
	}
	for (size_t i = 0; i < ELEMENTS(others); i++) {
		open_unknown(w, GATE, i % 2 ? "x" : others[i]);
		HEAR(w, {second, "Front", others[i], false});
		if (!strstr(said(w, GATE), "true"))
			fail_msg("%s is no proof", others[i]);
		time_pass(w->event, 301 * SEC);
		second += 301;
	}
}

static void one_row_is_one_opening(void **state)
{
	struct world *w = *state;

	/* No later one can have made a row that is older than it. */
	open_unknown(w, GATE, "a");
	time_pass(w->event, 3 * SEC);
	open_unknown(w, GATE, "b");
	HEAR(w, FRONT(0));
	assert_string_equal(said(w, GATE), SAYS("a", "true"));
	fake_mqtt_forget(w->mqtt);
	HEAR(w, FRONT(0), FRONT(3));
	assert_string_equal(said(w, GATE), SAYS("b", "true"));
}

static void one_row_for_two_openings_tells_nothing(void **state)
{
	struct world *w = *state;

	open_unknown(w, GATE, "a");
	time_pass(w->event, 3 * SEC);
	open_unknown(w, GATE, "b");
	HEAR(w, FRONT(3));
	pass_and_hear(w, 90);
	assert_string_equal(said(w, GATE), "");
	/* Two rows tell of both, whoever made which. */
	open_unknown(w, GATE, "c");
	time_pass(w->event, 3 * SEC);
	open_unknown(w, GARAGE, "d");
	HEAR(w, FRONT(3), FRONT(96));
	assert_string_equal(said(w, GATE), "");
	HEAR(w, FRONT(3), FRONT(96), FRONT(97));
	assert_string_equal(said(w, GATE), SAYS("c", "true"));
	assert_string_equal(said(w, GARAGE), SAYS("d", "true"));
}

/* Rows name the device, not the relay. */
static void relays_of_one_device_share_rows(void **state)
{
	struct world *w = *state;

	open_unknown(w, GATE, "a");
	open_unknown(w, GARAGE, "b");
	HEAR(w, FRONT(0));
	pass_and_hear(w, 60);
	assert_string_equal(said(w, GATE), "");
	assert_string_equal(said(w, GARAGE), "");
	/* Another device has its own. */
	open_unknown(w, GATE, "c");
	open_unknown(w, BACK, "d");
	HEAR(w, {60, "Back", "", false});
	assert_string_equal(said(w, GATE), "");
	assert_string_equal(said(w, BACK), SAYS("d", "true"));
}

/* Pressed again, and that worked: the row is of the second. */
static void an_answered_opening_takes_its_row(void **state)
{
	struct world *w = *state;

	open_door(w, GATE, "a");
	time_pass(w->event, 10 * SEC);
	end(w, CLOUD_OUTCOME_UNKNOWN);
	open_door(w, GATE, "b");
	end(w, CLOUD_OK);
	HEAR(w, FRONT(10));
	assert_string_equal(said(w, GATE), "");
	pass_and_hear(w, 25);
	assert_string_equal(said(w, GATE), "");
	pass_and_hear(w, 5);
	assert_string_equal(said(w, GATE), SAYS("a", "false"));
	/* Answered before the first was: its time is over earlier. */
	fake_mqtt_forget(w->mqtt);
	time_pass(w->event, 301 * SEC);
	hear(w);
	open_door(w, GATE, "a");
	open_door(w, GATE, "b");
	fake_cloud_end(fake_cloud_oldest(w->cloud)->next, CLOUD_OK);
	HEAR(w, FRONT(341));
	time_pass(w->event, 20 * SEC);
	end(w, CLOUD_OUTCOME_UNKNOWN);
	pass_and_hear(w, 25);
	assert_string_equal(said(w, GATE), "");
	pass_and_hear(w, 5);
	assert_string_equal(said(w, GATE), SAYS("a", "false"));
	/* Two rows are one too many for the second alone. */
	fake_mqtt_forget(w->mqtt);
	time_pass(w->event, 301 * SEC);
	open_unknown(w, GATE, "a");
	open_door(w, GATE, "b");
	end(w, CLOUD_OK);
	HEAR(w, FRONT(692), FRONT(692));
	assert_string_equal(said(w, GATE), SAYS("a", "true"));
}

/* What was sent before it may be late. */
static void an_answered_one_before_takes_its_row_first(void **state)
{
	struct world *w = *state;

	open_door(w, GATE, "a");
	end(w, CLOUD_OK);
	time_pass(w->event, 5 * SEC);
	open_unknown(w, GATE, "b");
	HEAR(w, FRONT(5));
	assert_string_equal(said(w, GATE), "");
	pass_and_hear(w, 60);
	assert_string_equal(said(w, GATE), "");
}

/* The first is given up while one row waits for two: that row proves nothing of the second. */
static void who_is_given_up_leaves_a_doubt(void **state)
{
	static const enum cloud_error firsts[] = {CLOUD_OUTCOME_UNKNOWN, CLOUD_OK, CLOUD_REFUSED};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(firsts); i++) {
		int64_t second = (int64_t)i * 390;

		open_door(w, GATE, "a");
		end(w, firsts[i]);
		pass_and_hear(w, 25);
		open_door(w, GATE, "b");
		HEAR(w, FRONT(second + 25));
		pass_and_hear(w, 5);
		end(w, CLOUD_OUTCOME_UNKNOWN);
		pass_and_hear(w, 60);
		assert_string_equal(said(w, GATE), "");
		time_pass(w->event, 300 * SEC);
	}
}

/* The second is given up first; the row in its place may be of the first. */
static void a_row_behind_is_a_doubt_too(void **state)
{
	struct world *w = *state;

	open_door(w, GATE, "a");
	time_pass(w->event, SEC);
	open_door(w, GATE, "b");
	fake_cloud_end(fake_cloud_oldest(w->cloud)->next, CLOUD_OUTCOME_UNKNOWN);
	HEAR(w, FRONT(1));
	pass_and_hear(w, 10);
	end(w, CLOUD_OUTCOME_UNKNOWN);
	pass_and_hear(w, 60);
	assert_string_equal(said(w, GATE), "");
}

/* Without any row there is no doubt. */
static void who_is_given_up_in_time_leaves_none(void **state)
{
	struct world *w = *state;

	open_unknown(w, GATE, "a");
	pass_and_hear(w, 25);
	open_unknown(w, GATE, "b");
	pass_and_hear(w, 5);
	assert_string_equal(said(w, GATE), SAYS("a", "false"));
	HEAR(w, FRONT(26));
	assert_string_equal(said(w, GATE), SAYS("b", "true"));
}

/* An answer that was long on its way says less about the time than the one before. */
static void the_best_time_counts(void **state)
{
	struct world *w = *state;

	time_pass(w->event, 2 * SEC);
	open_unknown(w, GATE, "a");
	hear(w);
	time_pass(w->event, 2 * SEC);
	skew_msec = -2000;
	HEAR(w, FRONT(1));
	assert_string_equal(said(w, GATE), "");
}

/* One that never left makes no row: what is there is of the one before. */
static void an_opening_that_never_left_leaves_its_rows(void **state)
{
	struct world *w = *state;

	open_unknown(w, GATE, "a");
	time_pass(w->event, SEC);
	open_door(w, GATE, "b");
	HEAR(w, FRONT(1));
	assert_string_equal(said(w, GATE), "");
	fake_mqtt_forget(w->mqtt);
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_UNREACHABLE);
	assert_string_equal(said(w, GATE), SAYS("a", "true"));
}

/* Two devices of one name: their rows are of no use, and a doubt. */
static void rows_that_cannot_be_traced(void **state)
{
	struct world *w = *state;

	open_unknown(w, GATE, "a");
	HEAR(w, {0, "Nobody", "", false});
	assert_string_equal(said(w, GATE), "");
	pass_and_hear(w, 60);
	assert_string_equal(said(w, GATE), "");
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

	open_unknown(w, GATE, "a");
	confirm_clear(w->confirm);
	HEAR(w, FRONT(0));
	assert_string_equal(said(w, GATE), "");
	open_unknown(w, GATE, "b");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

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
