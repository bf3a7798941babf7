#include "bridge/line_refusal.h"

#include <mqtt_protocol.h>
#include <stddef.h>

#include "util/cleanup.h"

/* The reason why a broker of either version says no, by MQTT 5's numbers; 0: it said nothing. */
int line_refusal_code(int code)
{
	static const int mqtt5_of_mqtt3[] = {
		[CONNACK_REFUSED_PROTOCOL_VERSION] = MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION,
		[CONNACK_REFUSED_IDENTIFIER_REJECTED] = MQTT_RC_CLIENTID_NOT_VALID,
		[CONNACK_REFUSED_SERVER_UNAVAILABLE] = MQTT_RC_SERVER_UNAVAILABLE,
		[CONNACK_REFUSED_BAD_USERNAME_PASSWORD] = MQTT_RC_BAD_USERNAME_OR_PASSWORD,
		[CONNACK_REFUSED_NOT_AUTHORIZED] = MQTT_RC_NOT_AUTHORIZED,
	};

	return code > 0 && code < (int)ELEMENTS(mqtt5_of_mqtt3) ? mqtt5_of_mqtt3[code] : code;
}

/* What to do about it; NULL: to try again soon may do. */
const char *line_refusal_advice(int code)
{
	static const struct {
		int code;
		const char *advice;
	} refusals[] = {
		{LINE_OTHER_VERSION, "set mqtt.protocol to the version it speaks"},
		{LINE_BAD_CLIENT_ID, "set another mqtt.client_id"},
		{LINE_BAD_PASSWORD, "check mqtt.username and mqtt.password_file"},
		{LINE_NOT_AUTHORIZED,
			"check mqtt.username, mqtt.password_file and the broker's ACL"},
		{LINE_BANNED, "ask who runs the broker"},
		{LINE_BAD_METHOD, "check mqtt.username and mqtt.password_file"},
		{MQTT_RC_SESSION_TAKEN_OVER,
			"another client has our mqtt.client_id, give each its own"},
	};

	for (size_t i = 0; i < ELEMENTS(refusals); i++)
		if (refusals[i].code == code)
			return refusals[i].advice;
	return NULL;
}
