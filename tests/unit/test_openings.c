#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/fake_time.h"
#include "tests/unit/refusal.h"
#include "util/clock.h"

static void an_opening_is_answered_before_its_states(void **state)
{
	struct world *w = *state;
	const struct cloud_call *call;

	world_send(w, OPEN_R1, "OPEN");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(requests_open(w->requests), 1);
	call = fake_cloud_oldest(w->cloud);
	assert_string_equal(call->command->name, OPENING);
	assert_int_equal(call->deadline, clock_boot_usec() + 5 * USEC_PER_SEC);
	time_pass(w->event, 7 * USEC_PER_MSEC);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	fake_mqtt_expect(w->mqtt, RESULT,
		"{\"command\":\"" OPENING "\",\"success\":true,\"elapsed_ms\":7,\"result\":null}");
	assert_false(fake_mqtt_last(w->mqtt, RESULT)->retain);
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "UNLOCKING");
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "UNLOCKED");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(requests_counts(w->requests)->ok, 1);
	assert_int_equal(requests_counts(w->requests)->opens, 1);
	assert_int_equal(w->done, 1);
	assert_ptr_equal(w->done_home, world_home(w, "H1"));
	assert_string_equal(w->done_command->name, OPENING);
}

static void doors_are_named_by_alias_and_id(void **state)
{
	static const struct {
		const char *topic, *result, *param;
	} cases[] = {
		{"home/H1/door/garage/open", "home/H1/door/garage/result", "\"R2\""},
		{"home/H1/door/R2/open", "home/H1/door/R2/result", "\"R2\""},
		{"home/flat/door/R1/open", "home/flat/door/R1/result", "\"H2\""},
		{"home/H2/door/%521/open", "home/H2/door/%521/result", "\"H2\""},
		{"home/H1/door/S1/open", "home/H1/door/S1/result", "\"0C1105BBBBBB\""},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		world_send(w, cases[i].topic, "{\"id\":1}");
		assert_non_null(strstr(fake_cloud_oldest(w->cloud)->param, cases[i].param));
		fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_REFUSED);
		expect_error(w, cases[i].result, OPENING, "cloud_error", NULL, NULL);
	}
}

static void words_to_lock_change_nothing(void **state)
{
	struct world *w = *state;

	world_send(w, OPEN_R1, "lock");
	fake_mqtt_expect(w->mqtt, RESULT,
		"{\"command\":\"" OPENING "\",\"success\":true,\"elapsed_ms\":0,"
		"\"result\":{\"state\":\"LOCKED\"}}");
	world_send(w, OPEN_R1, "OPEN");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	fake_mqtt_forget(w->mqtt);
	world_send(w, OPEN_R1, "LOCKED");
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "{\"state\":\"UNLOCKED\"}"));
	fake_mqtt_expect_nothing(w->mqtt);
	/* Also where it may not be opened. */
	world_send(w, "home/H1/door/NO/open", "LOCK");
	assert_non_null(strstr(fake_mqtt_next(w->mqtt)->text, "{\"state\":\"LOCKED\"}"));
	assert_int_equal(fake_cloud_started(w->cloud), 1);
}

static void wrong_payloads_open_nothing(void **state)
{
	struct world *w = *state;

	refuse_opening(w, OPEN_R1, "", "empty", NULL);
	refuse_opening(w, OPEN_R1, "OPEN ", "invalid_payload", NULL);
	refuse_opening(w, OPEN_R1, "[]", "invalid_payload", NULL);
	refuse_opening(w, OPEN_R1, "{\"x\":1}", "invalid_param", "x");
	refuse_opening(w, OPEN_R1, "{\"id\":true}", "invalid_param", "id");
	refuse_opening(w, OPEN_R1, "{\"ts\":1900000000000}", "invalid_param", "ts");
	refuse_opening(w, OPEN_R1, "{\"ts\":1899999000}", "expired", NULL);
	refuse_opening(w, OPEN_R1, "{\"expires_in\":0}", "expired", NULL);
	refuse_opening(w, OPEN_R1, NULL, "too_large", NULL);
	assert_int_equal(requests_counts(w->requests)->refused, 9);
	assert_int_equal(requests_counts(w->requests)->failed, 0);
}

