#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "tests/unit/capture.h"
#include "tests/unit/cloud_fixture.h"
#include "util/clock.h"
#include "util/log.h"

#define ONLINE      CLOUD_STATE_ONLINE
#define OFFLINE     CLOUD_STATE_OFFLINE
#define AUTH_FAILED CLOUD_STATE_AUTH_FAILED
#define UNKNOWN     CLOUD_STATE_UNKNOWN

static struct capture capture;

/* One call in each row, and what is known of the cloud after it. */
enum fate {
	END = 0,
	FINE,
	BAD_REQUEST, /* success false */
	NOT_FOUND,   /* HTTP 404 */
	TROUBLE,     /* HTTP 500 */
	UNSENT,
	LOST,
	LATE,
	TWO_401,
	NO_TOKEN,       /* TOKEN_REFUSED */
	TOKEN_SILENCE,  /* TOKEN_UNREACHABLE */
	STRANGE_ANSWER, /* not HTTP */
	STRANGE_READ,   /* the same, to a read */
};

static void suffer(struct fixture *f, enum fate fate)
{
	struct told told = {0};
	size_t i = f->http->n_sent;

	f->token->current = fate == NO_TOKEN || fate == TOKEN_SILENCE ? NULL : "token-one";
	/* The deadline has passed, so nothing is repeated. */
	assert_int_equal(
		start(f, &told, fate == STRANGE_READ ? READING : WRITING, CLOUD_COMMAND, 1), 0);
	switch (fate) {
	case END:
		break;
	case FINE:
		wire_answer(f->http, i, 200, SUCCESS);
		break;
	case BAD_REQUEST:
		wire_answer(f->http, i, 200, "{\"success\":false}");
		break;
	case NOT_FOUND:
		wire_answer(f->http, i, 404, "");
		break;
	case TROUBLE:
		wire_answer(f->http, i, 500, "");
		break;
	case UNSENT:
		end_as(f, i, HTTP_NOT_SENT);
		break;
	case LOST:
		end_as(f, i, HTTP_NO_ANSWER);
		break;
	case LATE:
		end_as(f, i, HTTP_EXPIRED);
		break;
	case STRANGE_ANSWER:
	case STRANGE_READ:
		end_as(f, i, HTTP_BAD_ANSWER);
		break;
	case TWO_401:
		wire_answer(f->http, i, 401, "");
		wire_token(f->token, TOKEN_READY, "token-two");
		wire_answer(f->http, i + 1, 401, "");
		break;
	case NO_TOKEN:
		wire_token(f->token, TOKEN_REFUSED, NULL);
		break;
	case TOKEN_SILENCE:
		wire_token(f->token, TOKEN_UNREACHABLE, NULL);
		break;
	}
	assert_int_equal(told.n, 1);
}

static const struct row {
	struct {
		enum fate fate;
		enum cloud_state state;
	} steps[9];
	/* Lines that the log must have, as often. */
	unsigned away, back, refused, accepted;
} rows[] = {
	{{{FINE, ONLINE}, {FINE, ONLINE}}, 0, 0, 0, 0},
	{{{BAD_REQUEST, ONLINE}}, 0, 0, 0, 0},
	{{{NOT_FOUND, ONLINE}}, 0, 0, 0, 0},
	{{{LATE, UNKNOWN}, {FINE, ONLINE}, {LATE, ONLINE}}, 0, 0, 0, 0},
	/* Nobody there is an outage at once. */
	{{{UNSENT, OFFLINE}, {UNSENT, OFFLINE}, {UNSENT, OFFLINE}, {FINE, ONLINE}}, 1, 1, 0, 0},
	{{{FINE, ONLINE}, {TOKEN_SILENCE, OFFLINE}, {NOT_FOUND, ONLINE}}, 1, 1, 0, 0},
	{{{UNSENT, OFFLINE}, {LATE, OFFLINE}}, 1, 0, 0, 0},
	/* One lost answer may be its command's own trouble, two are not. */
	{{{FINE, ONLINE}, {LOST, ONLINE}, {LOST, OFFLINE}, {LOST, OFFLINE}, {FINE, ONLINE}}, 1, 1,
		0, 0},
	{{{LOST, UNKNOWN}, {FINE, ONLINE}, {LOST, ONLINE}, {BAD_REQUEST, ONLINE}, {LOST, ONLINE},
		 {FINE, ONLINE}},
		0, 0, 0, 0},
	{{{FINE, ONLINE}, {STRANGE_ANSWER, ONLINE}, {STRANGE_ANSWER, OFFLINE}}, 1, 0, 0, 0},
	{{{FINE, ONLINE}, {STRANGE_READ, ONLINE}, {STRANGE_READ, ONLINE}, {STRANGE_READ, OFFLINE}},
		1, 0, 0, 0},
	/* Three errors of the server. */
	{{{FINE, ONLINE}, {TROUBLE, ONLINE}, {TROUBLE, ONLINE}, {TROUBLE, OFFLINE},
		 {TROUBLE, OFFLINE}, {FINE, ONLINE}, {TROUBLE, ONLINE}},
		1, 1, 0, 0},
	{{{FINE, ONLINE}, {LOST, ONLINE}, {TROUBLE, OFFLINE}}, 1, 0, 0, 0},
	{{{TROUBLE, UNKNOWN}, {TROUBLE, UNKNOWN}, {FINE, ONLINE}, {TROUBLE, ONLINE},
		 {TROUBLE, ONLINE}, {LATE, ONLINE}, {NOT_FOUND, ONLINE}},
		0, 0, 0, 0},
	/* A refusal is one line, and its end another. */
	{{{FINE, ONLINE}, {TWO_401, AUTH_FAILED}, {TWO_401, AUTH_FAILED}, {NO_TOKEN, AUTH_FAILED},
		 {FINE, ONLINE}, {FINE, ONLINE}},
		0, 0, 1, 1},
	{{{NO_TOKEN, AUTH_FAILED}, {LATE, AUTH_FAILED}, {LOST, AUTH_FAILED}, {FINE, ONLINE},
		 {NO_TOKEN, AUTH_FAILED}},
		0, 0, 2, 1},
	/* Who refuses us is there. */
	{{{UNSENT, OFFLINE}, {TWO_401, AUTH_FAILED}, {LOST, AUTH_FAILED}, {FINE, ONLINE}}, 1, 1, 1,
		1},
	{{{LOST, UNKNOWN}, {TWO_401, AUTH_FAILED}, {LOST, AUTH_FAILED}, {LOST, OFFLINE},
		 {TWO_401, AUTH_FAILED}, {FINE, ONLINE}},
		1, 1, 1, 1},
	/* Without a word from the cloud, its absence goes on. */
	{{{UNSENT, OFFLINE}, {NO_TOKEN, AUTH_FAILED}, {LOST, OFFLINE}, {FINE, ONLINE}}, 1, 1, 1, 1},
};

