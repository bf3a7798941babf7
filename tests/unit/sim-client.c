#include "tests/unit/cmocka-all.h"

#include "tests/unit/sim-client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json_pointer.h>

#include "util/cleanup.h"

#define ARGS_MAX 16

/* Long enough for valgrind and a busy machine; what hangs for good still ends. */
#define TIMEOUT_MSEC 60000L

static void read_url(FILE *f, const char *word, char *url, size_t size)
{
	char line[128], got_word[16], got_url[64];

	assert_non_null(fgets(line, sizeof(line), f));
	assert_int_equal(sscanf(line, "%15s %63s", got_word, got_url), 2);
	assert_string_equal(got_word, word);
	(void)snprintf(url, size, "%s", got_url);
}

/* Starts the simulator with args (NULL at the end, or no list at all) and waits until it listens. */
void sim_start(struct sim_client *c, const char *const *args)
{
	const char *argv[ARGS_MAX + 3] = {"akuvox-cloud-sim", "--quiet"};
	const char *top = getenv("TOP_BUILDDIR");
	char path[4096];
	int out[2];
	FILE *f;

	*c = (struct sim_client){
		.token = "sim-token",
		.content_type = "application/json",
		.accept = "application/json",
	};
	for (size_t i = 0; args && args[i] && i < ARGS_MAX; i++)
		argv[i + 2] = args[i];
	(void)snprintf(path, sizeof(path), "%s/tests/sim/akuvox-cloud-sim", top ? top : ".");
	assert_int_equal(pipe(out), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		(void)dup2(out[1], STDOUT_FILENO);
		(void)close(out[0]);
		(void)close(out[1]);
		(void)execv(path, (char *const *)argv);
		_exit(127);
	}
	(void)close(out[1]);
	f = fdopen(out[0], "r");
	assert_non_null(f);
	read_url(f, "cloud", c->cloud, sizeof(c->cloud));
	read_url(f, "control", c->control, sizeof(c->control));
	(void)fclose(f);
	c->curl = curl_easy_init();
	c->control_curl = curl_easy_init();
	assert_non_null(c->curl);
	assert_non_null(c->control_curl);
}

/* Ends it, which must go well. */
void sim_stop(struct sim_client *c)
{
	int status;

	curl_easy_cleanup(c->curl);
	curl_easy_cleanup(c->control_curl);
	assert_int_equal(kill(c->pid, SIGTERM), 0);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_int_equal(status, 0);
}

static size_t take_body(char *data, size_t one, size_t size, void *userdata)
{
	struct sim_reply *reply = userdata;

	reply->body = realloc(reply->body, reply->size + size + 1);
	assert_non_null(reply->body);
	memcpy(reply->body + reply->size, data, size);
	reply->size += size;
	reply->body[reply->size] = '\0';
	return size;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
	char header[256];

	/* Without a value libcurl leaves out what it would send itself. */
	(void)snprintf(
		header, sizeof(header), "%s:%s%s", name, value ? " " : "", value ? value : "");
	list = curl_slist_append(list, header);
	assert_non_null(list);
	return list;
}

static void send_with(CURL *curl, struct sim_reply *ret, const char *method, const char *url,
	struct curl_slist *headers, const char *body)
{
	char *location = NULL;

