#include "tests/integration/scene.h"

#include <stdio.h>
#include <string.h>

#include "util/clock.h"

/* What the gateway tells of homes, devices and doors, and when. */

#define LISTS      "get_akuvox_device_list"
#define GONE_AFTER 3

/* keys: what a document must have, and behind '?' what it may have. */
static void expect_keys(struct json_object *object, const char *keys)
{
	_cleanup_free_ char *copy = strdup(keys);
	char *rest = copy, *key;
	int left = json_object_object_length(object);

	while ((key = strsep(&rest, " "))) {
		bool is_optional = *key == '?';

		if (json_object_object_get_ex(object, key + is_optional, NULL))
			left--;
		else if (!is_optional)
			fail_msg("no %s in %s", key, json_object_get_string(object));
	}
	if (left != 0)
		fail_msg("more than %s in %s", keys, json_object_get_string(object));
}

static const struct message *retained(struct harness *h, const char *topic)
{
	const struct message *m = client_last(h->client, topic);

	if (!m)
		fail_msg("nothing on %s", topic);
	assert_true(m->retain);
	assert_int_equal(m->qos, 1);
	return m;
}

struct value {
	const char *path, *text;
};

static bool has_value(const struct message *m, void *userdata)
{
	const struct value *value = userdata;

	return strcmp(message_get(m, value->path), value->text) == 0;
}

static const struct message *await_value(
	struct harness *h, const char *topic, const char *path, const char *text)
{
	struct value value = {path, text};

	return client_await_if(h->client, topic, has_value, &value);
}

HARNESS_TEST(what_is_told_of_the_gateway)
{
	const struct message *m;

	scene_prepare(h);
	harness_start_gateway(h);
	scene_await_doors(h);
	assert_string_equal(retained(h, "home/bridge/state")->payload, "online");
	assert_string_equal(retained(h, "home/bridge/cloud")->payload, "online");
	m = retained(h, "home/bridge/health");
	expect_keys(m->json, "uptime_s rss_bytes polls commands opens ?events cloud_latency_ms "
			     "?last_success");
	expect_keys(json_object_object_get(m->json, "polls"), "ok failed");
	expect_keys(json_object_object_get(m->json, "commands"), "ok failed refused");
	expect_keys(json_object_object_get(m->json, "cloud_latency_ms"), "p50 p95");
	m = await_value(h, "home/bridge/info", "doors", "8");
	assert_true(m->retain);
	expect_keys(m->json, "version started cloud_url residences devices doors commands_allowed");
	assert_string_equal(message_get(m, "cloud_url"), h->cloud_url);
	assert_string_equal(message_get(m, "residences"), "2");
	assert_string_equal(message_get(m, "devices"), "6");
	assert_string_equal(message_get(m, "commands_allowed.0"), LISTS);
	assert_non_null(strchr(message_get(m, "started"), 'T'));
	assert_null(strstr(m->payload, "sim-token"));
}

HARNESS_TEST(what_is_told_of_a_home)
{
	const struct message *m;

	scene_start(h);
	for (unsigned i = 0; i < 2; i++) {
		assert_string_equal(
			retained(h, scene_home(h, i, "availability"))->payload, "online");
		m = retained(h, scene_home(h, i, "info"));
		while (!*message_get(m, "members"))
			m = client_await(h->client, scene_home(h, i, "info"), NULL);
		expect_keys(m->json, "residence_id family_name online installed members");
		assert_string_equal(message_get(m, "residence_id"), scene_residence(h, i));
		assert_string_equal(message_get(m, "family_name"), i == 0 ? "Home 1" : "Home 2");
		assert_string_equal(message_get(m, "online"), "true");
		assert_string_equal(message_get(m, "installed"), "true");
		assert_string_equal(message_get(m, "members"), "3");
	}
}

