#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/cloud_fixture.h"
#include "util/clock.h"
#include "util/json.h"

/* Calls that may wait for their turn, by cloud/client.c. */
#define WAITING_MAX 256

static struct json_object *body_of(const struct fixture *f, size_t i)
{
	struct json_object *body = NULL;

	assert_int_equal(
		json_parse(&body, f->http->sent[i].body, strlen(f->http->sent[i].body)), 0);
	return body;
}

/* The i-th request that was sent is one of that command. */
static void assert_sent(const struct fixture *f, size_t i, const char *command)
{
	_cleanup_(json_freep) struct json_object *body = NULL;

	assert_true(i < f->http->n_sent);
	body = body_of(f, i);
	assert_string_equal(json_text(body, "command"), command);
}

static void the_envelope(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *command, *param, *sent;
		enum cloud_priority priority;
		uint64_t deadline;
	} rows[] = {
		{"get_family_list", NULL, "{}", CLOUD_POLL, 0},
		{"get_family_list", "{}", "{}", CLOUD_COMMAND, UINT64_C(1) << 60},
		{OPENING, "{\"residence_id\":\"r\\/1\",\"mac\":\"0C11\",\"relay_id\":\"\\u00e4\"}",
			"{\"residence_id\":\"r/1\",\"mac\":\"0C11\",\"relay_id\":\"\xc3\xa4\"}",
			CLOUD_DOOR, UINT64_C(1) << 61},
	};
	char ids[3][40];

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_freep) struct json_object *body = NULL;
		const struct sent *sent = &f->http->sent[i];
		struct told told = {0};

		assert_int_equal(start_with(f, &told, rows[i].command, rows[i].param,
					 rows[i].priority, rows[i].deadline),
			0);
		body = body_of(f, i);
		assert_int_equal(json_object_object_length(body), 3);
		assert_string_equal(json_text(body, "command"), rows[i].command);
		assert_string_equal(
			json_object_to_json_string_ext(json_get(body, "param"),
				JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
			rows[i].sent);
		(void)snprintf(ids[i], sizeof(ids[i]), "%s", json_text(body, "id"));
		assert_int_equal(strlen(ids[i]), 33);
		assert_int_equal(ids[i][0], 'c');
		assert_int_equal(strspn(ids[i] + 1, "0123456789abcdef"), 32);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(ids[i], ids[k]);

		assert_string_equal(sent->url, "https://cloud.example/api/v1.0/invoke/open-ability/"
					       "method/user-commands");
		assert_string_equal(sent->bearer, "token-one");
		assert_string_equal(sent->content_type, "application/json");
		assert_int_equal(sent->timeout_usec, 10 * USEC_PER_SEC);
		assert_true(sent->send_before == rows[i].deadline);
		assert_int_equal(sent->door, rows[i].priority == CLOUD_DOOR);
		assert_true(sent->answer_max >= 1024 * 1024 && sent->answer_max <= 16777216);
		wire_answer(f->http, i, 200, SUCCESS);
		assert_int_equal(told.n, 1);
	}
}

