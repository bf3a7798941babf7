#include "cloud/catalog.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define FIELDS(...) ((const struct field[]){__VA_ARGS__{0}})
#define NOTHING     FIELDS()

/* clang-format off */
#define RESIDENCE    {"residence_id", FIELD_TEXT, .help = "the home"},
#define ACCOUNT      {"account_id", FIELD_TEXT, .help = "the member's account in this home"},
#define ROLE         {"auth", FIELD_ROLE, .help = "family administrator or member"},
#define EMAIL        {"email", FIELD_TEXT, .help = "mail address of the account"},
#define FAMILY_NAME  {"family_name", FIELD_TEXT, .help = "name of the home"},
#define HOME_ONLINE  {"online", FIELD_FLAG, .help = "the home's panel is connected"},
#define INSTALLED    {"installed", FIELD_FLAG, .help = "the home is set up"},
#define MAC          {"mac", FIELD_TEXT, .help = "the device, 12 hex digits"},
#define NFC_CODE     {"nfc_code", FIELD_TEXT, .help = "code for the phone's NFC"},
#define BLE_CODE     {"ble_code", FIELD_TEXT, .help = "code for the phone's Bluetooth"},
#define ENABLE_NFC   {"enable_nfc", FIELD_FLAG, .help = "opening by NFC is on"},
#define ENABLE_BLE   {"enable_ble", FIELD_FLAG, .help = "opening by Bluetooth is on"},
#define PRIVATE_KEY  {"private_key", FIELD_TEXT, .help = "the PIN"},
#define TEMP_KEY     {"temp_key", FIELD_TEXT, .help = "the guest key"},
#define QR_CODE      {"qr_code_url", FIELD_TEXT, .help = "address of its QR code"},
#define START_TIME   {"start_time", FIELD_TIME, .help = "valid from"},
#define FINISH_TIME  {"finish_time", FIELD_TIME, .help = "valid until", .after = "start_time"},
#define COUNT        {"count", FIELD_COUNT, .help = "how often it opens"},
#define RELAYS(name_, help_) {name_, FIELD_OBJECTS, .help = help_, .members = FIELDS( \
		{"relay_id", FIELD_TEXT, .help = "names the relay in an opening"}, \
		{"relay_name", FIELD_TEXT, .help = "as in the app"}, \
		{"relay_number", FIELD_TEXT, .help = "the key to dial for it"},)},

