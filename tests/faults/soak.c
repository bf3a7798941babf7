#include "tests/integration/history_scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/faults/table.h"
#include "tests/faults/vitals.h"
#include "util/clock.h"

/* Two gateways at accelerated polls, with a cloud that lives and fails: one runs from the start to
 * the end and must stay flat, the other is killed and started again. SOAK is the number of seconds,
 * SEED the number of one run of chance. */

#define SECONDS_USUAL 3600
#define OPENING       "trigger_akuvox_remote_open_door"
#define READING       "get_family_remote_connect"

/* The cloud's clock runs ahead by this much each time, so that what is kept for an hour is kept for
 * two minutes. Less than history.max_event_age. */
#define AHEAD_SEC   300
#define AHEAD_EVERY (10 * USEC_PER_SEC)

/* What "flat" is: the most of the last fifth over the most of the settled part before. */
#define SETTLED_SEC      300
#define MEMORY_PERCENT   10
#define MEMORY_MORE      ((size_t)1024 * 1024)
#define DESCRIPTORS_MORE 8
#define DATABASE_PERCENT 25

#define ANSWER_WITHIN (8 * USEC_PER_SEC)
#define EVENT_WITHIN  (30 * USEC_PER_SEC)
#define SAMPLES_MAX   4096
#define SAMPLE_EVERY  (5 * USEC_PER_SEC)
#define LINE_EVERY    (60 * USEC_PER_SEC)

struct sample {
	uint64_t usec;
	struct vitals vitals;
	size_t database;
};

struct soak {
	struct harness *h;
	struct process *second;
	const char *second_config;
	uint64_t began, ends, ahead_due, sample_due, line_due;
	int64_t ahead;
	struct sample samples[SAMPLES_MAX];
	size_t n_samples;
	unsigned asked;
	size_t opened;  /* openings that are certain */
	size_t perhaps; /* and those without an answer that tells */
	size_t unanswered, refused, rings, faults, restarts, outages, reloads;
};

static unsigned chance(unsigned n)
{
	return (unsigned)random() % n;
}

static void wait_for(uint64_t usec)
{
	uint64_t end = clock_boot_usec() + usec;

	while (clock_boot_usec() < end)
		test_pause();
}

static const char *text_of(const struct message *m, const char *path)
{
	return m ? message_get(m, path) : "";
}

/* The answer with this id on topic; NULL: none came. */
static const struct message *await_answer(struct soak *s, const char *topic, const char *id)
{
	uint64_t end = clock_boot_usec() + ANSWER_WITHIN;
	const struct message *m;

	do {
		client_resume(s->h->client);
		m = client_last(s->h->client, topic);
		if (m && strcmp(text_of(m, "id"), id) == 0)
			return m;
		test_pause();
	} while (clock_boot_usec() < end);
	s->unanswered++;
	return NULL;
}

static const struct message *ask(
	struct soak *s, const char *base, const char *leaf, const char *answer, const char *more)
{
	struct harness *h = s->h;
	const char *home = scene_residence(h, chance(2)), *id = harness_text(h, "s%u", ++s->asked);

	client_publish(h->client, harness_text(h, "%s/%s/%s", base, home, leaf),
		scene_json(h, "{'id':'%s'%s}", id, more));
	return await_answer(s, harness_text(h, "%s/%s/%s", base, home, answer), id);
}

/* One of the two gateways opens the door; nothing opens twice, or behind the answer. */
static void open_door(struct soak *s)
{
	struct harness *h = s->h;
	const char *base = chance(2) ? "home" : "second";
	unsigned home = chance(2);
	const char *door = harness_text(
		h, "%s/%s/door/%s", base, scene_residence(h, home), scene_relay(h, home, 0, 0));
	const char *id = harness_text(h, "s%u", ++s->asked);
	size_t before = control_opening_count(h), now;
	const struct message *m;

	if (before < s->opened || before > s->opened + s->perhaps)
		fail_msg("%zu openings, not %zu, and at most %zu more", before, s->opened,
			s->perhaps);
	client_publish(
		h->client, harness_text(h, "%s/open", door), scene_json(h, "{'id':'%s'}", id));
	m = await_answer(s, harness_text(h, "%s/result", door), id);
	now = control_opening_count(h);
	if (now > before + 1)
		fail_msg("one request opened %zu times", now - before);
	if (strcmp(text_of(m, "success"), "true") == 0) {
		assert_int_equal(now, before + 1);
	} else if (m && strcmp(text_of(m, "error.code"), "outcome_unknown") != 0 &&
		   strcmp(text_of(m, "error.code"), "cloud_error") != 0) {
		assert_int_equal(now, before);
	}
	s->opened = now;
	s->perhaps = m ? 0 : 1;
	s->refused += m && strcmp(text_of(m, "success"), "true") != 0;
}

