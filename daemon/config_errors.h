#pragma once

#include <stddef.h>

/* What is wrong with a configuration: a line for people each. A value: start from {0}. */
#define CONFIG_ERRORS_MAX 20

struct config_errors {
	char *text[CONFIG_ERRORS_MAX];
	size_t n;
	size_t dropped; /* more than those kept */
};

/* Where an error is: fields that do not apply are 0 or NULL. */
struct config_place {
	const char *path;
	unsigned line;
	const char *section;
	const char *id; /* of the section: [door ID] */
	const char *key;
};

void config_errors_add(struct config_errors *errors, const struct config_place *place,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
void config_errors_done(struct config_errors *errors);
