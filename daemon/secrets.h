#pragma once

#include "daemon/config.h"

/* One secret, as the configuration has it. Texts are borrowed. */
struct secret {
	const char *section, *key;
	const char *credential; /* its name with systemd */
	const char *path;       /* of its file or credential; NULL: there is none */
	bool named;             /* by the key, else it is a credential */
	bool missing;           /* the grant needs it */
};

/* The texts of secrets in struct config, from the files and credentials that hold them. */
int secrets_load(struct config *config, struct config_errors *errors);
int secrets_load_for_login(struct config *config, struct config_errors *errors);
bool secrets_at(const struct config *config, size_t i, struct secret *ret);
void secrets_clear(struct config *config);
unsigned secrets_changes(const struct config *a, const struct config *b);
