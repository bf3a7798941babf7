#include "cloud/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include <curl/curl.h>

#include "cloud/exchange.h"
#include "cloud/line.h"
#include "cloud/warm.h"
#include "config.h"
#include "util/clock.h"
#include "util/secret.h"
#include "util/text.h"
#include "util/timer.h"

#define LOG_TOKEN "http"
#include "util/log.h"

#define WHY_MAX         256
#define SPARES_MAX      8 /* easy handles kept for the next request */
#define MSEC_MAX        86400000
#define RETRY_AFTER_MAX 86400 /* seconds */
#define LINE_AGE_MAX    86400 /* seconds at rest; the far end ends it long before */

enum request_state {
	REQUEST_WAITING, /* for the first connection ever to stand */
	REQUEST_RUNNING, /* with libcurl */
	REQUEST_ENDED,   /* its callback is due */
	REQUEST_TOLD,    /* inside its callback */
};

struct http_request {
	TAILQ_ENTRY(http_request) list;
	struct http *http;
	enum request_state state;
	struct exchange x;
	bool door;
	uint64_t give_up;          /* clock_boot_usec() */
	sd_event_source *deadline; /* only while it is unsent */
	CURL *easy;
	struct curl_slist *headers;
	CURLcode code; /* REQUEST_ENDED */
	char error[CURL_ERROR_SIZE];
	char why[WHY_MAX];
	http_done_t done;
	void *userdata;
};

struct http {
	sd_event *event;
	CURLM *multi;
	struct lines *lines;
	struct warm *warm;
	sd_event_source *timer; /* libcurl's only one */
	sd_event_source *ended; /* tells of ended requests, lets waiting ones go */
	TAILQ_HEAD(, http_request) requests;
	struct http_request *first; /* makes the first connection, others wait for it */
	bool connected_once;
	char *ca_file;
	uint64_t connect_timeout_usec;
	long lines_max;
	CURL *spares[SPARES_MAX];
	size_t n_spares;
};

static void http_act(struct http *http, curl_socket_t fd, int bits);

