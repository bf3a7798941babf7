#define LOG_TOKEN "history"

#include "cache/history.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <json-c/linkhash.h>

#include "cache/recent.h"
#include "cache/vault.h"
#include "cache/window.h"
#include "util/clock.h"
#include "util/log.h"

/* Homes the hash table is made for; it grows by itself. */
#define HOMES_HINT 64

/* Deleting what is too old can wait, and every time is a write. */
#define PRUNE_EVERY (6 * 3600)

/* Histories one history_tend() looks at for old rows. */
#define PRUNE_AT_ONCE 200

/* Answers so far apart, in seconds, cannot tell of a wrong zone. */
#define ZONE_GAP_MAX 120

/* The two histories of a home. */
struct place {
	char *id;
	struct recent recent[HISTORY_KIND_MAX];
};

struct history {
	struct vault *vault;
	struct history_settings settings;
	unsigned generation;     /* of the settings */
	struct hash_key key;     /* of window_print() */
	struct lh_table *places; /* residence id -> struct place */
	int64_t pruned_at;
	int64_t prune_cursor; /* 0: not in the middle of it */
	bool bad_told, zone_told;
};

static struct place *place_free(struct place *place)
{
	for (int kind = 0; kind < HISTORY_KIND_MAX; kind++)
		recent_done(&place->recent[kind]);
	free(place->id);
	free(place);
	return NULL;
}

static void place_entry_free(struct lh_entry *entry)
{
	(void)place_free(lh_entry_v(entry));
}

/* NULL: out of memory. */
static struct recent *find_recent(
	struct history *history, const char *residence_id, enum history_kind kind)
{
	struct place *place;
	void *kept;

	if (lh_table_lookup_ex(history->places, residence_id, &kept)) {
		place = kept;
		return &place->recent[kind];
	}
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	place->id = strdup(residence_id);
	if (!place->id || lh_table_insert(history->places, place->id, place) < 0) {
		place_free(place);
		return NULL;
	}
	return &place->recent[kind];
}

/* Makes the histories of all homes in that file, which must outlive them. settings: copied. */
int history_new(
	struct history **ret, struct cache_file *file, const struct history_settings *settings)
{
	_cleanup_(history_freep) struct history *history = calloc(1, sizeof(*history));
	int r;

	if (!history)
		return -ENOMEM;
	if (getrandom(&history->key, sizeof(history->key), 0) != (ssize_t)sizeof(history->key))
		return -EIO;
	history->places = lh_kchar_table_new(HOMES_HINT, place_entry_free);
	if (!history->places)
		return -ENOMEM;
	r = vault_new(&history->vault, file);
	if (r < 0)
		return r;
	history->settings = *settings;
	*ret = TAKE_PTR(history);
	return 0;
}

/* Takes NULL, returns NULL. Call history_tend() before: what only memory knows is lost. */
struct history *history_free(struct history *history)
{
	if (!history)
		return NULL;
	history->vault = vault_free(history->vault);
	if (history->places)
		lh_table_free(history->places);
	free(history);
	return NULL;
}

/* New settings. Rows that are archived keep the time they were given. */
void history_set(struct history *history, const struct history_settings *settings)
{
	history->settings = *settings;
	history->zone_told = false;
	history->pruned_at = 0;
	history->generation++;
}

/* The home is about to be freed. Its rows stay for as long as all others. */
void history_forget(struct history *history, const char *residence_id)
{
	(void)lh_table_delete(history->places, residence_id);
}

struct merging {
	struct history *history;
	const struct home *home;
	enum history_kind kind;
	struct window *window;
	struct recent *recent;
	int64_t now;
	struct history_news news;
};

/* A row that the store lacks. All that a history shows at first was there before; and the store may
 * be a new one, after the file was lost: then memory knows the newest rows. */
