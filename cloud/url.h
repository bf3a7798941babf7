#pragma once

/* Room for a host name and its NUL; longer ones are cut. */
#define URL_HOST_MAX 256

const char *url_host(char host[static URL_HOST_MAX], const char *url);
