#pragma once

#include "daemon/config.h"
#include "util/cleanup.h"

/* The service: everything put together, and its life from start to SIGTERM. */
struct gateway;

int gateway_new(struct gateway **ret, const char *config_path, struct config *config);
struct gateway *gateway_free(struct gateway *gateway);
int gateway_run(struct gateway *gateway);

DEFINE_CLEANUP(struct gateway *, gateway_free);
