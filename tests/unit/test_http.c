#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "cloud/exchange.h"
#include "cloud/http.h"
#include "cloud/line.h"
#include "tests/unit/tiny_server.h"
#include "util/clock.h"
#include "util/secret.h"
#include "util/timer.h"

#define WAIT_MAX (60 * USEC_PER_SEC)
#define MSEC     USEC_PER_MSEC

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

/* Makes curl_multi_socket_action() fail so many times. */
static unsigned broken;
/* Waits of the keeper of warm lines are cut to this share. */
static unsigned hurry = 1;
static uint64_t last_warm_wait;

CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int bits, int *running);
CURLMcode __real_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int bits, int *running);
CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int bits, int *running)
{
	if (broken > 0) {
		broken--;
		return CURLM_INTERNAL_ERROR;
	}
	return __real_curl_multi_socket_action(multi, fd, bits, running);
}

int __wrap_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name);
int __real_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name);
int __wrap_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name)
{
	if (strcmp(name, "warm") == 0) {
		last_warm_wait = wait_usec;
		wait_usec /= hurry;
	}
	return __real_timer_arm(event, source, wait_usec, accuracy_usec, handler, userdata, name);
}

static void serve(
	struct tiny_line *line, unsigned n, const char *head, const char *body, void *userdata)
{
	struct fixture *f = userdata;
	char *large;

