#pragma once

#include <stdlib.h>
#include <unistd.h>

/* Runs f(&variable) when the variable leaves its scope. */
#define _cleanup_(f) __attribute__((cleanup(f)))

/* Hands a pointer over: yields it and leaves NULL behind, so that its cleanup does nothing. */
#define TAKE_PTR(p)                         \
	({                                  \
		__typeof__(p) *_p = &(p);   \
		__typeof__(p) _taken = *_p; \
		*_p = NULL;                 \
		_taken;                     \
	})

#define TAKE_FD(fd)               \
	({                        \
		int *_f = &(fd);  \
		int _taken = *_f; \
		*_f = -1;         \
		_taken;           \
	})

/* Defines FREEp() for _cleanup_ out of a destructor that returns NULL. */
#define DEFINE_CLEANUP(type, free_function)          \
	static inline void free_function##p(type *p) \
	{                                            \
		if (*p)                              \
			*p = free_function(*p);      \
	}                                            \
	struct cleanup_needs_a_semicolon

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
