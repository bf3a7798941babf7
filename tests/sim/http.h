#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

/* Larger requests are answered 413. */
#define HTTP_BODY_MAX 65536

/* How an answer reaches the client, or does not. */
enum delivery {
	DELIVER_WHOLE,
	DELIVER_NOTHING,   /* the connection is closed without a byte */
	DELIVER_TRUNCATED, /* less than Content-Length says, then closed */
	DELIVER_SLOWLY,    /* byte by byte */
	DELIVER_AND_CLOSE, /* whole, then closed without having said so */
	DELIVER_HEAD_ONLY, /* header after header, without end; not with TLS */
	DELIVER_ENDLESSLY, /* byte by byte, with spaces behind it that never end */
};

struct request {
	struct MHD_Connection *connection;
	const char *method, *path;
	char *body; /* NUL behind it */
	size_t size;
	int fd; /* to see whether the client is still there */
};

/* All zero but the status is an empty answer. */
struct answer {
	unsigned status;
	char *body; /* malloc'ed, goes to the library */
	size_t size;
	const char *type; /* Content-Type, a string constant */
	char *location;
	unsigned retry_after; /* seconds, 0: not said */
	enum delivery delivery;
	unsigned slow_msec; /* per byte */
};

struct http_settings {
	const char *listen; /* address:port */
	bool loopback_only;
	char *cert, *key; /* PEM, NULL: no TLS */
	/* Both are called from the threads of the connections. */
	void (*serve)(void *userdata, const struct request *request, struct answer *answer);
	bool (*admit)(void *userdata); /* false: the new connection is closed at once */
	void *userdata;
};

struct http;

int http_new(struct http **ret, const struct http_settings *settings, const char **ret_why);
struct http *http_free(struct http *h);
void http_stop(struct http *h);
const char *http_url(const struct http *h);
void http_close_idle(struct http *h, unsigned *ret_closed);
void http_connections(struct http *h, uint64_t *ret_accepted, unsigned *ret_open);
const char *http_header(const struct request *request, const char *name);
void http_wait(const struct request *request, unsigned msec, bool (*wake)(void *), void *userdata);
