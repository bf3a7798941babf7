#include "cloud/http.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/param.h>

#include "cloud/alarm.h"
#include "cloud/line.h"
#include "cloud/queue.h"
#include "cloud/route.h"
#include "cloud/warm.h"
#include "util/clock.h"
#include "util/secret.h"

#define LOG_TOKEN "http"
#include "util/log.h"

#define WHY_MAX         256
#define SPARE_MAX       16
#define MSEC_MAX        86400000
#define RETRY_AFTER_MAX 86400 /* seconds */
#define TURNS_AT_ONCE   4
#define LINE_AGE_MAX    86400 /* seconds at rest; the far end ends it long before */

/* A request as libcurl has it. */
struct transfer {
	struct http_request request;
	struct http *http;
	CURL *easy;
	struct route *route;
	CURLcode code; /* of its end */
	char error[CURL_ERROR_SIZE];
	char why[WHY_MAX];
	http_done_t done;
	void *userdata;
};

struct http {
	sd_event *event;
	CURLM *multi;
	struct alarm *alarm; /* libcurl's only timer */
	struct queue *queue;
	struct lines *lines;
	struct warm *warm;
	struct route *route; /* of the request before */
	CURL *spare[SPARE_MAX];
	size_t n_spare;
	char *ca_file;
	uint64_t connect_timeout_usec;
	long lines_max;
};

static void http_act(struct http *http, curl_socket_t fd, int bits);
static void http_settle(struct http *http);

/* libcurl takes milliseconds in a long, and 0 for "never". */
static long msec(uint64_t usec)
{
	uint64_t n = (usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC;

	return n == 0 ? 1 : (long)MIN(n, MSEC_MAX);
}

static struct transfer *transfer_of(struct http_request *request)
{
	return (struct transfer *)((char *)request - offsetof(struct transfer, request));
}

/* Tells the keeper of warm connections whether one is missing. */
static void http_look(void *userdata)
{
	struct http *http = userdata;

	if (http->warm)
		(void)warm_want(http->warm,
			lines_resting(http->lines) == 0 && !queue_has_unsent(http->queue));
}

/* libcurl's callbacks. None of them may call libcurl: they only take down what happened. */

/* Whenever a request is about to leave on a connection. */
static int on_connected(void *userdata, char *far_ip, char *near_ip, int far_port, int near_port)
{
	struct transfer *transfer = userdata;

	if (!transfer->request.apart)
		queue_connected(transfer->http->queue);
	return exchange_may_leave(&transfer->request.x) ? CURL_PREREQFUNC_OK
	                                                : CURL_PREREQFUNC_ABORT;
}

static size_t on_header(char *text, size_t size, size_t n, void *userdata)
{
	return exchange_header(userdata, size * n) ? size * n : 0;
}

static size_t on_answer(char *text, size_t size, size_t n, void *userdata)
{
	return exchange_take(userdata, text, size * n) ? size * n : 0;
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
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	return lines_watch(http->lines, fd, events) < 0 ? -1 : 0;
}

static void on_alarm(void *userdata)
{
	struct http *http = userdata;

	/* There was no memory for a new one, and it is the former's. */
	if (http->multi)
		http_act(http, CURL_SOCKET_TIMEOUT, 0);
	http_settle(http);
}

/* Wound up behind libcurl's work. */
static int on_timer_wanted(CURLM *multi, long timeout_msec, void *alarm)
{
	alarm_set(alarm, timeout_msec < 0 ? UINT64_MAX : (uint64_t)timeout_msec * USEC_PER_MSEC);
	return 0;
}

static int multi_new(struct http *http)
{
	CURLM *multi = curl_multi_init();

	if (!multi)
		return -ENOMEM;
	(void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http);
	(void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	(void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http->alarm);
	/* Unset, it follows the number of transfers, so that lines go whenever a burst ebbs. */
	(void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, http->lines_max);
	http->multi = multi;
	return 0;
}

static void multi_free(struct http *http)
{
	(void)curl_multi_cleanup(http->multi);
	http->multi = NULL;
	if (http->lines)
		lines_forget(http->lines);
}

/* It is over. Its callback runs when the event loop comes to it. */
static void transfer_end(struct transfer *transfer, CURLcode code)
{
	struct http *http = transfer->http;

	if (transfer->request.state == REQUEST_RUNNING)
		(void)curl_multi_remove_handle(http->multi, transfer->easy);
	transfer->code = code;
	queue_end(&transfer->request);
	http_look(http);
}

/* libcurl's state is in doubt: every transfer fails and it starts anew. */
static void http_rebuild(struct http *http, CURLMcode code)
{
	struct http_request *request;

	log_error("All requests to the cloud are given up: %s", curl_multi_strerror(code));
	while ((request = queue_next(http->queue, REQUEST_RUNNING)))
		transfer_end(transfer_of(request), CURLE_FAILED_INIT);
	multi_free(http);
	(void)multi_new(http);
}

/* Lets libcurl work and takes down what has ended. */
static void http_act(struct http *http, curl_socket_t fd, int bits)
{
	struct transfer *transfer;
	curl_socket_t line;
	CURLMsg *message;
	CURLMcode code;
	unsigned turns = TURNS_AT_ONCE;
	int n;

	code = curl_multi_socket_action(http->multi, fd, bits, &n);
	/* What it wants to go on with at once needs no timer. */
	while (code == CURLM_OK && --turns > 0 && alarm_take(http->alarm))
		code = curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &n);
	if (code != CURLM_OK || alarm_wind(http->alarm) < 0) {
		http_rebuild(http, code ?: CURLM_OUT_OF_MEMORY);
		return;
	}
	while ((message = curl_multi_info_read(http->multi, &n))) {
		CURL *easy = message->easy_handle;
		CURLcode result = message->data.result;

		line = CURL_SOCKET_BAD;
		(void)curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &line);
		if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer) != CURLE_OK)
			continue;
		transfer_end(transfer, result);
		lines_rest(http->lines, line);
		/* Silence on one line: the others may lead nowhere, too, as after a new address of
		 * the uplink. Better new ones now than an opening lost to find out. */
		if (result == CURLE_OPERATION_TIMEDOUT && transfer->request.x.sent &&
			!transfer->request.apart)
			lines_retire(http->lines);
	}
}

