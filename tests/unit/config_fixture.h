#pragma once

#include "tests/unit/cmocka-all.h"

#include "daemon/config.h"

/* A configuration file in a directory of its own, loaded again and again. */

#define CONFIG_EU       "[cloud]\nregion = eu\n"
#define CONFIG_LOOPBACK "[cloud]\nurl = http://127.0.0.1:8080\n"

/* Longer than what is quoted, as long as an alias may be. */
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

extern char config_directory[64];
extern char config_path[80];
extern struct config *config; /* the one loaded last; NULL after a failure */
extern struct config_errors config_mistakes;

int config_setup(void **state);
int config_teardown(void **state);

int load_bytes(const char *text, size_t size);
int load(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *mistake(size_t i);
void print_mistakes(void);

#define assert_loads(...)                       \
	do {                                    \
		if (load(__VA_ARGS__) != 0) {   \
			print_mistakes();       \
			fail_msg("not loaded"); \
		}                               \
	} while (0)

/* One mistake and no other. */
#define assert_refused(expected, ...)                                             \
	do {                                                                      \
		assert_int_equal(load(__VA_ARGS__), -EINVAL);                     \
		if (config_mistakes.n != 1)                                       \
			print_mistakes();                                         \
		assert_int_equal(config_mistakes.n + config_mistakes.dropped, 1); \
		assert_string_equal(mistake(0), expected);                        \
		assert_null(config);                                              \
	} while (0)
