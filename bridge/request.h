#pragma once

#include "bridge/answer.h"
#include "bridge/payload.h"
#include "bridge/requests.h"
#include "bridge/seen.h"

/* Inside of the requests: one of them from its arrival to its one answer, and all that are open. */

/* Most that may be open; one more is busy. */
#define REQUESTS_MAX 512

struct open_requests {
	struct mqtt *mqtt;
	struct seen *seen;
	struct seen *openings; /* remembered apart, lest a flood of others pushes them out */
	struct request *first; /* the newest */
	size_t n;
	struct request_counts counts;
};

struct request {
	struct request *prev, *next;
	struct open_requests *all;
	struct requests *requests; /* for who handles it */
	struct address address;
	struct json_object *id;
	char *key;         /* topic and id; NULL: no id */
	struct seen *seen; /* where the key is remembered */
	bool twin;         /* of an open one with the same key, which is to be answered first */
	char *name;        /* of the command, as the answer names it */
	const struct command *command;
	char *residence; /* id of the home; NULL: the whole account */
	uint64_t arrived;
	uint64_t deadline; /* clock_boot_usec() by which it must have been sent */
	struct cloud_call *call;
	struct opening *opening;
	uint64_t awaited;          /* the number of an opening whose row may prove it */
	char *door;                /* an opening's, as the log names it */
	struct json_object *more;  /* what the answer says beside the cloud's result */
	struct json_object *codes; /* guest keys that are still to be deleted */
};

int request_new(struct request **ret, struct open_requests *all, const char *name,
	const char *topic, const struct mqtt_message *message, const char *base);
struct request *request_free(struct request *q);

int request_seen(struct request *q, const struct mqtt_message *message);

uint64_t request_age(const struct request *q);
void request_succeed(struct request *q, struct json_object *result);
void request_refuse(struct request *q, const struct fault *fault);
void request_settle(struct request *q, const struct cloud_answer *cloud);

int open_requests_init(struct open_requests *all, struct mqtt *mqtt);
void open_requests_done(struct open_requests *all);
void open_requests_give_up(struct open_requests *all);

DEFINE_CLEANUP(struct request *, request_free);
