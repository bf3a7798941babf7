#pragma once

#include <stddef.h>

#include <json-c/json.h>

struct harness;

/* The simulator's control side. What is returned belongs to the harness, until the test ends. An
 * answer other than 200 fails the test. Bodies are written like printf:
 *     control_post(h, "/fault", "{'on':'%s','kind':'drop_after'}", command)
 * where ' may stand for ". */
struct json_object *control_get(struct harness *h, const char *path);
struct json_object *control_post(struct harness *h, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct json_object *control_delete(struct harness *h, const char *path);

struct json_object *control_state(struct harness *h);
struct json_object *control_requests(struct harness *h, const char *command);
size_t control_request_count(struct harness *h, const char *command);

/* How often, and which, relays really moved through the API. control_await_openings() waits until
 * there are n and fails the test at n + 1. */
struct json_object *control_openings(struct harness *h);
size_t control_opening_count(struct harness *h);
struct json_object *control_await_openings(struct harness *h, size_t n);

/* Waits until the cloud has seen this command n times since it started. */
void control_await_requests(struct harness *h, const char *command, size_t n);

/* "homes.0.devices.1.mac": the text of that place in /state; fails the test if there is none. */
const char *control_text(struct harness *h, const char *path);
