#include "tests/sim/params.h"

#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"

static bool is_text(struct json_object *value)
{
	size_t size;

	return json_plain(value, &size);
}

static bool is_time(struct json_object *value)
{
	int64_t epoch;

	return is_text(value) && clock_parse_cloud(json_object_get_string(value), &epoch) == 0;
}

static bool is_role(struct json_object *value)
{
	return is_text(value) && (strcmp(json_object_get_string(value), "user") == 0 ||
					 strcmp(json_object_get_string(value), "guest") == 0);
}

static bool check_list(const struct param *param, struct json_object *value, char *why, size_t size)
{
	if (!json_object_is_type(value, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *item = json_object_array_get_idx(value, i);

		if (param->fields ? !params_check(param->fields, item, why, size) : !is_text(item))
			return false;
	}
	return true;
}

static bool check_value(
	const struct param *param, struct json_object *value, char *why, size_t size)
{
	switch (param->kind) {
	case PARAM_TEXT:
		return is_text(value);
	case PARAM_FLAG:
		return json_object_is_type(value, json_type_boolean);
	case PARAM_NUMBER:
		return json_object_is_type(value, json_type_int);
	case PARAM_TIME:
		return is_time(value);
	case PARAM_ROLE:
		return is_role(value);
	case PARAM_TEXTS:
	case PARAM_OBJECTS:
		return check_list(param, value, why, size);
	}
	return false;
}

static const struct param *find(const struct param *params, const char *name)
{
	for (; params->name; params++)
		if (strcmp(params->name, name) == 0)
			return params;
	return NULL;
}

/* True if object has every parameter that is not optional, none that is unknown, and all of the
 * right type. Otherwise why says what is wrong; it names parameters, never their values. */
bool params_check(const struct param *params, struct json_object *object, char *why, size_t size)
{
	if (!json_object_is_type(object, json_type_object)) {
		(void)snprintf(why, size, "not an object");
		return false;
	}
	json_object_object_foreach (object, name, value) {
		const struct param *param = find(params, name);

		if (!param) {
			(void)snprintf(why, size, "unknown parameter \"%s\"", name);
			return false;
		}
		*why = '\0';
		if (!check_value(param, value, why, size)) {
			if (!*why)
				(void)snprintf(why, size, "wrong type of \"%s\"", name);
			return false;
		}
	}
	for (const struct param *p = params; p->name; p++)
		if (!p->optional && !json_object_object_get_ex(object, p->name, NULL)) {
			(void)snprintf(why, size, "parameter \"%s\" is missing", p->name);
			return false;
		}
	return true;
}
