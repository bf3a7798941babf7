#include "cloud/route.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cloud/url.h"
#include "config.h"
#include "util/secret.h"
#include "util/text.h"

#define HEADERS_MAX 5

struct route {
	unsigned users;
	char *url;
	CURLU *parsed;
	struct curl_slist *headers;
};

struct header {
	const char *name, *value;
};

/* As an option of its own libcurl would write our name down twice. */
static size_t headers_of(const struct http_call *call, struct header ret[static HEADERS_MAX])
{
	const struct header all[HEADERS_MAX] = {
		{"User-Agent: ", PACKAGE "/" PACKAGE_VERSION},
		{"Accept: ", call->accept ?: "application/json"},
		/* libcurl would wait for a permission to send larger bodies. */
		{"Expect:", ""},
		{"Content-Type: ", call->content_type},
		{"Authorization: Bearer ", call->bearer},
	};
	size_t n = 0;

	for (size_t i = 0; i < HEADERS_MAX; i++)
		if (all[i].value)
			ret[n++] = all[i];
	return n;
}

static bool header_is(const struct curl_slist *line, const struct header *header)
{
	size_t size = strlen(header->name);

	return strncmp(line->data, header->name, size) == 0 &&
	       strcmp(line->data + size, header->value) == 0;
}

static bool route_fits(const struct route *route, const struct http_call *call)
{
	const struct curl_slist *line = route->headers;
	struct header headers[HEADERS_MAX];
	size_t n = headers_of(call, headers);

	if (strcmp(route->url, call->url) != 0)
		return false;
	for (size_t i = 0; i < n; i++, line = line->next)
		if (!line || !header_is(line, &headers[i]))
			return false;
	return !line;
}

static int header_add(struct curl_slist **lines, const struct header *header)
{
	_cleanup_secret_ char *text = NULL;
	struct curl_slist *longer;

	if (asprintf(&text, "%s%s", header->name, header->value) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	longer = curl_slist_append(*lines, text);
	if (!longer)
		return -ENOMEM;
	*lines = longer;
	return 0;
}

static int route_new(struct route **ret, const struct http_call *call)
{
	_cleanup_(route_unrefp) struct route *route = NULL;
	struct header headers[HEADERS_MAX];
	size_t n = headers_of(call, headers);
	int r;

	if (!url_is_allowed(call->url) ||
		(call->bearer && !text_is_visible(call->bearer, strlen(call->bearer))))
		return -EINVAL;
	route = calloc(1, sizeof(*route));
	if (!route)
		return -ENOMEM;
	route->users = 1;
	route->url = strdup(call->url);
	route->parsed = curl_url();
	if (!route->url || !route->parsed)
		return -ENOMEM;
	switch (curl_url_set(route->parsed, CURLUPART_URL, call->url, 0)) {
	case CURLUE_OK:
		break;
	case CURLUE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		r = header_add(&route->headers, &headers[i]);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(route);
	return 0;
}

/* The route of a call, to be given back by route_unref(). *last: that of the call before or NULL; it is
 * used again if it fits, else it becomes the new one. -EINVAL: the address is neither https nor on this
 * machine, or the token could not stand in a header. */
int route_for(struct route **ret, struct route **last, const struct http_call *call)
{
	struct route *route = NULL;
	int r;

	if (!*last || !route_fits(*last, call)) {
		r = route_new(&route, call);
		if (r < 0)
			return r;
		(void)route_unref(*last);
		*last = route;
	}
	(*last)->users++;
	*ret = *last;
	return 0;
}

/* Takes NULL, returns NULL. */
struct route *route_unref(struct route *route)
{
	if (!route || --route->users > 0)
		return NULL;
	for (struct curl_slist *line = route->headers; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(route->headers);
	curl_url_cleanup(route->parsed);
	(void)secret_free(route->url);
	free(route);
	return NULL;
}

/* What is set points into the route, which must outlive the transfer. */
CURLcode route_set(const struct route *route, CURL *easy)
{
	bool tls = strncmp(route->url, "https:", 6) == 0;
	CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, route->url);

	/* It goes before the other one, which is for those who ask where the request went. */
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_CURLU, route->parsed);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http");
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, route->headers);
	return code;
}
