/* The 18 commands of the Akuvox service page. */

#include <stdio.h>
#include <string.h>

#include "tests/sim/commands.h"
#include "tests/sim/fields.h"
#include "util/clock.h"
#include "util/json.h"

static struct json_object *relays_json(const struct device *d, bool security)
{
	struct json_object *list = must(json_object_new_array());

	for (size_t i = 0; i < array_list_length(d->relays); i++) {
		const struct relay *r = array_list_get_idx(d->relays, i);
		struct json_object *item;

		if (r->security != security)
			continue;
		item = must(json_object_new_object());
		add_text(item, "relay_name", r->name);
		add_text(item, "relay_number", r->number);
		add_text(item, "relay_id", r->id);
		add_item(list, item);
	}
	return list;
}

static const char *device_text(const struct call *call, void *item)
{
	struct device *d = item;
	struct json_object *row;
	char rtsp[256];

	if (d->text)
		return d->text;
	row = must(json_object_new_object());
	(void)snprintf(rtsp, sizeof(rtsp), "rtsp://user:%.12s@127.0.0.1:554/%.100s", d->ciphertext,
		d->mac);
	add_text(row, "ciphertext", d->ciphertext);
	add(row, "security_relays", relays_json(d, true));
	add(row, "relays", relays_json(d, false));
	add_flag(row, "is_public", d->is_public);
	add_text(row, "device_name", d->name);
	add_text(row, "sip", d->sip);
	add_text(row, "device_type", d->type);
	add_text(row, "mac", d->mac);
	add_flag(row, "online", d->online);
	add_text(row, d->rtsp_is_short ? "rtsp" : "rtsp_url", rtsp);
	d->text = into_text(row);
	return d->text;
}

const struct refusal *akuvox_device_list(const struct call *call)
{
	call_add_list(call, call->home->devices, device_text);
	return NULL;
}

const struct refusal *akuvox_pin_get(const struct call *call)
{
	struct json_object *result = must(json_object_new_object());

	add_text(result, "private_key", call->home->pin);
	call_add(call, result);
	return NULL;
}

const struct refusal *akuvox_pin_set(const struct call *call)
{
	static const struct refusal bad = {40021, "private key must have 2 to 8 characters"};
	const char *pin = call_text(call, "private_key");

	if (strlen(pin) < 2 || strlen(pin) > 8)
		return &bad;
	world_set(&call->home->pin, pin);
	return NULL;
}

static const struct refusal *code_get(const struct call *call, const char *code_name,
	const char *code, const char *flag_name, bool flag)
{
	struct json_object *result = must(json_object_new_object());

	add_text(result, code_name, code);
	if (flag_name)
		add_flag(result, flag_name, flag);
	call_add(call, result);
	return NULL;
}

const struct refusal *akuvox_nfc_get(const struct call *call)
{
	return code_get(call, "nfc_code", call->home->nfc_code, "enable_nfc", call->home->nfc);
}

const struct refusal *akuvox_nfc_set(const struct call *call)
{
	call->home->nfc = json_flag(call->param, "enable_nfc") == 1;
	return code_get(call, "nfc_code", call->home->nfc_code, NULL, false);
}

const struct refusal *akuvox_ble_get(const struct call *call)
{
	return code_get(call, "ble_code", call->home->ble_code, "enable_ble", call->home->ble);
}

const struct refusal *akuvox_ble_set(const struct call *call)
{
	call->home->ble = json_flag(call->param, "enable_ble") == 1;
	return code_get(call, "ble_code", call->home->ble_code, NULL, false);
}

const struct refusal *akuvox_keys_get(const struct call *call)
{
	int64_t now = clock_epoch_msec() / 1000;
	bool first = true;

	printbuf_strappend(call->out, "[");
	for (size_t i = 0; i < array_list_length(call->home->temp_keys); i++) {
		const struct temp_key *k = array_list_get_idx(call->home->temp_keys, i);
		struct json_object *row;

		if (call->world->drop_expired && k->finish_epoch < now)
			continue;
		row = must(json_object_new_object());
		add_text(row, "start_time", k->start);
		add_text(row, "finish_time", k->finish);
		add_text(row, "temp_key", k->code);
		add_text(row, "qr_code_url", k->qr_code_url);
		add_number(row, "count", k->count);
		if (!first)
			printbuf_strappend(call->out, ",");
		call_add(call, row);
		first = false;
	}
	printbuf_strappend(call->out, "]");
	return NULL;
}

