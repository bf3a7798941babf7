#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/param.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/refusal.h"
#include "util/clock.h"
#include "util/json.h"

/* Switches, the PIN and guest keys, and what is published of them. 2030-03-17 17:46:40 UTC is now. */

#define NFC    "update_akuvox_open_door_nfc_config"
#define BLE    "update_akuvox_open_door_ble_config"
#define PIN    "update_akuvox_open_door_private_key_config"
#define LIST   "get_akuvox_open_door_temp_key_config"
#define CREATE "create_akuvox_open_door_temp_key_config"
#define DELETE "delete_akuvox_open_door_temp_key_config"
#define BATCH  "batch_delete_akuvox_open_door_temp_key_config"

#define KEY_CREATE "home/H1/temp_key/create"
#define KEY_DELETE "home/H1/temp_key/delete"
#define KEY_RESULT "home/H1/temp_key/result"

#define NOW (WORLD_EPOCH_MSEC / 1000)

static struct cloud_call *expect_call(struct world *w, const char *command, const char *param)
{
	struct cloud_call *call = fake_cloud_oldest(w->cloud);

	assert_non_null(call);
	assert_string_equal(call->command->name, command);
	assert_string_equal(call->param, param);
	assert_int_equal(call->priority, CLOUD_COMMAND);
	return call;
}

static void refuse(struct world *w, const char *topic, const char *payload,
	const char *answer_topic, const char *command, const char *code, const char *param)
{
	unsigned started = fake_cloud_started(w->cloud);

	world_send(w, topic, payload);
	expect_error(w, answer_topic, command, code, param, NULL);
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(fake_cloud_started(w->cloud), started);
	assert_int_equal(requests_open(w->requests), 0);
}

static void a_switch_is_a_call(void **state)
{
	static const struct {
		const char *topic, *text, *command, *param;
	} cases[] = {
		{"home/H1/nfc/set", "ON", NFC, "{\"enable_nfc\":true,\"residence_id\":\"H1\"}"},
		{"home/flat/nfc/set", "off", NFC, "{\"enable_nfc\":false,\"residence_id\":\"H2\"}"},
		{"home/H1/ble/set", "On", BLE, "{\"enable_ble\":true,\"residence_id\":\"H1\"}"},
		{"home/flat/ble/set", "OFF", BLE, "{\"enable_ble\":false,\"residence_id\":\"H2\"}"},
		{"home/H1/private_key/set", "0042", PIN,
			"{\"private_key\":\"0042\",\"residence_id\":\"H1\"}"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct sent *s;

		world_send(w, cases[i].topic, cases[i].text);
		fake_cloud_succeed(
			expect_call(w, cases[i].command, cases[i].param), "{\"nfc_code\":\"7\"}");
		s = fake_mqtt_next(w->mqtt);
		assert_non_null(strstr(s->topic, cases[i].command));
		assert_non_null(strstr(s->text, "\"result\":{\"nfc_code\":\"7\"}"));
		assert_false(s->retain);
		fake_mqtt_expect_nothing(w->mqtt);
		assert_string_equal(w->done_command->name, cases[i].command);
		assert_int_equal(w->done, i + 1);
	}
}

static void a_switch_is_on_or_off(void **state)
{
	static const char *const wrong[] = {"1", "TOGGLE", "{}", "ONN", "O", "true", "{\"a\":1}"};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		refuse(w, "home/H1/nfc/set", wrong[i], "home/H1/response/" NFC, NFC,
			"invalid_payload", NULL);
		refuse(w, "home/H1/ble/set", wrong[i], "home/H1/response/" BLE, BLE,
			"invalid_payload", NULL);
	}
	refuse(w, "home/H1/nfc/set", "", "home/H1/response/" NFC, NFC, "empty", NULL);
	refuse(w, "home/H1/nfc/set", NULL, "home/H1/response/" NFC, NFC, "too_large", NULL);
	refuse(w, "home/H3/nfc/set", "ON", "home/H3/response/" NFC, NFC, "unknown_residence", NULL);
	refuse(w, "home/bridge/nfc/set", "ON", "home/bridge/response/" NFC, NFC,
		"unknown_residence", NULL);
}

