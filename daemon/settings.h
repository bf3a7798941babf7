#pragma once

#include "bridge/bridge.h"
#include "daemon/aliases.h"
#include "daemon/config.h"
#include "daemon/link.h"
#include "daemon/poller.h"

/* The configuration as those that work by it want it; they borrow its texts. */

struct poller_settings settings_poller(const struct config *config);
struct bridge_settings settings_bridge(const struct config *config, const struct aliases *aliases,
	struct history *history, const struct link *link);
struct http *settings_http(const struct config *config, const struct link *link);