	snprintf(f->head, sizeof(f->head), "%s", head);
	snprintf(f->body, sizeof(f->body), "%s", body);
	if (f->polls_hang && strncmp(head, "GET /poll ", 10) == 0) {
		f->poll = line;
		return;
	}
	switch (f->manner) {
	case ANSWERS:
		if (f->answer_size == 0) {
			tiny_answer(line, 200, "", "{\"success\":true}");
			break;
		}
		large = malloc(f->answer_size + 1);
		memset(large, 'x', f->answer_size);
		large[f->answer_size] = '\0';
		tiny_answer(line, 200, "", large);
		free(large);
		break;
	case SWALLOWS:
		tiny_close(line);
		break;
	case DIES:
		tiny_server_leave(f->server);
		tiny_close(line);
		break;
	case HANGS:
		break;
	case CUTS:
		tiny_write(line, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf", 43);
		tiny_close(line);
		break;
	case GARBLES:
		tiny_write(line, "220 mail.example ESMTP\r\n", 24);
		tiny_close(line);
		break;
	case BLOATS:
		tiny_write(line, "HTTP/1.1 200 OK\r\n", 17);
		for (int i = 0; i < 100; i++) {
			char header[1024];

			memset(header, 'h', sizeof(header));
			memcpy(header, "X-A: ", 5);
			memcpy(header + sizeof(header) - 2, "\r\n", 2);
			tiny_write(line, header, sizeof(header));
		}
		tiny_write(line, "\r\n", 2);
		break;
	case SHUTS:
		tiny_answer(line, 200, "Connection: close\r\n", "{}");
		tiny_close(line);
		break;
	case REDIRECTS:
		tiny_answer(line, 302, "Location: /elsewhere\r\n", "");
		break;
	case LIMITS:
		tiny_answer(line, 429, "Retry-After: 17\r\n", "{}");
		break;
	}
}

static void start_http(struct fixture *f)
{
	struct http_settings settings = {
		.ca_file = tiny_server_ca(f->server),
		.connect_timeout_usec = 20 * USEC_PER_SEC,
		.lines_max = 8,
	};

	assert_int_equal(http_new(&f->http, f->event, &settings), 0);
}

static int setup(void **state, bool tls)
{
	struct fixture *f = calloc(1, sizeof(*f));

	broken = 0;
	hurry = 1;
	assert_int_equal(sd_event_new(&f->event), 0);
	assert_int_equal(tiny_server_new(&f->server, f->event, tls, serve, f), 0);
	start_http(f);
	*state = f;
	return 0;
}

static int setup_plain(void **state)
{
	return setup(state, false);
}

static int setup_tls(void **state)
{
	return setup(state, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->http = http_free(f->http);
	f->server = tiny_server_free(f->server);
	f->event = sd_event_unref(f->event);
	free(f);
	return 0;
}

/* One turn of the loop; sleeps at most a little. */
static void turn(struct fixture *f)
{
	assert_true(sd_event_run(f->event, 20 * MSEC) >= 0);
}

#define RUN_UNTIL(f, condition)                                    \
	do {                                                       \
		uint64_t until_ = clock_boot_usec() + WAIT_MAX;    \
		while (!(condition) && clock_boot_usec() < until_) \
			turn(f);                                   \
		assert_true(condition);                            \
	} while (0)

/* For what must not happen: lets the loop run for a while. */
static void run_for(struct fixture *f, uint64_t usec)
{
	uint64_t until = clock_boot_usec() + usec;

	while (clock_boot_usec() < until)
		turn(f);
}

static void on_told(const struct http_answer *answer, void *userdata)
{
	struct told *told = userdata;

	told->times++;
	told->end = answer->end;
	told->status = answer->status;
	told->size = answer->size;
	told->retry_after_usec = answer->retry_after_usec;
	told->when = clock_boot_usec();
	snprintf(told->body, sizeof(told->body), "%s", answer->body);
	snprintf(told->type, sizeof(told->type), "%s",
		answer->content_type ? answer->content_type : "");
	snprintf(told->why, sizeof(told->why), "%s", answer->why);
	assert_int_equal(strlen(answer->body), answer->size);
}

static char url_text[128];

static const char *url(struct fixture *f, const char *path)
{
	snprintf(url_text, sizeof(url_text), "%s%s", tiny_server_url(f->server), path);
	return url_text;
}

static struct http_call get(struct fixture *f)
{
	return (struct http_call){
		.url = url(f, "/poll"),
		.answer_max = 65536,
		.timeout_usec = 30 * USEC_PER_SEC,
	};
}

static struct http_call post(struct fixture *f)
{
	return (struct http_call){
		.url = url(f, "/commands"),
		.content_type = "application/json",
		.body = "OPEN",
		.size = 4,
		.answer_max = 65536,
		.timeout_usec = 30 * USEC_PER_SEC,
	};
}

static struct http_call door(struct fixture *f)
{
	struct http_call call = post(f);

	call.door = true;
	return call;
}

static struct http_request *start(
	struct fixture *f, const struct http_call *call, struct told *told)
{
	struct http_request *request = NULL;

	memset(told, 0, sizeof(*told));
	assert_int_equal(http_start(f->http, &request, call, on_told, told), 0);
	assert_non_null(request);
	assert_int_equal(told->times, 0);
	return request;
}

static void ask(struct fixture *f, struct http_call call, struct told *told)
{
	(void)start(f, &call, told);
	RUN_UNTIL(f, told->times == 1);
}

/* Leaves so many connections at rest. */
static void warm_up(struct fixture *f, unsigned n)
{
	struct told told[8];
	struct http_call call = door(f);
	enum manner manner = f->manner;

	f->manner = ANSWERS;
	for (unsigned i = 0; i < n; i++)
		(void)start(f, &call, &told[i]);
	for (unsigned i = 0; i < n; i++) {
		RUN_UNTIL(f, told[i].times == 1);
		assert_int_equal(told[i].end, HTTP_ANSWERED);
	}
	assert_int_equal(http_warm_lines(f->http), n);
	assert_int_equal(tiny_server_lines(f->server), n);
	assert_int_equal(tiny_server_bodies(f->server), n);
	f->manner = manner;
}

static void test_get(void **state)
{
	struct fixture *f = *state;
	struct told told;

	ask(f, get(f), &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(told.status, 200);
	assert_string_equal(told.body, "{\"success\":true}");
	assert_string_equal(told.type, "application/json");
	assert_int_equal(strncmp(f->head, "GET /poll HTTP/1.1\r\n", 20), 0);
	assert_non_null(strstr(f->head, "\r\nAccept: application/json\r\n"));
	assert_null(strstr(f->head, "Authorization"));
	assert_null(strstr(f->head, "Expect"));
}

static void test_post(void **state)
{
	struct fixture *f = *state;
	struct http_call call = post(f);
	struct told told;

	call.bearer = "a0123456789";
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(strncmp(f->head, "POST /commands HTTP/1.1\r\n", 25), 0);
	assert_non_null(strstr(f->head, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(f->head, "\r\nContent-Length: 4\r\n"));
	assert_non_null(strstr(f->head, "\r\nAuthorization: Bearer a0123456789\r\n"));
	assert_string_equal(f->body, "OPEN");
}

/* Larger than libcurl's buffer, and than what would make it ask for a permission to send. */
static void test_large_body(void **state)
{
	struct fixture *f = *state;
	struct http_call call = post(f);
	size_t size = 1500000;
	char *body = malloc(size);
	struct told told;

	memset(body, 'b', size);
	call.body = body;
	call.size = size;
	(void)start(f, &call, &told);
	memset(body, 0, size); /* it was copied */
	RUN_UNTIL(f, told.times == 1);
	free(body);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(f->body[4000], 'b');
	assert_non_null(strstr(f->head, "\r\nContent-Length: 1500000\r\n"));
	assert_null(strstr(f->head, "Expect"));
}

static void test_bad_calls(void **state)
{
	struct fixture *f = *state;
	struct http_request *request = NULL;
	struct http_call call = get(f);
	struct told told = {0};
	static const char *const urls[] = {
		"http://192.0.2.1/",
		"http://localhost@192.0.2.1/",
		"http://localhost:80@192.0.2.1/",
		"http://127.0.0.1\\@192.0.2.1/",
		"http://127.0.0.1#@192.0.2.1/",
		"https://user@192.0.2.1/",
		"ftp://127.0.0.1/",
		"file:///etc/passwd",
		"/commands",
		"",
	};

	for (size_t i = 0; i < ELEMENTS(urls); i++) {
		call.url = urls[i];
		assert_int_equal(http_start(f->http, &request, &call, on_told, &told), -EINVAL);
	}
	call = get(f);
	call.bearer = "a\r\nX-Other: b";
	assert_int_equal(http_start(f->http, &request, &call, on_told, &told), -EINVAL);
	call = get(f);
	call.timeout_usec = 0;
	assert_int_equal(http_start(f->http, &request, &call, on_told, &told), -EINVAL);
	run_for(f, 30 * MSEC);
	assert_int_equal(told.times, 0);
	assert_int_equal(tiny_server_lines(f->server), 0);
}

/* On a warm line the whole request is out before http_start() returns, without a new connection. */
static void test_warm(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	warm_up(f, 1);
	(void)start(f, &call, &told);
	assert_int_equal(http_warm_lines(f->http), 0);
	/* The server alone gets to work: nothing further from the client is needed. */
	while (tiny_server_requests(f->server) < 2)
		assert_true(sd_event_run(f->event, USEC_PER_SEC) > 0);
	RUN_UNTIL(f, told.times == 1);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(tiny_server_lines(f->server), 1);
	assert_int_equal(http_warm_lines(f->http), 1);
}

/* A server that takes the opening and dies, on a line that was used before: libcurl by itself would
 * send it again. */
static void test_swallowed(void **state)
{
	struct fixture *f = *state;
	struct told told;

	warm_up(f, 1);
	f->manner = SWALLOWS;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	run_for(f, 50 * MSEC);
	assert_int_equal(tiny_server_bodies(f->server), 2);
	assert_string_equal(told.why, "127.0.0.1 ended the connection without an answer");
}

/* It cannot even be reached a second time: that something has left still counts. */
static void test_swallowed_died(void **state)
{
	struct fixture *f = *state;
	struct told told;

	warm_up(f, 1);
	f->manner = DIES;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	assert_string_equal(told.why, "127.0.0.1 ended the connection without an answer");
}

/* The same, but it dies as soon as anything comes. */
static void test_bitten(void **state)
{
	struct fixture *f = *state;
	struct told told;

	warm_up(f, 1);
	tiny_bite(tiny_server_line(f->server, 0));
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	run_for(f, 50 * MSEC);
	assert_int_equal(tiny_server_bodies(f->server), 2);
}

/* And on a fresh one. */
static void test_swallowed_fresh(void **state)
{
	struct fixture *f = *state;
	struct told told;

	f->manner = SWALLOWS;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	assert_int_equal(tiny_server_bodies(f->server), 1);
}

/* The far end said good-bye on the idle line; the loop had no time to see it yet. */
static void test_closed_unseen(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	warm_up(f, 2);
	if (tiny_server_ca(f->server)) {
		/* A close_notify waits in one socket, which stays open. */
		tiny_close_notify(tiny_server_line(f->server, 0));
		tiny_close(tiny_server_line(f->server, 1));
	} else {
		tiny_server_close_all(f->server);
	}
	(void)start(f, &call, &told);
	assert_int_equal(http_warm_lines(f->http), 0);
	RUN_UNTIL(f, told.times == 1);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(tiny_server_bodies(f->server), 3);
	assert_int_equal(tiny_server_lines(f->server), 3);
}

/* The same, seen by the loop before. */
static void test_closed_seen(void **state)
{
	struct fixture *f = *state;
	struct told told;

	warm_up(f, 2);
	if (tiny_server_ca(f->server))
		tiny_close_notify(tiny_server_line(f->server, 0));
	else
		tiny_write(tiny_server_line(f->server, 0), "HTTP/1.1 408 Slow\r\n\r\n", 21);
	tiny_close(tiny_server_line(f->server, 1));
	RUN_UNTIL(f, http_warm_lines(f->http) == 0);
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(told.status, 200);
	assert_int_equal(tiny_server_bodies(f->server), 3);
	assert_int_equal(tiny_server_lines(f->server), 3);
	assert_int_equal(http_warm_lines(f->http), 1);
}

static void test_expired_at_once(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	call.send_before = clock_boot_usec();
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_EXPIRED);
	assert_int_equal(tiny_server_lines(f->server), 0);
	warm_up(f, 1);
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_EXPIRED);
	assert_int_equal(tiny_server_bodies(f->server), 1);
}

/* The connection takes its time: the request ends when its deadline passes, not later. */
static void test_expired_connecting(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;
	uint64_t began = clock_boot_usec();

	tiny_server_mute(f->server, true);
	call.send_before = began + 60 * MSEC;
	(void)start(f, &call, &told);
	RUN_UNTIL(f, told.times == 1);
	assert_int_equal(told.end, HTTP_EXPIRED);
	assert_true(told.when >= call.send_before);
	assert_true(told.when - began < USEC_PER_SEC);
	tiny_server_mute(f->server, false);
	run_for(f, 50 * MSEC);
	assert_int_equal(tiny_server_bodies(f->server), 0);
	assert_int_equal(told.times, 1);
}

/* The connection stands just too late. */
static void test_expired_connected(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	call.send_before = clock_boot_usec() + 30 * MSEC;
	(void)start(f, &call, &told);
	/* The loop sleeps over the deadline, so that all events are due together. */
	while (clock_boot_usec() < call.send_before)
		;
	RUN_UNTIL(f, told.times == 1);
	assert_int_equal(told.end, HTTP_EXPIRED);
	assert_int_equal(tiny_server_bodies(f->server), 0);
}

/* The moment of truth by itself. */
static void test_exchange(void **state)
{
	struct exchange x;
	char buffer[8];

	assert_int_equal(exchange_init(&x, "OPEN", 4), 0);
	x.send_before = clock_boot_usec();
	assert_false(exchange_connected(&x));
	assert_int_equal(exchange_give(&x, buffer, 8), -ETIMEDOUT);
	assert_false(x.sent);
	assert_int_equal(exchange_end(&x, TROUBLE_OTHER), HTTP_EXPIRED);
	/* Even if the clock were set back. */
	x.send_before += USEC_PER_SEC;
	assert_int_equal(exchange_give(&x, buffer, 8), -ETIMEDOUT);
	exchange_done(&x);

	assert_int_equal(exchange_init(&x, "OPEN", 4), 0);
	x.send_before = clock_boot_usec() + USEC_PER_SEC;
	assert_true(exchange_connected(&x));
	assert_false(x.sent);
	assert_int_equal(exchange_end(&x, TROUBLE_CLOSED), HTTP_NOT_SENT);
	assert_int_equal(exchange_give(&x, buffer, 3), 3);
	assert_true(x.sent);
	x.send_before = 1;
	assert_int_equal(exchange_give(&x, buffer, 8), 1);
	assert_int_equal(exchange_give(&x, buffer, 8), 0);
	assert_int_equal(exchange_end(&x, TROUBLE_CLOSED), HTTP_NO_ANSWER);
	/* On another connection it may not leave once more. */
	assert_false(exchange_connected(&x));
	exchange_done(&x);
}

static void test_expired_waiting(void **state)
{
	struct fixture *f = *state;
	struct told first, second, third;
	struct http_call call = get(f);

	f->manner = HANGS;
	(void)start(f, &call, &first);
	call = post(f);
	call.send_before = clock_boot_usec() + 40 * MSEC;
	(void)start(f, &call, &second);
	call.send_before = 0;
	call.timeout_usec = 60 * MSEC;
	(void)start(f, &call, &third);
	RUN_UNTIL(f, second.times && third.times);
	assert_int_equal(second.end, HTTP_EXPIRED);
	assert_int_equal(third.end, HTTP_NOT_SENT);
	assert_int_equal(first.times, 0);
	assert_int_equal(tiny_server_lines(f->server), 1);
	assert_int_equal(tiny_server_bodies(f->server), 0);
}

static void test_last_line_is_for_doors(void **state)
{
	struct fixture *f = *state;
	struct told poll[2], opening;
	struct http_call call = get(f);

	warm_up(f, 2);
	f->manner = HANGS;
	(void)start(f, &call, &poll[0]);
	assert_int_equal(http_warm_lines(f->http), 1);
	RUN_UNTIL(f, tiny_server_requests(f->server) == 3);
	assert_int_equal(tiny_server_lines(f->server), 2);
	(void)start(f, &call, &poll[1]);
	RUN_UNTIL(f, tiny_server_requests(f->server) == 4);
	assert_int_equal(tiny_server_lines(f->server), 3);
	assert_int_equal(http_warm_lines(f->http), 1);
	f->manner = ANSWERS;
	ask(f, door(f), &opening);
	assert_int_equal(opening.end, HTTP_ANSWERED);
	assert_int_equal(tiny_server_lines(f->server), 3);
	assert_int_equal(poll[0].times + poll[1].times, 0);
}

/* A dead line does not count: the one that is left is the last. */
static void test_last_line_that_lives(void **state)
{
	struct fixture *f = *state;
	struct http_call call = get(f);
	struct told poll;

	warm_up(f, 2);
	if (tiny_server_ca(f->server))
		tiny_close_notify(tiny_server_line(f->server, 0));
	else
		tiny_close(tiny_server_line(f->server, 0));
	(void)start(f, &call, &poll);
	assert_int_equal(http_warm_lines(f->http), 1);
	RUN_UNTIL(f, poll.times == 1);
	assert_int_equal(tiny_server_lines(f->server), 3);
}

static void on_line_ready(int fd, uint32_t events, void *userdata)
{
	fail();
}

static void on_lines_changed(void *userdata)
{
	++*(unsigned *)userdata;
}

/* A retired line looks dead to every check, whatever was left in it. */
static void test_retired(void **state)
{
	struct fixture *f = *state;
	unsigned changes = 0;
	struct lines_settings settings = {
		.ready = on_line_ready, .changed = on_lines_changed, .userdata = &changes};
	_cleanup_(lines_freep) struct lines *lines = NULL;
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd;
	char byte;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(strrchr(tiny_server_url(f->server), ':') + 1));
	assert_int_equal(lines_new(&lines, f->event, &settings), 0);
	fd = lines_open(lines, AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	RUN_UNTIL(f, tiny_server_live(f->server) == 1);
	assert_true(lines_watch(lines, fd, EPOLLIN) >= 0);
	assert_int_equal(lines_resting(lines), 0);
	/* Neither while it is in use nor after that without a word from above. */
	lines_rest(lines, fd);
	assert_int_equal(lines_resting(lines), 0);
	assert_int_equal(lines_watch(lines, fd, 0), 0);
	lines_check(lines);
	assert_int_equal(changes, 0);
	lines_rest(lines, fd);
	assert_int_equal(lines_resting(lines), 1);
	lines_check(lines);
	assert_int_equal(lines_resting(lines), 1);
	tiny_write(tiny_server_line(f->server, 0), "good-bye", 8);
	lines_check(lines);
	assert_int_equal(lines_resting(lines), 0);
	assert_int_equal(changes, 2);
	assert_int_equal(recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT), 0);
	run_for(f, 30 * MSEC);
	lines_close(lines, fd);
	/* The number comes back for another socket. */
	assert_int_equal(lines_open(lines, AF_INET, SOCK_STREAM, 0), fd);
	assert_int_equal(close(fd), 0);
	assert_int_equal(lines_open(lines, AF_INET, SOCK_STREAM, 0), fd);
	assert_true(lines_watch(lines, fd, EPOLLOUT) >= 0);
	lines_close(lines, fd);
}

static int on_pipe(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	*(bool *)userdata = true;
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

/* libcurl closes what it could not connect without a word. Whoever gets the number next must not
 * lose its place in the event loop to that. */
static void test_closed_without_a_word(void **state)
{
	struct fixture *f = *state;
	unsigned changes = 0;
	struct lines_settings settings = {
		.ready = on_line_ready, .changed = on_lines_changed, .userdata = &changes};
	_cleanup_(lines_freep) struct lines *lines = NULL;
	sd_event_source *source = NULL;
	bool heard = false;
	int fd, ends[2];

	assert_int_equal(lines_new(&lines, f->event, &settings), 0);
	fd = lines_open(lines, AF_INET, SOCK_STREAM, 0);
	assert_true(lines_watch(lines, fd, EPOLLOUT) >= 0);
	assert_int_equal(lines_watch(lines, fd, 0), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], fd), fd);
	assert_int_equal(sd_event_add_io(f->event, &source, fd, EPOLLIN, on_pipe, &heard), 0);
	lines_forget(lines);
	assert_int_equal(write(ends[1], "x", 1), 1);
	RUN_UNTIL(f, heard);
	sd_event_source_unref(source);
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

static void test_too_large(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	f->answer_size = 20000;
	call.answer_max = 20000;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(told.size, 20000);
	call.answer_max = 19999;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_BAD_ANSWER);
	assert_int_equal(told.status, 200);
	assert_non_null(strstr(told.why, "too large"));
	f->manner = BLOATS;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_BAD_ANSWER);
	assert_non_null(strstr(told.why, "too large"));
}

