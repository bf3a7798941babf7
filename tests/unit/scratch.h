#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A folder of a test's own below $TMPDIR, and what is in it. */
struct scratch {
	char dir[256];
	char file[300]; /* "cache.db" in it, not made yet */
};

int scratch_setup(void **state);
int scratch_teardown(void **state);
size_t scratch_count(const struct scratch *scratch, const char *prefix);
void scratch_write(const char *path, const void *bytes, size_t size);
