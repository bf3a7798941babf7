#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cloud/http.h"
#include "cloud/token.h"

/* What the cloud's token address is asked and what it answers. */

#define GRANT_PATH "/api/v1.0/invoke/open-ability/method/oauth2/token"

enum grant {
	GRANT_REFRESH_TOKEN,
	GRANT_PASSWORD,
	GRANT_CLIENT_CREDENTIALS,
	GRANT_AUTHORIZATION_CODE,
};

/* What goes with the grant besides the settings; NULL where it needs none. */
struct grant_secrets {
	const char *refresh_token;
	const char *code;
	const char *redirect_uri;
};

struct grant_answer {
	enum token_result result;
	char *access_token;  /* TOKEN_READY; secret_free() */
	char *refresh_token; /* NULL: none came; secret_free() */
	uint64_t lifetime_usec;
	uint64_t retry_after_usec;
	char why[192]; /* for people; never holds a secret */
};

int grant_form(char **ret, enum grant grant, const struct token_settings *settings,
	const struct grant_secrets *secrets);
int grant_read(struct grant_answer *ret, enum grant grant, const struct http_answer *http);
void grant_answer_done(struct grant_answer *answer);
