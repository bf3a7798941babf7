/* The cloud's side of the wire: paths, headers and the envelope, all checked strictly. */

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/commands.h"
#include "tests/sim/fields.h"
#include "tests/sim/picture.h"
#include "tests/sim/sim.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/json.h"

#define METHODS "/api/v1.0/invoke/open-ability/method/"

/* Longest text of what is wrong with a request. */
#define WHY_MAX 256

static void set_body(struct answer *a, unsigned status, char *body)
{
	a->status = status;
	a->type = "application/json";
	a->body = body;
	a->size = strlen(body);
}

static void say_no(struct answer *a, unsigned status, int code, const char *message)
{
	struct json_object *object = must(json_object_new_object());

	add_flag(object, "success", false);
	add_number(object, "timestamp", clock_epoch_msec());
	add_number(object, "code", code);
	add_text(object, "message", message);
	set_body(a, status, into_text(object));
}

static void say_yes(struct answer *a, const char *result, bool as_list)
{
	char *body;

	if (asprintf(&body, "{\"success\":true,\"timestamp\":%" PRIi64 ",\"result\":%s%s%s}",
		    clock_epoch_msec(), as_list ? "{\"list\":" : "", result,
		    as_list ? "}" : "") < 0)
		abort();
	set_body(a, 200, body);
}

/* Answers a request that no right client sends, and keeps it for /state. */
static void say_wrong(
	struct sim *s, struct answer *a, unsigned status, const char *what, const char *why)
{
	(void)pthread_mutex_lock(&s->lock);
	record_wrong(s->record, what, why);
	(void)pthread_mutex_unlock(&s->lock);
	say_no(a, status, 40001, why);
	if (!s->quiet)
		(void)fprintf(stderr, "wrong request, %s: %s\n", what, why);
}

struct waiter {
	struct sim *sim;
	unsigned generation;
};

static bool is_over(void *userdata)
{
	const struct waiter *w = userdata;

	return atomic_load(&w->sim->stopping) || faults_generation(w->sim->faults) != w->generation;
}

static void wait_for(
	struct sim *s, const struct request *request, unsigned msec, unsigned generation)
{
	struct waiter w = {.sim = s, .generation = generation};

	(void)http_wait(request, msec, is_over, &w);
}

/* One request that may meet a fault: act does what is asked and fills the answer. */
struct action {
	void (*act)(struct sim *s, void *context, struct answer *a); /* with the lock held */
	void *context;
	struct fault fault;
	unsigned generation; /* of the faults, when this one was taken */
};

/* With the lock held. */
static void action_begin(struct sim *s, struct action *action, const char *on, bool is_command)
{
	faults_take(s->faults, on, is_command, &action->fault);
	action->generation = faults_generation(s->faults);
}

static void action_end(
	struct sim *s, const struct request *request, struct action *action, struct answer *a)
{
	if (fault_lets_act(&action->fault)) {
		(void)pthread_mutex_lock(&s->lock);
		action->act(s, action->context, a);
		(void)pthread_mutex_unlock(&s->lock);
		fault_deliver(&action->fault, a);
	} else {
		fault_answer(&action->fault, a);
	}
	if (s->latency_msec)
		wait_for(s, request, s->latency_msec, action->generation);
	if (action->fault.kind == FAULT_DELAY)
		wait_for(s, request, action->fault.msec, action->generation);
	if (action->fault.kind == FAULT_HANG)
		wait_for(s, request, UINT_MAX, action->generation);
	fault_done(&action->fault);
}

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
		say_yes(a, out->buf, s->world->lists_are_objects && out->buf[0] == '[');
	c->outcome = refusal ? refusal->message : "done";
	printbuf_free(out);
}

