#pragma once

#include "tests/unit/cmocka-all.h"
#include "tests/unit/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/mqtt.h"
#include "util/clock.h"

#define WAIT_USEC (120 * USEC_PER_SEC)
#define STATE     "home/bridge/state"

/* A client and what it was told. */
struct client {
	struct mqtt *mqtt;
	int connected;
	int lost;
	int stopped;
	int room;
	int acknowledged;
	int last_id;
	int messages;
	char log[512]; /* "topic=payload;" of each message, "!" before it if retained */
	size_t size;
	bool has_payload;
	char response_topic[64];
	char correlation[64];
	int64_t expiry_sec;
	const char *subscription;
	void (*on_message)(struct client *c);
};

extern struct mqtt_fixture {
	sd_event *event;
	struct broker broker;
	int stderr_fd;
	char log_path[96]; /* what the program logs goes there */
	struct client us;
	struct client watcher; /* by 3.1.1: sees what is retained */
	bool is_patient;       /* the broker may take its time with what is sent before a stop */
	uint64_t look_usec; /* how long a line waits at most before it looks for a sign of life */
} t;

int setup(void **state);
int teardown(void **state);

void turn(void);
void settle(void);
void run_for(uint64_t usec);

/* Turns the loop until the condition holds; fails after WAIT_USEC. */
#define run_until(condition)                                                   \
	do {                                                                   \
		uint64_t deadline = clock_boot_usec() + WAIT_USEC;             \
		while (!(condition)) {                                         \
			if (clock_boot_usec() > deadline)                      \
				fail_msg("waited in vain for %s", #condition); \
			turn();                                                \
		}                                                              \
	} while (0)

/* By the Unix socket, and by the port of the broker. */
struct mqtt_settings settings_of_us(void);
struct mqtt_settings settings_of_port(void);

void client_start(struct client *c, const struct mqtt_settings *settings);
void client_connect(struct client *c, const struct mqtt_settings *settings);
void client_stopped(void *userdata);
int publish(struct client *c, const char *topic, const char *payload, int *id);

void watch(const char *topic);
bool is_logged(const char *text);

/* Look-ups of slow.test wait until the gate is open; nowhere.test does not exist. */
int gate_waiting(void);
void gate_set(bool is_open);

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