static void judge_new(const struct history *history, struct merging *merging,
	const struct archive_source *source, struct window_row *w)
{
	const struct recent *recent = merging->recent;
	bool known = recent_has(recent, w, &w->row.told);

	if (!source->seeded && (!recent->known || recent_forgot(recent, w)))
		known = true;
	merging->news.rows++;
	if (known)
		return;
	w->is_news = true;
	if (w->row.epoch < merging->now - history->settings.max_event_age_sec) {
		merging->news.late++;
		return;
	}
	merging->news.events++;
	w->is_event = w->row.told = true;
}

/* Decides what each row is. */
static void judge(
	const struct history *history, struct merging *merging, const struct archive_source *source)
{
	struct window *window = merging->window;

	merging->news = (struct history_news){.bad = window->bad};
	for (size_t i = 0; i < window->n; i++) {
		struct window_row *w = &window->rows[i];

		w->is_event = w->is_news = false;
		/* Deleted, or it would be at once. */
		if (w->row.epoch <= source->pruned ||
			w->row.epoch < merging->now - history->settings.keep_sec)
			w->is_new = w->is_updated = false;
		if (w->is_new)
			judge_new(history, merging, source, w);
		else if (w->is_updated && w->row.told)
			merging->news.pictures++;
		else if (w->is_updated)
			merging->news.filled++;
	}
}

static int write_row(
	struct history *history, struct store *store, int64_t source, const struct window_row *w)
{
	int r = 0;

	if (w->is_new) {
		r = archive_add(store, source, &w->row);
		if (r == 0 && w->is_event)
			r = outbox_add(
				store, vault_next_entry(history->vault), OUTBOX_ROW_ADDED, false);
	} else if (w->is_updated) {
		r = archive_update(store, &w->row);
		if (r == 0 && w->row.told)
			r = outbox_add(store, vault_next_entry(history->vault), w->row.row, true);
	}
	return r;
}

static bool anything_to_write(const struct window *window)
{
	for (size_t i = 0; i < window->n; i++)
		if (window->rows[i].is_new || window->rows[i].is_updated)
			return true;
	return false;
}

static int merge(struct store *store, bool in_memory, void *userdata)
{
	struct merging *merging = userdata;
	struct history *history = merging->history;
	struct archive_source source = {.pruned = INT64_MIN};
	struct window *window = merging->window;
	const char *id = merging->home->id;
	int r;

	r = archive_find_source(store, id, merging->kind, &source);
	if (r >= 0)
		r = window_compare(window, store, source.source);
	if (r < 0)
		return r;
	judge(history, merging, &source);
	if (source.seeded && !anything_to_write(window))
		return 0;
	r = archive_last(store, &merging->news.before);
	if (r == 0)
		r = store_begin(store);
	if (r == 0 && !source.seeded) {
		source.seeded = true;
		r = archive_set_source(store, id, merging->kind, &source);
	}
	for (size_t i = 0; i < window->n && r == 0; i++)
		r = write_row(history, store, source.source, &window->rows[i]);
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		store_rollback(store);
	return r;
}

/* A wrong history.timezone shifts all times by the same: then no row is ever young enough for an
 * event, and nobody is told. Steps of a zone are quarters of an hour. */
static void suspect_zone(struct history *history, const struct merging *merging)
{
	int64_t gap = merging->now - merging->recent->now;

	if (history->zone_told || !merging->recent->known || gap < 0 || gap > ZONE_GAP_MAX)
		return;
	for (size_t i = 0; i < merging->window->n; i++) {
		const struct window_row *w = &merging->window->rows[i];
		int64_t age = merging->now - w->row.epoch, distance = age < 0 ? -age : age;
		/* It came about since the last answer. */
		int64_t beyond = ((age % 900) + 900) % 900;

		if (!w->is_news || distance < 900 - ZONE_SLACK || distance > 15 * 3600 ||
			(beyond > gap + ZONE_SLACK && beyond < 900 - ZONE_SLACK))
			continue;
		log_warning("a new row in a history of %s is %s by about %d minutes; is "
			    "history.timezone right?",
			merging->home->id, age < 0 ? "ahead of time" : "late",
			(int)((distance + 450) / 900 * 15));
		history->zone_told = true;
		return;
	}
}

