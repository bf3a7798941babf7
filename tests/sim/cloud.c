/* The cloud's side of the wire: paths, headers and the envelope, all checked strictly. */

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/commands.h"
#include "tests/sim/fields.h"
#include "tests/sim/picture.h"
#include "tests/sim/reply.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/json.h"

#define METHODS "/api/v1.0/invoke/open-ability/method/"

struct command_call {
	const struct command *command;
	struct json_object *param;
	const char *outcome;
};

static void act_command(struct sim *s, void *context, struct answer *a)
{
	struct command_call *c = context;
	struct printbuf *out = must(printbuf_new());
	const struct refusal *refusal = command_run(c->command, s->world, c->param, out);

	if (refusal)
		say_no(a, 200, refusal->code, refusal->message);
	else
		say_yes(s, a, out->buf, s->world->lists_are_objects && out->buf[0] == '[');
	c->outcome = refusal ? refusal->message : "done";
	printbuf_free(out);
}

static bool has_arguments(const struct request *request)
{
	return MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) >
	       0;
}

/* False: why says what is wrong with the request itself. *ret_body is the caller's either way. */
static bool check_envelope(const struct request *request, struct json_object **ret_body,
	const struct command **ret_command, char *why)
{
	const char *command;

	if (!has_header(request, "Content-Type", "application/json"))
		(void)snprintf(why, WHY_MAX, "Content-Type is not application/json");
	else if (!has_header(request, "Accept", "application/json"))
		(void)snprintf(why, WHY_MAX, "Accept is not application/json");
	else if (has_arguments(request))
		(void)snprintf(why, WHY_MAX, "the address has arguments");
	else if (json_parse(ret_body, request->body, request->size) < 0)
		(void)snprintf(why, WHY_MAX, "the body is not JSON");
	else if (!json_object_is_type(*ret_body, json_type_object) ||
		 json_object_object_length(*ret_body) != 3 || !json_get(*ret_body, "param"))
		(void)snprintf(why, WHY_MAX, "the body is not {command, id, param}");
	else {
		command = json_text(*ret_body, "command");
		*ret_command = command ? command_find(command) : NULL;
		if (!*ret_command)
			(void)snprintf(why, WHY_MAX, "unknown command");
		else
			return params_check(
				(*ret_command)->params, json_get(*ret_body, "param"), why, WHY_MAX);
	}
	return false;
}

/* With the lock held. */
static bool is_authorized(struct sim *s, const struct request *request, bool *ret_well_formed)
{
	const char *header = http_header(request, "Authorization");

	*ret_well_formed = header && strncmp(header, "Bearer ", 7) == 0 && header[7];
	return *ret_well_formed && tokens_use(s->tokens, header + 7);
}

static void serve_command(struct sim *s, const struct request *request, struct answer *a)
{
	struct command_call call = {.outcome = "fault"};
	struct action action = {.act = act_command, .context = &call};
	struct json_object *body = NULL;
	bool well_formed, authorized, right, fresh = false;
	uint64_t start = clock_boot_usec();
	char why[WHY_MAX] = "";
	const char *id;

	right = check_envelope(request, &body, &call.command, why);
	id = json_text(body, "id");
	(void)pthread_mutex_lock(&s->lock);
	authorized = is_authorized(s, request, &well_formed);
	if (authorized && right) {
		fresh = id && record_id(s->record, id);
		if (fresh) {
			call.param = json_get(body, "param");
			record_request(s->record, call.command->name, id, call.param);
			action_begin(s, &action, call.command->name, true);
		}
	}
	(void)pthread_mutex_unlock(&s->lock);

	if (!well_formed)
		say_wrong(s, a, 401, "user-commands", "no Authorization: Bearer");
	else if (!authorized)
		say_no(a, 401, 40101, "access token invalid or expired");
	else if (!right)
		say_wrong(s, a, 200, call.command ? call.command->name : "user-commands", why);
	else if (!fresh)
		say_wrong(s, a, 200, call.command->name,
			"id is not c and 32 hex digits, or was used before");
	else
		action_end(s, request, &action, a);
	if (!s->quiet)
		(void)fprintf(stderr, "%s: %s (%" PRIu64 " us)\n",
			call.command ? call.command->name : "user-commands",
			fresh         ? call.outcome
			: !authorized ? "unauthorized"
				      : "wrong",
			clock_boot_usec() - start);
	/* The record shares param, and json-c's counts are not for several threads. */
	(void)pthread_mutex_lock(&s->lock);
	(void)json_object_put(body);
	(void)pthread_mutex_unlock(&s->lock);
}

