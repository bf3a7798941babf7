#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

/* The rules for a single document; the checker knows those that hold between them. Each returns why
 * (that is, text) if one is broken, else NULL. */

bool rules_is_id(const char *text);
bool rules_platform(const char *name);

const char *rules_root(struct json_object *document, bool is_device, char *text, size_t size);
const char *rules_component(const char *platform, struct json_object *component, bool in_device,
	char *text, size_t size);
