#pragma once

#include "daemon/config.h"

/* Where the tokens go, and as whom: the service must be able to read and to replace them. */
int login_place(int *ret_lock, const struct config *config);
