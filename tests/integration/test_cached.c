#include "tests/integration/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "util/clock.h"

/* What is known over a restart, and what a file that fails must not break. */

static const char *cache_file(struct harness *h, const char *suffix)
{
	return harness_text(h, "%s/state/cache.db%s", h->dir, suffix);
}

static bool file_holds(const char *path, const char *text)
{
	FILE *file = fopen(path, "re");
	_cleanup_free_ char *content = NULL;
	size_t size = 0, used = 0;
	bool found;

	if (!file)
		return false;
	do {
		content = realloc(content, size += 65536);
		assert_non_null(content);
		used += fread(content + used, 1, size - used, file);
	} while (used == size);
	(void)fclose(file);
	found = memmem(content, used, text, strlen(text));
	return found;
}

/* What is in the file and not committed is lost with a sudden end. */
static bool has_device(struct harness *h, const char *text)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	bool found =
		sqlite3_open_v2(cache_file(h, ""), &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(db, "SELECT 1 FROM device WHERE ? IN (name, mac)", -1,
			&statement, NULL) == SQLITE_OK &&
		sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC) == SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW;

	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	return found;
}

/* Until such a device is in the file, which is written some seconds after the change. */
static void await_saved(struct harness *h, const char *text)
{
	uint64_t deadline = test_deadline();

	while (!has_device(h, text)) {
		if (clock_boot_usec() > deadline)
			fail_msg("\"%s\" is not saved", text);
		test_pause();
	}
}

/* Until as much is told below each of these as before; more would be another failure. */
static void await_all(struct harness *h, struct client *before)
{
	static const char *const filters[] = {
		"home/+/availability", "home/+/device/+/+", "home/+/door/+/+"};
	uint64_t deadline = test_deadline();

	for (size_t i = 0; i < ELEMENTS(filters); i++) {
		size_t n = client_count(before, filters[i]);
		_cleanup_(client_freep) struct client *after = client_retained(h, filters[i]);

		while (client_count(after, filters[i]) < n) {
			if (clock_boot_usec() > deadline)
				fail_msg("%zu of %zu on %s", client_count(after, filters[i]), n,
					filters[i]);
			client_resume(after);
			test_pause();
		}
		assert_int_equal(client_count(after, filters[i]), n);
	}
}

static void start_without_cloud(struct harness *h, struct client *before)
{
	_cleanup_(client_freep) struct client *after = NULL;

	process_kill(h->broker);
	client_forget(h->client);
	harness_start_broker(h);
	harness_start_gateway(h);
	scene_await_broker(h);
	(void)client_await(h->client, "home/bridge/cloud", "offline");
	await_all(h, before);
	after = client_retained(h, "home/#");
	assert_int_equal(client_count_payload(after, "home/+/device/+/availability", "offline"), 1);
	assert_int_equal(client_count(after, "home/+/info"), 3);
}

/* One device is offline: it is the last known that counts, not what is usual. */
static struct client *start_and_learn(struct harness *h)
{
	scene_start(h);
	(void)control_post(h, "/device", "{'mac':'%s','online':false,'name':'Seldom Seen'}",
		scene_mac(h, 1, 1));
	(void)client_await(h->client, scene_device(h, 1, 1, "availability"), "offline");
	client_settle(h->client);
	return client_retained(h, "home/#");
}

HARNESS_TEST(what_was_known_is_told_before_the_cloud_answers)
{
	_cleanup_(client_freep) struct client *before = start_and_learn(h);

	assert_int_equal(process_stop(h->gateway), 0);
	process_kill(h->sim);
	start_without_cloud(h, before);
}

HARNESS_TEST(what_was_known_survives_a_sudden_end)
{
	_cleanup_(client_freep) struct client *before = start_and_learn(h);

	await_saved(h, "Seldom Seen");
	process_kill(h->gateway);
	process_kill(h->sim);
	start_without_cloud(h, before);
}

HARNESS_TEST(a_door_that_is_known_can_be_opened_before_the_first_poll)
{
	const char *open;

	scene_start(h);
	open = harness_door(h, "open");
	assert_int_equal(process_stop(h->gateway), 0);
	(void)control_post(h, "/fault", "{'on':'get_family_list','kind':'hang','count':-1}");
	(void)control_post(h, "/fault", "{'on':'get_akuvox_device_list','kind':'hang','count':-1}");
	client_forget(h->client);
	harness_start_gateway(h);
	(void)client_await(h->client, harness_door(h, "state"), "LOCKED");
	expect_success(client_ask(h->client, open, "OPEN"));
	(void)control_await_openings(h, 1);
}

