#pragma once

#include <stdlib.h>

/* The simulator is a test tool: without memory it ends, instead of carrying that case everywhere. */
#define must(pointer)                                   \
	({                                              \
		__typeof__(pointer) _given = (pointer); \
		if (!_given)                            \
			abort();                        \
		_given;                                 \
	})
