#pragma once

#include <stddef.h>
#include <stdint.h>

/* When the polls of a kind come, each by itself and all together. */

uint64_t pace_wait(uint64_t interval_usec, double sooner);
uint64_t pace_accuracy(uint64_t wait_usec, size_t homes);
double pace_part(size_t homes);
