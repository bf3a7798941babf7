#define LOG_TOKEN "history"

#include "cache/window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/clock.h"
#include "util/text.h"

/* Event ids are made with these, so they never change. */
static const struct hash_key id_keys[2] = {
	{UINT64_C(0x616b75766f78326d), UINT64_C(0x7174742f6576656e)},
	{UINT64_C(0x742069642c207365), UINT64_C(0x636f6e642068616c)},
};

/* Chains texts, so that "ab" and "c" are not "a" and "bc". */
static void chain(struct hash_key *key, const char *text)
{
	key->k0 ^= hash_bytes(*key, text, strlen(text) + 1);
}

/* A number for all that the records show. It does not depend on their order; with a secret key
 * nobody who can put rows into a history can keep it the same. */
uint64_t window_print(const struct history_record *records, size_t n, struct hash_key key)
{
	uint64_t print = n;

	for (size_t i = 0; i < n; i++) {
		const struct history_record *record = &records[i];
		struct hash_key k = key;

		chain(&k, record->time);
		chain(&k, record->name);
		chain(&k, record->sip);
		chain(&k, record->device);
		chain(&k, record->type);
		chain(&k, record->opened ? "1" : "0");
		chain(&k, record->picture);
		chain(&k, record->thumbnail);
		print += k.k0;
	}
	return print;
}

/* The one device of the home whose text that is; empty: there is none, or several. */
static const char *trace_call(const struct home *home, const char *sip, enum event_type *ret_type)
{
	const struct device *found = NULL;
	size_t n = 0;

	*ret_type = EVENT_CALL;
	home_each_device (home, device) {
		if (device->gone || !*sip || strcmp(device->sip, sip) != 0)
			continue;
		if (device_is_door_phone(device))
			*ret_type = EVENT_RING;
		found = device;
		n++;
	}
	return n == 1 ? found->mac : "";
}

static const char *trace_opening(const struct home *home, const char *name)
{
	const struct device *found = NULL;
	size_t n = 0;

	home_each_device (home, device) {
		if (device->gone || !*name || strcmp(device->name, name) != 0)
			continue;
		found = device;
		n++;
	}
	return n == 1 ? found->mac : "";
}

/* text, or what of it fits; then the copy is the window's. NULL: out of memory. */
static const char *bounded(struct window *window, const char *text)
{
	size_t size = text_cut(text, CACHE_TEXT_MAX);
	char **owned, *copy;

	if (!text[size])
		return text;
	owned = reallocarray(window->owned, window->n_owned + 1, sizeof(*owned));
	if (!owned)
		return NULL;
	window->owned = owned;
	copy = strndup(text, size);
	if (copy)
		owned[window->n_owned++] = copy;
	return copy;
}

/* Half an address is of no use. */
static const char *address_of(const char *text, bool wanted)
{
	return wanted && strnlen(text, ARCHIVE_ADDRESS_MAX + 1) <= ARCHIVE_ADDRESS_MAX ? text : "";
}

static int read_record(struct window *window, const struct home *home, enum history_kind kind,
	const struct history_record *record, const struct window_settings *settings)
{
	struct window_row *w = &window->rows[window->n];
	struct archive_row *row = &w->row;
	int64_t local;

	if (clock_parse_cloud(record->time, &local) < 0) {
		window->bad++;
		return 0;
	}
	row->residence_id = home->id;
	row->kind = kind;
	row->time = record->time;
	row->epoch = zone_epoch(settings->zone, local, settings->now);
	row->name = bounded(window, record->name);
	row->sip = bounded(window, record->sip);
	row->device = bounded(window, record->device);
	row->door_type = bounded(window, record->type);
	if (!row->name || !row->sip || !row->device || !row->door_type)
		return -ENOMEM;
	row->type = record->opened ? EVENT_OPENED : EVENT_DENIED;
	row->mac = kind == HISTORY_CALL ? trace_call(home, row->sip, &row->type)
	                                : trace_opening(home, row->device);
	row->picture = row->thumbnail = "";
	w->addresses[WINDOW_PICTURE].shown = address_of(record->picture, settings->pictures);
	w->addresses[WINDOW_THUMBNAIL].shown = address_of(record->thumbnail, settings->pictures);
	w->index = window->n++;
	return 0;
}

