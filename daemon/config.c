#include "daemon/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_check.h"
#include "daemon/config_keys.h"
#include "daemon/config_read.h"
#include "daemon/config_value.h"
#include "daemon/secrets.h"

static void instances_free(const struct config_section *section, struct config_instances *all)
{
	while (all->n > 0) {
		struct config_instance *last = &all->items[--all->n];

		config_values_clear(section, last);
		free(last->id);
	}
	free(all->items);
}

static struct config_instances *instances_of(
	const struct config_section *section, const struct config *config)
{
	return (struct config_instances *)((const char *)config + section->offset);
}

/* Wipes the secrets. Takes NULL, returns NULL. */
struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	for (const struct config_section *s = config_sections; s->name; s++)
		if (s->id)
			instances_free(s, instances_of(s, config));
		else
			config_values_clear(s, config);
	secrets_clear(config);
	free(config->state_directory);
	free(config->unit);
	free(config->path);
	free(config);
	return NULL;
}

static int new_config(struct config **ret, const char *path)
{
	_cleanup_(config_freep) struct config *config = calloc(1, sizeof(*config));
	int r;

	if (!config)
		return -ENOMEM;
	config->path = strdup(path);
	if (!config->path)
		return -ENOMEM;
	for (const struct config_section *s = config_sections; s->name; s++) {
		r = s->id ? 0 : config_values_default(s, config);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(config);
	return 0;
}

/* Reads and checks a configuration file, but not the files with secrets: for these see
 * secrets_load(). The caller frees *ret. errors is a fresh one, and the caller's to free: unless
 * memory is out, it tells each mistake in one line. -EINVAL: there are mistakes; other errno: the
 * file cannot be read. */
int config_load(struct config **ret, const char *path, struct config_errors *errors)
{
	_cleanup_(config_freep) struct config *config = NULL;
	int r;

	r = new_config(&config, path);
	if (r < 0)
		return r;
	r = config_read(config, errors);
	if (r < 0)
		return r;
	r = config_check(config, errors);
	if (r < 0)
		return r;
	if (errors->n + errors->dropped > 0)
		return -EINVAL;
	*ret = TAKE_PTR(config);
	return 0;
}

static bool is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcasecmp(host, "localhost") == 0;
}

/* Adds lines about what is allowed, but should be known: for the log at each start. */
void config_warnings(const struct config *config, struct config_errors *ret)
{
	struct config_place place;

	if (!config->mqtt.tls && !is_loopback(config->mqtt.host)) {
		place = config_place(config, "mqtt", "host");
		config_errors_add(ret, &place,
			"the broker is on another machine and tls is off: whoever is on the "
			"network between can read everything and open the doors");
	}
	if (config->publish_secrets) {
		place = config_place(config, "privacy", "publish_secrets");
		config_errors_add(ret, &place,
			"whoever may read the broker gets the codes of temporary keys");
	}
}

static bool instances_equal(const struct config_section *section, const struct config_instances *a,
	const struct config_instances *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->items[i].id, b->items[i].id) != 0)
			return false;
		for (const struct config_key *k = section->keys; k->name; k++)
			if (!config_value_equal(k, &a->items[i], &b->items[i]))
				return false;
	}
	return true;
}

/* What taking b in place of a means: bits of enum config_change, 0 if they are the same. */
unsigned config_changes(const struct config *a, const struct config *b)
{
	unsigned changes = secrets_changes(a, b);

	for (const struct config_section *s = config_sections; s->name; s++) {
		if (s->id) {
			if (!instances_equal(s, instances_of(s, a), instances_of(s, b)))
				changes |= CONFIG_CHANGED | CONFIG_CHANGED_HOMES;
			continue;
		}
		for (const struct config_key *k = s->keys; k->name; k++)
			if (!config_value_equal(k, a, b))
				changes |= CONFIG_CHANGED | (k->flags & CONFIG_CHANGED_MASK);
	}
	return changes;
}

static int compare_id(const void *id, const void *instance)
{
	return strcmp(id, ((const struct config_instance *)instance)->id);
}

/* The section of that id, borrowed; NULL: there is none. */
const struct config_instance *config_find(const struct config_instances *all, const char *id)
{
	if (all->n == 0)
		return NULL;
	return bsearch(id, all->items, all->n, sizeof(all->items[0]), compare_id);
}

/* Without any [residence] section all are served. */
bool config_serves(const struct config *config, const char *residence_id)
{
	const struct config_instance *residence = config_find(&config->residences, residence_id);

	return config->residences.n == 0 || (residence && residence->allowed);
}

/* Where the tokens are kept; the caller frees it. NULL: nowhere, or no memory. */
char *config_token_file(const struct config *config)
{
	char *file;

	if (!config->state_directory ||
		asprintf(&file, "%s/token.json", config->state_directory) < 0)
		return NULL;
	return file;
}
