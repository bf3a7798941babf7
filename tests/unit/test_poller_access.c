#include "tests/unit/cmocka-all.h"

#include "tests/unit/fake_time.h"
#include "tests/unit/round.h"

#define ALL ((1 << COMMAND_GROUP_MAX) - 1)

/* Polls of one home, and what its answer makes known. */
static const struct {
	const char *command, *answer, *change;
	unsigned changed;
} of_access[] = {
	{"get_akuvox_open_door_nfc_config", "{\"enable_nfc\":true,\"nfc_code\":\"1\"}",
		"update_akuvox_open_door_nfc_config", CHANGED_NFC},
	{"get_akuvox_open_door_ble_config", "{\"enable_ble\":true,\"ble_code\":\"1\"}",
		"update_akuvox_open_door_ble_config", CHANGED_BLE},
	{"get_akuvox_face_file_info", "{\"is_uploaded\":true}", "delete_akuvox_face_file_info",
		CHANGED_FACE},
	{"get_akuvox_open_door_temp_key_config",
		"[{\"temp_key\":\"1\",\"start_time\":\"2030-01-01 00:00:00\","
		"\"finish_time\":\"2040-01-01 00:00:00\",\"count\":1}]",
		"batch_delete_akuvox_open_door_temp_key_config", CHANGED_KEYS},
};

/* One home is known, and all but what else is polled of it was answered. */
static void start_homes(struct round *w)
{
	poller_start(w->poller, 0);
	time_pass(w->event, 0);
	fake_cloud_succeed(round_call(w, HOMES, ""), "[" HOME_1 "]");
	time_pass(w->event, 20 * MSEC);
	fake_cloud_succeed(round_call(w, DEVICES, "H1"), DEVICE);
}

/* With these intervals and rights, and all but access answered. */
static void start_access(struct round *w, const struct poller_settings *settings)
{
	poller_set(w->poller, settings);
	start_homes(w);
}

static void access_is_polled_on_its_own(void **state)
{
	static const struct poller_settings settings = {
		.access_usec = 300 * SEC, .allowed.groups = 1 << COMMAND_GROUP_ACCESS};
	struct round *w = *state;
	struct home *home;

	start_access(w, &settings);
	home = cache_find(w->cache, "H1");
	home->changed = 0;
	for (size_t i = 0; i < ELEMENTS(of_access); i++) {
		fake_cloud_succeed(round_call(w, of_access[i].command, "H1"), of_access[i].answer);
		assert_int_equal(home->changed, of_access[i].changed);
		home->changed = 0;
	}
	for (int kind = 0; kind < ACCESS_KIND_MAX; kind++)
		assert_int_equal(home->access.on[kind], 1);
	assert_int_equal(home->access.n_keys, 1);
	assert_null(home->access.keys[0].code);
	assert_int_equal(fake_cloud_open(w->cloud), 0);
	for (size_t i = 0; i < ELEMENTS(of_access); i++) {
		poller_after(w->poller, home, catalog_find(of_access[i].change));
		time_pass(w->event, 200 * MSEC);
		assert_int_equal(fake_cloud_open(w->cloud), 1);
		fake_cloud_succeed(round_call(w, of_access[i].command, "H1"), of_access[i].answer);
	}
	assert_in_range(time_next_due(), 244 * SEC, 260 * SEC);
}

static void an_answer_about_access_without_sense_is_a_failure(void **state)
{
	static const struct poller_settings settings = {
		.access_usec = 300 * SEC, .allowed.groups = ALL};
	struct round *w = *state;

	start_access(w, &settings);
	for (size_t i = 0; i < ELEMENTS(of_access); i++)
		fake_cloud_succeed(round_call(w, of_access[i].command, "H1"), "{\"other\":1}");
	assert_int_equal(poller_counts(w->poller)->failed, ELEMENTS(of_access));
	assert_int_equal(cache_find(w->cache, "H1")->access.on[ACCESS_NFC], ACCESS_UNKNOWN);
	assert_in_range(round_until(w, of_access[0].command, "H1"), SEC, 2 * SEC);
	time_pass(w->event, SEC);
	for (size_t i = 0; i < ELEMENTS(of_access); i++)
		fake_cloud_succeed(round_call(w, of_access[i].command, "H1"), of_access[i].answer);
}

