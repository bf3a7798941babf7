#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cloud/grant.h"
#include "cloud/token_file.h"
#include "util/log.h"

/* What the token address answers, and what stands in the file of tokens: the first byte says which,
 * the second the HTTP status and the grant. */

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
	struct grant_answer answer = {0};

	if (grant_read(&answer, (enum grant)(byte >> 4 & 3), &http) < 0)
		return;
	if ((answer.result == TOKEN_READY) != (answer.access_token != NULL))
		abort();
	if (answer.result != TOKEN_READY && !*answer.why)
		abort();
	grant_answer_done(&answer);
}

static void read_file(const char *text)
{
	char path[] = "/dev/shm/fuzz-token-XXXXXX";
	struct token_settings settings = {
		.state_file = path, .url = "https://c", .client_id = "client"};
	struct token_store store = {0};
	int fd = mkstemp(path);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		token_file_read(&store, &settings) == 0)
		token_store_done(&store);
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
		read_file(text);
	return 0;
}