static void the_state_follows_the_answers(void **state)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		enum cloud_state last = UNKNOWN;
		struct fixture *f;
		const char *text;
		size_t n = 0;

		assert_int_equal(fixture_setup((void **)&f), 0);
		capture_begin(&capture);
		for (size_t k = 0; rows[i].steps[k].fate != END; k++) {
			enum cloud_state now = rows[i].steps[k].state;

			suffer(f, rows[i].steps[k].fate);
			if (cloud_state(f->cloud) != now) {
				(void)capture_end(&capture);
				fail_msg("row %zu step %zu: %d", i, k, cloud_state(f->cloud));
			}
			/* Announced if it changed, once. */
			if (now != last)
				assert_int_equal(f->states[n++], now);
			assert_int_equal(f->n_states, n);
			last = now;
		}
		text = capture_end(&capture);
		if (capture_count(text, "The cloud is away: ") != rows[i].away ||
			capture_count(text, "The cloud is back after ") != rows[i].back ||
			capture_count(text, "The cloud refuses us: ") != rows[i].refused ||
			capture_count(text, "The cloud accepts us again after ") !=
				rows[i].accepted ||
			capture_count(text, "\n") !=
				rows[i].away + rows[i].back + rows[i].refused + rows[i].accepted)
			fail_msg("row %zu: %s", i, text);
		assert_int_equal(fixture_teardown((void **)&f), 0);
	}
}

/* Two are under way as the token dies; the one that the cloud had let pass is heard of last. */
static void a_late_yes_is_not_taken_for_a_new_one(void **state)
{
	struct fixture *f = *state;
	struct told passed = {0};

	assert_int_equal(start(f, &passed, WRITING, CLOUD_COMMAND, 0), 0);
	pass(f, USEC_PER_MSEC);
	suffer(f, TWO_401);
	assert_int_equal(cloud_state(f->cloud), AUTH_FAILED);
	wire_answer(f->http, 0, 200, SUCCESS);
	assert_int_equal(passed.error, CLOUD_OK);
	assert_int_equal(passed.n, 1);
	assert_int_equal(cloud_state(f->cloud), AUTH_FAILED);
	suffer(f, FINE);
	assert_int_equal(cloud_state(f->cloud), ONLINE);
	assert_int_equal(f->n_states, 2);
}