/* libcurl takes milliseconds in a long, and 0 for "never". */
static long msec(uint64_t usec)
{
	uint64_t n = (usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC;

	return n == 0 ? 1 : n > MSEC_MAX ? MSEC_MAX : (long)n;
}

/* Tells the keeper of warm connections whether one is missing. */
static void http_look(struct http *http)
{
	struct http_request *request;

	if (!http->warm)
		return;
	TAILQ_FOREACH(request, &http->requests, list)
	if (request->state <= REQUEST_RUNNING && !request->x.sent) {
		(void)warm_want(http->warm, false);
		return;
	}
	(void)warm_want(http->warm, lines_resting(http->lines) == 0);
}

static void on_lines_changed(void *userdata)
{
	http_look(userdata);
}

/* libcurl's callbacks. None of them may call libcurl: they only take down what happened. */

static size_t on_body_wanted(char *buffer, size_t size, size_t n, void *userdata)
{
	struct http_request *request = userdata;
	ssize_t given = exchange_give(&request->x, buffer, size * n);

	return given < 0 ? CURL_READFUNC_ABORT : (size_t)given;
}

static int on_connected(void *userdata, char *far_ip, char *near_ip, int far_port, int near_port)
{
	struct http_request *request = userdata;

	request->http->connected_once = true;
	return exchange_connected(&request->x) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_header(char *text, size_t size, size_t n, void *userdata)
{
	struct http_request *request = userdata;

	return exchange_header(&request->x, size * n) ? size * n : 0;
}

static size_t on_answer(char *text, size_t size, size_t n, void *userdata)
{
	struct http_request *request = userdata;

	return exchange_take(&request->x, text, size * n) ? size * n : 0;
}

static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http *http = userdata;
	int fd = lines_open(http->lines, address->family, address->socktype, address->protocol);

	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close(void *userdata, curl_socket_t fd)
{
	struct http *http = userdata;

	lines_close(http->lines, fd);
	return 0;
}

/* -1 makes libcurl give up all transfers, which http_act() then sees. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
	struct http *http = userdata;
	uint32_t events = 0;

	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	return lines_watch(http->lines, fd, events) < 0 ? -1 : 0;
}

static int on_timer(sd_event_source *source, uint64_t now, void *userdata)
{
	http_act(userdata, CURL_SOCKET_TIMEOUT, 0);
	return 0;
}

static int on_timer_wanted(CURLM *multi, long timeout_msec, void *userdata)
{
	struct http *http = userdata;
	int r;

	if (timeout_msec < 0) {
		timer_stop(http->timer);
		return 0;
	}
	r = timer_arm(http->event, &http->timer, (uint64_t)timeout_msec * USEC_PER_MSEC,
		TIMER_EXACT, on_timer, http, "libcurl");
	return r < 0 ? -1 : 0;
}

static int multi_new(struct http *http)
{
	CURLM *multi = curl_multi_init();

	if (!multi)
		return -ENOMEM;
	(void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http);
	(void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	(void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http);
	/* Unset, it follows the number of transfers, so that lines go whenever a burst ebbs. */
	(void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, http->lines_max);
	http->multi = multi;
	return 0;
}

static void multi_free(struct http *http)
{
	if (http->multi)
		(void)curl_multi_cleanup(http->multi);
	http->multi = NULL;
	if (http->lines)
		lines_forget(http->lines);
	timer_stop(http->timer);
}

/* The request is over; its callback runs when the event loop comes to it. */
static void request_end(struct http_request *request, CURLcode code)
{
	struct http *http = request->http;

	if (request->state == REQUEST_RUNNING)
		(void)curl_multi_remove_handle(http->multi, request->easy);
	request->state = REQUEST_ENDED;
	request->code = code;
	request->deadline = sd_event_source_disable_unref(request->deadline);
	(void)sd_event_source_set_enabled(http->ended, SD_EVENT_ONESHOT);
	http_look(http);
}

/* libcurl's state is in doubt: every transfer fails and it starts anew. */
static void http_rebuild(struct http *http, CURLMcode code)
{
	struct http_request *request;

	log_error("All requests to the cloud are given up: %s", curl_multi_strerror(code));
	TAILQ_FOREACH(request, &http->requests, list)
	if (request->state == REQUEST_RUNNING)
		request_end(request, CURLE_FAILED_INIT);
	multi_free(http);
	(void)multi_new(http);
}

/* Lets libcurl work and takes down what has ended. */
static void http_act(struct http *http, curl_socket_t fd, int bits)
{
	struct http_request *request;
	curl_socket_t line;
	CURLMsg *message;
	CURLMcode code;
	int n;

	code = curl_multi_socket_action(http->multi, fd, bits, &n);
	if (code != CURLM_OK) {
		http_rebuild(http, code);
		return;
	}
	while ((message = curl_multi_info_read(http->multi, &n))) {
		CURL *easy = message->easy_handle;
		CURLcode result = message->data.result;

		line = CURL_SOCKET_BAD;
		(void)curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &line);
		if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request) != CURLE_OK)
			continue;
		request_end(request, result);
		if (line != CURL_SOCKET_BAD)
			lines_rest(http->lines, line);
		/* Silence on one line: the others may lead nowhere, too, as after a new address of
		 * the uplink. Better new ones now than an opening lost to find out. */
		if (result == CURLE_OPERATION_TIMEDOUT && request->x.sent)
			lines_retire(http->lines);
	}
}

static void on_ready(int fd, uint32_t events, void *userdata)
{
	int bits = 0;

	if (events & EPOLLIN)
		bits |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		bits |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		bits |= CURL_CSELECT_ERR;
	http_act(userdata, fd, bits);
}