static void on_ready(int fd, uint32_t events, void *userdata)
{
	int bits = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
	           (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
	           (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

	http_act(userdata, fd, bits);
}

static void on_worked(void *userdata)
{
	http_settle(userdata);
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
		/* It would repeat the request on a new connection, and may not. */
		{CURLE_ABORTED_BY_CALLBACK, TROUBLE_CLOSED},
		{CURLE_PARTIAL_FILE, TROUBLE_CUT},
		{CURLE_UNSUPPORTED_PROTOCOL, TROUBLE_NOT_HTTP}, /* no header: HTTP/0.9 */
		{CURLE_WEIRD_SERVER_REPLY, TROUBLE_NOT_HTTP},
	};

	for (size_t i = 0; i < ELEMENTS(troubles); i++)
		if (troubles[i].code == code)
			return troubles[i].trouble;
	return TROUBLE_OTHER;
}

/* libcurl's own words may show an address with its query, so they are taken over for TLS only. */
static void transfer_explain(struct transfer *transfer, enum trouble trouble)
{
	const char *detail = curl_easy_strerror(transfer->code);
	char *url = NULL;
	long number = 0;

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
	if (trouble == TROUBLE_CONNECT && number > 0)
		detail = strerror((int)number);
	if (trouble == TROUBLE_TLS && *transfer->error)
		detail = transfer->error;
	exchange_why(&transfer->request.x, trouble, url, detail, transfer->why, WHY_MAX);
}

/* Options that every request has. */
static CURLcode common_options(struct http *http, CURL *easy)
{
	CURLcode code = CURLE_OK;

#define SET(option, value) (code = code ? code : curl_easy_setopt(easy, CURLOPT_##option, value))
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
	/* Debian's libcurl has a folder of certificates built in, and with one it parses all of
	 * them for each connection instead of once. */
	if (http->ca_file || curl_version_info(CURLVERSION_NOW)->cainfo)
		SET(CAPATH, NULL);
	SET(MAXAGE_CONN, (long)LINE_AGE_MAX);
	SET(CONNECTTIMEOUT_MS, msec(http->connect_timeout_usec));
	SET(OPENSOCKETFUNCTION, on_open);
	SET(OPENSOCKETDATA, http);
	SET(CLOSESOCKETFUNCTION, on_close);
	SET(CLOSESOCKETDATA, http);
	SET(PREREQFUNCTION, on_connected);
	SET(HEADERFUNCTION, on_header);
	SET(WRITEFUNCTION, on_answer);
	return code;
}

/* Handles are kept, with the options that all requests share: to make them is a sixth of the work
 * of a request. */
static CURL *easy_take(struct http *http)
{
	CURL *easy;

	if (http->n_spare > 0)
		return http->spare[--http->n_spare];
	easy = curl_easy_init();
	if (easy && common_options(http, easy) != CURLE_OK) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

static struct transfer *transfer_free(struct transfer *transfer)
{
	struct http *http = transfer ? transfer->http : NULL;

	if (!transfer)
		return NULL;
	queue_remove(&transfer->request);
	if (transfer->request.state == REQUEST_RUNNING)
		(void)curl_multi_remove_handle(http->multi, transfer->easy);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, NULL);
	if (transfer->easy && http->n_spare < SPARE_MAX)
		http->spare[http->n_spare++] = transfer->easy;
	else
		curl_easy_cleanup(transfer->easy);
	(void)route_unref(transfer->route);
	exchange_done(&transfer->request.x);
	free(transfer);
	return NULL;
}

DEFINE_CLEANUP(struct transfer *, transfer_free);

static void transfer_tell(struct http_request *request)
{
	struct transfer *transfer = transfer_of(request);
	enum trouble trouble = fold_code(transfer->code);
	struct http_answer answer = {
		.end = exchange_end(&request->x, trouble),
		.body = request->x.answer ? request->x.answer : "",
		.size = request->x.answer_size,
		.why = transfer->why,
	};
	curl_off_t seconds = 0;
	char *type = NULL;

	if (answer.end == HTTP_ANSWERED || answer.end == HTTP_BAD_ANSWER) {
		(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &answer.status);
		(void)curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
		(void)curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &seconds);
	}
	answer.content_type = type;
	answer.retry_after_usec = (uint64_t)MIN(seconds, RETRY_AFTER_MAX) * USEC_PER_SEC;
	if (answer.end != HTTP_ANSWERED)
		transfer_explain(transfer, trouble);
	transfer->done(&answer, transfer->userdata);
	(void)transfer_free(transfer);
}

