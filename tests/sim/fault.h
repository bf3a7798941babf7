#pragma once

#include <stdbool.h>

#include <json-c/json.h>

#include "tests/sim/http.h"

enum fault_kind {
	FAULT_NONE,
	FAULT_DELAY,
	FAULT_HANG,
	FAULT_DROP_BEFORE,
	FAULT_DROP_AFTER,
	FAULT_STATUS,
	FAULT_WRONG_JSON,
	FAULT_NO_SUCCESS,
	FAULT_REFUSE,
	FAULT_HUGE,
	FAULT_TRUNCATE,
	FAULT_SLOW,
	FAULT_CLOSE,
	FAULT_SLOW_HEAD,
	FAULT_ENDLESS,
};

/* One fault taken from the queue. */
struct fault {
	enum fault_kind kind;
	unsigned msec; /* or bytes, for FAULT_HUGE */
	unsigned status, retry_after;
	char *body; /* owned, or NULL */
};

struct faults;

struct faults *faults_new(void);
struct faults *faults_free(struct faults *f);
bool faults_queue(struct faults *f, struct json_object *args, const char **ret_why);
void faults_clear(struct faults *f);
void faults_take(struct faults *f, const char *on, bool is_command, struct fault *ret);
struct json_object *faults_json(const struct faults *f);
unsigned faults_generation(struct faults *f);

void fault_done(struct fault *fault);
bool fault_lets_act(const struct fault *fault);
void fault_answer(const struct fault *fault, struct answer *answer);
void fault_deliver(const struct fault *fault, struct answer *answer);