static void latency_is_the_clouds_own(void **state)
{
	struct fixture *f = *state;
	struct told told[4] = {{0}};

	assert_int_equal(latency_percentile(cloud_latency(f->cloud), 50), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(start(f, &told[i], READING, CLOUD_COMMAND, 0), 0);
	pass(f, 30 * USEC_PER_SEC);
	wire_answer(f->http, 0, 200, SUCCESS);
	turn(f);
	/* The third waited for its turn, which is no fault of the cloud. */
	wire_answer(f->http, 2, 200, SUCCESS);
	assert_int_equal(told[2].elapsed_usec, 30 * USEC_PER_SEC);
	assert_int_equal(cloud_latency(f->cloud)->n, 2);
	assert_int_equal(latency_percentile(cloud_latency(f->cloud), 100), 30000);
	assert_int_equal(latency_percentile(cloud_latency(f->cloud), 50), 0);
	/* What did not succeed does not count. */
	wire_answer(f->http, 1, 404, "");
	assert_int_equal(start(f, &told[3], OPENING, CLOUD_DOOR, 0), 0);
	end_as(f, 3, HTTP_NO_ANSWER);
	assert_int_equal(cloud_latency(f->cloud)->n, 2);
}

static void last_success_is_remembered(void **state)
{
	struct fixture *f = *state;
	struct told told = {0};

	assert_int_equal(cloud_last_success(f->cloud), 0);
	assert_int_equal(start(f, &told, READING, CLOUD_COMMAND, 0), 0);
	wire_answer(f->http, 0, 404, "");
	assert_int_equal(cloud_last_success(f->cloud), 0);
	assert_int_equal(start(f, &told, READING, CLOUD_COMMAND, 0), 0);
	pass(f, 5 * USEC_PER_SEC);
	wire_answer(f->http, 1, 200, SUCCESS);
	assert_int_equal(cloud_last_success(f->cloud), clock_epoch_msec() / 1000);
}

/* Every way a call can go, with a secret wherever one can be, at debug level. */
static void nothing_secret_in_the_log(void **state)
{
	static const char *const secrets[] = {"token-one", "token-two", "48151623", "first-word",
		"91234567", "F0A5B8FD", "the-clouds-words", "the-clouds-code", "r-of-a-home"};
	static const struct {
		const char *command, *param;
	} calls[] = {
		{"update_akuvox_open_door_private_key_config",
			"{\"residence_id\":\"r-of-a-home\",\"private_key\":\"48151623\"}"},
		{"create_family_account",
			"{\"residence_id\":\"r-of-a-home\",\"password\":\"first-word\"}"},
		{"delete_akuvox_open_door_temp_key_config",
			"{\"residence_id\":\"r-of-a-home\",\"temp_key\":\"91234567\"}"},
		{"get_akuvox_open_door_nfc_config", "{\"residence_id\":\"r-of-a-home\"}"},
	};
	static const struct {
		long status;
		const char *body;
	} answers[] = {
		{200, "{\"success\":true,\"result\":{\"nfc_code\":\"F0A5B8FD\",\"private_key\":"
		      "\"48151623\"}}"},
		{200, "{\"success\":false,\"message\":\"the-clouds-words 48151623\",\"code\":"
		      "\"the-clouds-code\"}"},
		{500, "{\"message\":\"the-clouds-words 91234567\"}"},
		{401, "{\"message\":\"the-clouds-words token-one\"}"},
		{429, "F0A5B8FD"},
	};
	struct fixture *f = *state;
	const char *text;

	log_set_level(LOG_DEBUG);
	capture_begin(&capture);
	for (size_t c = 0; c < ELEMENTS(calls); c++) {
		for (size_t a = 0; a < ELEMENTS(answers); a++) {
			struct told told = {0};
			size_t i = f->http->n_sent;

			f->token->current = "token-one";
			assert_int_equal(start_with(f, &told, calls[c].command, calls[c].param,
						 CLOUD_COMMAND, 0),
				0);
			wire_answer(f->http, i, answers[a].status, answers[a].body);
			if (answers[a].status == 401) {
				wire_token(f->token, TOKEN_READY, "token-two");
				wire_answer(f->http, i + 1, 401, answers[a].body);
			}
			assert_int_equal(told.n, 1);
		}
		for (enum http_end end = HTTP_BAD_ANSWER; end <= HTTP_EXPIRED; end++) {
			struct told told = {0};

			f->token->current = "token-one";
			assert_int_equal(start_with(f, &told, calls[c].command, calls[c].param,
						 CLOUD_COMMAND, 1),
				0);
			end_as(f, f->http->n_sent - 1, end);
			assert_int_equal(told.n, 1);
		}
	}
	text = capture_end(&capture);
	log_set_level(LOG_INFO);
	/* The capture works, and each call left its line. */
	assert_int_equal(capture_count(text, "cloud: "), capture_count(text, " ms"));
	assert_true(capture_count(text, " ms") >= f->told);
	assert_non_null(strstr(text, "create_family_account: auth_failed after "));
	for (size_t i = 0; i < ELEMENTS(secrets); i++)
		if (strstr(text, secrets[i]))
			fail_msg("%s stands in the log", secrets[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_state_follows_the_answers),
		TEST(a_late_yes_is_not_taken_for_a_new_one),
		TEST(latency_is_the_clouds_own),
		TEST(last_success_is_remembered),
		TEST(nothing_secret_in_the_log),
	};

	return cmocka_run_group_tests_name("client-health", tests, NULL, NULL);
}
