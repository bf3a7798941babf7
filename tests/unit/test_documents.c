#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/announcements.h"
#include "util/json.h"

/* What discovery documents say. */

#define PHONE ANNOUNCE_DIR "home-H1-0C1105AAAAAA/config"

static void announce_all(struct announcements *a)
{
	announcements_restart(a, true);
	announcements_pass(a, 60 * USEC_PER_SEC);
}

static const char *text_of(struct json_object *component, const char *key)
{
	const char *text = json_text(component, key);

	assert_non_null(text);
	return text;
}

/* name NULL: JSON's null. */
static void expect_name(
	struct announcements *a, const char *topic, const char *key, const char *name)
{
	_cleanup_(json_freep) struct json_object *c = announcements_component(a, topic, key);
	struct json_object *value;

	if (!c)
		fail_msg("no %s in %s", key, announcements_text(a, topic));
	assert_true(json_object_object_get_ex(c, "name", &value));
	if (name)
		assert_string_equal(json_object_get_string(value), name);
	else
		assert_null(value);
}

static void a_lock_in_full(void **state)
{
	struct announcements *a = *state;
	_cleanup_(json_freep) struct json_object *c = NULL;

	announce_all(a);
	c = announcements_component(a, PHONE, "lock-R2");
	assert_string_equal(document_text(c),
		"{\"platform\":\"lock\",\"name\":\"Garage\","
		"\"unique_id\":\"akuvox2mqtt-home-H1-0C1105AAAAAA-lock-R2\","
		"\"default_entity_id\":\"lock.lakeside_front_door_garage\","
		"\"state_topic\":\"home/H1/door/R2/state\","
		"\"command_topic\":\"home/H1/door/R2/open\",\"message_expiry_interval\":5,"
		"\"payload_lock\":\"LOCK\",\"payload_unlock\":\"UNLOCK\","
		"\"state_locked\":\"LOCKED\",\"state_unlocking\":\"UNLOCKING\","
		"\"state_unlocked\":\"UNLOCKED\",\"optimistic\":false,"
		"\"availability\":[{\"topic\":\"home/bridge/state\"},"
		"{\"topic\":\"home/H1/device/0C1105AAAAAA/availability\"}],"
		"\"availability_mode\":\"all\",\"qos\":1}");
}

static void who_is_behind_whom(void **state)
{
	static const char *const cases[][2] = {
		{"home-H1-0C1105AAAAAA", "akuvox2mqtt-home-H1"},
		{"home-H1", "akuvox2mqtt-gateway-akuvox2mqtt"},
		{"gateway-akuvox2mqtt", NULL},
	};
	struct announcements *a = *state;

	announce_all(a);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(json_freep) struct json_object *document = NULL;
		char topic[200];
		const char *text, *via;

		(void)snprintf(topic, sizeof(topic), ANNOUNCE_DIR "%s/config", cases[i][0]);
		text = announcements_text(a, topic);
		assert_int_equal(json_parse(&document, text, strlen(text)), 0);
		via = json_text(json_get(document, "device"), "via_device");
		if (cases[i][1])
			assert_string_equal(via, cases[i][1]);
		else
			assert_null(via);
		assert_string_equal(json_text(json_get(document, "origin"), "name"), "akuvox2mqtt");
		assert_string_equal(json_text(json_get(document, "origin"), "sw_version"), "1.2.3");
	}
}

/* A public phone is a device of several homes, and would be made one by its MAC. */
static void only_a_private_device_is_told_by_its_mac(void **state)
{
	struct announcements *a = *state;

	announce_all(a);
	assert_non_null(strstr(
		announcements_text(a, PHONE), "\"connections\":[[\"mac\",\"0c:11:05:aa:aa:aa\"]]"));
	assert_null(strstr(
		announcements_text(a, ANNOUNCE_DIR "home-H2-0C1105CCCCCC/config"), "connections"));
}

static void a_public_phone_of_two_homes(void **state)
{
	struct announcements *a = *state;
	const struct device_record phone = {.mac = "0C1105CCCCCC",
		.name = "Entrance",
		.type = "Multi-tenants Doorphone",
		.sip = "3",
		.is_public = true,
		.relays = {{"R1", "Gate", "#", false}},
		.n_relays = 1};

	announcements_merge_h1(a, &phone, 1);
	announce_all(a);
	assert_string_not_equal(
		announcements_text(a, ANNOUNCE_DIR "home-H1-0C1105CCCCCC/config"), "");
	assert_string_not_equal(
		announcements_text(a, ANNOUNCE_DIR "home-H2-0C1105CCCCCC/config"), "");
}

