#define LOG_TOKEN "confirm"

#include "bridge/confirm.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <json-c/linkhash.h>

#include "bridge/door.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

/* What became of an opening, as far as its answer tells. */
enum outcome {
	OUTCOME_FLYING, /* there is no answer yet */
	OUTCOME_OPENED,
	OUTCOME_UNKNOWN, /* and somebody is to be told */
	OUTCOME_PERHAPS, /* the same, but nobody is */
};

/* An opening that left. A row belongs to the place of the last one that was sent before it, as
 * nobody can tell whether it is that one's or an earlier one's. */
struct expected {
	TAILQ_ENTRY(expected) list;
	TAILQ_ENTRY(expected) list_of_home;
	struct opened_home *home;
	uint64_t opening;
	char *mac;
	uint64_t sent; /* clock_boot_usec() */
	uint64_t answered;
	enum outcome outcome;
	int64_t since_msec; /* when it was sent by the cloud's clock, at the earliest; 0: not known */
	unsigned heard;     /* since the answer */
	size_t rows;        /* that are in its place */
	size_t debts;  /* earlier ones that are given up: each may have made a row in its place */
	bool proven;   /* it has a row */
	bool doubtful; /* there is a row that may be its own, or not */
	struct address address;
	struct json_object *id;
	char *command;
	char *door;
};

TAILQ_HEAD(expected_list, expected);

/* A home whose doors were opened; it stays. */
struct opened_home {
	char *residence;
	struct expected_list list; /* in the order in which they were sent */
};

struct confirm {
	struct mqtt *mqtt;
	struct history *history;
	struct lh_table *homes;   /* by residence */
	struct expected_list all; /* in the same order */
	size_t n;
	uint64_t last;
};

static struct expected *expected_free(struct expected *e)
{
	if (!e)
		return NULL;
	address_done(&e->address);
	(void)json_object_put(e->id);
	free(e->mac);
	free(e->command);
	free(e->door);
	free(e);
	return NULL;
}

DEFINE_CLEANUP(struct expected *, expected_free);

static void drop(struct confirm *confirm, struct expected *e)
{
	TAILQ_REMOVE(&confirm->all, e, list);
	TAILQ_REMOVE(&e->home->list, e, list_of_home);
	confirm->n--;
	(void)expected_free(e);
}

/* The rows of two relays of a device cannot be told apart. */
static bool same_device(const struct expected *a, const struct expected *b)
{
	return a->home == b->home && strcasecmp(a->mac, b->mac) == 0;
}

/* The one of the same device that was sent before or after, and has no row yet; NULL: none. */
static struct expected *earlier(const struct expected *of)
{
	struct expected *e = TAILQ_PREV(of, expected_list, list_of_home);

	while (e && (e->proven || !same_device(e, of)))
		e = TAILQ_PREV(e, expected_list, list_of_home);
	return e;
}

static struct expected *later(const struct expected *of)
{
	struct expected *e = TAILQ_NEXT(of, list_of_home);

	while (e && (e->proven || !same_device(e, of)))
		e = TAILQ_NEXT(e, list_of_home);
	return e;
}

static void tell(const struct confirm *confirm, const struct expected *e, bool confirmed)
{
	_cleanup_(json_freep) struct json_object *answer =
		answer_confirmed(e->id, e->command, confirmed);

	log_notice("%s %s: so says its history", confirmed ? "Opened" : "Did not open", e->door);
	(void)answer_send(confirm->mqtt, &e->address, answer);
}

/* The first openings of a device have happened if there are as many rows in their places: no later
 * one can have made these. Of more rows than openings some are somebody else's. */
static void prove_device(struct expected *first)
{
	size_t n = 0, rows = 0;

	for (struct expected *e = first, *next; e; e = next) {
		next = later(e);
		n += 1 + e->debts;
		rows += e->rows;
		if (rows < n)
			continue;
		for (struct expected *proven = first, *after; proven != next; proven = after) {
			after = later(proven);
			proven->proven = true;
		}
		first = next;
		n = rows = 0;
	}
}

