#include "tests/unit/cmocka-all.h"

#include "tests/unit/announcements.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/linkhash.h>

#include "util/json.h"
#include "util/log.h"

#define STEP_USEC (100 * USEC_PER_MSEC)

static void free_pair(struct lh_entry *entry)
{
	free(lh_entry_k(entry));
	free((void *)lh_entry_v(entry));
}

static void on_changed(struct home *home, void *userdata)
{
	struct announcements *a = userdata;

	if (a->discovery)
		discovery_home(a->discovery, home);
}

static bool on_served(const char *residence_id, void *userdata)
{
	const struct announcements *a = userdata;

	return !a->not_served || strcmp(residence_id, a->not_served) != 0;
}

static void keep(struct announcements *a, const char *topic, const char *text)
{
	(void)lh_table_delete(a->retained, topic);
	if (*text)
		(void)lh_table_insert(a->retained, strdup(topic), strdup(text));
}

static bool tell(struct announcements *a, const char *topic, const char *text, bool retain)
{
	const struct mqtt_message message = {
		.topic = topic,
		.payload = strlen(text) > MQTT_PAYLOAD_MAX ? NULL : text,
		.size = strlen(text),
		.qos = 1,
		.retain = retain,
		.expiry_sec = -1,
		.arrived_usec = clock_boot_usec(),
	};

	return discovery_message(a->discovery, &message);
}

/* The broker has a message for us. */
void announcements_told(struct announcements *a, const char *topic, const char *text, bool retain)
{
	assert_true(tell(a, topic, text, retain));
}

/* Home Assistant looks below one prefix only. */
static struct discovery_checker *checker_of(const struct announcements *a, const char *topic)
{
	return strncmp(topic, ANNOUNCE_OTHER "/", strlen(ANNOUNCE_OTHER "/")) == 0 ? a->other
	                                                                           : a->checker;
}

/* The broker takes what was published. */
static void pump(struct announcements *a)
{
	size_t n = fake_mqtt_count(a->mqtt);
	const struct sent *s;

	while ((s = fake_mqtt_next(a->mqtt))) {
		const char *why = checker_take(
			checker_of(a, s->topic), s->topic, s->text, s->size, clock_boot_usec());

		if (why)
			fail_msg("%s %s: %s", s->topic, why, s->text);
		assert_true(s->retain);
		assert_int_equal(s->qos, 1);
		keep(a, s->topic, s->text);
		if (a->echoes)
			announcements_told(a, s->topic, s->text, false);
	}
	fake_mqtt_forget(a->mqtt);
	a->published += n;
	if (n > a->most_at_once)
		a->most_at_once = n;
}

void announcements_pass(struct announcements *a, uint64_t usec)
{
	pump(a);
	for (; usec >= STEP_USEC; usec -= STEP_USEC) {
		time_pass(a->event, STEP_USEC);
		pump(a);
	}
	time_pass(a->event, usec);
	pump(a);
}

void announcements_forget(struct announcements *a)
{
	a->published = a->most_at_once = 0;
}

const char *announcements_text(const struct announcements *a, const char *topic)
{
	void *text;

	return lh_table_lookup_ex(a->retained, topic, &text) ? text : "";
}

/* How many topics with that in their name hold something. */
size_t announcements_kept(const struct announcements *a, const char *part)
{
	size_t n = 0;

	for (struct lh_entry *e = lh_table_head(a->retained); e; e = lh_entry_next(e))
		n += strstr((const char *)lh_entry_k(e), part) != NULL;
	return n;
}

/* The broker loses all, and tells nobody. */
void announcements_clear(struct announcements *a)
{
	while (lh_table_head(a->retained))
		(void)lh_table_delete(a->retained, lh_entry_k(lh_table_head(a->retained)));
	(void)checker_free(a->checker);
	a->checker = checker_new(ANNOUNCE_PREFIX);
}

/* As parsed, the caller's. NULL: there is none. */
struct json_object *announcements_component(
	const struct announcements *a, const char *topic, const char *key)
{
	const char *text = announcements_text(a, topic);
	_cleanup_(json_freep) struct json_object *document = NULL;

	if (!*text)
		return NULL;
	assert_int_equal(json_parse(&document, text, strlen(text)), 0);
	return json_object_get(json_get(json_get(document, "components"), key));
}

static void tell_kept(struct announcements *a)
{
	for (struct lh_entry *e = lh_table_head(a->retained), *next; e; e = next) {
		next = lh_entry_next(e);
		(void)tell(a, lh_entry_k(e), (const char *)lh_entry_v(e), true);
	}
}

void announcements_connect(struct announcements *a)
{
	fake_mqtt_set_online(a->mqtt, true);
	discovery_connected(a->discovery);
	/* It subscribes a little later. */
	time_pass(a->event, 100 * USEC_PER_MSEC);
	tell_kept(a);
}

