#include "tests/integration/history_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/faults/table.h"
#include "tests/faults/vitals.h"
#include "util/clock.h"

/* Every fault of table.c for one kind of command, which the argument names; a test a cell. */

#define OPENING "trigger_akuvox_remote_open_door"

/* The longest back-offs that these faults lead to. A token that was refused is not tried again for
 * two minutes. Half as much again for a busy machine. */
#define BACKOFF         (8 * USEC_PER_SEC)
#define BACKOFF_REFUSED (180 * USEC_PER_SEC)

/* So much may a gateway have grown in one fault, and in the second round of all faults. */
#define GROWTH_MAX ((size_t)1024 * 1024)

/* Connections that may be open more than at the start: cloud.max_in_flight, and the one for doors, which
 * is perhaps not yet there then. */
#define DESCRIPTORS_MORE 9

/* Between two tries of a person, in microseconds. Of a refused token there are few in the minutes
 * that it takes: each answer is remembered for a while, which is no growth. */
#define AGAIN         200000
#define AGAIN_REFUSED 2000000

#define ROUNDS 2

typedef const struct message *(*ask_t)(struct harness *h);

static const struct message *ask_read(struct harness *h)
{
	return client_ask(h->client, harness_home(h, "request/get_family_remote_connect"), "");
}

static const struct message *ask_write(struct harness *h)
{
	return client_ask(h->client, harness_home(h, "nfc/set"), "ON");
}

static const struct message *ask_key(struct harness *h)
{
	return client_ask(h->client, harness_home(h, "temp_key/create"), "{\"valid_for\": \"4h\"}");
}

static const struct message *ask_opening(struct harness *h)
{
	return scene_open(h, "OPEN");
}

static const struct message *ask_generic(struct harness *h)
{
	return client_ask(h->client, harness_home(h, "request/" OPENING),
		scene_json(h, "{'mac':'%s','relay_id':'%s'}", scene_mac(h, 0, 0),
			scene_relay(h, 0, 0, 0)));
}

/* ask: NULL where the gateway asks by itself. */
static const struct {
	const char *name, *command;
	ask_t ask;
	bool opens;
	unsigned rounds;
} columns[COLUMN_MAX] = {
	[COLUMN_READ] = {"read", "get_family_remote_connect", ask_read, false, ROUNDS},
	[COLUMN_WRITE] = {"write", "update_akuvox_open_door_nfc_config", ask_write, false, ROUNDS},
	[COLUMN_KEY] = {"key", "create_akuvox_open_door_temp_key_config", ask_key, false, ROUNDS},
	[COLUMN_OPENING] = {"opening", OPENING, ask_opening, true, ROUNDS},
	[COLUMN_GENERIC] = {"generic", OPENING, ask_generic, true, ROUNDS},
	[COLUMN_POLL] = {"poll", "get_akuvox_device_list", NULL, false, 1},
	[COLUMN_HISTORY] = {"history", "get_akuvox_call_history", NULL, false, 1},
	[COLUMN_TOKEN] = {"token", "token", ask_opening, true, 1},
};

static enum column column;
static struct harness *harness;
static pid_t gateway; /* the one process of all tests */
static unsigned rings;
static struct vitals at_start, first_round;
static size_t growth_most; /* in one fault */
static const char *growth_name;

static const char *expected_code(const struct row *row)
{
	switch (column) {
	case COLUMN_READ:
		return row->read;
	case COLUMN_WRITE:
	case COLUMN_KEY:
	case COLUMN_OPENING:
	case COLUMN_GENERIC:
		return row->write;
	case COLUMN_TOKEN:
		return row->token;
	case COLUMN_POLL:
	case COLUMN_HISTORY:
	case COLUMN_MAX:
		break;
	}
	return "";
}

static const char *code_of(const struct message *m)
{
	return message_get(m, "error.code");
}

