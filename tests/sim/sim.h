#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "tests/sim/fault.h"
#include "tests/sim/http.h"
#include "tests/sim/record.h"
#include "tests/sim/token.h"
#include "tests/sim/world.h"

/* All there is. The lock guards everything behind the pointers but faults_generation() and what
 * http.c locks itself; no one waits or writes to a socket with it held. */
struct sim {
	pthread_mutex_t lock;
	struct world *world;
	struct tokens *tokens;
	struct faults *faults;
	struct record *record;
	struct http *cloud, *control;
	unsigned latency_msec;
	bool quiet;
};

void cloud_serve(void *userdata, const struct request *request, struct answer *answer);
bool cloud_admit(void *userdata);
void control_serve(void *userdata, const struct request *request, struct answer *answer);
struct json_object *control_state(struct sim *s);
