#pragma once

#include <stdbool.h>

/* Room for a host name and its NUL; longer ones are cut. */
#define URL_HOST_MAX 256

const char *url_host(char host[static URL_HOST_MAX], const char *url);
bool url_is_allowed(const char *url);
bool url_is_own(const char *url, const char *cloud_url);
