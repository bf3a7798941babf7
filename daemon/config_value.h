#pragma once

#include <stdbool.h>

#include "daemon/config_keys.h"

/* Values of keys, as the table says: base is the struct that key->offset counts in. */
#define CONFIG_WHY_MAX 320 /* room for what is wrong with a value */

int config_value_set(const struct config_key *key, void *base, const char *text,
	char why[static CONFIG_WHY_MAX]);
void config_value_clear(const struct config_key *key, void *base);
bool config_value_equal(const struct config_key *key, const void *a, const void *b);
void config_value_limits(const struct config_key *key, char text[static CONFIG_WHY_MAX]);
int config_values_default(const struct config_section *section, void *base);
void config_values_clear(const struct config_section *section, void *base);
