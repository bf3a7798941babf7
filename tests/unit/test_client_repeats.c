#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/cloud_fixture.h"
#include "util/clock.h"

/* Between two tries, by cloud/client.c. */
#define PAUSE (200 * USEC_PER_MSEC)

#define TRIES 3
#define SHORT (20 * USEC_PER_MSEC)
#define LONG  (20 * USEC_PER_SEC)

/* How a call goes whose tries all end alike. */
static const struct row {
	const char *command;
	enum cloud_priority priority;
	enum http_end end;
	unsigned tries;
	enum cloud_error error;
	uint64_t deadline; /* from now, 0: none */
} rows[] = {
	/* A read: also when its answer was lost. */
	{READING, CLOUD_COMMAND, HTTP_NOT_SENT, TRIES, CLOUD_UNREACHABLE, 0},
	{READING, CLOUD_COMMAND, HTTP_NO_ANSWER, TRIES, CLOUD_OUTCOME_UNKNOWN, 0},
	{READING, CLOUD_COMMAND, HTTP_NO_ANSWER, TRIES, CLOUD_OUTCOME_UNKNOWN, LONG},
	{READING, CLOUD_COMMAND, HTTP_BAD_ANSWER, 1, CLOUD_REFUSED, 0},
	{READING, CLOUD_COMMAND, HTTP_EXPIRED, 1, CLOUD_EXPIRED, 0},
	/* Not when the deadline would pass meanwhile. */
	{READING, CLOUD_COMMAND, HTTP_NO_ANSWER, 1, CLOUD_OUTCOME_UNKNOWN, PAUSE},
	{READING, CLOUD_COMMAND, HTTP_NOT_SENT, 1, CLOUD_UNREACHABLE, PAUSE},
	{READING, CLOUD_COMMAND, HTTP_NO_ANSWER, 2, CLOUD_OUTCOME_UNKNOWN, PAUSE + 1},
	/* A write: only when it never left. */
	{WRITING, CLOUD_COMMAND, HTTP_NOT_SENT, TRIES, CLOUD_UNREACHABLE, 0},
	{WRITING, CLOUD_COMMAND, HTTP_NO_ANSWER, 1, CLOUD_OUTCOME_UNKNOWN, 0},
	{WRITING, CLOUD_COMMAND, HTTP_NO_ANSWER, 1, CLOUD_OUTCOME_UNKNOWN, LONG},
	{WRITING, CLOUD_COMMAND, HTTP_BAD_ANSWER, 1, CLOUD_OUTCOME_UNKNOWN, 0},
	{WRITING, CLOUD_COMMAND, HTTP_EXPIRED, 1, CLOUD_EXPIRED, 0},
	{WRITING, CLOUD_COMMAND, HTTP_NOT_SENT, 1, CLOUD_UNREACHABLE, PAUSE},
	/* An opening: the same. */
	{OPENING, CLOUD_DOOR, HTTP_NOT_SENT, TRIES, CLOUD_UNREACHABLE, LONG},
	{OPENING, CLOUD_DOOR, HTTP_NO_ANSWER, 1, CLOUD_OUTCOME_UNKNOWN, LONG},
	{OPENING, CLOUD_DOOR, HTTP_NO_ANSWER, 1, CLOUD_OUTCOME_UNKNOWN, 0},
	{OPENING, CLOUD_DOOR, HTTP_BAD_ANSWER, 1, CLOUD_OUTCOME_UNKNOWN, LONG},
	{OPENING, CLOUD_DOOR, HTTP_EXPIRED, 1, CLOUD_EXPIRED, LONG},
	{OPENING, CLOUD_DOOR, HTTP_NOT_SENT, 1, CLOUD_UNREACHABLE, PAUSE},
	/* A poll: comes again by itself. */
	{READING, CLOUD_POLL, HTTP_NO_ANSWER, TRIES, CLOUD_OUTCOME_UNKNOWN, 0},
	{READING, CLOUD_POLL, HTTP_NOT_SENT, 1, CLOUD_UNREACHABLE, 0},
	{READING, CLOUD_POLL, HTTP_BAD_ANSWER, 1, CLOUD_REFUSED, 0},
};

