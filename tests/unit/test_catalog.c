#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/catalog.h"
#include "cloud/param.h"
#include "util/cleanup.h"
#include "util/json.h"

#define OPENS      COMMAND_OPENS
#define REPEATABLE COMMAND_REPEATABLE
#define SECRET     COMMAND_SECRET

/* What the vendor's pages say, written down apart from the catalogue. Fields in alphabetical order;
 * '?' marks an optional one, [] a list, {} its members. */
static const struct row {
	const char *name;
	enum command_group group;
	unsigned flags;
	const char *params;
	bool result_is_list;
	const char *result;
} rows[] = {
	{"get_akuvox_device_list", COMMAND_GROUP_READ, REPEATABLE | SECRET, "residence_id:text",
		true,
		"ciphertext:text device_name:text device_type:text is_public:flag mac:text "
		"online:flag relays[]{relay_id:text relay_name:text relay_number:text} "
		"rtsp_url:text "
		"security_relays[]{relay_id:text relay_name:text relay_number:text} sip:text"},
	{"get_akuvox_open_door_private_key_config", COMMAND_GROUP_READ, REPEATABLE | SECRET,
		"residence_id:text", false, "private_key:text"},
	{"update_akuvox_open_door_private_key_config", COMMAND_GROUP_ACCESS, SECRET,
		"private_key:text residence_id:text", false, ""},
	{"get_akuvox_open_door_nfc_config", COMMAND_GROUP_READ, REPEATABLE | SECRET,
		"residence_id:text", false, "enable_nfc:flag nfc_code:text"},
	{"update_akuvox_open_door_nfc_config", COMMAND_GROUP_ACCESS, SECRET,
		"enable_nfc:flag residence_id:text", false, "nfc_code:text"},
	{"get_akuvox_open_door_ble_config", COMMAND_GROUP_READ, REPEATABLE | SECRET,
		"residence_id:text", false, "ble_code:text enable_ble:flag"},
	{"update_akuvox_open_door_ble_config", COMMAND_GROUP_ACCESS, SECRET,
		"enable_ble:flag residence_id:text", false, "ble_code:text"},
	{"get_akuvox_open_door_temp_key_config", COMMAND_GROUP_READ, REPEATABLE | SECRET,
		"residence_id:text", true,
		"count:count finish_time:time>start_time qr_code_url:text start_time:time temp_key:text"},
	{"create_akuvox_open_door_temp_key_config", COMMAND_GROUP_ACCESS, SECRET,
		"count:count finish_time:time>start_time residence_id:text start_time:time", false,
		"qr_code_url:text temp_key:text"},
	{"delete_akuvox_open_door_temp_key_config", COMMAND_GROUP_ACCESS, SECRET,
		"residence_id:text temp_key:text", false, ""},
	{"batch_delete_akuvox_open_door_temp_key_config", COMMAND_GROUP_ACCESS, SECRET,
		"residence_id:text temp_key[]:text", false, ""},
	{"get_akuvox_face_file_info", COMMAND_GROUP_READ, REPEATABLE, "residence_id:text", false,
		"is_uploaded:flag"},
	{"update_akuvox_face_file_info", COMMAND_GROUP_ACCESS, 0, "filename:text residence_id:text",
		false, ""},
	{"delete_akuvox_face_file_info", COMMAND_GROUP_ACCESS, 0, "residence_id:text", false, ""},
	{"check_akuvox_device_permission", COMMAND_GROUP_READ, REPEATABLE,
		"devices[]{mac:text} residence_id:text", true, "mac:text permission:flag"},
	{"get_akuvox_call_history", COMMAND_GROUP_READ, REPEATABLE, "residence_id:text", true,
		"call_name:text call_sip:text call_time:time"},
	{"get_akuvox_open_door_history", COMMAND_GROUP_READ, REPEATABLE, "residence_id:text", true,
		"account_name:text capture_picture_url:text capture_thumbnail_url:text "
		"device_name:text open_door:flag open_door_time:time open_door_type:text"},
	{"trigger_akuvox_remote_open_door", COMMAND_GROUP_DOOR, OPENS,
		"mac:text relay_id:text residence_id:text", false, ""},
	{"get_family_list", COMMAND_GROUP_READ, REPEATABLE, "", true,
		"account_id:text family_name:text installed:flag online:flag residence_id:text"},
	{"get_family_info", COMMAND_GROUP_READ, REPEATABLE, "residence_id:text", false,
		"accounts[]{account_id:text account_name:text auth:text email:text first_name:text "
		"last_name:text} family_name:text installed:flag online:flag"},
	{"update_family_info", COMMAND_GROUP_FAMILY, 0, "family_name:text residence_id:text", false,
		""},
	{"change_family_admin", COMMAND_GROUP_FAMILY, 0, "account_id:text residence_id:text", false,
		""},
	{"invite_family_account", COMMAND_GROUP_FAMILY, 0, "auth:role email:text residence_id:text",
		false, ""},
	{"account_join_family", COMMAND_GROUP_FAMILY, 0, "auth:role residence_id:text", false, ""},
	{"create_family_account", COMMAND_GROUP_FAMILY, SECRET,
		"auth:role email:text first_name:text last_name:text password?:text "
		"residence_id:text",
		false, "account_id:text"},
	{"update_family_account_auth", COMMAND_GROUP_FAMILY, 0,
		"account_id:text auth:role residence_id:text", false, ""},
	{"batch_update_family_account_auth", COMMAND_GROUP_FAMILY, 0,
		"accounts[]{account_id:text auth:role} residence_id:text", false, ""},
	{"delete_family_account", COMMAND_GROUP_FAMILY, 0, "account_id:text residence_id:text",
		false, ""},
	{"batch_delete_family_account", COMMAND_GROUP_FAMILY, 0,
		"accounts[]{account_id:text} residence_id:text", false, ""},
	{"get_family_remote_connect", COMMAND_GROUP_READ, REPEATABLE, "residence_id:text", false,
		"online:flag remote_connect_url:text"},
};

