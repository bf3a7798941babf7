#include <errno.h>
#include <string.h>

#include "bridge/handle.h"
#include "cloud/param.h"
#include "cloud/records.h"
#include "util/clock.h"
#include "util/json.h"

/* A clock before this has not been set: a key made by it would have ended long ago. */
#define CLOCK_SET_FROM INT64_C(1700000000) /* November 2023 */

/* Longest life of a key by valid_for, in seconds. */
#define VALID_FOR_MAX (10 * 366 * 86400.0)

/* The last day of the year 9999, in UTC and every other zone, has no place in the cloud's times. */
#define TIME_LAST INT64_C(253402214400)

/* No time: outside of what a request can say. */
#define TIME_NONE INT64_MIN

static int wrong(struct fault *fault, const char *param, const char *why)
{
	return fault_set(fault, REFUSAL_INVALID_PARAM, param, "%s", why);
}

/* One time of the request; *ret stays as it is if the request has none. */
static int take_time(struct json_object *param, const char *name, int64_t *ret, struct fault *fault)
{
	struct json_object *value;
	size_t size;
	const char *text;

	if (!json_object_object_get_ex(param, name, &value))
		return 0;
	text = json_plain(value, &size);
	if (!text || clock_parse_local(text, ret) < 0)
		return wrong(fault, name,
			"must be a time such as \"2030-05-01T18:00\" (of this machine's clock) or "
			"\"2030-05-01T18:00:00+02:00\"");
	json_object_object_del(param, name);
	return 0;
}

static int take_valid_for(struct json_object *param, double *ret_seconds, struct fault *fault)
{
	struct json_object *value;
	uint64_t usec;
	size_t size;
	const char *text;

	if (!json_object_object_get_ex(param, "valid_for", &value))
		return 0;
	text = json_plain(value, &size);
	if (text && clock_parse_duration(text, &usec) == 0)
		*ret_seconds = (double)usec / 1e6;
	else if (json_object_is_type(value, json_type_int) ||
		 json_object_is_type(value, json_type_double))
		*ret_seconds = json_object_get_double(value);
	if (!(*ret_seconds >= 1) || *ret_seconds > VALID_FOR_MAX)
		return wrong(fault, "valid_for",
			"must be a duration such as \"4h\", \"30m\" or \"2d\", at least one second");
	json_object_object_del(param, "valid_for");
	return 0;
}

/* Turns valid_for, or start and finish, into two times. */
static int take_validity(
	struct json_object *param, int64_t *ret_start, int64_t *ret_finish, struct fault *fault)
{
	int64_t start = TIME_NONE, finish = TIME_NONE, now = clock_epoch_msec() / 1000;
	double valid_for = 0;
	int r;

	r = take_time(param, "start", &start, fault);
	if (r == 0)
		r = take_time(param, "finish", &finish, fault);
	if (r == 0)
		r = take_valid_for(param, &valid_for, fault);
	if (r < 0)
		return r;
	if (start == TIME_NONE && now < CLOCK_SET_FROM)
		return wrong(fault, "start", "is needed: the clock of the gateway is not set");
	if (start == TIME_NONE)
		start = now;
	if ((finish == TIME_NONE) == (valid_for == 0))
		return wrong(fault, "valid_for", "or finish is needed, not both");
	if (start < 0 || start > TIME_LAST)
		return wrong(fault, "start", "is out of range");
	if (finish == TIME_NONE)
		finish = start + (int64_t)(valid_for + 0.5);
	if (finish <= start)
		return wrong(fault, "finish", "must be later than start");
	if (finish <= now)
		return wrong(fault, "finish", "has passed");
	if (finish > TIME_LAST)
		return wrong(fault, "finish", "is out of range");
	*ret_start = start;
	*ret_finish = finish;
	return 0;
}

/* What the cloud is asked for, and what the answer repeats of it in local time. */
static int set_validity(struct request *q, struct json_object *param, int64_t start, int64_t finish)
{
	struct json_object *count;
	char text[CLOCK_TEXT_MAX];

	if (!json_object_object_get_ex(param, "count", &count) &&
		json_set(param, "count", json_object_new_int(1)) < 0)
		return -ENOMEM;
	q->more = json_object_new_object();
	if (json_set(param, "start_time", json_object_new_string(clock_cloud(text, start))) < 0 ||
		json_set(param, "finish_time", json_object_new_string(clock_cloud(text, finish))) <
			0 ||
		json_set(q->more, "start", json_object_new_string(clock_rfc3339(text, start))) <
			0 ||
		json_set(q->more, "finish", json_object_new_string(clock_rfc3339(text, finish))) <
			0)
		return -ENOMEM;
	/* A null is refused with the other parameters. */
	count = json_get(param, "count");
	return count ? json_set(q->more, "count", json_object_get(count)) : 0;
}

static int copy_members(struct json_object *to, struct json_object *from)
{
	json_object_object_foreach (from, name, value)
		if (json_object_object_add(to, name, json_object_get(value)) < 0) {
			(void)json_object_put(value);
			return -ENOMEM;
		}
	return 0;
}

/* Answers with the members of `more` beside those of the cloud's result. */
static void answer_more(struct request *q, const struct cloud_answer *cloud)
{
	_cleanup_(json_freep) struct json_object *all = json_object_new_object();
	bool has_members = json_object_is_type(cloud->result, json_type_object);
	struct cloud_answer answer = *cloud;

	if (cloud->error == CLOUD_OK && all &&
		(!has_members || copy_members(all, cloud->result) == 0) &&
		copy_members(all, q->more) == 0)
		answer.result = all;
	handle_answered(q, &answer);
}

static void on_more(const struct cloud_answer *cloud, void *userdata)
{
	answer_more(userdata, cloud);
}

