#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/names.h"
#include "bridge/topic.h"

static void parse(struct topic *topic, const char *base, const char *text)
{
	memset(topic, 0xff, sizeof(*topic));
	topic_parse(topic, base, text);
}

static void topics_are_taken_apart(void **state)
{
	static const struct {
		const char *base, *text;
		enum topic_kind kind;
		const char *residence, *thing;
	} cases[] = {
		{"home", "home/H1/door/R1/open", TOPIC_OPEN, "H1", "R1"},
		{"home", "home/H1/request/get_x", TOPIC_REQUEST, "H1", "get_x"},
		{"home", "home/bridge/request/refresh", TOPIC_REQUEST, "bridge", "refresh"},
		{"a/b/c", "a/b/c/H1/door/R1/open", TOPIC_OPEN, "H1", "R1"},
		{"home", "home//door//open", TOPIC_OPEN, "", ""},
		{"home", "home/request/request/request", TOPIC_REQUEST, "request", "request"},
		{"home", "home/+/door/#/open", TOPIC_OPEN, "+", "#"},
		{"home", "home/H1/nfc/set", TOPIC_NFC, "H1", NULL},
		{"home", "home/H1/temp_key/delete", TOPIC_KEY_DELETE, "H1", NULL},
	};
	struct topic topic;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		parse(&topic, cases[i].base, cases[i].text);
		assert_int_equal(topic.kind, cases[i].kind);
		assert_string_equal(topic.residence, cases[i].residence);
		if (cases[i].thing)
			assert_string_equal(topic.thing, cases[i].thing);
		else
			assert_null(topic.thing);
		assert_true(topic_is_ours(cases[i].base, cases[i].text));
	}
}

static void other_topics_are_not_ours(void **state)
{
	static const char *const texts[] = {"", "home", "home/", "home/H1", "home/H1/door",
		"home/H1/door/R1", "home/H1/door/R1/", "home/H1/door/R1/opens",
		"home/H1/door/R1/ope", "home/H1/door/R1/OPEN", "home/H1/door/R1/open/",
		"home/H1/door/R1/open/x", "home/H1/door/R1/state", "home/H1/door/open",
		"home/H1/x/door/R1/open", "home/H1/Door/R1/open", "home/H1/request",
		"home/H1/request/a/b", "home/H1/requests/a", "home/H1/response/a",
		"homes/H1/request/a", "hom/H1/request/a", "/home/H1/request/a", "HOME/H1/request/a",
		"home/bridge/state", "a/home/H1/door/R1/open"};
	struct topic topic;

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		parse(&topic, "home", texts[i]);
		if (topic.kind != TOPIC_NONE)
			fail_msg("%s is taken for ours", texts[i]);
		assert_null(topic.residence);
		assert_null(topic.thing);
	}
	assert_false(topic_is_ours("a/b", "a/H1/door/R1/open"));
}

static void the_longest_topic_is_read(void **state)
{
	char text[MQTT_TOPIC_MAX + 1];
	struct topic topic;

	memset(text, 'x', sizeof(text));
	memcpy(text, "home/H1/request/", 16);
	text[MQTT_TOPIC_MAX - 1] = '\0';
	parse(&topic, "home", text);
	assert_int_equal(topic.kind, TOPIC_REQUEST);
	assert_int_equal(strlen(topic.thing), MQTT_TOPIC_MAX - 1 - 16);
	text[MQTT_TOPIC_MAX - 1] = 'x';
	text[MQTT_TOPIC_MAX] = '\0';
	parse(&topic, "home", text);
	assert_int_equal(topic.kind, TOPIC_NONE);
}

static void each_kind_is_subscribed_to(void **state)
{
	static const char *const wanted[] = {"a/b/+/door/+/open", "a/b/+/request/+",
		"a/b/+/nfc/set", "a/b/+/ble/set", "a/b/+/private_key/set", "a/b/+/temp_key/create",
		"a/b/+/temp_key/delete"};
	char *patterns[TOPIC_PATTERNS_MAX];
	size_t n = 0;

	assert_int_equal(topic_patterns("a/b", patterns, &n), 0);
	assert_int_equal(n, ELEMENTS(wanted));
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(patterns[i], wanted[i]);
		/* As it stands, + being a name like any other. */
		assert_true(topic_is_ours("a/b", patterns[i]));
		free(patterns[i]);
	}
}

static const struct residence_settings residences[] = {
	{"H2", "flat"}, {"a/b", "A-1"}, {"empty", ""}, {"none", NULL}};
static const struct relay_settings relays[] = {{"R2", "garage", true, 0}, {"e", "", true, 0}};

static struct names *names_of(const char *base)
{
	const struct names_settings settings = {
		base, residences, ELEMENTS(residences), relays, ELEMENTS(relays)};
	struct names *names;