static int by_name(const void *a, const void *b)
{
	const struct field *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void describe(FILE *out, const struct field *fields)
{
	static const char *const types[] = {
		[FIELD_TEXT] = ":text",
		[FIELD_FLAG] = ":flag",
		[FIELD_COUNT] = ":count",
		[FIELD_TIME] = ":time",
		[FIELD_ROLE] = ":role",
		[FIELD_TEXTS] = "[]:text",
		[FIELD_OBJECTS] = "[]",
	};
	const struct field *sorted[20];
	size_t n = 0;

	for (const struct field *f = fields; f->type != FIELD_END; f++) {
		assert_true(n < ELEMENTS(sorted));
		assert_true(f->help && *f->help);
		sorted[n++] = f;
	}
	qsort(sorted, n, sizeof(sorted[0]), by_name);
	for (size_t i = 0; i < n; i++) {
		const struct field *f = sorted[i];

		(void)fprintf(out, "%s%s%s%s", i > 0 ? " " : "", f->name, f->optional ? "?" : "",
			types[f->type]);
		if (f->after)
			(void)fprintf(out, ">%s", f->after);
		assert_int_equal(f->members != NULL, f->type == FIELD_OBJECTS);
		if (!f->members)
			continue;
		(void)fputc('{', out);
		describe(out, f->members);
		(void)fputc('}', out);
	}
}

static void assert_fields(const struct field *fields, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	describe(out, fields);
	(void)fclose(out);
	assert_string_equal(text, expected);
}

static void holds_the_thirty_commands(void **state)
{
	assert_int_equal(ELEMENTS(rows), 30);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct command *command = catalog_find(rows[i].name);

		if (!command)
			fail_msg("%s is missing", rows[i].name);
		assert_string_equal(command->name, rows[i].name);
		assert_string_equal(
			command_group_name(command->group), command_group_name(rows[i].group));
		if (command->flags != rows[i].flags)
			fail_msg("%s has flags %u", rows[i].name, command->flags);
		assert_fields(command->params, rows[i].params);
		assert_int_equal(command->result_is_list, rows[i].result_is_list);
		assert_fields(command->result, rows[i].result);
		assert_true(command->help && *command->help);
		assert_int_equal(command_needs_residence(command),
			strcmp(rows[i].name, "get_family_list") != 0);
	}
}

