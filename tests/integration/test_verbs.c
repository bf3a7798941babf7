#include "tests/integration/scene.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The program on the command line: what it prints, and its exit status. */

#define OPENING "trigger_akuvox_remote_open_door"

/* By the contract; the numbers are those of sysexits.h. */
enum {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
	UNAVAILABLE = 69,
	NO_PERMISSION = 77,
	CONFIG = 78,
};

#define verb(h, ...) harness_verb((h), NULL, NULL, __VA_ARGS__, NULL)

static void expect_text(const char *where, const char *what)
{
	if (!strstr(where, what))
		fail_msg("\"%s\" is not in: %s", what, where);
}

HARNESS_TEST(a_wrong_call_is_told)
{
	const char *output, *errors;

	assert_int_equal(harness_verb(h, &output, &errors, NULL), USAGE);
	assert_string_equal(output, "");
	expect_text(errors, "--help");
	assert_int_equal(verb(h, "fly"), USAGE);
	assert_int_equal(verb(h, "run", "--fast"), USAGE);
	assert_int_equal(verb(h, "run", "-c"), USAGE);
	assert_int_equal(verb(h, "run", "now"), USAGE);
	assert_int_equal(verb(h, "check", "--json"), USAGE);
	assert_int_equal(verb(h, "commands", "-c", "x"), USAGE);
	assert_int_equal(verb(h, "topics", "x"), USAGE);
	assert_int_equal(verb(h, "call"), USAGE);
}

HARNESS_TEST(help_and_version)
{
	const char *output;

	assert_int_equal(harness_verb(h, &output, NULL, "--help", NULL), DONE);
	expect_text(output, "akuvox2mqtt check");
	assert_int_equal(harness_verb(h, &output, NULL, "check", "--help", NULL), DONE);
	expect_text(output, "akuvox2mqtt check");
	assert_int_equal(harness_verb(h, &output, NULL, "--version", NULL), DONE);
	expect_text(output, "akuvox2mqtt ");
}

HARNESS_TEST(the_commands_are_listed)
{
	const char *output;
	struct json_object *list;

	assert_int_equal(harness_verb(h, &output, NULL, "commands", NULL), DONE);
	expect_text(output, "Group door: opening\n\n  " OPENING "\n");
	expect_text(output, "relay_id");
	assert_int_equal(harness_verb(h, &output, NULL, "commands", "--json", NULL), DONE);
	list = json_tokener_parse(output);
	assert_non_null(list);
	harness_keep_json(h, list);
	assert_int_equal(json_object_array_length(list), 30);
}

HARNESS_TEST(a_wrong_configuration_is_told_with_file_line_and_key)
{
	static const char *const verbs[] = {"run", "check", "topics"};
	const char *path, *errors;

	harness_start_sim(h);
	path = harness_file(h, "bad.conf",
		"[cloud]\nregion = eu\n[door]\nhold_tim = 5\n[mqtt]\nport = 0\n", 0600);
	for (size_t i = 0; i < ELEMENTS(verbs); i++)
		assert_int_equal(
			harness_verb(h, NULL, &errors, verbs[i], "-c", path, NULL), CONFIG);
	expect_text(errors, "bad.conf:4: ");
	expect_text(errors, "hold_tim");
	expect_text(errors, "bad.conf:6: ");
	assert_int_equal(verb(h, "check", "--offline", "-c", path), CONFIG);
	assert_int_equal(verb(h, "call", "-c", path, "get_family_list"), CONFIG);
	assert_int_equal(verb(h, "run", "-c", "/nowhere/akuvox2mqtt.conf"), CONFIG);
}

HARNESS_TEST(a_secret_that_others_can_read_is_refused)
{
	const char *errors;

	harness_start_sim(h);
	assert_int_equal(chmod(harness_text(h, "%s/access_token", h->dir), 0644), 0);
	assert_int_equal(harness_verb(h, NULL, &errors, "check", "--offline", "-c",
				 harness_write_config(h), NULL),
		CONFIG);
	expect_text(errors, "access_token");
}

