#include "tests/sim/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/arraylist.h>

#include "tests/sim/fields.h"
#include "tests/sim/params.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/text.h"

#define LIFETIME_DEFAULT 3600
#define LIFETIME_MAX     (10 * 365 * 86400)

/* The newest tokens that are remembered, dead ones too. */
#define TOKENS_KEEP_MAX 10000

/* One letter, 32 hex digits and a NUL, as in the vendor's examples. */
#define TOKEN_MAX 34

struct refresh {
	char *text;
	bool alive;
};

struct access {
	char *text;
	int64_t expires_msec;  /* by the wall clock */
	struct refresh *kills; /* dead once this token is used; or NULL */
};

struct tokens {
	struct array_list *accesses, *refreshes; /* oldest first */
	int64_t lifetime;                        /* seconds, 0: as the client asks */
	int64_t grace;                           /* seconds */
	bool strict;
	int64_t requests, renewed, refused, unauthorized;
	struct json_object *grants; /* renewed, by grant */
};

static void access_free(void *p)
{
	struct access *a = p;

	free(a->text);
	free(a);
}

static void refresh_free(void *p)
{
	struct refresh *r = p;

	free(r->text);
	free(r);
}

static struct refresh *add_refresh(struct tokens *t, const char *text)
{
	struct refresh *r = must(calloc(1, sizeof(*r)));

	r->text = must(strdup(text));
	r->alive = true;
	(void)array_list_add(t->refreshes, r);
	return r;
}

static struct access *add_access(struct tokens *t, const char *text, int64_t expires_msec)
{
	struct access *a = must(calloc(1, sizeof(*a)));

	a->text = must(strdup(text));
	a->expires_msec = expires_msec;
	if (array_list_length(t->accesses) == TOKENS_KEEP_MAX)
		(void)array_list_del_idx(t->accesses, 0, TOKENS_KEEP_MAX / 2);
	(void)array_list_add(t->accesses, a);
	return a;
}

/* fixed: an access token that holds until it is revoked. */
struct tokens *tokens_new(const char *fixed)
{
	struct tokens *t = must(calloc(1, sizeof(*t)));

	t->accesses = must(array_list_new(access_free));
	t->refreshes = must(array_list_new(refresh_free));
	t->grants = must(json_object_new_object());
	(void)add_access(t, fixed, INT64_MAX);
	(void)add_refresh(t, "sim-refresh");
	return t;
}

struct tokens *tokens_free(struct tokens *t)
{
	if (!t)
		return NULL;
	array_list_free(t->accesses);
	array_list_free(t->refreshes);
	(void)json_object_put(t->grants);
	free(t);
	return NULL;
}

static bool is(struct json_object *form, const char *field, const char *text)
{
	return strcmp(json_text(form, field), text) == 0;
}

static struct refresh *find_refresh(struct tokens *t, const char *text)
{
	for (size_t i = array_list_length(t->refreshes); i > 0; i--) {
		struct refresh *r = array_list_get_idx(t->refreshes, i - 1);

		if (strcmp(r->text, text) == 0)
			return r;
	}
	return NULL;
}

static bool may_refresh(struct tokens *t, struct json_object *form, struct refresh **ret)
{
	struct refresh *r = find_refresh(t, json_text(form, "refresh_token"));

	*ret = r;
	return r && r->alive;
}

static bool may_by_password(struct tokens *t, struct json_object *form, struct refresh **ret)
{
	return is(form, "username", "user@example.org") && is(form, "password", "sim-password") &&
	       is(form, "scope", "user");
}

static bool may_by_code(struct tokens *t, struct json_object *form, struct refresh **ret)
{
	return is(form, "code", "sim-code") && *json_text(form, "redirect_uri");
}

static bool may_by_client(struct tokens *t, struct json_object *form, struct refresh **ret)
{
	return true;
}

#define CLIENT                                                                             \
	PARAM(TEXT, "grant_type"), PARAM(TEXT, "client_id"), PARAM(TEXT, "client_secret"), \
		OPTIONAL(TEXT, "expires_in")

/* The fields of each grant as the Authorization pages list them. */
static const struct {
	const char *name;
	bool gives_refresh;
	bool (*may)(struct tokens *t, struct json_object *form, struct refresh **ret);
	struct param fields[8];
} grants[] = {
	{"refresh_token", true, may_refresh, {CLIENT, PARAM(TEXT, "refresh_token")}},
	{"password", true, may_by_password,
		{CLIENT, PARAM(TEXT, "scope"), PARAM(TEXT, "username"), PARAM(TEXT, "password")}},
	{"authorization_code", true, may_by_code,
		{CLIENT, PARAM(TEXT, "code"), PARAM(TEXT, "redirect_uri")}},
	{"client_credentials", false, may_by_client, {CLIENT, OPTIONAL(TEXT, "scope")}},
};

static int64_t asked_lifetime(const struct tokens *t, struct json_object *form)
{
	const char *asked = json_text(form, "expires_in");

	if (t->lifetime)
		return t->lifetime;
	return asked ? strtoll(asked, NULL, 10) : LIFETIME_DEFAULT;
}

static bool lifetime_is_number(struct json_object *form)
{
	const char *asked = json_text(form, "expires_in");

	return !asked ||
	       (*asked && strspn(asked, "0123456789") == strlen(asked) && strlen(asked) < 10 &&
		       atoi(asked) > 0 && atoi(asked) <= LIFETIME_MAX);
}