static void holds_no_others(void **state)
{
	size_t n = 0;

	for (const struct command *command; (command = catalog_at(n)); n++)
		assert_ptr_equal(catalog_find(command->name), command);
	assert_int_equal(n, ELEMENTS(rows));
	assert_null(catalog_at(n + 1));
	assert_null(catalog_at(SIZE_MAX));
	assert_null(catalog_find(""));
	assert_null(catalog_find("get_family"));
	assert_null(catalog_find("GET_FAMILY_LIST"));
	assert_null(catalog_find("get_family_list "));
}

/* The rules behind the flags, whatever is added to the table later. */
static void flags_follow_the_rules(void **state)
{
	const struct command *command;

	for (size_t i = 0; (command = catalog_at(i)); i++) {
		bool reads = strncmp(command->name, "get_", 4) == 0 ||
		             strncmp(command->name, "check_", 6) == 0;
		bool opens = strncmp(command->name, "trigger_", 8) == 0;

		assert_int_equal(command->group == COMMAND_GROUP_READ, reads);
		assert_int_equal(command->group == COMMAND_GROUP_DOOR, opens);
		assert_int_equal((command->flags & COMMAND_REPEATABLE) != 0, reads);
		assert_int_equal((command->flags & COMMAND_OPENS) != 0, opens);
	}
}

static void examples_are_right(void **state)
{
	const struct command *command;

	for (size_t i = 0; (command = catalog_at(i)); i++) {
		_cleanup_(json_freep) struct json_object *param = NULL;
		struct param_fault fault = {0};

		assert_int_equal(json_parse(&param, command->example, strlen(command->example)), 0);
		/* It is what a topic takes, and the topic has the home. */
		assert_null(json_get(param, "residence_id"));
		if (command_needs_residence(command)) {
			assert_int_equal(param_check(command, param, &fault), -EINVAL);
			assert_string_equal(fault.param, "residence_id");
			assert_int_equal(
				json_set(param, "residence_id", json_object_new_string("r31adc2")),
				0);
		}
		if (param_check(command, param, &fault) != 0)
			fail_msg("%s: %s %s", command->name, fault.param, fault.why);
	}
}

static void names_groups(void **state)
{
	static const char *const names[] = {
		[COMMAND_GROUP_READ] = "read",
		[COMMAND_GROUP_DOOR] = "door",
		[COMMAND_GROUP_ACCESS] = "access",
		[COMMAND_GROUP_FAMILY] = "family",
	};

	assert_int_equal(ELEMENTS(names), COMMAND_GROUP_MAX);
	for (int i = 0; i < COMMAND_GROUP_MAX; i++) {
		assert_string_equal(command_group_name(i), names[i]);
		assert_int_equal(command_group_from_text(names[i]), i);
	}
	assert_int_equal(command_group_from_text(""), -EINVAL);
	assert_int_equal(command_group_from_text("Read"), -EINVAL);
	assert_int_equal(command_group_from_text("get_family_list"), -EINVAL);
}

static void names_types(void **state)
{
	for (int type = FIELD_TEXT; type <= FIELD_OBJECTS; type++)
		for (int other = FIELD_TEXT; other < type; other++)
			assert_string_not_equal(field_type_name(type), field_type_name(other));
	assert_string_equal(field_type_name(FIELD_END), "nothing");
	assert_null(field_find(catalog_find("get_family_list")->params, "residence_id"));
	assert_null(field_find(catalog_find("get_family_info")->params, "residence"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_the_thirty_commands),
		cmocka_unit_test(holds_no_others),
		cmocka_unit_test(flags_follow_the_rules),
		cmocka_unit_test(examples_are_right),
		cmocka_unit_test(names_groups),
		cmocka_unit_test(names_types),
	};

	return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
