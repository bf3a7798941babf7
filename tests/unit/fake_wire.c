#include "tests/unit/cmocka-all.h"

#include "tests/unit/fake_wire.h"

#include <stdio.h>
#include <string.h>

struct http_request {
	struct http *http;
	size_t i;
	http_done_t done;
	void *userdata;
};

struct token_wait {
	struct token *token;
	size_t i;
	token_done_t done;
	void *userdata;
};

static void keep(char *text, size_t size, const char *from)
{
	assert_in_range(snprintf(text, size, "%s", from ? from : "(none)"), 0, size - 1);
}

int http_start(struct http *http, struct http_request **ret, const struct http_call *call,
	http_done_t done, void *userdata)
{
	struct sent *sent = &http->sent[http->n_sent];

	if (http->error < 0)
		return http->error;
	assert_true(http->n_sent < WIRE_MAX);
	*sent = (struct sent){
		.body = strndup(call->body, call->size),
		.answer_max = call->answer_max,
		.timeout_usec = call->timeout_usec,
		.send_before = call->send_before,
		.door = call->door,
		.request = malloc(sizeof(*sent->request)),
	};
	assert_true(sent->body && sent->request);
	keep(sent->url, sizeof(sent->url), call->url);
	keep(sent->bearer, sizeof(sent->bearer), call->bearer);
	keep(sent->content_type, sizeof(sent->content_type), call->content_type);
	*sent->request = (struct http_request){http, http->n_sent, done, userdata};
	http->n_sent++;
	http->flying++;
	*ret = sent->request;
	return 0;
}

static void land(struct http_request *request)
{
	request->http->flying--;
	request->http->sent[request->i].request = NULL;
	free(request);
}

struct http_request *http_cancel(struct http_request *request)
{
	if (!request)
		return NULL;
	request->http->sent[request->i].cancelled = true;
	land(request);
	return NULL;
}

/* Forgets what was sent, none of which may be on its way any more. */
void wire_clear(struct http *http)
{
	assert_int_equal(http->flying, 0);
	for (size_t i = 0; i < http->n_sent; i++)
		free(http->sent[i].body);
	http->n_sent = 0;
}

/* Ends the i-th request that was sent. */
void wire_end(struct http *http, size_t i, const struct http_answer *answer)
{
	struct http_request *request;
	void *userdata;
	http_done_t done;

	assert_true(i < http->n_sent);
	request = http->sent[i].request;
	assert_non_null(request);
	done = request->done;
	userdata = request->userdata;
	land(request);
	done(answer, userdata);
}

void wire_answer(struct http *http, size_t i, long status, const char *body)
{
	const struct http_answer answer = {
		.end = HTTP_ANSWERED,
		.status = status,
		.body = body,
		.size = strlen(body),
		.why = "",
	};

	wire_end(http, i, &answer);
}

const char *token_current(struct token *token)
{
	return token->current;
}

int token_wait(struct token *token, struct token_wait **ret, token_done_t done, void *userdata)
{
	struct token_wait *wait;

	if (token->error < 0)
		return token->error;
	assert_true(token->n_waits < WIRE_MAX);
	wait = malloc(sizeof(*wait));
	assert_non_null(wait);
	*wait = (struct token_wait){token, token->n_waits, done, userdata};
	token->waits[token->n_waits++] = wait;
	token->waiting++;
	*ret = wait;
	return 0;
}

struct token_wait *token_wait_cancel(struct token_wait *wait)
{
	if (!wait)
		return NULL;
	wait->token->waits[wait->i] = NULL;
	wait->token->waiting--;
	free(wait);
	return NULL;
}

void token_rejected(struct token *token, const char *text)
{
	token->rejected++;
	keep(token->last_rejected, sizeof(token->last_rejected), text);
	if (!token->current || strcmp(token->current, text) != 0)
		return;
	token->current = NULL;
	token->renewals++;
}

const char *token_why(const struct token *token)
{
	return "why there is no token";
}

/* Tells all who wait now. text: the new token, NULL if there is none. */
void wire_token(struct token *token, enum token_result result, const char *text)
{
	size_t n = token->n_waits;

	token->current = text;
	for (size_t i = 0; i < n; i++) {
		struct token_wait *wait = token->waits[i];
		token_done_t done = wait ? wait->done : NULL;
		void *userdata = wait ? wait->userdata : NULL;

		(void)token_wait_cancel(wait);
		if (done)
			done(result, userdata);
	}
}
