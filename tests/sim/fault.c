#include "tests/sim/fault.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <json-c/arraylist.h>

#include "tests/sim/commands.h"
#include "tests/sim/fields.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/json.h"

#define HUGE_DEFAULT (8 * 1024 * 1024)
#define HUGE_MAX     (256 * 1024 * 1024)

/* acts: what was asked for is done all the same. */
static const struct {
	const char *name;
	bool acts;
} kinds[] = {
	[FAULT_NONE] = {"", true},
	[FAULT_DELAY] = {"delay", true},
	[FAULT_HANG] = {"hang", false},
	[FAULT_DROP_BEFORE] = {"drop_before", false},
	[FAULT_DROP_AFTER] = {"drop_after", true},
	[FAULT_STATUS] = {"status", false},
	[FAULT_WRONG_JSON] = {"wrong_json", false},
	[FAULT_NO_SUCCESS] = {"no_success", false},
	[FAULT_REFUSE] = {"refuse", false},
	[FAULT_HUGE] = {"huge", false},
	[FAULT_TRUNCATE] = {"truncate", true},
	[FAULT_SLOW] = {"slow", true},
	[FAULT_CLOSE] = {"close", true},
	[FAULT_SLOW_HEAD] = {"slow_head", true},
	[FAULT_ENDLESS] = {"endless", true},
};

struct queued {
	struct fault fault;
	char *on;
	int64_t count; /* how often still, negative: until cleared */
};

struct faults {
	struct array_list *queue;
	atomic_uint generation; /* goes up when waiting ones are to wake */
};

static void queued_free(void *p)
{
	struct queued *q = p;

	free(q->fault.body);
	free(q->on);
	free(q);
}

struct faults *faults_new(void)
{
	struct faults *f = must(calloc(1, sizeof(*f)));

	f->queue = must(array_list_new(queued_free));
	return f;
}

struct faults *faults_free(struct faults *f)
{
	if (!f)
		return NULL;
	array_list_free(f->queue);
	free(f);
	return NULL;
}

static bool find_kind(const char *name, enum fault_kind *ret)
{
	for (size_t i = FAULT_NONE + 1; i < ELEMENTS(kinds); i++)
		if (name && strcmp(kinds[i].name, name) == 0) {
			*ret = (enum fault_kind)i;
			return true;
		}
	return false;
}

static bool is_target(const char *on)
{
	static const char *const words[] = {"*", "token", "versions", "picture", "connect"};

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (strcmp(words[i], on) == 0)
			return true;
	return command_find(on);
}

static bool read_number(
	struct json_object *args, const char *name, int64_t most, int64_t fallback, unsigned *ret)
{
	struct json_object *value = json_get(args, name);
	int64_t number = value ? json_object_get_int64(value) : fallback;

	if (number < 0 || number > most)
		return false;
	*ret = (unsigned)number;
	return true;
}

/* Queues a fault as POST /fault describes it; the types of args were checked. False: *ret_why says
 * what is wrong, nothing was queued. */
bool faults_queue(struct faults *f, struct json_object *args, const char **ret_why)
{
	struct json_object *count = json_get(args, "count");
	const char *on = json_text(args, "on"), *kind = json_text(args, "kind");
	const char *body = json_text(args, "body");
	struct fault fault = {.kind = FAULT_CLOSE};
	struct queued *q;

	*ret_why = NULL;
	if (!is_target(on))
		*ret_why = "\"on\" is neither a command nor *, token, versions, picture, connect";
	else if (kind ? !find_kind(kind, &fault.kind) : strcmp(on, "connect") != 0)
		*ret_why = "\"kind\" is none of the faults";
	else if (!read_number(args, "ms", HUGE_MAX, fault.kind == FAULT_HUGE ? HUGE_DEFAULT : 0,
			 &fault.msec))
		*ret_why = "\"ms\" is out of range";
	else if (!read_number(args, "status", fault.kind == FAULT_STATUS ? 599 : INT32_MAX, 0,
			 &fault.status) ||
		 (fault.kind == FAULT_STATUS && fault.status < 200))
		*ret_why = "\"status\" is missing or out of range";
	else if (!read_number(args, "retry_after", 1000000, 0, &fault.retry_after))
		*ret_why = "\"retry_after\" is out of range";
	if (*ret_why)
		return false;
	fault.body = body ? must(strdup(body)) : NULL;
	q = must(calloc(1, sizeof(*q)));
	q->fault = fault;
	q->on = must(strdup(on));
	q->count = count ? json_object_get_int64(count) : 1;
	(void)array_list_add(f->queue, q);
	return true;
}

/* Forgets all faults and wakes those who hang or are delayed. */
void faults_clear(struct faults *f)
{
	(void)array_list_del_idx(f->queue, 0, array_list_length(f->queue));
	(void)atomic_fetch_add(&f->generation, 1);
}

/* Changes whenever faults were cleared. May be called without the simulator's lock. */
unsigned faults_generation(struct faults *f)
{
	return atomic_load(&f->generation);
}

/* Takes the first fault for on, a command's name or one of the words; "*" stands for every
 * command. Of FAULT_NONE if there is none. fault_done() frees it. */