static void answers_are_handed_on(void **state)
{
	struct fixture *f = *state;
	static const struct {
		long status;
		const char *body;
		enum cloud_error error;
		const char *code, *message, *result;
	} rows[] = {
		{200, "{\"success\":true,\"result\":{\"a\":[1]}}", CLOUD_OK, "(none)", "(none)",
			"{\"a\":[1]}"},
		{200, "{\"success\":true}", CLOUD_OK, "(none)", "(none)", "(none)"},
		{200, "{\"success\":false,\"code\":7,\"message\":\"no\"}", CLOUD_REFUSED, "7", "no",
			"(none)"},
		{404, "", CLOUD_REFUSED, "(none)", "(none)", "(none)"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct http_answer answer = {
			.end = HTTP_ANSWERED,
			.status = rows[i].status,
			.body = rows[i].body,
			.size = strlen(rows[i].body),
			.retry_after_usec = 17 * USEC_PER_SEC,
		};
		struct told told = {0};

		assert_int_equal(start(f, &told, READING, CLOUD_COMMAND, 0), 0);
		pass(f, 250 * USEC_PER_MSEC);
		wire_end(f->http, i, &answer);
		assert_int_equal(told.n, 1);
		assert_int_equal(told.error, rows[i].error);
		assert_int_equal(told.http_status, rows[i].status);
		assert_string_equal(told.code, rows[i].code);
		assert_string_equal(told.message, rows[i].message);
		assert_string_equal(told.result, rows[i].result);
		assert_int_equal(told.retry_after_usec, 17 * USEC_PER_SEC);
		assert_int_equal(told.elapsed_usec, 250 * USEC_PER_MSEC);
	}
}

static void commands_before_polls_and_doors_before_all(void **state)
{
	struct fixture *f = *state;
	struct told polls[5] = {{0}}, commands[2] = {{0}}, doors[3] = {{0}};

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(start(f, &polls[i], "get_akuvox_device_list", CLOUD_POLL, 0), 0);
	assert_int_equal(start(f, &commands[0], WRITING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &commands[1], "change_family_admin", CLOUD_COMMAND, 0), 0);
	turn(f);
	assert_int_equal(f->http->n_sent, 2);

	/* No limit holds for doors, and they take no place from others. */
	for (size_t i = 0; i < ELEMENTS(doors); i++)
		assert_int_equal(start(f, &doors[i], OPENING, CLOUD_DOOR, 0), 0);
	assert_int_equal(f->http->n_sent, 5);
	wire_answer(f->http, 2, 200, SUCCESS);
	turn(f);
	assert_int_equal(f->http->n_sent, 5);

	/* One place, one call: commands in their order, then polls in theirs. */
	wire_answer(f->http, 0, 200, SUCCESS);
	turn(f);
	assert_int_equal(f->http->n_sent, 6);
	assert_sent(f, 5, WRITING);
	wire_answer(f->http, 5, 200, SUCCESS);
	turn(f);
	assert_sent(f, 6, "change_family_admin");
	assert_int_equal(start(f, &polls[4], "get_akuvox_call_history", CLOUD_POLL, 0), 0);
	wire_answer(f->http, 6, 200, SUCCESS);
	wire_answer(f->http, 1, 200, SUCCESS);
	turn(f);
	assert_int_equal(f->http->n_sent, 9);
	assert_sent(f, 7, "get_akuvox_device_list");
	assert_sent(f, 8, "get_akuvox_device_list");
	wire_answer(f->http, 8, 200, SUCCESS);
	turn(f);
	assert_sent(f, 9, "get_akuvox_call_history");
	assert_int_equal(f->http->flying, 4);
	for (size_t i = 0; i < f->http->n_sent; i++)
		if (f->http->sent[i].request)
			wire_answer(f->http, i, 200, SUCCESS);
	assert_int_equal(f->told, ELEMENTS(polls) + ELEMENTS(commands) + ELEMENTS(doors));
	/* Each place was given back once. */
	for (size_t i = 0; i < 3; i++)
		polls[i] = (struct told){0};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(start(f, &polls[i], READING, CLOUD_POLL, 0), 0);
	turn(f);
	assert_int_equal(f->http->flying, 2);
}

static void start_another_poll(struct told *told)
{
	static struct told other;

	other = (struct told){0};
	assert_int_equal(start(told->f, &other, "get_akuvox_call_history", CLOUD_POLL, 0), 0);
}

/* A poll that starts the next one inside its callback takes no place from a command that waits. */
static void nobody_is_overtaken(void **state)
{
	struct fixture *f = *state;
	struct told polls[3] = {{.then = start_another_poll}}, command = {0};

	assert_int_equal(start(f, &polls[0], READING, CLOUD_POLL, 0), 0);
	assert_int_equal(start(f, &polls[1], READING, CLOUD_POLL, 0), 0);
	assert_int_equal(start(f, &polls[2], "get_akuvox_device_list", CLOUD_POLL, 0), 0);
	assert_int_equal(start(f, &command, WRITING, CLOUD_COMMAND, 0), 0);
	wire_answer(f->http, 0, 200, SUCCESS);
	turn(f);
	assert_int_equal(f->http->n_sent, 3);
	assert_sent(f, 2, WRITING);
	wire_answer(f->http, 2, 200, SUCCESS);
	turn(f);
	assert_sent(f, 3, "get_akuvox_device_list");
	wire_answer(f->http, 3, 200, SUCCESS);
	turn(f);
	assert_sent(f, 4, "get_akuvox_call_history");
}

/* Whoever is told of an answer has its place for the next call. */
static void the_place_is_free_in_the_callback(void **state)
{
	struct fixture *f = *state;
	struct told polls[2] = {{.then = start_another_poll}};

	assert_int_equal(start(f, &polls[0], READING, CLOUD_POLL, 0), 0);
	assert_int_equal(start(f, &polls[1], READING, CLOUD_POLL, 0), 0);
	wire_answer(f->http, 0, 200, SUCCESS);
	assert_int_equal(f->http->n_sent, 3);
}

/* A place that was just given back goes to a command at once, whatever polls wait for it. */
static void a_command_takes_a_free_place(void **state)
{
	struct fixture *f = *state;
	struct told polls[3] = {{0}}, command = {0};

	for (size_t i = 0; i < ELEMENTS(polls); i++)
		assert_int_equal(start(f, &polls[i], READING, CLOUD_POLL, 0), 0);
	wire_answer(f->http, 0, 200, SUCCESS);
	assert_int_equal(start(f, &command, WRITING, CLOUD_COMMAND, 0), 0);
	assert_sent(f, 2, WRITING);
	turn(f);
	assert_int_equal(f->http->n_sent, 3);
}

static void the_queue_is_bounded(void **state)
{
	struct fixture *f = *state;
	static struct told flying[2], waiting[WAITING_MAX], poll, door, late;

	memset(waiting, 0, sizeof(waiting));
	flying[0] = flying[1] = poll = door = late = (struct told){0};
	for (size_t i = 0; i < ELEMENTS(flying); i++)
		assert_int_equal(start(f, &flying[i], WRITING, CLOUD_COMMAND, 0), 0);
	for (size_t i = 0; i < WAITING_MAX; i++)
		assert_int_equal(start(f, &waiting[i], WRITING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &late, WRITING, CLOUD_COMMAND, 0), CLOUD_BUSY);
	assert_int_equal(start(f, &late, WRITING, CLOUD_COMMAND, 0), CLOUD_BUSY);
	/* Others have bounds of their own. */
	assert_int_equal(start(f, &poll, READING, CLOUD_POLL, 0), 0);
	assert_int_equal(start(f, &door, OPENING, CLOUD_DOOR, 0), 0);
	assert_int_equal(f->http->n_sent, 3);
	turn(f);
	assert_int_equal(f->told, 0);

	/* Room again, by an answer and by a cancelled one. */
	wire_answer(f->http, 0, 200, SUCCESS);
	turn(f);
	assert_int_equal(start(f, &late, WRITING, CLOUD_COMMAND, 0), 0);
	waiting[100].call = cloud_cancel(waiting[100].call);
	late.call = cloud_cancel(late.call);
	assert_int_equal(start(f, &late, WRITING, CLOUD_COMMAND, 0), 0);
	waiting[101].call = NULL;
	assert_int_equal(start(f, &waiting[101], WRITING, CLOUD_COMMAND, 0), 0);
	waiting[102].call = NULL;
	assert_int_equal(start(f, &waiting[102], WRITING, CLOUD_COMMAND, 0), CLOUD_BUSY);
}

/* What fails in cloud_start() is its result, and is not told. */
static void failures_at_once_are_returned(void **state)
{
	struct fixture *f = *state;
	struct told told[3] = {{0}};

	f->http->error = -ENOMEM;
	assert_int_equal(start(f, &told[0], READING, CLOUD_COMMAND, 0), -ENOMEM);
	assert_int_equal(start(f, &told[0], OPENING, CLOUD_DOOR, 0), -ENOMEM);
	f->http->error = 0;
	f->token->current = NULL;
	f->token->error = -EMFILE;
	assert_int_equal(start(f, &told[0], READING, CLOUD_COMMAND, 0), -EMFILE);
	f->token->error = 0;
	f->token->current = "token-one";
	turn(f);
	assert_int_equal(f->told, 0);
	/* They left no place taken. */
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(start(f, &told[i], READING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(f->http->flying, 2);
}

/* What fails later is told, by the loop, and never inside a call for another. */
static void failures_later_are_told(void **state)
{
	struct fixture *f = *state;
	struct told told[4] = {{0}};

	for (size_t i = 0; i < ELEMENTS(told); i++)
		assert_int_equal(start(f, &told[i], WRITING, CLOUD_COMMAND, 0), 0);
	f->http->error = -ENOMEM;
	told[0].call = cloud_cancel(told[0].call);
	assert_int_equal(f->told, 0);
	turn(f);
	assert_int_equal(f->told, 2);
	for (size_t i = 2; i < ELEMENTS(told); i++) {
		assert_int_equal(told[i].n, 1);
		assert_int_equal(told[i].error, CLOUD_UNREACHABLE);
		assert_string_equal(told[i].why, "Cannot allocate memory");
	}
	assert_int_equal(told[1].n, 0);
}

static void cancelled_calls_are_silent(void **state)
{
	struct fixture *f = *state;
	struct told flying[2] = {{0}}, waiting[3] = {{0}}, token = {0}, paused = {0};

	assert_null(cloud_cancel(NULL));
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(start(f, &flying[i], READING, CLOUD_COMMAND, 0), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(start(f, &waiting[i], WRITING, CLOUD_COMMAND, 0), 0);

	/* One that waits. */
	waiting[0].call = cloud_cancel(waiting[0].call);
	turn(f);
	assert_int_equal(f->http->n_sent, 2);
	/* One on its way, whose place goes to the next. */
	flying[0].call = cloud_cancel(flying[0].call);
	assert_true(f->http->sent[0].cancelled);
	turn(f);
	assert_int_equal(f->http->n_sent, 3);
	flying[1].call = cloud_cancel(flying[1].call);
	waiting[1].call = cloud_cancel(waiting[1].call);
	waiting[2].call = cloud_cancel(waiting[2].call);
	turn(f);
	assert_int_equal(f->http->flying, 0);

	/* One that waits for a token. */
	f->token->current = NULL;
	assert_int_equal(start(f, &token, READING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(f->token->waiting, 1);
	token.call = cloud_cancel(token.call);
	assert_int_equal(f->token->waiting, 0);
	wire_token(f->token, TOKEN_READY, "token-two");

	/* One that is about to be repeated. */
	assert_int_equal(start(f, &paused, READING, CLOUD_COMMAND, 0), 0);
	end_as(f, f->http->n_sent - 1, HTTP_NOT_SENT);
	paused.call = cloud_cancel(paused.call);
	pass(f, 300 * USEC_PER_MSEC);
	assert_int_equal(f->http->flying, 0);
	assert_int_equal(f->told, 0);
}

static struct told *victim;

static void cancel_victim(struct told *told)
{
	victim->call = cloud_cancel(victim->call);
}

static void a_callback_may_cancel_others(void **state)
{
	struct fixture *f = *state;
	struct told first = {.then = cancel_victim}, second = {0}, third = {0};

	/* One that is on its way. */
	victim = &second;
	assert_int_equal(start(f, &first, READING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &second, READING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &third, READING, CLOUD_COMMAND, 0), 0);
	wire_answer(f->http, 0, 200, SUCCESS);
	assert_true(f->http->sent[1].cancelled);
	turn(f);
	assert_int_equal(f->http->flying, 1);
	/* The one whose turn is next. */
	victim = &third;
	assert_int_equal(start(f, &first, READING, CLOUD_COMMAND, 0), 0);
	second = (struct told){0};
	wire_answer(f->http, 3, 200, SUCCESS);
	turn(f);
	assert_int_equal(f->http->flying, 0);
	assert_int_equal(first.n, 2);
	assert_int_equal(second.n + third.n, 0);
}

/* The one that is told of the cloud's state may cancel what he has: the call that brought the news is
 * gone by then, and its owner knows. */
static void the_owner_is_told_before_the_state(void **state)
{
	struct fixture *f = *state;
	struct told told = {0}, other = {0};

	assert_int_equal(start(f, &told, READING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &other, READING, CLOUD_COMMAND, 0), 0);
	f->cancel_on_state = &told;
	wire_answer(f->http, 0, 200, SUCCESS);
	assert_int_equal(told.n, 1);
	assert_int_equal(f->n_states, 1);
	f->cancel_on_state = &other;
	assert_int_equal(start(f, &told, READING, CLOUD_DOOR, 1), 0);
	end_as(f, 2, HTTP_NOT_SENT);
	assert_int_equal(f->n_states, 2);
	assert_true(f->http->sent[1].cancelled);
	assert_int_equal(other.n, 0);
}

static void shut_ends_what_was_not_sent(void **state)
{
	struct fixture *f = *state;
	struct told flying[2] = {{0}}, command = {0}, poll = {0}, paused = {0}, door = {0},
		    token = {0}, late = {0};

	assert_int_equal(start(f, &flying[0], READING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &flying[1], WRITING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &command, WRITING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &poll, READING, CLOUD_POLL, 0), 0);
	assert_int_equal(start(f, &door, OPENING, CLOUD_DOOR, 0), 0);
	assert_int_equal(start(f, &paused, OPENING, CLOUD_DOOR, 0), 0);
	end_as(f, 3, HTTP_NOT_SENT);
	f->token->current = NULL;
	assert_int_equal(start(f, &token, OPENING, CLOUD_DOOR, 0), 0);

	cloud_shut(f->cloud);
	assert_int_equal(f->told, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct told *told =
			((const struct told *[]){&command, &poll, &paused, &token})[i];

		assert_int_equal(told->n, 1);
		assert_int_equal(told->error, CLOUD_SHUTTING_DOWN);
	}
	assert_int_equal(f->token->waiting, 0);
	assert_int_equal(start(f, &late, READING, CLOUD_COMMAND, 0), CLOUD_SHUTTING_DOWN);
	assert_int_equal(start(f, &late, OPENING, CLOUD_DOOR, 0), CLOUD_SHUTTING_DOWN);
	assert_int_equal(f->n_states, 0);

	/* What is on its way is answered, but not sent again. */
	wire_answer(f->http, 2, 200, SUCCESS);
	assert_int_equal(door.error, CLOUD_OK);
	end_as(f, 0, HTTP_NO_ANSWER);
	assert_int_equal(flying[0].error, CLOUD_OUTCOME_UNKNOWN);
	f->token->current = "token-two";
	wire_answer(f->http, 1, 401, "");
	assert_int_equal(flying[1].n, 1);
	assert_int_equal(flying[1].error, CLOUD_SHUTTING_DOWN);
	turn(f);
	assert_int_equal(f->http->n_sent, 4);
	assert_int_equal(f->told, 7);
	/* Twice is as good as once. */
	cloud_shut(f->cloud);
	assert_int_equal(f->told, 7);
}

static void shut_bears_cancelling_callbacks(void **state)
{
	struct fixture *f = *state;
	struct told told[5] = {{0}};

	f->token->current = NULL;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(start(f, &told[i], WRITING, CLOUD_COMMAND, 0), 0);
	/* The first to wait for a place cancels the first to wait for a token. */
	told[2].then = cancel_victim;
	victim = &told[0];
	cloud_shut(f->cloud);
	turn(f);
	assert_int_equal(told[0].n, 0);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(told[i].error, CLOUD_SHUTTING_DOWN);
	assert_int_equal(f->told, 3);
	assert_int_equal(f->http->n_sent, 0);
}

/* The fixture looks that nobody is told and nothing is left. */
static void freed_with_calls_in_every_phase(void **state)
{
	struct fixture *f = *state;
	static struct told told[6];

	memset(told, 0, sizeof(told));
	assert_int_equal(start(f, &told[0], READING, CLOUD_COMMAND, 0), 0);
	assert_int_equal(start(f, &told[1], READING, CLOUD_COMMAND, 0), 0);
	end_as(f, 1, HTTP_NOT_SENT);
	assert_int_equal(
		start(f, &told[2], READING, CLOUD_COMMAND, clock_boot_usec() + USEC_PER_SEC), 0);
	assert_int_equal(start(f, &told[3], READING, CLOUD_POLL, 0), 0);
	f->token->current = NULL;
	assert_int_equal(
		start(f, &told[4], OPENING, CLOUD_DOOR, clock_boot_usec() + USEC_PER_SEC), 0);
	assert_int_equal(f->http->flying, 1);
	assert_int_equal(f->token->waiting, 1);
	assert_null(cloud_free(NULL));
}

static void errors_have_the_contracts_names(void **state)
{
	static const char *const names[] = {
		[CLOUD_OK] = "ok",
		[CLOUD_BUSY] = "busy",
		[CLOUD_EXPIRED] = "expired",
		[CLOUD_UNREACHABLE] = "cloud_unreachable",
		[CLOUD_OUTCOME_UNKNOWN] = "outcome_unknown",
		[CLOUD_AUTH_FAILED] = "auth_failed",
		[CLOUD_REFUSED] = "cloud_error",
		[CLOUD_SHUTTING_DOWN] = "shutting_down",
		[CLOUD_ERROR_MAX] = "unknown",
	};

	for (int i = 0; i <= CLOUD_ERROR_MAX; i++)
		assert_string_equal(cloud_error_name(i), names[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(the_envelope),
		TEST(answers_are_handed_on),
		TEST(commands_before_polls_and_doors_before_all),
		TEST(nobody_is_overtaken),
		TEST(the_place_is_free_in_the_callback),
		TEST(a_command_takes_a_free_place),
		TEST(the_queue_is_bounded),
		TEST(failures_at_once_are_returned),
		TEST(failures_later_are_told),
		TEST(cancelled_calls_are_silent),
		TEST(a_callback_may_cancel_others),
		TEST(the_owner_is_told_before_the_state),
		TEST(shut_ends_what_was_not_sent),
		TEST(shut_bears_cancelling_callbacks),
		TEST(freed_with_calls_in_every_phase),
		cmocka_unit_test(errors_have_the_contracts_names),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
