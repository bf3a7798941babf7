#include <errno.h>
#include <string.h>
#include <strings.h>

#include "bridge/handle.h"
#include "util/json.h"

/* nfc/set and ble/set, from a switch on a dashboard: ON or OFF. */
int handle_switch(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault)
{
	bool nfc = topic->kind == TOPIC_NFC, on = strcasecmp(payload->text, "ON") == 0;
	_cleanup_(json_freep) struct json_object *param = json_object_new_object();
	int r;

	if (!on && strcasecmp(payload->text, "OFF") != 0)
		return fault_set(fault, REFUSAL_INVALID_PAYLOAD, NULL, "send ON or OFF");
	if (json_set(param, nfc ? "enable_nfc" : "enable_ble", json_object_new_boolean(on)) < 0)
		return fault_at_once(-ENOMEM, fault);
	r = handle_home(q, topic, nfc ? NFC_COMMAND : BLE_COMMAND, message, fault);
	return r != 0 ? r : handle_send(q, q->command, param, NULL, fault);
}

/* private_key/set: the PIN, as text. */
int handle_pin(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault)
{
	_cleanup_(json_freep) struct json_object *param = json_object_new_object();
	int r;

	/* Whoever sends JSON here does not mean its braces to open a door. */
	if (strpbrk(payload->text, "{}[]\""))
		return fault_set(
			fault, REFUSAL_INVALID_PAYLOAD, NULL, "send the PIN alone, as text");
	if (json_set(param, "private_key", json_object_new_string(payload->text)) < 0)
		return fault_at_once(-ENOMEM, fault);
	r = handle_home(q, topic, PIN_COMMAND, message, fault);
	return r != 0 ? r : handle_send(q, q->command, param, NULL, fault);
}
