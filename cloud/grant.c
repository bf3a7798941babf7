#include "cloud/grant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/secret.h"
#include "util/text.h"

/* Seconds. 3600 is what every example of the vendor shows. */
#define LIFETIME_DEFAULT 3600
#define LIFETIME_MAX     (366 * 86400)

/* A way the OAuth error code looks, and how much of it is shown. */
#define ERROR_LETTERS "abcdefghijklmnopqrstuvwxyz_"
#define ERROR_MAX     40

/* Writes the form that asks for a token; the caller frees it with secret_free(). Sources: the
 * vendor's authorization pages of the user, manager, hotel and general function API. */
int grant_form(char **ret, enum grant grant, const struct token_settings *settings,
	const struct grant_secrets *secrets)
{
	static const char *const names[] = {
		[GRANT_REFRESH_TOKEN] = "refresh_token",
		[GRANT_PASSWORD] = "password",
		[GRANT_CLIENT_CREDENTIALS] = "client_credentials",
		[GRANT_AUTHORIZATION_CODE] = "authorization_code",
	};
	const unsigned scoped = 1U << GRANT_PASSWORD | 1U << GRANT_CLIENT_CREDENTIALS;
	const struct {
		const char *name, *value;
		unsigned grants; /* that have it */
	} fields[] = {
		{"grant_type", names[grant], ~0U},
		{"client_id", settings->client_id, ~0U},
		{"client_secret", settings->client_secret, ~0U},
		{"scope", settings->scope, scoped},
		{"username", settings->username, 1U << GRANT_PASSWORD},
		{"password", settings->password, 1U << GRANT_PASSWORD},
		{"refresh_token", secrets->refresh_token, 1U << GRANT_REFRESH_TOKEN},
		{"code", secrets->code, 1U << GRANT_AUTHORIZATION_CODE},
		{"redirect_uri", secrets->redirect_uri, 1U << GRANT_AUTHORIZATION_CODE},
	};
	_cleanup_secret_ char *form = NULL;
	int r;

	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		if (!fields[i].value || !(fields[i].grants & 1U << grant))
			continue;
		r = http_form_add(&form, fields[i].name, fields[i].value);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(form);
	return 0;
}

/* Copies a token out of object and wipes json-c's own copy. 1: there is none that could stand in a
 * header. */
static int take_token(char **ret, struct json_object *object, const char *key)
{
	const char *text = json_text(object, key);
	size_t size = text ? strlen(text) : 0;
	int r = 1;

	if (text && size <= SECRET_SIZE_MAX && text_is_visible(text, size))
		r = secret_new(ret, text, size);
	if (text)
		explicit_bzero((char *)text, size);
	return r;
}

static uint64_t lifetime(struct json_object *object)
{
	const char *text = json_text(object, "expires_in");
	char *end = NULL;
	long long seconds = text ? strtoll(text, &end, 10) : 0;

	if (!end || *end || seconds <= 0 || seconds > LIFETIME_MAX)
		seconds = LIFETIME_DEFAULT;
	return (uint64_t)seconds * USEC_PER_SEC;
}

/* -1: the answer does not say. */
static int success(struct json_object *document)
{
	const char *text = json_text(document, "success");

	if (text)
		return strcmp(text, "true") == 0 ? 1 : 0;
	return json_flag(document, "success") == 0 ? 0 : -1;
}

/* The OAuth error code, as far as it is one: a text from outside might repeat a secret. */
static void explain(
	struct grant_answer *answer, const char *words, long status, struct json_object *document)
{
	const char *error = json_text(document, "error");

	if (!error || !*error || strlen(error) > ERROR_MAX || error[strspn(error, ERROR_LETTERS)])
		error = NULL;
	(void)snprintf(answer->why, sizeof(answer->why), "%s (HTTP %ld%s%s)", words, status,
		error ? ", " : "", error ? error : "");
}

/* Reads what the token address answered to that grant. Wrong credentials come as 400, 401, 403 or as success
 * false; all that is not about credentials is TOKEN_UNREACHABLE. -ENOMEM */
int grant_read(struct grant_answer *ret, enum grant grant, const struct http_answer *http)
{
	static const char *const refused[] = {
		[GRANT_REFRESH_TOKEN] = "the cloud refuses the refresh token",
		[GRANT_PASSWORD] = "the cloud refuses the user name or password",
		[GRANT_CLIENT_CREDENTIALS] = "the cloud refuses the client id or secret",
		[GRANT_AUTHORIZATION_CODE] = "the cloud refuses the code",
	};
	_cleanup_(json_freep) struct json_object *document = NULL;
	struct grant_answer answer = {
		.result = TOKEN_UNREACHABLE,
		.retry_after_usec = http->retry_after_usec,
	};
	struct json_object *result;
	int r;

	if (http->end != HTTP_ANSWERED) {
		(void)snprintf(answer.why, sizeof(answer.why), "%s", http->why);
		*ret = answer;
		return 0;
	}
	if (json_parse(&document, http->body, http->size) < 0)
		document = NULL;
	if (http->status == 400 || http->status == 401 || http->status == 403 ||
		(http->status / 100 == 2 && success(document) == 0)) {
		answer.result = TOKEN_REFUSED;
		explain(&answer, refused[grant], http->status, document);
	} else if (http->status / 100 != 2) {
		explain(&answer, "the cloud has no token now", http->status, document);
	} else {
		/* The vendor has the fields inside result, RFC 6749 at top level. */
		result = json_get(document, "result");
		if (!json_object_is_type(result, json_type_object))
			result = document;
		answer.lifetime_usec = lifetime(result);
		r = take_token(&answer.access_token, result, "access_token");
		if (r == 0) {
			answer.result = TOKEN_READY;
			r = take_token(&answer.refresh_token, result, "refresh_token");
		} else {
			explain(&answer, "the cloud's answer holds no token", http->status,
				document);
		}
		if (r < 0) {
			grant_answer_done(&answer);
			return r;
		}
	}
	*ret = answer;
	return 0;
}

void grant_answer_done(struct grant_answer *answer)
{
	answer->access_token = secret_free(answer->access_token);
	answer->refresh_token = secret_free(answer->refresh_token);
}