/* Tells of those that have a row; of one that flies still, behind its answer. */
static void tell_proven(struct confirm *confirm, struct opened_home *home)
{
	for (struct expected *e = TAILQ_FIRST(&home->list), *next; e; e = next) {
		next = TAILQ_NEXT(e, list_of_home);
		if (!e->proven || e->outcome == OUTCOME_FLYING)
			continue;
		if (e->outcome == OUTCOME_UNKNOWN)
			tell(confirm, e, true);
		drop(confirm, e);
	}
}

/* Whether rows in the places of later openings are all accounted for by those of them that
 * certainly happened. */
static bool others_explained(const struct expected *of)
{
	size_t certain = 0;

	for (const struct expected *e = later(of); e; e = later(e)) {
		certain += e->outcome == OUTCOME_OPENED;
		if (e->rows > certain)
			return false;
		certain -= e->rows;
	}
	return true;
}

static size_t rows_behind(const struct expected *of)
{
	size_t rows = 0;

	for (const struct expected *e = later(of); e; e = later(e))
		rows += e->rows;
	return rows;
}

/* Its time is over, and it has no row that is certainly its own. Rows that are there prove less
 * from now on: one that certainly happened takes a row of its place along; else a row behind it may
 * be its own. */
static void give_up(struct confirm *confirm, struct expected *e)
{
	size_t own = e->outcome == OUTCOME_OPENED && e->rows > 0 ? 1 : 0;
	struct expected *before = earlier(e), *behind = later(e);

	if (e->outcome == OUTCOME_UNKNOWN && !e->doubtful && e->rows == 0 && others_explained(e))
		tell(confirm, e, false);
	else if (e->outcome == OUTCOME_UNKNOWN)
		log_notice("Whether %s opened cannot be told from its history", e->door);
	if (before && e->rows > own)
		before->doubtful = true;
	if (behind && rows_behind(e) > 0)
		behind->debts += e->debts + 1 - own;
	drop(confirm, e);
}

static bool is_over(const struct expected *e, uint64_t now)
{
	return e->heard >= CONFIRM_HEARD_MIN && now - e->answered >= CONFIRM_WAIT_USEC;
}

/* Forgets what waits too long, or is one too many. */
static void make_room(struct confirm *confirm)
{
	struct expected *e;

	while ((e = TAILQ_FIRST(&confirm->all)) &&
		(confirm->n >= CONFIRM_MAX || clock_boot_usec() - e->sent >= CONFIRM_FORGET_USEC))
		drop(confirm, e);
}

static void entry_free(struct lh_entry *entry)
{
	struct opened_home *home = (struct opened_home *)lh_entry_v(entry);

	free(home->residence);
	free(home);
}

/* NULL: none of its doors was opened. */
static struct opened_home *opened_home_of(const struct confirm *confirm, const struct home *home)
{
	void *found;

	return lh_table_lookup_ex(confirm->homes, home->id, &found) ? found : NULL;
}

static struct opened_home *opened_home_add(struct confirm *confirm, const struct home *home)
{
	struct opened_home *opened = opened_home_of(confirm, home);

	if (opened)
		return opened;
	opened = calloc(1, sizeof(*opened));
	if (!opened)
		return NULL;
	TAILQ_INIT(&opened->list);
	opened->residence = strdup(home->id);
	if (!opened->residence || lh_table_insert(confirm->homes, opened->residence, opened) < 0) {
		free(opened->residence);
		free(opened);
		return NULL;
	}
	return opened;
}

/* An opening of that relay leaves now. Returns its number; 0: it is not followed. */
uint64_t confirm_sent(struct confirm *confirm, const struct relay *relay)
{
	_cleanup_(expected_freep) struct expected *e = calloc(1, sizeof(*e));

	make_room(confirm);
	if (!e)
		return 0;
	e->home = opened_home_add(confirm, relay->device->home);
	e->mac = strdup(relay->device->mac);
	if (!e->home || !e->mac)
		return 0;
	e->opening = ++confirm->last;
	e->sent = clock_boot_usec();
	TAILQ_INSERT_TAIL(&confirm->all, e, list);
	TAILQ_INSERT_TAIL(&e->home->list, e, list_of_home);
	confirm->n++;
	return TAKE_PTR(e)->opening;
}

