#include "tests/integration/access_scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Ways to open besides by us: switches, the PIN, the face, guest keys; and their states. That what
 * opens is told nobody but who asked for it: test_secrecy.c. */

#define BLE     "update_akuvox_open_door_ble_config"
#define MEMBERS "get_family_info"

static bool is_kept(struct harness *h, const char *topic, const char *payload)
{
	_cleanup_(client_freep) struct client *c = client_retained(h, topic);

	return client_count_payload(c, topic, payload) == 1;
}

/* Soon after the write, and retained. */
static const struct message *expect_state(
	struct harness *h, const char *leaf, const char *payload, uint64_t since)
{
	const char *topic = harness_home(h, leaf);
	const struct message *m = client_await(h->client, topic, payload);

	if (m->time_usec > since + FOLLOWS)
		fail_msg("%s follows after %u ms", leaf,
			(unsigned)((m->time_usec - since) / USEC_PER_MSEC));
	assert_true(m->retain);
	assert_true(is_kept(h, topic, payload));
	return m;
}

static void expect_switched(struct harness *h, const char *leaf, const char *command,
	const char *payload, const char *state)
{
	uint64_t since = clock_boot_usec();
	const struct message *m;

	client_publish(h->client, harness_home(h, harness_text(h, "%s/set", leaf)), payload);
	m = client_await(h->client, harness_home(h, harness_text(h, "response/%s", command)), NULL);
	expect_success(m);
	assert_string_equal(message_get(m, "command"), command);
	assert_string_equal(message_get(m, harness_text(h, "result.%s_code", leaf)),
		json_at(cloud_call(h, harness_text(h, "get_akuvox_open_door_%s_config", leaf),
				scene_json(h, "{'residence_id':'%s'}", scene_residence(h, 0))),
			harness_text(h, "result.%s_code", leaf)));
	(void)expect_state(h, harness_text(h, "%s/state", leaf), state, since);
	assert_string_equal(control_text(h, harness_text(h, "homes.0.%s", leaf)),
		strcmp(state, "ON") == 0 ? "true" : "false");
}

static void expect_refused(struct harness *h, const char *leaf, const char *command,
	const char *payload, const char *code)
{
	const char *topic = harness_home(h, harness_text(h, "response/%s", command));
	size_t sent = control_request_count(h, command);

	client_settle_local(h->client);
	client_forget(h->client);
	client_publish(h->client, harness_home(h, leaf), payload);
	expect_error(client_await(h->client, topic, NULL), code);
	client_settle_local(h->client);
	assert_int_equal(control_request_count(h, command), sent);
}

HARNESS_TEST(switches_switch_and_their_states_follow)
{
	static const char *const wrong[] = {
		"0", "1", "true", "TOGGLE", "{}", "ON ", "{\"enable_nfc\":true}"};
	bool nfc, ble;

	access_start(h);
	nfc = strcmp(control_text(h, "homes.0.nfc"), "true") == 0;
	ble = strcmp(control_text(h, "homes.0.ble"), "true") == 0;
	for (int i = 0; i < ROUNDS; i++) {
		nfc = !nfc;
		ble = !ble;
		expect_switched(h, "nfc", NFC, nfc ? "ON" : "OFF", nfc ? "ON" : "OFF");
		expect_switched(h, "ble", BLE, ble ? "on" : "Off", ble ? "ON" : "OFF");
	}
	expect_refused(h, "nfc/set", NFC, "", "empty");
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		expect_refused(h, "nfc/set", NFC, wrong[i], "invalid_payload");
		expect_refused(h, "ble/set", BLE, wrong[i], "invalid_payload");
	}
	expect_error(client_ask(h->client, "home/nowhere/nfc/set", "ON"), "unknown_residence");
	expect_error(client_ask(h->client, harness_home(h, "nfc/set"), "ON", .retain = true),
		"retained");
}

/* A switch of the other home is none of ours. */
HARNESS_TEST(a_switch_is_of_its_home)
{
	const char *before;

	access_start(h);
	before = control_text(h, "homes.1.nfc");
	expect_success(client_ask(h->client, harness_home(h, "nfc/set"),
		strcmp(control_text(h, "homes.0.nfc"), "true") == 0 ? "OFF" : "ON"));
	client_settle(h->client);
	assert_string_equal(control_text(h, "homes.1.nfc"), before);
	client_expect_none(h->client, scene_home(h, 1, "nfc/state"));
}

HARNESS_TEST(the_pin_is_set)
{
	static const char *const wrong[] = {"{\"private_key\":\"12345\"}", "\"12345\"", "[12345]",
		"12 34", "1234\n", "\x01\x02"};

	access_start(h);
	expect_success(client_ask(h->client, harness_home(h, "private_key/set"), "01234567"));
	assert_string_equal(control_text(h, "homes.0.private_key"), "01234567");
	for (size_t i = 0; i < ELEMENTS(wrong); i++)
		expect_refused(h, "private_key/set", PIN, wrong[i], "invalid_payload");
	expect_refused(h, "private_key/set", PIN, "", "empty");
	expect_refused(h, "private_key/set", PIN,
		"12345678901234567890123456789012345678901234567890123456789012345", "too_large");
	/* What the cloud does not like is not ours to know. */
	expect_error(client_ask(h->client, harness_home(h, "private_key/set"), "1"), "cloud_error");
	assert_string_equal(control_text(h, "homes.0.private_key"), "01234567");
	/* There is no state of it. */
	assert_int_equal(client_count(h->client, harness_home(h, "private_key/#")), 0);
}

