#pragma once

#include <sys/types.h>

#include <curl/curl.h>
#include <json-c/json.h>

/* A running akuvox-cloud-sim and a client of it. All of these fail the test on their own errors. */
struct sim_client {
	pid_t pid;
	char cloud[64], control[64]; /* URLs without a path */
	CURL *curl, *control_curl;
	const char *token, *content_type, *accept; /* NULL: the header is left out */
	const char *ca;                            /* PEM, for https */
};

/* What came back from the cloud's side. */
struct sim_reply {
	CURLcode code;
	long status;
	char *body; /* NUL behind it; never NULL */
	size_t size;
	struct json_object *json; /* NULL if the body is not JSON */
	char *location;
};

void sim_start(struct sim_client *c, const char *const *args);
void sim_stop(struct sim_client *c);

void sim_send(struct sim_client *c, struct sim_reply *ret, const char *method, const char *path,
	const char *body);
void sim_reply_done(struct sim_reply *reply);

void sim_call(struct sim_client *c, struct sim_reply *ret, const char *command, const char *param);
struct json_object *sim_result(struct sim_client *c, const char *command, const char *param);
struct json_object *sim_control(
	struct sim_client *c, const char *method, const char *path, const char *body, long status);
void sim_do(struct sim_client *c, const char *path, const char *body);

struct json_object *sim_at(struct json_object *json, const char *path);
int sim_flag(struct json_object *json, const char *path);
const char *sim_text(struct json_object *json, const char *path);
int64_t sim_number(struct json_object *json, const char *path);
int64_t sim_count(struct sim_client *c, const char *path);

#define SIM_METHODS "/api/v1.0/invoke/open-ability/method/"