static void test_not_http(void **state)
{
	struct fixture *f = *state;
	struct told told;

	f->manner = GARBLES;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_BAD_ANSWER);
	assert_non_null(strstr(told.why, "HTTP"));
}

static void test_no_answer(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	f->manner = CUTS;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	f->manner = HANGS;
	call.timeout_usec = 80 * MSEC;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	assert_non_null(strstr(told.why, "did not answer in time"));
	call = get(f);
	call.timeout_usec = 80 * MSEC;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	assert_int_equal(tiny_server_bodies(f->server), 2);
}

/* Silence on one line makes the others suspect. */
static void test_silence(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	warm_up(f, 3);
	f->manner = HANGS;
	call.timeout_usec = 80 * MSEC;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	assert_int_equal(http_warm_lines(f->http), 0);
	f->manner = ANSWERS;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(tiny_server_lines(f->server), 4);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;
	char address[128];

	snprintf(address, sizeof(address), "https://127.0.0.1%s/secret-path?secret-query=1",
		strrchr(tiny_server_url(f->server), ':'));
	tiny_server_leave(f->server);
	call.url = address;
	call.bearer = "secret-token";
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_string_equal(told.why, "cannot connect to 127.0.0.1: Connection refused");
	call = get(f);
	call.url = address;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_null(strstr(told.why, "secret"));
}

