#pragma once

#include <stdint.h>

#include "util/cleanup.h"

/* The tokens on disk: what survives a restart. A value: start from {0}. */
struct token_file {
	char *access_token;
	char *refresh_token;
	char *origin; /* the refresh token of the configuration that they descend from; "": none */
	int64_t expires; /* of the access token, seconds since 1970: a hint */
};

int token_file_read(struct token_file *ret, const char *path);
int token_file_write(const struct token_file *file, const char *path);
void token_file_done(struct token_file *file);
