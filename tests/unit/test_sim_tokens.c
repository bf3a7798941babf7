#include "tests/unit/cmocka-all.h"

#include "tests/unit/sim-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

#define CLIENT "&client_id=sim-client&client_secret=sim-secret"

static int setup(void **context)
{
	struct sim_client *sim = calloc(1, sizeof(*sim));

	assert_non_null(sim);
	*context = sim;
	sim_start(sim, NULL);
	(void)curl_easy_setopt(sim->curl, CURLOPT_FRESH_CONNECT, 1L);
	return 0;
}

static int teardown(void **context)
{
	sim_stop(*context);
	free(*context);
	return 0;
}

static void ask_token(struct sim_client *sim, struct sim_reply *ret, const char *form)
{
	sim->content_type = "application/x-www-form-urlencoded";
	sim_send(sim, ret, "POST", SIM_METHODS "oauth2/token", form);
	sim->content_type = "application/json";
}

/* The new access token goes to access, the refresh token ("" if there is none) to refresh. */
static void get_token(
	struct sim_client *sim, const char *form, char access[static 64], char refresh[static 64])
{
	struct json_object *text;
	struct sim_reply reply;

	ask_token(sim, &reply, form);
	if (reply.status != 200 || sim_flag(reply.json, "/success") != 1)
		fail_msg("%s: %ld %s", form, reply.status, reply.body);
	assert_string_equal(sim_text(reply.json, "/result/token_type"), "bearer");
	(void)snprintf(access, 64, "%s", sim_text(reply.json, "/result/access_token"));
	text = sim_at(reply.json, "/result/refresh_token");
	(void)snprintf(refresh, 64, "%s", text ? json_object_get_string(text) : "");
	sim_reply_done(&reply);
}

static void refresh_form(char form[static 256], const char *refresh)
{
	(void)snprintf(form, 256, "grant_type=refresh_token" CLIENT "&refresh_token=%s", refresh);
}

static long status_of(struct sim_client *sim, const char *form)
{
	struct sim_reply reply;
	long status;

	ask_token(sim, &reply, form);
	assert_int_equal(reply.code, CURLE_OK);
	assert_true(reply.status != 200 || sim_flag(reply.json, "/success") == 0);
	status = reply.status;
	sim_reply_done(&reply);
	return status;
}

static long use(struct sim_client *sim, const char *token)
{
	struct sim_reply reply;
	long status;

	sim->token = token;
	sim_call(sim, &reply, "get_family_list", "{}");
	assert_int_equal(reply.code, CURLE_OK);
	status = reply.status;
	sim_reply_done(&reply);
	return status;
}

static void test_grants(void **context)
{
	static const char *const forms[] = {
		"grant_type=password" CLIENT
		"&scope=user&username=user%40example.org&password=sim-password",
		"grant_type=authorization_code" CLIENT
		"&code=sim-code&redirect_uri=http%3A%2F%2Flocalhost%2F",
		"grant_type=refresh_token" CLIENT "&refresh_token=sim-refresh",
		"grant_type=client_credentials" CLIENT "&scope=user",
	};
	struct sim_client *sim = *context;
	char access[64], refresh[64];

	assert_int_equal(use(sim, "sim-token"), 200);
	for (size_t i = 0; i < ELEMENTS(forms); i++) {
		get_token(sim, forms[i], access, refresh);
		assert_int_equal(use(sim, access), 200);
		/* client_credentials gives none, and a client has to cope. */
		assert_int_equal(*refresh == '\0', i == 3);
	}
	assert_int_equal(sim_count(sim, "/tokens/token_requests"), 4);
	assert_int_equal(sim_count(sim, "/tokens/token_renewed"), 4);
	assert_int_equal(sim_count(sim, "/tokens/grants/password"), 1);
	assert_int_equal(sim_count(sim, "/wrong_requests"), 0);
}

