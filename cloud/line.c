#include "cloud/line.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define LOG_TOKEN "http"
#include "util/log.h"

/* A line whose far end went away without a word (a new address after a dropped uplink) is found
 * out by the kernel after 30 + 10 seconds of silence. */
#define KEEPALIVE_IDLE_SEC     30
#define KEEPALIVE_INTERVAL_SEC 10

/* The kernel tries no longer to deliver what left: an opening must not arrive when the network is
 * back, long after it was wanted. */
#define DELIVERY_MSEC 5000

/* The lines to look at in one call; there are seldom more. */
#define LOOK_AT_ONCE 16

struct line {
	LIST_ENTRY(line) list;
	struct lines *lines;
	int fd;
	bool ours;    /* a connection; else a descriptor that the library uses inside */
	bool watched; /* the library waits for it */
	bool heard;   /* is in lines->epoll */
	uint32_t events;
	bool resting;
	bool proven;    /* has rested before */
	unsigned since; /* the look at which it began, or began to rest */
};

/* All lines are behind one descriptor of the event loop: what is ready at once is worked off at once. */
struct lines {
	LIST_HEAD(, line) list;
	struct lines_settings settings;
	int epoll;
	sd_event_source *io;
	unsigned n_looks;
	unsigned n_resting;
};

static struct line *line_find(struct lines *lines, int fd)
{
	struct line *line;

	LIST_FOREACH (line, &lines->list, list)
		if (line->fd == fd)
			return line;
	return NULL;
}

static struct line *line_add(struct lines *lines, int fd, bool ours)
{
	struct line *line = calloc(1, sizeof(*line));

	if (!line)
		return NULL;
	line->lines = lines;
	line->fd = fd;
	line->ours = ours;
	line->since = lines->n_looks;
	LIST_INSERT_HEAD(&lines->list, line, list);
	return line;
}

static void line_set_resting(struct line *line, bool resting)
{
	struct lines *lines = line->lines;

	if (line->resting == resting)
		return;
	line->resting = resting;
	line->proven = true;
	line->since = lines->n_looks;
	if (resting)
		lines->n_resting++;
	else
		lines->n_resting--;
	lines->settings.changed(lines->settings.userdata);
}

static void line_ignore(struct line *line)
{
	if (line->heard)
		(void)epoll_ctl(line->lines->epoll, EPOLL_CTL_DEL, line->fd, NULL);
	line->heard = false;
}

static int line_listen(struct line *line, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = line->fd};
	int how = line->heard ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (line->heard && line->events == events)
		return 0;
	if (epoll_ctl(line->lines->epoll, how, line->fd, &event) < 0)
		return -errno;
	line->heard = true;
	line->events = events;
	return 0;
}

static void line_drop(struct line *line)
{
	LIST_REMOVE(line, list);
	line_ignore(line);
	line_set_resting(line, false);
	free(line);
}

/* libcurl 7.88 takes a TLS line for alive as long as a byte waits in its socket, and a close_notify
 * is such a byte: it would send the next request into the void. Emptied and shut down, the socket
 * shows every check that it is dead. Shut down first, so that nothing more comes in. */
static void line_retire(struct line *line)
{
	char scratch[4096];

	log_debug("the idle connection %d is given up", line->fd);
	(void)shutdown(line->fd, SHUT_RDWR);
	while (recv(line->fd, scratch, sizeof(scratch), MSG_DONTWAIT) > 0)
		;
	line_set_resting(line, false);
}

static void line_ready(struct line *line, uint32_t events)
{
	const struct lines_settings *settings = &line->lines->settings;

	if (line->watched) {
		settings->ready(line->fd, events, settings->userdata);
		return;
	}
	/* Between two requests an HTTP/1.1 server has nothing to say but good-bye. */
	if (line->resting)
		line_retire(line);
	line_ignore(line);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct lines *lines = userdata;
	struct epoll_event ready[LOOK_AT_ONCE];
	int n = epoll_wait(fd, ready, LOOK_AT_ONCE, 0);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	lines->n_looks++;
	for (int i = 0; i < n; i++) {
		struct line *line = line_find(lines, ready[i].data.fd);

		/* Work on one before it may have closed it, or ended its transfer: what was ready
		 * then is no good-bye of a line at rest. What is left shows at the next look. */
		if (line && line->heard && line->since != lines->n_looks)
			line_ready(line, ready[i].events);
	}
	lines->settings.worked(lines->settings.userdata);
	return 0;
}

int lines_new(struct lines **ret, sd_event *event, const struct lines_settings *settings)
{
	_cleanup_(lines_freep) struct lines *lines = calloc(1, sizeof(*lines));
	int r;

	if (!lines)
		return -ENOMEM;
	lines->settings = *settings;
	lines->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (lines->epoll < 0)
		return -errno;
	r = sd_event_add_io(event, &lines->io, lines->epoll, EPOLLIN, on_io, lines);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(lines->io, "lines");
	*ret = TAKE_PTR(lines);
	return 0;
}

