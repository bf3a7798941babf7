#define LOG_TOKEN "cloud"

#include "cloud/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

/* Entries of one result that were left out, for one line in the log. */
struct dropped {
	const char *what;
	size_t bad_id;
	size_t too_many;
};

static void tell_dropped(const struct dropped *dropped)
{
	if (dropped->bad_id)
		log_debug("left out %zu %s without a usable id", dropped->bad_id, dropped->what);
	if (dropped->too_many)
		log_debug("left out %zu %s beyond the most we take", dropped->too_many,
			dropped->what);
}

/* How many of so many entries are read; the others count as dropped. */
static size_t bounded(size_t entries, size_t most, struct dropped *dropped)
{
	if (entries <= most)
		return entries;
	dropped->too_many = entries - most;
	return most;
}

/* The array itself: bare, or below "list" as some versions of the API have it. NULL: neither. */
static struct json_object *list_of(struct json_object *value)
{
	if (json_object_is_type(value, json_type_object))
		value = json_get(value, "list");
	return json_object_is_type(value, json_type_array) ? value : NULL;
}

static const char *text_of(struct json_object *object, const char *key)
{
	const char *text = json_text(object, key);

	return text ? text : "";
}

/* An absent flag is false: for "online" that is the reading which promises nothing. */
static bool flag_of(struct json_object *object, const char *key)
{
	return json_flag(object, key) > 0;
}

/* An id stands in topics and in the cache file. The text is UTF-8, as json_parse() takes no other;
 * besides the ASCII control characters it must not hold U+0080 to U+009F, which MQTT forbids. */
static bool is_usable_id(const char *id)
{
	size_t size = id ? strlen(id) : 0;

	if (size == 0 || size > RECORDS_ID_MAX)
		return false;
	for (const unsigned char *p = (const unsigned char *)id; *p; p++)
		if (*p < ' ' || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return false;
	return true;
}

/* A list with entries none of which can be used is another format, not an empty list. */
static int check_list(size_t entries, size_t used, const struct dropped *dropped)
{
	tell_dropped(dropped);
	return entries > 0 && used == 0 ? -EINVAL : 0;
}

/* Reads the result of get_family_list. The caller frees *ret, which is NULL if the list is empty;
 * the texts live as long as result. Homes without a usable id and those above RECORDS_HOMES_MAX are
 * left out. -EINVAL: not a list, or not one home in it has a usable id. -ENOMEM. */
int records_families(struct json_object *result, struct family_record **ret, size_t *ret_n)
{
	struct json_object *list = list_of(result);
	_cleanup_free_ struct family_record *records = NULL;
	struct dropped dropped = {.what = "homes"};
	size_t entries, n = 0;
	int r;

	if (!list)
		return -EINVAL;
	entries = bounded(json_object_array_length(list), RECORDS_HOMES_MAX, &dropped);
	if (entries > 0) {
		records = calloc(entries, sizeof(*records));
		if (!records)
			return -ENOMEM;
	}
	for (size_t i = 0; i < entries; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *id = json_text(entry, "residence_id");

		if (!is_usable_id(id)) {
			dropped.bad_id++;
			continue;
		}
		records[n++] = (struct family_record){
			.residence_id = id,
			.name = text_of(entry, "family_name"),
			.online = flag_of(entry, "online"),
			.installed = flag_of(entry, "installed"),
		};
	}
	r = check_list(entries, n, &dropped);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(records);
	*ret_n = n;
	return 0;
}

static void read_relays(struct device_record *device, struct json_object *list, bool security,
	struct dropped *dropped)
{
	size_t entries = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < entries; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *id = json_text(entry, "relay_id");

		if (!is_usable_id(id)) {
			dropped->bad_id++;
			continue;
		}
		if (device->n_relays == RECORDS_RELAYS_MAX) {
			dropped->too_many += entries - i;
			return;
		}
		device->relays[device->n_relays++] = (struct relay_record){
			.id = id,
			.name = text_of(entry, "relay_name"),
			.number = text_of(entry, "relay_number"),
			.security = security,
		};
	}
}

static void read_device(struct device_record *device, const char *mac, struct json_object *entry,
	struct dropped *dropped_relays)
{
	const char *rtsp = text_of(entry, "rtsp_url");

	device->mac = mac;
	device->name = text_of(entry, "device_name");
	device->type = text_of(entry, "device_type");
	device->sip = text_of(entry, "sip");
	device->rtsp = *rtsp ? rtsp : text_of(entry, "rtsp");
	device->is_public = flag_of(entry, "is_public");
	device->online = flag_of(entry, "online");
	read_relays(device, list_of(json_get(entry, "relays")), false, dropped_relays);
	read_relays(device, list_of(json_get(entry, "security_relays")), true, dropped_relays);
}

/* Reads the result of get_akuvox_device_list, like records_families(). Security relays stand
 * behind the others of their device; at most RECORDS_RELAYS_MAX of both together. */