static void repeated_only_where_safe(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		uint64_t deadline = rows[i].deadline ? clock_boot_usec() + rows[i].deadline : 0;
		struct told told = {0};

		wire_clear(f->http);
		assert_int_equal(start(f, &told, rows[i].command, rows[i].priority, deadline), 0);
		for (unsigned k = 0; k < rows[i].tries; k++) {
			if (k > 0) {
				/* Not at once: what is wrong may need a moment. */
				pass(f, PAUSE - 1);
				assert_int_equal(f->http->n_sent, k);
				pass(f, 1);
			}
			assert_int_equal(f->http->n_sent, k + 1);
			if (told.n != 0)
				fail_msg("row %zu: told after %u tries", i, k);
			if (k > 0)
				assert_tried_again(f, 0, k);
			assert_true(f->http->sent[k].send_before == deadline);
			assert_int_equal(f->http->sent[k].door, rows[i].priority == CLOUD_DOOR);
			end_as(f, k, rows[i].end);
			turn(f);
		}
		if (told.n != 1 || told.error != rows[i].error)
			fail_msg("row %zu: told %u times, %s", i, told.n,
				cloud_error_name(told.error));
		assert_string_equal(told.why, "as the wire says");
	}
	/* Nothing was in store. */
	pass(f, LONG);
	assert_int_equal(f->http->n_sent, 1);
	assert_int_equal(f->told, ELEMENTS(rows));
}

/* A cloud in trouble has said something, so nothing is repeated. */
static void answers_are_not_repeated(void **state)
{
	struct fixture *f = *state;
	static const long statuses[] = {400, 403, 404, 429, 500, 502, 503, 504};
	static const struct {
		const char *command;
		enum cloud_priority priority;
	} calls[] = {{OPENING, CLOUD_DOOR}, {WRITING, CLOUD_COMMAND}, {READING, CLOUD_POLL}};
	unsigned n = 0;

	for (size_t c = 0; c < ELEMENTS(calls); c++)
		for (size_t i = 0; i < ELEMENTS(statuses); i++) {
			struct told told = {0};

			assert_int_equal(
				start(f, &told, calls[c].command, calls[c].priority, 0), 0);
			wire_answer(f->http, n++, statuses[i], "<html>");
			assert_int_equal(told.error, CLOUD_REFUSED);
			assert_int_equal(told.http_status, statuses[i]);
		}
	pass(f, LONG);
	assert_int_equal(f->http->n_sent, n);
	assert_int_equal(f->told, n);
}

static void a_repeat_may_succeed(void **state)
{
	struct fixture *f = *state;
	struct told read = {0}, door = {0}, lost = {0};

	assert_int_equal(start(f, &read, READING, CLOUD_COMMAND, 0), 0);
	end_as(f, 0, HTTP_NO_ANSWER);
	pass(f, PAUSE);
	wire_answer(f->http, 1, 200, SUCCESS);
	assert_int_equal(read.error, CLOUD_OK);

	assert_int_equal(start(f, &door, OPENING, CLOUD_DOOR, 0), 0);
	end_as(f, 2, HTTP_NOT_SENT);
	pass(f, PAUSE);
	wire_answer(f->http, 3, 200, SUCCESS);
	assert_int_equal(door.error, CLOUD_OK);

	/* Once it may have left, it is over. */
	assert_int_equal(start(f, &lost, OPENING, CLOUD_DOOR, 0), 0);
	end_as(f, 4, HTTP_NOT_SENT);
	pass(f, PAUSE);
	end_as(f, 5, HTTP_NO_ANSWER);
	assert_int_equal(lost.error, CLOUD_OUTCOME_UNKNOWN);
	pass(f, LONG);
	assert_int_equal(f->http->n_sent, 6);
	assert_int_equal(read.n + door.n + lost.n, 3);
}

