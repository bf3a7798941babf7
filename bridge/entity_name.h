#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bridge/entities.h"
#include "bridge/thing.h"

/* Names as a person would say them: those of the cloud where it has some. */

#define ENTITY_NAME_MAX 640 /* a name of the cloud and some words */
#define GATEWAY_NAME    "Akuvox gateway"

const char *thing_name(const struct thing *thing);
void entity_name(char ret[static ENTITY_NAME_MAX], const struct entity *entity,
	const struct thing *thing, const struct relay *relay);
bool entity_fill(char *ret, size_t size, const char *pattern, const char *text);