HARNESS_TEST(check_says_what_is_well)
{
	const char *output;

	harness_start_broker(h);
	harness_start_sim(h);
	(void)control_post(h, "/device", "{'mac':'%s','online':false}", scene_mac(h, 1, 1));
	assert_int_equal(
		harness_verb(h, &output, NULL, "check", "-c", harness_write_config(h), NULL), DONE);
	assert_null(strstr(output, "✗"));
	expect_text(output, harness_text(h, "✓ configuration %s/akuvox2mqtt.conf\n", h->dir));
	expect_text(output, harness_text(h, "✓ cloud %s", h->cloud_url));
	expect_text(output, harness_text(h, "✓ home \"Home 1\" (%s)", scene_residence(h, 0)));
	expect_text(output, harness_text(h, "✓ home \"Home 2\" (%s)", scene_residence(h, 1)));
	expect_text(output, scene_mac(h, 0, 1));
	expect_text(output, "offline");
	expect_text(output, "Security Relay (security relay)");
	expect_text(output, harness_text(h, "✓ broker %s", h->socket));
	assert_int_equal(control_opening_count(h), 0);
}

HARNESS_TEST(check_says_which_homes_are_left_out)
{
	const char *output;

	harness_start_broker(h);
	harness_start_sim(h);
	harness_set(h, harness_text(h, "residence %s.alias", scene_residence(h, 0)), "house");
	assert_int_equal(
		harness_verb(h, &output, NULL, "check", "-c", harness_write_config(h), NULL), DONE);
	expect_text(output, "! 1 more home of the account: not served");
}

HARNESS_TEST(check_does_not_disturb_a_gateway_that_runs)
{
	scene_start(h);
	assert_int_equal(verb(h, "check", "-c", harness_write_config(h)), DONE);
	client_expect_none(h->client, "home/bridge/state");
	expect_success(scene_open(h, "OPEN"));
}

HARNESS_TEST(check_offline_looks_at_the_file_only)
{
	const char *output;

	harness_start_sim(h);
	process_kill(h->sim);
	assert_int_equal(harness_verb(h, &output, NULL, "check", "--offline", "-c",
				 harness_write_config(h), NULL),
		DONE);
	expect_text(output, "✓ configuration");
	assert_null(strstr(output, "cloud http"));
}

HARNESS_TEST(check_says_what_is_not_well)
{
	const char *conf, *output;

	harness_start_sim(h);
	conf = harness_write_config(h);
	assert_int_equal(harness_verb(h, &output, NULL, "check", "-c", conf, NULL), UNAVAILABLE);
	expect_text(output, "✓ cloud");
	expect_text(output, "✗ broker");
	expect_text(output, "→ ");
	harness_start_broker(h);
	(void)control_post(h, "/token", "{'revoke_access':true}");
	assert_int_equal(harness_verb(h, &output, NULL, "check", "-c", conf, NULL), NO_PERMISSION);
	expect_text(output, "✗ token");
	expect_text(output, "✓ broker");
	process_kill(h->sim);
	assert_int_equal(harness_verb(h, &output, NULL, "check", "-c", conf, NULL), UNAVAILABLE);
	expect_text(output, "✗ cloud");
}

HARNESS_TEST(a_call_prints_the_result)
{
	const char *output, *conf;
	struct json_object *result;

	harness_start_sim(h);
	conf = harness_write_config(h);
	assert_int_equal(harness_verb(h, &output, NULL, "call", "-c", conf, "get_family_info",
				 harness_text(h, "residence_id=%s", scene_residence(h, 1)), NULL),
		DONE);
	result = json_tokener_parse(output);
	assert_non_null(result);
	harness_keep_json(h, result);
	expect_text(output, "user@example.org");
}

HARNESS_TEST(a_call_opens_a_door_once)
{
	const char *conf;

	harness_start_sim(h);
	conf = harness_write_config(h);
	assert_int_equal(verb(h, "call", "-c", conf, OPENING,
				 harness_text(h, "residence_id=%s", scene_residence(h, 0)),
				 harness_text(h, "mac=%s", scene_mac(h, 0, 0)),
				 harness_text(h, "relay_id=%s", scene_relay(h, 0, 0, 1))),
		DONE);
	assert_string_equal(
		json_at(control_await_openings(h, 1), "0.relay_id"), scene_relay(h, 0, 0, 1));
	(void)control_post(h, "/fault", "{'on':'%s','kind':'drop_after'}", OPENING);
	assert_int_equal(verb(h, "call", "-c", conf, OPENING,
				 harness_text(h, "residence_id=%s", scene_residence(h, 0)),
				 harness_text(h, "mac=%s", scene_mac(h, 0, 0)),
				 harness_text(h, "relay_id=%s", scene_relay(h, 0, 0, 1))),
		UNAVAILABLE);
	(void)control_await_openings(h, 2);
}

