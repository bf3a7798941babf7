#pragma once

#include <curl/curl.h>

#include "cloud/http.h"
#include "util/cleanup.h"

/* Where a request goes, and the header it goes with, as libcurl wants them. Calls of the same place are
 * alike, so what is parsed and written down for one serves the next: an eighth of the work of a request.
 * For http.c only; with it the one place that knows libcurl. */
struct route;

int route_for(struct route **ret, struct route **last, const struct http_call *call);
struct route *route_unref(struct route *route);

CURLcode route_set(const struct route *route, CURL *easy);

DEFINE_CLEANUP(struct route *, route_unref);
