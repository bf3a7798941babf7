#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/token_fixture.h"

static void test_refresh_token(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_null(token_current(f->token));
	assert_int_equal(f->asked, 0);
	assert_int_equal(get(f), TOKEN_READY);
	assert_string_equal(token_current(f->token), "A-1");
	assert_int_equal(
		strncmp(f->head, "POST /api/v1.0/invoke/open-ability/method/oauth2/token HTTP", 58),
		0);
	assert_non_null(strstr(f->head, "Content-Type: application/x-www-form-urlencoded\r\n"));
	assert_non_null(strstr(f->head, "Accept: application/json\r\n"));
	assert_null(strstr(f->head, "Authorization"));
	assert_string_equal(f->body, "grant_type=refresh_token&client_id=client"
				     "&client_secret=client%26secret&refresh_token=R-first");
	assert_true(token_expires(f->token) >= clock_epoch_msec() / 1000 + 3500);
	assert_true(token_expires(f->token) <= clock_epoch_msec() / 1000 + 3600);
	/* The rotated one is used from then on. */
	reject(f);
	assert_int_equal(token_expires(f->token), 0);
	assert_int_equal(get(f), TOKEN_READY);
	assert_non_null(strstr(f->body, "&refresh_token=R-1"));
	assert_string_equal(token_current(f->token), "A-2");
}

static void test_password(void **state)
{
	struct fixture *f = *state;

	f->settings.grant = TOKEN_GRANT_PASSWORD;
	f->settings.refresh_token = NULL;
	f->settings.username = "a@b.example";
	f->settings.password = "p w";
	f->settings.scope = "user";
	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_string_equal(f->body,
		"grant_type=password&client_id=client&client_secret=client%26secret&scope=user"
		"&username=a%40b.example&password=p%20w");
	/* By the refresh token that came with it, then by the password when that is refused. */
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_int_equal(f->asked, 2);
	assert_string_equal(f->body, "grant_type=refresh_token&client_id=client"
				     "&client_secret=client%26secret&refresh_token=R-1");
	reject(f);
	f->manner = REFUSES_REFRESH;
	assert_int_equal(get(f), TOKEN_READY);
	assert_int_equal(f->asked, 4);
	assert_string_equal(token_current(f->token), "A-4");
	assert_non_null(strstr(f->body, "password=p%20w"));
}

static void test_client_credentials(void **state)
{
	struct fixture *f = *state;

	f->settings.grant = TOKEN_GRANT_CLIENT_CREDENTIALS;
	f->settings.refresh_token = NULL;
	f->settings.scope = "hotel";
	f->settings.username = "not used";
	f->manner = KEEPS;
	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_string_equal(f->body, "grant_type=client_credentials&client_id=client"
				     "&client_secret=client%26secret&scope=hotel");
}

/* A login: what is stored is not used, but replaced. */
static void redeem(struct fixture *f, const struct token_first *first)
{
	struct token_wait *wait;
	struct told told = {0};

	assert_int_equal(token_redeem(f->token, first, &wait, on_told, &told), 0);
	RUN_UNTIL(f, told.times == 1);
	assert_int_equal(told.result, TOKEN_READY);
}

static void test_login(void **state)
{
	struct fixture *f = *state;
	const struct token_first given = {.refresh_token = "R-given"}, nothing = {0};

	begin(f);
	redeem(f, &nothing);
	assert_non_null(strstr(f->body, "&refresh_token=R-first"));
	redeem(f, &nothing);
	assert_non_null(strstr(f->body, "&refresh_token=R-1"));
	redeem(f, &given);
	assert_non_null(strstr(f->body, "&refresh_token=R-given"));
	/* What the service reads has no first refresh token, and counts all the same. */
	f->settings.refresh_token = NULL;
	begin(f);
	redeem(f, &given);
	begin(f);
	assert_string_equal(token_current(f->token), "A-4");
	f->settings.grant = TOKEN_GRANT_PASSWORD;
	f->settings.username = "a";
	f->settings.password = "p";
	begin(f);
	redeem(f, &nothing);
	redeem(f, &nothing);
	assert_non_null(strstr(f->body, "password=p"));
	assert_int_equal(f->asked, 6);
	f->settings.grant = TOKEN_GRANT_CLIENT_CREDENTIALS;
	begin(f);
	redeem(f, &nothing);
	assert_non_null(strstr(f->body, "grant_type=client_credentials"));
}