	*ret = (struct sim_reply){.body = calloc(1, 1)};
	assert_non_null(ret->body);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	if (!body)
		(void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	ret->code = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
	(void)curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
	if (location)
		ret->location = strdup(location);
	ret->json = json_tokener_parse(ret->body);
	curl_slist_free_all(headers);
}

/* Sends any request to the cloud's side. body NULL: none. sim_reply_done() frees the reply. */
void sim_send(struct sim_client *c, struct sim_reply *ret, const char *method, const char *path,
	const char *body)
{
	struct curl_slist *headers = NULL;
	char url[512], bearer[128];

	(void)snprintf(url, sizeof(url), "%s%s", c->cloud, path);
	(void)snprintf(bearer, sizeof(bearer), "Bearer %s", c->token ? c->token : "");
	headers = add_header(headers, "Content-Type", c->content_type);
	headers = add_header(headers, "Accept", c->accept);
	headers = add_header(headers, "Authorization", c->token ? bearer : NULL);
	if (c->ca) {
		struct curl_blob blob = {
			.data = (void *)(uintptr_t)c->ca,
			.len = strlen(c->ca),
			.flags = CURL_BLOB_COPY,
		};

		(void)curl_easy_setopt(c->curl, CURLOPT_CAINFO_BLOB, &blob);
	}
	(void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MSEC);
	send_with(c->curl, ret, method, url, headers, body);
}

void sim_reply_done(struct sim_reply *reply)
{
	free(reply->body);
	free(reply->location);
	(void)json_object_put(reply->json);
	*reply = (struct sim_reply){0};
}

/* Sends a command with a new id; param is JSON. */
void sim_call(struct sim_client *c, struct sim_reply *ret, const char *command, const char *param)
{
	static unsigned serial;
	_cleanup_free_ char *body = NULL;

	assert_true(asprintf(&body, "{\"command\":\"%s\",\"id\":\"c%032x\",\"param\":%s}", command,
			    ++serial, param) > 0);
	sim_send(c, ret, "POST", SIM_METHODS "user-commands", body);
}

/* The result of a command that must succeed; the caller owns it. */
struct json_object *sim_result(struct sim_client *c, const char *command, const char *param)
{
	struct json_object *result;
	struct sim_reply reply;

	sim_call(c, &reply, command, param);
	if (reply.code != CURLE_OK || reply.status != 200 ||
		!json_object_get_boolean(sim_at(reply.json, "/success")))
		fail_msg("%s: curl %d, status %ld, %s", command, reply.code, reply.status,
			reply.body);
	result = json_object_get(sim_at(reply.json, "/result"));
	assert_non_null(result);
	sim_reply_done(&reply);
	return result;
}

/* The answer of the control side, which must have this status; the caller owns it. */
struct json_object *sim_control(
	struct sim_client *c, const char *method, const char *path, const char *body, long status)
{
	struct json_object *json;
	struct sim_reply reply;
	char url[512];

	(void)snprintf(url, sizeof(url), "%s%s", c->control, path);
	(void)curl_easy_setopt(c->control_curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MSEC);
	send_with(c->control_curl, &reply, method, url, NULL, body);
	assert_int_equal(reply.code, CURLE_OK);
	if (reply.status != status)
		fail_msg("%s %s %s: %ld %s", method, path, body ? body : "", reply.status,
			reply.body);
	json = json_object_get(reply.json);
	assert_non_null(json);
	sim_reply_done(&reply);
	return json;
}

/* POSTs something to the control side that must go well. */
void sim_do(struct sim_client *c, const char *path, const char *body)
{
	(void)json_object_put(sim_control(c, "POST", path, body, 200));
}

/* The value at a JSON pointer (RFC 6901), borrowed, or NULL. */
struct json_object *sim_at(struct json_object *json, const char *path)
{
	struct json_object *value = NULL;

	return json_pointer_get(json, path, &value) == 0 ? value : NULL;
}

/* 1 or 0; -1 if there is no boolean at path. */
int sim_flag(struct json_object *json, const char *path)
{
	struct json_object *value = sim_at(json, path);

	return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value) : -1;
}

const char *sim_text(struct json_object *json, const char *path)
{
	struct json_object *value = sim_at(json, path);

	if (!json_object_is_type(value, json_type_string))
		fail_msg("no text at %s of %s", path, json_object_to_json_string(json));
	return json_object_get_string(value);
}

int64_t sim_number(struct json_object *json, const char *path)
{
	struct json_object *value = sim_at(json, path);

	if (!json_object_is_type(value, json_type_int))
		fail_msg("no number at %s of %s", path, json_object_to_json_string(json));
	return json_object_get_int64(value);
}

/* The number, or the length of the array, that GET /state has at path. */
int64_t sim_count(struct sim_client *c, const char *path)
{
	struct json_object *state = sim_control(c, "GET", "/state", NULL, 200);
	struct json_object *value = sim_at(state, path);
	int64_t count = json_object_is_type(value, json_type_array)
	                        ? (int64_t)json_object_array_length(value)
	                        : json_object_get_int64(value);

	(void)json_object_put(state);
	return count;
}
