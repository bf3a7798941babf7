#include "daemon/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/http.h"
#include "daemon/config_keys.h"
#include "daemon/config_text.h"
#include "daemon/unit.h"
#include "util/clock.h"

#define complain(config, errors, section, key, ...)                              \
	do {                                                                     \
		struct config_place _place = config_place(config, section, key); \
		config_errors_add(errors, &_place, __VA_ARGS__);                 \
	} while (0)

static bool is_set(const struct config *config, const char *section, const char *key)
{
	return config_place(config, section, key).line > 0;
}

static int check_url(struct config *config, struct config_errors *errors)
{
	const char *why = "it is not an address";
	size_t n;
	char *url;

	if (config->cloud.url && config->cloud.region >= 0) {
		complain(config, errors, "cloud", "url", "set this or region, not both");
		return 0;
	}
	if (!config->cloud.url && config->cloud.region < 0) {
		/* A wrong value was complained about already. */
		if (!is_set(config, "cloud", "url") && !is_set(config, "cloud", "region"))
			complain(config, errors, "cloud", "region", "set this, or url");
		return 0;
	}
	url = strdup(config->cloud.url ?: config_region_url(config->cloud.region));
	if (!url)
		return -ENOMEM;
	for (n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
		url[n - 1] = '\0';
	free((char *)config->cloud.url);
	config->cloud.url = config->token.url = url;
	config->token.timeout_usec = config->cloud.timeout_usec;
	/* Not quoted: an address may hold a password. */
	if (http_url_check(url, &why) < 0)
		complain(config, errors, "cloud", "url", "%s", why);
	return 0;
}

/* What a grant cannot do without, but for secrets: see secrets.c. */
static void check_grant(const struct config *config, struct config_errors *errors)
{
	const char *client_id = config->token.client_id, *username = config->token.username;

	switch (config->token.grant) {
	case TOKEN_GRANT_TOKEN:
	case TOKEN_GRANT_REFRESH_TOKEN:
		break;
	case TOKEN_GRANT_PASSWORD:
		if (!username && !is_set(config, "cloud", "username"))
			complain(config, errors, "cloud", "username",
				"the grant \"password\" needs it");
		break;
	case TOKEN_GRANT_AUTHORIZATION_CODE:
	case TOKEN_GRANT_CLIENT_CREDENTIALS:
		if (!client_id && !is_set(config, "cloud", "client_id"))
			complain(config, errors, "cloud", "client_id",
				"the grants \"authorization_code\" and \"client_credentials\" "
				"need it");
		break;
	case TOKEN_GRANT_MAX:
		break;
	}
}

/* Nobody shall hammer the vendor's cloud. Plain http is allowed to this machine only, where there
 * is a simulator. */
static void check_polls(const struct config *config, struct config_errors *errors)
{
	const struct {
		const char *key;
		uint64_t usec;
		unsigned least;
	} polls[] = {
		{"devices", config->poll.devices_usec, 10},
		{"history", config->poll.history_usec, 5},
		{"access", config->poll.access_usec, 10},
		{"family", config->poll.family_usec, 10},
	};

	if (config->cloud.url && strncmp(config->cloud.url, "http:", 5) == 0)
		return;
	for (size_t i = 0; i < ELEMENTS(polls); i++)
		if (polls[i].usec > 0 && polls[i].usec < polls[i].least * USEC_PER_SEC)
			complain(config, errors, "poll", polls[i].key,
				"it must be 0 or at least %u s, to spare the cloud",
				polls[i].least);
}

static void check_mqtt(const struct config *config, struct config_errors *errors)
{
	static const char *const tls_keys[] = {"ca_file", "cert_file", "key_file"};
	static const char *const network_keys[] = {"host", "port", "tls"};

	for (size_t i = 0; config->mqtt.socket && i < ELEMENTS(network_keys); i++)
		if (is_set(config, "mqtt", network_keys[i]))
			complain(config, errors, "mqtt", network_keys[i],
				"it has no use with socket: set one or the other");
	/* Without tls these would be ignored, and passwords go out in the clear. */
	for (size_t i = 0; !config->mqtt.tls && i < ELEMENTS(tls_keys); i++)
		if (is_set(config, "mqtt", tls_keys[i]))
			complain(config, errors, "mqtt", tls_keys[i], "it needs tls = yes");
	if (is_set(config, "mqtt", "cert_file") && !is_set(config, "mqtt", "key_file"))
		complain(config, errors, "mqtt", "cert_file", "it needs key_file");
	if (is_set(config, "mqtt", "key_file") && !is_set(config, "mqtt", "cert_file"))
		complain(config, errors, "mqtt", "key_file", "it needs cert_file");
}

/* systemd's directory for us, or the one it would give, for who calls a verb by hand. */
static int resolve_state(struct config *config)
{
	const char *directory = getenv("STATE_DIRECTORY");
	char *file;
	int r;

	r = unit_find(config->path, &config->unit, &config->state_directory);
	if (r < 0)
		return r;
	if (directory && *directory == '/') {
		free(config->state_directory);
		/* It may be a list. */
		config->state_directory = strndup(directory, strcspn(directory, ":"));
		if (!config->state_directory)
			return -ENOMEM;
	}
	if (strncmp(config->cache_file, CONFIG_STATE_PREFIX, strlen(CONFIG_STATE_PREFIX)) != 0)
		return 0;
	if (asprintf(&file, "%s/%s", config->state_directory,
		    config->cache_file + strlen(CONFIG_STATE_PREFIX)) < 0)
		return -ENOMEM;
	free((char *)config->cache_file);
	config->cache_file = file;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct config_instance *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order ?: (x->line > y->line) - (x->line < y->line);
}

static int by_alias(const void *a, const void *b)
{
	const struct config_instance *x = *(const struct config_instance *const *)a;
	const struct config_instance *y = *(const struct config_instance *const *)b;
	int order = strcmp(x->alias, y->alias);

	return order ?: (x->line > y->line) - (x->line < y->line);
}

static struct config_place place_of(const struct config *config, const char *section,
	const struct config_instance *instance, const char *key)
{
	return (struct config_place){config->path, instance->line, section, instance->id, key};
}

/* Puts them in order of id; no id is there twice, and no alias is another's alias or id. */
static int check_instances(const struct config *config, struct config_instances *all,
	const char *section, struct config_errors *errors)
{
	_cleanup_free_ const struct config_instance **aliased = NULL;
	const struct config_instance *other;
	struct config_place place;
	size_t n = 0;

	if (all->n == 0)
		return 0;
	aliased = calloc(all->n, sizeof(aliased[0]));
	if (!aliased)
		return -ENOMEM;
	qsort(all->items, all->n, sizeof(all->items[0]), by_id);
	for (const struct config_instance *i = all->items; i < all->items + all->n; i++) {
		if (i > all->items && strcmp(i[-1].id, i->id) == 0) {
			place = place_of(config, section, i, NULL);
			config_errors_add(errors, &place, "this section began in line %u already",
				i[-1].line);
		}
		if (!i->alias)
			continue;
		aliased[n++] = i;
		other = config_find(all, i->alias);
		if (other && strcmp(other->id, i->id) != 0) {
			place = place_of(config, section, i, "alias");
			config_errors_add(errors, &place, "\"%s\" is the id of another in line %u",
				i->alias, other->line);
		}
	}
	qsort(aliased, n, sizeof(aliased[0]), by_alias);
	for (size_t i = 1; i < n; i++)
		if (strcmp(aliased[i - 1]->alias, aliased[i]->alias) == 0) {
			place = place_of(config, section, aliased[i], "alias");
			config_errors_add(errors, &place,
				"\"%s\" is the alias of another in line %u", aliased[i]->alias,
				aliased[i - 1]->line);
		}
	return 0;
}

static void check_served(const struct config *config, struct config_errors *errors)
{
	const struct config_place place = {.path = config->path};

	for (size_t i = 0; i < config->residences.n; i++)
		if (config->residences.items[i].allowed)
			return;
	if (config->residences.n > 0)
		config_errors_add(errors, &place, "no [residence] is enabled: nothing to do");
}

/* Checks what depends on more than one key, and fills in what follows from others. Mistakes are
 * added to errors and are no error here. -ENOMEM. */
int config_check(struct config *config, struct config_errors *errors)
{
	int r;

	r = check_url(config, errors);
	if (r < 0)
		return r;
	r = resolve_state(config);
	if (r < 0)
		return r;
	check_grant(config, errors);
	check_polls(config, errors);
	check_mqtt(config, errors);
	r = check_instances(config, &config->residences, "residence", errors);
	if (r < 0)
		return r;
	r = check_instances(config, &config->doors, "door", errors);
	if (r < 0)
		return r;
	check_served(config, errors);
	for (size_t i = 0; i < config->doors.n; i++)
		if (config->doors.items[i].hold_usec == 0)
			config->doors.items[i].hold_usec = config->door.hold_usec;
	return 0;
}
