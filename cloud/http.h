#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "util/cleanup.h"

/* HTTP requests on the event loop. Knows nothing of commands or tokens; no other file knows curl. */
struct http;
struct http_request;

struct http_settings {
	const char *ca_file; /* PEM; NULL: the system's */
	uint64_t connect_timeout_usec;
	unsigned lines_max; /* connections kept open when idle */
};

/* How a request ended: what is known about its body, in this order of hope. */
enum http_end {
	HTTP_ANSWERED,   /* a whole answer came */
	HTTP_BAD_ANSWER, /* an answer came, but too large or not HTTP */
	HTTP_NO_ANSWER,  /* the body may have left, no whole answer came */
	HTTP_NOT_SENT,   /* certainly nothing of the body left: name look-up, connection, TLS */
	HTTP_EXPIRED,    /* send_before passed first, nothing of the body left */
};

struct http_call {
	const char *url;
	const char *bearer;       /* token for the Authorization header; NULL: none */
	const char *content_type; /* of body, which is then POSTed; NULL: GET */
	const char *accept;       /* NULL: JSON */
	const char *body;
	size_t size;
	size_t answer_max; /* bytes; a longer answer is HTTP_BAD_ANSWER */
	uint64_t timeout_usec;
	uint64_t send_before; /* clock_boot_usec() from which the body may not leave; 0: any time */
	bool door;            /* may take the last warm connection, which others leave alone */
	bool apart;           /* on a connection of its own, made for it and closed after it */
};

struct http_answer {
	enum http_end end;
	long status;      /* HTTP_ANSWERED, HTTP_BAD_ANSWER */
	const char *body; /* NUL-terminated, valid until the callback returns */
	size_t size;
	const char *content_type;  /* NULL if the answer named none */
	uint64_t retry_after_usec; /* 0: the answer named none */
	const char *why;           /* for people; never holds a secret */
};

/* Called exactly once, from the loop, never inside http_start(). The request is gone afterwards. */
typedef void (*http_done_t)(const struct http_answer *answer, void *userdata);

int http_new(struct http **ret, sd_event *event, const struct http_settings *settings);
struct http *http_free(struct http *http);

int http_start(struct http *http, struct http_request **ret, const struct http_call *call,
	http_done_t done, void *userdata);
struct http_request *http_cancel(struct http_request *request);

int http_keep_warm(struct http *http, const char *url);
unsigned http_warm_lines(const struct http *http);
bool http_busy(const struct http *http);

int http_url_check(const char *url, const char **ret_why);
int http_form_add(char **form, const char *name, const char *value);
char *http_escape(const char *text);
char *http_unescape(const char *text);

DEFINE_CLEANUP(struct http *, http_free);
DEFINE_CLEANUP(struct http_request *, http_cancel);
