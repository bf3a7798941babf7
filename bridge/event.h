#pragma once

#include <json-c/json.h>

#include "cache/history.h"

/* Rows of the histories as topics and answers show them. */

enum event_list_result {
	EVENT_LIST_CUT = 1, /* the oldest rows did not fit and were left out */
};

const char *event_kind_name(enum history_kind kind);
struct json_object *event_object(const struct archive_row *row);
int event_list(struct json_object **ret, struct history *history, const struct archive_query *query,
	size_t size_max);
const char *event_text(struct json_object *object, size_t *ret_size);