static const struct message *ask(struct harness *h, const char *command, const char *param)
{
	const struct message *m =
		client_ask(h->client, harness_home(h, harness_text(h, "request/%s", command)),
			scene_json(h, "%s", param));

	expect_success(m);
	return m;
}

HARNESS_TEST(the_state_of_the_face_follows)
{
	uint64_t since;

	access_start(h);
	for (int i = 0; i < ROUNDS; i++) {
		since = clock_boot_usec();
		(void)ask(h, "update_akuvox_face_file_info", "{'filename':'face.jpg'}");
		(void)expect_state(h, "face/state", "ON", since);
		since = clock_boot_usec();
		(void)ask(h, "delete_akuvox_face_file_info", "{}");
		(void)expect_state(h, "face/state", "OFF", since);
	}
}

HARNESS_TEST(the_list_of_guest_keys_follows)
{
	const struct message *m;
	uint64_t since;
	const char *key;

	access_start(h);
	since = clock_boot_usec();
	(void)ask(h, "create_akuvox_open_door_temp_key_config",
		"{'start_time':'2030-05-01 08:00:00','finish_time':'2031-05-01 18:00:00',"
		"'count':7}");
	(void)access_await_keys(h, "1", since);
	since = clock_boot_usec();
	m = ask(h, "create_akuvox_open_door_temp_key_config",
		"{'start_time':'2030-05-01 08:00:00','finish_time':'2030-05-01 18:00:00',"
		"'count':1}");
	key = message_get(m, "result.temp_key");
	m = access_await_keys(h, "2", since);
	/* Sorted by their end, and nothing in them opens. */
	assert_string_equal(message_get(m, "keys.0.count"), "1");
	assert_string_equal(message_get(m, "keys.1.count"), "7");
	assert_string_equal(
		message_get(m, "keys.0.finish_time"), message_get(m, "next_finish_time"));
	assert_int_equal(json_object_object_length(json_object_array_get_idx(
				 json_object_object_get(m->json, "keys"), 0)),
		3);
	assert_int_equal(json_object_object_length(m->json), 3);
	since = clock_boot_usec();
	(void)ask(h, "delete_akuvox_open_door_temp_key_config",
		harness_text(h, "{'temp_key':'%s'}", key));
	(void)access_await_keys(h, "1", since);
	since = clock_boot_usec();
	(void)ask(h, "batch_delete_akuvox_open_door_temp_key_config",
		harness_text(h, "{'temp_key':['%s']}", control_text(h, "homes.0.temp_keys.0")));
	m = access_await_keys(h, "0", since);
	assert_string_equal(message_get(m, "next_finish_time"), "");
}

static bool has_members(const struct message *m, void *userdata)
{
	return strcmp(message_get(m, "members"), userdata) == 0;
}

static bool has_name(const struct message *m, void *userdata)
{
	return strcmp(message_get(m, "family_name"), userdata) == 0;
}

static void expect_info(
	struct harness *h, message_predicate predicate, const char *value, uint64_t since)
{
	char wanted[32];

	(void)snprintf(wanted, sizeof(wanted), "%s", value);
	assert_true(
		client_await_if(h->client, harness_home(h, "info"), predicate, wanted)->time_usec <=
		since + FOLLOWS);
}

HARNESS_TEST(what_is_told_of_a_home_follows)
{
	uint64_t since;

	harness_set(h, "commands.allow", "read door access family");
	harness_set(h, "poll.devices", "1 h");
	access_start(h);
	since = clock_boot_usec();
	(void)ask(h, "update_family_info", "{'family_name':'New name'}");
	expect_info(h, has_name, "New name", since);
	since = clock_boot_usec();
	(void)ask(h, "create_family_account",
		"{'first_name':'A','last_name':'B','email':'a@example.org','auth':'guest'}");
	expect_info(h, has_members, "4", since);
	since = clock_boot_usec();
	(void)ask(h, "delete_family_account",
		harness_text(
			h, "{'account_id':'%s'}", control_text(h, "homes.0.members.3.account_id")));
	expect_info(h, has_members, "3", since);
}

/* kinds: of access_states[], which are polled, and no others. */
static void expect_polled(struct harness *h, unsigned kinds)
{
	for (size_t i = 0; i < ACCESS_STATES; i++) {
		size_t n = control_request_count(h, access_states[i].read);
		bool kept = !is_kept(h, scene_home(h, 0, access_states[i].topic), NULL);

		if (kinds & 1U << i ? n < 2 : n > 0)
			fail_msg("%s is polled %zu times", access_states[i].read, n);
		if (kept == (kinds & 1U << i))
			fail_msg("%s is%s published", access_states[i].topic, kept ? " not" : "");
	}
}

