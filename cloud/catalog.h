#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The commands of the cloud, as data. Source: the vendor's pages "Akuvox service API" and "Family
 * management API". A new command is a new row. */

enum command_group {
	COMMAND_GROUP_READ, /* every get_ and check_ */
	COMMAND_GROUP_DOOR,
	COMMAND_GROUP_ACCESS,
	COMMAND_GROUP_FAMILY,
	COMMAND_GROUP_MAX,
};

enum command_flags {
	COMMAND_OPENS = 1 << 0,      /* moves a door: sent at most once, at once, or not at all */
	COMMAND_REPEATABLE = 1 << 1, /* changes nothing: may be sent again when no answer came */
	COMMAND_SECRET = 1 << 2,     /* parameters or result hold secrets */
};

enum field_type {
	FIELD_END,
	FIELD_TEXT,
	FIELD_FLAG,
	FIELD_COUNT,   /* a whole number from 1 */
	FIELD_TIME,    /* "YYYY-MM-DD HH:MM:SS", UTC */
	FIELD_ROLE,    /* "user" (family administrator) or "guest" (ordinary member) */
	FIELD_TEXTS,   /* array of strings */
	FIELD_OBJECTS, /* array of objects that hold members */
};

struct field {
	const char *name;
	enum field_type type;
	bool optional;
	const char *help;
	const struct field *members; /* FIELD_OBJECTS, ends with FIELD_END */
	const char *after;           /* FIELD_TIME: the field of the time that must come before */
};

struct command {
	const char *name;
	enum command_group group;
	unsigned flags;
	const char *help;
	const struct field *params; /* ends with FIELD_END */
	bool result_is_list;
	const struct field *result; /* ends with FIELD_END */
	const char *example;        /* a payload for <base>/<residence>/request/<command> */
};

const struct command *catalog_find(const char *name);
const struct command *catalog_at(size_t i);
const struct field *field_find(const struct field *fields, const char *name);
bool command_needs_residence(const struct command *command);

const char *command_group_name(enum command_group group);
const char *command_group_help(enum command_group group);
int command_group_from_text(const char *text);
const char *field_type_name(enum field_type type);
