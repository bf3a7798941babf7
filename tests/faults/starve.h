#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Shared by a test and the gateway it starves, in a file whose path is in STARVE. */
struct starve {
	_Atomic int64_t left; /* the allocation to be refused, counted down; 0: none; -1: count */
	_Atomic int64_t for_good; /* and all behind it, until left is set to 0 */
	_Atomic uint64_t asked;   /* while left was not 0 */
	_Atomic uint64_t refused;
	_Atomic int64_t ahead_sec; /* of the machine's clock is the gateway's */
	_Atomic int64_t live;      /* what was had and not given back, ever */
};