HARNESS_TEST(what_is_told_of_a_device)
{
	static const char *const same[][2] = {{"mac", "mac"}, {"device_name", "name"},
		{"device_type", "type"}, {"sip", "sip"}, {"is_public", "is_public"},
		{"online", "online"}};
	static const char *const of_relay[] = {
		"relay_id", "relay_name", "relay_number", "security"};

	scene_start(h);
	for (unsigned i = 0; i < 6; i++) {
		const char *place = harness_text(h, "homes.%u.devices.%u", i / 3, i % 3);
		const struct message *m = retained(h, scene_device(h, i / 3, i % 3, "info"));
		struct json_object *relays = json_object_object_get(m->json, "relays");

		expect_keys(m->json, "mac device_name device_type sip is_public online relays");
		for (size_t j = 0; j < ELEMENTS(same); j++)
			assert_string_equal(message_get(m, same[j][0]),
				control_text(h, harness_text(h, "%s.%s", place, same[j][1])));
		assert_int_equal(json_object_array_length(relays), i % 3 == 2 ? 0 : 2);
		for (size_t j = 0; j < json_object_array_length(relays); j++) {
			struct json_object *relay = json_object_array_get_idx(relays, j);

			expect_keys(relay, "relay_id relay_name relay_number security");
			for (size_t k = 0; k < ELEMENTS(of_relay); k++)
				assert_string_equal(json_at(relay, of_relay[k]),
					control_text(h, harness_text(h, "%s.relays.%zu.%s", place,
								j, of_relay[k])));
		}
		assert_string_equal(
			retained(h, scene_device(h, i / 3, i % 3, "availability"))->payload,
			"online");
	}
}

HARNESS_TEST(what_is_told_of_a_door)
{
	scene_start(h);
	for (unsigned i = 0; i < 8; i++) {
		unsigned home = i / 4, device = i / 2 % 2, relay = i % 2;
		const char *place = harness_text(h, "homes.%u.devices.%u", home, device);
		const struct message *m = retained(h, scene_door(h, home, device, relay, "info"));

		expect_keys(m->json, "relay_id relay_name relay_number security mac device_name");
		assert_string_equal(
			message_get(m, "relay_id"), scene_relay(h, home, device, relay));
		assert_string_equal(message_get(m, "relay_name"),
			control_text(h, harness_text(h, "%s.relays.%u.relay_name", place, relay)));
		assert_string_equal(message_get(m, "security"), i % 4 == 3 ? "true" : "false");
		assert_string_equal(message_get(m, "mac"), scene_mac(h, home, device));
		assert_string_equal(message_get(m, "device_name"),
			control_text(h, harness_text(h, "%s.name", place)));
		assert_string_equal(
			retained(h, scene_door(h, home, device, relay, "state"))->payload,
			"LOCKED");
	}
}

/* Several polls of each kind. */
static void let_it_poll(struct harness *h, size_t polls)
{
	control_await_requests(h, LISTS, control_request_count(h, LISTS) + 2 * polls);
	client_settle(h->client);
}

static size_t count_of_homes(struct harness *h)
{
	return client_count(h->client, scene_home(h, 0, "#")) +
	       client_count(h->client, scene_home(h, 1, "#"));
}

HARNESS_TEST(only_what_changes_is_published)
{
	size_t before;

	harness_set(h, "poll.devices", "0.1");
	harness_set(h, "poll.family", "0.1");
	scene_start(h);
	let_it_poll(h, 2);
	before = count_of_homes(h);
	control_await_requests(
		h, "get_family_info", control_request_count(h, "get_family_info") + 6);
	let_it_poll(h, 6);
	assert_int_equal(count_of_homes(h), before);
}

HARNESS_TEST(a_device_goes_and_comes_back)
{
	const char *mac, *availability;
	size_t before;

	harness_set(h, "poll.devices", "0.1");
	scene_start(h);
	let_it_poll(h, 2);
	mac = scene_mac(h, 0, 1);
	availability = scene_device(h, 0, 1, "availability");
	before = count_of_homes(h);
	for (unsigned i = 1; i <= 2; i++) {
		(void)control_post(
			h, "/device", "{'mac':'%s','online':%s}", mac, i == 1 ? "false" : "true");
		(void)client_await(h->client, availability, i == 1 ? "offline" : "online");
		(void)client_await(h->client, scene_device(h, 0, 1, "info"), NULL);
		let_it_poll(h, 2);
		assert_int_equal(count_of_homes(h), before + 2 * i);
	}
	assert_string_equal(
		message_get(retained(h, scene_device(h, 0, 1, "info")), "online"), "true");
}