static const struct command catalog[] = {
	{
		.name = "get_akuvox_device_list", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE | COMMAND_SECRET,
		.help = "door phones and their relays",
		.params = FIELDS(RESIDENCE),
		.result_is_list = true,
		.result = FIELDS(
			MAC
			{"device_name", FIELD_TEXT, .help = "as in the app"},
			{"device_type", FIELD_TEXT, .help = "kind of device"},
			{"sip", FIELD_TEXT, .help = "number it calls from"},
			{"is_public", FIELD_FLAG, .help = "shared by several homes"},
			{"online", FIELD_FLAG, .help = "connected"},
			RELAYS("relays", "its relays")
			RELAYS("security_relays", "its security relays")
			{"rtsp_url", FIELD_TEXT, .help = "camera stream, holds a password"},
			{"ciphertext", FIELD_TEXT, .help = "for the vendor's SDK"},),
		.example = "{}",
	}, {
		.name = "get_akuvox_open_door_private_key_config", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE | COMMAND_SECRET,
		.help = "your PIN",
		.params = FIELDS(RESIDENCE), .result = FIELDS(PRIVATE_KEY),
		.example = "{}",
	}, {
		.name = "update_akuvox_open_door_private_key_config", .group = COMMAND_GROUP_ACCESS,
		.flags = COMMAND_SECRET,
		.help = "changes your PIN",
		.params = FIELDS(RESIDENCE PRIVATE_KEY), .result = NOTHING,
		.example = "{\"private_key\": \"48151623\"}",
	}, {
		.name = "get_akuvox_open_door_nfc_config", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE | COMMAND_SECRET,
		.help = "whether your phone opens by NFC",
		.params = FIELDS(RESIDENCE), .result = FIELDS(ENABLE_NFC NFC_CODE),
		.example = "{}",
	}, {
		.name = "update_akuvox_open_door_nfc_config", .group = COMMAND_GROUP_ACCESS,
		.flags = COMMAND_SECRET,
		.help = "switches opening by NFC",
		.params = FIELDS(RESIDENCE ENABLE_NFC), .result = FIELDS(NFC_CODE),
		.example = "{\"enable_nfc\": true}",
	}, {
		.name = "get_akuvox_open_door_ble_config", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE | COMMAND_SECRET,
		.help = "whether your phone opens by Bluetooth",
		.params = FIELDS(RESIDENCE), .result = FIELDS(ENABLE_BLE BLE_CODE),
		.example = "{}",
	}, {
		.name = "update_akuvox_open_door_ble_config", .group = COMMAND_GROUP_ACCESS,
		.flags = COMMAND_SECRET,
		.help = "switches opening by Bluetooth",
		.params = FIELDS(RESIDENCE ENABLE_BLE), .result = FIELDS(BLE_CODE),
		.example = "{\"enable_ble\": false}",
	}, {
		.name = "get_akuvox_open_door_temp_key_config", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE | COMMAND_SECRET,
		.help = "the guest keys",
		.params = FIELDS(RESIDENCE),
		.result_is_list = true,
		.result = FIELDS(TEMP_KEY START_TIME FINISH_TIME COUNT QR_CODE),
		.example = "{}",
	}, {
		.name = "create_akuvox_open_door_temp_key_config", .group = COMMAND_GROUP_ACCESS,
		.flags = COMMAND_SECRET,
		.help = "makes a guest key",
		.params = FIELDS(RESIDENCE START_TIME FINISH_TIME COUNT),
		.result = FIELDS(TEMP_KEY QR_CODE),
		.example = "{\"start_time\": \"2030-05-01 08:00:00\", "
			   "\"finish_time\": \"2030-05-01 18:00:00\", \"count\": 1}",
	}, {
		.name = "delete_akuvox_open_door_temp_key_config", .group = COMMAND_GROUP_ACCESS,
		.flags = COMMAND_SECRET,
		.help = "deletes a guest key",
		.params = FIELDS(RESIDENCE TEMP_KEY), .result = NOTHING,
		.example = "{\"temp_key\": \"91234567\"}",
	}, {
		.name = "batch_delete_akuvox_open_door_temp_key_config", .group = COMMAND_GROUP_ACCESS,
		.flags = COMMAND_SECRET,
		.help = "deletes several guest keys",
		.params = FIELDS(RESIDENCE
			{"temp_key", FIELD_TEXTS, .help = "the guest keys"},),
		.result = NOTHING,
		.example = "{\"temp_key\": [\"91234567\", \"81234567\"]}",
	}, {
		.name = "get_akuvox_face_file_info", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE,
		.help = "whether a picture of your face is stored",
		.params = FIELDS(RESIDENCE),
		.result = FIELDS({"is_uploaded", FIELD_FLAG, .help = "there is one"},),
		.example = "{}",
	}, {
		.name = "update_akuvox_face_file_info", .group = COMMAND_GROUP_ACCESS,
		.help = "names the file with your face, already in the cloud's file storage",
		.params = FIELDS(RESIDENCE
			{"filename", FIELD_TEXT, .help = "its name there"},),
		.result = NOTHING,
		.example = "{\"filename\": \"face.jpg\"}",
	}, {
		.name = "delete_akuvox_face_file_info", .group = COMMAND_GROUP_ACCESS,
		.help = "deletes the picture of your face",
		.params = FIELDS(RESIDENCE), .result = NOTHING,
		.example = "{}",
	}, {
		.name = "check_akuvox_device_permission", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE,
		.help = "which devices you may use",
		.params = FIELDS(RESIDENCE
			{"devices", FIELD_OBJECTS, .help = "the devices", .members = FIELDS(MAC)},),
		.result_is_list = true,
		.result = FIELDS(MAC {"permission", FIELD_FLAG, .help = "you may"},),
		.example = "{\"devices\": [{\"mac\": \"0C11050BC115\"}]}",
	}, {
		.name = "get_akuvox_call_history", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE,
		.help = "the latest calls",
		.params = FIELDS(RESIDENCE),
		.result_is_list = true,
		.result = FIELDS(
			{"call_name", FIELD_TEXT, .help = "who called"},
			{"call_sip", FIELD_TEXT, .help = "the caller's number"},
			{"call_time", FIELD_TIME, .help = "when"},),
		.example = "{}",
	}, {
		.name = "get_akuvox_open_door_history", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE,
		.help = "the latest openings",
		.params = FIELDS(RESIDENCE),
		.result_is_list = true,
		.result = FIELDS(
			{"open_door", FIELD_FLAG, .help = "the door was opened"},
			{"account_name", FIELD_TEXT, .help = "who opened"},
			{"device_name", FIELD_TEXT, .help = "where"},
			{"open_door_type", FIELD_TEXT, .help = "how"},
			{"open_door_time", FIELD_TIME, .help = "when"},
			{"capture_picture_url", FIELD_TEXT, .help = "picture"},
			{"capture_thumbnail_url", FIELD_TEXT, .help = "small picture"},),
		.example = "{}",
	}, {
		.name = "trigger_akuvox_remote_open_door", .group = COMMAND_GROUP_DOOR,
		.flags = COMMAND_OPENS,
		.help = "opens a door",
		.params = FIELDS(RESIDENCE MAC
			{"relay_id", FIELD_TEXT, .help = "the door's relay on that device"},),
		.result = NOTHING,
		.example = "{\"mac\": \"0C110508EF2E\", \"relay_id\": \"r31adc223cc4b3bedb6bd4742dedcfa52\"}",
	}, {
		.name = "get_family_list", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE,
		.help = "the homes of the account",
		.params = NOTHING,
		.result_is_list = true,
		.result = FIELDS(RESIDENCE ACCOUNT FAMILY_NAME HOME_ONLINE INSTALLED),
		.example = "{}",
	}, {
		.name = "get_family_info", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE,
		.help = "a home and its members",
		.params = FIELDS(RESIDENCE),
		.result = FIELDS(FAMILY_NAME HOME_ONLINE INSTALLED
			{"accounts", FIELD_OBJECTS, .help = "the members", .members = FIELDS(
				ACCOUNT
				{"account_name", FIELD_TEXT, .help = "name of the account"},
				{"first_name", FIELD_TEXT, .help = "first name"},
				{"last_name", FIELD_TEXT, .help = "last name"},
				EMAIL
				{"auth", FIELD_TEXT, .help = "admin: owner, user: manages, guest: member"},)},),
		.example = "{}",
	}, {
		.name = "update_family_info", .group = COMMAND_GROUP_FAMILY,
		.help = "renames the home",
		.params = FIELDS(RESIDENCE FAMILY_NAME), .result = NOTHING,
		.example = "{\"family_name\": \"Our home\"}",
	}, {
		.name = "change_family_admin", .group = COMMAND_GROUP_FAMILY,
		.help = "hands the home over to another member",
		.params = FIELDS(RESIDENCE ACCOUNT), .result = NOTHING,
		.example = "{\"account_id\": \"ar31adc223cc4b3bedb6bd4742dedcfa5\"}",
	}, {
		.name = "invite_family_account", .group = COMMAND_GROUP_FAMILY,
		.help = "invites an account into the home",
		.params = FIELDS(RESIDENCE EMAIL ROLE), .result = NOTHING,
		.example = "{\"email\": \"someone@example.org\", \"auth\": \"guest\"}",
	}, {
		.name = "account_join_family", .group = COMMAND_GROUP_FAMILY,
		.help = "joins the home",
		.params = FIELDS(RESIDENCE ROLE), .result = NOTHING,
		.example = "{\"auth\": \"guest\"}",
	}, {
		.name = "create_family_account", .group = COMMAND_GROUP_FAMILY,
		.flags = COMMAND_SECRET,
		.help = "makes an account for a new member",
		.params = FIELDS(RESIDENCE
			{"first_name", FIELD_TEXT, .help = "first name"},
			{"last_name", FIELD_TEXT, .help = "last name"},
			EMAIL ROLE
			{"password", FIELD_TEXT, .optional = true, .help = "its first password"},),
		.result = FIELDS(ACCOUNT),
		.example = "{\"first_name\": \"Tom\", \"last_name\": \"Fly\", "
			   "\"email\": \"tom@example.org\", \"auth\": \"guest\"}",
	}, {
		.name = "update_family_account_auth", .group = COMMAND_GROUP_FAMILY,
		.help = "changes what a member may do",
		.params = FIELDS(RESIDENCE ACCOUNT ROLE), .result = NOTHING,
		.example = "{\"account_id\": \"ar31adc223cc4b3bedb6bd4742dedcfa5\", \"auth\": \"user\"}",
	}, {
		.name = "batch_update_family_account_auth", .group = COMMAND_GROUP_FAMILY,
		.help = "changes what several members may do",
		.params = FIELDS(RESIDENCE
			{"accounts", FIELD_OBJECTS, .help = "the members", .members = FIELDS(ACCOUNT ROLE)},),
		.result = NOTHING,
		.example = "{\"accounts\": [{\"account_id\": \"ar31adc223cc4b3bedb6bd4742dedcfa5\", "
			   "\"auth\": \"guest\"}]}",
	}, {
		.name = "delete_family_account", .group = COMMAND_GROUP_FAMILY,
		.help = "removes a member",
		.params = FIELDS(RESIDENCE ACCOUNT), .result = NOTHING,
		.example = "{\"account_id\": \"ar31adc223cc4b3bedb6bd4742dedcfa5\"}",
	}, {
		.name = "batch_delete_family_account", .group = COMMAND_GROUP_FAMILY,
		.help = "removes several members",
		.params = FIELDS(RESIDENCE
			{"accounts", FIELD_OBJECTS, .help = "the members", .members = FIELDS(ACCOUNT)},),
		.result = NOTHING,
		.example = "{\"accounts\": [{\"account_id\": \"ar31adc223cc4b3bedb6bd4742dedcfa5\"}]}",
	}, {
		.name = "get_family_remote_connect", .group = COMMAND_GROUP_READ,
		.flags = COMMAND_REPEATABLE,
		.help = "address of the home's panel from outside",
		.params = FIELDS(RESIDENCE),
		.result = FIELDS(
			{"remote_connect_url", FIELD_TEXT, .help = "the address"},
			HOME_ONLINE),
		.example = "{}",
	},
};
/* clang-format on */