static void test_unknown_host(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	call.url = "https://no-such-host.invalid/x";
	call.send_before = clock_boot_usec() + 3 * USEC_PER_SEC;
	ask(f, call, &told);
	assert_true(told.end == HTTP_NOT_SENT || told.end == HTTP_EXPIRED);
	assert_non_null(strstr(told.why, "no-such-host.invalid"));
}

static void test_not_trusted(void **state)
{
	struct fixture *f = *state;
	struct http_settings settings = {.connect_timeout_usec = 20 * USEC_PER_SEC, .lines_max = 2};
	struct http_call call = door(f);
	char address[128];
	struct told told;

	/* A name that the certificate does not hold. */
	snprintf(address, sizeof(address), "https://localhost%s",
		strrchr(tiny_server_url(f->server), ':'));
	call.url = address;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_non_null(strstr(told.why, "no trusted connection to localhost"));
	/* A certificate that the system does not know. */
	f->http = http_free(f->http);
	assert_int_equal(http_new(&f->http, f->event, &settings), 0);
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_non_null(strstr(told.why, "no trusted connection to 127.0.0.1"));
	f->http = http_free(f->http);
	settings.ca_file = "/nonexistent/ca.pem";
	assert_int_equal(http_new(&f->http, f->event, &settings), 0);
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_int_equal(tiny_server_bodies(f->server), 0);
}

