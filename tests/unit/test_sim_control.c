#include "tests/unit/cmocka-all.h"

#include "tests/unit/sim-home.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"

static void test_history_knobs(void **context)
{
	struct sim_home *f = *context;
	struct json_object *r;
	char body[128];

	for (int i = 0; i < 5; i++) {
		(void)snprintf(body, sizeof(body),
			"{\"call_name\":\"n%d\",\"time\":\"2024-01-01 00:00:0%d\"}", i, 4 - i);
		sim_do(&f->sim, "/ring", body);
	}
	r = sim_ask(f, "get_akuvox_call_history", "");
	assert_int_equal(json_object_array_length(r), 5);
	assert_string_equal(sim_text(r, "/0/call_name"), "n0");
	assert_string_equal(sim_text(r, "/4/call_time"), "2024-01-01 00:00:00");
	assert_string_equal(
		sim_text(r, "/4/call_sip"), sim_text(f->state, "/homes/0/devices/0/sip"));
	(void)json_object_put(r);

	sim_do(&f->sim, "/history", "{\"window\":3,\"duplicate_last\":true}");
	r = sim_ask(f, "get_akuvox_call_history", "");
	assert_int_equal(json_object_array_length(r), 3);
	assert_true(json_object_equal(sim_at(r, "/0"), sim_at(r, "/1")));
	assert_string_equal(sim_text(r, "/2/call_name"), "n1");
	(void)json_object_put(r);

	sim_do(&f->sim, "/history", "{\"oldest_first\":true}");
	r = sim_ask(f, "get_akuvox_call_history", "");
	assert_string_equal(sim_text(r, "/0/call_name"), "n1");
	(void)json_object_put(r);

	sim_do(&f->sim, "/history", "{\"clear\":true,\"shuffle\":true}");
	r = sim_ask(f, "get_akuvox_call_history", "");
	assert_int_equal(json_object_array_length(r), 0);
	(void)json_object_put(r);
}

static void expect_yesterday(const char *text)
{
	int64_t passed;
	struct tm tm;

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	passed = time(NULL) - timegm(&tm);
	assert_in_range(passed, 86400, 86400 + 60);
}

static void test_clock(void **context)
{
	struct sim_home *f = *context;
	struct sim_reply reply;
	struct json_object *r;
	int64_t passed;

	sim_do(&f->sim, "/clock", "{\"ahead\":-86400}");
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	passed = time(NULL) - sim_number(reply.json, "/timestamp") / 1000;
	assert_in_range(passed, 86400, 86400 + 60);
	sim_reply_done(&reply);
	sim_do(&f->sim, "/ring", "{}");
	sim_do(&f->sim, "/opening", "{}");
	sim_open_door(f);
	r = sim_ask(f, "get_akuvox_call_history", "");
	expect_yesterday(sim_text(r, "/0/call_time"));
	(void)json_object_put(r);
	r = sim_ask(f, "get_akuvox_open_door_history", "");
	expect_yesterday(sim_text(r, "/0/open_door_time"));
	expect_yesterday(sim_text(r, "/1/open_door_time"));
	(void)json_object_put(r);
}

