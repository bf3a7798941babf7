#include "tests/integration/scene.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/clock.h"

/* How access tokens are had, kept over a restart, and lost. */

#define OPENING "trigger_akuvox_remote_open_door"

static int number(struct harness *h, const char *what)
{
	int value = -1;

	(void)sscanf(control_text(h, harness_text(h, "tokens.%s", what)), "%d", &value);
	return value;
}

static void await_number(struct harness *h, const char *what, int least)
{
	uint64_t deadline = test_deadline();

	while (number(h, what) < least) {
		if (clock_boot_usec() > deadline)
			fail_msg("%s is %d, not %d", what, number(h, what), least);
		test_pause();
	}
}

static void use_grant(struct harness *h, const char *grant)
{
	harness_set(h, "cloud.grant", grant);
	harness_set(h, "cloud.access_token_file", NULL);
	harness_set(h, "cloud.client_id", "sim-client");
	harness_set(h, "cloud.client_secret_file",
		harness_file(h, "client_secret", "sim-secret\n", 0600));
}

static void use_refresh_token(struct harness *h)
{
	use_grant(h, "refresh_token");
	harness_set(h, "cloud.refresh_token_file",
		harness_file(h, "refresh_token", "sim-refresh\n", 0600));
}

static void use_password(struct harness *h)
{
	use_grant(h, "password");
	harness_set(h, "cloud.username", "user@example.org");
	harness_set(h, "cloud.password_file",
		harness_file(h, "cloud_password", "sim-password\n", 0600));
	harness_set(h, "cloud.scope", "user");
}

/* What the gateway has saved. */
static struct json_object *saved(struct harness *h)
{
	struct json_object *object =
		json_object_from_file(harness_text(h, "%s/state/token.json", h->dir));

	assert_non_null(object);
	harness_keep_json(h, object);
	return object;
}

static void expect_no_secret(struct harness *h)
{
	const char *const secrets[] = {"sim-token", "sim-secret", "sim-refresh", "sim-password",
		control_text(h, "tokens.newest_access")};
	const char *log = process_log(h->gateway);

	for (size_t i = 0; i < ELEMENTS(secrets); i++)
		if (strstr(log, secrets[i]))
			fail_msg("%s is in the log", secrets[i]);
}

static void serve_with(struct harness *h, const char *grant)
{
	scene_start(h);
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, 1);
	assert_int_equal(number(h, "token_renewed"), 1);
	assert_int_equal(number(h, harness_text(h, "grants.%s", grant)), 1);
	assert_int_equal(number(h, "unauthorized"), 0);
	/* The next one starts with the token that is there. */
	assert_int_equal(process_stop(h->gateway), 0);
	scene_restart_gateway(h);
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, 2);
	assert_int_equal(number(h, "token_requests"), 1);
	expect_no_secret(h);
}

HARNESS_TEST(a_refresh_token_serves)
{
	use_refresh_token(h);
	serve_with(h, "refresh_token");
}

HARNESS_TEST(a_password_serves)
{
	use_password(h);
	serve_with(h, "password");
}

HARNESS_TEST(client_credentials_serve)
{
	use_grant(h, "client_credentials");
	serve_with(h, "client_credentials");
}

HARNESS_TEST(a_renewed_token_is_saved_for_its_owner_only)
{
	struct stat st;

	use_refresh_token(h);
	scene_start(h);
	assert_int_equal(stat(harness_text(h, "%s/state/token.json", h->dir), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_string_equal(
		json_at(saved(h), "access_token"), control_text(h, "tokens.newest_access"));
	assert_string_equal(
		json_at(saved(h), "refresh_token"), control_text(h, "tokens.newest_refresh"));
}

/* Or so soon after that it only counts on a slow machine. */
HARNESS_TEST(a_token_is_renewed_before_it_ends)
{
	use_refresh_token(h);
	scene_prepare(h);
	(void)control_post(h, "/token", "{'expires_in':2,'grace':60}");
	harness_start_gateway(h);
	scene_await_doors(h);
	await_number(h, "token_renewed", 3);
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, 1);
	assert_int_equal(number(h, "unauthorized"), 0);
	assert_int_equal(number(h, "token_refused"), 0);
	assert_int_equal(client_count_payload(h->client, "home/bridge/cloud", "offline"), 0);
	assert_int_equal(client_count_payload(h->client, "home/bridge/cloud", "auth_failed"), 0);
}

HARNESS_TEST(a_refused_token_is_renewed_and_the_opening_sent_again_once)
{
	use_refresh_token(h);
	/* What is polled once the doors are known could meet the old token, too. */
	harness_set(h, "poll.devices", "600");
	harness_set(h, "poll.history", "0");
	harness_set(h, "poll.access", "0");
	harness_set(h, "poll.family", "0");
	scene_start(h);
	(void)control_post(h, "/token", "{'revoke_access':true}");
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
	assert_int_equal(number(h, "token_renewed"), 2);
	assert_int_equal(number(h, "unauthorized"), 1);
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, 2);
	assert_int_equal(number(h, "token_renewed"), 2);
	assert_int_equal(client_count_payload(h->client, "home/bridge/cloud", "auth_failed"), 0);
}

