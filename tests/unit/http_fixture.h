#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "cloud/http.h"
#include "tests/unit/tiny_server.h"
#include "util/clock.h"

#define WAIT_MAX (120 * USEC_PER_SEC)
#define MSEC     USEC_PER_MSEC

/* Time-outs that are to pass: nobody may be slower than that to send what waits for nothing, and to
 * make a connection first. */
#define SENT_BY      (2 * USEC_PER_SEC)
#define CONNECTED_BY (5 * USEC_PER_SEC)

/* What a request ended with, copied. */
struct told {
	unsigned times;
	enum http_end end;
	long status;
	char body[256];
	size_t size;
	char type[64];
	char why[256];
	uint64_t retry_after_usec;
	uint64_t when;
};

enum manner {
	ANSWERS,
	SWALLOWS, /* closes without an answer */
	DIES,     /* the same, and takes no connection any more */
	HANGS,
	CUTS,    /* closes in the middle of the body */
	GARBLES, /* answers, but not in HTTP */
	BLOATS,  /* endless headers */
	SHUTS,   /* answers and closes */
	REDIRECTS,
	LIMITS, /* 429 with Retry-After */
};

struct fixture {
	sd_event *event;
	struct tiny_server *server;
	struct http *http;
	enum manner manner;
	char head[4096];
	char body[4096];
	size_t answer_size;
	bool polls_hang;
	struct tiny_line *poll; /* the last that hangs */
};

/* libcurl's curl_multi_socket_action() fails so many times. */
extern unsigned broken;
/* There is none to wait for a socket, nor for libcurl to begin anew. */
extern bool no_memory;
/* Where libcurl works on one of these sockets, it reads what is there on the other, too; -1: none. */
extern int together[2];
/* Waits of the keeper of warm lines are cut to this share. */
extern unsigned hurry;
extern uint64_t last_warm_wait, last_warm_due; /* from when it was armed; clock_boot_usec() */

void fixture_begin(void);
int setup_plain(void **state);
int setup_tls(void **state);
int teardown(void **state);
void turn(struct fixture *f);
void run_for(struct fixture *f, uint64_t usec);
void on_told(const struct http_answer *answer, void *userdata);
const char *url(struct fixture *f, const char *path);
struct http_call get(struct fixture *f);
struct http_call post(struct fixture *f);
struct http_call door(struct fixture *f);
struct http_request *start(struct fixture *f, const struct http_call *call, struct told *told);
void ask(struct fixture *f, struct http_call call, struct told *told);
void warm_up(struct fixture *f, unsigned n);
int our_end(struct fixture *f, unsigned i);
void await_arrival(int fd);

#define RUN_UNTIL(f, condition)                                    \
	do {                                                       \
		uint64_t until_ = clock_boot_usec() + WAIT_MAX;    \
		while (!(condition) && clock_boot_usec() < until_) \
			turn(f);                                   \
		assert_true(condition);                            \
	} while (0)

#define PLAIN(f) cmocka_unit_test_setup_teardown(f, setup_plain, teardown)
#define TLS(f)                                                              \
	(struct CMUnitTest)                                                 \
	{                                                                   \
		.name = #f "_tls", .test_func = f, .setup_func = setup_tls, \
		.teardown_func = teardown                                   \
	}