static void test_connect_timeout(void **state)
{
	struct fixture *f = *state;
	struct http_settings settings = {
		.ca_file = tiny_server_ca(f->server),
		.connect_timeout_usec = 80 * MSEC,
		.lines_max = 2,
	};
	struct told told;

	f->http = http_free(f->http);
	assert_int_equal(http_new(&f->http, f->event, &settings), 0);
	tiny_server_mute(f->server, true);
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_NOT_SENT);
	assert_non_null(strstr(told.why, "cannot connect to 127.0.0.1 in time"));
}

static void test_redirect(void **state)
{
	struct fixture *f = *state;
	struct told told;

	f->manner = REDIRECTS;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(told.status, 302);
	run_for(f, 30 * MSEC);
	assert_int_equal(tiny_server_requests(f->server), 1);
}

static void test_retry_after(void **state)
{
	struct fixture *f = *state;
	struct told told;

	f->manner = LIMITS;
	ask(f, get(f), &told);
	assert_int_equal(told.status, 429);
	assert_int_equal(told.retry_after_usec, 17 * USEC_PER_SEC);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	struct http_request *first, *waiting, *opening;
	struct http_call call = get(f), open = door(f);
	struct told told[4];

	/* Not even sent, and waiting behind the first. */
	tiny_server_mute(f->server, true);
	first = start(f, &call, &told[0]);
	waiting = start(f, &call, &told[1]);
	turn(f);
	assert_null(http_cancel(waiting));
	assert_null(http_cancel(first));
	assert_null(http_cancel(NULL));
	tiny_server_mute(f->server, false);
	/* The next are not stuck behind what is gone. */
	first = start(f, &call, &told[0]);
	waiting = start(f, &call, &told[1]);
	(void)http_cancel(first);
	RUN_UNTIL(f, told[1].times == 1);
	assert_int_equal(told[1].end, HTTP_ANSWERED);
	assert_int_equal(told[0].times, 0);
	/* Sent, and not answered. */
	f->manner = HANGS;
	opening = start(f, &open, &told[2]);
	RUN_UNTIL(f, tiny_server_bodies(f->server) == 1);
	assert_null(http_cancel(opening));
	/* Ended, and not told. */
	open.send_before = 1;
	opening = start(f, &open, &told[3]);
	assert_null(http_cancel(opening));
	run_for(f, 50 * MSEC);
	assert_int_equal(told[2].times, 0);
	assert_int_equal(told[3].times, 0);
	/* One is left behind for http_free(). */
	(void)start(f, &call, &told[0]);
}

