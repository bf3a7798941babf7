#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/names.h"
#include "bridge/requests.h"
#include "bridge/thing.h"

/* What Home Assistant is told of: the table of entities. A new one is a new row. */

enum entity_of { ENTITY_OF_GATEWAY, ENTITY_OF_HOME, ENTITY_OF_DEVICE, ENTITY_OF_RELAY };

enum entity_available {
	AVAILABLE_ALWAYS,
	AVAILABLE_WITH_GATEWAY,
	AVAILABLE_WITH_DEVICE, /* and with the gateway */
};

/* What must be so for an entity to work; a bit each. */
enum entity_need {
	/* This is polled. */
	NEED_NFC = 1 << 0,
	NEED_BLE = 1 << 1,
	NEED_FACE = 1 << 2,
	NEED_KEYS = 1 << 3,
	NEED_MEMBERS = 1 << 4,
	NEED_CALLS = 1 << 5,
	NEED_OPENINGS = 1 << 6,
	NEED_PICTURES = 1 << 7,   /* history.pictures is image */
	NEED_ROWS = 1 << 8,       /* history.publish is not 0 */
	NEED_DOOR_PHONE = 1 << 9, /* the device is one */
};

struct entity {
	enum entity_of of;
	const char *platform;
	const char *key;  /* within its thing, for ever; of a relay its id follows */
	const char *name; /* in which * stands for the relay's */
	const char *icon, *device_class, *category;
	enum entity_available available;
	const char *state; /* topics below that of the thing; NULL: none */
	const char *command;
	bool home_state; /* state is a topic of the device's home */
	/* In templates * stands for the MAC as a text. */
	const char *value_template;
	const char *attributes_template; /* of the state's payload */
	const char *more;                /* other members: JSON, in which ' stands for " */
	unsigned needs;
	const char *allowed; /* a command that must be allowed; NULL: no matter */
};

/* What of the configuration decides on entities. */
struct entity_settings {
	struct allowed allowed;
	unsigned met;          /* bits of enum entity_need, without NEED_DOOR_PHONE */
	uint64_t opening_usec; /* how long a command for a door is good for */
	uint64_t command_usec; /* and any other */
};

const struct entity *entity_at(size_t i);
size_t entity_count(void);

bool entity_works(const struct entity *entity, const struct entity_settings *settings,
	const struct thing *thing);
bool relay_works(const struct relay *relay, const struct names *names);