static void read_something(struct soak *s)
{
	(void)ask(s, chance(2) ? "home" : "second", "request/" READING, "response/" READING, "");
}

static void make_key(struct soak *s)
{
	(void)ask(s, "home", "temp_key/create", "temp_key/result", ",'valid_for':'1h'");
}

static void delete_keys(struct soak *s)
{
	struct harness *h = s->h;

	(void)control_post(h, "/lists", "{'drop_expired':true}");
	client_publish(h->client, harness_home(h, "temp_key/delete"), "expired");
}

static void ask_nonsense(struct soak *s)
{
	static const char *const payloads[] = {"", "{", "[]", "{\"x\":1}", "NULL", "\xff\xfe", "0"};

	client_publish(
		s->h->client, harness_door(s->h, "open"), payloads[chance(ELEMENTS(payloads))]);
}

static void refresh(struct soak *s)
{
	client_publish(s->h->client, "home/bridge/request/refresh", "");
}

static bool is_named(const struct message *m, void *userdata)
{
	return strcmp(message_get(m, "call_name"), userdata) == 0;
}

/* A call is an event, whatever went on before. */
static void ring(struct soak *s)
{
	struct harness *h = s->h;
	const char *name = harness_text(h, "soak-%zu", ++s->rings);
	const char *topic = scene_home(h, 0, "event/call");
	uint64_t end = clock_boot_usec() + EVENT_WITHIN;
	const struct message *m = NULL;

	(void)control_delete(h, "/fault");
	history_ring(h, name, "");
	while (!(m = client_last(h->client, topic)) || !is_named(m, (void *)name)) {
		if (clock_boot_usec() > end)
			fail_msg("the call %s is no event", name);
		client_resume(h->client);
		test_pause();
	}
}

static void fault(struct soak *s)
{
	static const char *const targets[] = {"*", "*", "get_family_list", "get_akuvox_device_list",
		"get_akuvox_call_history", "get_akuvox_open_door_history", OPENING, READING,
		"get_akuvox_open_door_temp_key_config"};
	/* The last row stops all calls for minutes. */
	const struct row *row = &fault_rows[chance((unsigned)fault_rows_count - 1)];

	(void)control_post(s->h, "/fault", "{'on':'%s',%s,'count':%u}",
		targets[chance(ELEMENTS(targets))], row->fault, 1 + chance(4));
	s->faults++;
}

static void close_lines(struct soak *s)
{
	(void)control_post(s->h, "/close_idle", "{}");
	(void)control_post(s->h, "/fault", "{'on':'connect','count':%u}", 1 + chance(3));
	s->faults++;
}

static void devices_change(struct soak *s)
{
	struct harness *h = s->h;

	(void)control_post(h, "/device", "{'mac':'%s','online':%s,'name':'Name %u'}",
		scene_mac(h, 0, 1), chance(2) ? "true" : "false", chance(1000));
}

static void launch_second(struct soak *s)
{
	const char *folder = getenv("TOP_BUILDDIR");

	process_exec(s->second, harness_text(s->h, "%s/akuvox2mqtt", folder ? folder : "."), "run",
		"-c", s->second_config);
	process_await_notify(s->second, "READY=1");
}

static void kill_second(struct soak *s)
{
	process_kill(s->second);
	s->restarts++;
	launch_second(s);
}

static void stop_second(struct soak *s)
{
	assert_int_equal(process_stop(s->second), 0);
	s->restarts++;
	launch_second(s);
}

