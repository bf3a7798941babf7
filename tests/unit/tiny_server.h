#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-event.h>

#include "util/cleanup.h"

/* A small HTTP server on the test's own event loop, plain or TLS, that does on each connection
 * exactly what a test tells it to. */
struct tiny_server;
struct tiny_line;

/* A whole request came: head and body, NUL-terminated. n counts from 1 over all connections. */
typedef void (*tiny_request_t)(
	struct tiny_line *line, unsigned n, const char *head, const char *body, void *userdata);

int tiny_server_new(struct tiny_server **ret, sd_event *event, bool tls, tiny_request_t request,
	void *userdata);
struct tiny_server *tiny_server_free(struct tiny_server *server);

const char *tiny_server_url(const struct tiny_server *server);
const char *tiny_server_ca(const struct tiny_server *server);
unsigned tiny_server_lines(const struct tiny_server *server);    /* ever accepted */
unsigned tiny_server_live(const struct tiny_server *server);     /* open now */
unsigned tiny_server_requests(const struct tiny_server *server); /* whole ones */
unsigned tiny_server_bodies(const struct tiny_server *server);   /* with any byte of a body */

/* Accepted connections get no answer at all, not even a handshake. */
void tiny_server_mute(struct tiny_server *server, bool mute);
/* Connections are refused from now on. */
void tiny_server_leave(struct tiny_server *server);
void tiny_server_close_all(struct tiny_server *server);

void tiny_answer(struct tiny_line *line, int status, const char *headers, const char *body);
void tiny_write(struct tiny_line *line, const char *text, size_t size);
/* The next bytes of a request make the server close without reading them out or answering. */
void tiny_bite(struct tiny_line *line);
/* Says good-bye in TLS but leaves the socket open. */
void tiny_close_notify(struct tiny_line *line);
void tiny_close(struct tiny_line *line);
struct tiny_line *tiny_server_line(struct tiny_server *server, unsigned i); /* open ones */
int tiny_line_fd(const struct tiny_line *line);

DEFINE_CLEANUP(struct tiny_server *, tiny_server_free);
