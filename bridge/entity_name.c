#include "bridge/entity_name.h"

#include <stdio.h>
#include <string.h>

static const char *relay_name(const struct relay *relay)
{
	return *relay->name ? relay->name : "Door";
}

/* The relay's name, with a number if it shares it with another of the device. */
static void name_of_relay(char ret[static ENTITY_NAME_MAX], const struct relay *relay)
{
	unsigned before = 0, others = 0;

	device_each_relay (relay->device, other) {
		int order = strcmp(other->id, relay->id) ?: other->security - relay->security;

		if (other->gone || other == relay ||
			strcasecmp(relay_name(other), relay_name(relay)) != 0)
			continue;
		others++;
		before += order < 0;
	}
	if (others > 0)
		(void)snprintf(ret, ENTITY_NAME_MAX, "%s %u", relay_name(relay), before + 1);
	else
		(void)snprintf(ret, ENTITY_NAME_MAX, "%s", relay_name(relay));
}

/* What Home Assistant calls the device. */
const char *thing_name(const struct thing *thing)
{
	if (thing->device && *thing->device->name)
		return thing->device->name;
	if (thing->device)
		return *thing->device->type ? thing->device->type : "Door phone";
	if (thing->home)
		return *thing->home->name ? thing->home->name : "Home";
	return GATEWAY_NAME;
}

/* Puts text in the place of the * in pattern. False: pattern has none, or it does not fit. */
bool entity_fill(char *ret, size_t size, const char *pattern, const char *text)
{
	size_t before = strcspn(pattern, "*");
	int n;

	if (!pattern[before])
		return false;
	n = snprintf(ret, size, "%.*s%s%s", (int)before, pattern, text, pattern + before + 1);
	return n >= 0 && n < (int)size;
}

/* What to call the entity; Home Assistant puts the device's name before it. A relay that is called
 * as its device adds nothing to that: "" then means just the device's name. relay NULL: the entity is
 * none of a relay. */
void entity_name(char ret[static ENTITY_NAME_MAX], const struct entity *entity,
	const struct thing *thing, const struct relay *relay)
{
	char plain[ENTITY_NAME_MAX] = "";
	size_t size;

	if (relay)
		name_of_relay(plain, relay);
	if (strcasecmp(plain, thing_name(thing)) == 0)
		*plain = '\0';
	if (!entity_fill(ret, ENTITY_NAME_MAX, entity->name, plain))
		(void)snprintf(ret, ENTITY_NAME_MAX, "%s", entity->name);
	size = strlen(ret);
	if (size > 0 && ret[size - 1] == ' ')
		ret[size - 1] = '\0';
}
