#include "tests/integration/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* akuvox2mqtt topics --rtsp: what goes into go2rtc.yaml, and nowhere else. */

#define DEVICES "get_akuvox_device_list"

static void start_cloud(struct harness *h, const char *options)
{
	harness_sim_options(h, options);
	harness_start_sim(h);
}

static const char *cameras_of(struct harness *h, const char **ret_errors)
{
	const char *output;

	harness_set(h, "log.level", "debug");
	assert_int_equal(harness_verb(h, &output, ret_errors, "topics", "--rtsp", "-c",
				 harness_write_config(h), NULL),
		0);
	return output;
}

static const char *line_with(struct harness *h, const char *output, const char *what)
{
	const char *at = strstr(output, what), *start = at;

	if (!at)
		fail_msg("\"%s\" is not in: %s", what, output);
	while (start > output && start[-1] != '\n')
		start--;
	return harness_text(h, "%.*s", (int)(at - start + (long)strcspn(at, "\n")), start);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* The list of the cloud for one home, with devices as a hostile cloud could tell them. */
static void answer_with(struct harness *h, const char *devices)
{
	_cleanup_free_ char *body = NULL;
	struct json_object *text, *fault = json_object_new_object();

	assert_true(asprintf(&body, "{\"success\":true,\"result\":[%s]}", devices) > 0);
	harness_keep_json(h, fault);
	text = json_object_new_string(body);
	(void)json_object_object_add(fault, "body", text);
	(void)json_object_object_add(fault, "on", json_object_new_string(DEVICES));
	(void)json_object_object_add(fault, "kind", json_object_new_string("wrong_json"));
	(void)control_post(h, "/fault", "%s", json_object_get_string(fault));
}

/* What a reader of YAML sees: the lines that are no comments. */
static const char *without_comments(struct harness *h, const char *output)
{
	_cleanup_free_ char *copy = strdup(output);
	char *rest = copy, *line;
	const char *kept = "";

	assert_non_null(copy);
	while ((line = strsep(&rest, "\n")))
		if (line[strspn(line, " ")] != '#' && *line)
			kept = harness_text(h, "%s%s\n", kept, line);
	return kept;
}

HARNESS_TEST(each_camera_is_printed_for_go2rtc)
{
	const char *output, *errors;

	start_cloud(h, "--homes 2");
	output = cameras_of(h, &errors);
	assert_int_equal(count(output, "\nstreams:\n"), 1);
	for (unsigned home = 0; home < 2; home++)
		for (unsigned device = 0; device < 3; device++) {
			struct json_object *list = cloud_call(h, DEVICES,
				scene_json(h, "{'residence_id':'%s'}", scene_residence(h, home)));
			const char *at = harness_text(h, "result.%u.", device);
			const char *mac = json_at(list, harness_text(h, "%smac", at));
			const char *url = json_at(list, harness_text(h, "%srtsp_url", at));

			if (!*url)
				url = json_at(list, harness_text(h, "%srtsp", at));
			assert_memory_equal(url, "rtsp://", 7);
			assert_non_null(strstr(output,
				harness_text(h, "\n  akuvox_%s:\n    - \"%s\"\n", mac, url)));
			assert_non_null(strstr(output,
				harness_text(h, "#   rtsp://127.0.0.1:8554/akuvox_%s\n", mac)));
			assert_null(strstr(errors, url));
			assert_null(strstr(errors, mac));
		}
	assert_non_null(strstr(errors, "keep it to yourself"));
}

HARNESS_TEST(a_terminal_gets_no_warning)
{
	const char *directory = getenv("TOP_BUILDDIR"), *output, *path;

	harness_start_sim(h);
	path = harness_write_config(h);
	/* script(1) gives its child a terminal. */
	process_exec(h->gateway, "script", "-qec",
		harness_text(
			h, "%s/akuvox2mqtt topics --rtsp -c %s", directory ? directory : ".", path),
		"/dev/null");
	assert_int_equal(process_wait(h->gateway), 0);
	output = process_output(h->gateway);
	assert_non_null(strstr(output, "streams:"));
	assert_null(strstr(output, "keep it to yourself"));
}

HARNESS_TEST(what_is_no_camera_address_is_left_out)
{
	static const char *const addresses[] = {"exec:/bin/sh -c reboot", "echo:/bin/sh",
		"ffmpeg:rtsp://u:p@192.0.2.1/x", "RTSP:x", "rtsp:/x", "http://192.0.2.1/x",
		"rtsp://u:p@192.0.2.1/x\\\"\\n    - \\\"exec:sh",
		"rtsp://u:p@192.0.2.1/x\\n    - exec:sh", "rtsp://u:p@192.0.2.1/\\\\x22",
		"rtsp://u:p@192.0.2.1/${access_token}", "rtsp://u:p@192.0.2.1/{FRIGATE_X}",
		"rtsp://u:p@192.0.2.1/x#exec:sh", "rtsp://u:p@192.0.2.1/\\u2028x",
		"rtsp://u:p@192.0.2.1/a b", "rtsp://u:p@192.0.2.1/\\u0085x",
		"rtsp://u:p@192.0.2.1/\\u001b[2J"};
	const char *output;

	start_cloud(h, "--homes 1");
	for (size_t i = 0; i < ELEMENTS(addresses); i++) {
		answer_with(h, harness_text(h,
				       "{\"mac\":\"0C1105000001\",\"device_name\":\"Door\","
				       "\"rtsp_url\":\"%s\"}",
				       addresses[i]));
		output = cameras_of(h, NULL);
		assert_string_equal(line_with(h, output, "Left out"),
			"# Left out, its address is not a plain one: Door");
		assert_string_equal(without_comments(h, output), "");
	}
	/* What a longer one may hold. */
	answer_with(h, "{\"mac\":\"0C1105000001\",\"rtsp_url\":"
		       "\"rtsps://u%40x:a!$&\\u0027()*+,;=~_-.%22@[2001:db8::1]:554/x?y=1\"}");
	assert_string_equal(without_comments(h, cameras_of(h, NULL)),
		"streams:\n  akuvox_0C1105000001:\n"
		"    - \"rtsps://u%40x:a!$&'()*+,;=~_-.%22@[2001:db8::1]:554/x?y=1\"\n");
}

HARNESS_TEST(names_of_the_cloud_stay_in_their_comment)
{
	static const char *const breaks[] = {
		"\\n", "\\r", "\\u0085", "\\u2028", "\\u2029", "\\u001b[2J", "\\ufeff"};

	start_cloud(h, "--homes 1");
	for (size_t i = 0; i < ELEMENTS(breaks); i++) {
		const char *output;

		answer_with(
			h, harness_text(h,
				   "{\"mac\":\"a: x #\\\"\\\\y\",\"device_name\":\"N%s  exec: x\","
				   "\"rtsp\":\"rtsp://u:p@192.0.2.1/x\"}",
				   breaks[i]));
		output = cameras_of(h, NULL);
		assert_string_equal(without_comments(h, output),
			"streams:\n  akuvox_a__x____y:\n    - \"rtsp://u:p@192.0.2.1/x\"\n");
		assert_memory_equal(line_with(h, output, "exec: x"), "  # N?", 6);
	}
}

HARNESS_TEST(a_door_phone_of_two_homes_is_printed_once)
{
	static const char device[] =
		"{\"mac\":\"0C1105000001\",\"rtsp\":\"rtsp://u:p@192.0.2.1/x\"}";

	start_cloud(h, "--homes 2");
	answer_with(h, device);
	answer_with(h, device);
	assert_string_equal(without_comments(h, cameras_of(h, NULL)),
		"streams:\n  akuvox_0C1105000001:\n    - \"rtsp://u:p@192.0.2.1/x\"\n");
}

HARNESS_TEST(without_a_camera_there_is_nothing_to_keep)
{
	const char *errors, *output;

	start_cloud(h, "--homes 1");
	answer_with(h, "{\"mac\":\"0C1105000001\"}");
	output = cameras_of(h, &errors);
	assert_string_equal(output, "# No device of this account has a camera stream.\n");
	assert_null(strstr(errors, "keep it to yourself"));
}

HARNESS_MAIN(HARNESS_RUN(each_camera_is_printed_for_go2rtc),
	HARNESS_RUN(a_terminal_gets_no_warning), HARNESS_RUN(what_is_no_camera_address_is_left_out),
	HARNESS_RUN(names_of_the_cloud_stay_in_their_comment),
	HARNESS_RUN(a_door_phone_of_two_homes_is_printed_once),
	HARNESS_RUN(without_a_camera_there_is_nothing_to_keep))
