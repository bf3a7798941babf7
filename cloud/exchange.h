#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloud/http.h"

/* What goes out with a request and what came back, and the one thing that must be known for
 * certain: whether anything of it may have reached the far end. */
struct exchange {
	char *body;
	size_t size;
	uint64_t send_before; /* clock_boot_usec() from which it may not leave; 0: any time */
	bool sent;
	bool expired; /* send_before passed while it was unsent */

	char *answer; /* NUL-terminated */
	size_t answer_size;
	size_t answer_room;
	size_t answer_max;
	size_t header_size;
	bool too_large;
};

/* What went wrong, as far as it can be told apart. */
enum trouble {
	TROUBLE_NONE,
	TROUBLE_LOOK_UP,
	TROUBLE_CONNECT,
	TROUBLE_TLS,
	TROUBLE_TIMEOUT,
	TROUBLE_CLOSED, /* by the far end, without an answer */
	TROUBLE_CUT,    /* in the middle of the answer */
	TROUBLE_NOT_HTTP,
	TROUBLE_OTHER,
};

/* Bytes of an answer's header. */
#define EXCHANGE_HEADER_MAX 65536

int exchange_init(struct exchange *x, const struct http_call *call);
void exchange_done(struct exchange *x);

bool exchange_is_late(struct exchange *x);
bool exchange_may_leave(struct exchange *x);
bool exchange_header(struct exchange *x, size_t size);
bool exchange_take(struct exchange *x, const char *text, size_t size);

enum http_end exchange_end(const struct exchange *x, enum trouble trouble);
void exchange_why(const struct exchange *x, enum trouble trouble, const char *url,
	const char *detail, char *why, size_t size);
