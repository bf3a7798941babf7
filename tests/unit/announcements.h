#pragma once

#include "bridge/discovery.h"
#include "tests/unit/discovery_checker.h"
#include "tests/unit/fake_mqtt.h"
#include "tests/unit/fake_time.h"
#include "util/clock.h"

/* Discovery between a cache and a broker that keeps what is retained; every document goes through the
 * checker.
 *
 * "H1" Lakeside: door phone 0C1105AAAAAA "Front Door" with relays "R1" Front Door, "R2" Garage;
 *                indoor monitor 0C1105BBBBBB "Hall" without relays.
 * "H2" Town:     public door phone 0C1105CCCCCC "Entrance" with "R1" Gate and security relay "S1". */
struct announcements {
	sd_event *event;
	struct mqtt *mqtt;
	struct cache *cache;
	struct names *names;
	struct discovery *discovery;
	struct discovery_settings settings;
	struct names_settings names_settings;
	struct discovery_checker *checker, *other; /* below ANNOUNCE_PREFIX, ANNOUNCE_OTHER */
	struct lh_table *retained;                 /* what the broker keeps: topic to text */
	size_t published;                          /* since the last announcements_forget() */
	size_t most_at_once;                       /* within 100 ms */
	bool echoes;                               /* as with MQTT 3.1.1 */
	const char *not_served;                    /* a home, or NULL */
};

#define ANNOUNCE_PREFIX "homeassistant"
#define ANNOUNCE_OTHER  "other/prefix"
#define ANNOUNCE_DIR    ANNOUNCE_PREFIX "/device/akuvox2mqtt-"

int announcements_setup(void **state);
int announcements_teardown(void **state);

void announcements_set(struct announcements *a);
void announcements_set_mode(struct announcements *a, enum discovery_mode mode);

void announcements_merge(struct announcements *a);
void announcements_merge_h1(struct announcements *a, const struct device_record *records, size_t n);
struct device_record announcements_phone(void);

void announcements_connect(struct announcements *a);
void announcements_lose(struct announcements *a);
void announcements_restart(struct announcements *a, bool with_cache);
void announcements_pass(struct announcements *a, uint64_t usec);
void announcements_told(struct announcements *a, const char *topic, const char *text, bool retain);
void announcements_forget(struct announcements *a);

const char *announcements_text(const struct announcements *a, const char *topic);
size_t announcements_kept(const struct announcements *a, const char *part);
void announcements_clear(struct announcements *a);
struct json_object *announcements_component(
	const struct announcements *a, const char *topic, const char *key);

#define ANNOUNCE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, announcements_setup, announcements_teardown)