	assert_int_equal(names_new(&names, &settings), 0);
	return names;
}

/* The level that the home of that id has; the home can be found by it. */
static void level_of(const char *id, char *ret, size_t size)
{
	static const struct cache_handlers none = {0};
	const struct family_record record = {id, "name", true, true};
	struct names *names = names_of("home");
	struct cache *cache;
	topic_t topic;

	assert_int_equal(cache_new(&cache, NULL, &none, NULL), 0);
	assert_int_equal(cache_merge_homes(cache, &record, 1), 0);
	assert_non_null(cache_homes(cache));
	assert_int_equal(topic_home(names, topic, cache_homes(cache), "info"), 0);
	assert_memory_equal(topic, "home/", 5);
	(void)snprintf(ret, size, "%.*s", (int)(strlen(topic) - 10), topic + 5);
	assert_string_equal(topic + strlen(topic) - 5, "/info");
	assert_ptr_equal(names_find_home(names, cache, ret), cache_homes(cache));
	(void)cache_free(cache);
	(void)names_free(names);
}

static void any_id_is_a_safe_level_and_back(void **state)
{
	static const char *const ids[] = {"plain", "a/b+#", "$x", "%41", "A", "%", "%%", "a b",
		"\xc3\xa4\xf0\x9f\x9a\xaa", "..", "-._~", "'; rm -rf ~; '", "a\"b\\c", "bridge",
		"flat", "garage", "A-1", "%62ridge", "%66lat", "Bridge", "home", "request"};
	char levels[ELEMENTS(ids)][MQTT_TOPIC_MAX];

	for (size_t i = 0; i < ELEMENTS(ids); i++) {
		level_of(ids[i], levels[i], sizeof(levels[i]));
		assert_int_equal(strlen(levels[i]),
			strspn(levels[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789-._~%"));
		assert_string_not_equal(levels[i], "bridge");
		assert_string_not_equal(levels[i], "flat");
		assert_string_not_equal(levels[i], "A-1");
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(levels[i], levels[j]);
	}
}

static void a_home_called_bridge_is_not_found_where_the_gateway_is(void **state)
{
	static const struct cache_handlers none = {0};
	const struct family_record record = {"bridge", "name", true, true};
	struct names *names = names_of("home");
	struct cache *cache;

	assert_int_equal(cache_new(&cache, NULL, &none, NULL), 0);
	assert_int_equal(cache_merge_homes(cache, &record, 1), 0);
	assert_null(names_find_home(names, cache, "bridge"));
	assert_ptr_equal(names_find_home(names, cache, "%62ridge"), cache_homes(cache));
	(void)cache_free(cache);
	(void)names_free(names);
}

static void the_longest_id_has_its_topics(void **state)
{
	char id[RECORDS_ID_MAX + 1], level[MQTT_TOPIC_MAX];

	memset(id, '#', RECORDS_ID_MAX);
	id[RECORDS_ID_MAX] = '\0';
	level_of(id, level, sizeof(level));
	assert_int_equal(strlen(level), 3 * RECORDS_ID_MAX);
}

static void aliases_stand_for_ids(void **state)
{
	char level[MQTT_TOPIC_MAX];

	level_of("H2", level, sizeof(level));
	assert_string_equal(level, "flat");
	level_of("a/b", level, sizeof(level));
	assert_string_equal(level, "A-1");
	level_of("empty", level, sizeof(level));
	assert_string_equal(level, "empty");
	level_of("none", level, sizeof(level));
	assert_string_equal(level, "none");
}

/* A home "H2" (alias flat) with a device and the relays R2 (alias garage), garage and e. */
static struct cache *a_home(const char *mac)
{
	static const struct cache_handlers none = {0};
	const struct family_record family = {"H2", "name", true, true};
	const struct device_record device = {
		.mac = mac,
		.name = "Front",
		.type = "",
		.sip = "",
		.relays = {{"R2", "", "", false}, {"garage", "", "", false}, {"e", "", "", true}},
		.n_relays = 3,
	};
	struct cache *cache;

	assert_int_equal(cache_new(&cache, NULL, &none, NULL), 0);
	assert_int_equal(cache_merge_homes(cache, &family, 1), 0);
	assert_int_equal(cache_merge_devices(cache, cache_homes(cache), &device, 1), 0);
	return cache;
}

static void topics_are_written(void **state)
{
	struct cache *cache = a_home("0c1105aabbcc");
	struct names *names = names_of("a/b");
	const struct device *device = cache_homes(cache)->devices;
	topic_t topic;

	assert_int_equal(topic_bridge(names, topic, "info"), 0);
	assert_string_equal(topic, "a/b/bridge/info");
	assert_int_equal(topic_device(names, topic, device, "event/call"), 0);
	assert_string_equal(topic, "a/b/flat/device/0C1105AABBCC/event/call");
	assert_int_equal(topic_relay(names, topic, device->relays, "state"), 0);
	assert_string_equal(topic, "a/b/flat/door/garage/state");
	assert_int_equal(topic_relay(names, topic, device->relays->next, "state"), 0);
	assert_string_equal(topic, "a/b/flat/door/%67arage/state");
	assert_int_equal(topic_relay(names, topic, device->relays->next->next, "state"), 0);
	assert_string_equal(topic, "a/b/flat/door/e/state");
	(void)names_free(names);
	(void)cache_free(cache);
}

static void homes_and_relays_are_found_by_alias_and_id(void **state)
{
	struct cache *cache = a_home("0C1105AABBCC");
	struct home *home = cache_homes(cache);
	struct relay *first = home->devices->relays;
	struct names *names = names_of("home");
	bool ambiguous = true;

	assert_ptr_equal(names_find_home(names, cache, "flat"), home);
	assert_ptr_equal(names_find_home(names, cache, "H2"), home);
	assert_ptr_equal(names_find_home(names, cache, "%482"), home);
	assert_null(names_find_home(names, cache, "Flat"));
	assert_null(names_find_home(names, cache, ""));
	assert_null(names_find_home(names, cache, "bridge"));
	assert_null(names_find_home(names, cache, "A-1"));
	assert_null(names_find_home(names, cache, "H2%00"));
	assert_ptr_equal(names_find_relay(names, home, "garage", &ambiguous), first);
	assert_false(ambiguous);
	assert_ptr_equal(names_find_relay(names, home, "R2", &ambiguous), first);
	assert_ptr_equal(names_find_relay(names, home, "%67arage", &ambiguous), first->next);
	assert_ptr_equal(names_find_relay(names, home, "e", &ambiguous), first->next->next);
	assert_null(names_find_relay(names, home, "", &ambiguous));
	assert_null(names_find_relay(names, home, "+", &ambiguous));
	(void)names_free(names);
	(void)cache_free(cache);
}

static void too_long_topics_are_an_error(void **state)
{
	struct cache *cache = a_home("0C1105AABBCC");
	char base[MQTT_TOPIC_MAX];
	struct names *names;
	topic_t topic = "as it was";

	memset(base, 'b', sizeof(base));
	base[sizeof(base) - sizeof("/bridge/info")] = '\0';
	names = names_of(base);
	assert_int_equal(topic_bridge(names, topic, "infos"), -ENAMETOOLONG);
	assert_string_equal(topic, "as it was");
	assert_int_equal(topic_bridge(names, topic, "info"), 0);
	assert_int_equal(strlen(topic), MQTT_TOPIC_MAX - 1);
	assert_int_equal(topic_relay(names, topic, cache_homes(cache)->devices->relays, "state"),
		-ENAMETOOLONG);
	(void)names_free(names);
	(void)cache_free(cache);
}

static void names_get_new_settings(void **state)
{
	static const struct relay_settings later[] = {
		{"R2", "garage", false, 7}, {"e", NULL, false, 0}};
	struct cache *cache = a_home("0C1105AABBCC");
	struct names *names = names_of("home");
	bool ambiguous;

	struct names *next = NULL;
	const struct names_settings settings = {
		.base_topic = "later", .relays = later, .n_relays = ELEMENTS(later)};

	assert_true(names_relay(names, "R2")->allow);
	assert_int_equal(names_new(&next, &settings), 0);
	names_swap(names, next);
	assert_string_equal(names_base(names), "later");
	assert_string_equal(names_base(next), "home");
	assert_true(names_relay(next, "R2")->allow);
	(void)names_free(next);
	assert_false(names_relay(names, "R2")->allow);
	assert_int_equal(names_relay(names, "R2")->hold_usec, 7);
	assert_false(names_relay(names, "e")->allow);
	assert_null(names_relay(names, "garage"));
	assert_ptr_equal(names_find_relay(names, cache_homes(cache), "garage", &ambiguous),
		cache_homes(cache)->devices->relays);
	(void)names_free(names);
	(void)cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics_are_taken_apart),
		cmocka_unit_test(other_topics_are_not_ours),
		cmocka_unit_test(the_longest_topic_is_read),
		cmocka_unit_test(each_kind_is_subscribed_to),
		cmocka_unit_test(any_id_is_a_safe_level_and_back),
		cmocka_unit_test(a_home_called_bridge_is_not_found_where_the_gateway_is),
		cmocka_unit_test(the_longest_id_has_its_topics),
		cmocka_unit_test(aliases_stand_for_ids),
		cmocka_unit_test(topics_are_written),
		cmocka_unit_test(homes_and_relays_are_found_by_alias_and_id),
		cmocka_unit_test(too_long_topics_are_an_error),
		cmocka_unit_test(names_get_new_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
