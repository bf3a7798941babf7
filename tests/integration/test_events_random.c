#include "tests/integration/event_ledger.h"
#include "tests/integration/history_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/clock.h"

/* Rows come up in the histories of two homes, while the gateway is killed, the broker stopped, and
 * the cloud fails, shuffles its answers and shows more or less of them, all at random. At the end each
 * row has exactly one event id, which a subscriber got at least once, and in order.
 *
 * EVENTS_SEED=N repeats a run, as far as the machine lets it; EVENTS_ROWS=N makes it longer. */

#define ROWS_STANDARD 300
#define ROWS_MAX      20000
#define HOMES         2
#define DEVICES       3
#define ALL_ROWS      10000 /* that the simulator shows */

struct place {
	int64_t *epochs; /* of its rows but the late ones, in their order */
	size_t n, n_late;
};

struct run {
	struct harness *h;
	struct client *watcher; /* keeps its session */
	size_t n_read;          /* messages of the watcher */
	struct ledger *ledger;
	struct place places[LEDGER_PLACES];
	const char *homes[HOMES];
	const char *names[HOMES][DEVICES], *macs[HOMES][DEVICES], *sips[HOMES][DEVICES];
	uint64_t state; /* of the random numbers */
	bool broker_is_up, tight, shuffled;
	unsigned window;
	unsigned kills, stops, faults;
};

/* splitmix64 */
static unsigned chance(struct run *r, unsigned n)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((z ^ z >> 31) >> 33) % n;
}

static uint64_t setting(const char *name, uint64_t standard)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : standard;
}

static int64_t now(void)
{
	return clock_epoch_msec() / 1000;
}

static unsigned place_of(const struct run *r, const struct message *m)
{
	for (unsigned i = 0; i < HOMES; i++)
		if (strstr(m->topic, r->homes[i]))
			return 2 * i + (strstr(m->topic, "/door") ? 1 : 0);
	fail_msg("%s is of no home", m->topic);
	return 0;
}

/* All that the event says of its row. */
static const char *row_of(struct run *r, const struct message *m, unsigned place)
{
	if (place % 2 == 0)
		return harness_text(r->h, "call %u %s %s %s", place, message_get(m, "epoch"),
			message_get(m, "call_name"), message_get(m, "call_sip"));
	return harness_text(r->h, "opening %u %s %s %s %s %s", place, message_get(m, "epoch"),
		message_get(m, "account_name"), message_get(m, "device_name"),
		message_get(m, "open_door_type"), message_get(m, "event_type"));
}

/* Takes over what the watcher got. */
static void look(struct run *r)
{
	const struct message *m;

	if (r->broker_is_up)
		client_resume(r->watcher);
	while ((m = client_message(r->watcher, r->n_read))) {
		unsigned place = place_of(r, m);

		r->n_read++;
		if (strstr(m->topic, "/device/"))
			ledger_device_event(r->ledger, m);
		else if (strstr(m->topic, "/event/picture"))
			ledger_picture(r->ledger, m);
		else
			ledger_event(r->ledger, place, m, row_of(r, m, place));
	}
}

/* How many rows the cloud must show of a history, so that none goes out of sight before the gateway
 * has seen it, nor one before all that may be equal to it: of these it has to be shown as many. */
static unsigned needed(const struct run *r, unsigned place)
{
	const struct place *p = &r->places[place];
	size_t told = ledger_in_time(r->ledger, place), first = told < p->n ? told : p->n;
	int64_t epoch = now() - 1;

	if (first < p->n && p->epochs[first] < epoch)
		epoch = p->epochs[first];
	while (first > 0 && p->epochs[first - 1] >= epoch)
		first--;
	return (unsigned)(p->n - first + p->n_late);
}

static void set_window(struct run *r, unsigned window)
{
	if (r->window == window)
		return;
	r->window = window;
	(void)control_post(r->h, "/history", "{'window':%u}", window);
}

/* So many rows more are about to come. */
static void make_room(struct run *r, unsigned more)
{
	unsigned most = 0;

	if (!r->tight) {
		set_window(r, ALL_ROWS);
		return;
	}
	for (unsigned place = 0; place < LEDGER_PLACES; place++)
		if (needed(r, place) > most)
			most = needed(r, place);
	set_window(r, most + more);
}

static void note(
	struct run *r, unsigned place, const char *row, int64_t epoch, bool picture, bool late)
{
	struct place *p = &r->places[place];

	ledger_row(r->ledger, place, row, picture, late);
	if (late)
		p->n_late++;
	else
		p->epochs[p->n++] = epoch;
}

static void add_call(struct run *r, unsigned home, int64_t epoch, unsigned copies, bool late)
{
	unsigned device = chance(r, DEVICES + 1), name = chance(r, 4);
	const char *sip = device < DEVICES ? r->sips[home][device] : "4711";

	while (copies-- > 0) {
		(void)control_post(r->h, "/ring",
			"{'residence_id':'%s','call_name':'c%u','call_sip':'%s','time':'%s'}",
			r->homes[home], name, sip, history_time(r->h, epoch));
		note(r, 2 * home,
			harness_text(
				r->h, "call %u %lld c%u %s", 2 * home, (long long)epoch, name, sip),
			epoch, false, late);
	}
}

