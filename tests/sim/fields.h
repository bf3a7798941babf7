#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "tests/sim/must.h"

/* Members of a JSON object. */
static inline void add(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add(object, key, must(value)) < 0)
		abort();
}

static inline void add_text(struct json_object *object, const char *key, const char *text)
{
	add(object, key, json_object_new_string(text));
}

static inline void add_flag(struct json_object *object, const char *key, bool flag)
{
	add(object, key, json_object_new_boolean(flag));
}

static inline void add_number(struct json_object *object, const char *key, int64_t number)
{
	add(object, key, json_object_new_int64(number));
}

static inline void add_item(struct json_object *array, struct json_object *item)
{
	if (json_object_array_add(array, must(item)) < 0)
		abort();
}

/* The JSON text of object, which is consumed; the caller frees it. */
static inline char *into_text(struct json_object *object)
{
	char *text = must(strdup(json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));

	(void)json_object_put(object);
	return text;
}
