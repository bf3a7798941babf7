#pragma once

#include "bridge/names.h"
#include "daemon/config.h"

/* The configuration's sections of homes and doors as the bridge wants them. */
struct aliases {
	struct residence_settings *residences;
	struct relay_settings *relays;
};

int aliases_init(struct aliases *ret, const struct config *config);
void aliases_done(struct aliases *aliases);
struct names_settings aliases_settings(const struct aliases *aliases, const struct config *config);
