#pragma once

#include "bridge/discovery.h"
#include "daemon/config.h"
#include "daemon/poller.h"

/* What Home Assistant is to be told of, by the configuration and by what is polled. */

struct discovery_settings homeassistant_settings(
	const struct config *config, const struct poller_settings *polls);