/* A new name of a device, or a call with that name, which must become known sooner or later. */
static const char *make_news(struct harness *h)
{
	const char *name = harness_text(h, "news-%u", ++rings);

	if (column == COLUMN_HISTORY)
		history_ring(h, name, "");
	else
		(void)control_post(
			h, "/device", "{'mac':'%s','name':'%s'}", scene_mac(h, 0, 0), name);
	return name;
}

static bool has_text(const struct message *m, void *userdata)
{
	return strstr(m->payload, userdata);
}

static void await_news(struct harness *h, const char *name)
{
	const char *topic = column == COLUMN_HISTORY ? scene_home(h, 0, "event/call")
	                                             : scene_device(h, 0, 0, "info");

	(void)client_await_if(h->client, topic, has_text, (void *)harness_text(h, "\"%s\"", name));
	client_settle(h->client);
	/* The start was silent, so each event there is is one of these calls, once. */
	if (column == COLUMN_HISTORY)
		assert_int_equal(client_count(h->client, topic), rings);
}

/* The gateway's own polls meet the fault; openings go on meanwhile. */
static void strike_poll(struct harness *h, const struct row *row)
{
	const char *command = columns[column].command, *name = make_news(h);
	bool refused = strcmp(row->read, "auth_failed") == 0;
	size_t openings = control_opening_count(h);
	uint64_t end;

	control_await_requests(h, command, control_request_count(h, command) + 2);
	/* With the token refused there is no opening either. */
	if (!refused) {
		expect_success(scene_open(h, "OPEN"));
		(void)control_await_openings(h, openings + 1);
	}
	(void)control_delete(h, "/fault");
	end = clock_boot_usec();
	await_news(h, name);
	if (clock_boot_usec() - end > (refused ? BACKOFF_REFUSED : BACKOFF))
		fail_msg("known only %.1f s behind the fault",
			(double)(clock_boot_usec() - end) / USEC_PER_SEC);
}

/* Asks until the answer is a success. */
static void recover(struct harness *h)
{
	uint64_t end = clock_boot_usec();
	const struct message *m;

	while (*code_of(m = columns[column].ask(h))) {
		bool refused = strcmp(code_of(m), "auth_failed") == 0;

		if (clock_boot_usec() - end > (refused ? BACKOFF_REFUSED : BACKOFF))
			fail_msg("not recovered: %s", m->payload);
		client_settle_local(h->client);
		(void)usleep(refused ? AGAIN_REFUSED : AGAIN);
	}
	expect_success(m);
}

/* Three tokens that die young would be another fault. */
static void begin_anew(struct harness *h)
{
	assert_int_equal(process_stop(h->gateway), 0);
	scene_restart_gateway(h);
	gateway = process_pid(h->gateway);
	at_start = vitals_of(gateway);
}

static void strike_request(struct harness *h, const struct row *row)
{
	const char *expected = expected_code(row);
	size_t openings = control_opening_count(h), done = 0;
	const struct message *m = columns[column].ask(h);

	if (strcmp(code_of(m), expected) != 0)
		fail_msg("%s, not \"%s\"", m->payload, expected);
	if (columns[column].opens)
		done = column == COLUMN_TOKEN ? !*expected : row->acts;
	if (control_opening_count(h) != openings + done)
		fail_msg("%zu openings, not %zu", control_opening_count(h) - openings, done);
	(void)control_delete(h, "/fault");
	recover(h);
	/* Nothing of what failed comes later: each success of the recovery opened once. */
	client_settle(h->client);
	if (columns[column].opens)
		assert_int_equal(control_opening_count(h), openings + done + 1);
}

static void expect_flat(const struct row *row, size_t before)
{
	size_t now = vitals_of(gateway).memory, growth = now > before ? now - before : 0;

	if (growth > GROWTH_MAX)
		fail_msg("grown by %zu kB", growth / 1024);
	if (growth > growth_most) {
		growth_most = growth;
		growth_name = row->name;
	}
}

