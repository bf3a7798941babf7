#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "util/cleanup.h"

/* Deeper documents are refused. The deepest of the API is result > device > relays > relay. */
#define JSON_DEPTH_MAX 16

int json_parse(struct json_object **ret, const char *text, size_t size);
int json_parse_exact(struct json_object **ret, const char *text, size_t size);
int json_print(struct json_object *object, int flags, const char **ret, size_t *ret_size);

struct json_object *json_get(struct json_object *object, const char *key);
const char *json_text(struct json_object *object, const char *key);
int json_flag(struct json_object *object, const char *key);
const char *json_plain(struct json_object *object, size_t *ret_size);

int json_set(struct json_object *object, const char *key, struct json_object *value);
struct json_object *json_optional_text(const char *text);

static inline struct json_object *json_free(struct json_object *object)
{
	(void)json_object_put(object);
	return NULL;
}

DEFINE_CLEANUP(struct json_object *, json_free);
