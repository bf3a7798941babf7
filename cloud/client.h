#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "cloud/catalog.h"
#include "cloud/http.h"
#include "cloud/latency.h"
#include "cloud/token.h"
#include "util/cleanup.h"

/* Calls of commands: envelope, order, repeats, tokens, and what every kind of failure means. */
struct cloud;
struct cloud_call;

enum cloud_error {
	CLOUD_OK,
	CLOUD_BUSY,            /* too many calls are waiting */
	CLOUD_EXPIRED,         /* its deadline passed before it could be sent */
	CLOUD_UNREACHABLE,     /* it was certainly not sent */
	CLOUD_OUTCOME_UNKNOWN, /* it was sent and no answer came */
	CLOUD_AUTH_FAILED,
	CLOUD_REFUSED, /* the cloud said no */
	CLOUD_SHUTTING_DOWN,
	CLOUD_ERROR_MAX,
};

/* Who goes first. */
enum cloud_priority {
	CLOUD_DOOR, /* never waits */
	CLOUD_COMMAND,
	CLOUD_POLL,
	CLOUD_PRIORITY_MAX,
};

enum cloud_state {
	CLOUD_STATE_UNKNOWN, /* nothing was heard yet */
	CLOUD_STATE_ONLINE,
	CLOUD_STATE_OFFLINE,
	CLOUD_STATE_AUTH_FAILED,
};

struct cloud_answer {
	enum cloud_error error;
	struct json_object
		*result;   /* CLOUD_OK: borrowed until the callback returns; NULL for null */
	int64_t timestamp; /* CLOUD_OK: the cloud's clock, milliseconds since 1970; 0: not told */
	long http_status;  /* 0: none came */
	const char *code;  /* the cloud's own words, NULL if it gave none */
	const char *message;
	const char *why; /* for people, never NULL, never holds a secret */
	uint64_t retry_after_usec;
	uint64_t elapsed_usec;
};

typedef void (*cloud_done_t)(const struct cloud_answer *answer, void *userdata);
typedef void (*cloud_state_t)(enum cloud_state state, void *userdata);

struct cloud_settings {
	const char *url;
	uint64_t timeout_usec;
	unsigned max_in_flight;
	cloud_state_t state_changed;
	void *userdata;
};

int cloud_new(struct cloud **ret, sd_event *event, struct http *http, struct token *token,
	const struct cloud_settings *settings);
struct cloud *cloud_free(struct cloud *cloud);
void cloud_shut(struct cloud *cloud);
int cloud_move(struct cloud *cloud, struct http *http, struct token *token,
	const struct cloud_settings *settings);

int cloud_start(struct cloud *cloud, struct cloud_call **ret, const struct command *command,
	struct json_object *param, enum cloud_priority priority, uint64_t deadline,
	cloud_done_t done, void *userdata);
struct cloud_call *cloud_cancel(struct cloud_call *call);

enum cloud_state cloud_state(const struct cloud *cloud);
const struct latency *cloud_latency(const struct cloud *cloud);
int64_t cloud_last_success(const struct cloud *cloud);
const char *cloud_error_name(enum cloud_error error);

DEFINE_CLEANUP(struct cloud *, cloud_free);
DEFINE_CLEANUP(struct cloud_call *, cloud_cancel);
