#define LOG_TOKEN "cloud"

#include "cloud/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cloud/fold.h"
#include "util/backoff.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/outage.h"
#include "util/secret.h"
#include "util/text.h"
#include "util/timer.h"

#define COMMANDS_PATH "/api/v1.0/invoke/open-ability/method/user-commands"

/* The largest answer met is a history with pictures' addresses, some 100 kB. */
#define ANSWER_MAX (2 * 1024 * 1024)

/* Commands that may wait for their turn; one more is CLOUD_BUSY. Polls are bounded by the poller,
 * which has one a home and kind. */
#define WAITING_COMMANDS_MAX 256

/* Tries of one call, where repeating it is safe. */
#define TRIES_MAX        3
#define REPEAT_WAIT_USEC (200 * USEC_PER_MSEC)

/* So many strikes in a row without any answer between them are an outage. */
#define STRIKES_OUT 3

enum phase {
	PHASE_WAITING, /* for its turn */
	PHASE_PAUSED,  /* until it is repeated */
	PHASE_TOKEN,   /* for an access token */
	PHASE_FLYING,
	PHASE_DONE,
};

struct cloud_call {
	struct cloud_call *prev, *next; /* in the list of its phase: waiting or not */
	struct cloud *cloud;
	const struct command *command;
	struct json_object *envelope;
	enum cloud_priority priority;
	uint64_t deadline;
	uint64_t started;
	cloud_done_t done;
	void *userdata;
	enum phase phase;
	unsigned tries;
	bool renewed; /* after a 401, which is allowed once */
	char *token;  /* the one it was sent with */
	struct http_request *request;
	struct token_wait *wait;
	sd_event_source *timer; /* its deadline while it waits, or the end of its pause */
};

struct call_list {
	struct cloud_call *first, *last;
	unsigned n;
};

struct cloud {
	sd_event *event;
	struct http *http;
	struct token *token;
	char *url;
	uint64_t timeout_usec;
	unsigned max_in_flight;
	cloud_state_t state_changed;
	void *userdata;
	enum cloud_state state;
	struct outage outage;
	unsigned strikes;
	struct call_list waiting[CLOUD_PRIORITY_MAX];
	struct call_list active;
	unsigned in_flight; /* active calls that count against max_in_flight: all but openings */
	bool shut;
	struct latency latency;
	int64_t last_success;
};

static void call_go(struct cloud_call *call);
static void pump(struct cloud *cloud);

static void list_append(struct call_list *list, struct cloud_call *call)
{
	call->prev = list->last;
	call->next = NULL;
	*(list->last ? &list->last->next : &list->first) = call;
	list->last = call;
	list->n++;
}

static void list_remove(struct call_list *list, struct cloud_call *call)
{
	*(call->prev ? &call->prev->next : &list->first) = call->next;
	*(call->next ? &call->next->prev : &list->last) = call->prev;
	list->n--;
}

static struct call_list *list_of(struct cloud_call *call)
{
	return call->phase == PHASE_WAITING ? &call->cloud->waiting[call->priority]
	                                    : &call->cloud->active;
}

static void set_state(struct cloud *cloud, enum cloud_state state)
{
	if (cloud->state == state)
		return;
	cloud->state = state;
	if (cloud->state_changed)
		cloud->state_changed(state, cloud->userdata);
}

static void strike(struct cloud *cloud, unsigned strikes, const char *why)
{
	cloud->strikes += strikes;
	if (cloud->strikes < STRIKES_OUT)
		return;
	outage_failed(&cloud->outage, why);
	set_state(cloud, CLOUD_STATE_OFFLINE);
}

/* What an answer says about the cloud as a whole. A command that is refused is no outage, and a
 * single one that gets no answer or a server's error may be that command's own trouble. */
static void note_state(struct cloud *cloud, const struct cloud_answer *answer)
{
	switch (answer->error) {
	case CLOUD_OK:
	case CLOUD_REFUSED:
		if (answer->http_status >= 500) {
			strike(cloud, 1, answer->why);
			break;
		}
		cloud->strikes = 0;
		outage_over(&cloud->outage);
		set_state(cloud, CLOUD_STATE_ONLINE);
		break;
	case CLOUD_UNREACHABLE:
		strike(cloud, STRIKES_OUT, answer->why);
		break;
	case CLOUD_OUTCOME_UNKNOWN:
		strike(cloud, STRIKES_OUT - 1, answer->why);
		break;
	case CLOUD_AUTH_FAILED:
		if (cloud->state != CLOUD_STATE_AUTH_FAILED)
			log_error("The cloud refuses us: %s", answer->why);
		set_state(cloud, CLOUD_STATE_AUTH_FAILED);
		break;
	case CLOUD_BUSY:
	case CLOUD_EXPIRED:
	case CLOUD_SHUTTING_DOWN:
	case CLOUD_ERROR_MAX:
		break;
	}
}

