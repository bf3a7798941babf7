#include "tests/unit/cmocka-all.h"

#include "tests/integration/event_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "util/json.h"

/* JSON objects serve as tables. */
struct ledger {
	struct json_object *rows;     /* row -> how often the cloud has it */
	struct json_object *pictures; /* row -> how many of these have a picture */
	struct json_object *late;     /* rows that came late */
	struct json_object *ids;      /* event id -> row */
	struct json_object *traced;   /* event id -> MAC, of those that have one */
	struct json_object *devices;  /* event id -> row, as devices were told */
	struct json_object *shown;    /* event id -> row, of those whose picture was told */
	struct json_object *last;     /* topic -> epoch of its newest first delivery */
	size_t n_rows, n_pictures, n_repeats;
	size_t events[LEDGER_PLACES], in_time[LEDGER_PLACES];
};

struct ledger *ledger_new(void)
{
	struct ledger *l = calloc(1, sizeof(*l));
	struct json_object **const tables[] = {&l->rows, &l->pictures, &l->late, &l->ids,
		&l->traced, &l->devices, &l->shown, &l->last};

	for (size_t i = 0; i < ELEMENTS(tables); i++) {
		*tables[i] = json_object_new_object();
		assert_non_null(*tables[i]);
	}
	return l;
}

struct ledger *ledger_free(struct ledger *l)
{
	if (!l)
		return NULL;
	(void)json_free(l->rows);
	(void)json_free(l->pictures);
	(void)json_free(l->late);
	(void)json_free(l->ids);
	(void)json_free(l->traced);
	(void)json_free(l->devices);
	(void)json_free(l->shown);
	(void)json_free(l->last);
	free(l);
	return NULL;
}

static int64_t number(struct json_object *table, const char *key)
{
	return json_object_get_int64(json_get(table, key));
}

static void set_number(struct json_object *table, const char *key, int64_t value)
{
	assert_int_equal(json_set(table, key, json_object_new_int64(value)), 0);
}

static void set_text(struct json_object *table, const char *key, const char *value)
{
	assert_int_equal(json_set(table, key, json_object_new_string(value)), 0);
}

void ledger_row(struct ledger *l, unsigned place, const char *row, bool picture, bool late)
{
	set_number(l->rows, row, number(l->rows, row) + 1);
	l->n_rows++;
	if (picture) {
		set_number(l->pictures, row, number(l->pictures, row) + 1);
		l->n_pictures++;
	}
	if (late)
		set_number(l->late, row, 1);
}

/* First deliveries on a topic come in order of time, but for what the cloud showed late. */
static void check_order(struct ledger *l, const struct message *m, const char *row)
{
	int64_t epoch = atoll(message_get(m, "epoch")), last = number(l->last, m->topic);

	if (json_get(l->late, row))
		return;
	if (epoch < last)
		fail_msg("%s: %s is older than the one before it", m->topic, m->payload);
	set_number(l->last, m->topic, epoch);
}

static void note_picture(struct ledger *l, const struct message *m, const char *id)
{
	if (*message_get(m, "capture_picture_url"))
		set_number(l->shown, id, 1);
}

void ledger_event(struct ledger *l, unsigned place, const struct message *m, const char *row)
{
	const char *id = message_get(m, "event_id"), *known = json_text(l->ids, id);

	assert_false(m->retain);
	assert_int_equal(m->qos, 1);
	assert_int_equal(strlen(id), 32);
	if (!json_get(l->rows, row))
		fail_msg("nothing in the cloud is %s", m->payload);
	note_picture(l, m, id);
	if (known) {
		if (strcmp(known, row) != 0)
			fail_msg("%s was %s before", m->payload, known);
		l->n_repeats++;
		return;
	}
	check_order(l, m, row);
	set_text(l->ids, id, row);
	if (*message_get(m, "mac"))
		set_text(l->traced, id, message_get(m, "mac"));
	l->events[place]++;
	l->in_time[place] += !json_get(l->late, row);
}

void ledger_device_event(struct ledger *l, const struct message *m)
{
	const char *id = message_get(m, "event_id"), *row = json_text(l->ids, id);
	const char *mac = json_text(l->traced, id);

	/* The home's topic is told first. */
	if (!row)
		fail_msg("%s has %s before its home", m->topic, m->payload);
	if (!mac || !strstr(m->topic, mac))
		fail_msg("%s has %s", m->topic, m->payload);
	if (json_get(l->devices, id))
		return;
	check_order(l, m, row);
	set_number(l->devices, id, 1);
}

void ledger_picture(struct ledger *l, const struct message *m)
{
	const char *id = message_get(m, "event_id");

	if (!json_get(l->ids, id))
		fail_msg("a picture before its event: %s", m->payload);
	note_picture(l, m, id);
}

size_t ledger_rows(const struct ledger *l)
{
	return l->n_rows;
}

size_t ledger_events(const struct ledger *l, unsigned place)
{
	return l->events[place];
}

size_t ledger_in_time(const struct ledger *l, unsigned place)
{
	return l->in_time[place];
}

size_t ledger_repeats(const struct ledger *l)
{
	return l->n_repeats;
}

const char *ledger_row_of(const struct ledger *l, const char *event_id)
{
	return json_text(l->ids, event_id);
}

/* How many different events each row has. */
static struct json_object *count_events(const struct ledger *l)
{
	struct json_object *counts = json_object_new_object();

	assert_non_null(counts);
	json_object_object_foreach (l->ids, id, row) {
		const char *text = json_object_get_string(row);

		(void)id;
		set_number(counts, text, number(counts, text) + 1);
	}
	return counts;
}

bool ledger_is_complete(const struct ledger *l)
{
	_cleanup_(json_freep) struct json_object *counts = count_events(l);

	return json_object_equal(counts, l->rows) &&
	       json_object_object_length(l->devices) == json_object_object_length(l->traced) &&
	       json_object_object_length(l->shown) == (int)l->n_pictures;
}

void ledger_report(const struct ledger *l)
{
	_cleanup_(json_freep) struct json_object *counts = count_events(l);

	json_object_object_foreach (l->rows, row, n) {
		if (number(counts, row) != json_object_get_int64(n))
			print_error("%d events of %s, which is there %s times\n",
				(int)number(counts, row), row, json_object_get_string(n));
	}
	json_object_object_foreach (l->traced, id, mac) {
		if (!json_get(l->devices, id))
			print_error("%s was not told of %s\n", json_object_get_string(mac),
				json_text(l->ids, id));
	}
	print_error("%d pictures of %zu\n", json_object_object_length(l->shown), l->n_pictures);
}