static void cell(void **state)
{
	const struct row *row = *state;
	struct harness *h = harness;
	size_t rss;

	if (!h)
		fail_msg("the gateway did not start");
	(void)control_delete(h, "/fault");
	client_forget(h->client);
	if (column == COLUMN_TOKEN)
		begin_anew(h);
	rss = vitals_of(gateway).memory;
	(void)control_post(
		h, "/fault", "{'on':'%s',%s,'count':-1}", columns[column].command, row->fault);
	/* Behind the fault: its first polls may be on their way, and would get a new one. */
	if (column == COLUMN_TOKEN)
		(void)control_post(h, "/token", "{'revoke_access':true}");
	if (columns[column].ask)
		strike_request(h, row);
	else
		strike_poll(h, row);
	assert_true(process_running(h->gateway));
	assert_int_equal(process_pid(h->gateway), gateway);
	expect_flat(row, rss);
	if (vitals_of(gateway).descriptors > at_start.descriptors + DESCRIPTORS_MORE)
		fail_msg("%zu descriptors, %zu at the start", vitals_of(gateway).descriptors,
			at_start.descriptors);
}

static void between_rounds(void **state)
{
	first_round = vitals_of(gateway);
	assert_true(first_round.memory > 0);
}

static void memory_is_flat(void **state)
{
	struct vitals last = vitals_of(gateway);

	print_message("# %s: memory %zu kB, then %zu kB; descriptors %zu, then %zu\n",
		columns[column].name, first_round.memory / 1024, last.memory / 1024,
		first_round.descriptors, last.descriptors);
	assert_true(last.memory <= first_round.memory + GROWTH_MAX);
}

static void all_ends_well(void **state)
{
	print_message("# %s: grown by %zu kB at most, in \"%s\"\n", columns[column].name,
		growth_most / 1024, growth_name ? growth_name : "");
	harness_finish(harness);
}

static int start(void **state)
{
	struct harness *h;

	(void)harness_setup((void **)&h);
	harness_set(h, "log.level", "info");
	harness_set(h, "cloud.timeout", "1");
	harness_set(h, "door.max_per_minute", "600");
	harness_set(h, "cloud.grant", "refresh_token");
	harness_set(h, "cloud.access_token_file", NULL);
	harness_set(h, "cloud.client_id", "sim-client");
	harness_set(h, "cloud.client_secret_file",
		harness_file(h, "client_secret", "sim-secret\n", 0600));
	harness_set(h, "cloud.refresh_token_file",
		harness_file(h, "refresh_token", "sim-refresh\n", 0600));
	harness_set(h, "poll.family", "600");
	harness_set(h, "poll.access", "600");
	if (column != COLUMN_POLL)
		harness_set(h, "poll.devices", "600");
	if (column != COLUMN_HISTORY)
		harness_set(h, "poll.history", "600");
	history_scene_start(h);
	client_settle(h->client);
	gateway = process_pid(h->gateway);
	at_start = vitals_of(gateway);
	harness = h;
	return 0;
}

static int stop(void **state)
{
	return harness ? harness_teardown((void **)&harness) : 0;
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[ROUNDS * 64 + 3] = {0};
	static char names[ROUNDS * 64][80];
	size_t n = 0;

	while (column < COLUMN_MAX && (argc != 2 || strcmp(argv[1], columns[column].name) != 0))
		column++;
	if (column == COLUMN_MAX) {
		(void)fprintf(stderr, "usage: matrix COLUMN\n");
		return 2;
	}
	for (unsigned round = 0; round < columns[column].rounds; round++) {
		if (round > 0)
			tests[n++] = (struct CMUnitTest)cmocka_unit_test(between_rounds);
		for (size_t i = 0; i < fault_rows_count - (round > 0); i++, n++) {
			(void)snprintf(names[n], sizeof(names[n]), "%s: %s%s", argv[1],
				fault_rows[i].name, round > 0 ? ", again" : "");
			tests[n] = (struct CMUnitTest){
				names[n], cell, NULL, NULL, (void *)&fault_rows[i]};
		}
	}
	if (columns[column].rounds > 1)
		tests[n++] = (struct CMUnitTest)cmocka_unit_test(memory_is_flat);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(all_ends_well);
	return _cmocka_run_group_tests("matrix", tests, n, start, stop);
}
