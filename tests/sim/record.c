#include "tests/sim/record.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/fields.h"
#include "util/clock.h"

/* The last requests that /requests shows, and the wrong ones that /state shows. */
#define REQUESTS_KEEP_MAX 1000
#define WRONG_KEEP_MAX    1000

/* 32 hex digits of a command id; all zero stands for a free place. */
struct id {
	uint64_t high, low;
};

struct seen {
	char *id;
	const char *command; /* of the catalogue, a constant */
	int64_t time_msec;
	struct json_object *param;
};

struct record {
	struct json_object *wrong;  /* array of texts */
	struct json_object *counts; /* by command */
	struct seen requests[REQUESTS_KEEP_MAX];
	uint64_t requests_total;
	struct id *ids; /* open addressing */
	size_t ids_room, ids_count;
	bool zero_seen;
};

struct record *record_new(void)
{
	struct record *r = must(calloc(1, sizeof(*r)));

	r->wrong = must(json_object_new_array());
	r->counts = must(json_object_new_object());
	r->ids_room = 1024;
	r->ids = must(calloc(r->ids_room, sizeof(*r->ids)));
	return r;
}

static void seen_done(struct seen *s)
{
	free(s->id);
	(void)json_object_put(s->param);
	*s = (struct seen){0};
}

struct record *record_free(struct record *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < REQUESTS_KEEP_MAX; i++)
		seen_done(&r->requests[i]);
	(void)json_object_put(r->wrong);
	(void)json_object_put(r->counts);
	free(r->ids);
	free(r);
	return NULL;
}

/* Notes a request that a right client never sends. Neither text may hold a secret. */
void record_wrong(struct record *r, const char *what, const char *why)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s: %s", what, why);
	if (json_object_array_length(r->wrong) < WRONG_KEEP_MAX)
		add_item(r->wrong, json_object_new_string(text));
}

static bool parse_half(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	for (int i = 0; i < 16; i++) {
		const char *digit = text[i] ? strchr("0123456789abcdef", text[i]) : NULL;

		if (!digit)
			return false;
		value = value << 4 | (uint64_t)(digit - "0123456789abcdef");
	}
	*ret = value;
	return true;
}

/* False if that id is already there. */
static bool put_id(struct record *r, struct id id)
{
	size_t at = (size_t)((id.high ^ id.low) * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	for (;; at++) {
		struct id *place = &r->ids[at & (r->ids_room - 1)];

		if (place->high == id.high && place->low == id.low)
			return false;
		if (!place->high && !place->low) {
			*place = id;
			r->ids_count++;
			return true;
		}
	}
}

static void grow_ids(struct record *r)
{
	struct id *old = r->ids;
	size_t room = r->ids_room;

	r->ids_room *= 2;
	r->ids_count = 0;
	r->ids = must(calloc(r->ids_room, sizeof(*r->ids)));
	for (size_t i = 0; i < room; i++)
		if (old[i].high || old[i].low)
			(void)put_id(r, old[i]);
	free(old);
}

/* True if id is "c" with 32 lower-case hex digits and was never given before. */
bool record_id(struct record *r, const char *id)
{
	bool seen = r->zero_seen;
	struct id value;

	if (strlen(id) != 33 || id[0] != 'c' || !parse_half(id + 1, &value.high) ||
		!parse_half(id + 17, &value.low))
		return false;
	if (!value.high && !value.low) {
		r->zero_seen = true;
		return !seen;
	}
	if (r->ids_count * 2 >= r->ids_room)
		grow_ids(r);
	return put_id(r, value);
}

/* Notes a request; command: a string constant. Takes a reference to param. */
void record_request(
	struct record *r, const char *command, const char *id, struct json_object *param)
{
	struct seen *s = &r->requests[r->requests_total++ % REQUESTS_KEEP_MAX];
	struct json_object *count;

	seen_done(s);
	s->id = must(strdup(id));
	s->command = command;
	s->time_msec = clock_epoch_msec();
	s->param = json_object_get(param);
	if (json_object_object_get_ex(r->counts, command, &count))
		(void)json_object_int_inc(count, 1);
	else
		add_number(r->counts, command, 1);
}

/* The texts of the wrong requests. This and the others below: the caller owns the result. */
struct json_object *record_wrong_json(const struct record *r)
{
	return json_object_get(r->wrong);
}

struct json_object *record_counts_json(const struct record *r)
{
	return json_object_get(r->counts);
}

/* The last requests in their order, of one command or (NULL) of all. */
struct json_object *record_requests_json(const struct record *r, const char *command)
{
	struct json_object *list = must(json_object_new_array());
	uint64_t first =
		r->requests_total > REQUESTS_KEEP_MAX ? r->requests_total - REQUESTS_KEEP_MAX : 0;

	for (uint64_t i = first; i < r->requests_total; i++) {
		const struct seen *s = &r->requests[i % REQUESTS_KEEP_MAX];
		struct json_object *item;

		if (command && strcmp(command, s->command) != 0)
			continue;
		item = must(json_object_new_object());
		add_text(item, "id", s->id);
		add_text(item, "command", s->command);
		add_number(item, "time_ms", s->time_msec);
		add(item, "param", json_object_get(s->param));
		add_item(list, item);
	}
	return list;
}
