#include "cloud/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cloud/http.h"
#include "util/secret.h"

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Where the host begins, and its length without port; brackets of IPv6 belong to it. */
static const char *host_find(const char *url, size_t *ret_size)
{
	const char *host = strstr(url, "://");

	if (!host)
		return NULL;
	host += 3;
	if (*host == '[') {
		*ret_size = 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
		if (host[*ret_size] != ']')
			return NULL;
		(*ret_size)++;
	} else {
		*ret_size = strspn(host, LETTERS_DIGITS "-._");
	}
	return *ret_size > 0 && *ret_size < URL_HOST_MAX ? host : NULL;
}

/* The host in url, for texts; "the cloud" if there is none. */
const char *url_host(char host[static URL_HOST_MAX], const char *url)
{
	size_t size;
	const char *found = url ? host_find(url, &size) : NULL;

	if (!found)
		return "the cloud";
	(void)snprintf(host, URL_HOST_MAX, "%.*s", (int)size, found);
	return host;
}

static bool is_this_machine(const char *host, size_t size)
{
	char text[URL_HOST_MAX];
	unsigned char ip[4];

	(void)snprintf(text, sizeof(text), "%.*s", (int)size, host);
	if (strcasecmp(text, "localhost") == 0 || strcmp(text, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, text, ip) == 1 && ip[0] == 127;
}

/* What follows host and port; NULL if that is anything but a path, a query or the end, such as an
 * '@' that would make a user name of what looks like the host. */
static const char *rest_find(const char *host, size_t size)
{
	const char *rest = host + size;
	size_t digits = 0;

	if (*rest == ':') {
		digits = strspn(++rest, "0123456789");
		if (digits == 0 || digits > 5)
			return NULL;
	}
	rest += digits;
	return *rest && !strchr("/?", *rest) ? NULL : rest;
}

static const char *url_fault(const char *url)
{
	bool tls = strncmp(url, "https://", 8) == 0;
	const char *host, *rest;
	size_t size;

	if (!tls && strncmp(url, "http://", 7) != 0)
		return "it must begin with https://";
	if (strchr(url, '@'))
		return "leave out user name and password";
	if (strpbrk(url, "?#"))
		return "leave out everything from the '?' or '#' on";
	host = host_find(url, &size);
	rest = host ? rest_find(host, size) : NULL;
	/* Nothing is let through that two parsers could read differently. */
	if (!rest || rest[strspn(rest, LETTERS_DIGITS "-._~/")])
		return "write it like https://api.example.com";
	if (!tls && !is_this_machine(host, size))
		return "it must begin with https://; http is for this machine only";
	return NULL;
}

/* Checks an address that calls are to go to: https, or http to this machine. -EINVAL: it must not
 * be used, and *ret_why says what would do. */
int http_url_check(const char *url, const char **ret_why)
{
	const char *fault = url_fault(url);

	if (!fault)
		return 0;
	*ret_why = fault;
	return -EINVAL;
}

/* Whether a request may go there, whatever the path: by https, or by http to this machine. */
bool url_is_allowed(const char *url)
{
	size_t size;
	const char *host = host_find(url, &size);

	if (!host || !rest_find(host, size))
		return false;
	if (strncmp(url, "https://", 8) == 0)
		return true;
	return strncmp(url, "http://", 7) == 0 && is_this_machine(host, size);
}

/* Adds name=value, percent-encoded, to a form that is NULL at first and freed by secret_free(). */
int http_form_add(char **form, const char *name, const char *value)
{
	_cleanup_secret_ char *escaped = http_escape(value);
	char *longer;

	if (!escaped || asprintf(&longer, "%s%s%s=%s", *form ? *form : "", *form ? "&" : "", name,
				escaped) < 0)
		return -ENOMEM;
	(void)secret_free(*form);
	*form = longer;
	return 0;
}
