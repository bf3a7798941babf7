#include "bridge/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/linkhash.h>

#include "cloud/http.h"

struct names {
	const char *base;
	struct lh_table *residence_by_id; /* values are struct residence_settings */
	struct lh_table *residence_by_alias;
	struct lh_table *relay_by_id; /* values are struct relay_settings */
	struct lh_table *relay_by_alias;
};

static const void *find(struct lh_table *table, const char *key)
{
	void *value;

	return lh_table_lookup_ex(table, key, &value) ? value : NULL;
}

/* settings: of the configuration, which has checked aliases for what a topic level may hold. */
int names_new(struct names **ret, const struct names_settings *settings)
{
	_cleanup_(names_freep) struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	names->base = settings->base_topic;
	names->residence_by_id = lh_kchar_table_new(16, NULL);
	names->residence_by_alias = lh_kchar_table_new(16, NULL);
	names->relay_by_id = lh_kchar_table_new(16, NULL);
	names->relay_by_alias = lh_kchar_table_new(16, NULL);
	if (!names->residence_by_id || !names->residence_by_alias || !names->relay_by_id ||
		!names->relay_by_alias)
		return -ENOMEM;
	for (size_t i = 0; i < settings->n_residences; i++) {
		const struct residence_settings *s = &settings->residences[i];

		if (lh_table_insert(names->residence_by_id, s->id, s) < 0 ||
			(s->alias && lh_table_insert(names->residence_by_alias, s->alias, s) < 0))
			return -ENOMEM;
	}
	for (size_t i = 0; i < settings->n_relays; i++) {
		const struct relay_settings *s = &settings->relays[i];

		if (lh_table_insert(names->relay_by_id, s->id, s) < 0 ||
			(s->alias && lh_table_insert(names->relay_by_alias, s->alias, s) < 0))
			return -ENOMEM;
	}
	*ret = TAKE_PTR(names);
	return 0;
}

struct names *names_free(struct names *names)
{
	if (!names)
		return NULL;
	if (names->residence_by_id)
		lh_table_free(names->residence_by_id);
	if (names->residence_by_alias)
		lh_table_free(names->residence_by_alias);
	if (names->relay_by_id)
		lh_table_free(names->relay_by_id);
	if (names->relay_by_alias)
		lh_table_free(names->relay_by_alias);
	free(names);
	return NULL;
}

/* mqtt.base_topic. */
const char *names_base(const struct names *names)
{
	return names->base;
}

/* What the configuration says of that home; NULL if nothing. */
const struct residence_settings *names_residence(const struct names *names, const char *id)
{
	return find(names->residence_by_id, id);
}

/* What the configuration says of that relay; NULL if nothing. */
const struct relay_settings *names_relay(const struct names *names, const char *id)
{
	return find(names->relay_by_id, id);
}

/* One level of a topic out of an id, whatever the cloud put into it: letters, digits and -._~ as
 * they are, all else as %XX. Different ids stay different, and the id can be read back. */
static int level_make(char **ret, const char *id, const char *alias)
{
	char *level = alias ? strdup(alias) : http_escape(id);

	if (!level)
		return -ENOMEM;
	*ret = level;
	return 0;
}

static int level_of_home(const struct names *names, char **ret, const struct home *home)
{
	const struct residence_settings *s = names_residence(names, home->id);

	return level_make(ret, home->id, s ? s->alias : NULL);
}

/* Below names' base; -ENAMETOOLONG if it does not fit. */
static int topic_print(topic_t ret, const char *base, const char *home, const char *kind,
	const char *thing, const char *rest)
{
	topic_t topic;
	int n = snprintf(topic, sizeof(topic_t), "%s/%s%s%s%s%s/%s", base, home, *kind ? "/" : "",
		kind, *thing ? "/" : "", thing, rest);

	if (n < 0 || n >= (int)sizeof(topic_t))
		return -ENAMETOOLONG;
	memcpy(ret, topic, (size_t)n + 1);
	return 0;
}

/* <base>/bridge/<rest> */
int topic_bridge(const struct names *names, topic_t ret, const char *rest)
{
	return topic_print(ret, names->base, "bridge", "", "", rest);
}

/* <base>/<residence>/<rest> */
int topic_home(const struct names *names, topic_t ret, const struct home *home, const char *rest)
{
	_cleanup_free_ char *level = NULL;
	int r = level_of_home(names, &level, home);

	return r < 0 ? r : topic_print(ret, names->base, level, "", "", rest);
}

/* <base>/<residence>/device/<mac>/<rest>; the MAC in upper case. */
int topic_device(
	const struct names *names, topic_t ret, const struct device *device, const char *rest)
{
	_cleanup_free_ char *level = NULL, *mac = NULL;
	int r;

	r = level_of_home(names, &level, device->home);
	if (r < 0)
		return r;
	r = level_make(&mac, device->mac, NULL);
	if (r < 0)
		return r;
	for (char *c = mac; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return topic_print(ret, names->base, level, "device", mac, rest);
}

/* <base>/<residence>/door/<relay>/<rest> */
int topic_relay(const struct names *names, topic_t ret, const struct relay *relay, const char *rest)
{
	const struct relay_settings *s = names_relay(names, relay->id);
	_cleanup_free_ char *level = NULL, *door = NULL;
	int r;

	r = level_of_home(names, &level, relay->device->home);
	if (r < 0)
		return r;
	r = level_make(&door, relay->id, s ? s->alias : NULL);
	if (r < 0)
		return r;
	return topic_print(ret, names->base, level, "door", door, rest);
}

/* The home that the level of a topic names, by alias or id. A home with an alias is still found by
 * its id. NULL: there is none. */
struct home *names_find_home(
	const struct names *names, const struct cache *cache, const char *level)
{
	const struct residence_settings *s = find(names->residence_by_alias, level);
	_cleanup_free_ char *id = NULL;
	struct home *home;

	if (!s)
		id = http_unescape(level);
	if (!s && !id)
		return NULL;
	home = cache_find(cache, s ? s->id : id);
	return home && !home->gone ? home : NULL;
}

/* The relay of that home which the level names, by alias or id. NULL: there is none, or
 * *ret_ambiguous: there are several, on different devices, so that none is meant for certain. */
struct relay *names_find_relay(
	const struct names *names, const struct home *home, const char *level, bool *ret_ambiguous)
{
	const struct relay_settings *s = find(names->relay_by_alias, level);
	_cleanup_free_ char *id = NULL;

	*ret_ambiguous = false;
	if (!s)
		id = http_unescape(level);
	if (!s && !id)
		return NULL;
	return home_find_relay(home, s ? s->id : id, ret_ambiguous);
}