static void tell_bad(struct history *history, const struct merging *merging)
{
	size_t bad = merging->window->bad;

	if (bad == 0 || history->bad_told)
		return;
	log_warning("%zu of the rows in a history of %s have a time that cannot be read; such rows "
		    "are left out",
		bad, merging->home->id);
	history->bad_told = true;
}

/* The newest row stands in for a clock that was never set. */
static int64_t sane_now(const struct window *window, int64_t now)
{
	return now < CLOCK_SET && window->n > 0 ? window->rows[window->n - 1].row.epoch : now;
}

/* Takes over an answer of the cloud to a home's history: whatever part of the history it shows, in
 * whatever order. What is new in it is in the file, with its entries in the outbox, when this
 * returns; if nothing is, nothing is written, and if it is the same as the last, nothing is read.
 *
 * A row is known by its home, its kind, its time as written, and all of its texts but the pictures.
 * Of equal rows as many as are not archived yet are new. Events of one answer come in order of
 * time; those of a later answer come behind them, even if a row came late and is older. A row that
 * is older than max_event_age_sec when it is first seen is no event, nor is any of the first answer
 * ever.
 *
 * now: the time of the answer by the cloud's own clock. If it is before 2024 nobody knows the time,
 * and the newest row is taken for now. What is ahead of now is an event.
 *
 * -ENOMEM, -EBUSY: nothing was taken over; the next answer will do. */
int history_merge(struct history *history, const struct home *home, enum history_kind kind,
	const struct history_record *records, size_t n, int64_t now, struct history_news *ret)
{
	_cleanup_(window_freep) struct window *window = NULL;
	const struct window_settings settings = {
		history->settings.zone, history->settings.pictures, now};
	struct merging merging = {history, home, kind, .now = now};
	unsigned generation;
	uint64_t print = window_print(records, n, history->key);
	int r;

	merging.recent = find_recent(history, home->id, kind);
	if (!merging.recent)
		return -ENOMEM;
	generation = vault_generation(history->vault) + history->generation;
	if (merging.recent->known && merging.recent->print == print &&
		merging.recent->generation == generation) {
		merging.recent->now = now;
		*ret = (struct history_news){0};
		return 0;
	}
	r = window_new(&window, home, kind, records, n, &settings);
	if (r < 0)
		return r;
	merging.window = window;
	tell_bad(history, &merging);
	merging.news.bad = window->bad;
	/* Nothing that can be read is no first answer either. */
	if (n > 0 && window->n == 0) {
		*ret = merging.news;
		return 0;
	}
	merging.now = sane_now(window, now);
	r = vault_run(history->vault, merge, &merging);
	if (r < 0)
		return r;
	suspect_zone(history, &merging);
	r = recent_add(merging.recent, window);
	if (r == 0) {
		merging.recent->print = print;
		merging.recent->generation = vault_generation(history->vault) + history->generation;
		merging.recent->now = now;
	}
	*ret = merging.news;
	return 0;
}

/* What is handed out row by row. stopped: what the callback returned, if it is negative. */
struct handing {
	struct history *history;
	const struct archive_query *query;
	int64_t after;
	size_t left; /* to be handed out */
	outbox_each_t each_entry;
	archive_row_t each_row;
	void *userdata;
	int stopped;
};

/* Addresses that were kept when the settings still said so are not told any more. */
static void hide_pictures(const struct history *history, struct archive_row *row)
{
	if (!history->settings.pictures)
		row->picture = row->thumbnail = "";
}

static int on_pending(const struct outbox_entry *entry, void *userdata)
{
	struct handing *handing = userdata;
	struct outbox_entry shown = *entry;

	if (vault_is_done(handing->history->vault, entry->entry))
		return 0;
	hide_pictures(handing->history, &shown.row);
	handing->stopped = handing->each_entry(&shown, handing->userdata);
	if (handing->stopped == 0 && --handing->left == 0)
		handing->stopped = -ECANCELED;
	return handing->stopped;
}

