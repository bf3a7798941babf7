#include "tests/unit/cmocka-all.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/token_fixture.h"

/* However many wait, the cloud is asked once. */
static void test_one_renewal(void **state)
{
	struct fixture *f = *state;
	struct told told[20];
	struct token_wait *waits[20];

	f->manner = HANGS;
	begin(f);
	for (unsigned i = 0; i < 20; i++)
		waits[i] = wait_for(f, &told[i]);
	RUN_UNTIL(f, f->hangs);
	assert_null(token_wait_cancel(waits[7]));
	assert_null(token_wait_cancel(NULL));
	tiny_answer(
		f->hangs, 200, "", "{\"success\":\"true\",\"result\":{\"access_token\":\"A\"}}");
	RUN_UNTIL(f, told[19].times == 1);
	run_for(f, 30 * USEC_PER_MSEC);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(told[i].times, i == 7 ? 0 : 1);
		assert_int_equal(told[i].result, TOKEN_READY);
	}
	assert_int_equal(f->asked, 1);
}

/* Many report the same token; one of them late, when there is a new one. */
static void test_rejected_twice(void **state)
{
	struct fixture *f = *state;
	struct told told[2];

	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	token_rejected(f->token, "A-1");
	token_rejected(f->token, "A-1");
	(void)wait_for(f, &told[0]);
	token_rejected(f->token, "A-1");
	(void)wait_for(f, &told[1]);
	RUN_UNTIL(f, told[0].times == 1 && told[1].times == 1);
	assert_int_equal(f->asked, 2);
	token_rejected(f->token, "A-1");
	assert_string_equal(token_current(f->token), "A-2");
	assert_int_equal(get(f), TOKEN_READY);
	assert_int_equal(f->asked, 2);
}

struct inside {
	struct fixture *f;
	struct token_wait *own, *other;
	struct told told;
	unsigned times;
};

static void on_inside(enum token_result result, void *userdata)
{
	struct inside *inside = userdata;
	struct token_wait *wait;

	inside->times++;
	assert_null(token_wait_cancel(inside->own));
	assert_null(token_wait_cancel(inside->other));
	assert_int_equal(token_wait(inside->f->token, &wait, on_told, &inside->told), 0);
	assert_int_equal(inside->told.times, 0);
}

static void test_inside_callback(void **state)
{
	struct fixture *f = *state;
	struct inside inside = {.f = f};
	struct told other;

	begin(f);
	assert_int_equal(token_wait(f->token, &inside.own, on_inside, &inside), 0);
	inside.other = wait_for(f, &other);
	RUN_UNTIL(f, inside.told.times == 1);
	assert_int_equal(inside.times, 1);
	assert_int_equal(other.times, 0);
	assert_int_equal(f->asked, 1);
}

/* The clock renews before the end, the token in hand stays good meanwhile. */
static void test_renewed_in_time(void **state)
{
	struct fixture *f = *state;

	begin(f);
	f->expires_in = 100;
	assert_int_equal(get(f), TOKEN_READY);
	assert_int_equal(renew_wait, 90 * USEC_PER_SEC);
	f->expires_in = 7200;
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_int_equal(renew_wait, 7140 * USEC_PER_SEC);
	f->manner = HANGS;
	renewal_due();
	RUN_UNTIL(f, f->hangs);
	assert_int_equal(f->asked, 3);
	assert_string_equal(token_current(f->token), "A-2");
	assert_int_equal(get(f), TOKEN_READY);
	tiny_answer(f->hangs, 200, "", "{\"access_token\":\"A-next\"}");
	RUN_UNTIL(f, strcmp(token_current(f->token), "A-next") == 0);
	assert_int_equal(renew_wait, 3540 * USEC_PER_SEC);
	/* It stays in use when the next one is not to be had. */
	f->manner = SAYS;
	f->status = 500;
	f->says = "{}";
	for (unsigned asked = 4; asked <= 7; asked++) {
		renewal_due();
		RUN_UNTIL(f, f->asked == asked && !token_busy(f->token));
		assert_string_equal(token_current(f->token), "A-next");
	}
}