static bool has_header(const struct request *request, const char *name, const char *value)
{
	const char *given = http_header(request, name);

	return given && strcmp(given, value) == 0;
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

static enum MHD_Result take_field(void *userdata, enum MHD_ValueKind kind, const char *key,
	const char *filename, const char *type, const char *encoding, const char *data, uint64_t at,
	size_t size)
{
	struct json_object *form = userdata, *old = json_get(form, key);
	char *text;

	/* at > 0: one more piece of a long value. */
	if (asprintf(&text, "%s%.*s", at > 0 && old ? json_object_get_string(old) : "", (int)size,
		    data ? data : "") < 0)
		abort();
	add_text(form, at == 0 && old ? "the same field twice" : key, text);
	free(text);
	return MHD_YES;
}

static struct json_object *parse_form(const struct request *request)
{
	struct json_object *form = must(json_object_new_object());
	struct MHD_PostProcessor *p =
		MHD_create_post_processor(request->connection, 4096, take_field, form);

	if (p) {
		(void)MHD_post_process(p, request->body, request->size);
		(void)MHD_destroy_post_processor(p);
	}
	return form;
}

struct token_call {
	struct json_object *form;
	enum token_outcome outcome;
	char why[WHY_MAX];
};

static void act_token(struct sim *s, void *context, struct answer *a)
{
	struct token_call *c = context;
	struct json_object *result = NULL;
	char *text;

	c->outcome = tokens_request(s->tokens, c->form, &result, c->why, sizeof(c->why));
	if (c->outcome == TOKEN_GRANTED) {
		text = into_text(result);
		say_yes(a, text, false);
		free(text);
	} else if (c->outcome == TOKEN_REFUSED) {
		say_no(a, 400, 40011, c->why);
	} else {
		record_wrong(s->record, "token", c->why);
		say_no(a, 200, 40001, c->why);
	}
}

static void serve_token(struct sim *s, const struct request *request, struct answer *a)
{
	struct token_call call = {.why = "fault"};
	struct action action = {.act = act_token, .context = &call};

	if (!has_header(request, "Content-Type", "application/x-www-form-urlencoded")) {
		say_wrong(s, a, 200, "token",
			"Content-Type is not application/x-www-form-urlencoded");
		return;
	}
	if (!has_header(request, "Accept", "application/json")) {
		say_wrong(s, a, 200, "token", "Accept is not application/json");
		return;
	}
	call.form = parse_form(request);
	(void)pthread_mutex_lock(&s->lock);
	action_begin(s, &action, "token", false);
	(void)pthread_mutex_unlock(&s->lock);
	action_end(s, request, &action, a);
	(void)json_object_put(call.form);
	if (!s->quiet)
		(void)fprintf(stderr, "token: %s\n",
			call.outcome == TOKEN_GRANTED && !*call.why ? "granted" : call.why);
}

static void act_versions(struct sim *s, void *context, struct answer *a)
{
	say_yes(a,
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

static void append_escaped(struct printbuf *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~";

	for (; *text; text++)
		(void)(strchr(plain, *text)
				? printbuf_memappend(out, text, 1)
				: sprintbuf(out, "%%%02X", (unsigned)(unsigned char)*text));
}

/* The first step of the authorization code grant, without a page to log in. */
static void serve_auth(struct sim *s, const struct request *request, struct answer *a)
{
	static const struct {
		const char *name, *value; /* NULL: any but the empty one */
	} needed[] = {{"scope", "user"}, {"response_type", "code"}, {"client_id", NULL},
		{"state", NULL}, {"redirect_uri", NULL}};
	const char *values[ELEMENTS(needed)];
	struct printbuf *location;

	for (size_t i = 0; i < ELEMENTS(needed); i++) {
		values[i] = MHD_lookup_connection_value(
			request->connection, MHD_GET_ARGUMENT_KIND, needed[i].name);
		if (!values[i] || !*values[i] ||
			(needed[i].value && strcmp(values[i], needed[i].value) != 0)) {
			char why[WHY_MAX];

			(void)snprintf(why, sizeof(why), "%s is missing or wrong", needed[i].name);
			say_wrong(s, a, 400, "auth", why);
			return;
		}
	}
	if (!tokens_is_client(values[2])) {
		say_no(a, 400, 40011, "unknown client");
		return;
	}
	location = must(printbuf_new());
	(void)printbuf_memappend(location, values[4], (int)strlen(values[4]));
	(void)sprintbuf(location, "%sstate=", strchr(values[4], '?') ? "&" : "?");
	append_escaped(location, values[3]);
	printbuf_strappend(location, "&code=sim-code");
	a->status = MHD_HTTP_FOUND;
	a->location = must(strdup(location->buf));
	printbuf_free(location);
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
	{"POST", METHODS "oauth2/token", false, serve_token},
	{"GET", METHODS "oauth2/auth", false, serve_auth},
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
