#pragma once

#include "cache/store.h"

/* The tables of the cache file. */
const struct store_schema *cache_schema(void);
