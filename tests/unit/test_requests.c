#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/capture.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/refusal.h"
#include "util/clock.h"
#include "util/log.h"

static void one_command_may_be_allowed(void **state)
{
	struct world *w = *state;
	const struct command *commands[] = {catalog_find(OPENING)};

	w->settings.allowed = (struct allowed){.commands = commands, .n = 1};
	requests_set(w->requests, &w->settings);
	refuse_request(w, "H1", "get_akuvox_device_list", "", "not_allowed", NULL);
	world_send(w, OPEN_R1, "OPEN");
	assert_int_equal(fake_cloud_started(w->cloud), 1);
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_UNREACHABLE);
}

static void what_the_cloud_takes_no_more_is_refused(void **state)
{
	struct world *w = *state;

	fake_cloud_refuse(w->cloud, CLOUD_SHUTTING_DOWN);
	refuse_opening(w, OPEN_R1, "OPEN", "shutting_down", NULL);
	refuse_request(w, "bridge", "get_family_list", "", "shutting_down", NULL);
	fake_cloud_refuse(w->cloud, CLOUD_BUSY);
	refuse_opening(w, OPEN_R1, "OPEN", "busy", NULL);
	refuse_request(w, "H1", "get_akuvox_device_list", "", "busy", NULL);
	fake_cloud_refuse(w->cloud, -ENOMEM);
	refuse_opening(w, OPEN_R1, "OPEN", "busy", NULL);
}

static void a_request_is_a_call(void **state)
{
	struct world *w = *state;
	const struct cloud_call *call;

	world_send(w, "home/flat/request/get_akuvox_open_door_nfc_config", "{\"id\":7}");
	call = fake_cloud_oldest(w->cloud);
	assert_string_equal(call->command->name, "get_akuvox_open_door_nfc_config");
	assert_string_equal(call->param, "{\"residence_id\":\"H2\"}");
	assert_int_equal(call->priority, CLOUD_COMMAND);
	assert_int_equal(call->deadline, clock_boot_usec() + 10 * USEC_PER_SEC);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "{\"enable_nfc\":true}");
	fake_mqtt_expect(w->mqtt, "home/flat/response/get_akuvox_open_door_nfc_config",
		"{\"id\":7,\"command\":\"get_akuvox_open_door_nfc_config\",\"success\":true,"
		"\"elapsed_ms\":0,\"result\":{\"enable_nfc\":true}}");
	assert_ptr_equal(w->done_home, world_home(w, "H2"));
	world_send(w, "home/bridge/request/get_family_list", "");
	assert_string_equal(fake_cloud_oldest(w->cloud)->param, "{}");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "[]");
	fake_mqtt_expect(w->mqtt, "home/bridge/response/get_family_list",
		"{\"command\":\"get_family_list\",\"success\":true,\"elapsed_ms\":0,"
		"\"result\":[]}");
	assert_null(w->done_home);
	assert_int_equal(requests_counts(w->requests)->ok, 2);
	assert_int_equal(requests_counts(w->requests)->opens, 0);
}

static void requests_are_checked(void **state)
{
	struct world *w = *state;

	refuse_request(w, "H1", "open_sesame", "", "unknown_command", NULL);
	refuse_request(w, "H3", "get_family_info", "", "unknown_residence", NULL);
	refuse_request(
		w, "H1", "update_family_info", "{\"family_name\":\"x\"}", "not_allowed", NULL);
	refuse_request(w, "H1", "get_family_info", "[]", "invalid_payload", NULL);
	refuse_request(w, "H1", "get_family_info", "{\"x\":1}", "invalid_param", "x");
	refuse_request(w, "H1", "get_family_info", NULL, "too_large", NULL);
	refuse_request(w, "H1", "get_family_info", "{\"ts\":1}", "expired", NULL);
	refuse_request(
		w, "H1", "update_akuvox_open_door_nfc_config", "", "invalid_param", "enable_nfc");
	refuse_request(w, "H1", "update_akuvox_open_door_nfc_config", "{\"enable_nfc\":1}",
		"invalid_param", "enable_nfc");
	refuse_request(w, "bridge", "get_family_info", "", "invalid_param", "residence_id");
	refuse_request(w, "bridge", "get_family_info", "{\"residence_id\":\"H1\"}", "invalid_param",
		"residence_id");
}