static void a_pin_is_text_alone(void **state)
{
	static const char *const wrong[] = {
		"{\"private_key\":\"1\"}", "\"1234\"", "[1]", "12 34", "1\n", "1234}"};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(wrong); i++)
		refuse(w, "home/H1/private_key/set", wrong[i], "home/H1/response/" PIN, PIN,
			"invalid_payload", NULL);
	refuse(w, "home/H1/private_key/set", "", "home/H1/response/" PIN, PIN, "empty", NULL);
}

static void without_the_group_none_of_it_is_allowed(void **state)
{
	struct world *w = *state;

	w->settings.allowed.groups = 1 << COMMAND_GROUP_READ;
	requests_set(w->requests, &w->settings);
	refuse(w, "home/H1/nfc/set", "ON", "home/H1/response/" NFC, NFC, "not_allowed", NULL);
	refuse(w, "home/H1/private_key/set", "1234", "home/H1/response/" PIN, PIN, "not_allowed",
		NULL);
	refuse(w, KEY_CREATE, "{\"valid_for\":\"4h\"}", KEY_RESULT, CREATE, "not_allowed", NULL);
	refuse(w, KEY_DELETE, "1234", KEY_RESULT, DELETE, "not_allowed", NULL);
	/* Not even looked for. */
	refuse(w, KEY_DELETE, "expired", KEY_RESULT, DELETE, "not_allowed", NULL);
}

/* A new key ends after so many seconds. */
static void a_key_has_its_times(void **state)
{
	static const struct {
		const char *payload, *param;
	} cases[] = {
		{"{\"valid_for\":\"4h\"}",
			"{\"count\":1,\"start_time\":\"2030-03-17 17:46:40\","
			"\"finish_time\":\"2030-03-17 21:46:40\",\"residence_id\":\"H1\"}"},
		{"{\"valid_for\":60,\"count\":3}",
			"{\"count\":3,\"start_time\":\"2030-03-17 17:46:40\","
			"\"finish_time\":\"2030-03-17 17:47:40\",\"residence_id\":\"H1\"}"},
		{"{\"start\":\"2030-03-18T10:00:00+02:00\",\"finish\":\"2030-03-18T10:00:00Z\"}",
			"{\"count\":1,\"start_time\":\"2030-03-18 08:00:00\","
			"\"finish_time\":\"2030-03-18 10:00:00\",\"residence_id\":\"H1\"}"},
		{"{\"start\":\"2030-03-18T10:00\",\"valid_for\":\"1d\"}",
			"{\"count\":1,\"start_time\":\"2030-03-18 10:00:00\","
			"\"finish_time\":\"2030-03-19 10:00:00\",\"residence_id\":\"H1\"}"},
	};
	struct world *w = *state;
	const struct sent *s;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		world_send(w, KEY_CREATE, cases[i].payload);
		fake_cloud_succeed(expect_call(w, CREATE, cases[i].param),
			"{\"temp_key\":\"9\",\"qr_code_url\":null}");
		s = fake_mqtt_next(w->mqtt);
		assert_string_equal(s->topic, KEY_RESULT);
		assert_non_null(strstr(
			s->text, "\"result\":{\"temp_key\":\"9\",\"qr_code_url\":null,\"start\":"));
		assert_non_null(strstr(s->text, "\"finish\":\"2030-03-1"));
		assert_non_null(strstr(s->text, "\"count\":"));
		assert_string_equal(w->done_command->name, CREATE);
	}
	world_send(w, KEY_CREATE, "{\"valid_for\":60}");
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_OUTCOME_UNKNOWN);
	expect_error(w, KEY_RESULT, CREATE, "outcome_unknown", NULL, NULL);
}

static void refuse_key(struct world *w, const char *payload, const char *param)
{
	refuse(w, KEY_CREATE, payload, KEY_RESULT, CREATE, "invalid_param", param);
}

static void a_key_needs_a_clock_that_is_set(void **state)
{
	struct world *w = *state;

	time_set_epoch(1000 * INT64_C(86400) * 1000);
	refuse_key(w, "{\"valid_for\":\"4h\"}", "start");
	world_send(w, KEY_CREATE, "{\"start\":\"2030-03-18T10:00\",\"valid_for\":\"4h\"}");
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_UNREACHABLE);
}

