#include "tests/sim/http.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/sim/must.h"
#include "util/cleanup.h"

/* A body that goes on after this many bytes is cut off; up to here it is read and refused. */
#define BODY_DRAIN_MAX (1024 * 1024)

/* How often a waiting thread looks whether it may go on. */
#define WAIT_STEP_MSEC 10

enum line_phase {
	LINE_IDLE,
	LINE_WORKING,   /* a request comes in or is thought about */
	LINE_ANSWERING, /* the client may have the whole answer already */
};

/* One TCP connection. */
struct line {
	struct line *next, *previous;
	int fd;
	enum line_phase phase;
	bool close_soon; /* once the answer is out */
};

struct http {
	struct MHD_Daemon *daemon;
	struct http_settings settings;
	char *url;
	pthread_mutex_t lock;
	struct line lines; /* head of the ring of connections */
	uint64_t accepted;
	unsigned open;
	atomic_bool stopping;
};

/* One request on its way in, and what is needed until its answer is out. */
struct exchange {
	char *body;
	size_t size, room, seen;
};

/* What a reader callback sends piece by piece. */
struct stream {
	struct http *http;
	char *body;
	size_t size, end;
	unsigned slow_msec;
	bool endless;
};

static struct line *line_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
	        ->socket_context;
}

static void set_phase(
	struct http *h, struct MHD_Connection *connection, enum line_phase phase, bool close_soon)
{
	struct line *line = line_of(connection);

	(void)pthread_mutex_lock(&h->lock);
	line->phase = phase;
	line->close_soon = close_soon;
	(void)pthread_mutex_unlock(&h->lock);
}

/* The library takes the end of input for the client's leave, so it closes in good order: with
 * close_notify under TLS, as a load balancer does. It owns the socket, we must not close it. */
static void hang_up(int fd)
{
	(void)shutdown(fd, SHUT_RD);
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	struct http *h = userdata;
	struct line *line;
	int one = 1;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		line = must(calloc(1, sizeof(*line)));
		line->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
		                   ->connect_fd;
		(void)setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		(void)pthread_mutex_lock(&h->lock);
		line->next = h->lines.next;
		line->previous = &h->lines;
		line->next->previous = line->previous->next = line;
		h->accepted++;
		h->open++;
		(void)pthread_mutex_unlock(&h->lock);
		*context = line;
		return;
	}
	line = *context;
	(void)pthread_mutex_lock(&h->lock);
	line->next->previous = line->previous;
	line->previous->next = line->next;
	h->open--;
	(void)pthread_mutex_unlock(&h->lock);
	free(line);
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode why)
{
	struct http *h = userdata;
	struct exchange *x = *context;
	struct line *line = line_of(connection);

	if (!x)
		return;
	*context = NULL;
	(void)pthread_mutex_lock(&h->lock);
	if (line->close_soon)
		hang_up(line->fd);
	line->phase = LINE_IDLE;
	(void)pthread_mutex_unlock(&h->lock);
	free(x->body);
	free(x);
}

static bool is_stopping(void *userdata)
{
	const struct http *h = userdata;

	return atomic_load(&h->stopping);
}

/* Waits msec milliseconds, or until the listener stops. */
static void pause_for(struct http *h, unsigned msec)
{
	while (msec > 0 && !is_stopping(h)) {
		unsigned step = msec < WAIT_STEP_MSEC ? msec : WAIT_STEP_MSEC;
		const struct timespec wait = {.tv_nsec = (long)step * 1000000};

		(void)nanosleep(&wait, NULL);
		msec -= step;
	}
}

static ssize_t read_stream(void *userdata, uint64_t at, char *buffer, size_t room)
{
	struct stream *s = userdata;
	size_t left = at < s->end ? s->end - at : 0, count = left < room ? left : room;

	if (is_stopping(s->http) || (count == 0 && !s->endless))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (s->slow_msec) {
		pause_for(s->http, s->slow_msec);
		count = 1;
	}
	if (left > 0)
		memcpy(buffer, s->body + at, count);
	else
		*buffer = ' ';
	return (ssize_t)count;
}

static void free_stream(void *userdata)
{
	struct stream *s = userdata;

	free(s->body);
	free(s);
}

static struct MHD_Response *make_response(struct http *h, struct answer *a)
{
	bool slow = a->delivery == DELIVER_SLOWLY || a->delivery == DELIVER_ENDLESSLY;
	struct stream *s;

