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
	NEED_ACCESS = 1 << 0,     /* poll.access is on */
	NEED_FAMILY = 1 << 1,     /* poll.family is */
	NEED_HISTORY = 1 << 2,    /* poll.history is */
	NEED_PICTURES = 1 << 3,   /* history.pictures is image */
	NEED_DOOR_PHONE = 1 << 4, /* the device is one */
};

#define ENTITY_COMMANDS_MAX 4

struct entity {
	enum entity_of of;
	const char *platform;
	const char *key;  /* within its thing, for ever; of a relay its id follows */
	const char *name; /* in which * stands for the relay's */
	const char *icon, *device_class, *category;
	enum entity_available available;
	const char *state;   /* topics below that of the thing; NULL: none */
	const char *command; /* also behind home_state */
	bool home_state;     /* state is a topic of the device's home */
	/* In templates * stands for the MAC as a text. */
	const char *value_template;
	const char *attributes_template; /* of the state's payload */
	const char *more;                /* other members: JSON, in which ' stands for " */
	unsigned needs;
	const char
		*commands[ENTITY_COMMANDS_MAX]; /* one of these must be allowed; none: no matter */
};

/* What of the configuration decides on entities. */
struct entity_settings {
	struct allowed allowed;
	bool access, family, history, pictures; /* see enum entity_need */
	uint64_t opening_usec;                  /* how long a command for a door is good for */
	uint64_t command_usec;                  /* and any other */
};

const struct entity *entity_at(size_t i);
size_t entity_count(void);

bool entity_works(const struct entity *entity, const struct entity_settings *settings,
	const struct thing *thing);
bool relay_works(const struct relay *relay, const struct names *names);