static void test_refused_and_wrong(void **context)
{
	static const char *const refused[] = {
		"grant_type=refresh_token" CLIENT "&refresh_token=other",
		"grant_type=refresh_token&client_id=x&client_secret=sim-secret"
		"&refresh_token=sim-refresh",
		"grant_type=refresh_token&client_id=sim-client&client_secret=x"
		"&refresh_token=sim-refresh",
		"grant_type=password" CLIENT "&scope=user&username=u&password=sim-password",
		"grant_type=authorization_code" CLIENT "&code=x&redirect_uri=http://localhost/",
	};
	static const char *const wrong[] = {
		"",
		"grant_type=magic" CLIENT,
		"grant_type=refresh_token" CLIENT,
		"grant_type=refresh_token" CLIENT "&refresh_token=sim-refresh&scope=user",
		"grant_type=refresh_token" CLIENT "&refresh_token=sim-refresh&refresh_token=b",
		"grant_type=refresh_token" CLIENT "&refresh_token=sim-refresh&expires_in=soon",
	};
	struct sim_client *sim = *context;
	struct sim_reply reply;

	for (size_t i = 0; i < ELEMENTS(refused); i++)
		assert_int_equal(status_of(sim, refused[i]), 400);
	assert_int_equal(sim_count(sim, "/wrong_requests"), 0);
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		assert_int_equal(status_of(sim, wrong[i]), 200);
		assert_int_equal(sim_count(sim, "/wrong_requests"), (int64_t)i + 1);
	}
	assert_int_equal(sim_count(sim, "/tokens/token_refused"),
		(int64_t)(ELEMENTS(refused) + ELEMENTS(wrong)));
	assert_int_equal(sim_count(sim, "/tokens/token_renewed"), 0);
	/* As JSON it is wrong, too. */
	sim_send(sim, &reply, "POST", SIM_METHODS "oauth2/token", "{}");
	assert_int_equal(sim_flag(reply.json, "/success"), 0);
	sim_reply_done(&reply);
	assert_int_equal(use(sim, NULL), 401);
	assert_int_equal(sim_count(sim, "/wrong_requests"), (int64_t)ELEMENTS(wrong) + 2);
	/* A token that does not hold is not the client's mistake. */
	assert_int_equal(use(sim, "other"), 401);
	assert_int_equal(sim_count(sim, "/wrong_requests"), (int64_t)ELEMENTS(wrong) + 2);
	assert_int_equal(sim_count(sim, "/tokens/unauthorized"), 1);
}

/* The old refresh token may be used again until the new access token was: so long the client may
 * have died before it wrote the new one down. */
static void test_rotation(void **context)
{
	char a[64], b[64], old[64], next[64], form[256], form_old[256];
	struct sim_client *sim = *context;
	struct sim_reply reply;

	refresh_form(form_old, "sim-refresh");
	sim_do(sim, "/fault", "{\"on\":\"token\",\"kind\":\"drop_after\"}");
	ask_token(sim, &reply, form_old);
	assert_int_equal(reply.code, CURLE_GOT_NOTHING);
	sim_reply_done(&reply);
	get_token(sim, form_old, a, old);
	get_token(sim, form_old, b, next);
	assert_string_not_equal(old, next);
	assert_int_equal(use(sim, b), 200);
	assert_int_equal(status_of(sim, form_old), 400);

	refresh_form(form, next);
	get_token(sim, form, a, old);
	sim_do(sim, "/token", "{\"strict_rotation\":true}");
	refresh_form(form, old);
	get_token(sim, form, a, next);
	assert_int_equal(status_of(sim, form), 400);
	assert_int_equal(sim_count(sim, "/wrong_requests"), 0);
}

static void test_end_of_tokens(void **context)
{
	char access[64], refresh[64], form[256];
	struct sim_client *sim = *context;
	struct sim_reply reply;

	sim_do(sim, "/token", "{\"expires_in\":1}");
	refresh_form(form, "sim-refresh");
	get_token(sim, form, access, refresh);
	while (use(sim, access) == 200)
		(void)usleep(20000);
	assert_int_equal(use(sim, access), 401);
	assert_int_equal(use(sim, "sim-token"), 200);

	sim_do(sim, "/token", "{\"expires_in\":0}");
	refresh_form(form, refresh);
	(void)snprintf(form + strlen(form), sizeof(form) - strlen(form), "&expires_in=77");
	ask_token(sim, &reply, form);
	assert_int_equal(sim_number(reply.json, "/result/expires_in"), 77);
	(void)snprintf(access, sizeof(access), "%s", sim_text(reply.json, "/result/access_token"));
	(void)snprintf(
		refresh, sizeof(refresh), "%s", sim_text(reply.json, "/result/refresh_token"));
	sim_reply_done(&reply);

	assert_int_equal(use(sim, access), 200);
	sim_do(sim, "/token", "{\"revoke_access\":true}");
	assert_int_equal(use(sim, access), 401);
	assert_int_equal(use(sim, "sim-token"), 401);
	refresh_form(form, refresh);
	get_token(sim, form, access, refresh);
	assert_int_equal(use(sim, access), 200);
	sim_do(sim, "/token", "{\"revoke_refresh\":true}");
	refresh_form(form, refresh);
	assert_int_equal(status_of(sim, form), 400);
	assert_int_equal(use(sim, access), 200);
}

