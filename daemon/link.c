#include "daemon/link.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/exits.h"
#include "util/clock.h"
#include "util/json.h"

#define CONNECT_TIMEOUT_USEC (5 * USEC_PER_SEC)

static int open_http(struct http **ret, sd_event *event, const struct config *config)
{
	const struct http_settings settings = {
		.ca_file = config->cloud.ca_file,
		.connect_timeout_usec = CONNECT_TIMEOUT_USEC,
		/* All that may be busy at a time, the one kept for doors, and one more door. */
		.lines_max = config->cloud.max_in_flight + 2,
	};

	return http_new(ret, event, &settings);
}

static int open_token(
	struct token **ret, sd_event *event, struct http *http, const struct config *config)
{
	struct token_settings settings = config->token;
	_cleanup_free_ char *file = config_token_file(config);

	if (config->state_directory && !file)
		return -ENOMEM;
	settings.state_file = file;
	return token_new(ret, event, http, &settings);
}

static struct cloud_settings cloud_settings(
	const struct config *config, cloud_state_t changed, void *userdata)
{
	return (struct cloud_settings){
		.url = config->cloud.url,
		.timeout_usec = config->cloud.timeout_usec,
		.max_in_flight = config->cloud.max_in_flight,
		.state_changed = changed,
		.userdata = userdata,
	};
}

/* Builds the way to the cloud; nothing is sent yet. config must outlive it. link_close() also after
 * a failure. changed may be NULL. */
int link_open(struct link *link, const struct config *config, cloud_state_t changed, void *userdata)
{
	const struct cloud_settings cloud = cloud_settings(config, changed, userdata);
	int r;

	r = sd_event_new(&link->event);
	if (r < 0)
		return r;
	r = open_http(&link->http, link->event, config);
	if (r < 0)
		return r;
	r = open_token(&link->token, link->event, link->http, config);
	if (r < 0)
		return r;
	return cloud_new(&link->cloud, link->event, link->http, link->token, &cloud);
}

/* Takes another configuration over: address, certificates, token. What is on its way is answered
 * still; call link_settle() from time to time. LINK_BUSY: nothing was done; try again soon. */
int link_move(struct link *link, const struct config *config, cloud_state_t changed, void *userdata)
{
	const struct cloud_settings cloud = cloud_settings(config, changed, userdata);
	_cleanup_(http_freep) struct http *http = NULL;
	_cleanup_(token_freep) struct token *token = NULL;
	int r;

	if (!link_settle(link) || token_busy(link->token))
		return LINK_BUSY;
	r = open_http(&http, link->event, config);
	if (r < 0)
		return r;
	r = open_token(&token, link->event, http, config);
	if (r < 0)
		return r;
	r = cloud_move(link->cloud, http, token, &cloud);
	if (r < 0)
		return r;
	(void)http_keep_warm(link->http, NULL);
	link->former = link->http;
	link->http = TAKE_PTR(http);
	(void)token_free(link->token);
	link->token = TAKE_PTR(token);
	(void)link_settle(link);
	return 0;
}

/* Lets the former way go once nothing is on it any more; true: there is none. */
bool link_settle(struct link *link)
{
	if (link->former && !http_busy(link->former))
		link->former = http_free(link->former);
	return !link->former;
}

/* So that an opening finds a connection. */
int link_keep_warm(struct link *link, const struct config *config)
{
	_cleanup_free_ char *url = NULL;

	if (asprintf(&url, "%s" LINK_VERSIONS_PATH, config->cloud.url) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	return http_keep_warm(link->http, url);
}

void link_close(struct link *link)
{
	(void)cloud_free(link->cloud);
	(void)token_free(link->token);
	(void)http_free(link->http);
	(void)http_free(link->former);
	(void)sd_event_unref(link->event);
	*link = (struct link){0};
}

struct waiter {
	bool done;
	struct link_answer answer;
};

static void on_answer(const struct cloud_answer *answer, void *userdata)
{
	struct waiter *waiter = userdata;
	const char *words = answer->message ? answer->message : answer->code;

	waiter->done = true;
	waiter->answer.error = answer->error;
	waiter->answer.result = json_object_get(answer->result);
	(void)snprintf(waiter->answer.why, sizeof(waiter->answer.why), "%s%s%s", answer->why,
		words ? ": " : "", words ? words : "");
}

/* Calls one command and waits for its answer, running the loop meanwhile. param and deadline: as
 * for cloud_start(). link_answer_done() after success. */
int link_call(struct link *link, const struct command *command, struct json_object *param,
	uint64_t deadline, struct link_answer *ret)
{
	_cleanup_(cloud_cancelp) struct cloud_call *call = NULL;
	struct waiter waiter = {0};
	int r;

	r = cloud_start(link->cloud, &call, command, param,
		command->flags & COMMAND_OPENS ? CLOUD_DOOR : CLOUD_COMMAND, deadline, on_answer,
		&waiter);
	if (r != 0)
		return r < 0 ? r : -EBUSY;
	while (!waiter.done) {
		r = sd_event_run(link->event, UINT64_MAX);
		if (r < 0)
			return r;
	}
	/* It is gone with its answer. */
	call = NULL;
	*ret = waiter.answer;
	return 0;
}

void link_answer_done(struct link_answer *answer)
{
	(void)json_object_put(answer->result);
	*answer = (struct link_answer){0};
}

/* How a verb ends whose call ended like this. */
int link_exit_code(enum cloud_error error)
{
	switch (error) {
	case CLOUD_OK:
		return EXIT_DONE;
	case CLOUD_UNREACHABLE:
	case CLOUD_OUTCOME_UNKNOWN:
		return EXIT_UNAVAILABLE;
	case CLOUD_AUTH_FAILED:
		return EXIT_AUTH;
	case CLOUD_BUSY:
	case CLOUD_EXPIRED:
	case CLOUD_REFUSED:
	case CLOUD_SHUTTING_DOWN:
	case CLOUD_ERROR_MAX:
		break;
	}
	return EXIT_FAILED;
}