/* The service has no password: it was typed at a login. */
static void test_password_of_a_login(void **state)
{
	struct fixture *f = *state;
	const struct token_first nothing = {0};

	f->settings.grant = TOKEN_GRANT_PASSWORD;
	f->settings.refresh_token = NULL;
	f->settings.username = "a";
	f->settings.password = "p";
	begin(f);
	redeem(f, &nothing);
	f->settings.password = NULL;
	begin(f);
	assert_string_equal(token_current(f->token), "A-1");
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_non_null(strstr(f->body, "&refresh_token=R-1"));
	f->manner = REFUSES_REFRESH;
	reject(f);
	assert_int_equal(get(f), TOKEN_REFUSED);
	assert_int_equal(f->asked, 3);
}

static void test_as_stored(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *before = NULL;

	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	before = strdup(file_text(f));
	f->settings.as_stored = true;
	renew_wait = 0;
	begin(f);
	assert_true(renew_wait > 0);
	renewal_due();
	run_for(f, 30 * USEC_PER_MSEC);
	assert_string_equal(token_current(f->token), "A-1");
	reject(f);
	assert_int_equal(get(f), TOKEN_REFUSED);
	run_for(f, 30 * USEC_PER_MSEC);
	assert_int_equal(f->asked, 1);
	assert_string_equal(file_text(f), before);
}

static void test_authorization_code(void **state)
{
	struct fixture *f = *state;
	const struct token_first nothing = {0}, first = {.code = "co/de",
							.redirect_uri = "https://x.example/back"};
	struct token_wait *wait;
	struct told told = {0};

	f->settings.grant = TOKEN_GRANT_AUTHORIZATION_CODE;
	f->settings.refresh_token = NULL;
	begin(f);
	assert_int_equal(get(f), TOKEN_REFUSED);
	assert_non_null(strstr(token_why(f->token), "akuvox2mqtt login"));
	assert_int_equal(f->asked, 0);
	assert_int_equal(token_redeem(f->token, &nothing, &wait, on_told, &told), -EINVAL);
	assert_int_equal(token_redeem(f->token, &first, &wait, on_told, &told), 0);
	assert_int_equal(token_redeem(f->token, &first, &wait, on_told, &told), -EBUSY);
	RUN_UNTIL(f, told.times == 1);
	assert_int_equal(told.result, TOKEN_READY);
	assert_string_equal(f->body, "grant_type=authorization_code&client_id=client"
				     "&client_secret=client%26secret&code=co%2Fde"
				     "&redirect_uri=https%3A%2F%2Fx.example%2Fback");
	/* The daemon, started later, renews by refresh token. */
	begin(f);
	assert_string_equal(token_current(f->token), "A-1");
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_non_null(strstr(f->body, "&refresh_token=R-1"));
}

static void test_fixed(void **state)
{
	struct fixture *f = *state;

	f->settings = (struct token_settings){
		.grant = TOKEN_GRANT_TOKEN,
		.url = tiny_server_url(f->server),
		.access_token_file = f->scratch->file,
		.timeout_usec = USEC_PER_SEC,
	};
	begin(f);
	assert_null(token_current(f->token));
	assert_non_null(strstr(token_why(f->token), f->scratch->file));
	assert_int_equal(get(f), TOKEN_REFUSED);
	scratch_write(f->scratch->file, "F-1\n", 4);
	assert_int_equal(chmod(f->scratch->file, 0600), 0);
	begin(f);
	assert_string_equal(token_current(f->token), "F-1");
	assert_int_equal(token_expires(f->token), 0);
	reject(f);
	/* The same text again, as often as one asks. */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(get(f), TOKEN_REFUSED);
		assert_null(token_current(f->token));
	}
	assert_non_null(strstr(token_why(f->token), "put a new one there"));
	assert_null(strstr(token_why(f->token), "F-1"));
	/* After a pause: the refusal may have been a mistake. The next pause is no shorter. */
	skew += 121 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_READY);
	reject(f);
	assert_int_equal(get(f), TOKEN_REFUSED);
	skew += 59 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_REFUSED);
	/* A new one counts at once. */
	scratch_write(f->scratch->file, "F-2\n", 4);
	assert_int_equal(get(f), TOKEN_READY);
	assert_string_equal(token_current(f->token), "F-2");
	token_rejected(f->token, "F-1");
	assert_string_equal(token_current(f->token), "F-2");
	/* Readable by all. */
	reject(f);
	scratch_write(f->scratch->file, "F-3\n", 4);
	assert_int_equal(chmod(f->scratch->file, 0644), 0);
	assert_int_equal(get(f), TOKEN_REFUSED);
	scratch_write(f->scratch->file, "F 4\n", 4);
	assert_int_equal(chmod(f->scratch->file, 0600), 0);
	assert_int_equal(get(f), TOKEN_REFUSED);
	assert_int_equal(f->asked, 0);
}

