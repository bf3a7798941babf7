#include <errno.h>
#include <string.h>

#include "bridge/event.h"
#include "bridge/handle.h"
#include "util/json.h"

#define LIMIT_STANDARD 100

/* What an answer says besides its rows fits into the difference. */
#define ROWS_SIZE_MAX (MQTT_PUBLISH_MAX - 65536)

static int take_kind(struct json_object *param, int *ret, struct fault *fault)
{
	struct json_object *value;
	const char *text;
	size_t size;

	*ret = -1;
	if (!json_object_object_get_ex(param, "kind", &value))
		return 0;
	text = json_plain(value, &size);
	for (int kind = 0; kind < HISTORY_KIND_MAX; kind++)
		if (text && strcmp(text, event_kind_name((enum history_kind)kind)) == 0)
			*ret = kind;
	if (*ret < 0)
		return fault_set(fault, REFUSAL_INVALID_PARAM, "kind",
			"must be \"call\" or \"door\", or be left out");
	json_object_object_del(param, "kind");
	return 0;
}

/* Rows have whole seconds: a fraction counts up. */
static int take_time(
	struct json_object *param, const char *name, int64_t *ret_epoch, struct fault *fault)
{
	struct json_object *value;
	int64_t msec;
	int r;

	if (!json_object_object_get_ex(param, name, &value))
		return 0;
	r = payload_time(value, name, &msec, fault);
	if (r < 0)
		return r;
	*ret_epoch = msec / 1000 + (msec % 1000 > 0);
	json_object_object_del(param, name);
	return 0;
}

static int take_limit(struct json_object *param, size_t *ret, struct fault *fault)
{
	struct json_object *value;
	int64_t limit;

	if (!json_object_object_get_ex(param, "limit", &value))
		return 0;
	limit = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
	if (limit < 1 || limit > ARCHIVE_LIMIT_MAX)
		return fault_set(fault, REFUSAL_INVALID_PARAM, "limit",
			"must be a whole number from 1 to %d", ARCHIVE_LIMIT_MAX);
	*ret = (size_t)limit;
	json_object_object_del(param, "limit");
	return 0;
}

/* Reading the archive is allowed where asking the cloud for the same is. */
static int check_allowed(const struct request *q, int kind, struct fault *fault)
{
	static const char *const commands[HISTORY_KIND_MAX] = {
		[HISTORY_CALL] = CALLS_COMMAND,
		[HISTORY_DOOR] = OPENINGS_COMMAND,
	};
	int r = 0;

	for (int k = 0; k < HISTORY_KIND_MAX && r == 0; k++)
		if (kind < 0 || kind == k)
			r = handle_allowed(q, catalog_find(commands[k]), fault);
	return r;
}

static int answer(struct request *q, const struct archive_query *query, struct fault *fault)
{
	struct json_object *rows = NULL;
	int r;

	r = event_list(&rows, q->requests->parts.history, query, ROWS_SIZE_MAX);
	if (r == -ENOMEM)
		return fault_at_once(r, fault);
	if (r < 0)
		return fault_set(fault, REFUSAL_BUSY, NULL, "the archive cannot be read now");
	if (r == EVENT_LIST_CUT) {
		(void)json_free(rows);
		return fault_set(fault, REFUSAL_TOO_LARGE, NULL,
			"the answer would be longer than %d bytes: ask for fewer rows by limit",
			ROWS_SIZE_MAX);
	}
	request_succeed(q, rows);
	return 1;
}

/* The rows of the archive, newest first, with since <= time < until. Returns as a handler. */
int handle_history(
	struct request *q, const struct home *home, struct json_object *param, struct fault *fault)
{
	struct archive_query query = {
		.since = INT64_MIN, .until = INT64_MAX, .limit = LIMIT_STANDARD};
	int r;

	if (!home)
		return fault_set(fault, REFUSAL_INVALID_PARAM, "residence_id",
			"is missing: send this to <base>/<residence>/request/history");
	query.residence_id = home->id;
	r = take_kind(param, &query.kind, fault);
	if (r == 0)
		r = check_allowed(q, query.kind, fault);
	if (r == 0)
		r = take_time(param, "since", &query.since, fault);
	if (r == 0)
		r = take_time(param, "until", &query.until, fault);
	if (r == 0)
		r = take_limit(param, &query.limit, fault);
	if (r == 0)
		r = handle_residence(q, param, fault);
	if (r == 0)
		r = handle_rest(param, fault);
	return r < 0 ? r : answer(q, &query, fault);
}