HARNESS_TEST(without_the_group_nothing_of_it_is_polled)
{
	harness_set(h, "commands.allow", "read door family");
	harness_set(h, "poll.access", "0.1");
	scene_start(h);
	access_let_polls_pass(h);
	expect_polled(h, 0);
	expect_error(client_ask(h->client, harness_home(h, "nfc/set"), "ON"), "not_allowed");
	expect_error(
		client_ask(h->client, harness_home(h, "private_key/set"), "1234"), "not_allowed");
	expect_error(client_ask(h->client, harness_home(h, "temp_key/create"),
			     scene_json(h, "{'valid_for':'4h'}")),
		"not_allowed");
	expect_error(client_ask(h->client, harness_home(h, "temp_key/delete"), "expired"),
		"not_allowed");
	client_publish(h->client, harness_home(h, "request/refresh"), "");
	access_let_polls_pass(h);
	expect_polled(h, 0);
}

HARNESS_TEST(with_a_single_command_its_state_is_polled)
{
	harness_set(h, "commands.allow", "read door " NFC);
	harness_set(h, "poll.access", "0.1");
	scene_start(h);
	access_let_polls_pass(h);
	expect_polled(h, 1);
	(void)client_ask(h->client, harness_home(h, "nfc/set"),
		strcmp(control_text(h, "homes.0.nfc"), "true") == 0 ? "OFF" : "ON");
	(void)client_await(h->client, harness_home(h, "nfc/state"),
		strcmp(control_text(h, "homes.0.nfc"), "true") == 0 ? "ON" : "OFF");
}

/* 0 is off, also after a write. */
HARNESS_TEST(an_interval_of_0_is_off)
{
	harness_set(h, "poll.access", "0");
	scene_start(h);
	expect_success(client_ask(h->client, harness_home(h, "nfc/set"), "ON"));
	access_let_polls_pass(h);
	expect_polled(h, 0);
}

HARNESS_TEST(members_are_polled_for_who_may_know_them)
{
	harness_set(h, "commands.allow", "door access");
	harness_set(h, "poll.family", "0.1");
	scene_start(h);
	access_let_polls_pass(h);
	assert_int_equal(control_request_count(h, MEMBERS), 0);
	harness_set(h, "commands.allow", "family");
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	control_await_requests(h, MEMBERS, 2);
}

HARNESS_TEST(access_has_a_schedule_of_its_own)
{
	size_t devices;

	harness_set(h, "poll.access", "0.1");
	harness_set(h, "poll.devices", "1 h");
	scene_start(h);
	devices = control_request_count(h, "get_akuvox_device_list");
	for (size_t i = 0; i < ACCESS_STATES; i++)
		control_await_requests(h, access_states[i].read, (size_t)2 * ROUNDS);
	assert_int_equal(control_request_count(h, "get_akuvox_device_list"), devices);
	/* The PIN is never asked for: nothing of it is published. */
	assert_int_equal(control_request_count(h, "get_akuvox_open_door_private_key_config"), 0);
}

/* What nobody may change any more is cleared, and known again when somebody may. */
HARNESS_TEST(what_is_not_polled_any_more_is_cleared)
{
	access_start(h);
	harness_set(h, "commands.allow", "read door");
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	for (size_t i = 0; i < ACCESS_STATES; i++)
		(void)client_await(h->client, harness_home(h, access_states[i].topic), "");
	client_settle(h->client);
	for (size_t i = 0; i < ACCESS_STATES; i++)
		assert_false(is_kept(h, harness_home(h, access_states[i].topic), NULL));
	harness_set(h, "commands.allow", NULL);
	(void)harness_write_config(h);
	process_signal(h->gateway, SIGHUP);
	for (size_t i = 0; i < ACCESS_STATES; i++) {
		const struct message *m =
			client_await(h->client, harness_home(h, access_states[i].topic), NULL);

		assert_true(m->size > 0);
	}
	/* Also by another gateway than the one that published it. */
	assert_int_equal(process_stop(h->gateway), 0);
	harness_set(h, "poll.access", "0");
	scene_restart_gateway(h);
	client_settle(h->client);
	for (size_t i = 0; i < ACCESS_STATES; i++)
		assert_false(is_kept(h, harness_home(h, access_states[i].topic), NULL));
}

HARNESS_MAIN(HARNESS_RUN(switches_switch_and_their_states_follow),
	HARNESS_RUN(a_switch_is_of_its_home), HARNESS_RUN(the_pin_is_set),
	HARNESS_RUN(the_state_of_the_face_follows), HARNESS_RUN(the_list_of_guest_keys_follows),
	HARNESS_RUN(what_is_told_of_a_home_follows),
	HARNESS_RUN(without_the_group_nothing_of_it_is_polled),
	HARNESS_RUN(with_a_single_command_its_state_is_polled),
	HARNESS_RUN(an_interval_of_0_is_off), HARNESS_RUN(members_are_polled_for_who_may_know_them),
	HARNESS_RUN(access_has_a_schedule_of_its_own),
	HARNESS_RUN(what_is_not_polled_any_more_is_cleared))
