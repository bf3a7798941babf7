#include "tests/integration/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What must fail a test does: this program runs itself once for each of these. */

#define CHOSEN "HARNESS_MUST_FAIL"

/* What follows is waited for in vain. */
static void lose_patience(void)
{
	assert_int_equal(setenv("HARNESS_PATIENCE", "1", 1), 0);
}

HARNESS_TEST(a_message_that_does_not_come)
{
	harness_start_broker(h);
	harness_start_client(h);
	client_publish(h->client, "other", "1");
	lose_patience();
	(void)client_await(h->client, "never", "1");
}

HARNESS_TEST(a_message_that_must_not_come)
{
	static const char answers[] =
		"stdbuf -oL mosquitto_sub --unix $0 -V 5 -t 'home/#' -F '%R %D' |"
		"while read -r to data; do mosquitto_pub --unix $0 -V 5 -t home/unasked -m here;"
		" mosquitto_pub --unix $0 -V 5 -t $to -n -D publish correlation-data $data; done";

	harness_start_broker(h);
	harness_start_client(h);
	client_publish(h->client, "home/ready", "?", .retain = true, .response_topic = "ready",
		.correlation = "c");
	process_exec(h->gateway, "sh", "-c", answers, h->socket);
	(void)client_await(h->client, "ready", NULL);
	client_forget(h->client);
	client_expect_none(h->client, "home/unasked");
}

HARNESS_TEST(an_opening_too_many)
{
	harness_start_sim(h);
	(void)cloud_open_door(h);
	(void)cloud_open_door(h);
	(void)control_await_openings(h, 1);
}

HARNESS_TEST(an_opening_too_few)
{
	harness_start_sim(h);
	(void)cloud_open_door(h);
	lose_patience();
	(void)control_await_openings(h, 2);
}

HARNESS_TEST(a_wrong_request)
{
	harness_start_sim(h);
	(void)cloud_call(h, "no_such_command", "{}");
}

HARNESS_TEST(a_bad_end)
{
	process_exec(h->gateway, "sh", "-c",
		"trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done");
	(void)process_line(h->gateway);
}

HARNESS_TEST(an_end_that_nobody_saw)
{
	process_exec(h->gateway, "true");
	while (process_running(h->gateway))
		test_pause();
}

HARNESS_TEST(a_process_that_never_gets_ready)
{
	process_exec(h->gateway, "sleep", "600");
	lose_patience();
	process_await_notify(h->gateway, "READY=1");
}

static const struct {
	const char *says;
	struct CMUnitTest test;
} failures[] = {
	{"1 did not come on never", HARNESS_RUN(a_message_that_does_not_come)},
	{"Nothing was to come on home/unasked", HARNESS_RUN(a_message_that_must_not_come)},
	{"2 openings, not 1", HARNESS_RUN(an_opening_too_many)},
	{"1 openings, not 2", HARNESS_RUN(an_opening_too_few)},
	{"wrong requests:", HARNESS_RUN(a_wrong_request)},
	{"the gateway ends with status 3", HARNESS_RUN(a_bad_end)},
	{"a process ended unseen", HARNESS_RUN(an_end_that_nobody_saw)},
	{"gateway does not tell READY=1", HARNESS_RUN(a_process_that_never_gets_ready)},
};

HARNESS_TEST(each_of_them_fails)
{
	char program[512] = "";

	assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
	/* A test that fails jumps out of its functions and leaves what they had. */
	process_setenv(h->gateway, "ASAN_OPTIONS", "detect_leaks=0");
	for (size_t i = 0; i < ELEMENTS(failures); i++) {
		process_setenv(h->gateway, CHOSEN, failures[i].test.name);
		process_exec(h->gateway, program);
		assert_int_equal(process_wait(h->gateway), 1);
		if (!strstr(process_log(h->gateway), failures[i].says) &&
			!strstr(process_output(h->gateway), failures[i].says))
			fail_msg("%s does not say \"%s\"", failures[i].test.name, failures[i].says);
	}
}

int main(void)
{
	const char *name = getenv(CHOSEN);
	const struct CMUnitTest tests[] = {HARNESS_RUN(each_of_them_fails)};

	for (size_t i = 0; name && i < ELEMENTS(failures); i++)
		if (strcmp(failures[i].test.name, name) == 0)
			return _cmocka_run_group_tests(name, &failures[i].test, 1, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