/* Takes the call out of its list and frees it; its place is free for others. */
static struct cloud_call *call_free(struct cloud_call *call)
{
	list_remove(list_of(call), call);
	if (call->phase != PHASE_WAITING && call->priority != CLOUD_DOOR)
		call->cloud->in_flight--;
	(void)http_cancel(call->request);
	(void)token_wait_cancel(call->wait);
	(void)sd_event_source_disable_unref(call->timer);
	(void)json_object_put(call->envelope);
	(void)secret_free(call->token);
	free(call);
	return NULL;
}

/* Ends the call with that answer, whose times are filled in here. */
static void call_end(struct cloud_call *call, struct cloud_answer *answer)
{
	struct cloud *cloud = call->cloud;
	cloud_done_t done = call->done;
	void *userdata = call->userdata;

	answer->elapsed_usec = clock_boot_usec() - call->started;
	if (answer->error == CLOUD_OK) {
		latency_add(&cloud->latency, answer->elapsed_usec);
		cloud->last_success = clock_epoch_msec() / 1000;
	}
	log_debug("%s: %s after %" PRIu64 " ms%s%s", call->command->name,
		cloud_error_name(answer->error), answer->elapsed_usec / 1000,
		*answer->why ? ": " : "", answer->why);
	note_state(cloud, answer);
	(void)call_free(call);
	done(answer, userdata);
	pump(cloud);
}

static void call_fail(struct cloud_call *call, enum cloud_error error, const char *why)
{
	struct cloud_answer answer = {.error = error, .why = why};

	call_end(call, &answer);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct cloud_call *call = userdata;

	if (call->phase == PHASE_PAUSED)
		call_go(call);
	else
		call_fail(call, CLOUD_EXPIRED, "its time ran out before it could be sent");
	return 0;
}

/* Ends the call at its deadline while it waits for something that has no time-out of its own. */
static void watch_deadline(struct cloud_call *call)
{
	uint64_t now = clock_boot_usec();

	if (call->deadline)
		(void)timer_arm(call->cloud->event, &call->timer,
			call->deadline > now ? call->deadline - now : 0, TIMER_EXACT, on_timer,
			call, "cloud-deadline");
}

static void on_token(enum token_result result, void *userdata)
{
	struct cloud_call *call = userdata;

	call->wait = NULL;
	timer_stop(call->timer);
	switch (result) {
	case TOKEN_READY:
		call_go(call);
		break;
	case TOKEN_REFUSED:
		call_fail(call, CLOUD_AUTH_FAILED, token_why(call->cloud->token));
		break;
	case TOKEN_UNREACHABLE:
		call_fail(call, CLOUD_UNREACHABLE, token_why(call->cloud->token));
		break;
	}
}

/* Whether the call may be sent again after that answer, and when: a write or an opening only when
 * it certainly never left; a read also when its answer was lost. */
static bool may_repeat(const struct cloud_call *call, const struct cloud_answer *answer)
{
	bool never_left = answer->error == CLOUD_UNREACHABLE;
	bool lost = answer->error == CLOUD_OUTCOME_UNKNOWN;
	uint64_t again = clock_boot_usec() + REPEAT_WAIT_USEC;

	if (call->tries >= TRIES_MAX || call->cloud->shut)
		return false;
	if (!never_left && !(lost && (call->command->flags & COMMAND_REPEATABLE)))
		return false;
	/* A poll comes again by itself, so it is only spared a line that died in its sleep. */
	if (call->priority == CLOUD_POLL)
		return lost && again < call->started + USEC_PER_SEC;
	return !call->deadline || again < call->deadline;
}

static void call_repeat(struct cloud_call *call)
{
	call->phase = PHASE_PAUSED;
	if (timer_arm(call->cloud->event, &call->timer, REPEAT_WAIT_USEC, TIMER_EXACT, on_timer,
		    call, "cloud-repeat") < 0)
		call_fail(call, CLOUD_UNREACHABLE, "out of memory");
}