/* Who is refused does not hammer: half an hour of waiting costs a few questions. */
static void test_refused(void **state)
{
	struct fixture *f = *state;
	unsigned asked = 0;

	f->manner = SAYS;
	f->status = 400;
	f->says = "{}";
	begin(f);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(get(f), TOKEN_REFUSED);
	assert_int_equal(f->asked, 1);
	assert_true(renew_wait >= 60 * USEC_PER_SEC);
	skew += 59 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_REFUSED);
	assert_int_equal(f->asked, 1);
	skew += 62 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_REFUSED);
	assert_int_equal(f->asked, 2);
	for (unsigned minute = 0; minute < 24 * 60; minute++) {
		skew += 60 * USEC_PER_SEC;
		assert_int_equal(get(f), TOKEN_REFUSED);
	}
	asked = f->asked;
	assert_true(asked > 48 && asked < 110);
	/* And finds the way back. */
	f->manner = GRANTS;
	skew += 1801 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_READY);
}

static void test_unreachable(void **state)
{
	struct fixture *f = *state;

	f->manner = SWALLOWS;
	begin(f);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(get(f), TOKEN_UNREACHABLE);
	assert_int_equal(f->asked, 1);
	assert_non_null(strstr(token_why(f->token), "127.0.0.1"));
	skew += 2 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_UNREACHABLE);
	assert_int_equal(f->asked, 2);
	for (unsigned i = 0; i < 600; i++) {
		skew += USEC_PER_SEC;
		assert_int_equal(get(f), TOKEN_UNREACHABLE);
	}
	assert_true(f->asked > 10 && f->asked < 40);
	f->manner = GRANTS;
	skew += 60 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_READY);
}

/* It comes back by itself, nobody has to ask. */
static void test_comes_back(void **state)
{
	struct fixture *f = *state;

	f->manner = SWALLOWS;
	begin(f);
	assert_int_equal(get(f), TOKEN_UNREACHABLE);
	f->manner = GRANTS;
	renewal_due();
	RUN_UNTIL(f, token_current(f->token));
}

static void test_retry_after(void **state)
{
	struct fixture *f = *state;

	f->manner = SAYS;
	f->status = 429;
	f->headers = "Retry-After: 300\r\n";
	f->says = "{}";
	begin(f);
	assert_int_equal(get(f), TOKEN_UNREACHABLE);
	assert_int_equal(renew_wait, 300 * USEC_PER_SEC);
	skew += 299 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_UNREACHABLE);
	assert_int_equal(f->asked, 1);
	f->manner = GRANTS;
	skew += 2 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_READY);
}

/* An answer of 401 shows that the cloud is there again: no pause is left from its outage. */
static void test_rejected_after_outage(void **state)
{
	struct fixture *f = *state;

	f->expires_in = 1;
	begin(f);
	assert_int_equal(get(f), TOKEN_READY);
	f->manner = SWALLOWS;
	renewal_due();
	RUN_UNTIL(f, f->asked == 2 && !token_busy(f->token));
	f->manner = GRANTS;
	f->expires_in = 3600;
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
	assert_int_equal(f->asked, 3);
}

/* A cloud that gives tokens and refuses each of them is left alone for a while. */
static void test_refused_in_turn(void **state)
{
	struct fixture *f = *state;
	unsigned ready = 0;

	begin(f);
	for (unsigned i = 0; i < 20; i++)
		if (get(f) == TOKEN_READY) {
			ready++;
			reject(f);
		}
	assert_int_equal(ready, 3);
	assert_int_equal(f->asked, 3);
	skew += 121 * USEC_PER_SEC;
	assert_int_equal(get(f), TOKEN_READY);
	/* One that lived long is renewed at once. */
	skew += 600 * USEC_PER_SEC;
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
	reject(f);
	assert_int_equal(get(f), TOKEN_READY);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_one_renewal),
		TEST(test_rejected_twice),
		TEST(test_inside_callback),
		TEST(test_renewed_in_time),
		TEST(test_refused),
		TEST(test_unreachable),
		TEST(test_comes_back),
		TEST(test_retry_after),
		TEST(test_rejected_after_outage),
		TEST(test_refused_in_turn),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("token_renewal", tests, NULL, NULL);
}
