#pragma once

#include "daemon/config.h"

/* The texts of secrets in struct config, from the files and credentials that hold them. */
int secrets_load(struct config *config, struct config_errors *errors);
void secrets_clear(struct config *config);
unsigned secrets_changes(const struct config *a, const struct config *b);