static void a_key_with_wrong_times_is_refused(void **state)
{
	struct world *w = *state;

	refuse_key(w, "", "valid_for");
	refuse_key(w, "{\"valid_for\":\"4h\",\"finish\":\"2030-03-18T10:00\"}", "valid_for");
	refuse_key(w, "{\"valid_for\":\"0.9\"}", "valid_for");
	refuse_key(w, "{\"valid_for\":\"3661d\"}", "valid_for");
	refuse_key(w, "{\"finish\":\"2030-03-17T17:46:40Z\"}", "finish");
	refuse_key(w, "{\"start\":\"2030-03-18T10:00\",\"finish\":\"2030-03-18T10:00\"}", "finish");
	refuse_key(w, "{\"start\":\"2020-01-01T10:00\",\"finish\":\"2020-01-02T10:00\"}", "finish");
	refuse_key(w, "{\"start\":\"1970-01-01T00:00:00+00:01\",\"valid_for\":1}", "start");
	refuse_key(w, "{\"start\":\"9999-12-31T12:00:00Z\",\"valid_for\":1}", "start");
	refuse_key(w, "{\"finish\":\"9999-12-31T12:00:00Z\"}", "finish");
	refuse_key(w, "{\"valid_for\":1,\"count\":null}", "count");
	refuse_key(w, "{\"valid_for\":1,\"count\":0}", "count");
	refuse_key(w, "{\"valid_for\":1,\"start_time\":\"2030-03-18 10:00:00\"}", "start_time");
	refuse_key(w, "{\"valid_for\":1,\"residence_id\":\"H2\"}", "residence_id");
}