	if (!slow && a->delivery != DELIVER_TRUNCATED)
		return MHD_create_response_from_buffer(a->size, a->body, MHD_RESPMEM_MUST_FREE);
	s = must(calloc(1, sizeof(*s)));
	s->http = h;
	s->body = a->body;
	s->size = a->size;
	s->end = a->delivery == DELIVER_TRUNCATED ? a->size / 2 : a->size;
	s->slow_msec = slow ? a->slow_msec : 0;
	s->endless = a->delivery == DELIVER_ENDLESSLY;
	return MHD_create_response_from_callback(s->endless ? MHD_SIZE_UNKNOWN : s->size,
		slow ? 1 : 4096, read_stream, s, free_stream);
}

/* The head of an answer that never ends, a byte each msec milliseconds, until the client leaves or
 * the listener stops. The library sends heads whole only, so these bytes go past it. */
static void send_head(struct http *h, int fd, unsigned msec)
{
	static const char start[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
	static const char more[] = "X-More: and so on\r\n";
	size_t n = sizeof(start) - 1;

	for (const char *from = start; !is_stopping(h); from = more, n = sizeof(more) - 1)
		for (size_t i = 0; i < n; i++) {
			if (send(fd, from + i, 1, MSG_NOSIGNAL) != 1)
				return;
			pause_for(h, msec);
		}
}

static enum MHD_Result send_answer(
	struct http *h, struct MHD_Connection *connection, struct answer *a)
{
	struct MHD_Response *response;
	enum MHD_Result r;
	char number[16];

	if (a->delivery == DELIVER_HEAD_ONLY && !h->settings.cert)
		send_head(h, line_of(connection)->fd, a->slow_msec);
	if (a->delivery == DELIVER_NOTHING || a->delivery == DELIVER_HEAD_ONLY) {
		free(a->body);
		free(a->location);
		return MHD_NO;
	}
	response = must(make_response(h, a));
	if (a->type)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	if (a->location)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, a->location);
	if (a->retry_after) {
		(void)snprintf(number, sizeof(number), "%u", a->retry_after);
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, number);
	}
	set_phase(h, connection, LINE_ANSWERING, a->delivery == DELIVER_AND_CLOSE);
	r = MHD_queue_response(connection, a->status, response);
	MHD_destroy_response(response);
	free(a->location);
	return r;
}

static void take_body(struct exchange *x, const char *data, size_t size)
{
	x->seen += size;
	if (x->seen > HTTP_BODY_MAX)
		return;
	if (x->size + size + 1 > x->room) {
		x->room = (x->size + size + 1) * 2;
		x->body = must(realloc(x->body, x->room));
	}
	memcpy(x->body + x->size, data, size);
	x->size += size;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version, const char *data, size_t *size,
	void **context)
{
	struct http *h = userdata;
	struct exchange *x = *context;
	struct answer answer = {0};

	if (!x) {
		x = *context = must(calloc(1, sizeof(*x)));
		x->room = 512;
		x->body = must(malloc(x->room));
		set_phase(h, connection, LINE_WORKING, false);
		return MHD_YES;
	}
	if (*size > 0) {
		take_body(x, data, *size);
		*size = 0;
		return x->seen > BODY_DRAIN_MAX ? MHD_NO : MHD_YES;
	}
	x->body[x->size] = '\0';
	if (x->seen > HTTP_BODY_MAX) {
		answer.status = MHD_HTTP_CONTENT_TOO_LARGE;
	} else {
		struct request request = {
			.connection = connection,
			.method = method,
			.path = path,
			.body = x->body,
			.size = x->size,
			.fd = line_of(connection)->fd,
		};

		h->settings.serve(h->settings.userdata, &request, &answer);
	}
	return send_answer(h, connection, &answer);
}

static enum MHD_Result on_accept(void *userdata, const struct sockaddr *address, socklen_t size)
{
	struct http *h = userdata;

	return !h->settings.admit || h->settings.admit(h->settings.userdata) ? MHD_YES : MHD_NO;
}

static bool is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;

	return address->sa_family == AF_INET ? ntohl(in->sin_addr.s_addr) >> 24 == 127
	                                     : IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static int resolve(
	const char *listen, struct sockaddr_storage *ret, socklen_t *ret_size, char **ret_host)
{
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	const char *colon = strrchr(listen, ':');
	_cleanup_free_ char *host = NULL;
	char *bare;

	if (!colon || colon == listen)
		return -EINVAL;
	host = must(strndup(listen, (size_t)(colon - listen)));
	bare = host;
	if (*host == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		bare = host + 1;
	}
	if (getaddrinfo(bare, colon + 1, &hints, &found) != 0)
		return -EINVAL;
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	*ret_size = found->ai_addrlen;
	freeaddrinfo(found);
	*ret_host = must(strndup(listen, (size_t)(colon - listen)));
	return 0;
}

