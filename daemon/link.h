#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "cloud/client.h"
#include "daemon/config.h"

/* Below the cloud's address. Source: the vendor's page on versions, which needs no token. */
#define LINK_VERSIONS_PATH "/api/v1.0/invoke/open-ability/method/versions"

/* The way to the cloud, built from the configuration: what the service and the command-line verbs
 * share. A value: start from {0}. */
struct link {
	sd_event *event;
	struct http *http;
	struct token *token;
	struct cloud *cloud;
	struct http *former; /* after link_move(): until its last request is answered */
};

enum link_result {
	LINK_BUSY = 1, /* not now: a token is being renewed */
};

/* What a call made with link_call() brought: texts of its own. */
struct link_answer {
	enum cloud_error error;
	struct json_object *result;
	char why[256];
};

int link_open(
	struct link *link, const struct config *config, cloud_state_t changed, void *userdata);
void link_close(struct link *link);
int link_move(
	struct link *link, const struct config *config, cloud_state_t changed, void *userdata);
bool link_settle(struct link *link);
int link_keep_warm(struct link *link, const struct config *config);

int link_call(struct link *link, const struct command *command, struct json_object *param,
	uint64_t deadline, struct link_answer *ret);
void link_answer_done(struct link_answer *answer);
int link_exit_code(enum cloud_error error);
