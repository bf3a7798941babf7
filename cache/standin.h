#pragma once

#include "cache/store.h"

/* While the file cannot be used a store in memory stands in for it. These copy between the two what
 * must not be lost, and may be done again. */

int standin_save(struct store *file, struct store *standin);
int standin_give_back(struct store *standin, struct store *file, size_t *ret_copied);