HARNESS_TEST(a_home_goes_and_comes_back)
{
	scene_start(h);
	(void)control_post(
		h, "/home", "{'residence_id':'%s','online':false}", scene_residence(h, 1));
	(void)client_await(h->client, scene_home(h, 1, "availability"), "offline");
	(void)await_value(h, scene_home(h, 1, "info"), "online", "false");
	(void)control_post(
		h, "/home", "{'residence_id':'%s','online':true}", scene_residence(h, 1));
	(void)client_await(h->client, scene_home(h, 1, "availability"), "online");
	client_expect_none(h->client, scene_home(h, 0, "availability"));
}

HARNESS_TEST(a_new_name_is_told_where_it_stands)
{
	size_t before;

	harness_set(h, "poll.devices", "0.1");
	scene_start(h);
	let_it_poll(h, 2);
	before = count_of_homes(h);
	(void)control_post(h, "/device", "{'mac':'%s','name':'Gate'}", scene_mac(h, 0, 0));
	(void)await_value(h, scene_device(h, 0, 0, "info"), "device_name", "Gate");
	for (unsigned i = 0; i < 2; i++)
		(void)await_value(h, scene_door(h, 0, 0, i, "info"), "device_name", "Gate");
	(void)control_post(
		h, "/home", "{'residence_id':'%s','name':'Villa \xc3\x9c'}", scene_residence(h, 0));
	(void)await_value(h, scene_home(h, 0, "info"), "family_name", "Villa \xc3\x9c");
	let_it_poll(h, 2);
	assert_int_equal(count_of_homes(h), before + 4);
}

HARNESS_TEST(a_new_device_is_told_of)
{
	const char *mac;

	scene_start(h);
	mac = json_at(
		control_post(h, "/device/add", "{'residence_id':'%s'}", scene_residence(h, 1)),
		"mac");
	(void)client_await(h->client,
		scene_home(h, 1, harness_text(h, "device/%s/availability", mac)), "online");
	(void)client_await(h->client, scene_door(h, 1, 3, 0, "state"), "LOCKED");
	expect_success(client_ask(h->client, scene_door(h, 1, 3, 0, "open"), "OPEN"));
	(void)control_await_openings(h, 1);
}

/* How often the devices of that home were asked for. */
static size_t lists_of(struct harness *h, const char *residence)
{
	struct json_object *requests = control_requests(h, LISTS);
	size_t count = 0;

	for (size_t i = 0; i < json_object_array_length(requests); i++)
		if (strcmp(json_at(json_object_array_get_idx(requests, i), "param.residence_id"),
			    residence) == 0)
			count++;
	return count;
}

/* Soon: what is many topics goes by and by. */
static void expect_nothing_retained(struct harness *h, const char *filter)
{
	uint64_t deadline = test_deadline();

	for (;;) {
		_cleanup_(client_freep) struct client *c = client_retained(h, filter);

		if (!client_last(c, filter))
			return;
		if (clock_boot_usec() > deadline)
			fail_msg("%s is still there", client_last(c, filter)->topic);
		test_pause();
	}
}

