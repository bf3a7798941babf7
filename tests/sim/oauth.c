/* The token endpoint and the page before it, as HTTP; the tokens themselves are in token.c. */

#include <stdio.h>
#include <string.h>

#include "tests/sim/fields.h"
#include "tests/sim/reply.h"
#include "util/cleanup.h"
#include "util/json.h"

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
		say_yes(s, a, text, false);
		free(text);
	} else if (c->outcome == TOKEN_REFUSED) {
		say_no(a, 400, 40011, c->why);
	} else {
		record_wrong(s->record, "token", c->why);
		say_no(a, 200, 40001, c->why);
	}
}

/* The token endpoint, the only one that takes a form. */
void oauth_token(struct sim *s, const struct request *request, struct answer *a)
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
void oauth_page(struct sim *s, const struct request *request, struct answer *a)
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
