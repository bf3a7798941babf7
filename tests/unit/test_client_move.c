#include "tests/unit/cmocka-all.h"

#include <string.h>

#include "tests/unit/cloud_fixture.h"
#include "util/clock.h"

/* Another cloud or token, while calls are under way. */

static const char other_url[] =
	"https://other.example/api/v1.0/invoke/open-ability/method/user-commands";

static void move(struct fixture *f, struct http *http, struct token *token)
{
	const struct cloud_settings settings = {
		.url = "https://other.example",
		.timeout_usec = 5 * USEC_PER_SEC,
		.max_in_flight = 1,
	};

	assert_int_equal(cloud_move(f->cloud, http, token, &settings), 0);
}

/* What is on its way is answered there, what waits goes the new way. */
static void who_goes_which_way(void **state)
{
	static struct http http;
	struct token token = {.current = "token-two"};
	struct fixture *f = *state;
	struct told a = {0}, b = {0}, c = {0}, door = {0};

	assert_int_equal(start(f, &a, READING, CLOUD_POLL, 0), 0);
	assert_int_equal(start(f, &b, WRITING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &c, READING, CLOUD_POLL, 0), 0);
	assert_int_equal(f->http->n_sent, 2);
	move(f, &http, &token);
	turn(f);
	/* There is no room for it yet. */
	assert_int_equal(http.n_sent, 0);
	assert_int_equal(start(f, &door, OPENING, CLOUD_DOOR, 0), 0);
	assert_int_equal(http.n_sent, 1);
	assert_string_equal(http.sent[0].url, other_url);
	assert_string_equal(http.sent[0].bearer, "token-two");
	assert_int_equal(http.sent[0].timeout_usec, 5 * USEC_PER_SEC);
	wire_answer(f->http, 0, 200, SUCCESS);
	wire_answer(f->http, 1, 200, SUCCESS);
	assert_int_equal(a.error + b.error, CLOUD_OK);
	assert_int_equal(a.n + b.n, 2);
	turn(f);
	assert_int_equal(http.n_sent, 2);
	wire_answer(&http, 0, 200, SUCCESS);
	wire_answer(&http, 1, 200, SUCCESS);
	assert_int_equal(door.n + c.n, 2);
	assert_int_equal(f->http->n_sent, 2);
	wire_clear(&http);
}

/* An opening that waits for the former token gets the new one, in its time or not at all. */
static void who_waits_for_a_token(void **state)
{
	static struct http http;
	struct token token = {.current = NULL};
	struct fixture *f = *state;
	struct told early = {0}, late = {0};
	uint64_t now = clock_boot_usec();

	f->token->current = NULL;
	assert_int_equal(start(f, &early, OPENING, CLOUD_DOOR, now + 5 * USEC_PER_SEC), 0);
	assert_int_equal(start(f, &late, OPENING, CLOUD_DOOR, now + 200 * USEC_PER_MSEC), 0);
	assert_int_equal(f->token->waiting, 2);
	move(f, &http, &token);
	assert_int_equal(f->token->waiting, 0);
	turn(f);
	assert_int_equal(token.waiting, 2);
	pass(f, 200 * USEC_PER_MSEC - 1);
	assert_int_equal(early.n + late.n, 0);
	pass(f, 1);
	assert_int_equal(late.n, 1);
	assert_int_equal(late.error, CLOUD_EXPIRED);
	assert_int_equal(token.waiting, 1);
	token.current = "token-two";
	wire_token(&token, TOKEN_READY, "token-two");
	assert_int_equal(http.n_sent, 1);
	assert_int_equal(http.sent[0].send_before, now + 5 * USEC_PER_SEC);
	assert_int_equal(f->http->n_sent, 0);
	wire_answer(&http, 0, 200, SUCCESS);
	assert_int_equal(early.error, CLOUD_OK);
	assert_int_equal(early.n, 1);
	assert_int_equal(late.n, 1);
	wire_clear(&http);
}

/* Nothing was done by what was refused for its token: it goes once more, with the new one. What may
 * have been done does not. */
static void what_comes_back_from_the_former(void **state)
{
	static struct http http;
	struct token token = {.current = "token-two"};
	struct fixture *f = *state;
	struct told refused = {0}, lost = {0};

	assert_int_equal(start(f, &refused, OPENING, CLOUD_DOOR, 0), 0);
	assert_int_equal(start(f, &lost, OPENING, CLOUD_DOOR, 0), 0);
	move(f, &http, &token);
	wire_answer(f->http, 0, 401, "");
	assert_string_equal(token.last_rejected, "token-one");
	assert_int_equal(token.renewals, 0);
	assert_int_equal(http.n_sent, 1);
	assert_string_equal(http.sent[0].bearer, "token-two");
	end_as(f, 1, HTTP_NO_ANSWER);
	assert_int_equal(lost.error, CLOUD_OUTCOME_UNKNOWN);
	wire_answer(&http, 0, 200, SUCCESS);
	assert_int_equal(refused.error, CLOUD_OK);
	turn(f);
	assert_int_equal(refused.n + lost.n, 2);
	assert_int_equal(http.n_sent + f->http->n_sent, 3);
	wire_clear(&http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_goes_which_way, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			who_waits_for_a_token, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			what_comes_back_from_the_former, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