struct inside {
	struct fixture *f;
	struct http_request *own, *other, *next;
	struct told told;
	unsigned times;
};

/* Whatever a callback does to its own or another request must be fine. */
static void on_inside(const struct http_answer *answer, void *userdata)
{
	struct inside *inside = userdata;
	struct http_call call = door(inside->f);

	inside->times++;
	assert_int_equal(answer->end, HTTP_EXPIRED);
	assert_null(http_cancel(inside->own));
	assert_null(http_cancel(inside->other));
	assert_int_equal(
		http_start(inside->f->http, &inside->next, &call, on_told, &inside->told), 0);
	assert_string_equal(answer->body, "");
}

static void test_inside_callback(void **state)
{
	struct fixture *f = *state;
	struct inside inside = {.f = f};
	struct http_call call = door(f);
	struct told other;

	call.send_before = 1;
	assert_int_equal(http_start(f->http, &inside.own, &call, on_inside, &inside), 0);
	inside.other = start(f, &call, &other);
	RUN_UNTIL(f, inside.told.times == 1);
	assert_int_equal(inside.told.end, HTTP_ANSWERED);
	assert_int_equal(inside.times, 1);
	assert_int_equal(other.times, 0);
}

static void test_many(void **state)
{
	struct fixture *f = *state;
	static struct told told[100];
	struct http_call call = get(f), open = door(f);
	unsigned done;

	for (unsigned i = 0; i < ELEMENTS(told); i++)
		(void)start(f, i % 3 ? &call : &open, &told[i]);
	do {
		turn(f);
		done = 0;
		for (unsigned i = 0; i < ELEMENTS(told); i++)
			done += told[i].times;
	} while (done < ELEMENTS(told));
	for (unsigned i = 0; i < ELEMENTS(told); i++) {
		assert_int_equal(told[i].times, 1);
		assert_int_equal(told[i].end, HTTP_ANSWERED);
	}
	assert_int_equal(tiny_server_requests(f->server), ELEMENTS(told));
	RUN_UNTIL(f, tiny_server_live(f->server) <= 8);
	assert_int_equal(http_warm_lines(f->http), tiny_server_live(f->server));
	assert_true(http_warm_lines(f->http) >= 1);
}

/* Lines outlive a burst: the next one makes no new connections. */
static void test_bursts(void **state)
{
	struct fixture *f = *state;

	warm_up(f, 8);
	for (unsigned burst = 0; burst < 3; burst++) {
		struct http_call open = door(f);
		struct told told[8];

		for (unsigned i = 0; i < 8; i++)
			(void)start(f, &open, &told[i]);
		for (unsigned i = 0; i < 8; i++)
			RUN_UNTIL(f, told[i].times == 1);
	}
	assert_int_equal(tiny_server_lines(f->server), 8);
	assert_int_equal(http_warm_lines(f->http), 8);
}

