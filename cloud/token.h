#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "cloud/http.h"
#include "util/cleanup.h"

/* The access token: gets it, keeps it fresh, and is its only owner. */
struct token;
struct token_wait;

enum token_grant {
	TOKEN_GRANT_TOKEN, /* a fixed one, out of a file */
	TOKEN_GRANT_REFRESH_TOKEN,
	TOKEN_GRANT_PASSWORD,
	TOKEN_GRANT_AUTHORIZATION_CODE, /* by akuvox2mqtt login; renewed by refresh token */
	TOKEN_GRANT_CLIENT_CREDENTIALS,
	TOKEN_GRANT_MAX,
};

/* Copied by token_new(). Secrets are texts, read and checked by the caller. */
struct token_settings {
	enum token_grant grant;
	const char *url;               /* of the cloud, without path */
	const char *access_token_file; /* TOKEN_GRANT_TOKEN: read again when its token is refused */
	const char *refresh_token;     /* the first one; a rotated one in state_file is newer */
	const char *client_id;
	const char *client_secret;
	const char *username;
	const char *password;
	const char *scope;
	const char *state_file; /* where renewed tokens survive a restart; NULL: nowhere */
	bool as_stored;         /* no new token is asked for: what is stored must do */
	uint64_t timeout_usec;
};

/* What a login brings for the first tokens; NULL where its grant needs it not. */
struct token_first {
	const char *code;          /* TOKEN_GRANT_AUTHORIZATION_CODE */
	const char *redirect_uri;  /* the one that the code was asked for with */
	const char *refresh_token; /* TOKEN_GRANT_REFRESH_TOKEN; NULL: the newest that is known */
};

enum token_result {
	TOKEN_READY = 0,
	TOKEN_REFUSED,     /* the cloud says no; asked again only after a pause */
	TOKEN_UNREACHABLE, /* no answer from the cloud */
};

/* Called exactly once, from the loop, never inside token_wait(). */
typedef void (*token_done_t)(enum token_result result, void *userdata);

int token_new(struct token **ret, sd_event *event, struct http *http,
	const struct token_settings *settings);
struct token *token_free(struct token *token);

const char *token_current(struct token *token);
int token_wait(struct token *token, struct token_wait **ret, token_done_t done, void *userdata);
struct token_wait *token_wait_cancel(struct token_wait *wait);
void token_rejected(struct token *token, const char *text);

const char *token_why(const struct token *token);
int64_t token_expires(const struct token *token);
bool token_busy(const struct token *token);

int token_redeem(struct token *token, const struct token_first *first, struct token_wait **ret,
	token_done_t done, void *userdata);

DEFINE_CLEANUP(struct token *, token_free);
DEFINE_CLEANUP(struct token_wait *, token_wait_cancel);
