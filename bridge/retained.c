#define LOG_TOKEN "request"

#include "bridge/retained.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "util/json.h"
#include "util/log.h"

struct retained {
	struct json_object *answered; /* topic -> payload of what was answered last */
};

int retained_new(struct retained **ret)
{
	_cleanup_(retained_freep) struct retained *retained = calloc(1, sizeof(*retained));

	if (!retained)
		return -ENOMEM;
	retained->answered = json_object_new_object();
	if (!retained->answered)
		return -ENOMEM;
	*ret = TAKE_PTR(retained);
	return 0;
}

struct retained *retained_free(struct retained *retained)
{
	if (!retained)
		return NULL;
	(void)json_object_put(retained->answered);
	free(retained);
	return NULL;
}

/* True for the same message as the one answered on its topic; if not, it is that from now on. */
static bool is_replay(struct retained *retained, const struct mqtt_message *message)
{
	int size = message->payload ? (int)message->size : 0;
	struct json_object *before, *payload;

	if (json_object_object_get_ex(retained->answered, message->topic, &before)) {
		if (json_object_get_string_len(before) == size &&
			(size == 0 || memcmp(json_object_get_string(before), message->payload,
					      (size_t)size) == 0))
			return true;
	} else if (json_object_object_length(retained->answered) >= RETAINED_MAX) {
		return false;
	}
	payload = json_object_new_string_len(message->payload ?: "", size);
	(void)json_set(retained->answered, message->topic, payload);
	return false;
}

/* Under MQTT 3.1.1 the empty message that clears a topic comes without its flag. Where one was
 * retained it is no request, or following our own advice would carry out a command. */
static bool is_clearing(struct retained *retained, const struct mqtt_message *message)
{
	if (message->size > 0 || !json_get(retained->answered, message->topic))
		return false;
	json_object_object_del(retained->answered, message->topic);
	return true;
}

/* True for the empty retained message that clears a topic, and for one that was answered already.
 * replays: under MQTT 3.1.1 a retained message comes again with each connection; under MQTT 5 the
 * broker does not send it again, so each one is new. */
bool retained_ignores(struct retained *retained, const struct mqtt_message *message, bool replays)
{
	if (!message->retain)
		return replays && is_clearing(retained, message);
	return message->size == 0 || (replays && is_replay(retained, message));
}

/* 0: message is not retained; else -EINVAL with the refusal, which names the command that helps. */
int retained_refuse(const struct mqtt_message *message, struct fault *ret)
{
	/* People paste it, so a topic that would end its quotes is left to them. */
	const char *topic = strchr(message->topic, '\'') ? "TOPIC" : message->topic;

	if (!message->retain)
		return 0;
	log_warning("A retained command stands on %s: clear it with mosquitto_pub -r -n -t '%s'",
		message->topic, topic);
	return fault_set(ret, REFUSAL_RETAINED, NULL,
		"commands must not be retained; clear it with: mosquitto_pub -r -n -t '%s'", topic);
}