static void test_first_connection(void **state)
{
	struct fixture *f = *state;
	struct http_call call = get(f), open;
	struct told poll[8], opening;
	char address[128];

	snprintf(address, sizeof(address), "%s", call.url);
	call.url = address;
	open = door(f);
	f->polls_hang = true;
	for (unsigned i = 0; i < 8; i++)
		(void)start(f, &call, &poll[i]);
	/* A door does not wait with them. */
	ask(f, open, &opening);
	assert_int_equal(opening.end, HTTP_ANSWERED);
	RUN_UNTIL(f, f->poll);
	run_for(f, 30 * MSEC);
	assert_int_equal(tiny_server_lines(f->server), 2);
	assert_int_equal(poll[0].times, 0);
	f->polls_hang = false;
	tiny_answer(f->poll, 200, "", "{}");
	for (unsigned i = 0; i < 8; i++)
		RUN_UNTIL(f, poll[i].times == 1);
	assert_true(tiny_server_lines(f->server) > 2);
}

/* One that fails holds up nobody. */
static void test_first_connection_fails(void **state)
{
	struct fixture *f = *state;
	struct http_call call = get(f);
	struct told poll[3], opening;

	f->manner = HANGS;
	call.timeout_usec = 200 * MSEC;
	tiny_server_mute(f->server, true);
	(void)start(f, &call, &poll[0]);
	call.timeout_usec = 30 * USEC_PER_SEC;
	(void)start(f, &call, &poll[1]);
	(void)start(f, &call, &poll[2]);
	RUN_UNTIL(f, tiny_server_lines(f->server) == 1);
	tiny_server_mute(f->server, false);
	tiny_server_close_all(f->server);
	RUN_UNTIL(f, poll[0].times == 1);
	f->manner = ANSWERS;
	ask(f, door(f), &opening);
	RUN_UNTIL(f, poll[1].times == 1 && poll[2].times == 1);
	assert_int_equal(poll[1].end, HTTP_ANSWERED);
	assert_int_equal(poll[2].end, HTTP_ANSWERED);
}

static void test_keep_warm(void **state)
{
	struct fixture *f = *state;
	struct told told;

	hurry = 100;
	assert_int_equal(http_keep_warm(f->http, url(f, "/versions")), 0);
	RUN_UNTIL(f, http_warm_lines(f->http) == 1);
	assert_non_null(strstr(f->head, "GET /versions "));
	assert_null(strstr(f->head, "Authorization"));
	run_for(f, 30 * MSEC);
	assert_int_equal(tiny_server_requests(f->server), 1);
	/* Closed by the far end: opened again, but not more often than each few seconds. */
	for (unsigned i = 2; i <= 4; i++) {
		tiny_server_close_all(f->server);
		RUN_UNTIL(f, tiny_server_lines(f->server) == i && http_warm_lines(f->http) == 1);
		assert_true(last_warm_wait > 3 * USEC_PER_SEC);
		assert_true(last_warm_wait <= 5 * USEC_PER_SEC);
	}
	/* An opening finds it. */
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(tiny_server_bodies(f->server), 1);
	assert_true(tiny_server_lines(f->server) <= 5);
}

/* A server that keeps no connection is not asked again and again. */
static void test_keep_warm_in_vain(void **state)
{
	struct fixture *f = *state;
	uint64_t waited = 0;

	hurry = 1000;
	f->manner = SHUTS;
	assert_int_equal(http_keep_warm(f->http, url(f, "/versions")), 0);
	for (unsigned i = 1; i <= 6; i++) {
		RUN_UNTIL(f, tiny_server_requests(f->server) == i + 1);
		waited += last_warm_wait;
	}
	assert_true(waited >= 6 * 4 * USEC_PER_SEC);
	assert_true(last_warm_wait > 20 * USEC_PER_SEC);
	assert_true(last_warm_wait <= 300 * USEC_PER_SEC);
}

static void test_keep_warm_unreachable(void **state)
{
	struct fixture *f = *state;

	hurry = 1000;
	tiny_server_mute(f->server, true);
	f->manner = SWALLOWS;
	tiny_server_mute(f->server, false);
	assert_int_equal(http_keep_warm(f->http, url(f, "/versions")), 0);
	RUN_UNTIL(f, tiny_server_requests(f->server) == 4);
	f->manner = ANSWERS;
	RUN_UNTIL(f, http_warm_lines(f->http) == 1);
	assert_true(last_warm_wait > 4 * USEC_PER_SEC);
}

