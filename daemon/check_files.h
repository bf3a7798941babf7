#pragma once

#include "daemon/config.h"
#include "daemon/owner.h"
#include "daemon/report.h"

/* The files that a configuration names, and whether the service may read them. */
int check_files(struct report *report, const struct config *config, const struct owner *owner);
