#include "bridge/entities.h"

#include "bridge/handle.h"

/* The row of a history that is the newest of a device. */
#define NEWEST                                                         \
	"{% set row = value_json | default([]) "                       \
	"| selectattr('mac', 'defined') | selectattr('mac', 'eq', *) " \
	"| first | default(none) %}"

/* An event that comes again after a crash of this gateway has the id that it had. An empty payload
 * is none. */
#define NOT_AGAIN "{{ '' if value_json.event_id == this.attributes.event_id else value }}"

#define ENTITY(of_, platform_, key_, name_) \
	.of = ENTITY_OF_##of_, .platform = platform_, .key = key_, .name = name_

#define CONNECTION(of_)                                                   \
	ENTITY(of_, "binary_sensor", "connection", "Connection"),         \
		.device_class = "connectivity", .category = "diagnostic", \
		.more = "{'payload_on': 'online', 'payload_off': 'offline'}"

static const struct entity entities[] = {
	{
		CONNECTION(GATEWAY),
		.state = "state",
	},
	{
		ENTITY(GATEWAY, "sensor", "cloud", "Cloud"),
		.icon = "mdi:cloud-outline",
		.device_class = "enum",
		.category = "diagnostic",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "cloud",
		.more = "{'options': ['online', 'offline', 'auth_failed']}",
	},
	{
		ENTITY(GATEWAY, "sensor", "version", "Version"),
		.icon = "mdi:tag-outline",
		.category = "diagnostic",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "info",
		.value_template = "{{ value_json.version }}",
	},

	{
		CONNECTION(HOME),
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "availability",
	},
	{
		ENTITY(HOME, "switch", "nfc", "Open by NFC"),
		.icon = "mdi:nfc-variant",
		.category = "config",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "nfc/state",
		.command = "nfc/set",
		.more = "{'optimistic': false}",
		.needs = NEED_NFC,
		.allowed = NFC_COMMAND,
	},
	{
		ENTITY(HOME, "switch", "ble", "Open by Bluetooth"),
		.icon = "mdi:bluetooth",
		.category = "config",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "ble/state",
		.command = "ble/set",
		.more = "{'optimistic': false}",
		.needs = NEED_BLE,
		.allowed = BLE_COMMAND,
	},
	{
		/* Without a state Home Assistant would take what was typed for it, and keep the
		 * PIN in its database. */
		ENTITY(HOME, "text", "pin", "PIN"),
		.icon = "mdi:form-textbox-password",
		.category = "config",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "availability",
		.command = "private_key/set",
		.value_template = "{{ '' }}",
		.more = "{'mode': 'password', 'min': 0, 'max': 8, "
			"'pattern': '^([0-9A-Za-z]{2,8})?$'}",
		.allowed = PIN_COMMAND,
	},
	{
		ENTITY(HOME, "binary_sensor", "face", "Face picture"),
		.icon = "mdi:face-recognition",
		.category = "diagnostic",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "face/state",
		.needs = NEED_FACE,
	},
	{
		ENTITY(HOME, "sensor", "guest_keys", "Guest keys"),
		.icon = "mdi:key-chain",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "temp_keys",
		.value_template = "{{ value_json.count }}",
		.attributes_template =
			"{{ {'next_end': value_json.next_finish_time | default('')} | tojson }}",
		.more = "{'state_class': 'measurement'}",
		.needs = NEED_KEYS,
	},
	{
		ENTITY(HOME, "sensor", "members", "Members"),
		.icon = "mdi:account-group",
		.category = "diagnostic",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "info",
		.value_template = "{{ value_json.members | default(none) }}",
		.more = "{'state_class': 'measurement'}",
		.needs = NEED_MEMBERS,
	},
	{
		ENTITY(HOME, "button", "refresh", "Refresh"),
		.icon = "mdi:refresh",
		.category = "diagnostic",
		.available = AVAILABLE_WITH_GATEWAY,
		.command = "request/refresh",
		.more = "{'payload_press': '{}'}",
	},

	{
		CONNECTION(DEVICE),
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "availability",
	},
	{
		/* An event that comes while the device seems to be away is one all the same. */
		ENTITY(DEVICE, "event", "doorbell", "Doorbell"),
		.icon = "mdi:doorbell",
		.device_class = "doorbell",
		.available = AVAILABLE_ALWAYS,
		.state = "event/call",
		.value_template = NOT_AGAIN,
		.more = "{'event_types': ['ring', 'call']}",
		.needs = NEED_CALLS | NEED_DOOR_PHONE,
	},
	{
		ENTITY(DEVICE, "event", "access", "Access"),
		.icon = "mdi:door",
		.available = AVAILABLE_ALWAYS,
		.state = "event/door",
		.value_template = NOT_AGAIN,
		.more = "{'event_types': ['opened', 'denied']}",
		.needs = NEED_OPENINGS | NEED_DOOR_PHONE,
	},
	{
		ENTITY(DEVICE, "image", "picture", "Last picture"),
		.icon = "mdi:image",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "picture",
		.more = "{'content_type': 'image/jpeg'}",
		.needs = NEED_OPENINGS | NEED_PICTURES | NEED_DOOR_PHONE,
	},
	{
		ENTITY(DEVICE, "sensor", "last_call", "Last call"),
		.icon = "mdi:phone-incoming",
		.device_class = "timestamp",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "history/call",
		.home_state = true,
		.value_template = NEWEST "{{ row.time if row else none }}",
		.attributes_template =
			NEWEST "{{ {'type': row.event_type | default(''), "
			       "'who': row.call_name | default(''), "
			       "'number': row.call_sip | default('')} | tojson if row else '{}' }}",
		.needs = NEED_CALLS | NEED_ROWS | NEED_DOOR_PHONE,
	},
	{
		ENTITY(DEVICE, "sensor", "last_opening", "Last opening"),
		.icon = "mdi:door-open",
		.device_class = "timestamp",
		.available = AVAILABLE_WITH_GATEWAY,
		.state = "history/door",
		.home_state = true,
		.value_template = NEWEST "{{ row.time if row else none }}",
		.attributes_template = NEWEST
		"{{ {'result': row.event_type | default(''), "
		"'who': row.account_name | default(''), "
		"'how': row.open_door_type | default('')} | tojson if row else '{}' }}",
		.needs = NEED_OPENINGS | NEED_ROWS | NEED_DOOR_PHONE,
	},

	{
		ENTITY(RELAY, "lock", "lock", "*"),
		.available = AVAILABLE_WITH_DEVICE,
		.state = "state",
		.command = "open",
		.more = "{'payload_lock': 'LOCK', 'payload_unlock': 'UNLOCK', "
			"'state_locked': 'LOCKED', 'state_unlocking': 'UNLOCKING', "
			"'state_unlocked': 'UNLOCKED', 'optimistic': false}",
		.allowed = OPENING_COMMAND,
	},
	{
		ENTITY(RELAY, "button", "open", "Open *"),
		.icon = "mdi:door-open",
		.available = AVAILABLE_WITH_DEVICE,
		.command = "open",
		.more = "{'payload_press': 'OPEN'}",
		.allowed = OPENING_COMMAND,
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

/* True if the thing has such an entity, and it can do what it is for. */
bool entity_works(const struct entity *entity, const struct entity_settings *settings,
	const struct thing *thing)
{
	unsigned met = settings->met;
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
	return fits && !(entity->needs & ~met) &&
	       (!entity->allowed ||
		       allowed_command(&settings->allowed, catalog_find(entity->allowed)));
}

/* True if the relay may be opened and is the only one that its topic can mean. */
bool relay_works(const struct relay *relay, const struct names *names)
{
	const struct relay_settings *settings = names_relay(names, relay->id);
	bool ambiguous;

	return !relay->gone && (!settings || settings->allow) &&
	       home_find_relay(relay->device->home, relay->id, &ambiguous) == relay;
}