static enum trouble fold_code(CURLcode code)
{
	static const struct {
		CURLcode code;
		enum trouble trouble;
	} troubles[] = {
		{CURLE_OK, TROUBLE_NONE},
		{CURLE_COULDNT_RESOLVE_HOST, TROUBLE_LOOK_UP},
		{CURLE_COULDNT_CONNECT, TROUBLE_CONNECT},
		{CURLE_PEER_FAILED_VERIFICATION, TROUBLE_TLS},
		{CURLE_SSL_CONNECT_ERROR, TROUBLE_TLS},
		{CURLE_SSL_CACERT_BADFILE, TROUBLE_TLS},
		{CURLE_OPERATION_TIMEDOUT, TROUBLE_TIMEOUT},
		{CURLE_GOT_NOTHING, TROUBLE_CLOSED},
		/* It would repeat the body on a new connection and has no way to: wanted so. */
		{CURLE_SEND_FAIL_REWIND, TROUBLE_CLOSED},
		{CURLE_ABORTED_BY_CALLBACK, TROUBLE_CLOSED},
		{CURLE_PARTIAL_FILE, TROUBLE_CUT},
		{CURLE_UNSUPPORTED_PROTOCOL, TROUBLE_NOT_HTTP}, /* no header: HTTP/0.9 */
		{CURLE_WEIRD_SERVER_REPLY, TROUBLE_NOT_HTTP},
		{CURLE_BAD_CONTENT_ENCODING, TROUBLE_NOT_HTTP},
	};

	for (size_t i = 0; i < ELEMENTS(troubles); i++)
		if (troubles[i].code == code)
			return troubles[i].trouble;
	return TROUBLE_OTHER;
}

/* libcurl's own words may show an address with its query, so they are taken over for TLS only. */
static void request_explain(struct http_request *request, enum trouble trouble)
{
	const char *detail = curl_easy_strerror(request->code);
	char *url = NULL;
	long number = 0;

	(void)curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &number);
	(void)curl_easy_getinfo(request->easy, CURLINFO_EFFECTIVE_URL, &url);
	if (trouble == TROUBLE_CONNECT && number > 0)
		detail = strerror((int)number);
	if (trouble == TROUBLE_TLS && *request->error)
		detail = request->error;
	exchange_why(&request->x, trouble, url, detail, request->why, WHY_MAX);
}

static void request_tell(struct http_request *request)
{
	enum trouble trouble = fold_code(request->code);
	struct http_answer answer = {
		.end = exchange_end(&request->x, trouble),
		.body = request->x.answer ? request->x.answer : "",
		.size = request->x.answer_size,
		.why = request->why,
	};
	curl_off_t seconds = 0;
	char *type = NULL;

	if (answer.end == HTTP_ANSWERED || answer.end == HTTP_BAD_ANSWER) {
		(void)curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &answer.status);
		(void)curl_easy_getinfo(request->easy, CURLINFO_CONTENT_TYPE, &type);
		(void)curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &seconds);
	}
	answer.content_type = type;
	if (seconds > RETRY_AFTER_MAX)
		seconds = RETRY_AFTER_MAX;
	if (seconds > 0)
		answer.retry_after_usec = (uint64_t)seconds * USEC_PER_SEC;
	if (answer.end != HTTP_ANSWERED)
		request_explain(request, trouble);
	request->state = REQUEST_TOLD;
	request->done(&answer, request->userdata);
}

static struct http_request *request_free(struct http_request *request)
{
	struct http *http = request->http;