const struct refusal *akuvox_key_create(const struct call *call)
{
	static const struct refusal bad_time = {40031, "finish_time must be after start_time"};
	static const struct refusal bad_count = {40032, "count must be at least 1"};
	int64_t count = json_object_get_int64(json_get(call->param, "count"));
	int64_t start, finish;
	struct json_object *result;
	struct temp_key *k;

	if (clock_parse_cloud(call_text(call, "start_time"), &start) < 0 ||
		clock_parse_cloud(call_text(call, "finish_time"), &finish) < 0 || finish <= start)
		return &bad_time;
	if (count < 1)
		return &bad_count;
	k = home_add_temp_key(call->world, call->home, call_text(call, "start_time"),
		call_text(call, "finish_time"), finish, count);
	result = must(json_object_new_object());
	add_text(result, "temp_key", k->code);
	add_text(result, "qr_code_url", k->qr_code_url);
	call_add(call, result);
	return NULL;
}

static const struct refusal no_such_key = {40431, "temp key not found"};

const struct refusal *akuvox_key_delete(const struct call *call)
{
	struct temp_key *k = home_temp_key(call->home, call_text(call, "temp_key"));

	if (!k)
		return &no_such_key;
	(void)list_remove(call->home->temp_keys, k);
	return NULL;
}

const struct refusal *akuvox_keys_delete(const struct call *call)
{
	struct json_object *codes = json_get(call->param, "temp_key");
	size_t count = json_object_array_length(codes);

	for (size_t i = 0; i < count; i++)
		if (!home_temp_key(call->home,
			    json_object_get_string(json_object_array_get_idx(codes, i))))
			return &no_such_key;
	for (size_t i = 0; i < count; i++)
		(void)list_remove(call->home->temp_keys,
			home_temp_key(call->home,
				json_object_get_string(json_object_array_get_idx(codes, i))));
	return NULL;
}

const struct refusal *akuvox_face_get(const struct call *call)
{
	struct json_object *result = must(json_object_new_object());

	add_flag(result, "is_uploaded", call->home->face);
	call_add(call, result);
	return NULL;
}

const struct refusal *akuvox_face_set(const struct call *call)
{
	call->home->face = true;
	return NULL;
}

const struct refusal *akuvox_face_delete(const struct call *call)
{
	call->home->face = false;
	return NULL;
}

const struct refusal *akuvox_permission(const struct call *call)
{
	struct json_object *devices = json_get(call->param, "devices");
	struct json_object *result = must(json_object_new_array());

	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		const char *mac = json_text(json_object_array_get_idx(devices, i), "mac");
		struct json_object *row = must(json_object_new_object());

		add_flag(row, "permission", home_device(call->home, mac));
		add_text(row, "mac", mac);
		add_item(result, row);
	}
	call_add(call, result);
	return NULL;
}

const struct refusal *akuvox_calls(const struct call *call)
{
	history_write(
		&call->home->calls, &call->world->knobs, world_random(call->world), call->out);
	return NULL;
}

const struct refusal *akuvox_doors(const struct call *call)
{
	history_write(
		&call->home->doors, &call->world->knobs, world_random(call->world), call->out);
	return NULL;
}

const struct refusal *akuvox_open(const struct call *call)
{
	static const struct refusal no_device = {40411, "device not found"};
	static const struct refusal no_relay = {40412, "relay not found"};
	static const struct refusal offline = {50311, "device offline"};
	struct device *d = home_device(call->home, call_text(call, "mac"));
	struct relay *relay;

	if (!d)
		return &no_device;
	relay = device_relay(d, call_text(call, "relay_id"));
	if (!relay)
		return &no_relay;
	if (!d->online)
		return &offline;
	world_api_opening(call->world, call->home, d, relay);
	return NULL;
}
