#include "bridge/entities.h"

#include "bridge/handle.h"

/* The row of a history that is the newest of a device. */
#define NEWEST                                                         \
	"{% set row = value_json | default([]) "                       \
	"| selectattr('mac', 'defined') | selectattr('mac', 'eq', *) " \
	"| first | default(none) %}"

#define CONNECTIVITY                                                            \
	.platform = "binary_sensor", .key = "connection", .name = "Connection", \
	.device_class = "connectivity", .category = "diagnostic",               \
	.more = "{'payload_on': 'online', 'payload_off': 'offline'}"

static const struct entity entities[] = {
	{ENTITY_OF_GATEWAY, CONNECTIVITY, .state = "state"},
	{
		ENTITY_OF_GATEWAY,
		"sensor",
		"cloud",
		"Cloud",
		"mdi:cloud-outline",
		"enum",
		"diagnostic",
		AVAILABLE_WITH_GATEWAY,
		.state = "cloud",
		.more = "{'options': ['online', 'offline', 'auth_failed']}",
	},
	{
		ENTITY_OF_GATEWAY,
		"sensor",
		"version",
		"Version",
		"mdi:tag-outline",
		NULL,
		"diagnostic",
		AVAILABLE_WITH_GATEWAY,
		.state = "info",
		.value_template = "{{ value_json.version }}",
	},

	{ENTITY_OF_HOME, CONNECTIVITY, .available = AVAILABLE_WITH_GATEWAY,
		.state = "availability"},
	{
		ENTITY_OF_HOME,
		"switch",
		"nfc",
		"Open by NFC",
		"mdi:nfc-variant",
		NULL,
		"config",
		AVAILABLE_WITH_GATEWAY,
		.state = "nfc/state",
		.command = "nfc/set",
		.more = "{'optimistic': false}",
		.needs = NEED_ACCESS,
		.commands = {NFC_COMMAND},
	},
	{
		ENTITY_OF_HOME,
		"switch",
		"ble",
		"Open by Bluetooth",
		"mdi:bluetooth",
		NULL,
		"config",
		AVAILABLE_WITH_GATEWAY,
		.state = "ble/state",
		.command = "ble/set",
		.more = "{'optimistic': false}",
		.needs = NEED_ACCESS,
		.commands = {BLE_COMMAND},
	},
	{
		/* Without a state Home Assistant would take what was typed for it, and keep the
		 * PIN in its database. */
		ENTITY_OF_HOME,
		"text",
		"pin",
		"PIN",
		"mdi:form-textbox-password",
		NULL,
		"config",
		AVAILABLE_WITH_GATEWAY,
		.state = "availability",
		.command = "private_key/set",
		.value_template = "{{ '' }}",
		.more = "{'mode': 'password', 'min': 0, 'max': 8, "
			"'pattern': '^([0-9A-Za-z]{2,8})?$'}",
		.commands = {PIN_COMMAND},
	},
	{
		ENTITY_OF_HOME,
		"binary_sensor",
		"face",
		"Face picture",
		"mdi:face-recognition",
		NULL,
		"diagnostic",
		AVAILABLE_WITH_GATEWAY,
		.state = "face/state",
		.needs = NEED_ACCESS,
		.commands = {"update_akuvox_face_file_info", "delete_akuvox_face_file_info"},
	},
	{
		ENTITY_OF_HOME,
		"sensor",
		"guest_keys",
		"Guest keys",
		"mdi:key-chain",
		NULL,
		NULL,
		AVAILABLE_WITH_GATEWAY,
		.state = "temp_keys",
		.value_template = "{{ value_json.count }}",
		.attributes_template =
			"{{ {'next_end': value_json.next_finish_time | default('')} | tojson }}",
		.more = "{'unit_of_measurement': 'keys'}",
		.needs = NEED_ACCESS,
		.commands = {"create_akuvox_open_door_temp_key_config",
			"delete_akuvox_open_door_temp_key_config",
			"batch_delete_akuvox_open_door_temp_key_config"},
	},
	{
		ENTITY_OF_HOME,
		"sensor",
		"members",
		"Members",
		"mdi:account-group",
		NULL,
		"diagnostic",
		AVAILABLE_WITH_GATEWAY,
		.state = "info",
		.value_template = "{{ value_json.members | default(none) }}",
		.more = "{'unit_of_measurement': 'members'}",
		.needs = NEED_FAMILY,
		.commands = {"get_family_info"},
	},
	{
		ENTITY_OF_HOME,
		"button",
		"refresh",
		"Refresh",
		"mdi:refresh",
		NULL,
		"diagnostic",
		AVAILABLE_WITH_GATEWAY,
		.command = "request/refresh",
		.more = "{'payload_press': '{}'}",
	},

	{ENTITY_OF_DEVICE, CONNECTIVITY, .available = AVAILABLE_WITH_GATEWAY,
		.state = "availability"},
	{
		/* An event that comes while the device seems to be away is one all the same. */
		ENTITY_OF_DEVICE,
		"event",
		"doorbell",
		"Doorbell",
		"mdi:doorbell",
		"doorbell",
		NULL,
		AVAILABLE_ALWAYS,
		.state = "event/call",
		.more = "{'event_types': ['ring', 'call']}",
		.needs = NEED_HISTORY | NEED_DOOR_PHONE,
	},
	{
		ENTITY_OF_DEVICE,
		"event",
		"access",
		"Access",
		"mdi:door",
		NULL,
		NULL,
		AVAILABLE_ALWAYS,
		.state = "event/door",
		.more = "{'event_types': ['opened', 'denied']}",
		.needs = NEED_HISTORY | NEED_DOOR_PHONE,
	},
	{
		ENTITY_OF_DEVICE,
		"image",
		"picture",
		"Last picture",
		"mdi:image",
		NULL,
		NULL,
		AVAILABLE_WITH_GATEWAY,
		.state = "picture",
		.more = "{'content_type': 'image/jpeg'}",
		.needs = NEED_HISTORY | NEED_PICTURES | NEED_DOOR_PHONE,
	},
	{
		ENTITY_OF_DEVICE,
		"sensor",
		"last_call",
		"Last call",
		"mdi:phone-incoming",
		"timestamp",
		NULL,
		AVAILABLE_WITH_GATEWAY,
		.state = "history/call",
		.home_state = true,
		.value_template = NEWEST "{{ row.time if row else none }}",
		.attributes_template =
			NEWEST "{{ {'type': row.event_type | default(''), "
			       "'name': row.call_name | default(''), "
			       "'number': row.call_sip | default('')} | tojson if row else '{}' }}",
		.needs = NEED_HISTORY | NEED_DOOR_PHONE,
	},
	{
		ENTITY_OF_DEVICE,
		"sensor",
		"last_opening",
		"Last opening",
		"mdi:door-open",
		"timestamp",
		NULL,
		AVAILABLE_WITH_GATEWAY,
		.state = "history/door",
		.home_state = true,
		.value_template = NEWEST "{{ row.time if row else none }}",
		.attributes_template = NEWEST
		"{{ {'result': row.event_type | default(''), "
		"'who': row.account_name | default(''), "
		"'how': row.open_door_type | default('')} | tojson if row else '{}' }}",
		.needs = NEED_HISTORY | NEED_DOOR_PHONE,
	},

	{
		ENTITY_OF_RELAY,
		"lock",
		"lock",
		"*",
		NULL,
		NULL,
		NULL,
		AVAILABLE_WITH_DEVICE,
		.state = "state",
		.command = "open",
		.more = "{'payload_lock': 'LOCK', 'payload_unlock': 'UNLOCK', "
			"'state_locked': 'LOCKED', 'state_unlocking': 'UNLOCKING', "
			"'state_unlocked': 'UNLOCKED', 'optimistic': false}",
		.commands = {OPENING_COMMAND},
	},
	{
		ENTITY_OF_RELAY,
		"button",
		"open",
		"Open *",
		"mdi:door-open",
		NULL,
		NULL,
		AVAILABLE_WITH_DEVICE,
		.command = "open",
		.more = "{'payload_press': 'OPEN'}",
		.commands = {OPENING_COMMAND},
	},
};

