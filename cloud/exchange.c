#include "cloud/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/url.h"
#include "util/clock.h"

#define ANSWER_FIRST 1024 /* bytes of room for an answer, then doubled */

static void wipe_free(char *text, size_t size)
{
	if (text)
		explicit_bzero(text, size);
	free(text);
}

/* Copies the body, and what else concerns it. */
int exchange_init(struct exchange *x, const struct http_call *call)
{
	*x = (struct exchange){.send_before = call->send_before, .answer_max = call->answer_max};
	if (!call->content_type || call->size == 0)
		return 0;
	x->body = malloc(call->size);
	if (!x->body)
		return -ENOMEM;
	memcpy(x->body, call->body, call->size);
	x->size = call->size;
	return 0;
}

/* Both sides may hold tokens and codes, so both are wiped. */
void exchange_done(struct exchange *x)
{
	wipe_free(x->body, x->size);
	wipe_free(x->answer, x->answer_size);
	x->body = x->answer = NULL;
}

/* True if send_before passed with nothing sent; then nothing will be any more. */
bool exchange_is_late(struct exchange *x)
{
	if (!x->sent && x->send_before && clock_boot_usec() >= x->send_before)
		x->expired = true;
	return x->expired;
}

/* The moment of truth: a connection stands, and what follows this may reach the far end. False:
 * nothing may, because the deadline passed or because the request has left on another connection
 * before. */
bool exchange_may_leave(struct exchange *x)
{
	if (x->sent || exchange_is_late(x))
		return false;
	x->sent = true;
	return true;
}

/* Counts a piece of the answer's header. False: that is too much. */
bool exchange_header(struct exchange *x, size_t size)
{
	x->header_size += size;
	if (x->header_size > EXCHANGE_HEADER_MAX)
		x->too_large = true;
	return !x->too_large;
}

/* Adds a piece of the answer's body. False: it grew larger than answer_max, or memory ran out. */
bool exchange_take(struct exchange *x, const char *text, size_t size)
{
	size_t room = x->answer_room ? x->answer_room : ANSWER_FIRST;
	char *answer;

	if (size > x->answer_max - x->answer_size) {
		x->too_large = true;
		return false;
	}
	while (room < x->answer_size + size + 1)
		room *= 2;
	if (room > x->answer_room) {
		/* Not realloc(): the memory it leaves behind is not wiped. */
		answer = malloc(room);
		if (!answer)
			return false;
		if (x->answer)
			memcpy(answer, x->answer, x->answer_size);
		wipe_free(x->answer, x->answer_size);
		x->answer = answer;
		x->answer_room = room;
	}
	memcpy(x->answer + x->answer_size, text, size);
	x->answer_size += size;
	x->answer[x->answer_size] = '\0';
	return true;
}

/* How it ended, from what is known about the body. Decided here and nowhere else. */
enum http_end exchange_end(const struct exchange *x, enum trouble trouble)
{
	if (trouble == TROUBLE_NONE)
		return HTTP_ANSWERED;
	if (!x->sent)
		return x->expired ? HTTP_EXPIRED : HTTP_NOT_SENT;
	if (x->too_large || trouble == TROUBLE_NOT_HTTP)
		return HTTP_BAD_ANSWER;
	return HTTP_NO_ANSWER;
}

/* Writes for people what went wrong. Of url only the host is shown; detail, which must not hold a
 * secret, follows where the words have room for it. */
void exchange_why(const struct exchange *x, enum trouble trouble, const char *url,
	const char *detail, char *why, size_t size)
{
	static const struct {
		const char *before, *behind;
		bool detail;
	} words[] = {
		[TROUBLE_NONE] = {"", " answered", false},
		[TROUBLE_LOOK_UP] = {"cannot find the address of ", "", false},
		[TROUBLE_CONNECT] = {"cannot connect to ", ": ", true},
		[TROUBLE_TLS] = {"no trusted connection to ", ": ", true},
		[TROUBLE_TIMEOUT] = {"", " did not answer in time", false},
		[TROUBLE_CLOSED] = {"", " ended the connection without an answer", false},
		[TROUBLE_CUT] = {"the answer of ", " broke off", false},
		[TROUBLE_NOT_HTTP] = {"", " does not answer in HTTP", false},
		[TROUBLE_OTHER] = {"", ": ", true},
	};
	const char *before, *behind;
	char host[URL_HOST_MAX];

	/* After the first try libcurl makes another connection before it notices that there is
	 * nothing left to send; what became of that one is of no interest. */
	if (x->sent && trouble < TROUBLE_TIMEOUT)
		trouble = TROUBLE_CLOSED;
	before = words[trouble].before;
	behind = words[trouble].behind;
	if (!words[trouble].detail)
		detail = "";
	if (x->expired) {
		before = "it could not be sent in time to ";
		behind = detail = "";
	} else if (x->too_large) {
		before = "the answer of ";
		behind = " is too large";
		detail = "";
	} else if (trouble == TROUBLE_TIMEOUT && !x->sent) {
		before = "cannot connect to ";
		behind = " in time";
	}
	(void)snprintf(why, size, "%s%s%s%s", before, url_host(host, url), behind, detail);
}