/* A poll is not held up for long: a slow time-out is not repeated. */
static void a_late_poll_is_not_repeated(void **state)
{
	struct fixture *f = *state;
	struct told told = {0};

	assert_int_equal(start(f, &told, READING, CLOUD_POLL, 0), 0);
	pass(f, 10 * USEC_PER_SEC);
	end_as(f, 0, HTTP_NO_ANSWER);
	assert_int_equal(told.error, CLOUD_OUTCOME_UNKNOWN);
}

static void renewed_once(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *command;
		enum cloud_priority priority;
	} calls[] = {{OPENING, CLOUD_DOOR}, {WRITING, CLOUD_COMMAND}, {READING, CLOUD_POLL}};
	size_t n = 0;

	for (size_t i = 0; i < ELEMENTS(calls); i++) {
		struct told told = {0};

		f->token->rejected = 0;
		f->token->current = "token-one";
		assert_int_equal(start(f, &told, calls[i].command, calls[i].priority, 0), 0);
		wire_answer(f->http, n, 401, "{\"success\":false}");
		assert_int_equal(f->token->rejected, 1);
		assert_string_equal(f->token->last_rejected, "token-one");
		turn(f);
		assert_int_equal(f->http->n_sent, n + 1);
		assert_int_equal(told.n, 0);
		wire_token(f->token, TOKEN_READY, "token-two");
		assert_int_equal(f->http->n_sent, n + 2);
		assert_string_equal(f->http->sent[n + 1].bearer, "token-two");
		assert_tried_again(f, n, n + 1);
		wire_answer(f->http, n + 1, 200, SUCCESS);
		assert_int_equal(told.n, 1);
		assert_int_equal(told.error, CLOUD_OK);
		n += 2;
	}
	assert_int_equal(cloud_state(f->cloud), CLOUD_STATE_ONLINE);
}

static void a_second_401_is_final(void **state)
{
	struct fixture *f = *state;
	struct told told = {0};

	assert_int_equal(start(f, &told, OPENING, CLOUD_DOOR, 0), 0);
	wire_answer(f->http, 0, 401, "");
	wire_token(f->token, TOKEN_READY, "token-two");
	wire_answer(f->http, 1, 401, "");
	assert_int_equal(told.n, 1);
	assert_int_equal(told.error, CLOUD_AUTH_FAILED);
	assert_int_equal(told.http_status, 401);
	assert_int_equal(cloud_state(f->cloud), CLOUD_STATE_AUTH_FAILED);
	/* The second token is no better, and its owner is told so. */
	assert_int_equal(f->token->rejected, 2);
	assert_string_equal(f->token->last_rejected, "token-two");
	wire_token(f->token, TOKEN_READY, "token-three");
	pass(f, LONG);
	assert_int_equal(f->http->n_sent, 2);
}

/* After a 401 a write that is lost stays lost, and one that never left goes again. */
static void renewing_gives_no_licence(void **state)
{
	struct fixture *f = *state;
	struct told lost = {0}, unsent = {0};

	assert_int_equal(start(f, &lost, OPENING, CLOUD_DOOR, 0), 0);
	wire_answer(f->http, 0, 401, "");
	wire_token(f->token, TOKEN_READY, "token-two");
	end_as(f, 1, HTTP_NO_ANSWER);
	assert_int_equal(lost.error, CLOUD_OUTCOME_UNKNOWN);

	assert_int_equal(start(f, &unsent, OPENING, CLOUD_DOOR, 0), 0);
	end_as(f, 2, HTTP_NOT_SENT);
	pass(f, PAUSE);
	wire_answer(f->http, 3, 401, "");
	wire_token(f->token, TOKEN_READY, "token-three");
	wire_answer(f->http, 4, 200, SUCCESS);
	assert_int_equal(unsent.error, CLOUD_OK);
}