static void keys_are_deleted_as_they_are_named(void **state)
{
	static const struct {
		const char *payload, *command, *param;
	} cases[] = {
		{"91234567", DELETE, "{\"temp_key\":\"91234567\",\"residence_id\":\"H1\"}"},
		{"{\"temp_key\":\"9\"}", DELETE, "{\"temp_key\":\"9\",\"residence_id\":\"H1\"}"},
		{"{\"temp_key\":[\"9\",\"8\"]}", BATCH,
			"{\"temp_key\":[\"9\",\"8\"],\"residence_id\":\"H1\"}"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		world_send(w, KEY_DELETE, cases[i].payload);
		fake_cloud_succeed(expect_call(w, cases[i].command, cases[i].param), "{}");
		fake_mqtt_expect(w->mqtt, KEY_RESULT,
			"{\"command\":\"" DELETE
			"\",\"success\":true,\"elapsed_ms\":0,\"result\":{}}");
		assert_string_equal(w->done_command->name, cases[i].command);
	}
	refuse(w, KEY_DELETE, "{}", KEY_RESULT, DELETE, "invalid_param", "temp_key");
	refuse(w, KEY_DELETE, "{\"temp_key\":[]}", KEY_RESULT, DELETE, "invalid_param", "temp_key");
	refuse(w, KEY_DELETE, "a b", KEY_RESULT, DELETE, "invalid_payload", NULL);
}

/* A list in which each second key has ended. */
static char *list_of(size_t n_ended)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (size_t i = 0; i < 2 * n_ended; i++)
		(void)fprintf(f,
			"%s{\"temp_key\":\"%s%zu\",\"start_time\":\"2030-01-01 00:00:00\","
			"\"finish_time\":\"%s\",\"count\":1}",
			i > 0 ? "," : "[", i % 2 ? "live" : "ended", i,
			i % 2 ? "2030-03-17 18:46:40" : "2030-03-17 17:46:40");
	(void)fputs("]", f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static size_t keys_in(const struct cloud_call *call)
{
	_cleanup_(json_freep) struct json_object *param = json_tokener_parse(call->param);

	assert_null(strstr(call->param, "live"));
	return json_object_array_length(json_get(param, "temp_key"));
}

static void delete_expired(struct world *w, size_t n_ended)
{
	_cleanup_free_ char *list = list_of(n_ended);

	world_send(w, KEY_DELETE, "expired");
	fake_cloud_succeed(expect_call(w, LIST, "{\"residence_id\":\"H1\"}"), list);
}

static void what_has_ended_is_deleted_in_batches(void **state)
{
	static const size_t sizes[] = {1, 99, 100, 101, 200, 250};
	struct world *w = *state;
	char answer[200];

	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		unsigned calls = fake_cloud_started(w->cloud), done = w->done;
		size_t batches = (sizes[i] + FIELD_ITEMS_MAX - 1) / FIELD_ITEMS_MAX, all = 0;

		delete_expired(w, sizes[i]);
		while (fake_cloud_open(w->cloud) > 0) {
			struct cloud_call *call = fake_cloud_oldest(w->cloud);

			fake_mqtt_expect_nothing(w->mqtt);
			assert_string_equal(call->command->name, BATCH);
			assert_in_range(keys_in(call), 1, FIELD_ITEMS_MAX);
			all += keys_in(call);
			/* Each may take a while: the deadline is not for all of them. */
			time_pass(w->event, 9 * USEC_PER_SEC);
			fake_cloud_succeed(call, "{}");
		}
		assert_int_equal(all, sizes[i]);
		assert_int_equal(fake_cloud_started(w->cloud), calls + 1 + batches);
		assert_int_equal(w->done, done + batches);
		(void)snprintf(answer, sizeof(answer),
			"{\"command\":\"" DELETE "\",\"success\":true,\"elapsed_ms\":%zu,"
			"\"result\":{\"deleted\":%zu}}",
			9000 * batches, sizes[i]);
		fake_mqtt_expect(w->mqtt, KEY_RESULT, answer);
		fake_mqtt_expect_nothing(w->mqtt);
	}
}

static void nothing_that_has_ended_is_a_success(void **state)
{
	struct world *w = *state;

	world_send(w, KEY_DELETE, "{\"temp_key\":\"expired\",\"id\":1}");
	fake_cloud_succeed(expect_call(w, LIST, "{\"residence_id\":\"H1\"}"), "[]");
	assert_int_equal(fake_cloud_open(w->cloud), 0);
	fake_mqtt_expect(w->mqtt, KEY_RESULT,
		"{\"id\":1,\"command\":\"" DELETE
		"\",\"success\":true,\"elapsed_ms\":0,\"result\":{\"deleted\":0}}");
}

static void deleting_ends_with_the_first_failure(void **state)
{
	struct world *w = *state;

	world_send(w, KEY_DELETE, "expired");
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_UNREACHABLE);
	expect_error(w, KEY_RESULT, DELETE, "cloud_unreachable", NULL, NULL);
	world_send(w, KEY_DELETE, "expired");
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "{\"no\":\"list\"}");
	assert_int_equal(fake_cloud_open(w->cloud), 0);
	assert_non_null(fake_mqtt_next(w->mqtt));
	fake_mqtt_expect_nothing(w->mqtt);
	delete_expired(w, 150);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "{}");
	fake_cloud_end(fake_cloud_oldest(w->cloud), CLOUD_OUTCOME_UNKNOWN);
	assert_int_equal(fake_cloud_open(w->cloud), 0);
	expect_error(w, KEY_RESULT, DELETE, "outcome_unknown", NULL, NULL);
	/* The queue is full in between. */
	delete_expired(w, 150);
	fake_cloud_refuse(w->cloud, CLOUD_BUSY);
	fake_cloud_succeed(fake_cloud_oldest(w->cloud), "{}");
	expect_error(w, KEY_RESULT, DELETE, "busy", NULL, NULL);
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(requests_open(w->requests), 0);
}

static void what_is_open_when_the_gateway_stops_is_answered_once(void **state)
{
	struct world *w = *state;

	delete_expired(w, 150);
	requests_give_up(w->requests);
	expect_error(w, KEY_RESULT, DELETE, "outcome_unknown", NULL, NULL);
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(fake_cloud_open(w->cloud), 0);
}