static void test_authorization_page(void **context)
{
	struct sim_client *sim = *context;
	struct sim_reply reply;

	sim_send(sim, &reply, "GET",
		SIM_METHODS "oauth2/auth?scope=user&state=a%20%26b&response_type=code"
			    "&client_id=sim-client&redirect_uri=http%3A%2F%2Flocalhost%2Fx%3Fy",
		NULL);
	assert_int_equal(reply.status, 302);
	assert_string_equal(reply.location, "http://localhost/x?y&state=a%20%26b&code=sim-code");
	sim_reply_done(&reply);
	sim_send(sim, &reply, "GET",
		SIM_METHODS "oauth2/auth?scope=user&response_type=code&client_id=sim-client"
			    "&redirect_uri=http%3A%2F%2Flocalhost%2F",
		NULL);
	assert_int_equal(reply.status, 400);
	sim_reply_done(&reply);
	assert_int_equal(sim_count(sim, "/wrong_requests"), 1);
}

static void test_fixed_token(void **context)
{
	struct sim_client sim;

	sim_start(&sim, (const char *[]){"--token", "mine", NULL});
	assert_int_equal(use(&sim, "sim-token"), 401);
	assert_int_equal(use(&sim, "mine"), 200);
	sim_stop(&sim);
}

/* For localhost, made for this test only; valid from 2000 to 2099. */
static const char tls_cert[] = "-----BEGIN CERTIFICATE-----\n"
			       "MIIBZjCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv\n"
			       "c3QwIBcNMDAwMTAxMDAwMDAwWhgPMjA5OTAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM\n"
			       "CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBrecbzo7XtS6AcP\n"
			       "zqAe7n9wXyKNot1y18+kxj2Thu0f0W0ruU/m77X2MoF9f364EY70GA4uZ81OF0Al\n"
			       "7aRziXujTjBMMB0GA1UdDgQWBBSDopKw9nhOq3CNzWQ3qctVHzkMWDAPBgNVHRMB\n"
			       "Af8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAKBggqhkjOPQQD\n"
			       "AgNHADBEAiBHTGkpsTG5Hvgil3NtsZWYvhTGoayMqwxPz0K5GWmLvAIgK1tTcgKf\n"
			       "Nc14JM8IYPhk3WdbJhbZw7mlAaBie65bvWA=\n"
			       "-----END CERTIFICATE-----\n";
static const char tls_key[] = "-----BEGIN PRIVATE KEY-----\n"
			      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8+sGe4/n5O34mT/J\n"
			      "8Zb/ip8mT8pMNQd31HdxL4zhe7ehRANCAAQa3nG86O17UugHD86gHu5/cF8ijaLd\n"
			      "ctfPpMY9k4btH9FtK7lP5u+19jKBfX9+uBGO9BgOLmfNThdAJe2kc4l7\n"
			      "-----END PRIVATE KEY-----\n";

static void write_file(
	char *path, size_t size, const char *folder, const char *name, const char *content)
{
	FILE *file;

	(void)snprintf(path, size, "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_tls(void **context)
{
	const char *top = getenv("TMPDIR");
	char folder[256], cert[300], key[300];
	struct sim_client sim;
	struct sim_reply reply;
	long connects;

	(void)snprintf(folder, sizeof(folder), "%s/test-sim-XXXXXX", top ? top : "/tmp");
	assert_non_null(mkdtemp(folder));
	write_file(cert, sizeof(cert), folder, "cert.pem", tls_cert);
	write_file(key, sizeof(key), folder, "key.pem", tls_key);
	sim_start(&sim, (const char *[]){"--tls-cert", cert, "--tls-key", key, NULL});
	assert_memory_equal(sim.cloud, "https://localhost:", 18);
	sim.ca = tls_cert;
	(void)json_object_put(sim_result(&sim, "get_family_list", "{}"));
	sim_do(&sim, "/close_idle", "");
	while (sim_count(&sim, "/connections/open") > 0)
		;
	sim_call(&sim, &reply, "get_family_list", "{}");
	assert_int_equal(reply.status, 200);
	(void)curl_easy_getinfo(sim.curl, CURLINFO_NUM_CONNECTS, &connects);
	assert_int_equal(connects, 1);
	sim_reply_done(&reply);
	sim_stop(&sim);
	(void)unlink(cert);
	(void)unlink(key);
	(void)rmdir(folder);
}

/* What hangs for good must not stop "make check". */
#define TEST_SECONDS_MAX 300

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_grants, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_and_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_of_tokens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_authorization_page, setup, teardown),
		cmocka_unit_test(test_fixed_token),
		cmocka_unit_test(test_tls),
	};

	(void)alarm(TEST_SECONDS_MAX);
	return cmocka_run_group_tests_name("sim_tokens", tests, NULL, NULL);
}
