#pragma once

#include "cloud/token.h"

/* The vendor's page on which somebody logs in, and what his browser brings back. */
int login_page_url(char **ret, const struct token_settings *settings, const char *redirect_uri,
	const char *state);
int login_page_code(char **ret, const char *pasted, const char *state, const char **ret_why);