static void transfer_late(struct http_request *request)
{
	transfer_end(transfer_of(request), CURLE_OPERATION_TIMEDOUT);
}

/* Hands the request to libcurl, which on a warm connection sends it before this returns. */
static int transfer_run(struct http_request *request)
{
	struct transfer *transfer = transfer_of(request);
	struct http *http = transfer->http;
	uint64_t now = clock_boot_usec();
	bool fresh;

	lines_check(http->lines);
	/* The last warm line is for doors. */
	fresh = request->apart || (!request->door && lines_resting(http->lines) <= 1);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, request->apart ? 1L : 0L);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS,
		msec(request->give_up > now ? request->give_up - now : 0));
	if ((!http->multi && multi_new(http) < 0) ||
		curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK)
		return -ENOMEM;
	http_act(http, CURL_SOCKET_TIMEOUT, 0);
	return 0;
}

/* A door that is still making a connection of its own takes one that has come free. Nothing of it has
 * left, and a handshake is two round trips. */
static void doors_move(struct http *http)
{
	struct http_request *request;

	while (lines_resting(http->lines) > 0 && (request = queue_connecting_door(http->queue))) {
		(void)curl_multi_remove_handle(http->multi, transfer_of(request)->easy);
		if (transfer_run(request) < 0)
			transfer_end(transfer_of(request), CURLE_OUT_OF_MEMORY);
	}
}

static void http_settle(struct http *http)
{
	doors_move(http);
	queue_settle(http->queue);
}

static CURLcode call_options(struct transfer *transfer, const struct http_call *call)
{
	CURL *easy = transfer->easy;
	CURLcode code = route_set(transfer->route, easy);

	SET(PRIVATE, transfer);
	SET(ERRORBUFFER, transfer->error);
	SET(PREREQDATA, transfer);
	SET(HEADERDATA, &transfer->request.x);
	SET(WRITEDATA, &transfer->request.x);
	/* Header and body leave together then. Whether they may is asked before, each time that
	 * libcurl would send them: on_connected(). */
	if (call->content_type) {
		SET(POSTFIELDSIZE_LARGE, (curl_off_t)call->size);
		SET(POSTFIELDS, transfer->request.x.body ?: "");
	} else {
		SET(HTTPGET, 1L);
	}
#undef SET
	return code;
}

/* Starts a request; what call points to is copied. *ret is the handle to cancel it by, which is
 * void once done() ran. A request with a body that has left is never sent again, whatever happens.
 * -EINVAL: the address is neither https nor on this machine, no time is given, or the token could
 * not stand in a header. */
