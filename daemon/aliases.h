#pragma once

#include "bridge/names.h"
#include "daemon/config.h"

/* The configuration's sections of homes and doors as the bridge wants them. */
struct aliases {
	struct residence_settings *residences;
	size_t n_residences;
	struct relay_settings *relays;
	size_t n_relays;
};

int aliases_init(struct aliases *ret, const struct config *config);
void aliases_done(struct aliases *aliases);
struct names_settings aliases_settings(const struct aliases *aliases, const char *base_topic);
