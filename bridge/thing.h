#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cache/home.h"

/* What Home Assistant knows as a device: the gateway, a home, or a device of it. A value; both NULL
 * for the gateway. */
struct thing {
	const struct home *home;
	const struct device *device; /* NULL: the home itself */
};

/* How a thing and its entities are called for ever, in letters, digits, "_" and "-" alone. Room for
 * ids of RECORDS_ID_MAX, escaped. */
#define THING_ID_MAX  1024
#define ENTITY_ID_MAX (2 * THING_ID_MAX)

typedef char thing_id_t[THING_ID_MAX];
typedef char entity_id_t[ENTITY_ID_MAX];

int thing_node(thing_id_t ret, const char *client_id);
int thing_id(thing_id_t ret, const struct thing *thing, const char *node);
bool thing_find(struct thing *ret, const char *id, const struct cache *cache, const char *node);
size_t thing_id_size(const char *text);

int relay_key(entity_id_t ret, const char *key, const struct relay *relay);
bool entity_slug(char *ret, size_t size, const char *const *words, size_t n);
