#include "daemon/login_page.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloud/http.h"
#include "util/secret.h"
#include "util/text.h"

#define AUTH_PATH     "/api/v1.0/invoke/open-ability/method/oauth2/auth"
#define SCOPE_DEFAULT "user"

/* The address to open, which the caller frees. Source: the vendor's page on authorization, user
 * function API. state: comes back with the code, and proves that both belong together. */
int login_page_url(char **ret, const struct token_settings *settings, const char *redirect_uri,
	const char *state)
{
	const struct {
		const char *name, *value;
	} fields[] = {
		{"scope", settings->scope ?: SCOPE_DEFAULT},
		{"state", state},
		{"response_type", "code"},
		{"client_id", settings->client_id},
		{"redirect_uri", redirect_uri},
	};
	_cleanup_secret_ char *query = NULL;
	int r;

	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		r = http_form_add(&query, fields[i].name, fields[i].value);
		if (r < 0)
			return r;
	}
	return asprintf(ret, "%s" AUTH_PATH "?%s", settings->url, query) < 0 ? -ENOMEM : 0;
}

/* A parameter of a query, unescaped; secret_free(). NULL: it is not there, or makes no sense. */
static char *query_get(const char *query, const char *name)
{
	size_t size = strlen(name);

	for (; *query; query += strcspn(query, "&#"), query += *query == '&') {
		_cleanup_secret_ char *value = NULL;

		if (*query == '#')
			break;
		if (strncmp(query, name, size) != 0 || query[size] != '=')
			continue;
		query += size + 1;
		value = strndup(query, strcspn(query, "&#"));
		return value ? http_unescape(value) : NULL;
	}
	return NULL;
}

static int take_code(char **ret, char *code, const char **ret_why)
{
	_cleanup_secret_ char *text = code;

	if (!text || !*text || !text_is_visible(text, strlen(text))) {
		*ret_why = "there is no code in it";
		return -EINVAL;
	}
	*ret = TAKE_PTR(text);
	return 0;
}

/* The code out of what was pasted: the whole address the browser was sent to, its query, or the code
 * alone. The caller frees it by secret_free(). -EINVAL: it cannot be used, *ret_why says why. */
int login_page_code(char **ret, const char *pasted, const char *state, const char **ret_why)
{
	const char *mark = strchr(pasted, '?'), *query = mark ? mark + 1 : pasted;
	_cleanup_secret_ char *error = NULL, *came = NULL;

	if (!mark && strstr(pasted, "://")) {
		*ret_why = "there is no code in it";
		return -EINVAL;
	}
	if (!mark && !strstr(pasted, "code="))
		return take_code(ret, strdup(pasted), ret_why);
	error = query_get(query, "error");
	if (error) {
		*ret_why = "the login page says that it was refused";
		return -EINVAL;
	}
	came = query_get(query, "state");
	if (!came || strcmp(came, state) != 0) {
		*ret_why = "it belongs to another login: open the address above, and paste what "
			   "comes of that";
		return -EINVAL;
	}
	return take_code(ret, query_get(query, "code"), ret_why);
}