static void test_world_changes(void **context)
{
	struct sim_home *f = *context;
	_cleanup_free_ char *add = sim_with(f, "\"mac\":\"AABBCCDDEEFF\"");
	struct json_object *r;
	char body[256];

	sim_do(&f->sim, "/device/add", add);
	sim_do(&f->sim, "/device", "{\"mac\":\"AABBCCDDEEFF\",\"online\":false,\"name\":\"Back\"}");
	r = sim_ask(f, "get_akuvox_device_list", "");
	assert_string_equal(sim_text(r, "/3/device_name"), "Back");
	assert_int_equal(sim_flag(r, "/3/online"), 0);
	(void)json_object_put(r);
	(void)json_object_put(
		sim_control(&f->sim, "DELETE", "/device?mac=AABBCCDDEEFF", NULL, 200));
	assert_int_equal(sim_count(&f->sim, "/homes/0/devices"), 3);

	/* Ids may hold anything, and the client must cope. */
	(void)snprintf(body, sizeof(body), "{\"relay_id\":\"%s\",\"to\":\"a/b+#\"}", f->relay);
	sim_do(&f->sim, "/id", body);
	(void)snprintf(body, sizeof(body), "{\"residence_id\":\"%s\",\"to\":\"\"}", f->home);
	sim_do(&f->sim, "/id", body);
	r = sim_result(&f->sim, "get_akuvox_device_list", "{\"residence_id\":\"\"}");
	assert_string_equal(sim_text(r, "/0/relays/0/relay_id"), "a/b+#");
	(void)json_object_put(r);

	sim_do(&f->sim, "/home", "{\"residence_id\":\"\",\"online\":false,\"name\":\"N\"}");
	sim_do(&f->sim, "/lists", "{\"objects\":true}");
	r = sim_result(&f->sim, "get_family_list", "{}");
	assert_string_equal(sim_text(r, "/list/0/family_name"), "N");
	assert_int_equal(sim_flag(r, "/list/0/online"), 0);
	(void)json_object_put(r);
	sim_do(&f->sim, "/lists", "{\"objects\":false}");
	sim_do(&f->sim, "/list_empty", "{\"count\":1}");
	r = sim_result(&f->sim, "get_family_list", "{}");
	assert_int_equal(json_object_array_length(r), 0);
	(void)json_object_put(r);
	sim_do(&f->sim, "/home/add", "{}");
	(void)json_object_put(sim_control(&f->sim, "DELETE", "/home?residence_id=", NULL, 200));
	r = sim_result(&f->sim, "get_family_list", "{}");
	assert_int_equal(json_object_array_length(r), 2);
	(void)json_object_put(r);
}

static void test_wrong_requests(void **context)
{
	static const char *const bodies[] = {"", "x", "[]", "{}",
		"{\"command\":\"get_family_list\",\"id\":\"c0123456789abcdef0123456789abcdef\"}",
		"{\"command\":\"get_family_list\",\"id\":\"c0123456789abcdef0123456789abcdef\","
		"\"param\":{},\"more\":1}",
		"{\"command\":\"get_family_list\",\"id\":\"0123456789abcdef0123456789abcdef\","
		"\"param\":{}}",
		"{\"command\":\"get_family_list\",\"id\":\"c0123456789ABCDEF0123456789abcdef\","
		"\"param\":{}}",
		"{\"command\":\"get_family_list\",\"id\":1,\"param\":{}}",
		"{\"command\":\"get_family_lists\",\"id\":\"c0123456789abcdef0123456789abcdef\","
		"\"param\":{}}",
		"{\"command\":\"get_family_list\",\"id\":\"c0123456789abcdef0123456789abcdef\","
		"\"param\":{\"residence_id\":\"r\"}}",
		"{\"command\":\"get_akuvox_device_list\",\"id\":"
		"\"c0123456789abcdef0123456789abcdef\",\"param\":{}}",
		"{\"command\":\"get_akuvox_device_list\",\"id\":"
		"\"c0123456789abcdef0123456789abcdef\",\"param\":{\"residence_id\":5}}"};
	struct sim_home *f = *context;
	struct sim_reply reply;
	int64_t wrong = 0;

	for (size_t i = 0; i < ELEMENTS(bodies); i++) {
		sim_send(&f->sim, &reply, "POST", SIM_METHODS "user-commands", bodies[i]);
		assert_int_equal(reply.status, 200);
		assert_int_equal(sim_flag(reply.json, "/success"), 0);
		assert_true(sim_number(reply.json, "/code") > 0);
		assert_true(*sim_text(reply.json, "/message"));
		assert_true(sim_number(reply.json, "/timestamp") > INT64_C(1500000000000));
		sim_reply_done(&reply);
		assert_int_equal(sim_count(&f->sim, "/wrong_requests"), ++wrong);
	}
	assert_int_equal(sim_count(&f->sim, "/requests/get_family_list"), 0);

	/* The same id twice. */
	for (int i = 0; i < 2; i++) {
		sim_send(&f->sim, &reply, "POST", SIM_METHODS "user-commands",
			"{\"command\":\"get_family_list\",\"id\":"
			"\"c0123456789abcdef0123456789abcdef\",\"param\":{}}");
		assert_int_equal(sim_flag(reply.json, "/success"), i == 0);
		sim_reply_done(&reply);
	}
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), ++wrong);

	f->sim.accept = NULL;
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	assert_int_equal(sim_flag(reply.json, "/success"), 0);
	sim_reply_done(&reply);
	f->sim.accept = "application/json";
	f->sim.content_type = "text/plain";
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	assert_int_equal(sim_flag(reply.json, "/success"), 0);
	sim_reply_done(&reply);
	f->sim.content_type = "application/json";
	sim_send(&f->sim, &reply, "GET", SIM_METHODS "user-commands", NULL);
	assert_int_equal(reply.status, 405);
	sim_reply_done(&reply);
	sim_send(&f->sim, &reply, "GET", "/other", NULL);
	assert_int_equal(reply.status, 404);
	sim_reply_done(&reply);
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), wrong + 4);
	sim_send(&f->sim, &reply, "GET", SIM_METHODS "versions", NULL);
	assert_string_equal(sim_text(reply.json, "/result/version"), "1.0");
	sim_reply_done(&reply);
}