void faults_take(struct faults *f, const char *on, bool is_command, struct fault *ret)
{
	*ret = (struct fault){0};
	for (size_t i = 0; i < array_list_length(f->queue); i++) {
		struct queued *q = array_list_get_idx(f->queue, i);

		if (strcmp(q->on, on) != 0 && !(is_command && strcmp(q->on, "*") == 0))
			continue;
		*ret = q->fault;
		ret->body = q->fault.body ? must(strdup(q->fault.body)) : NULL;
		if (q->count > 0 && --q->count == 0)
			(void)array_list_del_idx(f->queue, i, 1);
		return;
	}
}

/* What is still queued, for /state. */
struct json_object *faults_json(const struct faults *f)
{
	struct json_object *list = must(json_object_new_array());

	for (size_t i = 0; i < array_list_length(f->queue); i++) {
		const struct queued *q = array_list_get_idx(f->queue, i);
		struct json_object *item = must(json_object_new_object());

		add_text(item, "on", q->on);
		add_text(item, "kind", kinds[q->fault.kind].name);
		add_number(item, "count", q->count);
		add_item(list, item);
	}
	return list;
}

void fault_done(struct fault *fault)
{
	free(fault->body);
	*fault = (struct fault){0};
}

/* True if the request is carried out although the fault strikes. */
bool fault_lets_act(const struct fault *fault)
{
	return kinds[fault->kind].acts;
}

static void set_body(struct answer *answer, unsigned status, const char *type, char *body)
{
	answer->status = status;
	answer->type = type;
	answer->body = body;
	answer->size = strlen(body);
}

static char *huge_body(size_t size)
{
	static const char start[] = "{\"success\":true,\"timestamp\":0,\"result\":\"";
	char *body = must(malloc(size + sizeof(start) + 3));

	memcpy(body, start, sizeof(start) - 1);
	memset(body + sizeof(start) - 1, 'x', size);
	memcpy(body + sizeof(start) - 1 + size, "\"}", 3);
	return body;
}

static char *refusal_body(const struct fault *fault)
{
	struct json_object *object = must(json_object_new_object());

	add_flag(object, "success", false);
	add_number(object, "timestamp", clock_epoch_msec());
	add_number(object, "code", fault->status ? fault->status : 50001);
	add_text(object, "message", fault->body ? fault->body : "refused by the simulator");
	return into_text(object);
}

/* Fills the answer of a fault that does not let act. */
void fault_answer(const struct fault *fault, struct answer *answer)
{
	static const char json[] = "application/json";

	switch (fault->kind) {
	case FAULT_STATUS:
		set_body(answer, fault->status, json,
			must(strdup(fault->body ? fault->body : "{\"message\":\"simulated\"}")));
		answer->retry_after = fault->retry_after;
		break;
	case FAULT_WRONG_JSON:
		set_body(answer, 200, json,
			must(strdup(fault->body ? fault->body : "<html>gateway</html>")));
		break;
	case FAULT_NO_SUCCESS:
		set_body(answer, 200, json,
			must(strdup(fault->body
					    ? fault->body
					    : "{\"errorCode\":\"ERR_DIRECT_INVOKE\",\"message\":"
					      "\"no such app\"}")));
		break;
	case FAULT_REFUSE:
		set_body(answer, 200, json, refusal_body(fault));
		break;
	case FAULT_HUGE:
		set_body(answer, 200, json, huge_body(fault->msec));
		break;
	case FAULT_HANG:
	case FAULT_DROP_BEFORE:
		answer->delivery = DELIVER_NOTHING;
		break;
	case FAULT_NONE:
	case FAULT_DELAY:
	case FAULT_DROP_AFTER:
	case FAULT_TRUNCATE:
	case FAULT_SLOW:
	case FAULT_CLOSE:
	case FAULT_SLOW_HEAD:
	case FAULT_ENDLESS:
		break;
	}
}

/* Says how the answer of a request that was carried out is delivered. */
void fault_deliver(const struct fault *fault, struct answer *answer)
{
	switch (fault->kind) {
	case FAULT_DROP_AFTER:
		answer->delivery = DELIVER_NOTHING;
		break;
	case FAULT_TRUNCATE:
		answer->delivery = DELIVER_TRUNCATED;
		break;
	case FAULT_SLOW:
		answer->delivery = DELIVER_SLOWLY;
		answer->slow_msec = fault->msec ? fault->msec : 1;
		break;
	case FAULT_CLOSE:
		answer->delivery = DELIVER_AND_CLOSE;
		break;
	case FAULT_SLOW_HEAD:
		answer->delivery = DELIVER_HEAD_ONLY;
		answer->slow_msec = fault->msec;
		break;
	case FAULT_ENDLESS:
		answer->delivery = DELIVER_ENDLESSLY;
		answer->slow_msec = fault->msec ? fault->msec : 1;
		break;
	case FAULT_NONE:
	case FAULT_DELAY:
	case FAULT_HANG:
	case FAULT_DROP_BEFORE:
	case FAULT_STATUS:
	case FAULT_WRONG_JSON:
	case FAULT_NO_SUCCESS:
	case FAULT_REFUSE:
	case FAULT_HUGE:
		break;
	}
}
