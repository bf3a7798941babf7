#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

/* What the token endpoint said to a request. */
enum token_outcome {
	TOKEN_GRANTED,
	TOKEN_REFUSED, /* rightly asked, but the credentials do not hold */
	TOKEN_WRONG,   /* not a request of the documents */
};

struct tokens;

struct tokens *tokens_new(const char *fixed);
struct tokens *tokens_free(struct tokens *t);

enum token_outcome tokens_request(struct tokens *t, struct json_object *form,
	struct json_object **ret_result, char *why, size_t size);
bool tokens_use(struct tokens *t, const char *access);
bool tokens_is_client(const char *client_id);

void tokens_revoke_access(struct tokens *t);
void tokens_revoke_refresh(struct tokens *t);
void tokens_set_expires_in(struct tokens *t, int64_t seconds);
void tokens_set_grace(struct tokens *t, int64_t seconds);
void tokens_set_strict_rotation(struct tokens *t, bool strict);
struct json_object *tokens_json(const struct tokens *t);
