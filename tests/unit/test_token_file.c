#include "tests/unit/cmocka-all.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/token_fixture.h"

static void test_file(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_int_equal(stat(f->scratch->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_non_null(strstr(file_text(f), "\"R-1\""));
	assert_non_null(strstr(file_text(f), "\"A-1\""));
	assert_int_equal(scratch_count(f->scratch, "cache.db"), 1);
	/* After a restart it is used until the cloud refuses it, and renewed by the newest. */
	begin(f);
	assert_string_equal(token_current(f->token), "A-1");
	assert_true(token_expires(f->token) > clock_epoch_msec() / 1000 + 3500);
	assert_true(renew_wait > 3500 * USEC_PER_SEC && renew_wait <= 3540 * USEC_PER_SEC);
	assert_int_equal(f->asked, 1);
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_non_null(strstr(f->body, "&refresh_token=R-1"));
	assert_non_null(strstr(file_text(f), "\"R-2\""));
	assert_null(strstr(file_text(f), "\"R-1\""));
}

/* A new refresh token in the configuration counts more than the stored one; so does any other
 * change that makes it another account. */
static void test_file_of_others(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	f->settings.refresh_token = "R-new";
	begin(f);
	assert_null(token_current(f->token));
	assert_int_equal(get(f), TOKEN_READY);
	assert_non_null(strstr(f->body, "&refresh_token=R-new"));
	f->settings.client_id = "other";
	begin(f);
	assert_null(token_current(f->token));
	f->settings.client_id = "client";
	begin(f);
	assert_string_equal(token_current(f->token), "A-2");
	f->settings.grant = TOKEN_GRANT_PASSWORD;
	begin(f);
	assert_null(token_current(f->token));
	f->settings.grant = TOKEN_GRANT_REFRESH_TOKEN;
	f->settings.username = "someone else";
	begin(f);
	assert_null(token_current(f->token));
	f->settings.username = NULL;
	f->settings.url = "https://api.us.example";
	begin(f);
	assert_null(token_current(f->token));
}

/* As akuvox2mqtt call does beside the service. */
static void test_renewed_by_another(void **state)
{
	struct fixture *f = *state;
	struct token *other = NULL;
	struct token_wait *wait;
	struct told told = {0};

	f->manner = ROTATES;
	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	/* The other one starts with the same file, and renews and uses what it gets. */
	assert_int_equal(token_new(&other, f->event, f->http, &f->settings), 0);
	token_rejected(other, token_current(other));
	assert_int_equal(token_wait(other, &wait, on_told, &told), 0);
	RUN_UNTIL(f, told.times == 1);
	assert_int_equal(told.result, TOKEN_READY);
	f->manner = REFUSES_REFRESH;
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_string_equal(token_current(f->token), token_current(other));
	/* Nobody has renewed this one. */
	reject(f);
	assert_int_equal(get(f), TOKEN_REFUSED);
	(void)token_free(other);
}

static void test_damaged_file(void **state)
{
	struct fixture *f = *state;
	static const char *const texts[] = {"", "{", "[]", "null", "17", "{\"grant\":7}",
		"{\"grant\":\"refresh_token\"}", "\xff\xfe", "{\"a\":1}{"};
	char whole[2048];
	char *large;

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		scratch_write(f->scratch->file, texts[i], strlen(texts[i]));
		begin(f);
		assert_null(token_current(f->token));
		assert_int_equal(get(f), TOKEN_READY);
		assert_non_null(strstr(f->body, "&refresh_token=R-first"));
	}
	/* Cut anywhere, it is whole or nothing. */
	snprintf(whole, sizeof(whole), "%s", file_text(f));
	for (size_t n = 0; n + 2 < strlen(whole); n += 13) {
		scratch_write(f->scratch->file, whole, n);
		begin(f);
		assert_null(token_current(f->token));
	}
	large = calloc(1, 100000);
	memset(large, ' ', 100000);
	memcpy(large, whole, strlen(whole));
	scratch_write(f->scratch->file, large, 100000);
	free(large);
	begin(f);
	assert_null(token_current(f->token));
	assert_int_equal(unlink(f->scratch->file), 0);
	assert_int_equal(mkdir(f->scratch->file, 0700), 0);
	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_int_equal(rmdir(f->scratch->file), 0);
}

/* A time of expiry that has passed, or that a wrong clock wrote, is a hint to renew and no more. */
static void test_stored_expiry(void **state)
{
	struct fixture *f = *state;
	char *text, *expires;

	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	text = file_text(f);
	expires = strstr(text, "\"expires\":");
	assert_non_null(expires);
	memcpy(strpbrk(expires, "0123456789"), "9999999999", 10);
	scratch_write(f->scratch->file, text, strlen(text));
	begin(f);
	assert_string_equal(token_current(f->token), "A-1");
	assert_true(renew_wait <= 86400 * USEC_PER_SEC);
	memcpy(strpbrk(expires, "0123456789"), "1000000000", 10);
	scratch_write(f->scratch->file, text, strlen(text));
	f->manner = HANGS;
	begin(f);
	assert_int_equal(renew_wait, 0);
	renewal_due();
	RUN_UNTIL(f, f->hangs);
	assert_string_equal(token_current(f->token), "A-1");
	assert_int_equal(get(f), TOKEN_READY);
}

/* It cannot be written: doors open all the same, and it is tried again. */
static void test_no_file(void **state)
{
	struct fixture *f = *state;
	char folder[512], file[600];

	snprintf(folder, sizeof(folder), "%s/later", f->scratch->dir);
	snprintf(file, sizeof(file), "%s/token.json", folder);
	f->settings.state_file = file;
	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_string_equal(token_current(f->token), "A-1");
	assert_int_equal(save_wait, 60 * USEC_PER_SEC);
	assert_int_equal(mkdir(folder, 0700), 0);
	saving_due();
	RUN_UNTIL(f, access(file, F_OK) == 0);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(folder), 0);
	f->settings.state_file = NULL;
	begin(f);
	assert_null(token_current(f->token));
	assert_int_equal(get(f), TOKEN_READY);
}

