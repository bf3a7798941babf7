#define LOG_TOKEN "cloud"

#include "cloud/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "cloud/fold.h"
#include "cloud/health.h"
#include "util/clock.h"
#include "util/deferred.h"
#include "util/json.h"
#include "util/log.h"
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

enum phase {
	PHASE_WAITING, /* for its turn */
	PHASE_PAUSED,  /* until it is repeated */
	PHASE_TOKEN,   /* for an access token */
	PHASE_FLYING,
};

struct cloud_call {
	TAILQ_ENTRY(cloud_call) list; /* waiting or active, by its phase */
	struct cloud *cloud;
	const struct command *command;
	struct json_object *param; /* NULL for {} */
	enum cloud_priority priority;
	uint64_t deadline;
	uint64_t started;
	uint64_t sent; /* its last try */
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

TAILQ_HEAD(call_list, cloud_call);

struct cloud {
	sd_event *event;
	struct http *http;
	struct token *token;
	char *url;
	uint64_t timeout_usec;
	unsigned max_in_flight;
	cloud_state_t state_changed;
	void *userdata;
	struct health health;
	struct call_list waiting[CLOUD_PRIORITY_MAX];
	unsigned n_waiting_commands;
	struct call_list active;
	unsigned in_flight; /* active calls that count against max_in_flight: all but openings */
	sd_event_source *pump;
	bool shut;
	struct latency latency;
	int64_t last_success;
};

static void call_go(struct cloud_call *call);

static void wait_enter(struct cloud_call *call)
{
	struct cloud *cloud = call->cloud;

	call->phase = PHASE_WAITING;
	TAILQ_INSERT_TAIL(&cloud->waiting[call->priority], call, list);
	cloud->n_waiting_commands += call->priority == CLOUD_COMMAND;
}

static void wait_leave(struct cloud_call *call)
{
	struct cloud *cloud = call->cloud;

	TAILQ_REMOVE(&cloud->waiting[call->priority], call, list);
	cloud->n_waiting_commands -= call->priority == CLOUD_COMMAND;
}

static void active_enter(struct cloud_call *call)
{
	call->phase = PHASE_TOKEN;
	TAILQ_INSERT_TAIL(&call->cloud->active, call, list);
	call->cloud->in_flight += call->priority != CLOUD_DOOR;
}

static void active_leave(struct cloud_call *call)
{
	TAILQ_REMOVE(&call->cloud->active, call, list);
	call->cloud->in_flight -= call->priority != CLOUD_DOOR;
}

/* The call whose turn is next; NULL if none waits. */
static struct cloud_call *first_waiting(const struct cloud *cloud)
{
	for (int p = 0; p < CLOUD_PRIORITY_MAX; p++)
		if (!TAILQ_EMPTY(&cloud->waiting[p]))
			return TAILQ_FIRST(&cloud->waiting[p]);
	return NULL;
}

static bool has_room(const struct cloud *cloud)
{
	return cloud->in_flight < cloud->max_in_flight;
}

/* Whoever gives a place free may be a caller that is in the midst of its own lists, so the next call
 * is started from the loop. */
static void pump_soon(struct cloud *cloud)
{
	if (has_room(cloud) && first_waiting(cloud))
		deferred_wake(cloud->pump);
}

/* Takes the call out of its list and frees it; its place is free for others. */
static struct cloud_call *call_free(struct cloud_call *call)
{
	if (call->phase == PHASE_WAITING)
		wait_leave(call);
	else
		active_leave(call);
	(void)http_cancel(call->request);
	(void)token_wait_cancel(call->wait);
	(void)sd_event_source_disable_unref(call->timer);
	(void)json_object_put(call->param);
	(void)secret_free(call->token);
	free(call);
	return NULL;
}

/* Ends the call with that answer, whose times are filled in here. The call is gone before anybody
 * is told, and its owner is told first: whoever hears of the cloud's state may cancel what he has. */
static void call_end(struct cloud_call *call, struct cloud_answer *answer)
{
	struct cloud *cloud = call->cloud;
	enum cloud_state before = cloud->health.state;
	cloud_done_t done = call->done;
	void *userdata = call->userdata;
	uint64_t now = clock_boot_usec();

	answer->elapsed_usec = now - call->started;
	if (answer->error == CLOUD_OK) {
		latency_add(&cloud->latency, now - call->sent);
		cloud->last_success = clock_epoch_msec() / 1000;
	}
	log_debug("%s: %s after %" PRIu64 " ms%s%s", call->command->name,
		cloud_error_name(answer->error), answer->elapsed_usec / 1000,
		*answer->why ? ": " : "", answer->why);
	health_note(&cloud->health, answer, call->sent);
	(void)call_free(call);
	done(answer, userdata);
	if (cloud->health.state != before && cloud->state_changed)
		cloud->state_changed(cloud->health.state, cloud->userdata);
	pump_soon(cloud);
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

static int call_wake(struct cloud_call *call, uint64_t wait_usec)
{
	return timer_arm(call->cloud->event, &call->timer, wait_usec, TIMER_EXACT, on_timer, call,
		"cloud-call");
}

/* Ends the call at its deadline while it waits for something that has no time-out of its own. */
static int watch_deadline(struct cloud_call *call)
{
	uint64_t now = clock_boot_usec();

	if (!call->deadline)
		return 0;
	return call_wake(call, call->deadline > now ? call->deadline - now : 0);
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

/* Whether the call may be sent again after that end, and when: a write or an opening only when it
 * certainly never left; a read also when its answer was lost. */
static bool may_repeat(const struct cloud_call *call, enum http_end end)
{
	bool never_left = end == HTTP_NOT_SENT;
	bool lost = end == HTTP_NO_ANSWER;
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
	int r;

	call->phase = PHASE_PAUSED;
	r = call_wake(call, REPEAT_WAIT_USEC);
	if (r < 0)
		call_fail(call, CLOUD_UNREACHABLE, strerror(-r));
}

/* A 401 came: nothing was done. The token is told, and the call goes once more with another. */
static void call_renew(struct cloud_call *call, struct cloud_answer *answer)
{
	struct cloud *cloud = call->cloud;

	token_rejected(cloud->token, call->token);
	if (cloud->shut) {
		call_fail(call, CLOUD_SHUTTING_DOWN, "the gateway is stopping");
	} else if (call->renewed) {
		call_end(call, answer);
	} else {
		call->renewed = true;
		call_go(call);
	}
}

static void on_answer(const struct http_answer *http, void *userdata)
{
	_cleanup_(json_freep) struct json_object *document = NULL;
	struct cloud_call *call = userdata;
	struct cloud_answer answer;

	call->request = NULL;
	fold_answer(http, &answer, &document);
	/* Something came that nobody can read, so nobody knows what a write has done. */
	if (http->end == HTTP_BAD_ANSWER && !(call->command->flags & COMMAND_REPEATABLE))
		answer.error = CLOUD_OUTCOME_UNKNOWN;
	if (answer.error == CLOUD_AUTH_FAILED)
		call_renew(call, &answer);
	else if (may_repeat(call, http->end))
		call_repeat(call);
	else
		call_end(call, &answer);
}

/* What is sent; the caller frees it with secret_free(). Each try is a request of its own to the cloud,
 * which may take an id it knows for a repetition. */
static int call_write(const struct cloud_call *call, char **ret, size_t *ret_size)
{
	const char *param = "{}";
	char id[32 + 1];
	size_t size;
	char *text;
	int r;

	r = text_random_hex(id, 32);
	if (r == 0 && call->param)
		r = json_print(call->param, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
			&param, &size);
	if (r < 0)
		return r;
	r = asprintf(&text, "{\"command\":\"%s\",\"id\":\"c%s\",\"param\":%s}", call->command->name,
		id, param);
	if (r < 0)
		return -ENOMEM;
	*ret = text;
	*ret_size = (size_t)r;
	return 0;
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
	_cleanup_secret_ char *body = NULL;
	int r;

	r = call_write(call, &body, &http.size);
	if (r < 0)
		return r;
	http.body = body;
	call->token = secret_free(call->token);
	if (secret_new(&call->token, token, strlen(token)) < 0)
		return -ENOMEM;
	call->tries++;
	call->sent = clock_boot_usec();
	call->phase = PHASE_FLYING;
	return http_start(cloud->http, &call->request, &http, on_answer, call);
}

/* Sends the call, or has it wait for a token first. */
static int call_try(struct cloud_call *call)
{
	const char *token = token_current(call->cloud->token);
	int r;

	if (token)
		return call_send(call, token);
	call->phase = PHASE_TOKEN;
	r = watch_deadline(call);
	if (r < 0)
		return r;
	return token_wait(call->cloud->token, &call->wait, on_token, call);
}

static void call_go(struct cloud_call *call)
{
	int r = call_try(call);

	if (r < 0)
		call_fail(call, CLOUD_UNREACHABLE, strerror(-r));
}

/* Starts what waits, commands before polls, while there is room. */
static int on_pump(sd_event_source *source, void *userdata)
{
	struct cloud *cloud = userdata;
	struct cloud_call *call;

	while (has_room(cloud) && (call = first_waiting(cloud))) {
		timer_stop(call->timer);
		wait_leave(call);
		active_enter(call);
		call_go(call);
	}
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
	const struct cloud_call *first = first_waiting(cloud);
	/* Nobody who came before is overtaken, but by his betters. */
	bool at_once = has_room(cloud) && (!first || first->priority > priority);
	struct cloud_call *call;
	int r;

	if (cloud->shut)
		return CLOUD_SHUTTING_DOWN;
	if (priority == CLOUD_COMMAND && cloud->n_waiting_commands >= WAITING_COMMANDS_MAX)
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
	call->param = json_object_get(param);
	if (priority == CLOUD_DOOR || at_once) {
		active_enter(call);
		r = call_try(call);
	} else {
		wait_enter(call);
		r = watch_deadline(call);
	}
	if (r < 0) {
		(void)call_free(call);
		return r;
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
	pump_soon(cloud);
	return NULL;
}

static struct cloud_call *first_unsent(const struct cloud *cloud)
{
	struct cloud_call *call = first_waiting(cloud);

	if (call)
		return call;
	TAILQ_FOREACH (call, &cloud->active, list)
		if (call->phase != PHASE_FLYING)
			return call;
	return NULL;
}

/* Ends what has not been sent with CLOUD_SHUTTING_DOWN; what is on its way may still be answered.
 * No new calls are taken. Must not be called from a callback of a call. */
void cloud_shut(struct cloud *cloud)
{
	struct cloud_call *call;

	cloud->shut = true;
	/* From the start each time: a callback may have cancelled others. */
	while ((call = first_unsent(cloud)))
		call_fail(call, CLOUD_SHUTTING_DOWN, "the gateway is stopping");
}

static void take_settings(struct cloud *cloud, struct http *http, struct token *token,
	const struct cloud_settings *settings)
{
	cloud->http = http;
	cloud->token = token;
	cloud->timeout_usec = settings->timeout_usec;
	cloud->max_in_flight = settings->max_in_flight;
	cloud->state_changed = settings->state_changed;
	cloud->userdata = settings->userdata;
}

static int url_of_commands(char **ret, const char *cloud_url)
{
	char *url;

	if (asprintf(&url, "%s" COMMANDS_PATH, cloud_url) < 0)
		return -ENOMEM;
	*ret = url;
	return 0;
}

/* From now on calls go another way. Who waits for a token gets the new one; what is on its way by the
 * old http is answered there: it must stay until it is not busy. Not from a callback of a call. */
int cloud_move(struct cloud *cloud, struct http *http, struct token *token,
	const struct cloud_settings *settings)
{
	struct cloud_call *call;
	char *url;
	int r;

	r = url_of_commands(&url, settings->url);
	if (r < 0)
		return r;
	free(cloud->url);
	cloud->url = url;
	take_settings(cloud, http, token, settings);
	TAILQ_FOREACH (call, &cloud->active, list)
		if (call->wait) {
			call->wait = token_wait_cancel(call->wait);
			call->phase = PHASE_PAUSED;
			(void)call_wake(call, 0);
		}
	pump_soon(cloud);
	return 0;
}

/* http and token must outlive the client, or until cloud_move(). */
int cloud_new(struct cloud **ret, sd_event *event, struct http *http, struct token *token,
	const struct cloud_settings *settings)
{
	_cleanup_(cloud_freep) struct cloud *cloud = calloc(1, sizeof(*cloud));
	int r;

	if (!cloud)
		return -ENOMEM;
	for (int p = 0; p < CLOUD_PRIORITY_MAX; p++)
		TAILQ_INIT(&cloud->waiting[p]);
	TAILQ_INIT(&cloud->active);
	cloud->event = sd_event_ref(event);
	take_settings(cloud, http, token, settings);
	cloud->health.outage.what = "The cloud";
	r = url_of_commands(&cloud->url, settings->url);
	if (r < 0)
		return r;
	r = deferred_new(&cloud->pump, event, on_pump, cloud, "cloud-pump", 0);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(cloud);
	return 0;
}

/* Calls that are left end without their callback. Must not be called from a callback of a call. */
struct cloud *cloud_free(struct cloud *cloud)
{
	if (!cloud)
		return NULL;
	for (struct cloud_call *call; (call = first_waiting(cloud));)
		(void)call_free(call);
	while (!TAILQ_EMPTY(&cloud->active))
		(void)call_free(TAILQ_FIRST(&cloud->active));
	(void)sd_event_source_disable_unref(cloud->pump);
	(void)sd_event_unref(cloud->event);
	free(cloud->url);
	free(cloud);
	return NULL;
}

enum cloud_state cloud_state(const struct cloud *cloud)
{
	return cloud->health.state;
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

	return error < CLOUD_ERROR_MAX && names[error] ? names[error] : "unknown";
}