/* The command of that name, or NULL. */
const struct command *catalog_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(catalog); i++)
		if (strcmp(catalog[i].name, name) == 0)
			return &catalog[i];
	return NULL;
}

/* The i-th command; NULL behind the last. */
const struct command *catalog_at(size_t i)
{
	return i < ELEMENTS(catalog) ? &catalog[i] : NULL;
}

/* The field of that name, or NULL. */
const struct field *field_find(const struct field *fields, const char *name)
{
	for (const struct field *f = fields; f->type != FIELD_END; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

/* False for the commands that concern the whole account. */
bool command_needs_residence(const struct command *command)
{
	return field_find(command->params, "residence_id") != NULL;
}

static const struct {
	const char *name, *help;
} groups[] = {
	[COMMAND_GROUP_READ] = {"read", "everything that only asks"},
	[COMMAND_GROUP_DOOR] = {"door", "opening"},
	[COMMAND_GROUP_ACCESS] = {"access", "PIN, NFC, Bluetooth, guest keys and faces"},
	[COMMAND_GROUP_FAMILY] = {"family", "the home, its members and their invitations"},
};

/* As commands.allow spells it. */
const char *command_group_name(enum command_group group)
{
	return groups[group].name;
}

/* What is in it, for people. */
const char *command_group_help(enum command_group group)
{
	return groups[group].help;
}

/* The group of that name, or -EINVAL. */
int command_group_from_text(const char *text)
{
	for (int i = 0; i < COMMAND_GROUP_MAX; i++)
		if (strcmp(groups[i].name, text) == 0)
			return i;
	return -EINVAL;
}

/* What a value of that type looks like, for help and for errors. */
const char *field_type_name(enum field_type type)
{
	switch (type) {
	case FIELD_END:
		break;
	case FIELD_TEXT:
		return "text";
	case FIELD_FLAG:
		return "true or false";
	case FIELD_COUNT:
		return "a whole number from 1";
	case FIELD_TIME:
		return "a time such as \"2030-05-01 08:00:00\", in UTC";
	case FIELD_ROLE:
		return "\"user\" or \"guest\"";
	case FIELD_TEXTS:
		return "a list of texts";
	case FIELD_OBJECTS:
		return "a list of objects";
	}
	return "nothing";
}
