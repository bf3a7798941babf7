#include "cloud/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cloud/http.h"

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

static const char *url_fault(const char *url)
{
	bool tls = strncmp(url, "https://", 8) == 0;
	const char *host, *rest;
	size_t size, digits;

	if (!tls && strncmp(url, "http://", 7) != 0)
		return "it must begin with https://";
	if (strchr(url, '@'))
		return "leave out user name and password";
	if (strpbrk(url, "?#"))
		return "leave out everything from the '?' or '#' on";
	host = host_find(url, &size);
	if (!host)
		return "write it like https://api.example.com";
	rest = host + size;
	if (*rest == ':') {
		digits = strspn(rest + 1, "0123456789");
		if (digits == 0 || digits > 5)
			return "its port is not a number";
		rest += 1 + digits;
	}
	/* Nothing is let through that two parsers could read differently. */
	if ((*rest && *rest != '/') || rest[strspn(rest, LETTERS_DIGITS "-._~/")])
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