/* libcurl reports a fault of its own: all fail, by what is known of them, and it goes on. */
static void test_rebuild(void **state)
{
	struct fixture *f = *state;
	struct http_call call = get(f), open = door(f);
	struct told sent, poll, told;

	warm_up(f, 2);
	f->manner = HANGS;
	(void)start(f, &open, &sent);
	RUN_UNTIL(f, tiny_server_bodies(f->server) == 3);
	broken = 1;
	(void)start(f, &call, &poll);
	RUN_UNTIL(f, sent.times == 1 && poll.times == 1);
	assert_int_equal(sent.end, HTTP_NO_ANSWER);
	assert_int_equal(poll.end, HTTP_NOT_SENT);
	assert_int_equal(http_warm_lines(f->http), 0);
	f->manner = ANSWERS;
	ask(f, open, &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(http_warm_lines(f->http), 1);
}

static void test_url_check(void **state)
{
	static const struct {
		const char *url;
		int r;
	} rows[] = {
		{"https://api.ecloud.akubela.com", 0},
		{"https://api.example.com:8443/prefix", 0},
		{"https://api.example.com/", 0},
		{"http://localhost:8080", 0},
		{"http://127.0.0.1", 0},
		{"http://127.9.9.9:1", 0},
		{"http://[::1]:8080", 0},
		{"https://[2001:db8::1]", 0},
		{"http://api.example.com", -EINVAL},
		{"http://128.0.0.1", -EINVAL},
		{"http://127.0.0.1.example.com", -EINVAL},
		{"http://localhost.example.com", -EINVAL},
		{"http://localhost@example.com", -EINVAL},
		{"http://[::2]", -EINVAL},
		{"http://[::1", -EINVAL},
		{"https://user:word@api.example.com", -EINVAL},
		{"https://api.example.com?x=1", -EINVAL},
		{"https://api.example.com/#x", -EINVAL},
		{"https://api.example.com/a b", -EINVAL},
		{"https://api.example.com\\@x", -EINVAL},
		{"https://api.example.com:", -EINVAL},
		{"https://api.example.com:99999999", -EINVAL},
		{"https://api.example.com:8x", -EINVAL},
		{"https://", -EINVAL},
		{"https:///x", -EINVAL},
		{"api.example.com", -EINVAL},
		{"ftp://api.example.com", -EINVAL},
		{"HTTPS://api.example.com", -EINVAL},
		{"", -EINVAL},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *why = NULL;

		if (http_url_check(rows[i].url, &why) != rows[i].r)
			fail_msg("%s", rows[i].url);
		assert_int_equal(why != NULL, rows[i].r < 0);
	}
}

static void test_form(void **state)
{
	_cleanup_secret_ char *form = NULL;

	assert_int_equal(http_form_add(&form, "grant_type", "password"), 0);
	assert_int_equal(http_form_add(&form, "username", "a+b@c.de"), 0);
	assert_int_equal(http_form_add(&form, "password", "\xc3\xa4 &=%\r\n"), 0);
	assert_int_equal(http_form_add(&form, "empty", ""), 0);
	assert_string_equal(form, "grant_type=password&username=a%2Bb%40c.de"
				  "&password=%C3%A4%20%26%3D%25%0D%0A&empty=");
}

static void test_escape(void **state)
{
	static const char *const rows[][2] = {
		{"r0123-abc._~", "r0123-abc._~"},
		{"a/b+c#d%e", "a%2Fb%2Bc%23d%25e"},
		{"\xc3\xa4 $SYS", "%C3%A4%20%24SYS"},
		{"", ""},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *escaped = http_escape(rows[i][0]);
		_cleanup_free_ char *plain = http_unescape(rows[i][1]);

		assert_string_equal(escaped, rows[i][1]);
		assert_string_equal(plain, rows[i][0]);
	}
	assert_null(http_unescape("a%00b"));
}

#define PLAIN(f) cmocka_unit_test_setup_teardown(f, setup_plain, teardown)
#define TLS(f)                                          \
	{                                               \
#f "_tls", f, setup_tls, teardown, NULL \
	}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		PLAIN(test_get),
		TLS(test_get),
		PLAIN(test_post),
		TLS(test_post),
		PLAIN(test_large_body),
		TLS(test_large_body),
		PLAIN(test_bad_calls),
		PLAIN(test_warm),
		TLS(test_warm),
		PLAIN(test_swallowed),
		TLS(test_swallowed),
		PLAIN(test_swallowed_died),
		TLS(test_swallowed_died),
		PLAIN(test_bitten),
		TLS(test_bitten),
		PLAIN(test_swallowed_fresh),
		TLS(test_swallowed_fresh),
		PLAIN(test_closed_unseen),
		TLS(test_closed_unseen),
		PLAIN(test_closed_seen),
		TLS(test_closed_seen),
		PLAIN(test_expired_at_once),
		TLS(test_expired_connecting),
		TLS(test_expired_connected),
		cmocka_unit_test(test_exchange),
		PLAIN(test_expired_waiting),
		PLAIN(test_last_line_is_for_doors),
		TLS(test_last_line_is_for_doors),
		PLAIN(test_last_line_that_lives),
		TLS(test_last_line_that_lives),
		PLAIN(test_retired),
		PLAIN(test_closed_without_a_word),
		PLAIN(test_too_large),
		PLAIN(test_not_http),
		PLAIN(test_no_answer),
		TLS(test_no_answer),
		PLAIN(test_silence),
		TLS(test_silence),
		PLAIN(test_refused),
		PLAIN(test_unknown_host),
		TLS(test_not_trusted),
		TLS(test_connect_timeout),
		PLAIN(test_redirect),
		PLAIN(test_retry_after),
		PLAIN(test_cancel),
		TLS(test_cancel),
		PLAIN(test_inside_callback),
		PLAIN(test_many),
		TLS(test_many),
		PLAIN(test_bursts),
		TLS(test_bursts),
		PLAIN(test_first_connection),
		TLS(test_first_connection),
		TLS(test_first_connection_fails),
		PLAIN(test_keep_warm),
		TLS(test_keep_warm),
		PLAIN(test_keep_warm_in_vain),
		PLAIN(test_keep_warm_unreachable),
		PLAIN(test_rebuild),
		TLS(test_rebuild),
		cmocka_unit_test(test_url_check),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_escape),
	};

	/* As the daemon does. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* A proxy of the environment must not come between. */
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("https_proxy", "http://127.0.0.1:1", 1);
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