HARNESS_TEST(a_device_that_vanished_is_cleared_after_three_lists)
{
	static const char *const leaves[] = {"state", "info"};
	const char *residence, *device, *first, *second;
	size_t before;

	harness_set(h, "poll.devices", "0.1");
	scene_start(h);
	residence = scene_residence(h, 0);
	device = scene_device(h, 0, 0, "#");
	first = scene_door(h, 0, 0, 0, "");
	second = scene_door(h, 0, 0, 1, "");
	before = lists_of(h, residence);
	(void)control_delete(h, harness_text(h, "/device?mac=%s", scene_mac(h, 0, 0)));
	(void)client_await(h->client, device, "");
	assert_true(lists_of(h, residence) >= before + GONE_AFTER);
	for (size_t i = 0; i < ELEMENTS(leaves); i++) {
		(void)client_await(h->client, harness_text(h, "%s%s", first, leaves[i]), "");
		(void)client_await(h->client, harness_text(h, "%s%s", second, leaves[i]), "");
	}
	client_settle(h->client);
	expect_nothing_retained(h, device);
	expect_nothing_retained(h, harness_text(h, "%s#", first));
	expect_error(
		client_ask(h->client, harness_text(h, "%sopen", first), "OPEN"), "unknown_relay");
	/* What is left, is as it was. */
	assert_int_equal(
		client_count_payload(h->client, scene_device(h, 0, 0, "availability"), ""), 0);
	expect_success(client_ask(h->client, scene_door(h, 0, 0, 0, "open"), "OPEN"));
	expect_success(client_ask(h->client, scene_door(h, 1, 0, 0, "open"), "OPEN"));
	scene_expect_openings(h, 2);
}

HARNESS_TEST(an_empty_list_by_mistake_clears_nothing)
{
	size_t before;

	harness_set(h, "poll.devices", "0.1");
	scene_start(h);
	let_it_poll(h, 2);
	before = count_of_homes(h);
	(void)control_post(h, "/list_empty", "{'count':2}");
	let_it_poll(h, 8);
	assert_int_equal(count_of_homes(h), before);
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
}

HARNESS_TEST(a_list_that_is_refused_clears_nothing)
{
	size_t before;

	harness_set(h, "poll.devices", "0.1");
	scene_start(h);
	let_it_poll(h, 2);
	before = count_of_homes(h);
	(void)control_post(h, "/fault", "{'on':'%s','kind':'refuse','count':4}", LISTS);
	(void)control_post(h, "/fault", "{'on':'get_family_list','kind':'refuse','count':4}");
	control_await_requests(h, LISTS, control_request_count(h, LISTS) + 4);
	(void)control_delete(h, "/fault");
	client_settle(h->client);
	assert_int_equal(count_of_homes(h), before);
}

