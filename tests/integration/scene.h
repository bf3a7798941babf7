#pragma once

#include "tests/integration/harness.h"

/* What tests of the gateway say again and again. */

void scene_prepare(struct harness *h); /* all but the gateway */
void scene_start(struct harness *h);
void scene_restart_gateway(struct harness *h);
void scene_reload(struct harness *h);
void scene_await_broker(struct harness *h);
void scene_await_doors(struct harness *h);

/* Of the simulator's world: home, device and relay by their places in /state. */
const char *scene_residence(struct harness *h, unsigned home);
const char *scene_mac(struct harness *h, unsigned home, unsigned device);
const char *scene_relay(struct harness *h, unsigned home, unsigned device, unsigned relay);
const char *scene_home(struct harness *h, unsigned home, const char *leaf);
const char *scene_device(struct harness *h, unsigned home, unsigned device, const char *leaf);
const char *scene_door(
	struct harness *h, unsigned home, unsigned device, unsigned relay, const char *leaf);

/* A payload in which ' stands for ". */
const char *scene_json(struct harness *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

const struct message *scene_open(struct harness *h, const char *payload);
const struct message *scene_open_unnamed(struct harness *h, const char *payload);
void scene_expect_openings(struct harness *h, size_t n);

/* An answer as the contract has it. */
#define expect_success(m)     expect_success_at((m), __FILE__, __LINE__)
#define expect_error(m, code) expect_error_at((m), (code), __FILE__, __LINE__)
void expect_success_at(const struct message *m, const char *file, int line);
void expect_error_at(const struct message *m, const char *code, const char *file, int line);
