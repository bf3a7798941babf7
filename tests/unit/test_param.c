#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloud/param.h"
#include "util/cleanup.h"
#include "util/json.h"

/* Stands in each wrong text, so that it can be looked for in the fault. */
#define MARK "9137-0815"

static struct json_object *parsed(const char *text)
{
	struct json_object *value = (struct json_object *)text;

	if (json_parse(&value, text, strlen(text)) != 0)
		fail_msg("no JSON: %s", text);
	return value;
}

/* A right param of the command, with each parameter that may be left out. */
static struct json_object *right_param(const struct command *command)
{
	struct json_object *param = parsed(command->example);

	if (command_needs_residence(command))
		(void)json_set(param, "residence_id", json_object_new_string("r31adc2"));
	if (field_find(command->params, "password"))
		(void)json_set(param, "password", json_object_new_string("first word"));
	return param;
}

static void assert_fault(
	const struct command *command, struct json_object *param, const char *path, const char *why)
{
	struct param_fault fault = {.param = "untouched", .why = "untouched"};
	int r = param_check(command, param, &fault);

	if (r != -EINVAL || strcmp(fault.param, path) != 0 || (why && strcmp(fault.why, why) != 0))
		fail_msg("%s %s: %d, \"%s\" \"%s\", not \"%s\" \"%s\"", command->name,
			json_object_to_json_string(param), r, fault.param, fault.why, path,
			why ? why : "…");
	assert_null(strstr(fault.param, MARK));
	assert_null(strstr(fault.why, MARK));
	assert_string_not_equal(fault.why, "");
}

static void assert_right(const struct command *command, struct json_object *param)
{
	struct param_fault fault = {.param = "untouched", .why = "untouched"};

	if (param_check(command, param, &fault) != 0)
		fail_msg("%s %s: \"%s\" \"%s\"", command->name, json_object_to_json_string(param),
			fault.param, fault.why);
	assert_string_equal(fault.param, "untouched");
}

