#include "bridge/event.h"

#include <errno.h>

#include "util/clock.h"
#include "util/json.h"

/* As topics and requests call it. */
const char *event_kind_name(enum history_kind kind)
{
	switch (kind) {
	case HISTORY_CALL:
		return "call";
	case HISTORY_DOOR:
		return "door";
	case HISTORY_KIND_MAX:
		break;
	}
	return "unknown";
}

static int set_text(struct json_object *object, const char *key, const char *text)
{
	return json_set(object, key, json_object_new_string(text));
}

static int set_call(struct json_object *object, const struct archive_row *row)
{
	if (set_text(object, "call_name", row->name) < 0)
		return -ENOMEM;
	return set_text(object, "call_sip", row->sip);
}

static int set_opening(struct json_object *object, const struct archive_row *row)
{
	if (set_text(object, "account_name", row->name) < 0 ||
		set_text(object, "device_name", row->device) < 0 ||
		set_text(object, "open_door_type", row->door_type) < 0 ||
		set_text(object, "capture_picture_url", row->picture) < 0)
		return -ENOMEM;
	return set_text(object, "capture_thumbnail_url", row->thumbnail);
}

/* The row as JSON: all keys of its kind, with "" for what nobody knows, and the cloud's texts as
 * they are. time is in the local zone, as all times we publish. NULL when memory ran out; the caller
 * frees it. */
struct json_object *event_object(const struct archive_row *row)
{
	_cleanup_(json_freep) struct json_object *object = json_object_new_object();
	char time[CLOCK_TEXT_MAX];

	if (set_text(object, "event_id", row->event_id) < 0 ||
		set_text(object, "event_type", event_type_name(row->type)) < 0 ||
		set_text(object, "time", clock_rfc3339(time, row->epoch)) < 0 ||
		json_set(object, "epoch", json_object_new_int64(row->epoch)) < 0)
		return NULL;
	if ((row->kind == HISTORY_CALL ? set_call(object, row) : set_opening(object, row)) < 0 ||
		set_text(object, "mac", row->mac) < 0)
		return NULL;
	return TAKE_PTR(object);
}

/* As it is published; lives as long as the object is not changed. NULL when memory ran out. */
const char *event_text(struct json_object *object, size_t *ret_size)
{
	return json_object_to_json_string_length(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, ret_size);
}

static int on_row(const struct archive_row *row, void *userdata)
{
	struct json_object *list = userdata, *object = event_object(row);

	if (object && json_object_array_add(list, object) == 0)
		return 0;
	(void)json_object_put(object);
	return -ENOMEM;
}

static int read_list(
	struct json_object **ret, struct history *history, const struct archive_query *query)
{
	_cleanup_(json_freep) struct json_object *list = json_object_new_array();
	int r;

	if (!list)
		return -ENOMEM;
	r = history_find(history, query, on_row, list);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}

static int cut_list(struct json_object *list, size_t size_max)
{
	size_t size, n = json_object_array_length(list), kept = n;

	for (;;) {
		if (!event_text(list, &size))
			return -ENOMEM;
		if (size <= size_max || kept == 0)
			return kept == n ? 0 : EVENT_LIST_CUT;
		(void)json_object_array_del_idx(list, kept / 2, kept - kept / 2);
		kept /= 2;
	}
}

/* The rows asked for as an array, newest first, of at most size_max bytes as text. A file that just
 * failed is asked once more, as something stands in for it then. On success, and if it was cut, the
 * caller frees *ret. */
int event_list(struct json_object **ret, struct history *history, const struct archive_query *query,
	size_t size_max)
{
	_cleanup_(json_freep) struct json_object *list = NULL;
	int r = read_list(&list, history, query);

	if (r < 0)
		r = read_list(&list, history, query);
	if (r == 0)
		r = cut_list(list, size_max);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return r;
}
