#pragma once

#include "bridge/confirm.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/clock.h"

/* Openings whose answer stayed out, and what the history then says. */

#define SEC  USEC_PER_SEC
#define MSEC USEC_PER_MSEC

#define GATE   "home/H1/door/R1/"
#define GARAGE "home/H1/door/garage/"
#define BACK   "home/H1/door/S1/"

#define COMMAND       "trigger_akuvox_remote_open_door"
#define SAYS(id, yes) "{\"id\":\"" id "\",\"command\":\"" COMMAND "\",\"confirmed\":" yes "}"

#define FRONT(second)                        \
	{                                    \
		(second), "Front", "", false \
	}

#define HEAR(w, ...)                                                \
	scene_hear_rows(w, "H1", (const struct row[]){__VA_ARGS__}, \
		sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row))

/* A row of the door history of H1; seconds are those of the wall clock at the start of the test. */
struct row {
	int64_t second;
	const char *device, *type;
	bool denied;
};

/* The answer of the history says that much more than our clock, and was asked for so long ago. */
extern int64_t skew_msec;
extern uint64_t asked_ago;

void scene_hear_rows(struct world *w, const char *home, const struct row *rows, size_t n);
void scene_hear(struct world *w);
void scene_open_door(struct world *w, const char *door, const char *id);
void scene_end(struct world *w, enum cloud_error error);
void scene_open_unknown(struct world *w, const char *door, const char *id);
const char *scene_said(const struct world *w, const char *door);
void scene_pass_and_hear(struct world *w, unsigned seconds);
int scene_setup(void **state);
