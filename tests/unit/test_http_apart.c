#include "tests/unit/cmocka-all.h"

#include <string.h>

#include "tests/unit/http_fixture.h"

static struct http_call apart(struct fixture *f)
{
	struct http_call call = get(f);

	call.apart = true;
	call.accept = "image/jpeg";
	return call;
}

static void line_of_its_own(struct fixture *f, unsigned warm)
{
	struct told told;

	warm_up(f, warm);
	for (unsigned i = 1; i <= 3; i++) {
		ask(f, apart(f), &told);
		assert_int_equal(told.end, HTTP_ANSWERED);
		assert_non_null(strstr(f->head, "\r\nAccept: image/jpeg\r\n"));
		assert_int_equal(tiny_server_lines(f->server), warm + i);
		assert_int_equal(http_warm_lines(f->http), warm);
		RUN_UNTIL(f, tiny_server_live(f->server) == warm);
	}
	ask(f, door(f), &told);
	assert_int_equal(tiny_server_lines(f->server), warm + 3);
}

static void test_line_of_its_own(void **state)
{
	line_of_its_own(*state, 2);
}

/* As many rest as are kept. */
static void test_no_line_left(void **state)
{
	line_of_its_own(*state, 8);
}

/* Its host says nothing about the cloud's. */
static void test_silence(void **state)
{
	struct fixture *f = *state;
	struct http_call call = apart(f);
	struct told told;

	warm_up(f, 3);
	f->manner = HANGS;
	call.timeout_usec = CONNECTED_BY;
	ask(f, call, &told);
	assert_int_equal(told.end, HTTP_NO_ANSWER);
	assert_int_equal(http_warm_lines(f->http), 3);
	RUN_UNTIL(f, tiny_server_live(f->server) == 3);
}

/* It has no part in who makes the first connection: nobody waits for it, and it waits for nobody. */
static void test_first_connection(void **state)
{
	struct fixture *f = *state;
	struct http_call call = get(f), other = apart(f);
	struct told told[4];

	tiny_server_mute(f->server, true);
	(void)start(f, &other, &told[0]);
	RUN_UNTIL(f, tiny_server_lines(f->server) == 1);
	(void)start(f, &call, &told[1]);
	RUN_UNTIL(f, tiny_server_lines(f->server) == 2);
	(void)start(f, &other, &told[2]);
	RUN_UNTIL(f, tiny_server_lines(f->server) == 3);
	/* Only this one has somebody to wait for. */
	(void)start(f, &call, &told[3]);
	run_for(f, 30 * MSEC);
	assert_int_equal(tiny_server_lines(f->server), 3);
}

/* And that it has a connection does not mean that there is one for others to share. */
static void test_connected(void **state)
{
	struct fixture *f = *state;
	struct http_call call = get(f);
	struct told told[3];

	ask(f, apart(f), &told[0]);
	assert_int_equal(told[0].end, HTTP_ANSWERED);
	tiny_server_mute(f->server, true);
	(void)start(f, &call, &told[1]);
	(void)start(f, &call, &told[2]);
	RUN_UNTIL(f, tiny_server_lines(f->server) == 2);
	run_for(f, 30 * MSEC);
	assert_int_equal(tiny_server_lines(f->server), 2);
}

/* A warm line is missing, though one is just being made: that one will not be kept. */
static void test_keep_warm(void **state)
{
	struct fixture *f = *state;
	struct http_call call = apart(f);
	struct told told;

	hurry = 100;
	f->polls_hang = true;
	tiny_server_mute(f->server, true);
	(void)start(f, &call, &told);
	RUN_UNTIL(f, tiny_server_lines(f->server) == 1);
	tiny_server_mute(f->server, false);
	assert_int_equal(http_keep_warm(f->http, url(f, "/versions")), 0);
	RUN_UNTIL(f, http_warm_lines(f->http) == 1);
	assert_int_equal(told.times, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(test_line_of_its_own),
		TLS(test_line_of_its_own),
		PLAIN(test_no_line_left),
		TLS(test_no_line_left),
		PLAIN(test_silence),
		TLS(test_silence),
		TLS(test_first_connection),
		TLS(test_connected),
		TLS(test_keep_warm),
	};

	fixture_begin();
	return cmocka_run_group_tests_name("http_apart", tests, NULL, NULL);
}