/* The cloud's own names of the times are not for this topic: they would be overwritten. */
static int check_members(struct json_object *param, struct fault *fault)
{
	static const char *const names[] = {
		"valid_for", "start", "finish", "count", "residence_id"};

	json_object_object_foreach (param, given, unused) {
		size_t i = 0;

		(void)unused;
		while (i < ELEMENTS(names) && strcmp(names[i], given) != 0)
			i++;
		if (i == ELEMENTS(names))
			return wrong(fault, given, "is not known here");
	}
	return 0;
}

/* temp_key/create: a key that somebody can use for a while, by times that people write. */
int handle_key_create(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault)
{
	int64_t start = 0, finish = 0;
	int r;

	r = handle_home(q, topic, KEY_CREATE_COMMAND, message, fault);
	if (r != 0)
		return r;
	r = check_members(payload->param, fault);
	if (r == 0)
		r = take_validity(payload->param, &start, &finish, fault);
	if (r < 0)
		return r;
	if (set_validity(q, payload->param, start, finish) < 0)
		return fault_at_once(-ENOMEM, fault);
	return handle_send(q, q->command, payload->param, on_more, fault);
}

/* The keys of the home that have ended, as a list of their codes. */
static struct json_object *expired_keys(struct json_object *result)
{
	_cleanup_(json_freep) struct json_object *codes = json_object_new_array();
	_cleanup_free_ struct temp_key_record *keys = NULL;
	int64_t now = clock_epoch_msec() / 1000;
	size_t n = 0;

	if (!codes || records_temp_keys(result, &keys, &n) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct json_object *code;

		if (keys[i].finish > now || !*keys[i].code)
			continue;
		code = json_object_new_string(keys[i].code);
		if (!code || json_object_array_add(codes, code) < 0) {
			(void)json_object_put(code);
			return NULL;
		}
	}
	return TAKE_PTR(codes);
}

/* Moves the last of the codes still to be deleted, at most as many as one call takes, into a
 * parameter of their own. */
static int take_batch(struct json_object *codes, struct json_object *param)
{
	struct json_object *batch = json_object_new_array();
	size_t left = json_object_array_length(codes);

	if (json_set(param, "temp_key", batch) < 0)
		return -ENOMEM;
	for (size_t n = 0; n < FIELD_ITEMS_MAX && left > 0; n++) {
		struct json_object *code =
			json_object_get(json_object_array_get_idx(codes, --left));

		if (json_object_array_add(batch, code) < 0) {
			(void)json_object_put(code);
			return -ENOMEM;
		}
		(void)json_object_array_del_idx(codes, left, 1);
	}
	return 0;
}

static void on_batch(const struct cloud_answer *cloud, void *userdata);

/* Deletes the next of the keys that have ended. */
static int send_batch(struct request *q, struct fault *fault)
{
	_cleanup_(json_freep) struct json_object *param = json_object_new_object();

	if (take_batch(q->codes, param) < 0)
		return fault_at_once(-ENOMEM, fault);
	return handle_send(q, q->command, param, on_batch, fault);
}

/* The deadline is for the first of several calls: half of the keys would serve nobody. */
static void on_batch(const struct cloud_answer *cloud, void *userdata)
{
	struct request *q = userdata;
	struct fault fault;

	q->call = NULL;
	if (cloud->error != CLOUD_OK || json_object_array_length(q->codes) == 0) {
		answer_more(q, cloud);
		return;
	}
	handle_done(q);
	q->deadline = clock_boot_usec() + q->requests->settings.patience_usec;
	if (send_batch(q, &fault) < 0)
		request_refuse(q, &fault);
}

/* The second step of deleting what has ended. */
static void on_keys_listed(const struct cloud_answer *cloud, void *userdata)
{
	struct cloud_answer answer = *cloud;
	struct request *q = userdata;
	struct fault fault;
	int r = 0;

	q->call = NULL;
	if (cloud->error != CLOUD_OK) {
		handle_answered(q, cloud);
		return;
	}
	q->codes = expired_keys(cloud->result);
	q->more = json_object_new_object();
	if (!q->codes ||
		json_set(q->more, "deleted",
			json_object_new_int64((int64_t)json_object_array_length(q->codes))) < 0) {
		r = fault_at_once(-ENOMEM, &fault);
	} else if (json_object_array_length(q->codes) == 0) {
		answer.result = NULL;
		answer_more(q, &answer);
	} else {
		r = send_batch(q, &fault);
	}
	if (r < 0)
		request_refuse(q, &fault);
}

/* temp_key/delete: one key as text, one or a list as JSON, or the word "expired". */
int handle_key_delete(struct request *q, const struct topic *topic, struct payload *payload,
	const struct mqtt_message *message, struct fault *fault)
{
	struct json_object *keys = json_get(payload->param, "temp_key");
	const char *text = payload->text ? payload->text : json_text(payload->param, "temp_key");
	bool expired = text && strcmp(text, "expired") == 0;
	bool several = expired || json_object_is_type(keys, json_type_array);
	int r;

	r = handle_home(
		q, topic, several ? KEYS_DELETE_COMMAND : KEY_DELETE_COMMAND, message, fault);
	if (r != 0)
		return r;
	if (payload->text)
		payload->param = json_object_new_object();
	if (expired) {
		json_object_object_del(payload->param, "temp_key");
		return handle_send(
			q, catalog_find(KEY_LIST_COMMAND), payload->param, on_keys_listed, fault);
	}
	if (payload->text &&
		json_set(payload->param, "temp_key", json_object_new_string(payload->text)) < 0)
		return fault_at_once(-ENOMEM, fault);
	return handle_send(q, q->command, payload->param, NULL, fault);
}
