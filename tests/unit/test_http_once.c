#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloud/exchange.h"
#include "tests/unit/http_fixture.h"

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
	/* The time-out, which is longer, has no part in it. */
	assert_true(told.when - began < 10 * USEC_PER_SEC);
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
	const struct http_call call = {.content_type = "text/plain", .body = "OPEN", .size = 4};
	struct exchange x;

	assert_int_equal(exchange_init(&x, &call), 0);
	x.send_before = clock_boot_usec();
	assert_false(exchange_may_leave(&x));
	assert_false(x.sent);
	assert_int_equal(exchange_end(&x, TROUBLE_OTHER), HTTP_EXPIRED);
	/* Even if the clock were set back. */
	x.send_before += WAIT_MAX;
	assert_false(exchange_may_leave(&x));
	exchange_done(&x);

	assert_int_equal(exchange_init(&x, &call), 0);
	x.send_before = clock_boot_usec() + WAIT_MAX;
	assert_int_equal(exchange_end(&x, TROUBLE_CLOSED), HTTP_NOT_SENT);
	assert_true(exchange_may_leave(&x));
	assert_true(x.sent);
	assert_int_equal(exchange_end(&x, TROUBLE_CLOSED), HTTP_NO_ANSWER);
	/* On another connection it may not leave once more. */
	assert_false(exchange_may_leave(&x));
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

static void test_no_answer(void **state)
{
	struct fixture *f = *state;
	struct http_call call = door(f), poll = get(f);
	struct told told, polled;

	warm_up(f, 3);
	f->manner = CUTS;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	f->manner = HANGS;
	call.timeout_usec = poll.timeout_usec = SENT_BY;
	(void)start(f, &poll, &polled);
	(void)start(f, &call, &told);
	RUN_UNTIL(f, told.times == 1 && polled.times == 1);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	assert_non_null(strstr(told.why, "did not answer in time"));
	assert_int_equal(polled.end, HTTP_NO_ANSWER);
	assert_int_equal(tiny_server_bodies(f->server), 5);
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

/* Memory is out, also for a new beginning, and libcurl's last alarm rings meanwhile. */
static void test_rebuild_later(void **state)
{
	struct fixture *f = *state;
	struct http_call call = get(f), open = door(f);
	struct told hanging, poll, told;
	struct http_request *request;

	warm_up(f, 1);
	f->manner = HANGS;
	open.timeout_usec = 20 * MSEC;
	(void)start(f, &open, &hanging);
	no_memory = true;
	(void)start(f, &call, &poll);
	RUN_UNTIL(f, hanging.times == 1 && poll.times == 1);
	run_for(f, 40 * MSEC);
	assert_int_equal(http_start(f->http, &request, &call, on_told, &told), -ENOMEM);
	no_memory = false;
	f->manner = ANSWERS;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_ANSWERED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(test_swallowed),
		TLS(test_swallowed),
		PLAIN(test_swallowed_died),
		TLS(test_swallowed_died),
		PLAIN(test_bitten),
		TLS(test_bitten),
		PLAIN(test_swallowed_fresh),
		TLS(test_swallowed_fresh),
		PLAIN(test_expired_at_once),
		TLS(test_expired_connecting),
		TLS(test_expired_connected),
		cmocka_unit_test(test_exchange),
		PLAIN(test_expired_waiting),
		PLAIN(test_no_answer),
		TLS(test_no_answer),
		PLAIN(test_cancel),
		TLS(test_cancel),
		PLAIN(test_inside_callback),
		PLAIN(test_rebuild),
		TLS(test_rebuild),
		PLAIN(test_rebuild_later),
	};

	fixture_begin();
	return cmocka_run_group_tests_name("http_once", tests, NULL, NULL);
}
