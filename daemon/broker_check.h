#pragma once

#include <stddef.h>

#include "daemon/config.h"

/* One try to connect to the broker, beside the service if that runs. */
int broker_check(const struct config *config, char *why, size_t why_size);