static int start(struct http *h, struct sockaddr *address)
{
	unsigned flags =
		MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, h->settings.cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, h->settings.key},
		{MHD_OPTION_END, 0, NULL},
	};

	if (h->settings.cert)
		flags |= MHD_USE_TLS;
	else
		tls[0] = tls[2];
	if (address->sa_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	h->daemon = MHD_start_daemon(flags, 0, on_accept, h, on_request, h, MHD_OPTION_SOCK_ADDR,
		address, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_ARRAY,
		tls, MHD_OPTION_END);
	return h->daemon ? 0 : -errno;
}

/* Starts to listen. -EINVAL or the errno of the socket, *ret_why then says for people what was
 * wrong. What settings points to must outlive the listener. */
int http_new(struct http **ret, const struct http_settings *settings, const char **ret_why)
{
	struct http *h = must(calloc(1, sizeof(*h)));
	_cleanup_free_ char *host = NULL;
	struct sockaddr_storage address;
	socklen_t size;
	int r;

	h->settings = *settings;
	h->lines.next = h->lines.previous = &h->lines;
	(void)pthread_mutex_init(&h->lock, NULL);
	r = resolve(settings->listen, &address, &size, &host);
	if (r < 0) {
		*ret_why = "not an ADDRESS:PORT";
	} else if (settings->loopback_only && !is_loopback((struct sockaddr *)&address)) {
		*ret_why = "not a loopback address";
		r = -EINVAL;
	} else {
		r = start(h, (struct sockaddr *)&address);
		*ret_why = settings->cert ? "cannot listen, or the certificate does not fit the key"
		                          : "cannot listen";
	}
	if (r < 0) {
		(void)http_free(h);
		return r;
	}
	if (asprintf(&h->url, "%s://%s:%u", settings->cert ? "https" : "http",
		    settings->cert ? "localhost" : host,
		    MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT)->port) < 0)
		abort();
	*ret = h;
	return 0;
}

/* Ends the slow answers and all connections, and waits for their threads; what hangs in
 * http_wait() wakes. Takes NULL, and may be called again. */
void http_stop(struct http *h)
{
	if (!h)
		return;
	atomic_store(&h->stopping, true);
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	h->daemon = NULL;
}

struct http *http_free(struct http *h)
{
	if (!h)
		return NULL;
	http_stop(h);
	(void)pthread_mutex_destroy(&h->lock);
	free(h->url);
	free(h);
	return NULL;
}

/* Where it listens, as a URL without a path. */
const char *http_url(const struct http *h)
{
	return h->url;
}

/* Closes the connections on which no request is under way. A client that has just got its answer
 * may be here before the library knows that all is sent: that line closes right behind it. */
void http_close_idle(struct http *h, unsigned *ret_closed)
{
	unsigned closed = 0;

	(void)pthread_mutex_lock(&h->lock);
	for (struct line *line = h->lines.next; line != &h->lines; line = line->next) {
		if (line->phase == LINE_WORKING)
			continue;
		if (line->phase == LINE_IDLE)
			hang_up(line->fd);
		line->close_soon = true;
		closed++;
	}
	(void)pthread_mutex_unlock(&h->lock);
	*ret_closed = closed;
}

void http_connections(struct http *h, uint64_t *ret_accepted, unsigned *ret_open)
{
	(void)pthread_mutex_lock(&h->lock);
	*ret_accepted = h->accepted;
	*ret_open = h->open;
	(void)pthread_mutex_unlock(&h->lock);
}

/* The header's value, borrowed, or NULL. */
const char *http_header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* Waits msec milliseconds (UINT_MAX: without end), or until wake says so, or until the client
 * leaves or the listener stops. */
void http_wait(const struct request *request, unsigned msec, bool (*wake)(void *), void *userdata)
{
	while (msec > 0 && !wake(userdata)) {
		unsigned step = msec < WAIT_STEP_MSEC ? msec : WAIT_STEP_MSEC;
		struct pollfd p = {.fd = request->fd, .events = POLLRDHUP};

		if (poll(&p, 1, (int)step) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR))
			return;
		if (msec != UINT_MAX)
			msec -= step;
	}
}