HARNESS_TEST(a_call_that_fails_says_why)
{
	const char *conf, *errors, *home;

	harness_start_sim(h);
	conf = harness_write_config(h);
	home = harness_text(h, "residence_id=%s", scene_residence(h, 0));
	assert_int_equal(verb(h, "call", "-c", conf, "open_all"), USAGE);
	assert_int_equal(verb(h, "call", "-c", conf, OPENING, home), USAGE);
	assert_int_equal(verb(h, "call", "-c", conf, "get_family_info", home, "x=1"), USAGE);
	assert_int_equal(verb(h, "call", "-c", conf, "get_family_info", "x"), USAGE);
	(void)control_post(
		h, "/fault", "{'on':'get_family_info','kind':'refuse','body':'not today'}");
	assert_int_equal(
		harness_verb(h, NULL, &errors, "call", "-c", conf, "get_family_info", home, NULL),
		FAILED);
	expect_text(errors, "not today");
	(void)control_post(h, "/token", "{'revoke_access':true}");
	assert_int_equal(verb(h, "call", "-c", conf, "get_family_info", home), NO_PERMISSION);
	process_kill(h->sim);
	assert_int_equal(verb(h, "call", "-c", conf, "get_family_info", home), UNAVAILABLE);
}

/* Runs one of the lines, as somebody who pastes it would. */
static void paste(struct harness *h, const char *line)
{
	process_exec(h->gateway, "sh", "-c", line);
	assert_int_equal(process_wait(h->gateway), 0);
}

HARNESS_TEST(the_lines_of_topics_can_be_pasted)
{
	char *rest, *line;
	_cleanup_free_ char *copy = NULL;
	struct process *gateway;
	const char *output;
	size_t doors = 0, subscriptions = 0;

	scene_start(h);
	assert_int_equal(
		harness_verb(h, &output, NULL, "topics", "-c", harness_write_config(h), NULL),
		DONE);
	expect_text(output, harness_text(h, "--unix '%s'", h->socket));
	expect_text(output, "Home 1");
	copy = strdup(output);
	gateway = h->gateway;
	h->gateway = process_new(h->dir, "pasted");
	for (rest = copy; (line = strsep(&rest, "\n"));) {
		line += strspn(line, " ");
		if (strncmp(line, "mosquitto_pub", 13) == 0) {
			paste(h, line);
			(void)control_await_openings(h, ++doors);
			(void)client_await(h->client, "home/+/door/+/result", NULL);
		} else if (strncmp(line, "mosquitto_sub", 13) == 0) {
			paste(h, harness_text(h, "%s -C 1", line));
			expect_text(process_output(h->gateway), "home/");
			subscriptions++;
		}
	}
	assert_int_equal(doors, 8);
	assert_int_equal(subscriptions, 10);
	(void)process_free(h->gateway);
	h->gateway = gateway;
}

HARNESS_TEST(topics_knows_aliases_and_cameras)
{
	const char *output;

	harness_start_sim(h);
	harness_set(h, harness_text(h, "residence %s.alias", scene_residence(h, 0)), "house");
	harness_set(h, harness_text(h, "door %s.alias", scene_relay(h, 0, 0, 0)), "front");
	assert_int_equal(
		harness_verb(h, &output, NULL, "topics", "-c", harness_write_config(h), NULL),
		DONE);
	expect_text(output, "'home/house/door/front/open'");
	expect_text(output, harness_text(h, "(%s)", scene_relay(h, 0, 0, 0)));
	assert_null(strstr(output, "Home 2"));
	assert_null(strstr(output, "rtsp"));
	assert_int_equal(harness_verb(h, &output, NULL, "topics", "--rtsp", "-c",
				 harness_write_config(h), NULL),
		DONE);
	expect_text(output, "streams:");
	expect_text(output, "rtsp://");
}

HARNESS_MAIN(HARNESS_RUN(a_wrong_call_is_told), HARNESS_RUN(help_and_version),
	HARNESS_RUN(the_commands_are_listed),
	HARNESS_RUN(a_wrong_configuration_is_told_with_file_line_and_key),
	HARNESS_RUN(a_secret_that_others_can_read_is_refused), HARNESS_RUN(check_says_what_is_well),
	HARNESS_RUN(check_says_which_homes_are_left_out),
	HARNESS_RUN(check_does_not_disturb_a_gateway_that_runs),
	HARNESS_RUN(check_offline_looks_at_the_file_only), HARNESS_RUN(check_says_what_is_not_well),
	HARNESS_RUN(a_call_prints_the_result), HARNESS_RUN(a_call_opens_a_door_once),
	HARNESS_RUN(a_call_that_fails_says_why), HARNESS_RUN(the_lines_of_topics_can_be_pasted),
	HARNESS_RUN(topics_knows_aliases_and_cameras))
