#include "cloud/param.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/text.h"

/* Room for every path of the table; only names that are none of its may be cut. */
#define PATH_MAX_SIZE sizeof(((struct param_fault *)0)->param)

static int fault(struct param_fault *ret, const char *path, const char *name, const char *why)
{
	int n = snprintf(ret->param, sizeof(ret->param), "%s%s", path, name);

	if (n >= (int)sizeof(ret->param))
		ret->param[text_whole(ret->param, sizeof(ret->param) - 1)] = '\0';
	(void)snprintf(ret->why, sizeof(ret->why), "%s", why);
	return -EINVAL;
}

/* What is wrong with a text; NULL if nothing is. */
static const char *text_fault(struct json_object *value)
{
	size_t size;

	if (!json_plain(value, &size))
		return "must be text";
	if (size == 0)
		return "must not be empty";
	if (size > FIELD_TEXT_MAX)
		return "is too long";
	return NULL;
}

static bool is_value(const struct field *f, struct json_object *value)
{
	const char *text = text_fault(value) ? "" : json_object_get_string(value);
	int64_t epoch;

	switch (f->type) {
	case FIELD_TEXT:
		return *text;
	case FIELD_FLAG:
		return json_object_is_type(value, json_type_boolean);
	case FIELD_COUNT:
		return json_object_is_type(value, json_type_int) &&
		       json_object_get_int64(value) > 0 &&
		       json_object_get_int64(value) <= INT32_MAX;
	case FIELD_TIME:
		return clock_parse_cloud(text, &epoch) == 0;
	case FIELD_ROLE:
		return strcmp(text, "user") == 0 || strcmp(text, "guest") == 0;
	case FIELD_TEXTS:
	case FIELD_OBJECTS:
		return json_object_is_type(value, json_type_array);
	case FIELD_END:
		break;
	}
	return false;
}

static int check_value(
	const struct field *f, struct json_object *value, const char *path, struct param_fault *ret)
{
	char why[sizeof(ret->why)];

	if (is_value(f, value))
		return 0;
	if (f->type == FIELD_TEXT)
		return fault(ret, path, f->name, text_fault(value));
	(void)snprintf(why, sizeof(why), "must be %s", field_type_name(f->type));
	return fault(ret, path, f->name, why);
}

static int check_fields(const struct field *fields, struct json_object *object, const char *path,
	struct param_fault *ret);

static int check_items(
	const struct field *f, struct json_object *list, const char *path, struct param_fault *ret)
{
	size_t n = json_object_array_length(list);
	char item[PATH_MAX_SIZE];
	const char *why;
	int r;

	if (n == 0 || n > FIELD_ITEMS_MAX)
		return fault(ret, path, f->name, n == 0 ? "is empty" : "has too many elements");
	for (size_t i = 0; i < n; i++) {
		struct json_object *value = json_object_array_get_idx(list, i);

		(void)snprintf(item, sizeof(item), "%s%s[%zu]", path, f->name, i);
		if (f->type == FIELD_TEXTS) {
			why = text_fault(value);
			if (why)
				return fault(ret, item, "", why);
			continue;
		}
		if (!json_object_is_type(value, json_type_object))
			return fault(ret, item, "", "must be an object");
		(void)snprintf(item, sizeof(item), "%s%s[%zu].", path, f->name, i);
		r = check_fields(f->members, value, item, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_order(const struct field *f, struct json_object *object, const char *path,
	struct param_fault *ret)
{
	const char *first = json_text(object, f->after), *then = json_text(object, f->name);
	char why[sizeof(ret->why)];
	int64_t before, after;

	/* The first stands first in the table, so it was checked before, too. */
	if (!first || clock_parse_cloud(first, &before) < 0 ||
		clock_parse_cloud(then, &after) < 0 || after > before)
		return 0;
	(void)snprintf(why, sizeof(why), "must be later than %s", f->after);
	return fault(ret, path, f->name, why);
}

static int check_fields(const struct field *fields, struct json_object *object, const char *path,
	struct param_fault *ret)
{
	int r;

	json_object_object_foreach (object, name, unused) {
		(void)unused;
		if (!field_find(fields, name))
			return fault(ret, path, name, "is not a parameter of this command");
	}
	for (const struct field *f = fields; f->type != FIELD_END; f++) {
		struct json_object *value;

		if (!json_object_object_get_ex(object, f->name, &value)) {
			if (f->optional)
				continue;
			return fault(ret, path, f->name, "is missing");
		}
		r = check_value(f, value, path, ret);
		if (r < 0)
			return r;
		if (f->type == FIELD_TEXTS || f->type == FIELD_OBJECTS)
			r = check_items(f, value, path, ret);
		else if (f->after)
			r = check_order(f, object, path, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Checks param (with residence_id, where the command takes one) against the command's row. 0, or
 * -EINVAL with the first thing that is wrong. */
int param_check(
	const struct command *command, struct json_object *param, struct param_fault *ret_fault)
{
	if (!json_object_is_type(param, json_type_object))
		return fault(ret_fault, "param", "", "must be a JSON object");
	return check_fields(command->params, param, "", ret_fault);
}
