#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

enum param_kind {
	PARAM_TEXT,
	PARAM_FLAG,
	PARAM_NUMBER,
	PARAM_TIME, /* "YYYY-MM-DD HH:MM:SS" */
	PARAM_ROLE, /* "user" or "guest" */
	PARAM_TEXTS,
	PARAM_OBJECTS,
};

/* A list of them ends with a name of NULL. */
struct param {
	const char *name;
	enum param_kind kind;
	bool optional;
	const struct param *fields; /* of each object in PARAM_OBJECTS */
};

/* Entries of such a list. */
#define PARAM(k, n)                          \
	{                                    \
		.name = n, .kind = PARAM_##k \
	}
#define OPTIONAL(k, n)                                         \
	{                                                      \
		.name = n, .kind = PARAM_##k, .optional = true \
	}
#define OBJECTS(n, f)                                         \
	{                                                     \
		.name = n, .kind = PARAM_OBJECTS, .fields = f \
	}

bool params_check(const struct param *params, struct json_object *object, char *why, size_t size);