static void names_as_a_person_would_say_them(void **state)
{
	struct announcements *a = *state;
	struct device_record phone = announcements_phone();

	phone.n_relays = 6;
	phone.relays[2] = (struct relay_record){"R3", "Gate", "1", false};
	phone.relays[3] = (struct relay_record){"A1", "gate", "2", false};
	phone.relays[4] = (struct relay_record){"R4", "", "", false};
	phone.relays[5] = (struct relay_record){"A1", "Grille", "", true};
	announcements_merge_h1(a, &phone, 1);
	announce_all(a);
	expect_name(a, PHONE, "lock-R1", NULL);
	expect_name(a, PHONE, "open-R1", "Open");
	expect_name(a, PHONE, "lock-R2", "Garage");
	expect_name(a, PHONE, "open-R2", "Open Garage");
	expect_name(a, PHONE, "lock-R4", "Door");
	expect_name(a, PHONE, "doorbell", "Doorbell");
	/* Its twin is a security relay of the same id: one topic would mean both. */
	assert_null(announcements_component(a, PHONE, "lock-A1"));
	assert_null(announcements_component(a, PHONE, "lock-s-A1"));
	/* A number by the id, as lists may come in any order. */
	expect_name(a, PHONE, "lock-R3", "Gate 2");
}

static void what_has_no_name_gets_one(void **state)
{
	struct announcements *a = *state;
	const struct family_record homes[] = {{"H1", "", true, true}, {"H2", "Town", true, true}};
	struct device_record records[] = {announcements_phone(), announcements_phone()};

	records[0].name = "";
	records[0].relays[0].name = "";
	records[1].mac = "0C1105DDDDDD";
	records[1].name = records[1].type = "";
	records[1].n_relays = 0;
	assert_int_equal(cache_merge_homes(a->cache, homes, 2), 0);
	announcements_merge_h1(a, records, 2);
	announce_all(a);
	assert_non_null(strstr(announcements_text(a, PHONE),
		"\"name\":\"Single-tenant Doorphone\",\"manufacturer\""));
	assert_non_null(strstr(announcements_text(a, ANNOUNCE_DIR "home-H1-0C1105DDDDDD/config"),
		"\"name\":\"Door phone\",\"manufacturer\":\"Akuvox\",\"via_device\""));
	assert_non_null(strstr(announcements_text(a, ANNOUNCE_DIR "home-H1/config"),
		"\"name\":\"Home\",\"manufacturer\""));
	expect_name(a, PHONE, "lock-R1", "Door");
}

/* Home Assistant spells these better than we do. */
static void an_entity_id_is_proposed_where_we_can_spell_it(void **state)
{
	struct announcements *a = *state;
	struct device_record phone = announcements_phone();
	_cleanup_(json_freep) struct json_object *gate = NULL, *door = NULL;

	phone.relays[0].name = "T\xc3\xbcr";
	phone.relays[1].name = " -- My  (2nd) Gate! ";
	announcements_merge_h1(a, &phone, 1);
	announce_all(a);
	door = announcements_component(a, PHONE, "lock-R1");
	gate = announcements_component(a, PHONE, "lock-R2");
	assert_string_equal(text_of(door, "name"), "T\xc3\xbcr");
	assert_null(json_text(door, "default_entity_id"));
	assert_string_equal(
		text_of(gate, "default_entity_id"), "lock.lakeside_front_door_my_2nd_gate");
}

static void ids_of_any_kind(void **state)
{
	static const char *const ids[] = {"a b", "a_b", "a-b", "a/b", "a%20b", "\"", "'", "-",
		"_20", "+", "#", "s-x", "{{x}}", "\xe5\xae\xb6"};
	struct announcements *a = *state;
	struct family_record homes[ELEMENTS(ids)];
	struct device_record phone = announcements_phone();

	phone.n_relays = ELEMENTS(ids);
	for (size_t i = 0; i < ELEMENTS(ids); i++) {
		homes[i] = (struct family_record){ids[i], "Home", true, true};
		phone.relays[i] = (struct relay_record){ids[i], "Door", "#", i % 2};
	}
	assert_int_equal(cache_merge_homes(a->cache, homes, ELEMENTS(ids)), 0);
	for (size_t i = 0; i < ELEMENTS(ids); i++) {
		phone.mac = ids[i];
		assert_int_equal(
			cache_merge_devices(a->cache, cache_find(a->cache, ids[i]), &phone, 1), 0);
	}
	for (int mode = DISCOVERY_DEVICE; mode <= DISCOVERY_COMPONENT; mode++) {
		a->settings.mode = mode;
		announcements_restart(a, true);
		announcements_pass(a, 300 * USEC_PER_SEC);
		/* Besides those of the two homes that there are anyhow. */
		assert_int_equal(
			checker_count(a->checker, "lock"), 4 + ELEMENTS(ids) * ELEMENTS(ids));
		announcements_forget(a);
		/* They are known again as well. */
		announcements_restart(a, true);
		announcements_pass(a, 60 * USEC_PER_SEC);
		assert_int_equal(a->published, 0);
	}
}

