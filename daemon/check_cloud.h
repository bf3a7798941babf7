#pragma once

#include "daemon/config.h"
#include "daemon/report.h"

/* The way to the cloud: name, TLS, clock, token, homes. Nothing is changed there or here. */
int check_name(struct report *report, const char *what, const char *host, const char *key);
int check_cloud(struct report *report, struct config *config);
