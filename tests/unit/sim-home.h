#pragma once

#include "tests/unit/sim-client.h"

/* What the tests ask for most: the first home and its first door. */
struct sim_home {
	struct sim_client sim;
	struct json_object *state; /* as it was at the start */
	char home[64], mac[32], relay[64], guest[64];
};

int sim_home_setup(void **context);
int sim_home_teardown(void **context);

char *sim_with(const struct sim_home *f, const char *more);
struct json_object *sim_ask(struct sim_home *f, const char *command, const char *more);
void sim_tell(struct sim_home *f, const char *command, const char *more);
int64_t sim_refused(struct sim_home *f, const char *command, const char *more);
void sim_open_door(struct sim_home *f);
