#pragma once

#include "daemon/poller.h"
#include "tests/unit/fake_cloud.h"
#include "util/clock.h"

/* A poller between a fake cloud and a cache, for tests of the schedule. */

#define SEC  USEC_PER_SEC
#define MSEC USEC_PER_MSEC

#define HOMES    "get_family_list"
#define DEVICES  "get_akuvox_device_list"
#define MEMBERS  "get_family_info"
#define CALLS    "get_akuvox_call_history"
#define OPENINGS "get_akuvox_open_door_history"

#define HOME_1  "{\"residence_id\":\"H1\",\"family_name\":\"n\"}"
#define HOME_2  "{\"residence_id\":\"H2\",\"family_name\":\"n\"}"
#define DEVICE  "[{\"mac\":\"0C1105AAAAAA\",\"device_name\":\"d\",\"relays\":[]}]"
#define ACCOUNT "{\"accounts\":[]}"

struct round {
	sd_event *event;
	struct cache *cache;
	struct cloud *cloud;
	struct zone *zone;
	struct history *history;
	struct poller *poller;

	bool busy, awaits; /* what the poller is told */
	struct round_heard {
		unsigned times;
		const struct home *home;
		enum history_kind kind;
		struct history_news news;
		int64_t now_msec;
		uint64_t asked;
	} heard; /* the last, and how many */
};

int round_setup(void **state);
int round_teardown(void **state);

unsigned round_open_calls(struct round *w, const char *command);
struct cloud_call *round_call(struct round *w, const char *command, const char *home);
void round_answer(struct round *w, const char *homes);
uint64_t round_until(struct round *w, const char *command, const char *home);