int records_devices(struct json_object *result, struct device_record **ret, size_t *ret_n)
{
	struct json_object *list = list_of(result);
	_cleanup_free_ struct device_record *records = NULL;
	struct dropped dropped = {.what = "devices"}, dropped_relays = {.what = "relays"};
	size_t entries, n = 0;
	int r;

	if (!list)
		return -EINVAL;
	entries = bounded(json_object_array_length(list), RECORDS_DEVICES_MAX, &dropped);
	if (entries > 0) {
		records = calloc(entries, sizeof(*records));
		if (!records)
			return -ENOMEM;
	}
	for (size_t i = 0; i < entries; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *mac = json_text(entry, "mac");

		if (is_usable_id(mac))
			read_device(&records[n++], mac, entry, &dropped_relays);
		else
			dropped.bad_id++;
	}
	tell_dropped(&dropped_relays);
	r = check_list(entries, n, &dropped);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(records);
	*ret_n = n;
	return 0;
}

/* Reads from the result of get_family_info how many accounts the home has. -EINVAL: it does not
 * say. */
int records_members(struct json_object *result, unsigned *ret)
{
	struct json_object *accounts = list_of(json_get(result, "accounts"));

	if (!accounts)
		return -EINVAL;
	*ret = (unsigned)json_object_array_length(accounts);
	return 0;
}

static struct history_record read_row(struct json_object *entry, enum history_kind kind)
{
	struct history_record row = {"", "", "", false, "", "", "", ""};

	switch (kind) {
	case HISTORY_CALL:
		row.time = text_of(entry, "call_time");
		row.name = text_of(entry, "call_name");
		row.sip = text_of(entry, "call_sip");
		break;
	case HISTORY_DOOR:
		row.time = text_of(entry, "open_door_time");
		row.name = text_of(entry, "account_name");
		row.opened = flag_of(entry, "open_door");
		row.device = text_of(entry, "device_name");
		row.type = text_of(entry, "open_door_type");
		row.picture = text_of(entry, "capture_picture_url");
		row.thumbnail = text_of(entry, "capture_thumbnail_url");
		break;
	case HISTORY_KIND_MAX:
		break;
	}
	return row;
}

/* What a home without any row has: an empty list, but nothing or {} would be no surprise. */
static bool is_nothing(struct json_object *result)
{
	return !result || (json_object_is_type(result, json_type_object) &&
				  json_object_object_length(result) == 0);
}

/* Reads the result of get_akuvox_call_history or get_akuvox_open_door_history, like
 * records_families(), in the order in which the cloud gave it. Rows without a time are in it, for
 * the histories to count. -EINVAL: not a list, or not one row in it has a time. -ENOMEM. */
int records_history(struct json_object *result, enum history_kind kind, struct history_record **ret,
	size_t *ret_n)
{
	struct json_object *list = list_of(result);
	_cleanup_free_ struct history_record *records = NULL;
	struct dropped dropped = {.what = "rows of a history"};
	size_t entries, timed = 0;
	int r;

	if (!list && !is_nothing(result))
		return -EINVAL;
	entries = bounded(list ? json_object_array_length(list) : 0, RECORDS_ROWS_MAX, &dropped);
	if (entries > 0) {
		records = calloc(entries, sizeof(*records));
		if (!records)
			return -ENOMEM;
	}
	for (size_t i = 0; i < entries; i++) {
		records[i] = read_row(json_object_array_get_idx(list, i), kind);
		timed += *records[i].time != '\0';
	}
	r = check_list(entries, timed, &dropped);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(records);
	*ret_n = entries;
	return 0;
}

/* Reads the result of get_akuvox_open_door_temp_key_config. A key whose times are not to be read is
 * left out. -EINVAL: not a list, or none of its entries is a key. -ENOMEM. */
int records_temp_keys(struct json_object *result, struct temp_key_record **ret, size_t *ret_n)
{
	struct json_object *list = list_of(result);
	_cleanup_free_ struct temp_key_record *records = NULL;
	struct dropped dropped = {.what = "guest keys"};
	size_t entries, n = 0;
	int r;

	if (!list)
		return -EINVAL;
	entries = bounded(json_object_array_length(list), RECORDS_KEYS_MAX, &dropped);
	records = calloc(entries + 1, sizeof(*records));
	if (!records)
		return -ENOMEM;
	for (size_t i = 0; i < entries; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct temp_key_record *record = &records[n];

		if (clock_parse_cloud(text_of(entry, "start_time"), &record->start) < 0 ||
			clock_parse_cloud(text_of(entry, "finish_time"), &record->finish) < 0) {
			dropped.bad_id++;
			continue;
		}
		record->code = text_of(entry, "temp_key");
		record->qr_code_url = text_of(entry, "qr_code_url");
		record->count = json_object_get_int64(json_get(entry, "count"));
		n++;
	}
	r = check_list(entries, n, &dropped);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(records);
	*ret_n = n;
	return 0;
}
