#include "tests/unit/cmocka-all.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cloud/line.h"
#include "tests/unit/http_fixture.h"

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
		assert_true(sd_event_run(f->event, WAIT_MAX) > 0);
	RUN_UNTIL(f, told.times == 1);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(tiny_server_lines(f->server), 1);
	assert_int_equal(http_warm_lines(f->http), 1);
}

/* The far end said good-bye on the idle line; the loop had no time to see it yet. */
static void test_closed_unseen(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;
	int first, second;

	warm_up(f, 2);
	first = our_end(f, 0);
	second = our_end(f, 1);
	if (tiny_server_ca(f->server)) {
		/* A close_notify waits in one socket, which stays open. */
		tiny_close_notify(tiny_server_line(f->server, 0));
		tiny_close(tiny_server_line(f->server, 1));
	} else {
		tiny_server_close_all(f->server);
	}
	await_arrival(first);
	await_arrival(second);
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
	int dead;

	warm_up(f, 2);
	dead = our_end(f, 0);
	if (tiny_server_ca(f->server))
		tiny_close_notify(tiny_server_line(f->server, 0));
	else
		tiny_close(tiny_server_line(f->server, 0));
	await_arrival(dead);
	(void)start(f, &call, &poll);
	assert_int_equal(http_warm_lines(f->http), 1);
	RUN_UNTIL(f, poll.times == 1);
	assert_int_equal(tiny_server_lines(f->server), 3);
}

static void on_told_in_turn(const struct http_answer *answer, void *userdata)
{
	static unsigned turn_of_all;

	*(unsigned *)userdata = ++turn_of_all;
}

/* What is ready at once is told at once, but not in the order of arrival. */
static void test_door_is_told_first(void **state)
{
	struct fixture *f = *state;
	struct http_call call = get(f), opening = door(f);
	struct http_request *request;
	unsigned told[3] = {0};

	warm_up(f, 3);
	f->manner = HANGS;
	assert_int_equal(http_start(f->http, &request, &call, on_told_in_turn, &told[0]), 0);
	assert_int_equal(http_start(f->http, &request, &call, on_told_in_turn, &told[1]), 0);
	assert_int_equal(http_start(f->http, &request, &opening, on_told_in_turn, &told[2]), 0);
	RUN_UNTIL(f, tiny_server_requests(f->server) == 6);
	for (unsigned i = 0; i < 3; i++)
		tiny_answer(tiny_server_line(f->server, i), 200, "", "{}");
	for (unsigned i = 0; i < 3; i++)
		await_arrival(our_end(f, i));
	RUN_UNTIL(f, told[0] && told[1] && told[2]);
	assert_true(told[2] < told[0]);
	assert_true(told[0] < told[1]);
}

/* The one connection is busy, and is answered while call still shakes hands on another. */
static void ask_while_busy(struct fixture *f, struct http_call call)
{
	unsigned before = tiny_server_requests(f->server);
	struct http_call open = door(f);
	struct told busy, told;

	f->manner = HANGS;
	(void)start(f, &open, &busy);
	RUN_UNTIL(f, tiny_server_requests(f->server) == before + 1);
	(void)start(f, &call, &told);
	tiny_answer(tiny_server_line(f->server, 0), 200, "", "{}");
	await_arrival(our_end(f, 0));
	f->manner = ANSWERS;
	RUN_UNTIL(f, busy.times == 1 && told.times == 1);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(tiny_server_bodies(f->server), before + 2);
}

static void test_door_moves(void **state)
{
	struct fixture *f = *state;

	warm_up(f, 1);
	ask_while_busy(f, door(f));
	assert_int_equal(http_warm_lines(f->http), 1);
	/* What is no door goes on where it began. */
	ask_while_busy(f, post(f));
	assert_int_equal(http_warm_lines(f->http), 2);
}

static void on_line_ready(int fd, uint32_t events, void *userdata)
{
	fail();
}

static void on_lines_worked(void *userdata)
{
}

static void on_lines_changed(void *userdata)
{
	++*(unsigned *)userdata;
}