static struct expected *find(const struct confirm *confirm, uint64_t opening)
{
	struct expected *e;

	TAILQ_FOREACH_REVERSE(e, &confirm->all, expected_list, list)
	if (e->opening == opening)
		return e;
	return NULL;
}

static struct expected *first_of_device(const struct expected *of)
{
	struct expected *e;

	TAILQ_FOREACH (e, &of->home->list, list_of_home)
		if (!e->proven && same_device(e, of))
			return e;
	return NULL;
}

static int copy_asker(struct expected *e, const struct confirm_asker *asker)
{
	int r = asker->address ? address_copy(&e->address, asker->address) : -ENOMEM;

	if (r < 0)
		return r;
	e->id = json_object_get(asker->id);
	e->command = strdup(asker->command);
	e->door = strdup(asker->door);
	return e->command && e->door ? 0 : -ENOMEM;
}

/* The relay did not move; rows in its place are of earlier ones. */
static void never_left(struct confirm *confirm, struct expected *e)
{
	struct expected *before = earlier(e);
	struct opened_home *home = e->home;

	if (before && !e->proven)
		before->rows += e->rows;
	drop(confirm, e);
	if (before)
		prove_device(first_of_device(before));
	tell_proven(confirm, home);
}

/* Takes note of an opening's answer, which was sent. Where it stayed out the asker is told more,
 * perhaps at once. opening: as returned by confirm_sent(). */
void confirm_answered(struct confirm *confirm, uint64_t opening, const struct cloud_answer *cloud,
	const struct confirm_asker *asker)
{
	struct expected *e = find(confirm, opening);

	if (!e)
		return;
	if (door_never_left(cloud->error)) {
		never_left(confirm, e);
		return;
	}
	e->answered = clock_boot_usec();
	e->outcome = OUTCOME_PERHAPS;
	if (cloud->error == CLOUD_OK)
		e->outcome = OUTCOME_OPENED;
	else if (cloud->error == CLOUD_OUTCOME_UNKNOWN && copy_asker(e, asker) == 0)
		e->outcome = OUTCOME_UNKNOWN;
	tell_proven(confirm, e->home);
}

/* Ways to open that need somebody at the door. The vendor lists no values, so a row of another way
 * may be any opening, and one of these is only taken as a doubt. */
static bool is_local(const char *type)
{
	static const char *const words[] = {"face", "card", "rf", "rfid", "nfc", "bluetooth", "ble",
		"pin", "password", "fingerprint", "qr", "plate", "key"};
	size_t size;

	for (; *type; type += size ? size : 1) {
		size = 0;
		while (isalnum((unsigned char)type[size]))
			size++;
		for (size_t i = 0; i < ELEMENTS(words); i++)
			if (strlen(words[i]) == size && strncasecmp(type, words[i], size) == 0)
				return true;
	}
	return false;
}

struct hearing {
	struct confirm *confirm;
	struct opened_home *home;
	int64_t now_msec;
	uint64_t asked;
};

/* A new row of the home. Its second is compared: a row has no fractions. */
static int on_row(const struct archive_row *row, void *userdata)
{
	const struct hearing *hearing = userdata;
	bool right_time = row->epoch <= hearing->now_msec / 1000 + 1;
	struct expected *e, *place = NULL;

	if (row->type != EVENT_OPENED)
		return 0;
	TAILQ_FOREACH (e, &hearing->home->list, list_of_home)
		if (!e->proven && (!*row->mac || strcasecmp(e->mac, row->mac) == 0) &&
			e->since_msec > 0 && e->since_msec / 1000 <= row->epoch)
			place = e;
	if (place && *row->mac && right_time && !is_local(row->door_type)) {
		place->rows++;
		return 0;
	}
	TAILQ_FOREACH (e, &hearing->home->list, list_of_home)
		if (!*row->mac || strcasecmp(e->mac, row->mac) == 0)
			e->doubtful = true;
	return 0;
}