static void random_token(char text[static TOKEN_MAX], char prefix)
{
	text[0] = prefix;
	if (text_random_hex(text + 1, TOKEN_MAX - 2) < 0)
		abort();
}

static struct json_object *grant(
	struct tokens *t, struct json_object *form, bool gives_refresh, struct refresh *old)
{
	struct json_object *result = must(json_object_new_object()), *count;
	int64_t lifetime = asked_lifetime(t, form);
	struct access *a;
	char text[TOKEN_MAX];

	random_token(text, 'a');
	a = add_access(t, text, clock_epoch_msec() + lifetime * 1000);
	add_text(result, "access_token", text);
	if (gives_refresh) {
		random_token(text, 'r');
		(void)add_refresh(t, text);
		add_text(result, "refresh_token", text);
	}
	add_text(result, "token_type", "bearer");
	add_number(result, "expires_in", lifetime);
	a->kills = old;
	if (old && t->strict)
		old->alive = false;
	t->renewed++;
	if (json_object_object_get_ex(t->grants, json_text(form, "grant_type"), &count))
		(void)json_object_int_inc(count, 1);
	else
		add_number(t->grants, json_text(form, "grant_type"), 1);
	return result;
}

/* True for the one client this cloud knows. */
bool tokens_is_client(const char *client_id)
{
	return strcmp(client_id, "sim-client") == 0;
}

/* Answers a token request, whose form fields are texts in an object. TOKEN_GRANTED: the caller owns
 * *ret_result. Otherwise why says what was wrong, without secrets. */
enum token_outcome tokens_request(struct tokens *t, struct json_object *form,
	struct json_object **ret_result, char *why, size_t size)
{
	const char *name = json_text(form, "grant_type");
	struct refresh *old = NULL;
	size_t i = 0;

	t->requests++;
	while (i < ELEMENTS(grants) && !(name && strcmp(grants[i].name, name) == 0))
		i++;
	if (i == ELEMENTS(grants)) {
		(void)snprintf(why, size, "grant_type is missing or unknown");
	} else if (params_check(grants[i].fields, form, why, size)) {
		if (lifetime_is_number(form)) {
			if (tokens_is_client(json_text(form, "client_id")) &&
				is(form, "client_secret", "sim-secret") &&
				grants[i].may(t, form, &old)) {
				*ret_result = grant(t, form, grants[i].gives_refresh, old);
				return TOKEN_GRANTED;
			}
			t->refused++;
			(void)snprintf(why, size, "the %s grant is refused", grants[i].name);
			return TOKEN_REFUSED;
		}
		(void)snprintf(why, size, "expires_in is not a number of seconds");
	}
	t->refused++;
	return TOKEN_WRONG;
}

/* True if access is valid. Its first use ends the life of the refresh token it was got with: until
 * then a client that died before it wrote the new one down may come again with the old. */
bool tokens_use(struct tokens *t, const char *access)
{
	for (size_t i = array_list_length(t->accesses); i > 0; i--) {
		struct access *a = array_list_get_idx(t->accesses, i - 1);

		if (strcmp(a->text, access) != 0)
			continue;
		if (a->expires_msec != INT64_MAX &&
			a->expires_msec + t->grace * 1000 <= clock_epoch_msec())
			break;
		if (a->kills)
			a->kills->alive = false;
		a->kills = NULL;
		return true;
	}
	t->unauthorized++;
	return false;
}

/* All access tokens given so far are void, the fixed one too. */
void tokens_revoke_access(struct tokens *t)
{
	(void)array_list_del_idx(t->accesses, 0, array_list_length(t->accesses));
}

/* All refresh tokens given so far are void. */
void tokens_revoke_refresh(struct tokens *t)
{
	for (size_t i = 0; i < array_list_length(t->refreshes); i++)
		((struct refresh *)array_list_get_idx(t->refreshes, i))->alive = false;
}

/* Tokens live so long from now on, whatever the client asks for; 0: as it asks. */
void tokens_set_expires_in(struct tokens *t, int64_t seconds)
{
	t->lifetime = seconds;
}

/* Tokens are still taken so long after their end. */
void tokens_set_grace(struct tokens *t, int64_t seconds)
{
	t->grace = seconds;
}

/* strict: a refresh token is void as soon as it was used. */
void tokens_set_strict_rotation(struct tokens *t, bool strict)
{
	t->strict = strict;
}

/* Counts and the newest tokens, for /state; the caller owns it. */
struct json_object *tokens_json(const struct tokens *t)
{
	struct json_object *object = must(json_object_new_object());
	size_t n = array_list_length(t->accesses);
	const struct access *a = n > 0 ? array_list_get_idx(t->accesses, n - 1) : NULL;
	const struct refresh *r =
		array_list_get_idx(t->refreshes, array_list_length(t->refreshes) - 1);

	add_number(object, "token_requests", t->requests);
	add_number(object, "token_renewed", t->renewed);
	add_number(object, "token_refused", t->refused);
	add_number(object, "unauthorized", t->unauthorized);
	add(object, "grants", json_object_get(t->grants));
	add_text(object, "newest_access", a ? a->text : "");
	add_text(object, "newest_refresh", r->alive ? r->text : "");
	return object;
}
