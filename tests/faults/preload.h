#pragma once

#include "tests/faults/starve.h"
#include "tests/integration/harness.h"

/* The gateway's next start has the shared object of starve.c in it, which obeys what is returned. */
struct starve *starve_preload(struct harness *h);