static void test_lifetimes(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *text;
		uint64_t seconds;
	} rows[] = {
		{"3600", 3540},
		{"\"600\"", 540},
		{"1", 1},
		{"0", 3540},
		{"-5", 3540},
		{"99999999999", 3540},
		{"99999999999999999999999", 3540},
		{"1.5", 3540},
		{"\"soon\"", 3540},
		{"null", 3540},
		{"{}", 3540},
	};
	static char says[128];

	f->manner = SAYS;
	f->status = 200;
	f->says = says;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		snprintf(says, sizeof(says),
			"{\"success\":true,\"result\":{\"access_token\":\"A\",\"expires_in\":%s}}",
			rows[i].text);
		unlink(f->scratch->file);
		begin(f);
		assert_int_equal(get(f), TOKEN_READY);
		if (renew_wait != rows[i].seconds * USEC_PER_SEC)
			fail_msg("%s", rows[i].text);
	}
}

static void test_kept_refresh_token(void **state)
{
	struct fixture *f = *state;

	f->manner = FLAT;
	f->expires_in = 200;
	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_int_equal(renew_wait, 180 * USEC_PER_SEC);
	assert_string_equal(token_current(f->token), "A-1");
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_non_null(strstr(f->body, "&refresh_token=R-first"));
}

static void test_answers(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int status;
		const char *body;
		enum token_result result;
	} rows[] = {
		{200, "{\"success\":true,\"result\":{\"access_token\":\"A\"}}", TOKEN_READY},
		{200, "{\"success\":\"true\",\"result\":{\"access_token\":\"A\"}}", TOKEN_READY},
		{200, "{\"result\":{\"access_token\":\"A\"}}", TOKEN_READY},
		{200, "{\"access_token\":\"A\",\"result\":null}", TOKEN_READY},
		{201, "{\"access_token\":\"A\"}", TOKEN_READY},
		{200, "{\"success\":false,\"result\":{\"access_token\":\"A\"}}", TOKEN_REFUSED},
		{200, "{\"success\":\"false\"}", TOKEN_REFUSED},
		{400, "{\"error\":\"invalid_grant\"}", TOKEN_REFUSED},
		{401, "", TOKEN_REFUSED},
		{403, "<html>", TOKEN_REFUSED},
		{404, "{}", TOKEN_UNREACHABLE},
		{302, "", TOKEN_UNREACHABLE},
		{429, "{}", TOKEN_UNREACHABLE},
		{500, "{\"success\":false}", TOKEN_UNREACHABLE},
		{503, "", TOKEN_UNREACHABLE},
		{200, "", TOKEN_UNREACHABLE},
		{200, "[]", TOKEN_UNREACHABLE},
		{200, "<html>", TOKEN_UNREACHABLE},
		{200, "{\"success\":true}", TOKEN_UNREACHABLE},
		{200, "{\"success\":true,\"result\":{\"access_token\":\"\"}}", TOKEN_UNREACHABLE},
		{200, "{\"access_token\":\"A\\r\\nX: y\"}", TOKEN_UNREACHABLE},
		{200, "{\"access_token\":\"A\\u0000B\"}", TOKEN_UNREACHABLE},
		{200, "{\"access_token\":{}}", TOKEN_UNREACHABLE},
	};

	f->manner = SAYS;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		unlink(f->scratch->file);
		begin(f);
		f->status = rows[i].status;
		f->says = rows[i].body;
		if (get(f) != rows[i].result)
			fail_msg("%d %s", rows[i].status, rows[i].body);
		assert_int_equal(token_current(f->token) != NULL, rows[i].result == TOKEN_READY);
		assert_int_equal(*token_why(f->token) != '\0', rows[i].result != TOKEN_READY);
		assert_int_equal(f->asked, i + 1);
	}
}

/* What the cloud says may repeat what it was given. */
static void test_why(void **state)
{
	struct fixture *f = *state;

	f->manner = SAYS;
	f->status = 400;
	f->says = "{\"error\":\"invalid_grant\",\"error_description\":\"R-first is void\"}";
	begin(f);
	assert_int_equal(get(f), TOKEN_REFUSED);
	assert_string_equal(token_why(f->token),
		"the cloud refuses the refresh token (HTTP 400, invalid_grant)");
	f->says = "{\"error\":\"R-first is void\"}";
	begin(f);
	assert_int_equal(get(f), TOKEN_REFUSED);
	assert_string_equal(token_why(f->token), "the cloud refuses the refresh token (HTTP 400)");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_refresh_token),
		TEST(test_password),
		TEST(test_client_credentials),
		TEST(test_login),
		TEST(test_password_of_a_login),
		TEST(test_as_stored),
		TEST(test_authorization_code),
		TEST(test_fixed),
		TEST(test_lifetimes),
		TEST(test_kept_refresh_token),
		TEST(test_answers),
		TEST(test_why),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
