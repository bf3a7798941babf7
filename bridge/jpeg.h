#pragma once

#include <stddef.h>

/* Longest side of a picture, in pixels. */
#define JPEG_SIDE_MAX 16384

int jpeg_check(const void *data, size_t size, size_t *ret_size);