static void act_versions(struct sim *s, void *context, struct answer *a)
{
	say_yes(s, a,
		"{\"version_id\":\"ve31adc223cc4b3bedb6bd4742dedcfa5\",\"version\":\"1.0\","
		"\"support\":\"1.0\",\"remark\":\"simulator\"}",
		false);
}

static void serve_versions(struct sim *s, const struct request *request, struct answer *a)
{
	struct action action = {.act = act_versions};

	(void)pthread_mutex_lock(&s->lock);
	action_begin(s, &action, "versions", false);
	(void)pthread_mutex_unlock(&s->lock);
	action_end(s, request, &action, a);
}

static void act_picture(struct sim *s, void *context, struct answer *a)
{
	const char *name = context, *dash = strchr(name, '-');
	unsigned serial = dash ? (unsigned)strtoul(dash + 1, NULL, 10) : UINT_MAX;
	bool small = strstr(name, "-small.jpg");

	if (serial >= s->world->picture_serial || !strstr(name, ".jpg")) {
		say_no(a, 404, 40441, "no such picture");
		return;
	}
	a->status = 200;
	a->type = "image/jpeg";
	a->body = picture_new(small ? 80 : 320, small ? 60 : 240, serial, &a->size);
}

static void serve_picture(struct sim *s, const struct request *request, struct answer *a)
{
	const char *name = request->path + strlen("/pictures/");
	struct action action = {.act = act_picture, .context = (void *)(uintptr_t)name};

	(void)pthread_mutex_lock(&s->lock);
	action_begin(s, &action, "picture", false);
	(void)pthread_mutex_unlock(&s->lock);
	action_end(s, request, &action, a);
	if (!s->quiet)
		(void)fprintf(stderr, "picture %s\n", name);
}

static const struct {
	const char *method, *path;
	bool is_folder;
	void (*serve)(struct sim *s, const struct request *request, struct answer *a);
} routes[] = {
	{"POST", METHODS "user-commands", false, serve_command},
	{"POST", METHODS "oauth2/token", false, oauth_token},
	{"GET", METHODS "oauth2/auth", false, oauth_page},
	{"GET", METHODS "versions", false, serve_versions},
	{"GET", "/pictures/", true, serve_picture},
};

/* Answers one request to the cloud; called from the thread of its connection. */
void cloud_serve(void *userdata, const struct request *request, struct answer *a)
{
	struct sim *s = userdata;

	for (size_t i = 0; i < ELEMENTS(routes); i++) {
		if (routes[i].is_folder
				? strncmp(request->path, routes[i].path, strlen(routes[i].path))
				: strcmp(request->path, routes[i].path))
			continue;
		if (strcmp(request->method, routes[i].method) == 0)
			routes[i].serve(s, request, a);
		else
			say_wrong(s, a, 405, routes[i].path, "wrong method");
		return;
	}
	say_wrong(s, a, 404, "path", "unknown path");
}

/* False if a fault says that the next connection is closed at once. */
bool cloud_admit(void *userdata)
{
	struct sim *s = userdata;
	struct fault fault;
	bool admitted;

	(void)pthread_mutex_lock(&s->lock);
	faults_take(s->faults, "connect", false, &fault);
	(void)pthread_mutex_unlock(&s->lock);
	admitted = fault.kind == FAULT_NONE;
	fault_done(&fault);
	return admitted;
}