static void add_opening(struct run *r, unsigned home, int64_t epoch, unsigned copies, bool late)
{
	static const char *const ways[] = {"Face unlock", "PIN unlock"};
	unsigned device = chance(r, DEVICES), name = chance(r, 4), way = chance(r, 2);
	bool opened = chance(r, 4) > 0, picture = copies == 1 && chance(r, 3) == 0;

	/* Equal rows with different pictures have nothing that tells whose is whose. */
	if (picture)
		name = (unsigned)(100 + r->places[2 * home + 1].n + r->places[2 * home + 1].n_late);
	while (copies-- > 0) {
		(void)control_post(r->h, "/opening",
			"{'residence_id':'%s','mac':'%s','account_name':'a%u',"
			"'open_door_type':'%s','open_door':%s,'picture':%s,'time':'%s'}",
			r->homes[home], r->macs[home][device], name, ways[way],
			opened ? "true" : "false", picture ? "true" : "false",
			history_time(r->h, epoch));
		note(r, 2 * home + 1,
			harness_text(r->h, "opening %u %lld a%u %s %s %s", 2 * home + 1,
				(long long)epoch, name, r->names[home][device], ways[way],
				opened ? "opened" : "denied"),
			epoch, picture, late);
	}
}

static void add_rows(struct run *r)
{
	unsigned home = chance(r, HOMES), copies = chance(r, 5) == 0 ? 2 + chance(r, 2) : 1;
	bool late = !r->tight && chance(r, 20) == 0;
	int64_t epoch = late ? now() - 2 - chance(r, 500) : now();

	/* Of a late row nobody knows where in its history it is. */
	make_room(r, 3);
	if (chance(r, 2))
		add_call(r, home, epoch, copies, late);
	else
		add_opening(r, home, epoch, copies, late);
}

static void kill_gateway(struct run *r)
{
	process_kill(r->h->gateway);
	r->kills++;
	if (chance(r, 3) == 0)
		add_rows(r);
	harness_start_gateway(r->h);
}

/* What is published now stays without an answer. */
static void freeze_broker(struct run *r)
{
	uint64_t until = clock_boot_usec() + (100 + chance(r, 300)) * USEC_PER_MSEC;

	process_signal(r->h->broker, SIGSTOP);
	for (unsigned i = chance(r, 4); i > 0; i--)
		add_rows(r);
	while (clock_boot_usec() < until)
		test_pause();
}

static void stop_broker(struct run *r)
{
	if (chance(r, 3) > 0) {
		freeze_broker(r);
		/* It wakes up to its end, and reads nothing more. */
		process_signal(r->h->broker, SIGTERM);
		process_signal(r->h->broker, SIGCONT);
		assert_int_equal(process_wait(r->h->broker), 0);
	} else {
		assert_int_equal(process_stop(r->h->broker), 0);
	}
	r->broker_is_up = false;
	r->stops++;
}

static void start_broker(struct run *r)
{
	harness_start_broker(r->h);
	r->broker_is_up = true;
}

static void make_fault(struct run *r)
{
	static const char *const faults[] = {
		"'kind':'status','status':500",
		"'kind':'status','status':429",
		"'kind':'drop_before'",
		"'kind':'drop_after'",
		"'kind':'wrong_json'",
		"'kind':'no_success'",
		"'kind':'refuse'",
		"'kind':'truncate'",
		"'kind':'hang'",
		"'kind':'delay','ms':70",
		"'kind':'delay','ms':300",
		"'kind':'close'",
	};
	static const char *const commands[] = {"get_akuvox_call_history",
		"get_akuvox_open_door_history", "get_akuvox_device_list", "*", "connect"};

	r->faults++;
	(void)control_post(r->h, "/fault", "{'on':'%s',%s,'count':%u}",
		commands[chance(r, ELEMENTS(commands))], faults[chance(r, ELEMENTS(faults))],
		1 + chance(r, 3));
}

static void look_for_a_while(struct run *r)
{
	uint64_t until = clock_boot_usec() + chance(r, 150) * USEC_PER_MSEC;

	while (clock_boot_usec() < until) {
		look(r);
		test_pause();
	}
}

static void do_something(struct run *r)
{
	unsigned what = chance(r, 100);

	/* Soon: the gateway that has seen it go should also see it come. */
	if (!r->broker_is_up && chance(r, 8) == 0)
		start_broker(r);
	if (what < 50) {
		add_rows(r);
	} else if (what < 54) {
		kill_gateway(r);
	} else if (what < 58) {
		if (r->broker_is_up)
			stop_broker(r);
	} else if (what < 66) {
		make_fault(r);
	} else if (what < 69) {
		(void)control_delete(r->h, "/fault");
	} else if (what < 73) {
		r->shuffled = !r->shuffled;
		(void)control_post(r->h, "/history", "{'shuffle':%s,'oldest_first':%s}",
			r->shuffled ? "true" : "false", chance(r, 2) ? "true" : "false");
	} else if (what < 78) {
		r->tight = chance(r, 2);
		make_room(r, chance(r, 3));
	} else {
		look_for_a_while(r);
	}
	look(r);
}