/* A full disk leaves the old file whole. */
static void test_full_disk(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, limit;

	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	reject(f);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 100;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)get(f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_string_equal(token_current(f->token), "A-2");
	assert_non_null(strstr(file_text(f), "\"R-1\""));
	assert_int_equal(scratch_count(f->scratch, "cache.db"), 1);
	/* The newest is written when there is room again. */
	reject(f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)get(f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_string_equal(token_current(f->token), "A-3");
	saving_due();
	RUN_UNTIL(f, strstr(file_text(f), "\"R-3\""));
}

static void on_used(const struct http_answer *answer, void *userdata)
{
	_exit(1); /* it should have been killed before */
}

/* Gets a token, uses it at once, and is killed by who sees it used. */
static void child_run(const struct token_settings *settings)
{
	struct http_settings http_settings = {.connect_timeout_usec = WAIT_MAX, .lines_max = 4};
	struct http_call call = {.answer_max = 100, .timeout_usec = WAIT_MAX};
	struct http_request *request;
	struct token_wait *wait;
	struct token *token;
	struct told told = {0};
	struct http *http;
	sd_event *event;
	char url[128], *old = NULL;

	if (sd_event_new(&event) < 0 || http_new(&http, event, &http_settings) < 0 ||
		token_new(&token, event, http, settings) < 0)
		_exit(2);
	if (token_current(token))
		old = strdup(token_current(token));
	if (old)
		token_rejected(token, old);
	if (token_wait(token, &wait, on_told, &told) < 0)
		_exit(3);
	while (!told.times)
		if (sd_event_run(event, USEC_PER_SEC) < 0)
			_exit(4);
	if (told.result != TOKEN_READY)
		_exit(5);
	snprintf(url, sizeof(url), "%s/use", settings->url);
	call.url = url;
	call.bearer = token_current(token);
	if (http_start(http, &request, &call, on_used, NULL) < 0)
		_exit(6);
	for (;;)
		if (sd_event_run(event, USEC_PER_SEC) < 0)
			_exit(7);
}

/* The refresh token that the cloud takes next is on the disk before the access token that came
 * with it is seen anywhere: the gateway may die at any time after. */
static void test_killed(void **state)
{
	struct fixture *f = *state;

	f->manner = ROTATES;
	for (unsigned round = 1; round <= 5; round++) {
		pid_t gone = 0;
		int status = 0;

		f->child = fork();
		assert_true(f->child >= 0);
		if (f->child == 0)
			child_run(&f->settings);
		RUN_UNTIL(f, (gone = gone ? gone : waitpid(f->child, &status, WNOHANG)) != 0);
		assert_int_equal(gone, f->child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(f->asked, round);
		assert_int_equal(f->used, round);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_file),
		TEST(test_file_of_others),
		TEST(test_renewed_by_another),
		TEST(test_damaged_file),
		TEST(test_stored_expiry),
		TEST(test_no_file),
		TEST(test_full_disk),
		TEST(test_killed),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("token_file", tests, NULL, NULL);
}
