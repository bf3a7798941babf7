#pragma once

#include "daemon/config.h"

#define CONFIG_FILE_MAX (4 << 20) /* bytes */
#define CONFIG_ID_MAX   128       /* bytes, of a residence or a relay */

int config_read(struct config *config, struct config_errors *errors);
