#include "tests/unit/cmocka-all.h"

#include "tests/unit/cloud_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/fake_time.h"
#include "util/clock.h"
#include "util/json.h"

#define EPOCH_MSEC INT64_C(1900000000000)

static bool starting;

static void keep(char *text, size_t size, const char *from)
{
	assert_in_range(snprintf(text, size, "%s", from ? from : "(none)"), 0, size - 1);
}

static void on_done(const struct cloud_answer *answer, void *userdata)
{
	struct told *told = userdata;

	assert_false(starting);
	assert_non_null(told->call);
	told->call = NULL;
	told->n++;
	told->when = ++told->f->told;
	told->error = answer->error;
	told->http_status = answer->http_status;
	told->retry_after_usec = answer->retry_after_usec;
	told->elapsed_usec = answer->elapsed_usec;
	assert_non_null(answer->why);
	keep(told->why, sizeof(told->why), answer->why);
	keep(told->code, sizeof(told->code), answer->code);
	keep(told->message, sizeof(told->message), answer->message);
	keep(told->result, sizeof(told->result),
		answer->result
			? json_object_to_json_string_ext(answer->result, JSON_C_TO_STRING_PLAIN)
			: NULL);
	if (told->then)
		told->then(told);
}

static void on_state(enum cloud_state state, void *userdata)
{
	struct fixture *f = userdata;

	assert_false(starting);
	assert_true(f->n_states < sizeof(f->states) / sizeof(f->states[0]));
	assert_int_equal(cloud_state(f->cloud), state);
	f->states[f->n_states++] = state;
	if (f->cancel_on_state)
		f->cancel_on_state->call = cloud_cancel(f->cancel_on_state->call);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct cloud_settings settings = {
		.url = "https://cloud.example",
		.timeout_usec = 10 * USEC_PER_SEC,
		.max_in_flight = 2,
		.state_changed = on_state,
		.userdata = f,
	};

	assert_non_null(f);
	time_start(EPOCH_MSEC);
	f->http = calloc(1, sizeof(*f->http));
	f->token = calloc(1, sizeof(*f->token));
	assert_true(f->http && f->token);
	f->token->current = "token-one";
	assert_true(sd_event_new(&f->event) >= 0);
	assert_int_equal(cloud_new(&f->cloud, f->event, f->http, f->token, &settings), 0);
	assert_int_equal(cloud_state(f->cloud), CLOUD_STATE_UNKNOWN);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	unsigned told = f->told;

	f->cloud = cloud_free(f->cloud);
	/* Nothing is left behind, and nobody was told in the end. */
	assert_int_equal(f->told, told);
	assert_int_equal(f->http->flying, 0);
	assert_int_equal(f->token->waiting, 0);
	turn(f);
	assert_int_equal(f->told, told);
	wire_clear(f->http);
	free(f->http);
	free(f->token);
	time_end();
	(void)sd_event_unref(f->event);
	free(f);
	return 0;
}

int start_with(struct fixture *f, struct told *told, const char *command, const char *param,
	enum cloud_priority priority, uint64_t deadline)
{
	_cleanup_(json_freep) struct json_object *object = NULL;
	const struct command *row = catalog_find(command);
	unsigned n = f->told;
	int r;

	assert_non_null(row);
	assert_null(told->call);
	if (param)
		assert_int_equal(json_parse(&object, param, strlen(param)), 0);
	told->f = f;
	starting = true;
	r = cloud_start(f->cloud, &told->call, row, object, priority, deadline, on_done, told);
	starting = false;
	assert_int_equal(f->told, n);
	assert_int_equal(told->call != NULL, r == 0);
	return r;
}

int start(struct fixture *f, struct told *told, const char *command, enum cloud_priority priority,
	uint64_t deadline)
{
	return start_with(f, told, command, "{\"residence_id\":\"r1\"}", priority, deadline);
}

/* Lets so much time pass, and what is due meanwhile happen. */
void pass(struct fixture *f, uint64_t usec)
{
	time_pass(f->event, usec);
}

/* What is due now. */
void turn(struct fixture *f)
{
	pass(f, 0);
}

/* Ends the i-th request without an answer. */
void end_as(struct fixture *f, size_t i, enum http_end end)
{
	const struct http_answer answer = {.end = end, .body = "", .why = "as the wire says"};

	wire_end(f->http, i, &answer);
}

/* Two requests are tries of one call: the same but for the id, which is a new one. */
void assert_tried_again(const struct fixture *f, size_t first, size_t again)
{
	_cleanup_(json_freep) struct json_object *a = NULL, *b = NULL;
	const char *one = f->http->sent[first].body, *other = f->http->sent[again].body;

	assert_int_equal(json_parse(&a, one, strlen(one)), 0);
	assert_int_equal(json_parse(&b, other, strlen(other)), 0);
	assert_string_not_equal(json_text(a, "id"), json_text(b, "id"));
	json_object_object_del(a, "id");
	json_object_object_del(b, "id");
	assert_int_equal(json_object_object_length(a), 2);
	assert_true(json_object_equal(a, b));
}