static void a_request_may_repeat_its_home_only(void **state)
{
	static const char *const others[] = {
		"\"H2\"", "\"flat\"", "\"\"", "null", "1", "[\"H1\"]", "\"H1\\u0000\""};
	struct world *w = *state;
	char payload[64];

	world_send(w, "home/H1/request/get_family_info", "{\"residence_id\":\"H1\"}");
	assert_string_equal(fake_cloud_oldest(w->cloud)->param, "{\"residence_id\":\"H1\"}");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "{}");
	world_send(w, "home/flat/request/get_family_info", "{\"residence_id\":\"H2\"}");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "{}");
	fake_mqtt_forget(w->mqtt);
	for (size_t i = 0; i < ELEMENTS(others); i++) {
		(void)snprintf(payload, sizeof(payload), "{\"residence_id\":%s}", others[i]);
		refuse_request(
			w, "H1", "get_family_info", payload, "invalid_param", "residence_id");
		refuse_request(
			w, "H1", "get_family_list", payload, "invalid_param", "residence_id");
		refuse_request(w, "H1", "refresh", payload, "invalid_param", "residence_id");
	}
	refuse_request(w, "bridge", "get_family_list", "{\"residence_id\":\"H1\"}", "invalid_param",
		"residence_id");
}

static void a_refresh_is_passed_on(void **state)
{
	struct world *w = *state;

	world_send(w, "home/flat/request/refresh", "");
	assert_int_equal(w->refreshed, 1);
	assert_ptr_equal(w->refreshed_home, world_home(w, "H2"));
	fake_mqtt_expect(w->mqtt, "home/flat/response/refresh",
		"{\"command\":\"refresh\",\"success\":true,\"elapsed_ms\":0,\"result\":null}");
	world_send(w, "home/bridge/request/refresh", "{\"id\":\"a\"}");
	assert_int_equal(w->refreshed, 2);
	assert_null(w->refreshed_home);
	fake_mqtt_expect(w->mqtt, "home/bridge/response/refresh",
		"{\"id\":\"a\",\"command\":\"refresh\",\"success\":true,\"elapsed_ms\":0,"
		"\"result\":null}");
	refuse_request(w, "H1", "refresh", "{\"all\":true}", "invalid_param", "all");
	refuse_request(w, "H3", "refresh", "", "unknown_residence", NULL);
	assert_int_equal(w->refreshed, 2);
	assert_int_equal(fake_cloud_started(w->cloud), 0);
}

static void a_queue_that_is_full_says_so(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 512; i++)
		world_send(w, "home/H1/request/get_family_info", "");
	assert_int_equal(fake_cloud_started(w->cloud), 512);
	world_send(w, OPEN_R1, "{\"id\":3}");
	fake_mqtt_expect(w->mqtt, RESULT,
		"{\"id\":3,\"command\":\"" OPENING
		"\",\"success\":false,\"elapsed_ms\":0,\"error\":{\"code\":\"busy\","
		"\"message\":\"too many requests are waiting\"}}");
	assert_int_equal(requests_open(w->requests), 512);
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_UNREACHABLE);
	world_send(w, OPEN_R1, "{\"id\":4}");
	assert_int_equal(fake_cloud_started(w->cloud), 513);
}