	if (!request)
		return NULL;
	TAILQ_REMOVE(&http->requests, request, list);
	if (http->first == request)
		http->first = NULL;
	sd_event_source_disable_unref(request->deadline);
	if (request->state == REQUEST_RUNNING)
		(void)curl_multi_remove_handle(http->multi, request->easy);
	if (request->easy) {
		curl_easy_reset(request->easy);
		if (http->n_spares < SPARES_MAX)
			http->spares[http->n_spares++] = request->easy;
		else
			curl_easy_cleanup(request->easy);
	}
	for (struct curl_slist *h = request->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(request->headers);
	exchange_done(&request->x);
	free(request);
	return NULL;
}

DEFINE_CLEANUP(struct http_request *, request_free);

/* Options that every request has. */
static CURLcode easy_options(struct http *http, CURL *easy)
{
	/* Debian's libcurl has a folder of certificates built in, and with one it parses all of
	 * them for each connection instead of once. */
	bool has_file = http->ca_file || curl_version_info(CURLVERSION_NOW)->cainfo;
	CURLcode code = CURLE_OK;

#define SET(option, value)                                                      \
	do {                                                                    \
		if (code == CURLE_OK)                                           \
			code = curl_easy_setopt(easy, CURLOPT_##option, value); \
	} while (0)
	SET(NOSIGNAL, 1L);
	/* Cancelling must not wait for a thread that looks up a name. */
	SET(QUICK_EXIT, 1L);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(FOLLOWLOCATION, 0L);
	SET(PROXY, "");
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(SSL_VERIFYPEER, 1L);
	SET(SSL_VERIFYHOST, 2L);
	if (http->ca_file)
		SET(CAINFO, http->ca_file);
	if (has_file)
		SET(CAPATH, NULL);
	SET(TCP_NODELAY, 1L);
	SET(MAXAGE_CONN, (long)LINE_AGE_MAX);
	SET(CONNECTTIMEOUT_MS, msec(http->connect_timeout_usec));
	SET(USERAGENT, PACKAGE "/" PACKAGE_VERSION);
	SET(OPENSOCKETFUNCTION, on_open);
	SET(OPENSOCKETDATA, http);
	SET(CLOSESOCKETFUNCTION, on_close);
	SET(CLOSESOCKETDATA, http);
	SET(READFUNCTION, on_body_wanted);
	SET(PREREQFUNCTION, on_connected);
	SET(HEADERFUNCTION, on_header);
	SET(WRITEFUNCTION, on_answer);
	return code;
}

static CURLcode request_options(struct http_request *request, const struct http_call *call)
{
	CURL *easy = request->easy;
	CURLcode code = CURLE_OK;

	SET(URL, call->url);
	SET(PROTOCOLS_STR, strncmp(call->url, "https:", 6) == 0 ? "https" : "http");
	SET(HTTPHEADER, request->headers);
	SET(PRIVATE, request);
	SET(ERRORBUFFER, request->error);
	SET(READDATA, request);
	SET(PREREQDATA, request);
	SET(HEADERDATA, request);
	SET(WRITEDATA, request);
	if (call->content_type) {
		/* By READFUNCTION without SEEKFUNCTION, and not by POSTFIELDS: then libcurl has no
		 * way to repeat on a new connection a body that has left on a dead one. */
		SET(POST, 1L);
		SET(POSTFIELDSIZE_LARGE, (curl_off_t)call->size);
	}
#undef SET
	return code;
}

static int header_add(struct curl_slist **headers, const char *name, const char *value)
{
	_cleanup_secret_ char *line = NULL;
	struct curl_slist *longer;

	if (asprintf(&line, "%s%s", name, value) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	longer = curl_slist_append(*headers, line);
	if (!longer)
		return -ENOMEM;
	*headers = longer;
	return 0;
}

static int request_headers(struct http_request *request, const struct http_call *call)
{
	int r = header_add(&request->headers, "Accept: ", "application/json");

	/* libcurl would wait for a permission to send larger bodies. */
	if (r >= 0)
		r = header_add(&request->headers, "Expect:", "");
	if (r >= 0 && call->content_type)
		r = header_add(&request->headers, "Content-Type: ", call->content_type);
	if (r >= 0 && call->bearer)
		r = header_add(&request->headers, "Authorization: Bearer ", call->bearer);
	return r;
}

static int on_deadline(sd_event_source *source, uint64_t now, void *userdata)
{
	struct http_request *request = userdata;

	if (request->state > REQUEST_RUNNING || request->x.sent)
		return 0;
	(void)exchange_is_late(&request->x);
	request_end(request, CURLE_OPERATION_TIMEDOUT);
	return 0;
}

/* Ends the request as soon as it may no longer be sent, instead of when libcurl would. */
static int request_watch(struct http_request *request)
{
	uint64_t now = clock_boot_usec(), due = request->give_up;

	if (request->x.send_before && request->x.send_before < due)
		due = request->x.send_before;
	return timer_arm(request->http->event, &request->deadline, due > now ? due - now : 0,
		TIMER_EXACT, on_deadline, request, "unsent request");
}

/* Hands the request to libcurl, which on a warm connection sends it before this returns. */
static void request_run(struct http_request *request)
{
	struct http *http = request->http;
	uint64_t now = clock_boot_usec();
	bool fresh;

	if (exchange_is_late(&request->x) || now >= request->give_up) {
		request_end(request, CURLE_OPERATION_TIMEDOUT);
		return;
	}
	lines_check(http->lines);
	/* The last warm line is for doors. */
	fresh = !request->door && lines_resting(http->lines) <= 1;
	(void)curl_easy_setopt(request->easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
	(void)curl_easy_setopt(request->easy, CURLOPT_TIMEOUT_MS, msec(request->give_up - now));
	if ((!http->multi && multi_new(http) < 0) ||
		curl_multi_add_handle(http->multi, request->easy) != CURLM_OK) {
		request_end(request, CURLE_OUT_OF_MEMORY);
		return;
	}
	request->state = REQUEST_RUNNING;
	if (!request->door && !http->connected_once && !http->first)
		http->first = request;
	http_act(http, CURL_SOCKET_TIMEOUT, 0);
	if (request->state == REQUEST_RUNNING && !request->x.sent && request_watch(request) < 0)
		request_end(request, CURLE_OUT_OF_MEMORY);
}

/* The callbacks of what has ended; then those that waited for the first connection may go. */
static int on_ended(sd_event_source *source, void *userdata)
{
	struct http *http = userdata;
	struct http_request *request;

	do {
		TAILQ_FOREACH(request, &http->requests, list)
		if (request->state == REQUEST_ENDED)
			break;
		if (request) {
			request_tell(request);
			request_free(request);
		}
	} while (request);
	if (http->first)
		return 0;
	TAILQ_FOREACH(request, &http->requests, list)
	if (request->state == REQUEST_WAITING)
		request_run(request);
	return 0;
}

/* Adds name=value, percent-encoded, to a form that is NULL at first and freed by secret_free(). */
int http_form_add(char **form, const char *name, const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, 0), *longer;
	int n;

	if (!escaped)
		return -ENOMEM;
	n = asprintf(&longer, "%s%s%s=%s", *form ? *form : "", *form ? "&" : "", name, escaped);
	explicit_bzero(escaped, strlen(escaped));
	curl_free(escaped);
	if (n < 0)
		return -ENOMEM;
	(void)secret_free(*form);
	*form = longer;
	return 0;
}

/* Starts a request; what call points to is copied. *ret is the handle to cancel it by, which is
 * void once done() ran. A request with a body that has left is never sent again, whatever happens.
 * -EINVAL: the address is neither https nor on this machine, no time is given, or the token could
 * not stand in a header. */
int http_start(struct http *http, struct http_request **ret, const struct http_call *call,
	http_done_t done, void *userdata)
{
	_cleanup_(request_freep) struct http_request *request = NULL;
	const char *why;
	int r;

	if (call->timeout_usec == 0 ||
		(call->bearer && !text_is_visible(call->bearer, strlen(call->bearer))))
		return -EINVAL;
	if (strncmp(call->url, "https://", 8) != 0 && http_url_check(call->url, &why) < 0)
		return -EINVAL;
	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	request->http = http;
	TAILQ_INSERT_TAIL(&http->requests, request, list);
	r = exchange_init(&request->x, call->body, call->content_type ? call->size : 0);
	if (r < 0)
		return r;
	request->x.send_before = call->send_before;
	request->x.answer_max = call->answer_max;
	request->give_up = clock_boot_usec() + call->timeout_usec;
	request->door = call->door;
	request->done = done;
	request->userdata = userdata;
	r = request_headers(request, call);
	if (r < 0)
		return r;
	request->easy = http->n_spares > 0 ? http->spares[--http->n_spares] : curl_easy_init();
	if (!request->easy || easy_options(http, request->easy) != CURLE_OK ||
		request_options(request, call) != CURLE_OK)
		return -ENOMEM;
	if (!call->door && !http->connected_once && http->first) {
		r = request_watch(request);
		if (r < 0)
			return r;
	} else {
		request_run(request);
	}
	*ret = TAKE_PTR(request);
	return 0;
}

/* Takes NULL; returns NULL. The callback will not run. Also allowed inside the callback. */
struct http_request *http_cancel(struct http_request *request)
{
	struct http *http;

	if (!request || request->state == REQUEST_TOLD)
		return NULL;
	http = request->http;
	(void)request_free(request);
	(void)sd_event_source_set_enabled(http->ended, SD_EVENT_ONESHOT);
	http_look(http);
	return NULL;
}

/* Keeps at least one connection open for the next opening, by asking for url (GET, no token)
 * whenever none is left. All requests are taken to go to one host. */
int http_keep_warm(struct http *http, const char *url)
{
	int r;

	http->warm = warm_free(http->warm);
	r = warm_new(&http->warm, http->event, http, url);
	if (r >= 0)
		http_look(http);
	return r;
}

/* Open connections that are not in use. */
unsigned http_warm_lines(const struct http *http)
{
	return lines_resting(http->lines);
}

/* The caller ignores SIGPIPE for the whole process. */
int http_new(struct http **ret, sd_event *event, const struct http_settings *settings)
{
	_cleanup_(http_freep) struct http *http = NULL;
	struct lines_settings lines = {.ready = on_ready, .changed = on_lines_changed};
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	http = calloc(1, sizeof(*http));
	if (!http) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	TAILQ_INIT(&http->requests);
	http->event = sd_event_ref(event);
	http->connect_timeout_usec = settings->connect_timeout_usec;
	http->lines_max = (long)settings->lines_max;
	if (settings->ca_file) {
		http->ca_file = strdup(settings->ca_file);
		if (!http->ca_file)
			return -ENOMEM;
	}
	lines.userdata = http;
	r = lines_new(&http->lines, event, &lines);
	if (r < 0)
		return r;
	r = sd_event_add_defer(event, &http->ended, on_ended, http);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(http->ended, "ended requests");
	(void)sd_event_source_set_enabled(http->ended, SD_EVENT_OFF);
	r = multi_new(http);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(http);
	return 0;
}

/* Takes NULL, returns NULL. Requests that are left are cancelled; their handles are void. */
struct http *http_free(struct http *http)
{
	if (!http)
		return NULL;
	http->warm = warm_free(http->warm);
	while (!TAILQ_EMPTY(&http->requests))
		(void)request_free(TAILQ_FIRST(&http->requests));
	while (http->n_spares > 0)
		curl_easy_cleanup(http->spares[--http->n_spares]);
	multi_free(http);
	(void)lines_free(http->lines);
	sd_event_source_disable_unref(http->timer);
	sd_event_source_disable_unref(http->ended);
	sd_event_unref(http->event);
	free(http->ca_file);
	free(http);
	curl_global_cleanup();
	return NULL;
}
