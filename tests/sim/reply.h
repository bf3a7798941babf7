#pragma once

#include <stdbool.h>

#include "tests/sim/sim.h"

/* Longest text of what is wrong with a request. */
#define WHY_MAX 256

/* One request that may meet a fault: act does what is asked and fills the answer. */
struct action {
	void (*act)(struct sim *s, void *context, struct answer *a); /* with the lock held */
	void *context;
	struct fault fault;
	unsigned generation; /* of the faults, when this one was taken */
};

void action_begin(struct sim *s, struct action *action, const char *on, bool is_command);
void action_end(
	struct sim *s, const struct request *request, struct action *action, struct answer *a);

void say_yes(const struct sim *s, struct answer *a, const char *result, bool as_list);
void say_no(struct answer *a, unsigned status, int code, const char *message);
void say_wrong(struct sim *s, struct answer *a, unsigned status, const char *what, const char *why);

bool has_header(const struct request *request, const char *name, const char *value);

void oauth_token(struct sim *s, const struct request *request, struct answer *a);
void oauth_page(struct sim *s, const struct request *request, struct answer *a);