HARNESS_TEST(what_vanished_meanwhile_is_cleared)
{
	const char *device;

	harness_set(h, "poll.devices", "0.1");
	scene_start(h);
	device = scene_device(h, 0, 0, "info");
	assert_int_equal(process_stop(h->gateway), 0);
	(void)control_delete(h, harness_text(h, "/device?mac=%s", scene_mac(h, 0, 0)));
	client_forget(h->client);
	harness_start_gateway(h);
	(void)client_await(h->client, device, "");
}

static void expect_a_door_opens(struct harness *h)
{
	harness_start_gateway(h);
	scene_await_doors(h);
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
}

HARNESS_TEST(a_broken_cache_file_stops_no_opening)
{
	scene_prepare(h);
	(void)harness_file(h, "state/cache.db", "This is no database, not even a small one.", 0600);
	expect_a_door_opens(h);
	process_await_log(h->gateway, "damaged");
	/* The new one works. */
	await_saved(h, scene_mac(h, 0, 0));
}

HARNESS_TEST(a_cache_file_that_ends_early_stops_no_opening)
{
	scene_start(h);
	await_saved(h, scene_mac(h, 0, 0));
	assert_int_equal(process_stop(h->gateway), 0);
	assert_int_equal(truncate(cache_file(h, ""), 5000), 0);
	client_forget(h->client);
	expect_a_door_opens(h);
}

HARNESS_TEST(a_cache_file_that_cannot_be_written_stops_no_opening)
{
	scene_prepare(h);
	harness_set(h, "cache.file",
		harness_text(h, "%s/cache.db", harness_file(h, "no-folder", "", 0600)));
	expect_a_door_opens(h);
	process_await_log(h->gateway, "cache file");
}

HARNESS_TEST(a_folder_in_the_place_of_the_cache_file_stops_no_opening)
{
	scene_prepare(h);
	assert_int_equal(mkdir(cache_file(h, ""), 0700), 0);
	expect_a_door_opens(h);
}

HARNESS_TEST(a_state_folder_that_is_not_there_stops_no_opening)
{
	scene_prepare(h);
	harness_setenv(h, "STATE_DIRECTORY", harness_text(h, "%s/nowhere", h->dir));
	expect_a_door_opens(h);
	process_await_log(h->gateway, "nowhere");
}

HARNESS_TEST(no_secret_of_the_cloud_is_in_the_file_or_on_the_broker)
{
	_cleanup_(client_freep) struct client *c = NULL;
	const char *answer, *secrets[2];
	struct json_object *list;

	scene_start(h);
	list = cloud_call(h, "get_akuvox_device_list",
		scene_json(h, "{'residence_id':'%s'}", scene_residence(h, 0)));
	answer = json_at(list, "result.0.rtsp_url");
	secrets[0] = *answer ? answer : json_at(list, "result.0.rtsp");
	secrets[1] = json_at(list, "result.0.ciphertext");
	await_saved(h, scene_mac(h, 0, 0));
	c = client_retained(h, "#");
	for (size_t i = 0; i < ELEMENTS(secrets); i++) {
		if (!*secrets[i])
			fail_msg("no secret in %s", json_object_get_string(list));
		assert_false(file_holds(cache_file(h, ""), secrets[i]));
		assert_false(file_holds(cache_file(h, "-wal"), secrets[i]));
		assert_null(
			strstr(client_last(c, scene_device(h, 0, 0, "info"))->payload, secrets[i]));
		assert_null(strstr(process_log(h->gateway), secrets[i]));
	}
	assert_null(strstr(process_log(h->gateway), "sim-token"));
}

HARNESS_MAIN(HARNESS_RUN(what_was_known_is_told_before_the_cloud_answers),
	HARNESS_RUN(what_was_known_survives_a_sudden_end),
	HARNESS_RUN(a_door_that_is_known_can_be_opened_before_the_first_poll),
	HARNESS_RUN(what_vanished_meanwhile_is_cleared),
	HARNESS_RUN(a_broken_cache_file_stops_no_opening),
	HARNESS_RUN(a_cache_file_that_ends_early_stops_no_opening),
	HARNESS_RUN(a_cache_file_that_cannot_be_written_stops_no_opening),
	HARNESS_RUN(a_folder_in_the_place_of_the_cache_file_stops_no_opening),
	HARNESS_RUN(a_state_folder_that_is_not_there_stops_no_opening),
	HARNESS_RUN(no_secret_of_the_cloud_is_in_the_file_or_on_the_broker))
