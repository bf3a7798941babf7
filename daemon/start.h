#pragma once

#include "daemon/config.h"

/* Reads the configuration and its secrets for a verb; complains on stderr. */
int start_config(struct config **ret, const char *path);
int start_plain(struct config **ret, const char *path);
int start_login(struct config **ret, const char *path);
void start_complain(const char *path, int error, const struct config_errors *errors);
