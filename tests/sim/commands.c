#include "tests/sim/commands.h"

#include <string.h>

#include "util/cleanup.h"
#include "util/json.h"

#define HOME PARAM(TEXT, "residence_id")

static const struct param device_fields[] = {PARAM(TEXT, "mac"), {0}};
static const struct param account_fields[] = {PARAM(TEXT, "account_id"), {0}};
static const struct param role_fields[] = {PARAM(TEXT, "account_id"), PARAM(ROLE, "auth"), {0}};

/* What the vendor's two command pages say, written down a second time on purpose: the daemon has
 * a catalogue of its own, and the simulator is there to find its mistakes. */
static const struct command commands[] = {
	{"get_akuvox_device_list", akuvox_device_list, {HOME}},
	{"get_akuvox_open_door_private_key_config", akuvox_pin_get, {HOME}},
	{"update_akuvox_open_door_private_key_config", akuvox_pin_set,
		{HOME, PARAM(TEXT, "private_key")}},
	{"get_akuvox_open_door_nfc_config", akuvox_nfc_get, {HOME}},
	{"update_akuvox_open_door_nfc_config", akuvox_nfc_set, {HOME, PARAM(FLAG, "enable_nfc")}},
	{"get_akuvox_open_door_ble_config", akuvox_ble_get, {HOME}},
	{"update_akuvox_open_door_ble_config", akuvox_ble_set, {HOME, PARAM(FLAG, "enable_ble")}},
	{"get_akuvox_open_door_temp_key_config", akuvox_keys_get, {HOME}},
	{"create_akuvox_open_door_temp_key_config", akuvox_key_create,
		{HOME, PARAM(TIME, "start_time"), PARAM(TIME, "finish_time"),
			PARAM(NUMBER, "count")}},
	{"delete_akuvox_open_door_temp_key_config", akuvox_key_delete,
		{HOME, PARAM(TEXT, "temp_key")}},
	{"batch_delete_akuvox_open_door_temp_key_config", akuvox_keys_delete,
		{HOME, PARAM(TEXTS, "temp_key")}},
	{"get_akuvox_face_file_info", akuvox_face_get, {HOME}},
	{"update_akuvox_face_file_info", akuvox_face_set, {HOME, PARAM(TEXT, "filename")}},
	{"delete_akuvox_face_file_info", akuvox_face_delete, {HOME}},
	{"check_akuvox_device_permission", akuvox_permission,
		{HOME, OBJECTS("devices", device_fields)}},
	{"get_akuvox_call_history", akuvox_calls, {HOME}},
	{"get_akuvox_open_door_history", akuvox_doors, {HOME}},
	{"trigger_akuvox_remote_open_door", akuvox_open,
		{HOME, PARAM(TEXT, "mac"), PARAM(TEXT, "relay_id")}},
	{"get_family_list", family_list, {{0}}},
	{"get_family_info", family_info, {HOME}},
	{"update_family_info", family_rename, {HOME, PARAM(TEXT, "family_name")}},
	{"change_family_admin", family_change_admin, {HOME, PARAM(TEXT, "account_id")}},
	{"invite_family_account", family_invite, {HOME, PARAM(TEXT, "email"), PARAM(ROLE, "auth")}},
	{"account_join_family", family_join, {HOME, PARAM(ROLE, "auth")}},
	{"create_family_account", family_create_account,
		{HOME, OPTIONAL(TEXT, "password"), PARAM(TEXT, "first_name"),
			PARAM(TEXT, "last_name"), PARAM(TEXT, "email"), PARAM(ROLE, "auth")}},
	{"update_family_account_auth", family_set_role,
		{HOME, PARAM(TEXT, "account_id"), PARAM(ROLE, "auth")}},
	{"batch_update_family_account_auth", family_set_roles,
		{HOME, OBJECTS("accounts", role_fields)}},
	{"delete_family_account", family_remove, {HOME, PARAM(TEXT, "account_id")}},
	{"batch_delete_family_account", family_remove_many,
		{HOME, OBJECTS("accounts", account_fields)}},
	{"get_family_remote_connect", family_remote, {HOME}},
};

_Static_assert(ELEMENTS(commands) == 30, "the catalogue has 18 + 12 commands");

const struct refusal no_such_home = {40401, "residence not found"};

/* The command of that name, or NULL. */
const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Does a command whose param was checked against its params. NULL: done, out holds the result as
 * JSON. Otherwise nothing was done. */
const struct refusal *command_run(const struct command *command, struct world *w,
	struct json_object *param, struct printbuf *out)
{
	struct call call = {.world = w, .param = param, .out = out};
	const struct refusal *refusal;

	if (command->params[0].name) {
		call.home = world_home(w, call_text(&call, "residence_id"));
		if (!call.home)
			return &no_such_home;
	}
	refusal = command->handle(&call);
	if (!refusal && printbuf_length(out) == 0)
		printbuf_strappend(out, "{}");
	return refusal;
}

/* A parameter of kind PARAM_TEXT; "" if it is optional and missing. */
const char *call_text(const struct call *call, const char *name)
{
	const char *text = json_text(call->param, name);

	return text ? text : "";
}

/* Appends an object to the answer; result is consumed. */
void call_add(const struct call *call, struct json_object *result)
{
	size_t size;
	const char *text = json_object_to_json_string_length(
		result, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);

	(void)printbuf_memappend(call->out, text, (int)size);
	json_object_put(result);
}

/* Appends a list, item by item as text gives it; nothing of it if the control side asked for an
 * empty list. */
void call_add_list(const struct call *call, struct array_list *items,
	const char *(*text)(const struct call *call, void *item))
{
	if (call->world->empty_lists > 0) {
		call->world->empty_lists--;
		printbuf_strappend(call->out, "[]");
		return;
	}
	printbuf_strappend(call->out, "[");
	for (size_t i = 0; i < array_list_length(items); i++) {
		const char *item = text(call, array_list_get_idx(items, i));

		if (i > 0)
			printbuf_strappend(call->out, ",");
		(void)printbuf_memappend(call->out, item, (int)strlen(item));
	}
	printbuf_strappend(call->out, "]");
}
