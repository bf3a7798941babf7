#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <string.h>

#include "util/json.h"

#define TEXT(text) text, sizeof(text) - 1

static struct json_object *parsed(const char *text)
{
	struct json_object *value = NULL;

	assert_int_equal(json_parse(&value, text, strlen(text)), 0);
	return value;
}

static void parses_one_value(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		enum json_type type;
	} rows[] = {
		{TEXT("{}"), json_type_object},
		{TEXT(" \t\r\n[1, 2] \t\r\n"), json_type_array},
		{TEXT("\"text\""), json_type_string},
		{TEXT("12"), json_type_int},
		{TEXT("-1.5e3"), json_type_double},
		{TEXT("true"), json_type_boolean},
		{TEXT("null"), json_type_null},
		{TEXT("{\"a\": \"\\u0000\\ud83d\\ude00\"}"), json_type_object},
		{TEXT("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""), json_type_string},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_freep) struct json_object *value = NULL;
		int r = json_parse(&value, rows[i].text, rows[i].size);

		if (r != 0 || json_object_get_type(value) != rows[i].type)
			fail_msg("%s: %d", rows[i].text, r);
	}
}

static void parses_exactly(void **state)
{
	static const char *const good[] = {"{}",
		"{\"id\": \"a \\\"b\\\" \\\\\", \"n\": [\"x\", {\"y\": 1}]}", "\"a\"", "[[[]]]",
		"null"};
	static const char *const bad[] = {"{'id': 1}", "{xidx: 1}", "{\"id\": 1, 'ts': 2}",
		"{\"id\": 1, \"id\": 2}", "[{'a': \"'\"}]", "{"};

	for (size_t i = 0; i < ELEMENTS(good); i++) {
		_cleanup_(json_freep) struct json_object *value = NULL;

		if (json_parse_exact(&value, good[i], strlen(good[i])) != 0)
			fail_msg("refused: %s", good[i]);
	}
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		struct json_object *value = NULL;

		if (json_parse_exact(&value, bad[i], strlen(bad[i])) != -EINVAL || value)
			fail_msg("taken: %s", bad[i]);
	}
}

static void refuses_all_else(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} rows[] = {
		{TEXT("")},
		{TEXT(" \n")},
		{TEXT("{")},
		{TEXT("{\"a\": 1")},
		{TEXT("[1,]")},
		{TEXT("{\"a\": 1,}")},
		{TEXT("{\"a\": 'b'}")},
		{TEXT("{a: 1}")},
		{TEXT("// {}\n{}")},
		{TEXT("{} {}")},
		{TEXT("{}x")},
		{TEXT("1 2")},
		{TEXT("tru")},
		{TEXT("True")},
		{TEXT("nan")},
		{TEXT("OPEN")},
		{TEXT("\"open")},
		{TEXT("<html></html>")},
		{TEXT("\xef\xbb\xbf{}")},
		/* Not UTF-8: a lone continuation, half a character, Latin 1. */
		{TEXT("\"\x80\"")},
		{TEXT("\"\xe2\x82\"")},
		{TEXT("\"caf\xe9\"")},
		/* A NUL is no end of the text. */
		{TEXT("{}\0")},
		{TEXT("{}\0{}")},
		{TEXT("\0{}")},
		{TEXT("12\0")},
		{TEXT("\"a\0b\"")},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct json_object *value = (struct json_object *)rows;
		int r = json_parse(&value, rows[i].text, rows[i].size);

		if (r != -EINVAL)
			fail_msg("row %zu was taken: %s", i, rows[i].text);
		assert_ptr_equal(value, rows);
	}
}

static void depth_is_bounded(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 3];

	for (int depth = 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
		_cleanup_(json_freep) struct json_object *value = NULL;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(json_parse(&value, text, 2 * (size_t)depth),
			depth <= JSON_DEPTH_MAX ? 0 : -EINVAL);
	}
}

static void gets_members(void **state)
{
	_cleanup_(json_freep) struct json_object *object = parsed(
		"{\"text\": \"a\", \"empty\": \"\", \"whole\": 17, \"big\": 1540869200562,"
		" \"part\": 1.5, \"yes\": true, \"no\": false, \"null\": null, \"list\": [1],"
		" \"object\": {}, \"nul\": \"a\\u0000b\"}");
	_cleanup_(json_freep) struct json_object *list = parsed("[1]");
	static const char *const not_text[] = {
		"part", "yes", "null", "list", "object", "nul", "missing"};
	size_t size = 99;

	assert_non_null(json_get(object, "list"));
	assert_null(json_get(object, "null"));
	assert_null(json_get(object, "missing"));
	assert_null(json_get(list, "a"));
	assert_null(json_get(NULL, "a"));

	assert_string_equal(json_text(object, "text"), "a");
	assert_string_equal(json_text(object, "empty"), "");
	assert_string_equal(json_text(object, "whole"), "17");
	assert_string_equal(json_text(object, "big"), "1540869200562");
	for (size_t i = 0; i < ELEMENTS(not_text); i++)
		assert_null(json_text(object, not_text[i]));

	assert_int_equal(json_flag(object, "yes"), 1);
	assert_int_equal(json_flag(object, "no"), 0);
	assert_int_equal(json_flag(object, "whole"), -ENOENT);
	assert_int_equal(json_flag(object, "missing"), -ENOENT);
	assert_int_equal(json_flag(NULL, "yes"), -ENOENT);

	assert_string_equal(json_plain(json_get(object, "text"), &size), "a");
	assert_int_equal(size, 1);
	assert_string_equal(json_plain(json_get(object, "empty"), &size), "");
	assert_int_equal(size, 0);
	size = 99;
	assert_null(json_plain(json_get(object, "nul"), &size));
	assert_null(json_plain(json_get(object, "whole"), &size));
	assert_null(json_plain(NULL, &size));
	assert_int_equal(size, 99);
}

