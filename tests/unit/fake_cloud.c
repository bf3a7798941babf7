#include "tests/unit/cmocka-all.h"

#include "tests/unit/fake_cloud.h"

#include <stdlib.h>
#include <string.h>

#include "util/json.h"

struct cloud {
	enum cloud_state state;
	int refuse;
	unsigned started;
	struct cloud_call *first; /* the oldest */
	struct latency latency;
};

struct cloud *fake_cloud_new(void)
{
	struct cloud *cloud = calloc(1, sizeof(*cloud));

	assert_non_null(cloud);
	cloud->state = CLOUD_STATE_ONLINE;
	return cloud;
}

int cloud_new(struct cloud **ret, sd_event *event, struct http *http, struct token *token,
	const struct cloud_settings *settings)
{
	*ret = fake_cloud_new();
	return 0;
}

int cloud_move(struct cloud *cloud, struct http *http, struct token *token,
	const struct cloud_settings *settings)
{
	return 0;
}

struct cloud *cloud_free(struct cloud *cloud)
{
	if (!cloud)
		return NULL;
	while (cloud->first)
		(void)cloud_cancel(cloud->first);
	free(cloud);
	return NULL;
}

/* Tells nobody: that is the test's. */
void fake_cloud_set_state(struct cloud *cloud, enum cloud_state state)
{
	cloud->state = state;
}

/* What starting a call returns from now on; 0: it is taken. */
void fake_cloud_refuse(struct cloud *cloud, int result)
{
	cloud->refuse = result;
}

int cloud_start(struct cloud *cloud, struct cloud_call **ret, const struct command *command,
	struct json_object *param, enum cloud_priority priority, uint64_t deadline,
	cloud_done_t done, void *userdata)
{
	struct cloud_call *call, **end = &cloud->first;

	if (cloud->refuse)
		return cloud->refuse;
	assert_non_null(command);
	call = calloc(1, sizeof(*call));
	assert_non_null(call);
	*call = (struct cloud_call){
		.cloud = cloud,
		.command = command,
		.param = strdup(json_object_to_json_string_ext(param, JSON_C_TO_STRING_PLAIN)),
		.priority = priority,
		.deadline = deadline,
		.done = done,
		.userdata = userdata,
	};
	assert_non_null(call->param);
	while (*end)
		end = &(*end)->next;
	*end = call;
	cloud->started++;
	*ret = call;
	return 0;
}

static void call_free(struct cloud_call *call)
{
	struct cloud_call **p = &call->cloud->first;

	while (*p != call) {
		assert_non_null(*p);
		p = &(*p)->next;
	}
	*p = call->next;
	free(call->param);
	free(call);
}

struct cloud_call *cloud_cancel(struct cloud_call *call)
{
	if (call)
		call_free(call);
	return NULL;
}

/* How many calls were ever taken. */
unsigned fake_cloud_started(const struct cloud *cloud)
{
	return cloud->started;
}

/* How many of them wait for an answer. */
unsigned fake_cloud_open(const struct cloud *cloud)
{
	unsigned n = 0;

	for (const struct cloud_call *call = cloud->first; call; call = call->next)
		n++;
	return n;
}

struct cloud_call *fake_cloud_oldest(struct cloud *cloud)
{
	assert_non_null(cloud->first);
	return cloud->first;
}

/* The oldest open call of that command whose param contains a text; NULL: there is none. */
struct cloud_call *fake_cloud_find(struct cloud *cloud, const char *command, const char *in_param)
{
	for (struct cloud_call *call = cloud->first; call; call = call->next)
		if (strcmp(call->command->name, command) == 0 && strstr(call->param, in_param))
			return call;
	return NULL;
}

/* As the client does it: the call is gone when done() runs. */
void fake_cloud_answer(struct cloud_call *call, const struct cloud_answer *answer)
{
	cloud_done_t done = call->done;
	void *userdata = call->userdata;

	call_free(call);
	done(answer, userdata);
}

/* result: JSON. */
void fake_cloud_succeed(struct cloud_call *call, const char *result)
{
	_cleanup_(json_freep) struct json_object *object = NULL;
	struct cloud_answer answer = {.error = CLOUD_OK, .http_status = 200, .why = ""};

	assert_int_equal(json_parse(&object, result, strlen(result)), 0);
	answer.result = object;
	fake_cloud_answer(call, &answer);
}

void fake_cloud_end(struct cloud_call *call, enum cloud_error error)
{
	fake_cloud_answer(call, &(struct cloud_answer){.error = error, .why = "so it is"});
}

enum cloud_state cloud_state(const struct cloud *cloud)
{
	return cloud->state;
}

const struct latency *cloud_latency(const struct cloud *cloud)
{
	return &cloud->latency;
}

int64_t cloud_last_success(const struct cloud *cloud)
{
	return cloud->started > 0 ? 1900000000 : 0;
}

/* By the contract's table of error codes. */
const char *cloud_error_name(enum cloud_error error)
{
	static const char *const names[CLOUD_ERROR_MAX] = {
		[CLOUD_OK] = "ok",
		[CLOUD_BUSY] = "busy",
		[CLOUD_EXPIRED] = "expired",
		[CLOUD_UNREACHABLE] = "cloud_unreachable",
		[CLOUD_OUTCOME_UNKNOWN] = "outcome_unknown",
		[CLOUD_AUTH_FAILED] = "auth_failed",
		[CLOUD_REFUSED] = "cloud_error",
		[CLOUD_SHUTTING_DOWN] = "shutting_down",
	};

	return names[error];
}
