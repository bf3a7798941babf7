#pragma once

#include <stdbool.h>

#include "cloud/http.h"

/* Opens a connection whenever none is left, so that an opening finds one ready. */
struct warm;

int warm_new(struct warm **ret, sd_event *event, struct http *http, const char *url);
struct warm *warm_free(struct warm *warm);

int warm_want(struct warm *warm, bool wanted);

DEFINE_CLEANUP(struct warm *, warm_free);