static void unknown_homes_and_doors_open_nothing(void **state)
{
	struct world *w = *state;

	refuse_opening(w, "home/H3/door/R1/open", "OPEN", "unknown_residence", NULL);
	refuse_opening(w, "home//door/R1/open", "OPEN", "unknown_residence", NULL);
	refuse_opening(w, "home/+/door/R1/open", "OPEN", "unknown_residence", NULL);
	refuse_opening(w, "home/bridge/door/R1/open", "OPEN", "unknown_residence", NULL);
	refuse_opening(w, "home/H1/door/R9/open", "OPEN", "unknown_relay", NULL);
	refuse_opening(w, "home/H1/door//open", "OPEN", "unknown_relay", NULL);
	refuse_opening(w, "home/H1/door/#/open", "OPEN", "unknown_relay", NULL);
	/* A relay of another home, and one that two devices have. */
	refuse_opening(w, "home/H2/door/R2/open", "OPEN", "unknown_relay", NULL);
	refuse_opening(w, "home/H1/door/DUP/open", "OPEN", "unknown_relay", NULL);
	refuse_opening(w, "home/H1/door/DUP/open", "LOCK", "unknown_relay", NULL);
	world_send(w, "home/H1/door/DUP/open", "OPEN");
	expect_error(w, "home/H1/door/DUP/result", OPENING, "unknown_relay", NULL, "two devices");
}

static void gone_homes_and_relays_are_unknown(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < CACHE_GONE_AFTER; i++) {
		world_merge_homes(w, (const char *const[]){"H1", NULL});
		assert_int_equal(cache_merge_devices(w->cache, world_home(w, "H1"), NULL, 0), 0);
	}
	time_settle(w->event);
	fake_mqtt_forget(w->mqtt);
	refuse_opening(w, "home/H2/door/R1/open", "OPEN", "unknown_residence", NULL);
	refuse_opening(w, OPEN_R1, "OPEN", "unknown_relay", NULL);
}

static void what_is_not_allowed_opens_nothing(void **state)
{
	struct world *w = *state;

	refuse_opening(w, "home/H1/door/NO/open", "OPEN", "not_allowed", NULL);
	w->settings.allowed.groups &= ~(1u << COMMAND_GROUP_DOOR);
	requests_set(w->requests, &w->settings);
	refuse_opening(w, OPEN_R1, "OPEN", "not_allowed", NULL);
	refuse_request(w, "H1", OPENING, "{\"mac\":\"0C1105AAAAAA\",\"relay_id\":\"R1\"}",
		"not_allowed", NULL);
}

static void an_opening_that_waited_too_long_is_refused(void **state)
{
	struct world *w = *state;
	struct mqtt_message message = {.topic = OPEN_R1, .payload = "OPEN", .size = 4, .qos = 1};

	message.expiry_sec = -1;
	message.arrived_usec = clock_boot_usec() - 5 * USEC_PER_SEC;
	requests_message(w->requests, &message);
	expect_error(w, RESULT, OPENING, "expired", NULL, NULL);
	message.arrived_usec++;
	message.expiry_sec = 4;
	requests_message(w->requests, &message);
	expect_error(w, RESULT, OPENING, "expired", NULL, NULL);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
	message.expiry_sec = -1;
	requests_message(w->requests, &message);
	assert_int_equal(fake_cloud_started(w->cloud), 1);
	assert_int_equal(fake_cloud_oldest(w->cloud)->deadline, clock_boot_usec() + 1);
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_EXPIRED);
	expect_error(w, RESULT, OPENING, "expired", NULL, NULL);
}

static void too_many_openings_are_refused(void **state)
{
	struct world *w = *state;
	char payload[32];

	for (int i = 0; i < 12; i++) {
		(void)snprintf(payload, sizeof(payload), "{\"id\":%d}", i);
		world_send(w, OPEN_R1, payload);
		fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	}
	fake_mqtt_forget(w->mqtt);
	refuse_opening(w, OPEN_R1, "{\"id\":12}", "rate_limited", NULL);
	refuse_opening(w, OPEN_R1, "OPEN", "duplicate", NULL);
}

static void all_that_the_cloud_may_say_of_an_opening(void **state)
{
	static const struct {
		enum cloud_error error;
		const char *code;
		unsigned done;
	} cases[] = {
		{CLOUD_EXPIRED, "expired", 0},
		{CLOUD_UNREACHABLE, "cloud_unreachable", 0},
		{CLOUD_OUTCOME_UNKNOWN, "outcome_unknown", 1},
		{CLOUD_AUTH_FAILED, "auth_failed", 0},
		{CLOUD_REFUSED, "cloud_error", 0},
		{CLOUD_SHUTTING_DOWN, "shutting_down", 0},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		w->done = 0;
		world_send(w, OPEN_R1, "OPEN");
		fake_cloud_end(fake_cloud_oldest(w->cloud), cases[i].error);
		expect_error(w, RESULT, OPENING, cases[i].code, NULL, "so it is");
		fake_mqtt_expect_nothing(w->mqtt);
		assert_int_equal(w->done, cases[i].done);
		assert_int_equal(requests_open(w->requests), 0);
		assert_int_equal(requests_counts(w->requests)->failed, i + 1);
		time_pass(w->event, 10 * USEC_PER_SEC);
	}
	assert_int_equal(requests_counts(w->requests)->opens, 0);
}

