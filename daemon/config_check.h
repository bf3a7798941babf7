#pragma once

#include "daemon/config.h"

int config_check(struct config *config, struct config_errors *errors);