static void reload(struct soak *s)
{
	process_signal(s->h->gateway, SIGHUP);
	process_await_notify(s->h->gateway, "READY=1");
	s->reloads++;
}

static void kill_broker(struct soak *s)
{
	process_kill(s->h->broker);
	wait_for(chance(3) * USEC_PER_SEC);
	harness_start_broker(s->h);
	s->outages++;
}

static void stop_broker(struct soak *s)
{
	assert_int_equal(process_stop(s->h->broker), 0);
	harness_start_broker(s->h);
	s->outages++;
}

static void stall(struct soak *s, struct process *p)
{
	process_signal(p, SIGSTOP);
	wait_for((1 + chance(3)) * USEC_PER_SEC);
	process_signal(p, SIGCONT);
	s->outages++;
}

static void stall_broker(struct soak *s)
{
	stall(s, s->h->broker);
}

static void stall_cloud(struct soak *s)
{
	stall(s, s->h->sim);
}

static const struct {
	void (*act)(struct soak *);
	unsigned weight;
} actions[] = {
	{open_door, 30},
	{read_something, 20},
	{make_key, 6},
	{delete_keys, 4},
	{ask_nonsense, 10},
	{refresh, 4},
	{ring, 10},
	{fault, 40},
	{close_lines, 6},
	{devices_change, 6},
	{kill_second, 3},
	{stop_second, 2},
	{reload, 3},
	{kill_broker, 2},
	{stop_broker, 2},
	{stall_broker, 2},
	{stall_cloud, 2},
};

static void act(struct soak *s)
{
	unsigned sum = 0, n;
	size_t i = 0;

	for (size_t k = 0; k < ELEMENTS(actions); k++)
		sum += actions[k].weight;
	n = chance(sum);
	while (n >= actions[i].weight)
		n -= actions[i++].weight;
	actions[i].act(s);
}

static const char *state_file(struct soak *s, const char *folder)
{
	return harness_text(s->h, "%s/%s/cache.db", s->h->dir, folder);
}

static void sample(struct soak *s)
{
	struct sample *now = &s->samples[s->n_samples];

	if (s->n_samples == SAMPLES_MAX)
		return;
	now->usec = clock_boot_usec() - s->began;
	now->vitals = vitals_of(process_pid(s->h->gateway));
	now->database = vitals_database(state_file(s, "state"));
	s->n_samples++;
}

static void tell(struct soak *s)
{
	const struct sample *now = &s->samples[s->n_samples - 1];
	struct vitals second = vitals_of(process_pid(s->second));

	(void)printf(
		"# %4" PRIu64 " s  memory %6zu kB  fds %2zu  database %5zu kB  openings %4zu  "
		"not opened %3zu  unanswered %2zu  rings %3zu  faults %4zu  restarts %3zu  "
		"outages %3zu  reloads %3zu | second: memory %6zu kB  fds %2zu  database %5zu kB\n",
		now->usec / USEC_PER_SEC, now->vitals.memory / 1024, now->vitals.descriptors,
		now->database / 1024, s->opened, s->refused, s->unanswered, s->rings, s->faults,
		s->restarts, s->outages, s->reloads, second.memory / 1024, second.descriptors,
		vitals_database(state_file(s, "second")) / 1024);
	(void)fflush(stdout);
}

static void clock_goes_on(struct soak *s)
{
	uint64_t now = clock_boot_usec();

	if (now >= s->ahead_due) {
		s->ahead += AHEAD_SEC;
		(void)control_post(s->h, "/clock", "{'ahead':%" PRIi64 "}", s->ahead);
		s->ahead_due = now + AHEAD_EVERY;
	}
	if (now >= s->sample_due) {
		sample(s);
		s->sample_due = now + SAMPLE_EVERY;
	}
	if (now >= s->line_due) {
		tell(s);
		s->line_due = now + LINE_EVERY;
		/* What it has heard would fill the memory of this program. */
		s->h->client = client_free(s->h->client);
		harness_start_client(s->h);
	}
}

/* The most of each in a span of time. */
static struct sample most(const struct soak *s, uint64_t from, uint64_t to)
{
	struct sample m = {0};

