#pragma once

#include "tests/unit/world.h"

/* Requests that are refused, and what the refusal says. */

#define OPENING "trigger_akuvox_remote_open_door"
#define OPEN_R1 "home/H1/door/R1/open"
#define RESULT  "home/H1/door/R1/result"

void expect_error(struct world *w, const char *topic, const char *command, const char *code,
	const char *param, const char *text);
void refuse_opening(struct world *w, const char *topic, const char *payload, const char *code,
	const char *param);
void refuse_request(struct world *w, const char *home, const char *command, const char *payload,
	const char *code, const char *param);