static void twenty_401_are_one_renewal(void **state)
{
	struct fixture *f = *state;
	struct told told[20] = {{0}};

	for (size_t i = 0; i < 20; i++)
		assert_int_equal(start(f, &told[i], OPENING, CLOUD_DOOR, 0), 0);
	for (size_t i = 0; i < 15; i++)
		wire_answer(f->http, i, 401, "");
	assert_int_equal(f->token->rejected, 15);
	assert_int_equal(f->token->renewals, 1);
	assert_int_equal(f->token->waiting, 15);
	assert_int_equal(f->http->n_sent, 20);
	wire_token(f->token, TOKEN_READY, "token-two");
	assert_int_equal(f->http->n_sent, 35);
	/* Those that come later find the new one, which they do not spoil. */
	for (size_t i = 15; i < 20; i++)
		wire_answer(f->http, i, 401, "");
	assert_int_equal(f->token->renewals, 1);
	assert_int_equal(f->token->waiting, 0);
	assert_int_equal(f->http->n_sent, 40);
	for (size_t i = 20; i < 40; i++) {
		assert_string_equal(f->http->sent[i].bearer, "token-two");
		wire_answer(f->http, i, 200, SUCCESS);
	}
	for (size_t i = 0; i < 20; i++)
		assert_true(told[i].n == 1 && told[i].error == CLOUD_OK);
}

static void without_a_token(void **state)
{
	struct fixture *f = *state;
	static const struct {
		enum token_result result;
		enum cloud_error error;
	} results[] = {
		{TOKEN_REFUSED, CLOUD_AUTH_FAILED},
		{TOKEN_UNREACHABLE, CLOUD_UNREACHABLE},
	};

	f->token->current = NULL;
	for (size_t i = 0; i < ELEMENTS(results); i++) {
		struct told told = {0};

		assert_int_equal(start(f, &told, OPENING, CLOUD_DOOR, 0), 0);
		turn(f);
		wire_token(f->token, results[i].result, NULL);
		assert_int_equal(told.n, 1);
		assert_int_equal(told.error, results[i].error);
		assert_int_equal(told.http_status, 0);
		assert_string_equal(told.why, "why there is no token");
	}
	assert_int_equal(f->http->n_sent, 0);
}

/* A token that is gone again when its turn comes is waited for again. */
static void a_token_may_slip_away(void **state)
{
	struct fixture *f = *state;
	struct told told = {0};

	f->token->current = NULL;
	assert_int_equal(start(f, &told, READING, CLOUD_COMMAND, 0), 0);
	wire_token(f->token, TOKEN_READY, NULL);
	assert_int_equal(f->token->waiting, 1);
	wire_token(f->token, TOKEN_READY, "token-two");
	wire_answer(f->http, 0, 200, SUCCESS);
	assert_int_equal(told.error, CLOUD_OK);
}

static void deadline_in_the_queue(void **state)
{
	struct fixture *f = *state;
	struct told flying[2] = {{0}}, early = {0}, late = {0}, endless = {0};

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(start(f, &flying[i], READING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &endless, WRITING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &late, WRITING, CLOUD_COMMAND, clock_boot_usec() + LONG), 0);
	assert_int_equal(start(f, &early, WRITING, CLOUD_COMMAND, clock_boot_usec() + SHORT), 0);
	pass(f, SHORT - 1);
	assert_int_equal(f->told, 0);
	pass(f, 1);
	assert_int_equal(early.error, CLOUD_EXPIRED);
	assert_int_equal(early.elapsed_usec, SHORT);
	assert_int_equal(f->told, 1);
	assert_int_equal(f->http->n_sent, 2);
	/* It is out of the queue; the others are not. */
	wire_answer(f->http, 0, 200, SUCCESS);
	wire_answer(f->http, 1, 200, SUCCESS);
	turn(f);
	assert_int_equal(f->http->n_sent, 4);
	/* A deadline that has passed before is the same. */
	early = (struct told){0};
	assert_int_equal(start(f, &early, WRITING, CLOUD_COMMAND, 1), 0);
	turn(f);
	assert_int_equal(early.n, 1);
	assert_int_equal(early.error, CLOUD_EXPIRED);
	assert_int_equal(f->http->n_sent, 4);
}

