#pragma once

#include <stdio.h>

/* Text for manual pages. */

void roff_write(FILE *f, const char *text);
