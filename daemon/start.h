#pragma once

#include "daemon/config.h"

/* Reads the configuration and its secrets for a verb; complains on stderr. */
int start_config(struct config **ret, const char *path);