/* A MAC is put into a template, where it must not become a part of it. */
static void a_mac_is_no_template(void **state)
{
	static const char *const macs[] = {"x'~y", "{{ 1 }}", "a b", "\\"};
	struct announcements *a = *state;
	struct device_record phone = announcements_phone();
	size_t before;

	announce_all(a);
	before = checker_count(a->checker, "sensor");
	for (size_t i = 0; i < ELEMENTS(macs); i++) {
		struct device_record records[] = {announcements_phone(), phone};

		records[1].mac = macs[i];
		announcements_merge_h1(a, records, 2);
		announcements_pass(a, 60 * USEC_PER_SEC);
		assert_int_equal(checker_count(a->checker, "sensor"), before);
		assert_int_equal(checker_count(a->checker, "lock"), 2);
	}
}

struct keys {
	const char *left_out;
	size_t found;
};

static void check_key(const char *platform, struct json_object *component, void *userdata)
{
	struct keys *keys = userdata;
	const char *id = strchr(strchr(json_text(component, "unique_id"), '-') + 1, '-') + 1;
	char word[100];

	/* Behind home and MAC, or the gateway's name: a word that may be followed by a relay. */
	id = strchr(id, '-') + 1;
	if (strncmp(id, "0C", 2) == 0)
		id = strchr(id, '-') + 1;
	(void)snprintf(word, sizeof(word), " %.*s ", (int)strcspn(id, "-"), id);
	if (strstr(keys->left_out, word))
		fail_msg("%s is there", word);
	keys->found++;
}

static void what_cannot_work_is_not_told_of(void **state)
{
	enum { READ = 1 << COMMAND_GROUP_READ, DOOR = 1 << COMMAND_GROUP_DOOR };
	/* How many there are: in 2 homes, of 2 phones, for 4 doors. */
	static const struct {
		unsigned unmet, groups; /* groups 0: as before */
		const char *left_out;   /* keys */
		size_t n;
	} cases[] = {
		{NEED_NFC, 0, " nfc ", 2},
		{NEED_BLE, 0, " ble ", 2},
		{NEED_FACE, 0, " face ", 2},
		{NEED_KEYS, 0, " guest_keys ", 2},
		{NEED_MEMBERS, 0, " members ", 2},
		{NEED_CALLS, 0, " doorbell last_call ", 4},
		{NEED_OPENINGS, 0, " access picture last_opening ", 6},
		{NEED_PICTURES, 0, " picture ", 2},
		{NEED_ROWS, 0, " last_call last_opening ", 4},
		{0, READ, " lock open nfc ble pin ", 2 * 4 + 3 * 2},
		{0, DOOR, " nfc ble pin ", 3 * 2},
	};
	struct announcements *a = *state;
	const struct entity_settings all = a->settings.document.entities;
	struct keys keys = {.left_out = ""};
	size_t n;

	announce_all(a);
	checker_each(a->checker, check_key, &keys);
	n = keys.found;
	assert_int_equal(n, checker_count(a->checker, NULL));
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		a->settings.document.entities.met = all.met & ~cases[i].unmet;
		if (cases[i].groups)
			a->settings.document.entities.allowed.groups = cases[i].groups;
		announce_all(a);
		keys = (struct keys){cases[i].left_out, 0};
		checker_each(a->checker, check_key, &keys);
		assert_int_equal(keys.found, n - cases[i].n);
		a->settings.document.entities = all;
		announce_all(a);
		assert_int_equal(checker_count(a->checker, NULL), n);
	}
}

