#pragma once

#include <stddef.h>
#include <sys/types.h>

/* What a process takes of the machine. */
struct vitals {
	size_t memory; /* of its own, in bytes: pages of files come and go as others need memory */
	size_t descriptors;
};

struct vitals vitals_of(pid_t pid);
size_t vitals_database(const char *path); /* bytes of a database with its log */