/* Forgets every line. The sockets belong to the library, which must have closed them before. */
struct lines *lines_free(struct lines *lines)
{
	if (!lines)
		return NULL;
	lines_forget(lines);
	(void)sd_event_source_disable_unref(lines->io);
	closep(&lines->epoll);
	free(lines);
	return NULL;
}

/* For after the library was torn down: what it never closed by lines_close() is gone, too. */
void lines_forget(struct lines *lines)
{
	while (!LIST_EMPTY(&lines->list))
		line_drop(LIST_FIRST(&lines->list));
}

/* Makes the socket of a new connection and returns it; close it by lines_close(). */
int lines_open(struct lines *lines, int family, int type, int protocol)
{
	static const struct {
		int option, value;
	} options[] = {
		{TCP_KEEPIDLE, KEEPALIVE_IDLE_SEC},
		{TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SEC},
		{TCP_USER_TIMEOUT, DELIVERY_MSEC},
	};
	/* For the same reason a closed socket, also that of a process that was killed, forgets what
	 * was not delivered. */
	const struct linger forget = {.l_onoff = 1};
	int fd = socket(family, type | SOCK_CLOEXEC, protocol), on = 1;
	struct line *gone;

	if (fd < 0)
		return -errno;
	/* Its number comes back: closed without lines_close(). */
	gone = line_find(lines, fd);
	if (gone)
		line_drop(gone);
	if (!line_add(lines, fd, true)) {
		(void)close(fd);
		return -ENOMEM;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &forget, sizeof(forget)) < 0) {
		int r = -errno;

		lines_close(lines, fd);
		return r;
	}
	/* Without keep-alive the line works as well, only its death is noticed later. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	for (size_t i = 0; i < ELEMENTS(options); i++)
		(void)setsockopt(fd, IPPROTO_TCP, options[i].option, &options[i].value,
			sizeof(options[i].value));
	return fd;
}

void lines_close(struct lines *lines, int fd)
{
	struct line *line = line_find(lines, fd);

	/* Out of the event loop first: a closed descriptor cannot be taken out any more. */
	if (line)
		line_drop(line);
	(void)close(fd);
}

static void line_unwatch(struct line *line)
{
	line->watched = false;
	if (!line->ours)
		line_drop(line);
	else if (!line->proven)
		/* libcurl 7.88 closes a socket on which it gave up connecting without a word, and
		 * the next owner of its number is another. */
		line_ignore(line);
	/* Else it stays in epoll as it is: the same events are most often asked for soon. */
}

/* Waits for events (EPOLLIN, EPOLLOUT) on behalf of the library; 0: no longer. fd may also be a
 * descriptor that did not come from lines_open(), which is forgotten with its last event. */
int lines_watch(struct lines *lines, int fd, uint32_t events)
{
	struct line *line = line_find(lines, fd);

	if (!events && line)
		line_unwatch(line);
	if (!events)
		return 0;
	if (!line)
		line = line_add(lines, fd, false);
	if (!line)
		return -ENOMEM;
	line->watched = true;
	line_set_resting(line, false);
	return line_listen(line, events);
}

/* The transfer on fd ended and the line is kept: from now on it is watched for its end. */
void lines_rest(struct lines *lines, int fd)
{
	struct line *line = line_find(lines, fd);

	if (!line || line->watched || line->resting)
		return;
	if (line_listen(line, EPOLLIN) >= 0)
		line_set_resting(line, true);
}

struct look {
	struct line *lines[LOOK_AT_ONCE];
	struct pollfd fds[LOOK_AT_ONCE];
	size_t n;
};

/* Retires those that have ended; all of them, if they cannot be looked at. */
static void look(struct look *look)
{
	int r = look->n > 0 ? poll(look->fds, look->n, 0) : 0;

	for (size_t i = 0; r != 0 && i < look->n; i++)
		if (r < 0 || look->fds[i].revents)
			line_retire(look->lines[i]);
	look->n = 0;
}

/* Looks at each resting line now, before the event loop gets to it, and retires the dead. */
void lines_check(struct lines *lines)
{
	struct look at = {.n = 0};
	struct line *line;

	LIST_FOREACH (line, &lines->list, list) {
		if (!line->resting)
			continue;
		at.lines[at.n] = line;
		at.fds[at.n++] = (struct pollfd){.fd = line->fd, .events = POLLIN | POLLRDHUP};
		if (at.n == LOOK_AT_ONCE)
			look(&at);
	}
	look(&at);
}

/* Retires every resting line. */
void lines_retire(struct lines *lines)
{
	struct line *line;

	LIST_FOREACH (line, &lines->list, list)
		if (line->resting)
			line_retire(line);
}

unsigned lines_resting(const struct lines *lines)
{
	return lines->n_resting;
}
