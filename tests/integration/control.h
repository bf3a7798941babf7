#pragma once

#include <stddef.h>

#include <json-c/json.h>

struct harness;

/* The simulator's control side. What is returned belongs to the harness until the test ends. An
 * answer other than 200 fails the test. In a body ' stands for ", as in
 *     control_post(h, "/fault", "{'on':'%s','kind':'drop_after'}", command) */
struct json_object *control_get(struct harness *h, const char *path);
struct json_object *control_post(struct harness *h, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct json_object *control_delete(struct harness *h, const char *path);

const char *control_text(struct harness *h, const char *path);

struct json_object *control_requests(struct harness *h, const char *command);
size_t control_request_count(struct harness *h, const char *command);
void control_await_requests(struct harness *h, const char *command, size_t n);

struct json_object *control_openings(struct harness *h);
size_t control_opening_count(struct harness *h);
struct json_object *control_await_openings(struct harness *h, size_t n);

/* The cloud itself, as another client of it would call. */
struct json_object *cloud_call(struct harness *h, const char *command, const char *param);
struct json_object *cloud_open_door(struct harness *h);

const char *json_at(struct json_object *object, const char *path);