static void sets_members(void **state)
{
	_cleanup_(json_freep) struct json_object *object = json_object_new_object();
	struct json_object *text = json_object_new_string("x");

	assert_int_equal(json_set(object, "a", text), 0);
	assert_ptr_equal(json_get(object, "a"), text);
	assert_int_equal(json_set(object, "b", NULL), -ENOMEM);
	assert_false(json_object_object_get_ex(object, "b", NULL));
	/* Consumed: the sanitizer and valgrind see it if not. */
	assert_int_equal(json_set(NULL, "a", json_object_new_string("x")), -ENOMEM);

	assert_int_equal(json_set(object, "c", json_optional_text(NULL)), 0);
	assert_string_equal(json_text(object, "c"), "");
	assert_int_equal(json_set(object, "d", json_optional_text("t")), 0);
	assert_string_equal(json_text(object, "d"), "t");
}

/* json-c's printer, from which a piece is missing where memory ran out. */
static const char *printed_instead;

const char *__real_json_object_to_json_string_length(
	struct json_object *object, int flags, size_t *size);
const char *__wrap_json_object_to_json_string_length(
	struct json_object *object, int flags, size_t *size);

const char *__wrap_json_object_to_json_string_length(
	struct json_object *object, int flags, size_t *size)
{
	if (!printed_instead)
		return __real_json_object_to_json_string_length(object, flags, size);
	*size = strlen(printed_instead);
	return printed_instead;
}

static void prints_all_or_nothing(void **state)
{
	static const char whole[] =
		"{\"command\":\"open\",\"param\":{\"relay\":\"1/2\",\"n\":1.5}}";
	static const char *const pieces[] = {
		"{\"command\":\"\",\"param\":{\"relay\":\"1/2\",\"n\":1.5}}",
		"{\"command\":\"open\",\"param\":{\"relay\":\"2\",\"n\":1.5}}",
		"{\"command\":", ""};
	_cleanup_(json_freep) struct json_object *object = NULL;
	const char *text = NULL;
	size_t size = 0;

	assert_int_equal(json_parse(&object, whole, strlen(whole)), 0);
	assert_int_equal(json_print(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
				 &text, &size),
		0);
	assert_string_equal(text, whole);
	assert_int_equal(size, strlen(whole));
	for (size_t i = 0; i < ELEMENTS(pieces); i++) {
		printed_instead = pieces[i];
		assert_int_equal(json_print(object, 0, &text, &size), -ENOMEM);
		printed_instead = NULL;
	}
	assert_int_equal(size, strlen(whole));
}

/* What the reading back costs is spared where the size alone proves it. */
static unsigned n_parsed;

struct json_object *__real_json_tokener_parse_ex(
	struct json_tokener *tokener, const char *text, int size);
struct json_object *__wrap_json_tokener_parse_ex(
	struct json_tokener *tokener, const char *text, int size);

struct json_object *__wrap_json_tokener_parse_ex(
	struct json_tokener *tokener, const char *text, int size)
{
	n_parsed++;
	return __real_json_tokener_parse_ex(tokener, text, size);
}

static void plain_texts_are_measured(void **state)
{
	static const struct {
		const char *whole, *piece;
		unsigned read_back;
	} rows[] = {
		{"{\"command\":\"open\",\"param\":{\"relay\":\"1/2\",\"mac\":\"0C11\"}}",
			"{\"command\":\"open\",\"param\":{\"relay\":\"1/2\",\"mac\":\"\"}}", 0},
		{"{\"a\":[true,false,null,[],{}]}", "{\"a\":[true,false,,[],{}]}", 0},
		{"{}", "", 0},
		{"\"text\"", "\"tex", 0},
		{"{\"a\":\"\u00fc\"}", "{\"a\":\"\"}", 0},
		/* An escape is longer than what it stands for: a piece could be missing beside it. */
		{"{\"a\":\"1\\\"2\",\"b\":\"x\"}", "{\"a\":\"1\\\"2\",\"b\":\"\"}", 1},
		{"{\"a\":1}", "{\"a\":}", 1},
		{"[1.5]", "[]", 1},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_freep) struct json_object *object = NULL;
		const char *text = NULL;
		size_t size = 0;

		assert_int_equal(json_parse(&object, rows[i].whole, strlen(rows[i].whole)), 0);
		n_parsed = 0;
		assert_int_equal(
			json_print(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
				&text, &size),
			0);
		assert_string_equal(text, rows[i].whole);
		assert_int_equal(n_parsed, rows[i].read_back);
		printed_instead = rows[i].piece;
		assert_int_equal(json_print(object, 0, &text, &size), -ENOMEM);
		printed_instead = NULL;
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_one_value),
		cmocka_unit_test(parses_exactly),
		cmocka_unit_test(refuses_all_else),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(gets_members),
		cmocka_unit_test(sets_members),
		cmocka_unit_test(prints_all_or_nothing),
		cmocka_unit_test(plain_texts_are_measured),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