static void await_all(struct run *r)
{
	uint64_t deadline = test_deadline() + 10 * USEC_PER_SEC;

	while (!ledger_is_complete(r->ledger)) {
		if (clock_boot_usec() > deadline) {
			ledger_report(r->ledger);
			fail_msg("not all rows are events");
		}
		client_resume(r->watcher);
		look(r);
		test_pause();
	}
}

/* What the archive says is what was told, and nothing besides but the seed. */
static void check_archive(struct run *r)
{
	static const char *const kinds[] = {"call", "door"};

	for (unsigned place = 0; place < LEDGER_PLACES; place++) {
		const struct message *m = client_ask(r->h->client,
			harness_text(r->h, "home/%s/request/history", r->homes[place / 2]),
			scene_json(r->h, "{'kind':'%s','limit':1000}", kinds[place % 2]));
		struct json_object *rows = json_object_object_get(m->json, "result");
		size_t n = json_object_array_length(rows), seeds = 0;

		expect_success(m);
		for (size_t i = 0; i < n; i++) {
			struct json_object *row = json_object_array_get_idx(rows, i);

			if (strstr(json_object_to_json_string(row), "\"seed\""))
				seeds++;
			else
				assert_non_null(ledger_row_of(r->ledger, json_at(row, "event_id")));
		}
		if (n < 1000)
			assert_int_equal(n - seeds, ledger_events(r->ledger, place));
	}
}

static void finish(struct run *r)
{
	if (!r->broker_is_up)
		start_broker(r);
	(void)control_delete(r->h, "/fault");
	r->tight = false;
	make_room(r, 0);
	/* A new one neither backs off from the cloud nor from the broker. */
	kill_gateway(r);
	await_all(r);
	/* And no more of them. */
	control_await_requests(r->h, "get_akuvox_call_history",
		control_request_count(r->h, "get_akuvox_call_history") + 6);
	client_settle(r->h->client);
	look_for_a_while(r);
	assert_true(ledger_is_complete(r->ledger));
	check_archive(r);
}

static void begin(struct run *r)
{
	struct harness *h = r->h;

	/* So that a broker that stops forgets nothing. */
	harness_broker_line(h, "persistence true");
	harness_broker_line(h, harness_text(h, "persistence_location %s/", h->dir));
	harness_set(h, "poll.history", "0.1");
	harness_set(h, "cloud.timeout", "2");
	harness_set(h, "history.pictures", "url");
	history_scene_start(h);
	r->watcher = client_lasting(h, "watcher");
	client_subscribe(r->watcher, "home/+/event/+");
	client_subscribe(r->watcher, "home/+/device/+/event/+");
	r->broker_is_up = true;
	r->window = ALL_ROWS;
	(void)control_post(h, "/history", "{'window':%u}", r->window);
	for (unsigned i = 0; i < HOMES; i++) {
		r->homes[i] = scene_residence(h, i);
		for (unsigned k = 0; k < DEVICES; k++) {
			const char *path = harness_text(h, "homes.%u.devices.%u", i, k);

			r->names[i][k] = control_text(h, harness_text(h, "%s.name", path));
			r->macs[i][k] = control_text(h, harness_text(h, "%s.mac", path));
			r->sips[i][k] = control_text(h, harness_text(h, "%s.sip", path));
		}
	}
}

HARNESS_TEST(each_row_is_one_event_whatever_happens)
{
	size_t rows = setting("EVENTS_ROWS", ROWS_STANDARD);
	struct run run = {.h = h}, *r = &run;
	uint64_t seed = 0;

	(void)getrandom(&seed, 4, 0);
	seed = setting("EVENTS_SEED", seed);
	r->state = seed;
	r->ledger = ledger_new();
	if (rows > ROWS_MAX)
		rows = ROWS_MAX;
	for (unsigned i = 0; i < LEDGER_PLACES; i++) {
		r->places[i].epochs = calloc(rows + 16, sizeof(int64_t));
		assert_non_null(r->places[i].epochs);
	}
	(void)fprintf(stderr, "EVENTS_SEED=%llu EVENTS_ROWS=%zu\n", (unsigned long long)seed, rows);
	begin(r);
	while (ledger_rows(r->ledger) < rows)
		do_something(r);
	finish(r);
	(void)fprintf(stderr, "%zu rows, %zu repeats; %u kills, %u broker stops, %u faults\n",
		ledger_rows(r->ledger), ledger_repeats(r->ledger), r->kills, r->stops, r->faults);
	r->watcher = client_free(r->watcher);
	r->ledger = ledger_free(r->ledger);
	for (unsigned i = 0; i < LEDGER_PLACES; i++)
		free(r->places[i].epochs);
}

HARNESS_MAIN(HARNESS_RUN(each_row_is_one_event_whatever_happens))