/* Whether a door opened tells rows apart; whether a call rang does not, as the cloud did not say
 * so. */
static int result_of(const struct archive_row *row)
{
	return row->kind == HISTORY_DOOR && row->type == EVENT_OPENED;
}

/* Orders rows of one time by what tells them apart; 0: they are equal. */
static int compare_identity(const struct archive_row *a, const struct archive_row *b)
{
	int order = result_of(a) - result_of(b);

	if (order == 0)
		order = strcmp(a->name, b->name);
	if (order == 0)
		order = strcmp(a->sip, b->sip);
	if (order == 0)
		order = strcmp(a->device, b->device);
	return order == 0 ? strcmp(a->door_type, b->door_type) : order;
}

static bool is_equal(const struct archive_row *a, const struct archive_row *b)
{
	return strcmp(a->time, b->time) == 0 && compare_identity(a, b) == 0;
}

static int compare_rows(const void *left, const void *right)
{
	const struct window_row *a = left, *b = right;
	int order;

	if (a->row.epoch != b->row.epoch)
		return a->row.epoch < b->row.epoch ? -1 : 1;
	order = strcmp(a->row.time, b->row.time);
	if (order == 0)
		order = compare_identity(&a->row, &b->row);
	if (order == 0)
		order = a->index < b->index ? -1 : 1;
	return order;
}

/* The id of the n-th of equal rows: made of nothing but the row, so that it is the same even after
 * all else is lost. */
static void set_id(struct window_row *w, size_t n)
{
	uint64_t half[2];
	char number[48];

	(void)snprintf(
		number, sizeof(number), "%d %d %zu", (int)w->row.kind, result_of(&w->row), n);
	for (size_t i = 0; i < ELEMENTS(half); i++) {
		struct hash_key key = id_keys[i];

		chain(&key, w->row.residence_id);
		chain(&key, w->row.time);
		chain(&key, w->row.name);
		chain(&key, w->row.sip);
		chain(&key, w->row.device);
		chain(&key, w->row.door_type);
		chain(&key, number);
		half[i] = key.k0;
	}
	(void)snprintf(
		w->event_id, sizeof(w->event_id), "%016" PRIx64 "%016" PRIx64, half[0], half[1]);
	w->id = half[0];
	w->row.event_id = w->event_id;
}

/* How many rows from the first on are equal to it. */
static size_t count_equal(const struct window_row *first, const struct window_row *end)
{
	const struct window_row *w = first + 1;

	while (w < end && is_equal(&first->row, &w->row))
		w++;
	return (size_t)(w - first);
}

/* Reads records, whose texts and whose home's must outlive the window. Texts are cut at
 * CACHE_TEXT_MAX; a longer address is none. What a row can be traced to is looked up now, so the
 * home's devices should be known. */
int window_new(struct window **ret, const struct home *home, enum history_kind kind,
	const struct history_record *records, size_t n, const struct window_settings *settings)
{
	_cleanup_(window_freep) struct window *window = calloc(1, sizeof(*window));
	size_t equal;
	int r = 0;

	if (!window)
		return -ENOMEM;
	window->rows = calloc(n + 1, sizeof(*window->rows));
	if (!window->rows)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_record(window, home, kind, &records[i], settings);
	if (r < 0)
		return r;
	qsort(window->rows, window->n, sizeof(*window->rows), compare_rows);
	for (size_t i = 0; i < window->n; i += equal) {
		equal = count_equal(&window->rows[i], &window->rows[window->n]);
		for (size_t k = 0; k < equal; k++)
			set_id(&window->rows[i + k], k);
	}
	*ret = TAKE_PTR(window);
	return 0;
}

/* Takes NULL, returns NULL. */
struct window *window_free(struct window *window)
{
	if (!window)
		return NULL;
	for (size_t i = 0; i < window->n_owned; i++)
		free(window->owned[i]);
	free(window->owned);
	free(window->rows);
	free(window);
	return NULL;
}