/* Values that are wrong for a type. */
static const struct wrong {
	enum field_type type;
	const char *value, *why;
} wrongs[] = {
	{FIELD_TEXT, "null", "must be text"},
	{FIELD_TEXT, "true", "must be text"},
	{FIELD_TEXT, "17", "must be text"},
	{FIELD_TEXT, "1.5", "must be text"},
	{FIELD_TEXT, "[\"" MARK "\"]", "must be text"},
	{FIELD_TEXT, "{\"" MARK "\": \"" MARK "\"}", "must be text"},
	{FIELD_TEXT, "\"\"", "must not be empty"},
	{FIELD_TEXT, "\"" MARK "\\u0000more\"", "must be text"},
	{FIELD_TEXT, "\"\\u0000\"", "must be text"},

	{FIELD_FLAG, "null", "must be true or false"},
	{FIELD_FLAG, "0", "must be true or false"},
	{FIELD_FLAG, "1", "must be true or false"},
	{FIELD_FLAG, "\"true\"", "must be true or false"},
	{FIELD_FLAG, "\"ON\"", "must be true or false"},
	{FIELD_FLAG, "\"" MARK "\"", "must be true or false"},
	{FIELD_FLAG, "[true]", "must be true or false"},
	{FIELD_FLAG, "{}", "must be true or false"},

	{FIELD_COUNT, "null", "must be a whole number from 1"},
	{FIELD_COUNT, "true", "must be a whole number from 1"},
	{FIELD_COUNT, "0", "must be a whole number from 1"},
	{FIELD_COUNT, "-1", "must be a whole number from 1"},
	{FIELD_COUNT, "-9223372036854775808", "must be a whole number from 1"},
	{FIELD_COUNT, "1.5", "must be a whole number from 1"},
	{FIELD_COUNT, "1.0", "must be a whole number from 1"},
	{FIELD_COUNT, "1e2", "must be a whole number from 1"},
	{FIELD_COUNT, "2147483648", "must be a whole number from 1"},
	{FIELD_COUNT, "4294967297", "must be a whole number from 1"},
	{FIELD_COUNT, "9223372036854775807", "must be a whole number from 1"},
	{FIELD_COUNT, "18446744073709551615", "must be a whole number from 1"},
	{FIELD_COUNT, "99999999999999999999999999", "must be a whole number from 1"},
	{FIELD_COUNT, "\"1\"", "must be a whole number from 1"},
	{FIELD_COUNT, "\"" MARK "\"", "must be a whole number from 1"},
	{FIELD_COUNT, "[1]", "must be a whole number from 1"},
	{FIELD_COUNT, "{}", "must be a whole number from 1"},

	{FIELD_TIME, "null", NULL},
	{FIELD_TIME, "true", NULL},
	{FIELD_TIME, "1900000000", NULL},
	{FIELD_TIME, "[\"2030-05-01 08:00:00\"]", NULL},
	{FIELD_TIME, "{}", NULL},
	{FIELD_TIME, "\"\"", NULL},
	{FIELD_TIME, "\"" MARK "\"", NULL},
	{FIELD_TIME, "\"2030-05-01 08:00:00 " MARK "\"", NULL},
	{FIELD_TIME, "\"2030-05-01 08:00:00\\u0000\"", NULL},
	{FIELD_TIME, "\"2030-05-01T08:00:00Z\"", NULL},
	{FIELD_TIME, "\"2030-05-01\"", NULL},
	{FIELD_TIME, "\"2030-02-30 08:00:00\"", NULL},
	{FIELD_TIME, "\"2030-13-01 08:00:00\"", NULL},
	{FIELD_TIME, "\"2030-05-01 25:00:00\"", NULL},
	{FIELD_TIME, "\"2030-05-01 24:00:00\"", NULL},
	{FIELD_TIME, "\"2030-05-01 08:60:00\"", NULL},
	{FIELD_TIME, "\"2030-05-01 08:00:60\"", NULL},
	{FIELD_TIME, "\"1969-05-01 08:00:00\"", NULL},

	{FIELD_ROLE, "null", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "true", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "1", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "[\"user\"]", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "{}", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "\"\"", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "\"admin\"", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "\"User\"", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "\"guest \"", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "\"user\\u0000\"", "must be \"user\" or \"guest\""},
	{FIELD_ROLE, "\"" MARK "\"", "must be \"user\" or \"guest\""},

	{FIELD_TEXTS, "null", "must be a list of texts"},
	{FIELD_TEXTS, "true", "must be a list of texts"},
	{FIELD_TEXTS, "17", "must be a list of texts"},
	{FIELD_TEXTS, "\"" MARK "\"", "must be a list of texts"},
	{FIELD_TEXTS, "{\"0\": \"" MARK "\"}", "must be a list of texts"},
	{FIELD_TEXTS, "[]", "is empty"},

	{FIELD_OBJECTS, "null", "must be a list of objects"},
	{FIELD_OBJECTS, "true", "must be a list of objects"},
	{FIELD_OBJECTS, "17", "must be a list of objects"},
	{FIELD_OBJECTS, "\"" MARK "\"", "must be a list of objects"},
	{FIELD_OBJECTS, "{\"mac\": \"" MARK "\"}", "must be a list of objects"},
	{FIELD_OBJECTS, "[]", "is empty"},
};

static struct json_object *text_of(size_t size)
{
	_cleanup_free_ char *text = malloc(size);

	assert_non_null(text);
	memset(text, 'x', size);
	memcpy(text, MARK, strlen(MARK));
	return json_object_new_string_len(text, (int)size);
}

/* Each wrong value in place of object's member f, which is restored. Gives how many there were. */
static unsigned try_wrong_values(const struct command *command, struct json_object *param,
	struct json_object *object, const struct field *f, const char *path)
{
	struct json_object *right = json_object_get(json_get(object, f->name));
	unsigned n = 0;

