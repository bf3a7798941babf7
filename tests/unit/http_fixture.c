#include "tests/unit/cmocka-all.h"

#include "tests/unit/http_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "cloud/line.h"
#include "util/timer.h"

unsigned broken;
bool no_memory;
int together[2] = {-1, -1};
unsigned hurry = 1;
uint64_t last_warm_wait, last_warm_due;

CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int bits, int *running);
CURLMcode __real_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int bits, int *running);
CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int bits, int *running)
{
	if (broken > 0) {
		broken--;
		return CURLM_INTERNAL_ERROR;
	}
	for (unsigned i = 0; i < 2 && fd >= 0; i++)
		if (fd == together[i])
			(void)__real_curl_multi_socket_action(
				multi, together[1 - i], CURL_CSELECT_IN, running);
	return __real_curl_multi_socket_action(multi, fd, bits, running);
}

CURLM *__wrap_curl_multi_init(void);
CURLM *__real_curl_multi_init(void);
CURLM *__wrap_curl_multi_init(void)
{
	return no_memory ? NULL : __real_curl_multi_init();
}

int __wrap_lines_watch(struct lines *lines, int fd, uint32_t events);
int __real_lines_watch(struct lines *lines, int fd, uint32_t events);
int __wrap_lines_watch(struct lines *lines, int fd, uint32_t events)
{
	return no_memory && events ? -ENOMEM : __real_lines_watch(lines, fd, events);
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
		last_warm_due = clock_boot_usec() + wait_usec;
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
		.connect_timeout_usec = WAIT_MAX,
		.lines_max = 8,
	};

	assert_int_equal(http_new(&f->http, f->event, &settings), 0);
}

static int setup(void **state, bool tls)
{
	struct fixture *f = calloc(1, sizeof(*f));

	broken = 0;
	no_memory = false;
	together[0] = together[1] = -1;
	hurry = 1;
	assert_int_equal(sd_event_new(&f->event), 0);
	assert_int_equal(tiny_server_new(&f->server, f->event, tls, serve, f), 0);
	start_http(f);
	*state = f;
	return 0;
}

int setup_plain(void **state)
{
	return setup(state, false);
}

int setup_tls(void **state)
{
	return setup(state, true);
}

int teardown(void **state)
{
	struct fixture *f = *state;

	f->http = http_free(f->http);
	f->server = tiny_server_free(f->server);
	f->event = sd_event_unref(f->event);
	free(f);
	return 0;
}

/* One turn of the loop; sleeps at most a little. */
void turn(struct fixture *f)
{
	assert_true(sd_event_run(f->event, 20 * MSEC) >= 0);
}

/* For what must not happen: lets the loop run for a while, and until it has nothing left to do. */
void run_for(struct fixture *f, uint64_t usec)
{
	uint64_t until = clock_boot_usec() + usec;

	while (clock_boot_usec() < until)
		turn(f);
	while (sd_event_run(f->event, 0) > 0)
		;
}

void on_told(const struct http_answer *answer, void *userdata)
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

const char *url(struct fixture *f, const char *path)
{
	snprintf(url_text, sizeof(url_text), "%s%s", tiny_server_url(f->server), path);
	return url_text;
}

struct http_call get(struct fixture *f)
{
	return (struct http_call){
		.url = url(f, "/poll"),
		.answer_max = 65536,
		.timeout_usec = WAIT_MAX,
	};
}

struct http_call post(struct fixture *f)
{
	return (struct http_call){
		.url = url(f, "/commands"),
		.content_type = "application/json",
		.body = "OPEN",
		.size = 4,
		.answer_max = 65536,
		.timeout_usec = WAIT_MAX,
	};
}

struct http_call door(struct fixture *f)
{
	struct http_call call = post(f);

	call.door = true;
	return call;
}

struct http_request *start(struct fixture *f, const struct http_call *call, struct told *told)
{
	struct http_request *request = NULL;

	memset(told, 0, sizeof(*told));
	assert_int_equal(http_start(f->http, &request, call, on_told, told), 0);
	assert_non_null(request);
	assert_int_equal(told->times, 0);
	return request;
}

void ask(struct fixture *f, struct http_call call, struct told *told)
{
	(void)start(f, &call, told);
	RUN_UNTIL(f, told->times == 1);
}

/* Leaves so many connections at rest. */
void warm_up(struct fixture *f, unsigned n)
{
	struct told told[8];
	/* Doors would move to the first that stands. */
	struct http_call call = post(f);
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

static unsigned port_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in address = {0};
	socklen_t size = sizeof(address);

	if (name(fd, (struct sockaddr *)&address, &size) < 0 || address.sin_family != AF_INET)
		return 0;
	return ntohs(address.sin_port);
}

/* The client's socket of the server's i-th line. */
int our_end(struct fixture *f, unsigned i)
{
	unsigned port = port_of(tiny_line_fd(tiny_server_line(f->server, i)), getpeername);
	int fd = 0;

	assert_int_not_equal(port, 0);
	while (port_of(fd, getsockname) != port)
		assert_true(++fd < 1024);
	return fd;
}

/* Returns when something of the far end, or its end, has arrived there: the kernel may take a moment.
 * The loop sees nothing of it. */
void await_arrival(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, (int)(WAIT_MAX / USEC_PER_MSEC)), 1);
}

/* First thing in main(). */
void fixture_begin(void)
{
	/* As the daemon does. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* A proxy of the environment must not come between. */
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("https_proxy", "http://127.0.0.1:1", 1);
}