/* What was not delivered dies with the socket, and soon where the far end is silent. */
static void expect_no_late_delivery(int fd)
{
	struct linger linger = {0};
	socklen_t size = sizeof(linger);
	unsigned msec = 0;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
	assert_int_equal(linger.l_onoff, 1);
	assert_int_equal(linger.l_linger, 0);
	size = sizeof(msec);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &msec, &size), 0);
	assert_in_range(msec, 1, 5000);
}

/* A retired line looks dead to every check, whatever was left in it. */
static void test_retired(void **state)
{
	struct fixture *f = *state;
	unsigned changes = 0;
	struct lines_settings settings = {.ready = on_line_ready,
		.worked = on_lines_worked,
		.changed = on_lines_changed,
		.userdata = &changes};
	_cleanup_(lines_freep) struct lines *lines = NULL;
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd;
	char byte;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(strrchr(tiny_server_url(f->server), ':') + 1));
	assert_int_equal(lines_new(&lines, f->event, &settings), 0);
	fd = lines_open(lines, AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	expect_no_late_delivery(fd);
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
	await_arrival(fd);
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
	struct lines_settings settings = {.ready = on_line_ready,
		.worked = on_lines_worked,
		.changed = on_lines_changed,
		.userdata = &changes};
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

/* Silence on one line makes the others suspect. */
static void test_silence(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f);
	struct told told;

	warm_up(f, 3);
	f->manner = HANGS;
	call.timeout_usec = SENT_BY;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	assert_int_equal(http_warm_lines(f->http), 0);
	f->manner = ANSWERS;
	ask(f, door(f), &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
	assert_int_equal(tiny_server_lines(f->server), 4);
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

/* libcurl may come to the end of an answer before the loop hands it the news of that line. They are
 * no good-bye then. */
static void test_ended_before_its_turn(void **state)
{
	struct fixture *f = *state;
	struct http_call open = door(f);
	struct told told[2];

	warm_up(f, 2);
	f->manner = HANGS;
	for (unsigned i = 0; i < 2; i++)
		(void)start(f, &open, &told[i]);
	RUN_UNTIL(f, tiny_server_requests(f->server) == 4);
	for (unsigned i = 0; i < 2; i++)
		tiny_answer(tiny_server_line(f->server, i), 200, "", "{}");
	for (unsigned i = 0; i < 2; i++)
		await_arrival(together[i] = our_end(f, i));
	RUN_UNTIL(f, told[0].times + told[1].times == 2);
	run_for(f, 0);
	assert_int_equal(http_warm_lines(f->http), 2);
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
	tiny_server_mute(f->server, true);
	(void)start(f, &call, &poll[0]);
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
	uint64_t before = clock_boot_usec();
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
		uint64_t now = clock_boot_usec();

		tiny_server_close_all(f->server);
		RUN_UNTIL(f, tiny_server_lines(f->server) == i && http_warm_lines(f->http) == 1);
		assert_true(last_warm_due >= before + 5 * USEC_PER_SEC);
		assert_true(last_warm_wait <= 5 * USEC_PER_SEC);
		before = now;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(test_warm),
		TLS(test_warm),
		PLAIN(test_closed_unseen),
		TLS(test_closed_unseen),
		PLAIN(test_closed_seen),
		TLS(test_closed_seen),
		PLAIN(test_last_line_is_for_doors),
		TLS(test_last_line_is_for_doors),
		PLAIN(test_last_line_that_lives),
		PLAIN(test_door_is_told_first),
		TLS(test_last_line_that_lives),
		PLAIN(test_retired),
		PLAIN(test_closed_without_a_word),
		PLAIN(test_silence),
		TLS(test_silence),
		PLAIN(test_many),
		TLS(test_many),
		PLAIN(test_bursts),
		TLS(test_bursts),
		TLS(test_door_moves),
		PLAIN(test_ended_before_its_turn),
		TLS(test_ended_before_its_turn),
		PLAIN(test_first_connection),
		TLS(test_first_connection),
		TLS(test_first_connection_fails),
		PLAIN(test_keep_warm),
		TLS(test_keep_warm),
		PLAIN(test_keep_warm_in_vain),
		PLAIN(test_keep_warm_unreachable),
	};

	fixture_begin();
	return cmocka_run_group_tests_name("http_line", tests, NULL, NULL);
}
