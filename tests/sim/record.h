#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

/* What the clients sent: for tests to look at afterwards. */
struct record;

struct record *record_new(void);
struct record *record_free(struct record *r);

void record_wrong(struct record *r, const char *what, const char *why);
bool record_id(struct record *r, const char *id);
void record_request(
	struct record *r, const char *command, const char *id, struct json_object *param);

struct json_object *record_wrong_json(const struct record *r);
struct json_object *record_counts_json(const struct record *r);
struct json_object *record_requests_json(const struct record *r, const char *command);