int http_start(struct http *http, struct http_request **ret, const struct http_call *call,
	http_done_t done, void *userdata)
{
	_cleanup_(transfer_freep) struct transfer *transfer = NULL;
	int r;

	if (call->timeout_usec == 0)
		return -EINVAL;
	transfer = calloc(1, sizeof(*transfer));
	if (!transfer)
		return -ENOMEM;
	transfer->http = http;
	transfer->done = done;
	transfer->userdata = userdata;
	r = queue_add(http->queue, &transfer->request, call);
	if (r < 0)
		return r;
	r = route_for(&transfer->route, &http->route, call);
	if (r < 0)
		return r;
	transfer->easy = easy_take(http);
	if (!transfer->easy || call_options(transfer, call) != CURLE_OK)
		return -ENOMEM;
	r = queue_start(&transfer->request);
	if (r < 0)
		return r;
	*ret = &TAKE_PTR(transfer)->request;
	return 0;
}

/* Takes NULL; returns NULL. The callback will not run. Also allowed inside the callback. */
struct http_request *http_cancel(struct http_request *request)
{
	struct http *http = request ? transfer_of(request)->http : NULL;

	if (!request || request->state == REQUEST_TOLD)
		return NULL;
	(void)transfer_free(transfer_of(request));
	(void)alarm_wind(http->alarm);
	http_look(http);
	return NULL;
}

/* text percent-encoded, all but letters, digits and -._~; the caller frees it. NULL: no memory. */
char *http_escape(const char *text)
{
	return curl_easy_escape(NULL, text, 0);
}

/* The reverse; NULL also if the text holds a NUL. */
char *http_unescape(const char *text)
{
	int size;
	char *plain = curl_easy_unescape(NULL, text, 0, &size);

	return plain && strlen(plain) != (size_t)size ? secret_free(plain) : plain;
}

/* Keeps at least one connection open for the next opening, by asking for url (GET, no token) whenever
 * none is left; NULL: no more. All requests but those apart are taken to go to one host. */
int http_keep_warm(struct http *http, const char *url)
{
	int r;

	http->warm = warm_free(http->warm);
	r = url ? warm_new(&http->warm, http->event, http, url) : 0;
	if (r >= 0)
		http_look(http);
	return r;
}

/* Open connections that are not in use. */
unsigned http_warm_lines(const struct http *http)
{
	return lines_resting(http->lines);
}

/* Requests are left whose end was not told; those that keep a line warm do not count. */
bool http_busy(const struct http *http)
{
	return queue_next(http->queue, REQUEST_ANY) != NULL;
}

/* The caller ignores SIGPIPE for the whole process. */
int http_new(struct http **ret, sd_event *event, const struct http_settings *settings)
{
	static const struct queue_settings queue = {
		.run = transfer_run, .late = transfer_late, .tell = transfer_tell};
	_cleanup_(http_freep) struct http *http = NULL;
	struct lines_settings lines = {
		.ready = on_ready, .worked = on_worked, .changed = http_look};
	int r;

	http = calloc(1, sizeof(*http));
	if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	http->event = sd_event_ref(event);
	http->connect_timeout_usec = settings->connect_timeout_usec;
	http->lines_max = (long)settings->lines_max;
	if (settings->ca_file && !(http->ca_file = strdup(settings->ca_file)))
		return -ENOMEM;
	lines.userdata = http;
	r = alarm_new(&http->alarm, event, on_alarm, http);
	if (r >= 0)
		r = lines_new(&http->lines, event, &lines);
	if (r >= 0)
		r = queue_new(&http->queue, event, &queue);
	if (r >= 0)
		r = multi_new(http);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(http);
	return 0;
}

/* Takes NULL, returns NULL. Requests that are left are cancelled; their handles are void. */
struct http *http_free(struct http *http)
{
	struct http_request *request;

	if (!http)
		return NULL;
	http->warm = warm_free(http->warm);
	while (http->queue && (request = queue_next(http->queue, REQUEST_ANY)))
		(void)transfer_free(transfer_of(request));
	while (http->n_spare > 0)
		curl_easy_cleanup(http->spare[--http->n_spare]);
	multi_free(http);
	(void)route_unref(http->route);
	(void)queue_free(http->queue);
	(void)lines_free(http->lines);
	(void)alarm_free(http->alarm);
	sd_event_unref(http->event);
	free(http->ca_file);
	free(http);
	curl_global_cleanup();
	return NULL;
}