/* On its way the wire watches over it: it knows whether the body has left. */
static void deadline_in_flight(void **state)
{
	struct fixture *f = *state;
	struct told flying[2] = {{0}}, queued = {0};

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			start(f, &flying[i], READING, CLOUD_COMMAND, clock_boot_usec() + SHORT), 0);
	assert_int_equal(
		start(f, &queued, WRITING, CLOUD_COMMAND, clock_boot_usec() + 2 * SHORT), 0);
	wire_answer(f->http, 0, 200, SUCCESS);
	turn(f);
	assert_int_equal(f->http->n_sent, 3);
	pass(f, LONG);
	assert_int_equal(f->told, 1);
	wire_answer(f->http, 2, 200, SUCCESS);
	assert_int_equal(queued.error, CLOUD_OK);
}

static void deadline_without_a_token(void **state)
{
	struct fixture *f = *state;
	struct told early = {0}, late = {0}, endless = {0}, renewed = {0};

	/* One that came here by a 401. */
	assert_int_equal(start(f, &renewed, OPENING, CLOUD_DOOR, clock_boot_usec() + SHORT), 0);
	wire_answer(f->http, 0, 401, "");
	pass(f, SHORT - 1);
	assert_int_equal(renewed.n, 0);
	pass(f, 1);
	assert_int_equal(renewed.n, 1);
	assert_int_equal(renewed.error, CLOUD_EXPIRED);

	assert_int_equal(start(f, &early, OPENING, CLOUD_DOOR, clock_boot_usec() + SHORT), 0);
	assert_int_equal(start(f, &late, OPENING, CLOUD_DOOR, clock_boot_usec() + 2 * SHORT), 0);
	assert_int_equal(start(f, &endless, OPENING, CLOUD_DOOR, 0), 0);
	pass(f, SHORT - 1);
	assert_int_equal(early.n, 0);
	pass(f, 1);
	assert_int_equal(early.n, 1);
	assert_int_equal(early.error, CLOUD_EXPIRED);
	assert_int_equal(f->token->waiting, 2);
	wire_token(f->token, TOKEN_READY, "token-two");
	assert_int_equal(f->http->n_sent, 3);
	/* With the token the wire watches over the deadline. */
	pass(f, LONG);
	assert_int_equal(late.n, 0);
	wire_answer(f->http, 1, 200, SUCCESS);
	wire_answer(f->http, 2, 200, SUCCESS);
	assert_true(late.error == CLOUD_OK && endless.error == CLOUD_OK);
}

/* A pause whose end finds no token: the deadline holds there, too. */
static void deadline_after_a_pause(void **state)
{
	struct fixture *f = *state;
	struct told told = {0};

	assert_int_equal(start(f, &told, OPENING, CLOUD_DOOR, clock_boot_usec() + 2 * PAUSE), 0);
	end_as(f, 0, HTTP_NOT_SENT);
	f->token->current = NULL;
	pass(f, PAUSE);
	assert_int_equal(f->token->waiting, 1);
	pass(f, PAUSE - 1);
	assert_int_equal(told.n, 0);
	pass(f, 1);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.error, CLOUD_EXPIRED);
	assert_int_equal(f->http->n_sent, 1);
	assert_int_equal(f->token->waiting, 0);
	assert_int_equal(f->token->n_waits, 1);
}

/* When the wire cannot take a repeat, the call ends. */
static void a_repeat_may_fail_at_once(void **state)
{
	struct fixture *f = *state;
	struct told told = {0};

	assert_int_equal(start(f, &told, READING, CLOUD_COMMAND, 0), 0);
	end_as(f, 0, HTTP_NOT_SENT);
	f->http->error = -24;
	pass(f, PAUSE);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.error, CLOUD_UNREACHABLE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(repeated_only_where_safe),
		TEST(answers_are_not_repeated),
		TEST(a_repeat_may_succeed),
		TEST(a_late_poll_is_not_repeated),
		TEST(renewed_once),
		TEST(a_second_401_is_final),
		TEST(renewing_gives_no_licence),
		TEST(twenty_401_are_one_renewal),
		TEST(without_a_token),
		TEST(a_token_may_slip_away),
		TEST(deadline_in_the_queue),
		TEST(deadline_in_flight),
		TEST(deadline_without_a_token),
		TEST(deadline_after_a_pause),
		TEST(a_repeat_may_fail_at_once),
	};

	return cmocka_run_group_tests_name("client-repeats", tests, NULL, NULL);
}
