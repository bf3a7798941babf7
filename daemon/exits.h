#pragma once

#include <sysexits.h>

/* Exit codes of the program, by the contract. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_UNAVAILABLE = EX_UNAVAILABLE, /* cloud or broker out of reach */
	EXIT_AUTH = EX_NOPERM,
	EXIT_CONFIG = EX_CONFIG,
};
