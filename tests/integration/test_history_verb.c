#include "tests/integration/scene.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "util/clock.h"

/* akuvox2mqtt history: the archive, while the service runs and without it. */

/* By the contract. */
enum {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
};

#define OPENINGS "get_akuvox_open_door_history"

#define history_told(h, output, errors, ...)                                            \
	harness_verb((h), (output), (errors), "history", "-c", harness_write_config(h), \
		##__VA_ARGS__, NULL)
#define history(h, output, ...) history_told(h, output, NULL, ##__VA_ARGS__)

static unsigned count_lines(const char *text)
{
	unsigned n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

static void expect_text(const char *where, const char *what)
{
	if (!strstr(where, what))
		fail_msg("\"%s\" is not in: %s", what, where);
}

/* A call and an opening in the first home, an opening in the second. */
static void start(struct harness *h)
{
	harness_set(h, "poll.history", "0.1");
	scene_prepare(h);
	harness_set(h, harness_text(h, "residence %s.alias", scene_residence(h, 0)), "villa");
	harness_set(h, harness_text(h, "residence %s.enabled", scene_residence(h, 1)), "yes");
	harness_start_gateway(h);
	(void)client_await(h->client, "home/villa/history/door", NULL);
	(void)client_await(h->client, scene_home(h, 1, "history/door"), NULL);
	control_await_requests(h, OPENINGS, 4);
	(void)control_post(h, "/ring", "{'call_name':'Gate'}");
	(void)client_await(h->client, "home/villa/event/call", NULL);
	(void)control_post(h, "/opening", "{'account_name':'Ann','picture':false}");
	(void)client_await(h->client, "home/villa/event/door", NULL);
	(void)control_post(
		h, "/opening", "{'residence_id':'%s','account_name':'Bob'}", scene_residence(h, 1));
	(void)client_await(h->client, scene_home(h, 1, "event/door"), NULL);
}

HARNESS_TEST(a_table)
{
	const char *output, *gate, *ann, *bob;

	start(h);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(history(h, &output), DONE);
		assert_int_equal(strncmp(output, "TIME  ", 6), 0);
		assert_int_equal(count_lines(output), 4);
		gate = strstr(output, "  villa             ring    Gate ");
		ann = strstr(output, "  villa             opened  Ann ");
		bob = strstr(output, "  opened  Bob ");
		/* Oldest first, without colours where there is no terminal. */
		assert_true(gate && ann && bob && gate < ann && ann < bob);
		assert_null(strchr(output, '\033'));
		/* And when the service is away. */
		if (i == 0)
			assert_int_equal(process_stop(h->gateway), 0);
	}
}

HARNESS_TEST(filters)
{
	const char *output, *errors, *tomorrow;
	char text[CLOCK_TEXT_MAX];

	start(h);
	assert_int_equal(history(h, &output, "--residence", "villa"), DONE);
	assert_int_equal(count_lines(output), 3);
	assert_null(strstr(output, "villa"));
	assert_int_equal(history(h, &output, "--residence", scene_residence(h, 1)), DONE);
	assert_int_equal(count_lines(output), 2);
	assert_int_equal(history(h, &output, "--kind", "call"), DONE);
	assert_int_equal(count_lines(output), 2);
	assert_int_equal(history(h, &output, "--kind", "door", "--residence", "villa"), DONE);
	assert_int_equal(count_lines(output), 2);
	assert_int_equal(history(h, &output, "--since", "2h"), DONE);
	assert_int_equal(count_lines(output), 4);
	assert_int_equal(history(h, &output, "--until", "2h"), DONE);
	assert_int_equal(count_lines(output), 1);
	assert_int_equal(
		history(h, &output, "--since", "2001-02-03", "--until", "2001-02-04 10:00"), DONE);
	assert_int_equal(count_lines(output), 1);
	tomorrow = harness_text(
		h, "%.10s", clock_rfc3339(text, clock_epoch_msec() / 1000 + 2 * 86400));
	assert_int_equal(history(h, &output, "--until", tomorrow), DONE);
	assert_int_equal(count_lines(output), 4);
	assert_int_equal(history(h, &output, "--since", tomorrow), DONE);
	assert_int_equal(count_lines(output), 1);

	assert_int_equal(history_told(h, &output, &errors, "--residence", "x"), FAILED);
	expect_text(errors, "no such home");
	assert_string_equal(output, "");
	assert_int_equal(history_told(h, NULL, &errors, "--kind", "x"), USAGE);
	expect_text(errors, "call or door");
	assert_int_equal(history_told(h, NULL, &errors, "--since", "soon"), USAGE);
	expect_text(errors, "--since");
	assert_int_equal(history(h, NULL, "--until", "2026-02-30"), USAGE);
	assert_int_equal(history(h, NULL, "--residence"), USAGE);
	assert_int_equal(history(h, NULL, "villa"), USAGE);
}

/* The same as the event said. */
HARNESS_TEST(json)
{
	const struct message *event;
	struct json_object *row;
	const char *output;

	start(h);
	event = client_last(h->client, "home/villa/event/door");
	assert_int_equal(
		history(h, &output, "--json", "--residence", "villa", "--kind", "door"), DONE);
	assert_int_equal(count_lines(output), 1);
	row = json_tokener_parse(output);
	assert_non_null(row);
	harness_keep_json(h, row);
	assert_string_equal(json_at(row, "residence_id"), scene_residence(h, 0));
	json_object_object_foreach (event->json, key, value)
		assert_string_equal(json_at(row, key), json_object_get_string(value));
	assert_int_equal(
		json_object_object_length(row), json_object_object_length(event->json) + 1);
}

HARNESS_TEST(no_archive_yet)
{
	const char *output, *errors;

	scene_prepare(h);
	(void)harness_write_config(h);
	assert_int_equal(history_told(h, &output, &errors), FAILED);
	expect_text(errors, "there is none yet");
	assert_string_equal(output, "");
}

/* Begun before there is a service, and there over its restart. */
HARNESS_TEST(followed)
{
	_cleanup_(process_freep) struct process *p = process_new(h->dir, "follow");

	harness_set(h, "poll.history", "0.1");
	scene_prepare(h);
	process_setenv(p, "STATE_DIRECTORY", harness_text(h, "%s/state", h->dir));
	process_exec(p, harness_text(h, "%s/akuvox2mqtt", getenv("TOP_BUILDDIR") ?: "."), "history",
		"-c", harness_write_config(h), "--follow", "--kind", "door");
	process_await_log(p, "Waiting for the service");
	harness_start_gateway(h);
	control_await_requests(h, OPENINGS, 4);
	expect_text(process_line(p), "TIME");
	for (int i = 0; i < 2; i++) {
		(void)control_post(h, "/ring", "{}");
		(void)control_post(h, "/opening", "{'account_name':'Ann %d'}", i);
		expect_text(process_line(p), harness_text(h, "  opened  Ann %d ", i));
		if (i == 0) {
			assert_int_equal(process_stop(h->gateway), 0);
			scene_restart_gateway(h);
		}
	}
	process_signal(p, SIGINT);
	(void)process_wait(p);
}

/* Who reads may go, in the midst or when there is nothing more for now: no complaint, and nothing is
 * left behind. */
HARNESS_TEST(nobody_reads)
{
	static const unsigned lines[] = {1, 4};

	start(h);
	for (size_t i = 0; i < ELEMENTS(lines); i++) {
		_cleanup_(process_freep) struct process *p =
			process_new(h->dir, harness_text(h, "reader-%zu", i));

		process_exec(p, "/bin/bash", "-o", "pipefail", "-c",
			harness_text(h,
				"STATE_DIRECTORY='%s/state' '%s/akuvox2mqtt' history -c '%s' "
				"--follow | head -n %u",
				h->dir, getenv("TOP_BUILDDIR") ?: ".", harness_write_config(h),
				lines[i]));
		assert_int_equal(process_wait(p), 0);
		assert_string_equal(process_log(p), "");
		assert_int_equal(count_lines(process_output(p)), lines[i]);
	}
}

HARNESS_MAIN(HARNESS_RUN(a_table), HARNESS_RUN(filters), HARNESS_RUN(json),
	HARNESS_RUN(no_archive_yet), HARNESS_RUN(followed), HARNESS_RUN(nobody_reads))