/* Row i of the table. */
const struct entity *entity_at(size_t i)
{
	return &entities[i];
}

size_t entity_count(void)
{
	return ELEMENTS(entities);
}

static bool is_allowed(const struct entity *entity, const struct allowed *allowed)
{
	for (size_t i = 0; i < ENTITY_COMMANDS_MAX && entity->commands[i]; i++)
		if (allowed_command(allowed, catalog_find(entity->commands[i])))
			return true;
	return !entity->commands[0];
}

/* True if the thing has such an entity, and it can do what it is for. */
bool entity_works(const struct entity *entity, const struct entity_settings *settings,
	const struct thing *thing)
{
	unsigned met =
		(settings->access ? NEED_ACCESS : 0u) | (settings->family ? NEED_FAMILY : 0u) |
		(settings->history ? NEED_HISTORY : 0u) | (settings->pictures ? NEED_PICTURES : 0u);
	bool fits = false;

	switch (entity->of) {
	case ENTITY_OF_GATEWAY:
		fits = !thing->home;
		break;
	case ENTITY_OF_HOME:
		fits = thing->home && !thing->device;
		break;
	case ENTITY_OF_DEVICE:
	case ENTITY_OF_RELAY:
		fits = thing->device;
		break;
	}
	if (thing->device && device_is_door_phone(thing->device))
		met |= NEED_DOOR_PHONE;
	return fits && !(entity->needs & ~met) && is_allowed(entity, &settings->allowed);
}

/* True if the relay may be opened and is the only one that its topic can mean. */
bool relay_works(const struct relay *relay, const struct names *names)
{
	const struct relay_settings *settings = names_relay(names, relay->id);
	bool ambiguous;

	return !relay->gone && (!settings || settings->allow) &&
	       home_find_relay(relay->device->home, relay->id, &ambiguous) == relay;
}