static void on_answer(const struct http_answer *http, void *userdata)
{
	_cleanup_(json_freep) struct json_object *document = NULL;
	struct cloud_call *call = userdata;
	struct cloud_answer answer;

	call->request = NULL;
	fold_answer(http, &answer, &document);
	if (answer.error == CLOUD_AUTH_FAILED) {
		token_rejected(call->cloud->token, call->token);
		if (!call->renewed) {
			call->renewed = true;
			call_go(call);
			return;
		}
	} else if (may_repeat(call, &answer)) {
		call_repeat(call);
		return;
	}
	call_end(call, &answer);
}

/* Each try is a request of its own to the cloud, which may take an id it knows for a repetition. */
static int envelope_rename(struct json_object *envelope)
{
	char id[1 + 32 + 1] = "c";
	int r = text_random_hex(id + 1, 32);

	return r < 0 ? r : json_set(envelope, "id", json_object_new_string(id));
}

static int call_send(struct cloud_call *call, const char *token)
{
	struct cloud *cloud = call->cloud;
	struct http_call http = {
		.url = cloud->url,
		.bearer = token,
		.content_type = "application/json",
		.answer_max = ANSWER_MAX,
		.timeout_usec = cloud->timeout_usec,
		.send_before = call->deadline,
		.door = call->priority == CLOUD_DOOR,
	};

	if (call->tries > 0) {
		int r = envelope_rename(call->envelope);

		if (r < 0)
			return r;
	}
	http.body = json_object_to_json_string_length(call->envelope,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &http.size);
	if (!http.body)
		return -ENOMEM;
	call->token = secret_free(call->token);
	if (secret_new(&call->token, token, strlen(token)) < 0)
		return -ENOMEM;
	call->tries++;
	call->phase = PHASE_FLYING;
	return http_start(cloud->http, &call->request, &http, on_answer, call);
}

/* Sends the call, or has it wait for a token first. */
static int call_try(struct cloud_call *call)
{
	const char *token = token_current(call->cloud->token);

	if (token)
		return call_send(call, token);
	call->phase = PHASE_TOKEN;
	watch_deadline(call);
	return token_wait(call->cloud->token, &call->wait, on_token, call);
}

static void call_go(struct cloud_call *call)
{
	int r = call_try(call);

	if (r < 0)
		call_fail(call, CLOUD_UNREACHABLE, strerror(-r));
}

static int activate(struct cloud_call *call)
{
	timer_stop(call->timer);
	call->phase = PHASE_TOKEN;
	list_append(&call->cloud->active, call);
	if (call->priority != CLOUD_DOOR)
		call->cloud->in_flight++;
	return call_try(call);
}

/* Starts what waits, commands before polls, while there is room. */
static void pump(struct cloud *cloud)
{
	for (int p = 0; p < CLOUD_PRIORITY_MAX; p++)
		while (cloud->waiting[p].first && cloud->in_flight < cloud->max_in_flight) {
			struct cloud_call *call = cloud->waiting[p].first;
			int r;

			list_remove(&cloud->waiting[p], call);
			r = activate(call);
			if (r < 0)
				call_fail(call, CLOUD_UNREACHABLE, strerror(-r));
		}
}

static int envelope_new(
	struct json_object **ret, const struct command *command, struct json_object *param)
{
	_cleanup_(json_freep) struct json_object *envelope = json_object_new_object();
	int r;

	r = json_set(envelope, "command", json_object_new_string(command->name));
	if (r == 0)
		r = envelope_rename(envelope);
	if (r == 0)
		r = json_set(envelope, "param",
			param ? json_object_get(param) : json_object_new_object());
	if (r < 0)
		return r;
	*ret = TAKE_PTR(envelope);
	return 0;
}

/* Calls a command. param: checked by the caller (param_check()), shared with it, NULL for {}; not
 * to be changed while the call lives. deadline: clock_boot_usec() by which it must have been sent,
 * 0 for none. done is called exactly once, from the loop; *ret is then gone. CLOUD_BUSY and
 * CLOUD_SHUTTING_DOWN are returned at once, without a callback. */
