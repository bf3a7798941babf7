#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloud/records.h"
#include "util/json.h"

static struct json_object *parsed(const char *text)
{
	struct json_object *value = NULL;

	assert_int_equal(json_parse(&value, text, strlen(text)), 0);
	return value;
}

/* [entry, entry, …], count times. */
static struct json_object *repeated(const char *entry, size_t count)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < count; i++)
		assert_int_equal(json_object_array_add(list, parsed(entry)), 0);
	return list;
}

static void reads_a_family(void **state)
{
	_cleanup_(json_freep) struct json_object *result =
		parsed("[{\"account_id\": \"ar58\", \"residence_id\": \"r8b5\", \"family_name\": "
		       "\"my home\","
		       "  \"online\": true, \"installed\": true, \"colour\": [1]},"
		       " {\"residence_id\": 17, \"online\": \"yes\"}]");
	_cleanup_free_ struct family_record *records = NULL;
	size_t n = 99;

	assert_int_equal(records_families(result, &records, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(records[0].residence_id, "r8b5");
	assert_string_equal(records[0].name, "my home");
	assert_true(records[0].online);
	assert_true(records[0].installed);
	assert_string_equal(records[1].residence_id, "17");
	assert_string_equal(records[1].name, "");
	assert_false(records[1].online);
	assert_false(records[1].installed);
}

static void reads_a_device(void **state)
{
	_cleanup_(json_freep) struct json_object *result = parsed(
		"{\"list\": [{\"ciphertext\": \"7b3d\", \"mac\": \"0C110532D226\","
		"  \"device_name\": \"Front Door\", \"device_type\": \"Multi-tenants Doorphone\","
		"  \"sip\": 123132312, \"is_public\": true, \"online\": true,"
		"  \"rtsp\": \"rtsp://old\", \"rtsp_url\": \"rtsp://new\","
		"  \"security_relays\": {\"list\": [{\"relay_id\": \"s\"}]},"
		"  \"relays\": [{\"relay_name\": \"Gate\", \"relay_number\": \"#\", \"relay_id\": "
		"\"a\"},"
		"               {\"relay_name\": \"no id\"}, {\"relay_id\": 0}]},"
		" {\"mac\": \"0C110532D227\", \"rtsp\": \"rtsp://only\", \"rtsp_url\": \"\","
		"  \"relays\": null}]}");
	_cleanup_free_ struct device_record *records = NULL;
	const struct device_record *d;
	size_t n = 99;

	assert_int_equal(records_devices(result, &records, &n), 0);
	assert_int_equal(n, 2);
	d = &records[0];
	assert_string_equal(d->mac, "0C110532D226");
	assert_string_equal(d->name, "Front Door");
	assert_string_equal(d->type, "Multi-tenants Doorphone");
	assert_string_equal(d->sip, "123132312");
	assert_string_equal(d->rtsp, "rtsp://new");
	assert_true(d->is_public);
	assert_true(d->online);
	assert_int_equal(d->n_relays, 3);
	assert_string_equal(d->relays[0].id, "a");
	assert_string_equal(d->relays[0].name, "Gate");
	assert_string_equal(d->relays[0].number, "#");
	assert_false(d->relays[0].security);
	assert_string_equal(d->relays[1].id, "0");
	assert_string_equal(d->relays[1].number, "");
	assert_string_equal(d->relays[2].id, "s");
	assert_true(d->relays[2].security);
	d = &records[1];
	assert_string_equal(d->rtsp, "rtsp://only");
	assert_string_equal(d->name, "");
	assert_false(d->is_public);
	assert_false(d->online);
	assert_int_equal(d->n_relays, 0);
}

/* An error must never be read as "there are none": that would clear people's doors away. */
static void knows_a_list_from_an_error(void **state)
{
	static const struct {
		const char *json;
		int r;
	} cases[] = {
		{"[]", 0},
		{"{\"list\": []}", 0},
		{"{}", -EINVAL},
		{"null", -EINVAL},
		{"\"text\"", -EINVAL},
		{"7", -EINVAL},
		{"{\"list\": null}", -EINVAL},
		{"{\"list\": {}}", -EINVAL},
		{"{\"items\": []}", -EINVAL},
		{"[1, \"two\", null]", -EINVAL},
		{"[{\"id\": \"renamed\"}]", -EINVAL},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(json_freep) struct json_object *result = parsed(cases[i].json);
		struct family_record *families = (void *)state;
		struct device_record *devices = (void *)state;
		size_t n = 99;

		assert_int_equal(records_families(result, &families, &n), cases[i].r);
		assert_ptr_equal(families, cases[i].r < 0 ? (void *)state : NULL);
		assert_int_equal(n, cases[i].r < 0 ? 99 : 0);
		n = 99;
		assert_int_equal(records_devices(result, &devices, &n), cases[i].r);
		assert_ptr_equal(devices, cases[i].r < 0 ? (void *)state : NULL);
		assert_int_equal(n, cases[i].r < 0 ? 99 : 0);
	}
}

static void leaves_out_hostile_ids(void **state)
{
	static const struct {
		const char *id; /* JSON */
		bool usable;
	} cases[] = {
		{"\"r31adc223cc4b3bedb6bd4742dedcfa52\"", true},
		{"\"../+/#\"", true}, /* opaque here; who makes topics must cope */
		{"\"t\\u00fcr \\u6771\"", true},
		{"\"\\u00a0\"", true},
		{"0", true},
		{"-9223372036854775808", true},
		{"\"\"", false},
		{"null", false},
		{"true", false},
		{"1.5", false},
		{"[]", false},
		{"{}", false},
		{"\"a\\u0000b\"", false},
		{"\"a\\nb\"", false},
		{"\"\\u001f\"", false},
		{"\"\\u007f\"", false},
		{"\"a\\u0080\"", false},
		{"\"\\u009fb\"", false},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(json_freep) struct json_object *result = NULL;
		_cleanup_free_ struct family_record *families = NULL;
		_cleanup_free_ struct device_record *devices = NULL;
		char text[512];
		size_t n = 0;

		(void)snprintf(text, sizeof(text),
			"[{\"residence_id\": %s, \"mac\": %s}, {\"residence_id\": \"z\", \"mac\": "
			"\"z\","
			" \"relays\": [{\"relay_id\": %s}]}]",
			cases[i].id, cases[i].id, cases[i].id);
		result = parsed(text);
		assert_int_equal(records_families(result, &families, &n), 0);
		assert_int_equal(n, cases[i].usable ? 2 : 1);
		assert_string_equal(families[n - 1].residence_id, "z");
		assert_int_equal(records_devices(result, &devices, &n), 0);
		assert_int_equal(n, cases[i].usable ? 2 : 1);
		assert_string_equal(devices[n - 1].mac, "z");
		assert_int_equal(devices[n - 1].n_relays, cases[i].usable ? 1 : 0);
	}
}

static void ids_have_a_longest_length(void **state)
{
	for (int size = RECORDS_ID_MAX; size <= RECORDS_ID_MAX + 1; size++) {
		_cleanup_(json_freep) struct json_object *result = NULL;
		_cleanup_free_ struct family_record *families = NULL;
		char text[512];
		size_t n = 0;

		(void)snprintf(text, sizeof(text),
			"[{\"residence_id\": \"%0*d\"}, {\"residence_id\": \"z\"}]", size, 0);
		result = parsed(text);
		assert_int_equal(records_families(result, &families, &n), 0);
		assert_int_equal(n, size == RECORDS_ID_MAX ? 2 : 1);
	}
}

static void cuts_what_is_too_many(void **state)
{
	_cleanup_(json_freep) struct json_object *homes =
		repeated("{\"residence_id\": \"r\"}", RECORDS_HOMES_MAX + 5);
	_cleanup_(json_freep) struct json_object *devices =
		repeated("{\"mac\": \"m\"}", RECORDS_DEVICES_MAX + 5);
	_cleanup_(json_freep) struct json_object *relays = parsed("[{\"mac\": \"m\"}]");
	_cleanup_free_ struct family_record *family_records = NULL;
	_cleanup_free_ struct device_record *device_records = NULL;
	struct json_object *device = json_object_array_get_idx(relays, 0);
	size_t n = 0;

	assert_int_equal(records_families(homes, &family_records, &n), 0);
	assert_int_equal(n, RECORDS_HOMES_MAX);
	assert_int_equal(records_devices(devices, &device_records, &n), 0);
	assert_int_equal(n, RECORDS_DEVICES_MAX);
	free(TAKE_PTR(device_records));
	(void)json_set(device, "relays", repeated("{\"relay_id\": \"a\"}", RECORDS_RELAYS_MAX - 1));
	(void)json_set(device, "security_relays", repeated("{\"relay_id\": \"b\"}", 5));
	assert_int_equal(records_devices(relays, &device_records, &n), 0);
	assert_int_equal(device_records[0].n_relays, RECORDS_RELAYS_MAX);
	assert_string_equal(device_records[0].relays[RECORDS_RELAYS_MAX - 1].id, "b");
}

static void counts_members(void **state)
{
	static const struct {
		const char *json;
		int r;
		unsigned members;
	} cases[] = {
		{"{\"accounts\": [{}, {}]}", 0, 2},
		{"{\"accounts\": []}", 0, 0},
		{"{\"accounts\": {\"list\": [{}]}}", 0, 1},
		{"{\"accounts\": null}", -EINVAL, 99},
		{"{\"family_name\": \"x\"}", -EINVAL, 99},
		{"[]", -EINVAL, 99},
		{"null", -EINVAL, 99},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(json_freep) struct json_object *result = parsed(cases[i].json);
		unsigned members = 99;

		assert_int_equal(records_members(result, &members), cases[i].r);
		assert_int_equal(members, cases[i].members);
	}
}

static void reads_histories(void **state)
{
	_cleanup_(json_freep) struct json_object *calls = parsed(
		"[{\"call_name\": \"Gate\", \"call_sip\": 6200105433, \"call_time\": \"2020-03-12 "
		"17:32:43\"}, 17, {\"call_time\": null}]");
	_cleanup_(json_freep) struct json_object *doors =
		parsed("{\"list\": [{\"open_door\": true, \"account_name\": \"tom\","
		       "  \"device_name\": \"R29\", \"capture_thumbnail_url\": \"https://t\","
		       "  \"open_door_type\": \"NFC\", \"capture_picture_url\": \"https://p\","
		       "  \"open_door_time\": \"2020-05-18 15:25:45\"},"
		       " {\"open_door\": \"yes\", \"open_door_time\": \"x\"}]}");
	_cleanup_free_ struct history_record *call = NULL, *door = NULL;
	size_t n = 99;

	assert_int_equal(records_history(calls, HISTORY_CALL, &call, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(call[0].time, "2020-03-12 17:32:43");
	assert_string_equal(call[0].name, "Gate");
	assert_string_equal(call[0].sip, "6200105433");
	assert_string_equal(call[0].device, "");
	assert_string_equal(call[1].time, "");
	assert_string_equal(call[2].time, "");
	assert_int_equal(records_history(doors, HISTORY_DOOR, &door, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(door[0].time, "2020-05-18 15:25:45");
	assert_string_equal(door[0].name, "tom");
	assert_string_equal(door[0].device, "R29");
	assert_string_equal(door[0].type, "NFC");
	assert_string_equal(door[0].picture, "https://p");
	assert_string_equal(door[0].thumbnail, "https://t");
	assert_string_equal(door[0].sip, "");
	assert_true(door[0].opened);
	/* Only true is an opening. */
	assert_false(door[1].opened);
}

static void history_of_nothing(void **state)
{
	static const char *const nothing[] = {"[]", "{}", "{\"list\": []}"};
	static const char *const wrong[] = {
		"{\"rows\": []}", "\"\"", "7", "[7]", "[{\"open_door_time\": \"x\"}]"};
	struct history_record *records = NULL;
	size_t n = 99;

	for (size_t i = 0; i < ELEMENTS(nothing); i++) {
		_cleanup_(json_freep) struct json_object *result = parsed(nothing[i]);

		n = 99;
		assert_int_equal(records_history(result, HISTORY_CALL, &records, &n), 0);
		assert_int_equal(n, 0);
		assert_null(records);
	}
	n = 99;
	assert_int_equal(records_history(NULL, HISTORY_DOOR, &records, &n), 0);
	assert_int_equal(n, 0);
	n = 99;
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		_cleanup_(json_freep) struct json_object *result = parsed(wrong[i]);

		assert_int_equal(records_history(result, HISTORY_CALL, &records, &n), -EINVAL);
		assert_null(records);
		assert_int_equal(n, 99);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_family),
		cmocka_unit_test(reads_a_device),
		cmocka_unit_test(knows_a_list_from_an_error),
		cmocka_unit_test(leaves_out_hostile_ids),
		cmocka_unit_test(ids_have_a_longest_length),
		cmocka_unit_test(cuts_what_is_too_many),
		cmocka_unit_test(counts_members),
		cmocka_unit_test(reads_histories),
		cmocka_unit_test(history_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
