#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cloud/grant.h"
#include "cloud/token_file.h"
#include "util/log.h"
#include "util/secret.h"

/* What the token address answers, and what stands in the file of tokens: the first byte says which,
 * the second the HTTP status and the grant. What was read is asked with, and written again. */

static void ask(enum grant grant, const char *token)
{
	const struct token_settings settings = {.client_id = "client",
		.client_secret = "a&b",
		.username = "u@x",
		.password = "p=q"};
	const struct grant_secrets secrets = {
		.refresh_token = token, .code = token, .redirect_uri = "http://localhost/"};
	_cleanup_secret_ char *form = NULL;

	if (grant_form(&form, grant, &settings, &secrets) == 0 &&
		strncmp(form, "grant_type=", strlen("grant_type=")) != 0)
		abort();
}

static void read_answer(const char *body, uint8_t byte)
{
	static const long statuses[] = {200, 400, 401, 403, 429, 500};
	const struct http_answer http = {
		.end = HTTP_ANSWERED,
		.status = statuses[byte % ELEMENTS(statuses)],
		.body = body,
		.size = strlen(body),
		.why = "x",
	};
	const enum grant grant = (enum grant)(byte >> 4 & 3);
	struct http_answer lost = http;
	struct grant_answer answer = {0};

	lost.end = HTTP_NO_ANSWER;
	if (grant_read(&answer, grant, &lost) == 0 && answer.result != TOKEN_UNREACHABLE)
		abort();
	if (grant_read(&answer, grant, &http) < 0)
		return;
	ask(grant, answer.access_token);
	if ((answer.result == TOKEN_READY) != (answer.access_token != NULL))
		abort();
	if (answer.result != TOKEN_READY && !*answer.why)
		abort();
	grant_answer_done(&answer);
}

/* What was written is what is read. */
static void write_again(const struct token_store *store, const struct token_settings *settings)
{
	struct token_store again = {0};

	if (token_file_write(store, settings) < 0)
		return;
	if (token_file_read(&again, settings) < 0 || again.expires != store->expires ||
		!again.access_token != !store->access_token ||
		(again.access_token && strcmp(again.access_token, store->access_token) != 0))
		abort();
	token_store_done(&again);
}

static void read_file(const char *text, uint8_t byte)
{
	char path[] = "/dev/shm/fuzz-token-XXXXXX";
	struct token_settings settings = {
		.grant = (enum token_grant)(byte % TOKEN_GRANT_MAX),
		.state_file = path,
		.url = "https://c",
		.client_id = "client",
	};
	struct token_store store = {0};
	int fd = mkstemp(path);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		token_file_read(&store, &settings) == 0) {
		write_again(&store, &settings);
		token_store_done(&store);
	}
	(void)close(fd);
	(void)unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;

	log_set_level(LOG_CRIT);
	if (size < 2)
		return 0;
	text = fuzz_text(data + 2, size - 2);
	if (!text)
		return 0;
	if (data[0] & 1)
		read_answer(text, data[1]);
	else
		read_file(text, data[1]);
	return 0;
}