/* Rows of the window that show one time. */
struct moment {
	struct window_row *rows, *end;
};

/* text: the address of archived row number of those that are equal to first. */
static void match_address(struct window_row *first, size_t equal, size_t number, const char *text,
	enum window_address address)
{
	if (!*text)
		return;
	if (number < equal)
		first[number].addresses[address].filled = true;
	for (size_t i = 0; i < equal; i++) {
		struct window_row *w = &first[i];

		if (w->addresses[address].taken || strcmp(w->addresses[address].shown, text) != 0)
			continue;
		w->addresses[address].taken = true;
		return;
	}
	first->addresses[address].others++;
}

/* Finds the rows of the window that are equal to the archived one. */
static int on_archived(const struct archive_row *archived, void *userdata)
{
	const struct moment *moment = userdata;
	struct window_row *w = moment->rows;
	size_t equal, number;

	while (w < moment->end && !is_equal(&w->row, archived))
		w += count_equal(w, moment->end);
	if (w == moment->end)
		return 0;
	equal = count_equal(w, moment->end);
	number = w->n_archived++;
	match_address(w, equal, number, archived->picture, WINDOW_PICTURE);
	match_address(w, equal, number, archived->thumbnail, WINDOW_THUMBNAIL);
	if (number < equal) {
		w[number].row.row = archived->row;
		w[number].row.told = archived->told;
	}
	return 0;
}

/* The next of the addresses shown that no archived row has; empty: no more. Some clouds sign their
 * addresses anew each time: as many as the archive has already count as those. */
static const char *next_address(
	struct window_row *first, size_t equal, size_t *i, enum window_address address)
{
	for (; *i < equal; ++*i) {
		const char *shown = first[*i].addresses[address].shown;

		if (first[*i].addresses[address].taken || !*shown)
			continue;
		if (first->addresses[address].others > 0) {
			first->addresses[address].others--;
			continue;
		}
		++*i;
		return shown;
	}
	return "";
}

/* Of equal rows those beyond as many as are archived are new. Addresses go to those that have none,
 * the archived ones first. */
static void settle(struct window_row *first, size_t equal)
{
	size_t next[WINDOW_ADDRESS_MAX] = {0};

	for (size_t i = 0; i < equal; i++) {
		struct window_row *w = &first[i];

		w->is_new = i >= first->n_archived;
		if (!w->addresses[WINDOW_PICTURE].filled)
			w->row.picture =
				next_address(first, equal, &next[WINDOW_PICTURE], WINDOW_PICTURE);
		if (!w->addresses[WINDOW_THUMBNAIL].filled)
			w->row.thumbnail = next_address(
				first, equal, &next[WINDOW_THUMBNAIL], WINDOW_THUMBNAIL);
		w->is_updated = !w->is_new && (*w->row.picture || *w->row.thumbnail);
	}
}

static void forget_archived(struct window_row *w)
{
	w->n_archived = 0;
	w->row.row = 0;
	w->row.told = false;
	w->row.picture = w->row.thumbnail = "";
	for (size_t i = 0; i < WINDOW_ADDRESS_MAX; i++) {
		w->addresses[i].taken = w->addresses[i].filled = false;
		w->addresses[i].others = 0;
	}
}

/* Finds out which rows are new to that source, 0 for one without any row, and which have pictures
 * that it lacks. One look-up for each time shown. May be done again with another store. */
int window_compare(struct window *window, struct store *store, int64_t source)
{
	struct window_row *end = window->rows + window->n;
	size_t equal;
	int r = 0;

	for (struct window_row *w = window->rows; w < end; w++)
		forget_archived(w);
	for (struct window_row *w = window->rows; w < end && r == 0 && source != 0;) {
		struct moment moment = {w, w};

		while (moment.end < end && strcmp(moment.end->row.time, w->row.time) == 0)
			moment.end++;
		r = archive_each_at(store, source, w->row.time, on_archived, &moment);
		w = moment.end;
	}
	for (struct window_row *w = window->rows; w < end && r == 0; w += equal) {
		equal = count_equal(w, end);
		settle(w, equal);
	}
	return r;
}
