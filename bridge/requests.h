#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/confirm.h"
#include "bridge/door.h"
#include "bridge/mqtt.h"
#include "bridge/names.h"
#include "cache/history.h"
#include "cloud/client.h"
#include "util/cleanup.h"

/* Requests by MQTT, from the message to its one answer. */
struct requests;

/* Which commands the configuration allows: whole groups and single ones. */
struct allowed {
	unsigned groups; /* 1 << enum command_group */
	const struct command *const *commands;
	size_t n;
};

struct requests_settings {
	struct allowed allowed;
	/* How long after its arrival a request may leave: an opening (door.deadline), and others. */
	uint64_t door_patience_usec;
	uint64_t patience_usec;
	bool replays; /* the broker sends retained messages again: MQTT 3.1.1 */
};

struct request_counts {
	uint64_t ok;
	uint64_t failed;
	uint64_t refused;
	uint64_t opens;
};

/* Both may be called from within requests_message(). home NULL: all of them. */
struct requests_hooks {
	void (*refresh)(struct home *home, void *userdata);
	void (*done)(struct home *home, const struct command *command, void *userdata);
};

/* What requests work on; all of it must outlive them. */
struct requests_parts {
	struct mqtt *mqtt;
	struct cache *cache;
	struct cloud *cloud;
	struct names *names;
	struct doors *doors;
	struct history *history;
	struct confirm *confirm;
};

int requests_new(struct requests **ret, const struct requests_parts *parts,
	const struct requests_settings *settings, const struct requests_hooks *hooks,
	void *userdata);
struct requests *requests_free(struct requests *requests);
void requests_set(struct requests *requests, const struct requests_settings *settings);

void requests_message(struct requests *requests, const struct mqtt_message *message);
size_t requests_open(const struct requests *requests);
void requests_give_up(struct requests *requests);
const struct request_counts *requests_counts(const struct requests *requests);

bool allowed_command(const struct allowed *allowed, const struct command *command);

DEFINE_CLEANUP(struct requests *, requests_free);