static void the_clouds_own_words_are_passed_on(void **state)
{
	const struct cloud_answer answer = {
		.error = CLOUD_REFUSED,
		.http_status = 404,
		.code = "40412",
		.message = "relay not found",
		.why = "the cloud refused it",
	};
	struct world *w = *state;

	world_send(w, OPEN_R1, "{\"id\":\"x\"}");
	fake_cloud_answer(fake_cloud_oldest(w->cloud), &answer);
	fake_mqtt_expect(w->mqtt, RESULT,
		"{\"id\":\"x\",\"command\":\"" OPENING
		"\",\"success\":false,\"elapsed_ms\":0,\"error\":{\"code\":\"cloud_error\","
		"\"message\":\"the cloud refused it\",\"http_status\":404,"
		"\"cloud_code\":\"40412\",\"cloud_message\":\"relay not found\"}}");
}

static void a_generic_opening_passes_the_same_guards(void **state)
{
	static const char r1[] = "{\"mac\":\"0c1105aaaaaa\",\"relay_id\":\"R1\"}";
	static const struct {
		const char *param, *code, *wrong;
	} cases[] = {
		{"{\"mac\":\"0C1105AAAAAA\",\"relay_id\":\"NO\"}", "not_allowed", NULL},
		{"{\"mac\":\"0C1105AAAAAA\",\"relay_id\":\"S1\"}", "unknown_relay", NULL},
		{"{\"mac\":\"0C1105CCCCCC\",\"relay_id\":\"R1\"}", "unknown_relay", NULL},
		{"{\"mac\":\"0C1105AAAAAA\",\"relay_id\":\"garage\"}", "unknown_relay", NULL},
		{"{\"mac\":\"0C1105AAAAAA\"}", "invalid_param", "relay_id"},
		{"{\"relay_id\":\"R1\"}", "invalid_param", "mac"},
		{"{\"mac\":\"0C1105AAAAAA\",\"relay_id\":1}", "invalid_param", "relay_id"},
		{"", "invalid_param", "mac"},
		{"OPEN", "invalid_payload", NULL},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		refuse_request(w, "H1", OPENING, cases[i].param, cases[i].code, cases[i].wrong);
	world_send(w, "home/H1/request/" OPENING, r1);
	assert_int_equal(fake_cloud_oldest(w->cloud)->priority, CLOUD_DOOR);
	assert_string_equal(fake_cloud_oldest(w->cloud)->param,
		"{\"residence_id\":\"H1\",\"mac\":\"0C1105AAAAAA\",\"relay_id\":\"R1\"}");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/H1/response/" OPENING);
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "UNLOCKING");
	fake_mqtt_expect(w->mqtt, "home/H1/door/R1/state", "UNLOCKED");
	refuse_request(w, "H1", OPENING, r1, "duplicate", NULL);
	refuse_opening(w, OPEN_R1, "OPEN", "duplicate", NULL);
	for (int i = 1; i < 12; i++) {
		time_pass(w->event, WORLD_REPEAT_USEC);
		world_send(w, "home/H1/request/" OPENING, r1);
		fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	}
	time_pass(w->event, WORLD_REPEAT_USEC);
	fake_mqtt_forget(w->mqtt);
	refuse_request(w, "H1", OPENING, r1, "rate_limited", NULL);
	refuse_opening(w, OPEN_R1, "OPEN", "rate_limited", NULL);
}

/* A relay that two devices have can be named with its device. */
static void a_generic_opening_names_the_device(void **state)
{
	struct world *w = *state;

	world_send(
		w, "home/H1/request/" OPENING, "{\"mac\":\"0C1105BBBBBB\",\"relay_id\":\"DUP\"}");
	assert_string_equal(fake_cloud_oldest(w->cloud)->param,
		"{\"residence_id\":\"H1\",\"mac\":\"0C1105BBBBBB\",\"relay_id\":\"DUP\"}");
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_UNREACHABLE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_opening_is_answered_before_its_states),
		TEST(doors_are_named_by_alias_and_id),
		TEST(words_to_lock_change_nothing),
		TEST(wrong_payloads_open_nothing),
		TEST(unknown_homes_and_doors_open_nothing),
		TEST(gone_homes_and_relays_are_unknown),
		TEST(what_is_not_allowed_opens_nothing),
		TEST(an_opening_that_waited_too_long_is_refused),
		TEST(too_many_openings_are_refused),
		TEST(all_that_the_cloud_may_say_of_an_opening),
		TEST(the_clouds_own_words_are_passed_on),
		TEST(a_generic_opening_passes_the_same_guards),
		TEST(a_generic_opening_names_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
