#include "cloud/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cloud/http.h"
#include "util/secret.h"
#include "util/text.h"

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

/* The vendor's: hosts below one of them belong together. Registered by it, so that nobody else can
 * have a host there. */
static const char *const domains[] = {".akubela.com", ".akuvox.com"};

/* The domain that the host is below; NULL: none of the vendor's. */
static const char *domain_of(const char *host, size_t size)
{
	for (size_t i = 0; i < ELEMENTS(domains); i++) {
		size_t n = strlen(domains[i]);

		if (size > n && strncasecmp(host + size - n, domains[i], n) == 0)
			return domains[i];
	}
	return NULL;
}

static unsigned port_of(const char *url, const char *host, size_t size)
{
	if (host[size] == ':')
		return (unsigned)strtoul(host + size + 1, NULL, 10);
	return strncmp(url, "https:", 6) == 0 ? 443 : 80;
}

/* Whether an address that the cloud wrote into an answer may be asked for, as that of a picture:
 * it has the cloud's own scheme, host and port, or it is https on the usual port of a host below
 * the vendor's domain, and the cloud is below one too. So nobody who can put an address into an
 * answer makes the gateway call at a neighbour's door: no host of the house, no address by number,
 * no other port. User name and password are refused, as is what two parsers could read
 * differently. cloud_url: one that http_url_check() let pass. */
bool url_is_own(const char *url, const char *cloud_url)
{
	const char *host, *cloud;
	size_t size, cloud_size;

	if (!text_is_visible(url, strlen(url)) || strchr(url, '\\') || !url_is_allowed(url))
		return false;
	host = host_find(url, &size);
	cloud = host_find(cloud_url, &cloud_size);
	if (!cloud)
		return false;
	if (host - url == cloud - cloud_url && strncmp(url, cloud_url, (size_t)(host - url)) == 0 &&
		size == cloud_size && strncasecmp(host, cloud, size) == 0 &&
		port_of(url, host, size) == port_of(cloud_url, cloud, cloud_size))
		return true;
	/* A name below those is no name of this machine, so it is https. */
	return domain_of(host, size) && domain_of(cloud, cloud_size) &&
	       port_of(url, host, size) == 443;
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