static void single_commands_are_enough(void **state)
{
	static const char *const names[] = {
		"update_akuvox_open_door_private_key_config", "trigger_akuvox_remote_open_door"};
	const struct command *commands[] = {catalog_find(names[0]), catalog_find(names[1])};
	struct announcements *a = *state;

	a->settings.document.entities.allowed = (struct allowed){0, commands, 2};
	announce_all(a);
	assert_int_equal(checker_count(a->checker, "lock"), 4);
	assert_int_equal(checker_count(a->checker, "switch"), 0);
	assert_int_equal(checker_count(a->checker, "text"), 2);
}

static void a_door_that_may_not_be_opened_is_not_told_of(void **state)
{
	static const struct relay_settings relays[] = {
		{"R2", "garage", false, 0}, {"S1", "barrier", true, 0}};
	struct announcements *a = *state;

	a->names_settings.relays = relays;
	a->names_settings.n_relays = ELEMENTS(relays);
	announce_all(a);
	assert_null(announcements_component(a, PHONE, "lock-R2"));
	assert_null(announcements_component(a, PHONE, "open-R2"));
	/* An alias changes the topic, but no id. */
	assert_non_null(strstr(announcements_text(a, ANNOUNCE_DIR "home-H2-0C1105CCCCCC/config"),
		"\"command_topic\":\"home/H2/door/barrier/open\""));
	assert_non_null(strstr(announcements_text(a, ANNOUNCE_DIR "home-H2-0C1105CCCCCC/config"),
		"-0C1105CCCCCC-lock-s-S1\""));
}

static void gateways_side_by_side_share_no_id(void **state)
{
	struct announcements *a = *state;

	announce_all(a);
	/* Homes and devices are the other's own, and here its account has none. */
	a->settings.document.client_id = "other/one";
	a->settings.mode = DISCOVERY_DEVICE;
	a->cache = cache_free(a->cache);
	announcements_restart(a, false);
	announcements_pass(a, 60 * USEC_PER_SEC);
	assert_int_equal(announcements_kept(a, "/akuvox2mqtt-"), 6);
	assert_int_equal(announcements_kept(a, "/other_2Fone-gateway-other_2Fone/"), 1);
	assert_non_null(strstr(announcements_text(a, "homeassistant/device/other_2Fone-"
						     "gateway-other_2Fone/config"),
		"\"name\":\"Akuvox gateway other/one\""));
}

static void an_expiry_is_at_least_a_second(void **state)
{
	struct announcements *a = *state;

	a->settings.document.entities.opening_usec = 300 * USEC_PER_MSEC;
	a->settings.document.entities.command_usec = 2500 * USEC_PER_MSEC;
	announce_all(a);
	assert_non_null(
		strstr(announcements_text(a, PHONE), "open\",\"message_expiry_interval\":1,"));
	assert_non_null(strstr(announcements_text(a, ANNOUNCE_DIR "home-H1/config"),
		"nfc/set\",\"message_expiry_interval\":3,"));
}

static void what_has_no_topic_is_left_out(void **state)
{
	struct announcements *a = *state;
	struct device_record phone = announcements_phone();
	char base[900], id[128];

	memset(base, 'b', sizeof(base));
	base[sizeof(base) - 1] = '\0';
	memset(id, 'x', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	a->names_settings.base_topic = base;
	phone.relays[0].id = id;
	announcements_merge_h1(a, &phone, 1);
	announce_all(a);
	assert_null(strstr(announcements_text(a, PHONE), id));
	assert_non_null(strstr(announcements_text(a, PHONE), "lock-R2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANNOUNCE_TEST(a_lock_in_full),
		ANNOUNCE_TEST(who_is_behind_whom),
		ANNOUNCE_TEST(only_a_private_device_is_told_by_its_mac),
		ANNOUNCE_TEST(a_public_phone_of_two_homes),
		ANNOUNCE_TEST(names_as_a_person_would_say_them),
		ANNOUNCE_TEST(what_has_no_name_gets_one),
		ANNOUNCE_TEST(an_entity_id_is_proposed_where_we_can_spell_it),
		ANNOUNCE_TEST(ids_of_any_kind),
		ANNOUNCE_TEST(a_mac_is_no_template),
		ANNOUNCE_TEST(what_cannot_work_is_not_told_of),
		ANNOUNCE_TEST(single_commands_are_enough),
		ANNOUNCE_TEST(a_door_that_may_not_be_opened_is_not_told_of),
		ANNOUNCE_TEST(gateways_side_by_side_share_no_id),
		ANNOUNCE_TEST(an_expiry_is_at_least_a_second),
		ANNOUNCE_TEST(what_has_no_topic_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
