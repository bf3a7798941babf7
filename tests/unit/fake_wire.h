#pragma once

#include <stddef.h>

#include "cloud/http.h"
#include "cloud/token.h"

/* Stands in for cloud/http.c and cloud/token.c: linked before the library, its functions win. What
 * is sent is only written down, and the test says what comes of it. */

#define WIRE_MAX 600

struct sent {
	char *body;
	char url[160], bearer[64], content_type[64];
	size_t answer_max;
	uint64_t timeout_usec, send_before;
	bool door;
	struct http_request *request; /* NULL: answered or cancelled */
	bool cancelled;
};

struct http {
	struct sent sent[WIRE_MAX];
	size_t n_sent;
	unsigned flying;
	int error; /* of the next http_start() calls */
};

struct token {
	const char *current; /* NULL: one must be waited for */
	struct token_wait *waits[WIRE_MAX];
	size_t n_waits; /* ever */
	unsigned waiting;
	unsigned rejected, renewals; /* token_rejected(), and how often it was the current one */
	char last_rejected[64];
	int error; /* of the next token_wait() calls */
};

void wire_clear(struct http *http);
void wire_end(struct http *http, size_t i, const struct http_answer *answer);
void wire_answer(struct http *http, size_t i, long status, const char *body);

void wire_token(struct token *token, enum token_result result, const char *text);
