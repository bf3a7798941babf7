#include "tests/unit/cmocka-all.h"

#include "tests/unit/fake_http.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 16

struct fake_request {
	struct http_call call;
	char url[4096];
	http_done_t done;
	void *userdata;
};

static struct fake_request *open[OPEN_MAX];
static unsigned n_open, started;
static int refusal;

int __wrap_http_start(struct http *http, struct http_request **ret, const struct http_call *call,
	http_done_t done, void *userdata);
struct http_request *__wrap_http_cancel(struct http_request *request);

/* Only to be handed on. */
struct http *fake_http(void)
{
	static char place;

	return (struct http *)(void *)&place;
}

void fake_http_begin(void)
{
	n_open = started = 0;
	refusal = 0;
}

/* What starting returns from now on; 0: it works. */
void fake_http_refuse(int result)
{
	refusal = result;
}

unsigned fake_http_started(void)
{
	return started;
}

unsigned fake_http_open(void)
{
	return n_open;
}

int __wrap_http_start(struct http *http, struct http_request **ret, const struct http_call *call,
	http_done_t done, void *userdata)
{
	struct fake_request *request;

	assert_ptr_equal(http, fake_http());
	if (refusal)
		return refusal;
	request = calloc(1, sizeof(*request));
	assert_non_null(request);
	assert_true(n_open < OPEN_MAX);
	assert_true(strlen(call->url) < sizeof(request->url));
	(void)strcpy(request->url, call->url);
	request->call = *call;
	request->call.url = request->url;
	request->done = done;
	request->userdata = userdata;
	open[n_open++] = request;
	started++;
	*ret = (struct http_request *)(void *)request;
	return 0;
}

static struct fake_request *take(unsigned i)
{
	struct fake_request *request;

	assert_true(i < n_open);
	request = open[i];
	memmove(open + i, open + i + 1, (--n_open - i) * sizeof(*open));
	return request;
}

struct http_request *__wrap_http_cancel(struct http_request *request)
{
	unsigned i = 0;

	if (!request)
		return NULL;
	while (open[i] != (struct fake_request *)(void *)request)
		assert_true(++i < n_open);
	free(take(i));
	return NULL;
}

const struct http_call *fake_http_call(unsigned i)
{
	assert_true(i < n_open);
	return &open[i]->call;
}

void fake_http_answer(unsigned i, const struct http_answer *answer)
{
	struct fake_request *request = take(i);

	request->done(answer, request->userdata);
	free(request);
}
