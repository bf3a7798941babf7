#include "tests/sim/reply.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/fields.h"
#include "util/clock.h"

static void set_body(struct answer *a, unsigned status, char *body)
{
	a->status = status;
	a->type = "application/json";
	a->body = body;
	a->size = strlen(body);
}

/* The cloud says no: code and message are for people, success is false. */
void say_no(struct answer *a, unsigned status, int code, const char *message)
{
	struct json_object *object = must(json_object_new_object());

	add_flag(object, "success", false);
	add_number(object, "timestamp", clock_epoch_msec());
	add_number(object, "code", code);
	add_text(object, "message", message);
	set_body(a, status, into_text(object));
}

/* The cloud is done; result is JSON, and goes below "list" if as_list. */
void say_yes(const struct sim *s, struct answer *a, const char *result, bool as_list)
{
	char *body;

	if (asprintf(&body, "{\"success\":true,\"timestamp\":%" PRIi64 ",\"result\":%s%s%s}",
		    world_clock_msec(s->world), as_list ? "{\"list\":" : "", result,
		    as_list ? "}" : "") < 0)
		abort();
	set_body(a, 200, body);
}

/* Answers a request that no right client sends, and keeps it for /state. */
void say_wrong(struct sim *s, struct answer *a, unsigned status, const char *what, const char *why)
{
	(void)pthread_mutex_lock(&s->lock);
	record_wrong(s->record, what, why);
	(void)pthread_mutex_unlock(&s->lock);
	say_no(a, status, 40001, why);
	if (!s->quiet)
		(void)fprintf(stderr, "wrong request, %s: %s\n", what, why);
}

struct waiter {
	struct sim *sim;
	unsigned generation;
};

static bool is_over(void *userdata)
{
	const struct waiter *w = userdata;

	return faults_generation(w->sim->faults) != w->generation;
}

static void wait_for(
	struct sim *s, const struct request *request, unsigned msec, unsigned generation)
{
	struct waiter w = {.sim = s, .generation = generation};

	http_wait(request, msec, is_over, &w);
}

/* Takes the fault for this request, if there is one; with the lock held. */
void action_begin(struct sim *s, struct action *action, const char *on, bool is_command)
{
	faults_take(s->faults, on, is_command, &action->fault);
	action->generation = faults_generation(s->faults);
}

/* Acts and fills the answer, or fills it as the fault will have it; without the lock. Takes as long
 * as the latency and the fault say. */
void action_end(
	struct sim *s, const struct request *request, struct action *action, struct answer *a)
{
	if (fault_lets_act(&action->fault)) {
		(void)pthread_mutex_lock(&s->lock);
		action->act(s, action->context, a);
		(void)pthread_mutex_unlock(&s->lock);
		fault_deliver(&action->fault, a);
	} else {
		fault_answer(&action->fault, a);
	}
	if (s->latency_msec)
		wait_for(s, request, s->latency_msec, action->generation);
	if (action->fault.kind == FAULT_DELAY)
		wait_for(s, request, action->fault.msec, action->generation);
	if (action->fault.kind == FAULT_HANG)
		wait_for(s, request, UINT_MAX, action->generation);
	fault_done(&action->fault);
}

/* True if the request has the header with just this value. */
bool has_header(const struct request *request, const char *name, const char *value)
{
	const char *given = http_header(request, name);

	return given && strcmp(given, value) == 0;
}