HARNESS_TEST(many_refused_at_once_renew_the_token_once)
{
	const char *topic, *response;

	use_refresh_token(h);
	scene_start(h);
	topic = harness_home(h, "request/get_family_remote_connect");
	response = harness_home(h, "response/get_family_remote_connect");
	(void)control_post(h, "/token", "{'revoke_access':true}");
	for (int i = 0; i < 10; i++)
		client_publish(h->client, topic, harness_text(h, "{\"id\":%d}", i));
	for (int i = 0; i < 10; i++)
		expect_success(client_await(h->client, response, NULL));
	assert_int_equal(number(h, "token_requests"), 2);
}

static void start_again_with_a_dead_access_token(struct harness *h)
{
	(void)control_delete(h, "/fault");
	(void)control_post(h, "/token", "{'revoke_access':true}");
	client_forget(h->client);
	harness_start_gateway(h);
	scene_await_doors(h);
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, 1);
	assert_int_equal(number(h, "token_refused"), 0);
}

HARNESS_TEST(a_sudden_end_at_the_first_use_of_a_new_token_locks_nobody_out)
{
	use_refresh_token(h);
	scene_prepare(h);
	(void)control_post(h, "/fault", "{'on':'*','kind':'hang','count':-1}");
	harness_start_gateway(h);
	control_await_requests(h, "get_family_list", 1);
	process_kill(h->gateway);
	assert_string_equal(
		json_at(saved(h), "refresh_token"), control_text(h, "tokens.newest_refresh"));
	start_again_with_a_dead_access_token(h);
}

HARNESS_TEST(a_sudden_end_at_the_first_use_of_a_renewed_token_locks_nobody_out)
{
	const char *first;

	use_refresh_token(h);
	scene_start(h);
	first = json_at(saved(h), "refresh_token");
	(void)control_post(h, "/token", "{'revoke_access':true}");
	await_number(h, "token_renewed", 2);
	control_await_requests(
		h, "get_family_list", control_request_count(h, "get_family_list") + 1);
	process_kill(h->gateway);
	assert_string_not_equal(json_at(saved(h), "refresh_token"), first);
	start_again_with_a_dead_access_token(h);
}

HARNESS_TEST(a_sudden_end_before_the_new_token_came_locks_nobody_out)
{
	use_refresh_token(h);
	scene_prepare(h);
	(void)control_post(h, "/fault", "{'on':'token','kind':'drop_after','count':-1}");
	harness_start_gateway(h);
	await_number(h, "token_renewed", 1);
	process_kill(h->gateway);
	start_again_with_a_dead_access_token(h);
}

static void expect_auth_failed(struct harness *h)
{
	int requests;

	(void)client_await(h->client, "home/bridge/cloud", "auth_failed");
	process_await_notify(h->gateway, "cloud auth_failed");
	requests = number(h, "token_requests");
	for (int i = 0; i < 5; i++)
		expect_error(scene_open(h, "OPEN"), "auth_failed");
	assert_int_equal(number(h, "token_requests"), requests);
	assert_true(requests <= 3);
	assert_int_equal(control_opening_count(h), 0);
	assert_true(process_running(h->gateway));
}

HARNESS_TEST(a_dead_refresh_token_is_told_and_not_tried_for_ever)
{
	use_refresh_token(h);
	scene_start(h);
	(void)control_post(h, "/token", "{'revoke_refresh':true}");
	(void)control_post(h, "/token", "{'revoke_access':true}");
	expect_auth_failed(h);
	process_await_log(h->gateway, "refuses the refresh token");
	client_expect_none(h->client, "home/bridge/cloud");
}

HARNESS_TEST(a_wrong_password_is_told_and_not_tried_for_ever)
{
	use_password(h);
	harness_set(h, "cloud.password_file", harness_file(h, "wrong", "sim-passwort\n", 0600));
	scene_prepare(h);
	harness_start_gateway(h);
	(void)client_await(h->client, "home/bridge/cloud", "auth_failed");
	process_await_log(h->gateway, "user name or password");
	assert_null(strstr(process_log(h->gateway), "sim-passwort"));
	assert_true(number(h, "token_requests") <= 2);
}

HARNESS_TEST(a_password_gets_a_new_refresh_token_when_the_old_one_is_dead)
{
	use_password(h);
	scene_start(h);
	(void)control_post(h, "/token", "{'revoke_refresh':true}");
	(void)control_post(h, "/token", "{'revoke_access':true}");
	await_number(h, "grants.password", 2);
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
	assert_int_equal(client_count_payload(h->client, "home/bridge/cloud", "auth_failed"), 0);
}

