#pragma once

#include "cloud/client.h"

/* A client of the cloud whose answers the test gives, in place of cloud/client.c. */

struct cloud_call {
	struct cloud_call *next;
	struct cloud *cloud;
	const struct command *command;
	char *param;
	enum cloud_priority priority;
	uint64_t deadline;
	cloud_done_t done;
	void *userdata;
};

struct cloud *fake_cloud_new(void);
void fake_cloud_set_state(struct cloud *cloud, enum cloud_state state);
void fake_cloud_refuse(struct cloud *cloud, int result);

unsigned fake_cloud_started(const struct cloud *cloud);
unsigned fake_cloud_open(const struct cloud *cloud);
struct cloud_call *fake_cloud_oldest(struct cloud *cloud);
struct cloud_call *fake_cloud_find(struct cloud *cloud, const char *command, const char *in_param);

void fake_cloud_answer(struct cloud_call *call, const struct cloud_answer *answer);
void fake_cloud_succeed(struct cloud_call *call, const char *result);
void fake_cloud_end(struct cloud_call *call, enum cloud_error error);