static void test_every_type_is_checked(void **context)
{
	static const struct {
		const char *command, *more;
	} calls[] = {
		{"update_akuvox_open_door_private_key_config", "\"private_key\":1234"},
		{"update_akuvox_open_door_nfc_config", "\"enable_nfc\":\"true\""},
		{"update_akuvox_open_door_ble_config", "\"enable_ble\":1"},
		{"create_akuvox_open_door_temp_key_config",
			"\"start_time\":\"2020-03-12 13:32:43\",\"finish_time\":\"2020-03-12 "
			"17:32:43\",\"count\":\"1\""},
		{"create_akuvox_open_door_temp_key_config",
			"\"start_time\":\"2020-03-12T13:32:43Z\",\"finish_time\":\"2020-03-12 "
			"17:32:43\",\"count\":1"},
		{"batch_delete_akuvox_open_door_temp_key_config", "\"temp_key\":\"1\""},
		{"batch_delete_akuvox_open_door_temp_key_config", "\"temp_key\":[1]"},
		{"check_akuvox_device_permission", "\"devices\":[\"0C110508EF2E\"]"},
		{"check_akuvox_device_permission", "\"devices\":[{\"mac\":\"x\",\"y\":1}]"},
		{"trigger_akuvox_remote_open_door", "\"mac\":\"x\""},
		{"invite_family_account", "\"email\":\"e\",\"auth\":\"admin\""},
		{"batch_update_family_account_auth", "\"accounts\":[{\"account_id\":\"x\"}]"},
		{"batch_delete_family_account", "\"accounts\":{}"},
	};
	struct sim_home *f = *context;

	for (size_t i = 0; i < ELEMENTS(calls); i++) {
		assert_int_equal(sim_refused(f, calls[i].command, calls[i].more), 40001);
		assert_int_equal(sim_count(&f->sim, "/wrong_requests"), (int64_t)i + 1);
	}
}

static void test_control_is_strict(void **context)
{
	static const char *const calls[][3] = {
		{"GET", "/nothing", NULL},
		{"POST", "/state", "{}"},
		{"GET", "/state?x=1", NULL},
		{"GET", "/requests?command=open", NULL},
		{"POST", "/fault", "{\"on\":\"no_such\",\"kind\":\"hang\"}"},
		{"POST", "/fault", "{\"on\":\"*\",\"kind\":\"hung\"}"},
		{"POST", "/fault", "{\"on\":\"*\"}"},
		{"POST", "/fault", "{\"on\":\"*\",\"kind\":\"status\"}"},
		{"POST", "/fault", "{\"on\":\"*\",\"kind\":\"delay\",\"ms\":-1}"},
		{"POST", "/device", "{\"mac\":\"none\",\"online\":true}"},
		{"POST", "/home", "{\"residence_id\":\"none\"}"},
		{"POST", "/history", "{\"window\":\"3\"}"},
		{"POST", "/id", "{\"to\":\"x\"}"},
		{"POST", "/ring", "x"},
		{"POST", "/ring", "[]"},
		{"DELETE", "/device?mac=none", NULL},
	};
	struct sim_home *f = *context;

	for (size_t i = 0; i < ELEMENTS(calls); i++) {
		struct json_object *r =
			sim_control(&f->sim, calls[i][0], calls[i][1], calls[i][2], 400);

		assert_true(*sim_text(r, "/error"));
		(void)json_object_put(r);
	}
}

