#define LOG_TOKEN "poll"

#include "daemon/poll_kinds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/records.h"
#include "util/json.h"

static int take_homes(struct poll_target *to, struct home *home, struct json_object *result)
{
	_cleanup_free_ struct family_record *records = NULL;
	size_t n;
	int r;

	r = records_families(result, &records, &n);
	return r < 0 ? r : cache_merge_homes(to->cache, records, n);
}

static int take_devices(struct poll_target *to, struct home *home, struct json_object *result)
{
	_cleanup_free_ struct device_record *records = NULL;
	size_t n;
	int r;

	r = records_devices(result, &records, &n);
	return r < 0 ? r : cache_merge_devices(to->cache, home, records, n);
}

static int take_members(struct poll_target *to, struct home *home, struct json_object *result)
{
	unsigned members;
	int r = records_members(result, &members);

	if (r == 0)
		cache_merge_members(to->cache, home, members);
	return r;
}

static int take_access(struct poll_target *to, struct home *home, struct json_object *result,
	enum access_kind kind, const char *flag)
{
	int on = json_flag(result, flag);

	if (on < 0)
		return on;
	cache_merge_access(to->cache, home, kind, on);
	return 0;
}

static int take_nfc(struct poll_target *to, struct home *home, struct json_object *result)
{
	return take_access(to, home, result, ACCESS_NFC, "enable_nfc");
}

static int take_ble(struct poll_target *to, struct home *home, struct json_object *result)
{
	return take_access(to, home, result, ACCESS_BLE, "enable_ble");
}

static int take_face(struct poll_target *to, struct home *home, struct json_object *result)
{
	return take_access(to, home, result, ACCESS_FACE, "is_uploaded");
}

static int take_keys(struct poll_target *to, struct home *home, struct json_object *result)
{
	_cleanup_free_ struct temp_key_record *records = NULL;
	size_t n;
	int r;

	r = records_temp_keys(result, &records, &n);
	return r < 0 ? r : cache_merge_temp_keys(to->cache, home, records, n, to->key_codes);
}

static int take_history(struct poll_target *to, struct home *home, struct json_object *result,
	enum history_kind kind)
{
	_cleanup_free_ struct history_record *records = NULL;
	size_t n;
	int r;

	r = records_history(result, kind, &records, &n);
	return r < 0 ? r : history_merge(to->history, home, kind, records, n, to->now, &to->news);
}

static int take_calls(struct poll_target *to, struct home *home, struct json_object *result)
{
	return take_history(to, home, result, HISTORY_CALL);
}

static int take_openings(struct poll_target *to, struct home *home, struct json_object *result)
{
	return take_history(to, home, result, HISTORY_DOOR);
}

#define EVERY(field) offsetof(struct poller_settings, field##_usec)

static const struct poll_row rows[POLL_KIND_MAX] = {
	[POLL_HOMES] = {"get_family_list", EVERY(devices), take_homes, "poll-homes", true},
	[POLL_DEVICES] = {"get_akuvox_device_list", EVERY(devices), take_devices, "poll-devices",
		true},
	[POLL_MEMBERS] = {"get_family_info", EVERY(family), take_members, "poll-members", true},
	[POLL_NFC] = {"get_akuvox_open_door_nfc_config", EVERY(access), take_nfc, "poll-nfc",
		false},
	[POLL_BLE] = {"get_akuvox_open_door_ble_config", EVERY(access), take_ble, "poll-ble",
		false},
	[POLL_FACE] = {"get_akuvox_face_file_info", EVERY(access), take_face, "poll-face", false},
	[POLL_KEYS] = {"get_akuvox_open_door_temp_key_config", EVERY(access), take_keys,
		"poll-keys", false},
	[POLL_CALLS] = {"get_akuvox_call_history", EVERY(history), take_calls, "poll-calls", true},
	[POLL_OPENINGS] = {"get_akuvox_open_door_history", EVERY(history), take_openings,
		"poll-openings", true},
};

/* What to look at again soon after a command: bits of enum poll_kind. */
static const struct {
	const char *command;
	unsigned kinds;
} after[] = {
	{"trigger_akuvox_remote_open_door", 1 << POLL_OPENINGS},
	{"update_akuvox_open_door_nfc_config", 1 << POLL_NFC},
	{"update_akuvox_open_door_ble_config", 1 << POLL_BLE},
	{"update_akuvox_face_file_info", 1 << POLL_FACE},
	{"delete_akuvox_face_file_info", 1 << POLL_FACE},
	{"create_akuvox_open_door_temp_key_config", 1 << POLL_KEYS},
	{"delete_akuvox_open_door_temp_key_config", 1 << POLL_KEYS},
	{"batch_delete_akuvox_open_door_temp_key_config", 1 << POLL_KEYS},
	{"update_family_info", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
	{"change_family_admin", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
	{"invite_family_account", 1 << POLL_MEMBERS},
	{"account_join_family", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
	{"create_family_account", 1 << POLL_MEMBERS},
	{"update_family_account_auth", 1 << POLL_MEMBERS},
	{"batch_update_family_account_auth", 1 << POLL_MEMBERS},
	{"delete_family_account", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
	{"batch_delete_family_account", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
};

const struct poll_row *poll_row(enum poll_kind kind)
{
	return &rows[kind];
}

/* How often by the schedule, whether of use or not; 0: never. */
uint64_t poll_interval(const struct poller_settings *settings, enum poll_kind kind)
{
	return *(const uint64_t *)((const char *)settings + rows[kind].interval);
}

/* The kinds, a bit each, that commands.allow gives a reason for. Nothing works without homes and
 * devices; the rest is of use to whoever may change it, and if the table says so to whoever may ask
 * for it. */
unsigned poll_kinds_of_use(const struct allowed *allowed)
{
	unsigned of_use = 1 << POLL_HOMES | 1 << POLL_DEVICES;

	for (int kind = 0; kind < POLL_KIND_MAX; kind++)
		if (rows[kind].of_use && allowed_command(allowed, catalog_find(rows[kind].command)))
			of_use |= 1u << kind;
	for (size_t i = 0; i < ELEMENTS(after); i++)
		if (allowed_command(allowed, catalog_find(after[i].command)))
			of_use |= after[i].kinds;
	return of_use;
}

/* The kinds, a bit each, whose answer that command may have changed. */
unsigned poll_kinds_after(const struct command *command)
{
	for (size_t i = 0; i < ELEMENTS(after); i++)
		if (strcmp(after[i].command, command->name) == 0)
			return after[i].kinds;
	return 0;
}
