#pragma once

#include "util/cleanup.h"

/* A state directory serves one gateway at a time. */
enum lock_result {
	LOCK_TAKEN = 1, /* by another gateway, that is still running */
};

int lock_take(int *ret_fd, const char *directory);
