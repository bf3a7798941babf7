#pragma once

#include "cloud/client.h"
#include "tests/unit/fake_wire.h"

/* A client on a real event loop, between fakes; time passes only where a test says so. */
struct fixture {
	sd_event *event;
	struct http *http;
	struct token *token;
	struct cloud *cloud;
	enum cloud_state states[64]; /* as announced */
	size_t n_states;
	struct told *cancel_on_state;
	unsigned told; /* answers of all calls */
};

/* One call, and what it was told. */
struct told {
	struct fixture *f;
	struct cloud_call *call; /* NULL: none is under way */
	unsigned n;              /* how often */
	unsigned when;           /* the how many-th of all answers */
	enum cloud_error error;
	long http_status;
	char code[32], message[64], why[128], result[256];
	uint64_t retry_after_usec, elapsed_usec;
	void (*then)(struct told *told); /* runs in the callback */
};

#define OPENING "trigger_akuvox_remote_open_door"
#define READING "get_family_info"
#define WRITING "update_family_info"

#define SUCCESS "{\"success\":true,\"result\":{}}"

int fixture_setup(void **state);
int fixture_teardown(void **state);

int start(struct fixture *f, struct told *told, const char *command, enum cloud_priority priority,
	uint64_t deadline);
int start_with(struct fixture *f, struct told *told, const char *command, const char *param,
	enum cloud_priority priority, uint64_t deadline);
void pass(struct fixture *f, uint64_t usec);
void turn(struct fixture *f);
void end_as(struct fixture *f, size_t i, enum http_end end);

void assert_tried_again(const struct fixture *f, size_t first, size_t again);