static void look_at_rows(struct hearing *hearing, const struct history_news *news)
{
	const struct archive_query query = {
		.residence_id = hearing->home->residence,
		.kind = HISTORY_DOOR,
		.since = INT64_MIN,
		.until = INT64_MAX,
		.after = news->before,
		.limit = news->rows,
	};
	struct expected *e;

	if (news->rows == 0 ||
		history_find(hearing->confirm->history, &query, on_row, hearing) >= 0)
		return;
	TAILQ_FOREACH (e, &hearing->home->list, list_of_home)
		e->doubtful = true;
}

/* When it was sent by the cloud's clock: the answer of a history tells what that shows, a little
 * later than it was written, so that the latest of such times is the best. */
static void date(struct expected *e, const struct hearing *hearing)
{
	int64_t passed = (int64_t)((clock_boot_usec() - e->sent) / USEC_PER_MSEC);
	int64_t since = hearing->now_msec - passed;

	if (hearing->asked >= e->sent && since > e->since_msec)
		e->since_msec = since;
}

/* The door history of that home was heard and merged with that news. now_msec: the time of the
 * answer by the cloud's clock, milliseconds since 1970; asked: clock_boot_usec() of the question. */
void confirm_heard(struct confirm *confirm, const struct home *home,
	const struct history_news *news, int64_t now_msec, uint64_t asked)
{
	struct opened_home *opened = opened_home_of(confirm, home);
	struct hearing hearing = {confirm, opened, now_msec, asked};
	struct expected *e, *next;

	make_room(confirm);
	if (!opened)
		return;
	TAILQ_FOREACH (e, &opened->list, list_of_home) {
		date(e, &hearing);
		e->heard += e->outcome != OUTCOME_FLYING && asked >= e->answered;
	}
	look_at_rows(&hearing, news);
	TAILQ_FOREACH (e, &opened->list, list_of_home)
		if (!e->proven && !earlier(e))
			prove_device(e);
	tell_proven(confirm, opened);
	for (e = TAILQ_FIRST(&opened->list); e; e = next) {
		next = TAILQ_NEXT(e, list_of_home);
		if (is_over(e, clock_boot_usec()))
			give_up(confirm, e);
	}
}

/* True while a row of that home's door history is to come soon. */
bool confirm_awaits(const struct confirm *confirm, const struct home *home)
{
	const struct opened_home *opened = opened_home_of(confirm, home);
	const struct expected *e;

	if (!opened)
		return false;
	TAILQ_FOREACH (e, &opened->list, list_of_home)
		if (e->outcome != OUTCOME_FLYING &&
			clock_boot_usec() - e->answered < CONFIRM_WAIT_USEC)
			return true;
	return false;
}

/* Forgets all; nobody is told any more. */
void confirm_clear(struct confirm *confirm)
{
	while (!TAILQ_EMPTY(&confirm->all))
		drop(confirm, TAILQ_FIRST(&confirm->all));
}

/* mqtt and history must outlive it. */
int confirm_new(struct confirm **ret, struct mqtt *mqtt, struct history *history)
{
	struct confirm *confirm = calloc(1, sizeof(*confirm));

	if (!confirm)
		return -ENOMEM;
	confirm->mqtt = mqtt;
	confirm->history = history;
	TAILQ_INIT(&confirm->all);
	confirm->homes = lh_kchar_table_new(16, entry_free);
	if (!confirm->homes) {
		free(confirm);
		return -ENOMEM;
	}
	*ret = confirm;
	return 0;
}

/* Takes NULL, returns NULL. */
struct confirm *confirm_free(struct confirm *confirm)
{
	if (!confirm)
		return NULL;
	confirm_clear(confirm);
	lh_table_free(confirm->homes);
	free(confirm);
	return NULL;
}
