#include "daemon/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config_keys.h"
#include "util/secret.h"

/* Where the unit's LoadCredential= finds them, for verbs that root calls by hand. */
#define CREDSTORE "/etc/credstore/"

/* What a login asks for if there is no file, and what it stores does in their place. */
#define FROM_LOGIN (NEED(REFRESH_TOKEN) | NEED(PASSWORD))

struct secret_row {
	const char *section, *key;
	const char *credential; /* of systemd */
	size_t path;            /* of the key's value in struct config */
	size_t text;            /* of the secret in struct config */
	unsigned grants;        /* a bit for each enum token_grant that needs it */
	unsigned changes;       /* enum config_change */
};

#define AT(member)   offsetof(struct config, member)
#define NEED(grant_) (1U << TOKEN_GRANT_##grant_)

static const struct secret_row rows[] = {
	{"cloud", "access_token_file", "access_token", AT(token.access_token_file),
		AT(access_token), NEED(TOKEN), CONFIG_CHANGED_CLOUD},
	{"cloud", "refresh_token_file", "refresh_token", AT(files.refresh_token),
		AT(token.refresh_token), NEED(REFRESH_TOKEN), CONFIG_CHANGED_CLOUD},
	{"cloud", "client_secret_file", "client_secret", AT(files.client_secret),
		AT(token.client_secret), NEED(CLIENT_CREDENTIALS), CONFIG_CHANGED_CLOUD},
	{"cloud", "password_file", "cloud_password", AT(files.cloud_password), AT(token.password),
		NEED(PASSWORD), CONFIG_CHANGED_CLOUD},
	{"mqtt", "password_file", "mqtt_password", AT(files.mqtt_password), AT(mqtt.password), 0,
		CONFIG_CHANGED_BROKER},
};

static const char **member(const struct config *config, size_t offset)
{
	return (const char **)((const char *)config + offset);
}

/* Where the credential would be. */
static int credential_path(char **ret, const struct config *config, const struct secret_row *row)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	int r;

	if (directory && *directory)
		r = asprintf(ret, "%s/%s", directory, row->credential);
	else
		r = asprintf(ret, CREDSTORE "%s.%s", config->unit, row->credential);
	return r < 0 ? -ENOMEM : 0;
}

/* Reads one secret into config. -ENOMEM is fatal; what is wrong with a file is added to errors. */
static int load(struct config *config, const struct secret_row *row, struct config_errors *errors)
{
	const char **path = member(config, row->path), *why = NULL;
	struct config_place place = config_place(config, row->section, row->key);
	_cleanup_free_ char *credential = NULL;
	_cleanup_secret_ char *text = NULL;
	int r;

	if (!*path) {
		r = credential_path(&credential, config, row);
		if (r < 0) {
			credential = NULL;
			return r;
		}
	}
	r = secret_read(&text, *path ?: credential, &why);
	/* Only root may look into the store. */
	if (credential && (r == -ENOENT || (r == -EACCES && !getenv("CREDENTIALS_DIRECTORY"))))
		return 0;
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		/* The path is not quoted: somebody may have put the secret there. */
		config_errors_add(errors, &place, "%s%s: %s%s%s",
			credential ? "the credential " : "the file",
			credential ? row->credential : "", why,
			r == -EINVAL || r == -EPERM ? "" : ": ",
			r == -EINVAL || r == -EPERM ? "" : strerror(-r));
		return 0;
	}
	*member(config, row->text) = TAKE_PTR(text);
	if (credential)
		*path = TAKE_PTR(credential);
	return 0;
}

static bool has_logged_in(const struct config *config)
{
	_cleanup_free_ char *file = config_token_file(config);

	/* Also when we may not look: it is the service's, not ours. */
	return file && (access(file, F_OK) == 0 || errno == EACCES);
}

