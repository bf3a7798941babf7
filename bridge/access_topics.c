#include "bridge/access_topics.h"

#include <errno.h>

#include "bridge/publish.h"
#include "util/clock.h"
#include "util/json.h"

static const char *const kinds[ACCESS_KIND_MAX] = {
	[ACCESS_NFC] = "nfc/state",
	[ACCESS_BLE] = "ble/state",
	[ACCESS_FACE] = "face/state",
};

static int set_time(struct json_object *object, const char *key, int64_t epoch)
{
	char text[CLOCK_TEXT_MAX];

	return json_set(object, key, json_object_new_string(clock_rfc3339(text, epoch)));
}

static struct json_object *key_info(const struct temp_key *key)
{
	_cleanup_(json_freep) struct json_object *info = json_object_new_object();

	if (set_time(info, "start_time", key->start) < 0 ||
		set_time(info, "finish_time", key->finish) < 0 ||
		json_set(info, "count", json_object_new_int64(key->count)) < 0 ||
		(key->code && json_set(info, "temp_key", json_object_new_string(key->code)) < 0) ||
		(key->qr_code_url && json_set(info, "qr_code_url",
					     json_object_new_string(key->qr_code_url)) < 0))
		return NULL;
	return TAKE_PTR(info);
}

static struct json_object *keys_info(const struct access *access)
{
	_cleanup_(json_freep) struct json_object *info = json_object_new_object();
	struct json_object *list = json_object_new_array();

	if (json_set(info, "keys", list) < 0 ||
		json_set(info, "count", json_object_new_int64((int64_t)access->n_keys)) < 0 ||
		(access->n_keys > 0 &&
			set_time(info, "next_finish_time", access->keys[0].finish) < 0))
		return NULL;
	for (size_t i = 0; i < access->n_keys; i++) {
		struct json_object *key = key_info(&access->keys[i]);

		if (!key || json_object_array_add(list, key) < 0) {
			(void)json_object_put(key);
			return NULL;
		}
	}
	return TAKE_PTR(info);
}

static int publish_keys(struct mqtt *mqtt, const char *topic, const struct home *home)
{
	_cleanup_(json_freep) struct json_object *info = NULL;
	const char *text;

	if (home_leaves(home) || home->access.keys_known == ACCESS_DROPPED)
		return publish_retained(mqtt, topic, "");
	info = keys_info(&home->access);
	text = info ? json_object_to_json_string_ext(
			      info, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
	            : NULL;
	return text ? publish_retained(mqtt, topic, text) : -ENOMEM;
}

static const char *state_text(const struct home *home, int on)
{
	if (home_leaves(home) || on == ACCESS_DROPPED)
		return "";
	return on ? "ON" : "OFF";
}

/* Publishes what is known and marked as changed; clears what nobody asks for, and all of it for a
 * home that is gone. As publish_retained(). */
int publish_access(struct mqtt *mqtt, const struct names *names, const struct home *home)
{
	topic_t topic;
	int r = 0;

	for (int kind = 0; kind < ACCESS_KIND_MAX && r == 0; kind++) {
		int on = home->access.on[kind];

		if (!(home->changed & CHANGED_NFC << kind) ||
			(on == ACCESS_UNKNOWN && !home_leaves(home)))
			continue;
		r = topic_home(names, topic, home, kinds[kind])
		            ?: publish_retained(mqtt, topic, state_text(home, on));
	}
	if (r != 0 || !(home->changed & CHANGED_KEYS) ||
		(home->access.keys_known == ACCESS_UNKNOWN && !home_leaves(home)))
		return r;
	return topic_home(names, topic, home, "temp_keys") ?: publish_keys(mqtt, topic, home);
}