HARNESS_TEST(a_fixed_token_is_read_again_when_it_is_refused)
{
	scene_prepare(h);
	(void)harness_file(h, "access_token", "an-old-token\n", 0600);
	harness_start_gateway(h);
	(void)client_await(h->client, "home/bridge/cloud", "auth_failed");
	(void)harness_file(h, "access_token", "sim-token\n", 0600);
	(void)client_await(h->client, "home/bridge/cloud", "online");
	scene_await_doors(h);
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
	assert_null(strstr(process_log(h->gateway), "an-old-token"));
}

HARNESS_TEST(a_cloud_that_gives_no_tokens_for_a_while)
{
	const char *open;

	use_refresh_token(h);
	scene_start(h);
	open = harness_door(h, "open");
	(void)control_post(h, "/fault", "{'on':'token','kind':'status','status':503,'count':-1}");
	(void)control_post(h, "/token", "{'revoke_access':true}");
	assert_string_equal(message_get(client_ask(h->client, open, "OPEN"), "success"), "false");
	assert_int_equal(control_opening_count(h), 0);
	(void)control_delete(h, "/fault");
	await_number(h, "token_renewed", 2);
	(void)client_await(h->client, "home/bridge/cloud", "online");
	scene_expect_openings(h, 0);
	expect_success(client_ask(h->client, open, "OPEN"));
	scene_expect_openings(h, 1);
}

HARNESS_TEST(an_opening_does_not_wait_for_a_token_beyond_its_deadline)
{
	const char *open;

	use_refresh_token(h);
	harness_set(h, "door.deadline", "0.5");
	harness_set(h, "poll.devices", "600");
	harness_set(h, "poll.family", "600");
	scene_start(h);
	open = harness_door(h, "open");
	(void)control_post(h, "/fault", "{'on':'token','kind':'hang','count':-1}");
	(void)control_post(h, "/token", "{'revoke_access':true}");
	expect_error(client_ask(h->client, open, "OPEN"), "expired");
	(void)control_delete(h, "/fault");
	await_number(h, "token_renewed", 2);
	scene_expect_openings(h, 0);
	assert_int_equal(control_request_count(h, OPENING), 0);
}

HARNESS_TEST(a_token_that_cannot_be_saved_opens_all_the_same)
{
	use_refresh_token(h);
	harness_setenv(h, "STATE_DIRECTORY", harness_text(h, "%s/nowhere", h->dir));
	scene_start(h);
	process_await_log(h->gateway, "a restart would lose the renewed tokens");
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
	expect_no_secret(h);
}

HARNESS_TEST(another_first_token_in_the_configuration_counts)
{
	use_refresh_token(h);
	scene_start(h);
	assert_int_equal(process_stop(h->gateway), 0);
	(void)control_post(h, "/token", "{'revoke_access':true}");
	(void)harness_file(h, "refresh_token",
		harness_text(h, "%s\n", control_text(h, "tokens.newest_refresh")), 0600);
	(void)harness_file(h, "state/token.json", "{\"access_token\":\"x\",", 0600);
	scene_restart_gateway(h);
	expect_success(scene_open(h, "OPEN"));
	(void)control_await_openings(h, 1);
	assert_int_equal(number(h, "token_refused"), 0);
}

HARNESS_MAIN(HARNESS_RUN(a_refresh_token_serves), HARNESS_RUN(a_password_serves),
	HARNESS_RUN(client_credentials_serve),
	HARNESS_RUN(a_renewed_token_is_saved_for_its_owner_only),
	HARNESS_RUN(a_token_is_renewed_before_it_ends),
	HARNESS_RUN(a_refused_token_is_renewed_and_the_opening_sent_again_once),
	HARNESS_RUN(many_refused_at_once_renew_the_token_once),
	HARNESS_RUN(a_sudden_end_at_the_first_use_of_a_new_token_locks_nobody_out),
	HARNESS_RUN(a_sudden_end_at_the_first_use_of_a_renewed_token_locks_nobody_out),
	HARNESS_RUN(a_sudden_end_before_the_new_token_came_locks_nobody_out),
	HARNESS_RUN(a_dead_refresh_token_is_told_and_not_tried_for_ever),
	HARNESS_RUN(a_wrong_password_is_told_and_not_tried_for_ever),
	HARNESS_RUN(a_password_gets_a_new_refresh_token_when_the_old_one_is_dead),
	HARNESS_RUN(a_fixed_token_is_read_again_when_it_is_refused),
	HARNESS_RUN(a_cloud_that_gives_no_tokens_for_a_while),
	HARNESS_RUN(an_opening_does_not_wait_for_a_token_beyond_its_deadline),
	HARNESS_RUN(a_token_that_cannot_be_saved_opens_all_the_same),
	HARNESS_RUN(another_first_token_in_the_configuration_counts))