static void test_requests_are_kept(void **context)
{
	struct sim_home *f = *context;
	struct json_object *r;

	for (int i = 0; i < 1010; i++)
		(void)json_object_put(sim_result(&f->sim, "get_family_list", "{}"));
	sim_open_door(f);
	assert_int_equal(sim_count(&f->sim, "/requests/get_family_list"), 1010);
	assert_int_equal(sim_count(&f->sim, "/connections/accepted"), 1);
	assert_int_equal(sim_count(&f->sim, "/connections/open"), 1);
	r = sim_control(&f->sim, "GET", "/requests", NULL, 200);
	assert_int_equal(json_object_array_length(r), 1000);
	(void)json_object_put(r);
	r = sim_control(
		&f->sim, "GET", "/requests?command=trigger_akuvox_remote_open_door", NULL, 200);
	assert_int_equal(json_object_array_length(r), 1);
	assert_string_equal(sim_text(r, "/0/param/relay_id"), f->relay);
	assert_int_equal(strlen(sim_text(r, "/0/id")), 33);
	(void)json_object_put(r);
}

/* A child starts the simulator and dies; we, as the next of kin, are told how that one ended. */
static void test_ends_with_its_parent(void **context)
{
	struct sim_client sim;
	int status, pipes[2];
	pid_t child;

	/* qemu-user emulates no subreapers. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return;
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		sim_start(&sim, NULL);
		_exit(write(pipes[1], &sim.pid, sizeof(sim.pid)) != (ssize_t)sizeof(sim.pid));
	}
	assert_int_equal(read(pipes[0], &sim.pid, sizeof(sim.pid)), sizeof(sim.pid));
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(sim.pid, &status, 0), sim.pid);
	assert_int_equal(status, 0);
}

/* With --life something happens by itself, and what happens is in the histories. */
static void test_life(void **context)
{
	struct sim_client sim;
	int64_t rows = 0;

	sim_start(&sim, (const char *[]){"--life", "1", "--homes", "1", NULL});
	while (rows == 0)
		rows = sim_count(&sim, "/homes/0/calls") + sim_count(&sim, "/homes/0/doors");
	assert_int_equal(sim_count(&sim, "/openings"), 0);
	sim_stop(&sim);
}

static void test_arguments(void **context)
{
	static const char *const calls[] = {"--homes=x", "--homes=-1", "--homes=", "--bogus",
		"--token", "more", "--tls-cert=x", "--listen=nowhere", "--listen=127.0.0.1:x",
		"--control=0.0.0.0:0", "--tls-cert=/dev/null --tls-key=/dev/null"};
	const char *top = getenv("TOP_BUILDDIR");
	char command[512];

	for (size_t i = 0; i < ELEMENTS(calls); i++) {
		int status;

		(void)snprintf(command, sizeof(command),
			"%s/tests/sim/akuvox-cloud-sim %s >/dev/null 2>&1", top ? top : ".",
			calls[i]);
		status = system(command);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), i < 7 ? 2 : 1);
	}
	(void)snprintf(command, sizeof(command),
		"%s/tests/sim/akuvox-cloud-sim --help >/dev/null && "
		"%s/tests/sim/akuvox-cloud-sim --version >/dev/null",
		top ? top : ".", top ? top : ".");
	assert_int_equal(system(command), 0);
}

/* What hangs for good must not stop "make check". */
#define TEST_SECONDS_MAX 300

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_history_knobs, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(test_clock, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(
			test_world_changes, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(
			test_wrong_requests, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(
			test_every_type_is_checked, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(
			test_control_is_strict, sim_home_setup, sim_home_teardown),
		cmocka_unit_test_setup_teardown(
			test_requests_are_kept, sim_home_setup, sim_home_teardown),
		cmocka_unit_test(test_ends_with_its_parent),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_arguments),
	};

	(void)alarm(TEST_SECONDS_MAX);
	return cmocka_run_group_tests_name("sim_control", tests, NULL, NULL);
}