	for (size_t i = 0; i < s->n_samples; i++) {
		const struct sample *one = &s->samples[i];

		if (one->usec < from || one->usec >= to)
			continue;
		m.usec++;
		if (one->vitals.memory > m.vitals.memory)
			m.vitals.memory = one->vitals.memory;
		if (one->vitals.descriptors > m.vitals.descriptors)
			m.vitals.descriptors = one->vitals.descriptors;
		if (one->database > m.database)
			m.database = one->database;
	}
	return m;
}

static void judge(const struct soak *s, uint64_t span)
{
	uint64_t settled =
		SETTLED_SEC * USEC_PER_SEC < span / 3 ? SETTLED_SEC * USEC_PER_SEC : span / 3;
	struct sample before = most(s, settled / 2, settled * 3 / 2);
	struct sample behind = most(s, span - span / 5, UINT64_MAX);

	(void)printf(
		"# settled: memory %zu kB, fds %zu, database %zu kB; at the end: memory %zu kB, "
		"fds %zu, database %zu kB\n",
		before.vitals.memory / 1024, before.vitals.descriptors, before.database / 1024,
		behind.vitals.memory / 1024, behind.vitals.descriptors, behind.database / 1024);
	assert_true(before.usec > 0 && behind.usec > 0);
	assert_true(
		behind.vitals.memory <=
		before.vitals.memory + before.vitals.memory * MEMORY_PERCENT / 100 + MEMORY_MORE);
	assert_true(behind.vitals.descriptors <= before.vitals.descriptors + DESCRIPTORS_MORE);
	assert_true(behind.database <= before.database + before.database * DATABASE_PERCENT / 100);
}

static void prepare(struct soak *s)
{
	struct harness *h = s->h;
	const char *folder = harness_text(h, "%s/second", h->dir), *config;

	harness_sim_options(h, "--life 1 --latency 3 --quiet");
	harness_set(h, "log.level", "warning");
	harness_set(h, "cloud.timeout", "2");
	harness_set(h, "door.max_per_minute", "600");
	harness_set(h, "history.keep", "1 h");
	harness_set(h, "poll.devices", "1");
	harness_set(h, "poll.family", "5");
	harness_set(h, "poll.access", "3");
	harness_start_broker(h);
	harness_start_sim(h);
	harness_start_client(h);
	harness_start_gateway(h);
	scene_await_doors(h);
	harness_set(h, "mqtt.client_id", "second");
	harness_set(h, "mqtt.base_topic", "second");
	config = harness_write_config(h);
	s->second_config = harness_text(h, "%s/second.conf", h->dir);
	assert_int_equal(rename(config, s->second_config), 0);
	harness_set(h, "mqtt.client_id", NULL);
	harness_set(h, "mqtt.base_topic", NULL);
	(void)harness_write_config(h);
	s->second = process_new(h->dir, "second");
	process_setenv(s->second, "STATE_DIRECTORY", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	launch_second(s);
}

HARNESS_TEST(nothing_grows)
{
	const char *seconds = getenv("SOAK"), *seed = getenv("SEED");
	uint64_t span = (seconds ? strtoull(seconds, NULL, 10) : SECONDS_USUAL) * USEC_PER_SEC;
	struct soak *s = calloc(1, sizeof(*s));
	unsigned start = seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)clock_boot_usec();
	pid_t steady;

	assert_non_null(s);
	(void)printf("# SEED=%u SOAK=%" PRIu64 "\n", start, span / USEC_PER_SEC);
	srandom(start);
	s->h = h;
	prepare(s);
	steady = process_pid(h->gateway);
	s->began = clock_boot_usec();
	s->line_due = s->began + LINE_EVERY;
	while (clock_boot_usec() < s->began + span) {
		clock_goes_on(s);
		act(s);
		assert_int_equal(process_pid(h->gateway), steady);
		if (process_vanished(h->gateway) || process_vanished(s->second))
			fail_msg("a gateway ended by itself");
		wait_for(chance(300) * USEC_PER_MSEC);
	}
	sample(s);
	tell(s);
	judge(s, span);
	(void)control_delete(h, "/fault");
	assert_int_equal(process_stop(s->second), 0);
	s->second = process_free(s->second);
	free(s);
}

HARNESS_MAIN(HARNESS_RUN(nothing_grows))