static int find_pending(struct store *store, bool in_memory, void *userdata)
{
	struct handing *handing = userdata;

	return outbox_each(store, handing->after, on_pending, handing);
}

/* Calls each for up to limit entries behind the one with that number, in the order in which they are
 * to be published; after: 0 for the first. After a lost connection begin anew from there: what was
 * not history_done() comes again, with the same event_id. each must not call the history. -EIO and
 * the like: the file failed; what can be had is found by the next call. */
int history_pending(
	struct history *history, int64_t after, size_t limit, outbox_each_t each, void *userdata)
{
	struct handing handing = {.history = history,
		.after = after,
		.left = limit,
		.each_entry = each,
		.userdata = userdata};
	int r;

	if (limit == 0)
		return 0;
	r = vault_run_once(history->vault, find_pending, &handing, &handing.stopped);
	return handing.left == 0 ? 0 : r;
}

/* The broker acknowledged these: they are over, in one transaction. If that cannot be written now
 * it is remembered, and written later. -ENOMEM: they will come again. */
int history_done(struct history *history, const int64_t *entries, size_t n)
{
	return vault_done(history->vault, entries, n);
}

static int count_pending(struct store *store, bool in_memory, void *userdata)
{
	int64_t last;

	return outbox_count(store, userdata, &last);
}

/* How many entries wait to be acknowledged; 0 also if nobody can tell. */
size_t history_count_pending(struct history *history)
{
	size_t n = 0;

	(void)vault_run(history->vault, count_pending, &n);
	return n;
}

static int on_found(const struct archive_row *row, void *userdata)
{
	struct handing *handing = userdata;
	struct archive_row shown = *row;

	hide_pictures(handing->history, &shown);
	handing->stopped = handing->each_row(&shown, handing->userdata);
	return handing->stopped;
}

static int find_rows(struct store *store, bool in_memory, void *userdata)
{
	struct handing *handing = userdata;

	return archive_find(store, handing->query, on_found, handing);
}

/* See archive_find(). each must not call the history. */
int history_find(struct history *history, const struct archive_query *query, archive_row_t each,
	void *userdata)
{
	struct handing handing = {
		.history = history, .query = query, .each_row = each, .userdata = userdata};

	return vault_run_once(history->vault, find_rows, &handing, &handing.stopped);
}

struct pruning {
	struct history *history;
	int64_t horizon;
};

static int prune(struct store *store, bool in_memory, void *userdata)
{
	const struct pruning *pruning = userdata;
	size_t most = in_memory ? HISTORY_MEMORY_ROWS_MAX : HISTORY_ROWS_MAX;
	int r = 0;

	for (int i = 0; i < PRUNE_AT_ONCE && r == 0; i++)
		r = archive_prune(store, &pruning->history->prune_cursor, pruning->horizon, most);
	return r;
}

/* Some of the old rows go. True: there may be more. */
static bool tend_archive(struct history *history, int64_t now)
{
	struct pruning pruning = {history, now - history->settings.keep_sec};
	int64_t passed = now - history->pruned_at;
	int r;

	if (now < CLOCK_SET || (history->prune_cursor == 0 && passed >= 0 && passed < PRUNE_EVERY))
		return false;
	r = vault_run(history->vault, prune, &pruning);
	if (r >= 0 && r != ARCHIVE_NONE)
		return true;
	history->prune_cursor = 0;
	history->pruned_at = now;
	return false;
}

/* Chores, at the pace of a lazy timer, and once before the end: goes back to a file that works
 * again, writes what could not be written before, deletes what is older than keep_sec. Deletes
 * nothing by a clock that was never set, and remembers how far it deleted: should the clock have
 * jumped ahead, what the cloud still shows is gone from the archive, but is no news again. True:
 * call it again soon. */
bool history_tend(struct history *history, int64_t now)
{
	vault_tend(history->vault);
	return tend_archive(history, now);
}