int cloud_start(struct cloud *cloud, struct cloud_call **ret, const struct command *command,
	struct json_object *param, enum cloud_priority priority, uint64_t deadline,
	cloud_done_t done, void *userdata)
{
	struct cloud_call *call;
	int r;

	if (cloud->shut)
		return CLOUD_SHUTTING_DOWN;
	if (priority == CLOUD_COMMAND && cloud->waiting[priority].n >= WAITING_COMMANDS_MAX)
		return CLOUD_BUSY;
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->cloud = cloud;
	call->command = command;
	call->priority = priority;
	call->deadline = deadline;
	call->done = done;
	call->userdata = userdata;
	call->started = clock_boot_usec();
	r = envelope_new(&call->envelope, command, param);
	if (r < 0) {
		free(call);
		return r;
	}
	if (priority == CLOUD_DOOR || cloud->in_flight < cloud->max_in_flight) {
		r = activate(call);
		if (r < 0) {
			(void)call_free(call);
			return r;
		}
	} else {
		call->phase = PHASE_WAITING;
		list_append(&cloud->waiting[priority], call);
		watch_deadline(call);
	}
	*ret = call;
	return 0;
}

/* Forgets the call: done is not called any more. What has left has left. Takes NULL. */
struct cloud_call *cloud_cancel(struct cloud_call *call)
{
	struct cloud *cloud;

	if (!call)
		return NULL;
	cloud = call->cloud;
	(void)call_free(call);
	if (!cloud->shut)
		pump(cloud);
	return NULL;
}

/* Ends what has not been sent with CLOUD_SHUTTING_DOWN; what is on its way may still be answered.
 * No new calls are taken. Must not be called from a callback of a call. */
void cloud_shut(struct cloud *cloud)
{
	cloud->shut = true;
	for (int p = 0; p < CLOUD_PRIORITY_MAX; p++)
		while (cloud->waiting[p].first)
			call_fail(cloud->waiting[p].first, CLOUD_SHUTTING_DOWN,
				"the gateway is stopping");
	/* From the start each time: a callback may have cancelled others. */
	for (struct cloud_call *call = cloud->active.first; call;) {
		bool unsent = call->phase != PHASE_FLYING;

		if (unsent)
			call_fail(call, CLOUD_SHUTTING_DOWN, "the gateway is stopping");
		call = unsent ? cloud->active.first : call->next;
	}
}

/* http and token must outlive the client. */
int cloud_new(struct cloud **ret, sd_event *event, struct http *http, struct token *token,
	const struct cloud_settings *settings)
{
	_cleanup_(cloud_freep) struct cloud *cloud = calloc(1, sizeof(*cloud));

	if (!cloud)
		return -ENOMEM;
	cloud->event = sd_event_ref(event);
	cloud->http = http;
	cloud->token = token;
	cloud->timeout_usec = settings->timeout_usec;
	cloud->max_in_flight = settings->max_in_flight;
	cloud->state_changed = settings->state_changed;
	cloud->userdata = settings->userdata;
	cloud->outage.what = "The cloud";
	if (asprintf(&cloud->url, "%s" COMMANDS_PATH, settings->url) < 0) {
		cloud->url = NULL;
		return -ENOMEM;
	}
	*ret = TAKE_PTR(cloud);
	return 0;
}

/* Calls that are left end without their callback. */
struct cloud *cloud_free(struct cloud *cloud)
{
	if (!cloud)
		return NULL;
	cloud->shut = true;
	for (int p = 0; p < CLOUD_PRIORITY_MAX; p++)
		while (cloud->waiting[p].first)
			(void)call_free(cloud->waiting[p].first);
	while (cloud->active.first)
		(void)call_free(cloud->active.first);
	(void)sd_event_unref(cloud->event);
	free(cloud->url);
	free(cloud);
	return NULL;
}

enum cloud_state cloud_state(const struct cloud *cloud)
{
	return cloud->state;
}

const struct latency *cloud_latency(const struct cloud *cloud)
{
	return &cloud->latency;
}

/* Seconds since 1970 of the last call that succeeded, 0 if none did. */
int64_t cloud_last_success(const struct cloud *cloud)
{
	return cloud->last_success;
}

/* The error's code in answers, by the contract. */
const char *cloud_error_name(enum cloud_error error)
{
	switch (error) {
	case CLOUD_OK:
		return "ok";
	case CLOUD_BUSY:
		return "busy";
	case CLOUD_EXPIRED:
		return "expired";
	case CLOUD_UNREACHABLE:
		return "cloud_unreachable";
	case CLOUD_OUTCOME_UNKNOWN:
		return "outcome_unknown";
	case CLOUD_AUTH_FAILED:
		return "auth_failed";
	case CLOUD_REFUSED:
		return "cloud_error";
	case CLOUD_SHUTTING_DOWN:
		return "shutting_down";
	case CLOUD_ERROR_MAX:
		break;
	}
	return "unknown";
}
