#pragma once

#include <stdint.h>

#include "cloud/token.h"

/* Tokens that survive a restart. */
struct token_store {
	char *access_token;
	char *refresh_token;
	int64_t expires; /* of the access token, seconds since 1970 by the wall clock; 0: unknown */
};

int token_file_read(struct token_store *ret, const struct token_settings *settings);
int token_file_write(const struct token_store *store, const struct token_settings *settings);
void token_store_done(struct token_store *store);