	for (size_t i = 0; i < ELEMENTS(wrongs); i++) {
		if (wrongs[i].type != f->type)
			continue;
		(void)json_object_object_add(object, f->name, parsed(wrongs[i].value));
		assert_fault(command, param, path, wrongs[i].why);
		n++;
	}
	if (f->type == FIELD_TEXT) {
		(void)json_set(object, f->name, text_of(FIELD_TEXT_MAX + 1));
		assert_fault(command, param, path, "is too long");
		(void)json_set(object, f->name, text_of(FIELD_TEXT_MAX));
		assert_right(command, param);
	}
	json_object_object_del(object, f->name);
	if (f->optional)
		assert_right(command, param);
	else
		assert_fault(command, param, path, "is missing");
	(void)json_set(object, f->name, right);
	return n;
}

static unsigned try_fields(const struct command *command, struct json_object *param,
	struct json_object *object, const struct field *fields, const char *path)
{
	unsigned n = 0;

	for (const struct field *f = fields; f->type != FIELD_END; f++) {
		char name[96];

		(void)snprintf(name, sizeof(name), "%s%s", path, f->name);
		n += try_wrong_values(command, param, object, f, name);
		if (f->type == FIELD_OBJECTS) {
			struct json_object *list = json_get(object, f->name), *second = NULL;

			/* The second element, behind one that is right. */
			assert_int_equal(json_object_deep_copy(
						 json_object_array_get_idx(list, 0), &second, NULL),
				0);
			assert_int_equal(json_object_array_put_idx(list, 1, second), 0);
			assert_right(command, param);
			(void)snprintf(name, sizeof(name), "%s%s[1].", path, f->name);
			n += try_fields(command, param, second, f->members, name);
		}
	}
	(void)json_set(object, "colour", json_object_new_string(MARK));
	{
		char name[96];

		(void)snprintf(name, sizeof(name), "%scolour", path);
		assert_fault(command, param, name, "is not a parameter of this command");
	}
	json_object_object_del(object, "colour");
	assert_right(command, param);
	return n;
}

static void each_parameter_of_each_command(void **state)
{
	const struct command *command;
	unsigned n = 0;

	for (size_t i = 0; (command = catalog_at(i)); i++) {
		_cleanup_(json_freep) struct json_object *param = right_param(command);

		assert_right(command, param);
		n += try_fields(command, param, param, command->params, "");
	}
	/* 46 texts, 2 flags, 1 count, 2 times, 5 roles, 1 list of texts, 3 of objects. */
	assert_int_equal(n, 46 * 9 + 2 * 8 + 1 * 17 + 2 * 18 + 5 * 11 + 1 * 6 + 3 * 6);
}

static void param_is_an_object(void **state)
{
	static const char *const rows[] = {"null", "true", "1", "1.5", "[]", "\"" MARK "\""};
	const struct command *command = catalog_find("get_family_list");

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_freep) struct json_object *param = parsed(rows[i]);

		assert_fault(command, param, "param", "must be a JSON object");
	}
}