static bool is_missing(const struct config *config, const struct secret_row *row, unsigned optional)
{
	unsigned needed = row->grants & 1U << config->token.grant;

	if (!needed || *member(config, row->path))
		return false;
	return !(needed & optional) && !(needed & FROM_LOGIN && has_logged_in(config));
}

static void check_file(const struct config *config, const char *section, const char *key,
	const char *path, bool secret, struct config_errors *errors)
{
	const struct config_place place = config_place(config, section, key);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!path)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		config_errors_add(errors, &place, "the file cannot be read: %m");
	else if (!S_ISREG(st.st_mode))
		config_errors_add(errors, &place, "it is not a file");
	else if (secret && st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
		config_errors_add(errors, &place,
			"others can read or change the file: chmod 0600 it, or 0640 with the group "
			"of the service");
}

/* optional: a bit for each enum token_grant whose secret may be missing. */
static int load_all(struct config *config, unsigned optional, struct config_errors *errors)
{
	size_t before = errors->n + errors->dropped;
	int r;

	for (const struct secret_row *row = rows; row < rows + ELEMENTS(rows); row++) {
		const struct config_place place = config_place(config, row->section, row->key);

		r = load(config, row, errors);
		if (r < 0)
			return r;
		if (is_missing(config, row, optional))
			config_errors_add(errors, &place,
				"this grant needs it, or the systemd credential %s%s",
				row->credential,
				row->grants & FROM_LOGIN ? ", or akuvox2mqtt login" : "");
	}
	if (config->mqtt.password && !config->mqtt.username) {
		const struct config_place place = config_place(config, "mqtt", "username");

		config_errors_add(errors, &place, "a password needs a user name");
	}
	check_file(config, "cloud", "ca_file", config->cloud.ca_file, false, errors);
	check_file(config, "mqtt", "ca_file", config->mqtt.ca_file, false, errors);
	check_file(config, "mqtt", "cert_file", config->mqtt.cert_file, false, errors);
	check_file(config, "mqtt", "key_file", config->mqtt.key_file, true, errors);
	return errors->n + errors->dropped > before ? -EINVAL : 0;
}

/* Reads what a configuration leaves to other files, and checks that those are right: to be called
 * once, by verbs that talk to the cloud or the broker. A file named by a key wins over a systemd
 * credential. The password or the refresh token may be missing once somebody has logged in. errors
 * as for config_load(). -EINVAL: there are mistakes. */
int secrets_load(struct config *config, struct config_errors *errors)
{
	return load_all(config, 0, errors);
}

/* The same for a login, which asks for what is not there, or says that the grant has no use for it. */
int secrets_load_for_login(struct config *config, struct config_errors *errors)
{
	return load_all(config, FROM_LOGIN | NEED(TOKEN), errors);
}

/* The secret at that place of the table, after secrets_load(). False: there are no more. */
bool secrets_at(const struct config *config, size_t i, struct secret *ret)
{
	const struct secret_row *row = &rows[i];

	if (i >= ELEMENTS(rows))
		return false;
	*ret = (struct secret){
		.section = row->section,
		.key = row->key,
		.credential = row->credential,
		.path = *member(config, row->path),
		.named = config_place(config, row->section, row->key).line > 0,
		.missing = is_missing(config, row, 0),
	};
	return true;
}

/* Wipes them. */
void secrets_clear(struct config *config)
{
	for (const struct secret_row *row = rows; row < rows + ELEMENTS(rows); row++) {
		const char **text = member(config, row->text);

		*text = secret_free((char *)*text);
	}
}

/* As config_changes(), for the secrets alone. */
unsigned secrets_changes(const struct config *a, const struct config *b)
{
	unsigned changes = 0;

	for (const struct secret_row *row = rows; row < rows + ELEMENTS(rows); row++) {
		const char *x = *member(a, row->text), *y = *member(b, row->text);

		if (x && y ? strcmp(x, y) != 0 : x != y)
			changes |= CONFIG_CHANGED | row->changes;
	}
	return changes;
}
