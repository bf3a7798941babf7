#pragma once

#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls, and replay.c: always returns 0, and dies of whatever is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
