#pragma once

#include "cache/home.h"

/* A text of the cloud as a terminal, or who pastes from it, may see it. */
struct shown {
	char text[CACHE_TEXT_MAX + 1];
};

struct shown shown(const char *text);