/* Single cases that the walk does not reach. */
static void cases(void **state)
{
	static const char first[] = "\"first_name\": \"T\", \"last_name\": \"F\", \"email\": \"e\","
				    " \"auth\": \"user\", \"residence_id\": \"r\"";
	static const struct {
		const char *command, *param, *path, *why;
	} rows[] = {
		{"get_family_list", "{}", NULL, NULL},
		{"get_family_list", "{\"residence_id\": \"r\"}", "residence_id",
			"is not a parameter of this command"},
		{"get_family_info", "{}", "residence_id", "is missing"},
		{"get_family_info", "{\"residence_id\": \"r\", \"id\": 1}", "id",
			"is not a parameter of this command"},
		{"get_family_info", "{\"Residence_id\": \"r\"}", "Residence_id",
			"is not a parameter of this command"},
		{"get_family_info", "{\"residence_id\": \"r\", \"\": 1}", "",
			"is not a parameter of this command"},

		/* One key is a text, several are a list. */
		{"delete_akuvox_open_door_temp_key_config",
			"{\"residence_id\": \"r\", \"temp_key\": [\"" MARK "\"]}", "temp_key",
			"must be text"},
		{"batch_delete_akuvox_open_door_temp_key_config",
			"{\"residence_id\": \"r\", \"temp_key\": \"" MARK "\"}", "temp_key",
			"must be a list of texts"},
		{"batch_delete_akuvox_open_door_temp_key_config",
			"{\"residence_id\": \"r\", \"temp_key\": [\"1\", 2]}", "temp_key[1]",
			"must be text"},
		{"batch_delete_akuvox_open_door_temp_key_config",
			"{\"residence_id\": \"r\", \"temp_key\": [\"1\", \"2\", \"\"]}",
			"temp_key[2]", "must not be empty"},
		{"batch_delete_akuvox_open_door_temp_key_config",
			"{\"residence_id\": \"r\", \"temp_key\": [null]}", "temp_key[0]",
			"must be text"},
		{"batch_delete_akuvox_open_door_temp_key_config",
			"{\"residence_id\": \"r\", \"temp_key\": [[\"" MARK "\"]]}", "temp_key[0]",
			"must be text"},

		{"batch_update_family_account_auth",
			"{\"residence_id\": \"r\", \"accounts\": [{\"account_id\": \"a\", "
			"\"auth\": \"user\"}, {\"account_id\": \"b\", \"auth\": \"admin\"}]}",
			"accounts[1].auth", "must be \"user\" or \"guest\""},
		{"batch_update_family_account_auth",
			"{\"residence_id\": \"r\", \"accounts\": [{\"account_id\": \"a\", "
			"\"auth\": \"user\"}, \"" MARK "\"]}",
			"accounts[1]", "must be an object"},
		{"batch_delete_family_account", "{\"residence_id\": \"r\", \"accounts\": [null]}",
			"accounts[0]", "must be an object"},
		{"batch_delete_family_account",
			"{\"residence_id\": \"r\", \"accounts\": [{\"account_id\": \"a\", "
			"\"auth\": \"user\"}]}",
			"accounts[0].auth", "is not a parameter of this command"},
		{"batch_delete_family_account", "{\"residence_id\": \"r\", \"accounts\": [\"a\"]}",
			"accounts[0]", "must be an object"},
		{"check_akuvox_device_permission", "{\"residence_id\": \"r\", \"devices\": [{}]}",
			"devices[0].mac", "is missing"},

		{"update_akuvox_open_door_nfc_config",
			"{\"residence_id\": \"r\", \"enable_ble\": true}", "enable_ble",
			"is not a parameter of this command"},
	};
	const struct command *command = catalog_find("create_family_account");
	char text[512];

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_freep) struct json_object *param = parsed(rows[i].param);

		if (rows[i].path)
			assert_fault(
				catalog_find(rows[i].command), param, rows[i].path, rows[i].why);
		else
			assert_right(catalog_find(rows[i].command), param);
	}
	for (int with = 0; with < 2; with++) {
		_cleanup_(json_freep) struct json_object *param = NULL;

		(void)snprintf(text, sizeof(text), "{%s%s}", first,
			with ? ", \"password\": \"" MARK "\"" : "");
		param = parsed(text);
		assert_right(command, param);
	}
}