static void what_is_open_at_the_end_is_answered(void **state)
{
	struct world *w = *state;

	world_send(w, OPEN_R1, "{\"id\":1}");
	world_send(w, OPEN_R1, "{\"id\":1}");
	world_send(w, "home/H1/request/get_family_info", "");
	assert_int_equal(requests_open(w->requests), 3);
	requests_give_up(w->requests);
	assert_int_equal(requests_open(w->requests), 0);
	assert_int_equal(fake_cloud_open(w->cloud), 0);
	expect_error(w, "home/H1/response/get_family_info", "get_family_info", "outcome_unknown",
		NULL, NULL);
	expect_error(w, RESULT, OPENING, "outcome_unknown", NULL, NULL);
	expect_error(w, RESULT, OPENING, "duplicate", NULL, NULL);
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(requests_counts(w->requests)->failed, 2);
	requests_give_up(w->requests);
	fake_mqtt_expect_nothing(w->mqtt);
}

static void a_home_may_go_before_its_answer(void **state)
{
	struct world *w = *state;

	world_send(w, "home/flat/request/get_family_info", "");
	world_send(w, "home/flat/door/R1/open", "OPEN");
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		world_merge_homes(w, (const char *const[]){"H1", NULL});
	time_settle(w->event);
	publisher_go_on(w->publisher);
	assert_null(cache_find(w->cache, "H2"));
	fake_mqtt_forget(w->mqtt);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "{}");
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/flat/response/get_family_info");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "null");
	assert_string_equal(fake_mqtt_next(w->mqtt)->topic, "home/flat/door/R1/result");
	fake_mqtt_expect_nothing(w->mqtt);
	assert_null(w->done_home);
	assert_int_equal(w->done, 2);
}

/* Whatever is wrong with a request that holds a secret, neither log nor answer repeat it. */
static void secrets_are_not_repeated(void **state)
{
	static const struct {
		const char *command, *payload;
	} cases[] = {
		{"update_akuvox_open_door_private_key_config", "{\"private_key\":\"48151623\"}"},
		{"update_akuvox_open_door_private_key_config", "{\"private_key\":48151623}"},
		{"update_akuvox_open_door_private_key_config", "{\"private_key\":[\"48151623\"]}"},
		{"update_akuvox_open_door_private_key_config",
			"{\"private_key\":\"48151623\",\"x\":\"48151623\"}"},
		{"update_akuvox_open_door_private_key_config", "48151623"},
		{"update_akuvox_open_door_private_key_config", "\"48151623\""},
		{"update_akuvox_open_door_private_key_config",
			"{\"private_key\":\"48151623\",\"ts\":\"48151623\"}"},
		{"delete_akuvox_open_door_temp_key_config", "{\"temp_key\":{\"a\":\"48151623\"}}"},
		{"batch_delete_akuvox_open_door_temp_key_config", "{\"temp_key\":\"48151623\"}"},
		{"batch_delete_akuvox_open_door_temp_key_config",
			"{\"temp_key\":[\"48151623\",48151623]}"},
	};
	struct world *w = *state;
	struct capture capture;
	const char *logged;
	char topic[128];

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		(void)snprintf(topic, sizeof(topic), "home/H1/request/%s", cases[i].command);
		fake_mqtt_forget(w->mqtt);
		capture_begin(&capture);
		log_set_level(LOG_DEBUG);
		world_send(w, topic, cases[i].payload);
		if (fake_cloud_open(w->cloud) > 0)
			fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_OUTCOME_UNKNOWN);
		log_set_level(LOG_ERR);
		logged = capture_end(&capture);
		assert_null(strstr(logged, "4815"));
		assert_int_equal(fake_mqtt_count(w->mqtt), 1);
		assert_null(strstr(fake_mqtt_next(w->mqtt)->text, "4815"));
	}
	assert_int_equal(fake_cloud_started(w->cloud), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_command_may_be_allowed),
		TEST(what_the_cloud_takes_no_more_is_refused),
		TEST(a_request_is_a_call),
		TEST(requests_are_checked),
		TEST(a_request_may_repeat_its_home_only),
		TEST(a_refresh_is_passed_on),
		TEST(a_queue_that_is_full_says_so),
		TEST(what_is_open_at_the_end_is_answered),
		TEST(a_home_may_go_before_its_answer),
		TEST(secrets_are_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