static void states_are_published_when_they_are_known(void **state)
{
	struct world *w = *state;
	struct home *home = world_home(w, "H2");

	cache_merge_access(w->cache, home, ACCESS_NFC, true);
	time_settle(w->event);
	fake_mqtt_expect(w->mqtt, "home/flat/nfc/state", "ON");
	cache_merge_access(w->cache, home, ACCESS_BLE, false);
	cache_merge_access(w->cache, home, ACCESS_FACE, true);
	time_settle(w->event);
	fake_mqtt_expect(w->mqtt, "home/flat/ble/state", "OFF");
	fake_mqtt_expect(w->mqtt, "home/flat/face/state", "ON");
	cache_drop_access(w->cache, home, ACCESS_NFC);
	time_settle(w->event);
	fake_mqtt_expect(w->mqtt, "home/flat/nfc/state", "");
	fake_mqtt_expect_nothing(w->mqtt);
	/* All anew: what is known, and what is cleared. */
	publisher_everything(w->publisher);
	time_settle(w->event);
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/nfc/state")->text, "");
	assert_string_equal(fake_mqtt_last(w->mqtt, "home/flat/ble/state")->text, "OFF");
	assert_true(fake_mqtt_last(w->mqtt, "home/flat/ble/state")->retain);
	assert_null(fake_mqtt_last(w->mqtt, "home/flat/temp_keys"));
	assert_null(fake_mqtt_last(w->mqtt, "home/H1/nfc/state"));
}

static void keys_are_published_without_what_opens(void **state)
{
	static const struct temp_key_record records[] = {{"2222", "http://b", NOW, NOW + 86400, 5},
		{"1111", "http://a", NOW, NOW + 3600, 1}};
	struct world *w = *state;
	struct home *home = world_home(w, "H2");

	assert_int_equal(cache_merge_temp_keys(w->cache, home, records, 2, false), 0);
	time_settle(w->event);
	fake_mqtt_expect(w->mqtt, "home/flat/temp_keys",
		"{\"keys\":[{\"start_time\":\"2030-03-17T17:46:40+00:00\","
		"\"finish_time\":\"2030-03-17T18:46:40+00:00\",\"count\":1},"
		"{\"start_time\":\"2030-03-17T17:46:40+00:00\","
		"\"finish_time\":\"2030-03-18T17:46:40+00:00\",\"count\":5}],"
		"\"count\":2,\"next_finish_time\":\"2030-03-17T18:46:40+00:00\"}");
	assert_int_equal(cache_merge_temp_keys(w->cache, home, records, 1, true), 0);
	time_settle(w->event);
	fake_mqtt_expect(w->mqtt, "home/flat/temp_keys",
		"{\"keys\":[{\"start_time\":\"2030-03-17T17:46:40+00:00\","
		"\"finish_time\":\"2030-03-18T17:46:40+00:00\",\"count\":5,"
		"\"temp_key\":\"2222\",\"qr_code_url\":\"http://b\"}],"
		"\"count\":1,\"next_finish_time\":\"2030-03-18T17:46:40+00:00\"}");
	assert_int_equal(cache_merge_temp_keys(w->cache, home, NULL, 0, true), 0);
	time_settle(w->event);
	fake_mqtt_expect(w->mqtt, "home/flat/temp_keys", "{\"keys\":[],\"count\":0}");
	cache_drop_temp_keys(w->cache, home);
	time_settle(w->event);
	fake_mqtt_expect(w->mqtt, "home/flat/temp_keys", "");
	fake_mqtt_expect_nothing(w->mqtt);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_switch_is_a_call),
		TEST(a_switch_is_on_or_off),
		TEST(a_pin_is_text_alone),
		TEST(without_the_group_none_of_it_is_allowed),
		TEST(a_key_has_its_times),
		TEST(a_key_needs_a_clock_that_is_set),
		TEST(a_key_with_wrong_times_is_refused),
		TEST(keys_are_deleted_as_they_are_named),
		TEST(what_has_ended_is_deleted_in_batches),
		TEST(nothing_that_has_ended_is_a_success),
		TEST(deleting_ends_with_the_first_failure),
		TEST(what_is_open_when_the_gateway_stops_is_answered_once),
		TEST(states_are_published_when_they_are_known),
		TEST(keys_are_published_without_what_opens),
	};

	(void)setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
