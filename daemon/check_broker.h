#pragma once

#include "daemon/config.h"
#include "daemon/report.h"

/* The broker: name, connection, version of MQTT, permissions. Nothing stays there. */
int check_broker(struct report *report, const struct config *config);