static void only_what_somebody_may_change_is_polled(void **state)
{
	struct round *w = *state;

	for (size_t i = 0; i < ELEMENTS(of_access); i++) {
		const struct command *commands[] = {catalog_find(of_access[i].change)};
		const struct poller_settings settings = {
			.access_usec = 300 * SEC,
			.family_usec = 300 * SEC,
			.allowed = {.groups = 1 << COMMAND_GROUP_DOOR,
				.commands = commands,
				.n = 1},
		};

		start_access(w, &settings);
		assert_int_equal(fake_cloud_open(w->cloud), 1);
		fake_cloud_succeed(round_call(w, of_access[i].command, "H1"), of_access[i].answer);
		assert_int_equal(cache_find(w->cache, "H1")->access.on[ACCESS_NFC],
			i == 0 ? 1 : ACCESS_DROPPED);
	}
}

static void members_are_polled_where_they_may_be_known(void **state)
{
	static const struct {
		unsigned groups;
		bool polled;
	} cases[] = {
		{1 << COMMAND_GROUP_READ, true},
		{1 << COMMAND_GROUP_FAMILY, true},
		{1 << COMMAND_GROUP_DOOR | 1 << COMMAND_GROUP_ACCESS, false},
	};
	struct round *w = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct poller_settings settings = {
			.family_usec = 300 * SEC, .allowed.groups = cases[i].groups};

		start_access(w, &settings);
		assert_int_equal(fake_cloud_open(w->cloud), cases[i].polled);
		round_answer(w, "[" HOME_1 "]");
	}
}

/* Also what was asked for before the reload, and answered after it. */
static void what_is_switched_off_is_forgotten(void **state)
{
	static const struct poller_settings on = {.access_usec = 300 * SEC, .allowed.groups = ALL},
					    off = {.access_usec = 300 * SEC},
					    zero = {.allowed.groups = ALL};
	const struct poller_settings *const ways[] = {&off, &zero};
	struct round *w = *state;
	const struct home *home;

	for (size_t way = 0; way < ELEMENTS(ways); way++) {
		start_access(w, &on);
		home = cache_find(w->cache, "H1");
		fake_cloud_succeed(round_call(w, of_access[0].command, "H1"), of_access[0].answer);
		assert_int_equal(home->access.on[ACCESS_NFC], 1);
		poller_set(w->poller, ways[way]);
		assert_int_equal(home->access.on[ACCESS_NFC], ACCESS_DROPPED);
		for (size_t i = 1; i < ELEMENTS(of_access); i++)
			fake_cloud_succeed(
				round_call(w, of_access[i].command, "H1"), of_access[i].answer);
		for (int kind = 0; kind < ACCESS_KIND_MAX; kind++)
			assert_int_equal(home->access.on[kind], ACCESS_DROPPED);
		assert_int_equal(home->access.keys_known, ACCESS_DROPPED);
		time_pass(w->event, 400 * SEC);
		round_answer(w, "[" HOME_1 "]");
		poller_after(
			w->poller, cache_find(w->cache, "H1"), catalog_find(of_access[0].change));
		time_pass(w->event, 400 * SEC);
		assert_int_equal(fake_cloud_open(w->cloud), 0);
	}
}

static void codes_of_keys_are_kept_on_demand(void **state)
{
	static const struct poller_settings settings = {
		.access_usec = 300 * SEC, .allowed.groups = ALL, .key_codes = true};
	struct round *w = *state;

	start_access(w, &settings);
	fake_cloud_succeed(round_call(w, of_access[3].command, "H1"), of_access[3].answer);
	assert_string_equal(cache_find(w->cache, "H1")->access.keys[0].code, "1");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, round_setup, round_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(access_is_polled_on_its_own),
		TEST(an_answer_about_access_without_sense_is_a_failure),
		TEST(only_what_somebody_may_change_is_polled),
		TEST(members_are_polled_where_they_may_be_known),
		TEST(what_is_switched_off_is_forgotten),
		TEST(codes_of_keys_are_kept_on_demand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
