#include "util/json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <json-c/json_visit.h>

static struct json_tokener *tokener_free(struct json_tokener *tokener)
{
	json_tokener_free(tokener);
	return NULL;
}

DEFINE_CLEANUP(struct json_tokener *, tokener_free);

/* Parses one whole JSON value of size bytes; the caller owns *ret (NULL for the value null).
 * -EINVAL: not JSON, not UTF-8, more than one value, or deeper than JSON_DEPTH_MAX. */
int json_parse(struct json_object **ret, const char *text, size_t size)
{
	_cleanup_(tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	_cleanup_(json_freep) struct json_object *object = NULL;

	if (!tokener)
		return -ENOMEM;
	/* The tokener takes a NUL for the end of the text, whatever follows. */
	if (size > INT_MAX || (size > 0 && memchr(text, '\0', size)))
		return -EINVAL;
	/* Strict mode wants the value to end where the text does, but takes spaces behind it for
	 * more, so those go first. */
	while (size > 0 && strchr(" \t\r\n", text[size - 1]))
		size--;
	if (size == 0)
		return -EINVAL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)size);
	/* A bare number or word at the end of the text waits for one byte more. */
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		object = json_tokener_parse_ex(tokener, "", 1);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		return -EINVAL;
	*ret = TAKE_PTR(object);
	return 0;
}

static int count_texts(struct json_object *object, int flags, struct json_object *parent,
	const char *key, size_t *index, void *userdata)
{
	size_t *n = userdata;

	if (flags & JSON_C_VISIT_SECOND)
		return JSON_C_VISIT_RETURN_CONTINUE;
	*n += (key != NULL) + json_object_is_type(object, json_type_string);
	return JSON_C_VISIT_RETURN_CONTINUE;
}

static size_t count_quotes(const char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\\')
			i++;
		else
			n += text[i] == '"';
	}
	return n;
}

/* As json_parse(), and refuses what json-c lets pass even in its strict mode: any character as the
 * quote of a name, {xidx:1}, and the same name twice. For what opens doors. */
int json_parse_exact(struct json_object **ret, const char *text, size_t size)
{
	_cleanup_(json_freep) struct json_object *object = NULL;
	size_t n = 0;
	int r;

	r = json_parse(&object, text, size);
	if (r < 0)
		return r;
	if (object && json_c_visit(object, 0, count_texts, &n) < 0)
		return -EINVAL;
	if (count_quotes(text, size) != 2 * n)
		return -EINVAL;
	*ret = TAKE_PTR(object);
	return 0;
}

/* Adds what the object takes as plain text; fails for numbers, whose text is not worth a guess. */
static int add_plain_size(struct json_object *object, int flags, struct json_object *parent,
	const char *key, size_t *index, void *userdata)
{
	size_t *size = userdata, n = 0;

	if (flags & JSON_C_VISIT_SECOND)
		return JSON_C_VISIT_RETURN_CONTINUE;
	*size += key ? strlen(key) + strlen("\"\":") : 0;
	switch (json_object_get_type(object)) {
	case json_type_null:
		*size += strlen("null");
		return JSON_C_VISIT_RETURN_CONTINUE;
	case json_type_boolean:
		*size += json_object_get_boolean(object) ? strlen("true") : strlen("false");
		return JSON_C_VISIT_RETURN_CONTINUE;
	case json_type_string:
		*size += (size_t)json_object_get_string_len(object) + strlen("\"\"");
		return JSON_C_VISIT_RETURN_CONTINUE;
	case json_type_object:
		n = (size_t)json_object_object_length(object);
		break;
	case json_type_array:
		n = json_object_array_length(object);
		break;
	case json_type_double:
	case json_type_int:
		return JSON_C_VISIT_RETURN_ERROR;
	}
	*size += strlen("{}") + (n > 0 ? n - 1 : 0);
	return JSON_C_VISIT_RETURN_CONTINUE;
}

/* True if the text has all of the object for certain: nothing in it is escaped, and it is as long as
 * its pieces together. */
static bool is_whole(struct json_object *object, const char *text, size_t size)
{
	size_t expected = 0;

	return json_c_visit(object, 0, add_plain_size, &expected) >= 0 && size == expected &&
	       !memchr(text, '\\', size);
}

/* The text of an object, by the flags of json-c for plain text, borrowed from the object until it is
 * printed again. Measured or read back first: where memory runs out json-c leaves pieces out and says
 * nothing. -ENOMEM. */
int json_print(struct json_object *object, int flags, const char **ret, size_t *ret_size)
{
	_cleanup_(json_freep) struct json_object *copy = NULL;
	size_t size = 0;
	const char *text = json_object_to_json_string_length(object, flags, &size);

	if (!text)
		return -ENOMEM;
	/* To read it back is a tenth of the work of an opening. */
	if (!is_whole(object, text, size) &&
		(json_parse(&copy, text, size) < 0 || !json_object_equal(copy, object)))
		return -ENOMEM;
	*ret = text;
	*ret_size = size;
	return 0;
}

/* The member of that name, borrowed; NULL if object is none or has no such member. */
struct json_object *json_get(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, key, &value))
		return NULL;
	return value;
}

/* The member as text, borrowed: a string as it is, a whole number in digits, since ids come as
 * either. NULL if it is missing, of another type, or a string with a NUL in it. */
const char *json_text(struct json_object *object, const char *key)
{
	struct json_object *value = json_get(object, key);
	size_t size;

	if (json_object_is_type(value, json_type_int))
		return json_object_get_string(value);
	return json_plain(value, &size);
}

/* 1 or 0; -ENOENT if the member is missing or not a boolean. */
int json_flag(struct json_object *object, const char *key)
{
	struct json_object *value = json_get(object, key);

	if (!json_object_is_type(value, json_type_boolean))
		return -ENOENT;
	return json_object_get_boolean(value) ? 1 : 0;
}

/* The text of a string value, borrowed, and its bytes; NULL if it is no string or holds a NUL. */
const char *json_plain(struct json_object *object, size_t *ret_size)
{
	const char *text;

	if (!json_object_is_type(object, json_type_string))
		return NULL;
	text = json_object_get_string(object);
	if (strlen(text) != (size_t)json_object_get_string_len(object))
		return NULL;
	*ret_size = strlen(text);
	return text;
}

/* Puts value, which is consumed also on failure, below key. value NULL: memory ran out where it
 * was made, so -ENOMEM; use json_object_object_add() for JSON's null. */
int json_set(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (!object || json_object_object_add(object, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

/* A JSON string; of NULL the empty one, as consumers trip over null. */
struct json_object *json_optional_text(const char *text)
{
	return json_object_new_string(text ? text : "");
}
