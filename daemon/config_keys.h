#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config.h"

/* The one table of configuration keys: reader, example, manual page and tests follow from it. */

enum config_type {
	CONFIG_TEXT,
	CONFIG_FLAG,
	CONFIG_NUMBER,
	CONFIG_DURATION,
	CONFIG_CHOICE,
	CONFIG_COMMANDS,
};

enum config_key_flags {
	CONFIG_SECRET_FILE = 1 << 8, /* the file holds a secret; higher than enum config_change */
	CONFIG_ZERO = 1 << 9,        /* 0 is right too, below min */
};

struct config_word {
	const char *word; /* NULL: the end */
	int value;
};

struct config_key {
	const char *name; /* NULL: the end */
	enum config_type type;
	unsigned flags;                         /* enum config_change, enum config_key_flags */
	size_t offset;                          /* in struct config, or in struct config_instance */
	double min;                             /* NUMBER; DURATION in seconds */
	double max;                             /* also TEXT: bytes */
	const char *standard;                   /* NULL: there is no default */
	const char *shown;                      /* in the example, without a default */
	const char *(*check)(const char *text); /* TEXT: NULL or what is wrong */
	const struct config_word *words;        /* CHOICE */
	const char *help;
};

struct config_section {
	const char *name; /* NULL: the end */
	const char *id;   /* what stands behind the name of a section that repeats; else NULL */
	size_t offset;    /* of its struct config_instances in struct config */
	const struct config_key *keys;
	const char *help;
};

extern const struct config_section config_sections[];

const struct config_section *config_section_find(const char *name, bool repeats);
const struct config_key *config_key_find(const struct config_section *section, const char *name);
const char *config_region_url(int region);

unsigned *config_line(
	struct config *config, const struct config_section *section, const struct config_key *key);
struct config_place config_place(const struct config *config, const char *section, const char *key);