HARNESS_TEST(a_home_that_vanished_is_cleared)
{
	const char *residence, *all, *open;
	size_t before;

	harness_set(h, "poll.devices", "0.1");
	scene_start(h);
	residence = scene_residence(h, 0);
	all = scene_home(h, 0, "#");
	open = scene_door(h, 0, 0, 0, "open");
	let_it_poll(h, 2);
	before = client_count(h->client, scene_home(h, 1, "#"));
	(void)control_delete(h, harness_text(h, "/home?residence_id=%s", residence));
	(void)client_await(h->client, harness_text(h, "home/%s/info", residence), "");
	(void)client_await(h->client, harness_text(h, "home/%s/availability", residence), "");
	(void)client_await(h->client, harness_text(h, "home/%s/door/+/state", residence), "");
	client_settle(h->client);
	expect_nothing_retained(h, all);
	expect_error(client_ask(h->client, open, "OPEN"), "unknown_residence");
	assert_int_equal(client_count(h->client, scene_home(h, 0, "#")), before);
	expect_success(client_ask(h->client, scene_door(h, 0, 0, 0, "open"), "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(a_home_that_comes_back_is_told_of_again)
{
	const char *residence, *made;

	harness_set(h, "poll.devices", "0.1");
	scene_start(h);
	residence = scene_residence(h, 0);
	(void)control_delete(h, harness_text(h, "/home?residence_id=%s", residence));
	(void)client_await(h->client, harness_text(h, "home/%s/info", residence), "");
	made = json_at(control_post(h, "/home/add", "{'devices':2}"), "residence_id");
	(void)control_post(h, "/id", "{'residence_id':'%s','to':'%s'}", made, residence);
	(void)client_await(h->client, harness_text(h, "home/%s/availability", residence), "online");
	(void)client_await(h->client, scene_door(h, 1, 0, 0, "state"), "LOCKED");
	expect_success(client_ask(h->client, scene_door(h, 1, 0, 0, "open"), "OPEN"));
	(void)control_await_openings(h, 1);
}

/* Beyond doors: each poll has been answered. */
static void await_polls(struct harness *h)
{
	static const char *const leaves[] = {"info", "history/call", "history/door", "nfc/state",
		"ble/state", "face/state", "temp_keys"};

	for (unsigned home = 0; home < 2; home++)
		for (size_t i = 0; i < ELEMENTS(leaves); i++)
			(void)client_await(h->client, scene_home(h, home, leaves[i]), NULL);
	(void)client_await(h->client, "home/bridge/info", NULL);
	client_settle(h->client);
}

HARNESS_TEST(a_new_broker_is_told_everything)
{
	_cleanup_(client_freep) struct client *before = NULL, *after = NULL;

	scene_prepare(h);
	harness_start_gateway(h);
	scene_await_doors(h);
	await_polls(h);
	before = client_retained(h, "home/#");
	assert_true(client_count(before, "home/#") > 30);
	process_kill(h->broker);
	client_forget(h->client);
	harness_start_broker(h);
	scene_await_broker(h);
	scene_await_doors(h);
	await_polls(h);
	after = client_retained(h, "home/#");
	assert_int_equal(client_count(after, "home/#"), client_count(before, "home/#"));
	assert_int_equal(client_count_payload(after, "home/+/availability", "online"), 2);
	assert_int_equal(client_count_payload(after, "home/+/device/+/availability", "online"), 6);
	assert_int_equal(client_count_payload(after, "home/bridge/+", "online"), 2);
}

HARNESS_TEST(the_state_of_the_cloud_is_told)
{
	scene_start(h);
	process_kill(h->sim);
	(void)client_await(h->client, "home/bridge/cloud", "offline");
	harness_start_sim(h);
	(void)client_await(h->client, "home/bridge/cloud", "online");
	(void)control_post(h, "/token", "{'revoke_access':true}");
	(void)client_await(h->client, "home/bridge/cloud", "auth_failed");
	client_expect_none(h->client, "home/bridge/cloud");
}

HARNESS_TEST(a_refresh_polls_at_once)
{
	harness_set(h, "poll.devices", "600");
	harness_set(h, "poll.family", "600");
	scene_start(h);
	(void)control_post(h, "/device", "{'mac':'%s','online':false}", scene_mac(h, 0, 0));
	client_expect_none(h->client, scene_device(h, 0, 0, "availability"));
	expect_success(client_ask(h->client, harness_home(h, "request/refresh"), ""));
	(void)client_await(h->client, scene_device(h, 0, 0, "availability"), "offline");
	(void)control_post(h, "/device", "{'mac':'%s','online':false}", scene_mac(h, 1, 0));
	expect_success(client_ask(h->client, "home/bridge/request/refresh", ""));
	(void)client_await(h->client, scene_device(h, 1, 0, "availability"), "offline");
}

HARNESS_MAIN(HARNESS_RUN(what_is_told_of_the_gateway), HARNESS_RUN(what_is_told_of_a_home),
	HARNESS_RUN(what_is_told_of_a_device), HARNESS_RUN(what_is_told_of_a_door),
	HARNESS_RUN(only_what_changes_is_published), HARNESS_RUN(a_device_goes_and_comes_back),
	HARNESS_RUN(a_home_goes_and_comes_back), HARNESS_RUN(a_new_name_is_told_where_it_stands),
	HARNESS_RUN(a_new_device_is_told_of),
	HARNESS_RUN(a_device_that_vanished_is_cleared_after_three_lists),
	HARNESS_RUN(an_empty_list_by_mistake_clears_nothing),
	HARNESS_RUN(a_list_that_is_refused_clears_nothing),
	HARNESS_RUN(a_home_that_vanished_is_cleared),
	HARNESS_RUN(a_home_that_comes_back_is_told_of_again),
	HARNESS_RUN(a_new_broker_is_told_everything), HARNESS_RUN(the_state_of_the_cloud_is_told),
	HARNESS_RUN(a_refresh_polls_at_once))