static void times_are_in_order(void **state)
{
	static const struct {
		const char *start, *finish;
		bool right;
	} rows[] = {
		{"2030-05-01 08:00:00", "2030-05-01 08:00:01", true},
		{"2030-05-01 08:00:00", "2040-02-29 08:00:00", true},
		{"1970-01-01 00:00:00", "9999-12-31 23:59:59", true},
		{"2030-05-01 08:00:00", "2030-05-01 08:00:00", false},
		{"2030-05-01 08:00:00", "2030-05-01 07:59:59", false},
		{"2040-05-01 08:00:00", "2030-05-01 08:00:00", false},
	};
	const struct command *command = catalog_find("create_akuvox_open_door_temp_key_config");

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_freep) struct json_object *param = right_param(command);

		(void)json_set(param, "start_time", json_object_new_string(rows[i].start));
		(void)json_set(param, "finish_time", json_object_new_string(rows[i].finish));
		if (rows[i].right)
			assert_right(command, param);
		else
			assert_fault(
				command, param, "finish_time", "must be later than start_time");
	}
}

static void counts_in_bounds(void **state)
{
	const struct command *command = catalog_find("create_akuvox_open_door_temp_key_config");
	static const int64_t counts[] = {1, 100, INT32_MAX};

	for (size_t i = 0; i < ELEMENTS(counts); i++) {
		_cleanup_(json_freep) struct json_object *param = right_param(command);

		(void)json_set(param, "count", json_object_new_int64(counts[i]));
		assert_right(command, param);
	}
}

static void lists_are_bounded(void **state)
{
	const struct command *command =
		catalog_find("batch_delete_akuvox_open_door_temp_key_config");
	_cleanup_(json_freep) struct json_object *param = right_param(command);
	struct json_object *list = json_get(param, "temp_key");

	while (json_object_array_length(list) < FIELD_ITEMS_MAX)
		(void)json_object_array_add(list, json_object_new_string("1"));
	assert_right(command, param);
	(void)json_object_array_put_idx(list, FIELD_ITEMS_MAX - 1, json_object_new_string(""));
	assert_fault(command, param, "temp_key[99]", "must not be empty");
	(void)json_object_array_add(list, json_object_new_string("1"));
	assert_fault(command, param, "temp_key", "has too many elements");
}

/* A table may leave the first of two times out. */
static void an_order_without_its_beginning(void **state)
{
	static const struct field params[] = {
		{"from", FIELD_TIME, .optional = true},
		{"to", FIELD_TIME, .after = "from"},
		{0},
	};
	static const struct command command = {.name = "test", .params = params};
	_cleanup_(json_freep) struct json_object *param =
		parsed("{\"to\": \"2030-05-01 08:00:00\"}");

	assert_right(&command, param);
	(void)json_set(param, "from", json_object_new_string("2030-05-01 08:00:00"));
	assert_fault(&command, param, "to", "must be later than from");
}

/* The fault is sent on as JSON, which must be UTF-8. */
static void long_names_are_cut_between_characters(void **state)
{
	const struct command *command = catalog_find("get_family_list");
	const size_t room = sizeof(((struct param_fault *)0)->param) - 1;

	for (size_t shift = 0; shift < 3; shift++) {
		_cleanup_(json_freep) struct json_object *param = json_object_new_object();
		struct param_fault fault;
		char name[301] = {0};
		size_t n = shift;

		memset(name, 'x', shift);
		for (; n + 3 < sizeof(name); n += 3)
			memcpy(name + n, "\xe2\x82\xac", 3);
		(void)json_set(param, name, json_object_new_int(1));
		assert_int_equal(param_check(command, param, &fault), -EINVAL);
		n = strlen(fault.param);
		assert_in_range(n, room - 2, room);
		assert_int_equal((n - shift) % 3, 0);
		assert_memory_equal(fault.param, name, n);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_parameter_of_each_command),
		cmocka_unit_test(param_is_an_object),
		cmocka_unit_test(cases),
		cmocka_unit_test(times_are_in_order),
		cmocka_unit_test(counts_in_bounds),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(an_order_without_its_beginning),
		cmocka_unit_test(long_names_are_cut_between_characters),
	};

	return cmocka_run_group_tests_name("param", tests, NULL, NULL);
}
