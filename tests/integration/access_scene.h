#pragma once

#include "tests/integration/scene.h"
#include "util/clock.h"

/* What the tests of access share. */

#define NFC  "update_akuvox_open_door_nfc_config"
#define PIN  "update_akuvox_open_door_private_key_config"
#define KEYS "get_akuvox_open_door_temp_key_config"

/* Soon after the write: not with the next poll, an hour later. */
#define FOLLOWS (20 * USEC_PER_SEC)
#define ROUNDS  4

/* What is polled, and where it is published below a home. */
#define ACCESS_STATES 4
extern const struct access_state {
	const char *read, *topic;
} access_states[ACCESS_STATES];

void access_start(struct harness *h);
const struct message *access_await_keys(struct harness *h, const char *count, uint64_t since);
void access_let_polls_pass(struct harness *h);