/* The gateway is given a->settings; what it subscribes to for that the broker tells. */
void announcements_set(struct announcements *a)
{
	size_t subscribed;

	pump(a);
	subscribed = strlen(fake_mqtt_subscribed(a->mqtt));
	assert_int_equal(discovery_set(a->discovery, &a->settings), 0);
	if (strlen(fake_mqtt_subscribed(a->mqtt)) > subscribed)
		tell_kept(a);
}

void announcements_set_mode(struct announcements *a, enum discovery_mode mode)
{
	a->settings.mode = mode;
	announcements_set(a);
}

void announcements_lose(struct announcements *a)
{
	fake_mqtt_set_online(a->mqtt, false);
	discovery_lost(a->discovery);
}

struct device_record announcements_phone(void)
{
	return (struct device_record){
		.mac = "0C1105AAAAAA",
		.name = "Front Door",
		.type = "Single-tenant Doorphone",
		.sip = "1",
		.online = true,
		.relays = {{"R1", "Front Door", "#", false}, {"R2", "Garage", "*", false}},
		.n_relays = 2,
	};
}

void announcements_merge_h1(struct announcements *a, const struct device_record *records, size_t n)
{
	assert_int_equal(cache_merge_devices(a->cache, cache_find(a->cache, "H1"), records, n), 0);
}

void announcements_merge(struct announcements *a)
{
	const struct family_record homes[] = {
		{"H1", "Lakeside", true, true}, {"H2", "Town", true, true}};
	const struct device_record lakeside[] = {announcements_phone(),
		{.mac = "0C1105BBBBBB", .name = "Hall", .type = "Indoor Monitor", .sip = "2"}};
	const struct device_record town[] = {{
		.mac = "0C1105CCCCCC",
		.name = "Entrance",
		.type = "Multi-tenants Doorphone",
		.sip = "3",
		.is_public = true,
		.relays = {{"R1", "Gate", "#", false}, {"S1", "Barrier", "#", true}},
		.n_relays = 2,
	}};

	assert_int_equal(cache_merge_homes(a->cache, homes, 2), 0);
	announcements_merge_h1(a, lakeside, 2);
	assert_int_equal(cache_merge_devices(a->cache, cache_find(a->cache, "H2"), town, 1), 0);
}

static void build(struct announcements *a)
{
	static const struct cache_handlers handlers = {.served = on_served, .changed = on_changed};

	if (!a->cache)
		assert_int_equal(cache_new(&a->cache, NULL, &handlers, a), 0);
	assert_int_equal(names_new(&a->names, &a->names_settings), 0);
	assert_int_equal(
		discovery_new(&a->discovery, a->event, &a->settings, a->mqtt, a->names, a->cache),
		0);
}

/* The gateway ends, whatever it is doing, and starts again with a->settings. with_cache: it knows
 * homes and devices from before. */
void announcements_restart(struct announcements *a, bool with_cache)
{
	pump(a);
	fake_mqtt_set_online(a->mqtt, false);
	a->discovery = discovery_free(a->discovery);
	a->names = names_free(a->names);
	if (!with_cache)
		a->cache = cache_free(a->cache);
	build(a);
	announcements_connect(a);
}

int announcements_setup(void **state)
{
	struct announcements *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	log_set_level(LOG_ERR);
	time_start(INT64_C(1900000000000));
	assert_int_equal(sd_event_new(&a->event), 0);
	a->mqtt = fake_mqtt_new();
	fake_mqtt_set_online(a->mqtt, false);
	a->checker = checker_new(ANNOUNCE_PREFIX);
	a->other = checker_new(ANNOUNCE_OTHER);
	a->retained = lh_kchar_table_new(16, free_pair);
	a->names_settings.base_topic = "home";
	a->settings = (struct discovery_settings){
		.mode = DISCOVERY_DEVICE,
		.prefix = ANNOUNCE_PREFIX,
		.status_topic = "homeassistant/status",
		.document =
			{
				.client_id = "akuvox2mqtt",
				.version = "1.2.3",
				.entities =
					{
						.allowed.groups = 1 << COMMAND_GROUP_READ |
	                                                          1 << COMMAND_GROUP_DOOR |
	                                                          1 << COMMAND_GROUP_ACCESS,
						.met = NEED_DOOR_PHONE - 1,
						.opening_usec = 5 * USEC_PER_SEC,
						.command_usec = 10 * USEC_PER_SEC,
					},
			},
	};
	build(a);
	announcements_merge(a);
	*state = a;
	return 0;
}

int announcements_teardown(void **state)
{
	struct announcements *a = *state;

	(void)discovery_free(a->discovery);
	(void)names_free(a->names);
	(void)cache_free(a->cache);
	(void)mqtt_free(a->mqtt);
	(void)checker_free(a->checker);
	(void)checker_free(a->other);
	lh_table_free(a->retained);
	time_end();
	(void)sd_event_unref(a->event);
	free(a);
	return 0;
}
