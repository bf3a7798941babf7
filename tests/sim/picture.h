#pragma once

#include <stddef.h>

char *picture_new(unsigned width, unsigned height, unsigned seed, size_t *ret_size);
