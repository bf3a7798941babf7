#pragma once

#include <stddef.h>

#include "util/cleanup.h"

/* Longest secret that is read from a file, in bytes. */
#define SECRET_SIZE_MAX 8192

char *secret_free(char *secret);
int secret_new(char **ret, const char *text, size_t size);
int secret_read(char **ret, const char *path, const char **ret_why);

DEFINE_CLEANUP(char *, secret_free);

#define _cleanup_secret_ _cleanup_(secret_freep)
